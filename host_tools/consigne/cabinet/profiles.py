"""Controller boards: what each pin can do and what it does by itself (``hardware/boards/*.toml``)."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent


def hardware_dir() -> Path:
    """The directory with ``boards`` and ``cabinets``: of the checkout, or of the wheel."""
    for candidate in (_HERE.parents[2] / "hardware", _HERE.parent / "_hardware"):
        if (candidate / "boards").is_dir():
            return candidate
    raise FileNotFoundError("the board profiles are neither beside this package nor in it")


@dataclass(frozen=True)
class Profile:
    """One board.

    ``pins``: on its headers.  ``taken``: pin -> what the board itself uses it for.  ``strapping``: pin ->
    the level it must have at reset, "low", "high" or "any".  ``glitch``: pin -> what it does at
    power-up before the firmware runs.  ``ethernet``: how its Ethernet chip is wired, in the words of the
    device's ``network``; empty without one.  ``milliamps_5v``: what it draws at most.
    """

    name: str
    title: str
    chip: str
    pins: frozenset[int]
    flash: frozenset[int]
    psram: frozenset[int]
    input_only: frozenset[int]
    taken: dict[int, str]
    strapping: dict[int, str]
    glitch: dict[int, str]
    adc1: frozenset[int]
    adc2: frozenset[int]
    uarts: tuple[int, ...]
    i2c: tuple[int, ...]
    rmt_channels: int
    network: tuple[str, ...]
    ethernet: dict[str, Any]
    milliamps_5v: int
    source: str


@cache
def profiles() -> dict[str, Profile]:
    """Every profile by its name."""
    return {path.stem: load(path) for path in sorted((hardware_dir() / "boards").glob("*.toml"))}


def load(path: Path) -> Profile:
    """The profile in one file; ``KeyError`` when a key is missing."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return Profile(
        name=path.stem,
        title=raw["title"],
        chip=raw["chip"],
        pins=frozenset(raw["pins"]),
        flash=frozenset(raw["flash"]),
        psram=frozenset(raw["psram"]),
        input_only=frozenset(raw["input_only"]),
        taken=_by_pin(raw["taken"]),
        strapping=_by_pin(raw["strapping"]),
        glitch=_by_pin(raw["glitch"]),
        adc1=frozenset(raw["adc1"]),
        adc2=frozenset(raw["adc2"]),
        uarts=tuple(raw["uarts"]),
        i2c=tuple(raw["i2c"]),
        rmt_channels=raw["rmt_channels"],
        network=tuple(raw["network"]),
        ethernet=raw.get("ethernet", {}),
        milliamps_5v=raw["milliamps_5v"],
        source=raw["source"],
    )


def _by_pin(table: dict[str, str]) -> dict[int, str]:
    return {int(pin): text for pin, text in table.items()}
