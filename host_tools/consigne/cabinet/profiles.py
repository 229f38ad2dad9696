"""Controller boards: what each pin can do, and does before the firmware (``hardware/boards/*.toml``)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .chips import CHIPS, Chip
from .document import EthernetWiring

_HERE = Path(__file__).resolve().parent


def hardware_dir() -> Path:
    """The directory with ``boards`` and ``cabinets``: of the checkout, or of the wheel."""
    for candidate in (_HERE.parents[2] / "hardware", _HERE.parent / "_hardware"):
        if (candidate / "boards").is_dir():
            return candidate
    raise FileNotFoundError("the board profiles are neither beside this package nor in it")


@dataclass(frozen=True)
class Profile:
    """One board, as it is ordered.

    ``module``: the module with the chip, with ``flash_mb`` and ``psram_mb`` megabytes; ``psram``: how the
    PSRAM is wired, "" for none.  ``pins``: on its headers.  ``taken``: pin -> what the board itself uses it
    for.  ``wired``: pin -> the keys of a cabinet file that it may serve, where the board has wired it to a
    part.  ``strapping``: pin -> the level it must have at reset, "low", "high" or "any".  ``glitch``: pin ->
    its behaviour at power-up before the firmware runs.  ``ethernet``: how its Ethernet chip is wired, in the
    words of the device's ``network``; None without one.  ``terminals``: pin -> the text printed at its screw
    terminal, if not its number.  ``addresses``: of its own parts on I2C -> their descriptions.  ``aboard``:
    parts of ``parts.toml`` that it has itself, so that nobody buys or wires them.  ``milliamps_5v``: the most
    it draws, including these parts.  ``header``: "GPIO4" or a rail -> where it is led out, as "J3-13"; empty
    where it is not documented.
    """

    name: str
    title: str
    chip: Chip
    module: str
    flash_mb: int
    psram_mb: int
    psram: str
    pins: frozenset[int]
    taken: dict[int, str]
    wired: dict[int, tuple[str, ...]]
    strapping: dict[int, str]
    glitch: dict[int, str]
    uarts: tuple[int, ...]
    i2c: tuple[int, ...]
    network: tuple[str, ...]
    ethernet: EthernetWiring | None
    terminals: dict[int, str]
    addresses: dict[int, str]
    aboard: frozenset[str]
    milliamps_5v: int
    source: str
    header: dict[str, str]

    @property
    def image(self) -> str:
        """The official MicroPython image for it; "" when it needs one that is built with ROMFS."""
        return self.chip.image(self.psram)

    @property
    def own_pins(self) -> dict[int, str]:
        """Pins of the board's Ethernet chip -> their functions."""
        wired = {key: pin for key, pin in (self.ethernet or {}).items() if key in ETHERNET_PINS}
        return {
            pin: self.taken.get(pin, f"the Ethernet chip's {key}")
            for key, pin in wired.items()
            if isinstance(pin, int) and pin >= 0
        }


ETHERNET_PINS = ("mdc", "mdio", "power", "ref_clk", "sck", "mosi", "miso", "cs", "int", "reset")
"""Keys of ``ethernet`` that name a pin."""


@cache
def profiles() -> dict[str, Profile]:
    """Every profile by its name."""
    return {path.stem: load(path) for path in sorted((hardware_dir() / "boards").glob("*.toml"))}


def is_profile(raw: Mapping[str, object]) -> bool:
    """Whether a file's tables are a profile's: keys that no cabinet file has and each profile must have."""
    return {"chip", "module", "pins", "taken"} <= raw.keys()


def load(path: Path) -> Profile:
    """The profile in one file; ``KeyError`` when a key is missing."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return Profile(
        name=path.stem,
        title=raw["title"],
        chip=CHIPS[raw["chip"]],
        module=raw["module"],
        flash_mb=raw["flash_mb"],
        psram_mb=raw["psram_mb"],
        psram=raw.get("psram", ""),
        pins=frozenset(raw["pins"]),
        taken=_by_pin(raw["taken"]),
        wired={pin: tuple(keys.split(", ")) for pin, keys in _by_pin(raw.get("wired", {})).items()},
        strapping=_by_pin(raw["strapping"]),
        glitch=_by_pin(raw["glitch"]),
        uarts=tuple(raw["uarts"]),
        i2c=tuple(raw["i2c"]),
        network=tuple(raw["network"]),
        ethernet=raw.get("ethernet"),
        terminals=_by_pin(raw.get("terminals", {})),
        addresses={int(address, 0): what for address, what in raw.get("addresses", {}).items()},
        aboard=frozenset(raw.get("aboard", ())),
        milliamps_5v=raw["milliamps_5v"],
        source=raw["source"],
        header=_places(raw["header"]) if "header" in raw else {},
    )


def _places(name: str) -> dict[str, str]:
    """ "GPIO4" or a rail -> the first place where it is led out."""
    headers = tomllib.loads((hardware_dir() / "headers.toml").read_text(encoding="utf-8"))[name]
    out: dict[str, str] = {}
    for header, ends in headers.items():
        for number, end in enumerate(ends, 1):
            out.setdefault(f"GPIO{end}" if isinstance(end, int) else end, f"{header}-{number}")
    return out


def _by_pin(table: dict[str, str]) -> dict[int, str]:
    return {int(pin): text for pin, text in table.items()}
