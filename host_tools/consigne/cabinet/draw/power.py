"""Bill of materials and power budget of one cabinet file."""

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from locker.configlines import EXPANDERS

from ..model import Cabinet
from ..profiles import hardware_dir
from ..senses import lights

CONVERTER_EFFICIENCY = 0.85  # supply to 5 V, of a small buck converter at half load
CONVERTED_VOLTS = 5.0
_PANEL: tuple[Literal["display", "keypad", "scanner"], ...] = ("display", "keypad", "scanner")


@dataclass(frozen=True)
class Item:
    """One line of the bill: count, part, purpose, and the current that each draws."""

    part: str
    title: str
    count: int
    used_for: str
    volts: float
    milliamps: float


@dataclass(frozen=True)
class Load:
    """One line of the budget; ``amps`` at the supply."""

    title: str
    amps: float


@dataclass(frozen=True)
class Budget:
    """``amps``: the current from the supply while one coil is energised; never two at a time."""

    loads: tuple[Load, ...]

    @property
    def amps(self) -> float:
        return sum(load.amps for load in self.loads)


class _Known(NamedTuple):
    """A part of ``parts.toml``; the current it draws, and at which voltage."""

    title: str
    volts: float
    milliamps: float


@cache
def _parts() -> dict[str, _Known]:
    raw = tomllib.loads((hardware_dir() / "parts.toml").read_text(encoding="utf-8"))
    return {name: _Known(part["title"], part["volts"], part["milliamps"]) for name, part in raw.items()}


def part_item(part: str, count: int, used_for: str, title: str = "") -> Item:
    """A line of the bill for a part of ``parts.toml``."""
    known = _parts()[part]
    return Item(part, title or known.title, count, used_for, known.volts, known.milliamps)


def _by_kind(part: str, kind: str) -> str:
    """The name in parts.toml of a part of the panel: that of its kind, if the kind is a part of its own."""
    return kind if kind in _parts() else part


def has_shifter(cabinet: Cabinet) -> bool:
    """Whether a level shifter stands before the display."""
    display = cabinet.data["display"]
    return bool(display["kind"] == "hd44780" and display["shifter"])


def bill(cabinet: Cabinet) -> list[Item]:
    """Every part of the cabinet's electrics, those with a count of 0 left out."""
    data, doors = cabinet.data, cabinet.compartments
    boards = {board["name"]: board for board in data["lock_board"]}
    own = sum(1 for door in doors if door["on"] not in boards)
    locks, supply = data["locks"], data["supply"]
    items = [
        Item("board", f"Controller {cabinet.board.title}", 1, "controller", 5.0, cabinet.board.milliamps_5v),
        part_item("supply", 1, "all", f"Power supply {supply['volts']:g} V, {supply['amps']:g} A, protected"),
        part_item("fuse", 1, "supply"),
        part_item("polarity", 1, "supply"),
        part_item("converter", 1, "controller, panel"),
        part_item("lock", len(doors), "doors", f"Electric lock {locks['volts']:g} V, {locks['amps']:g} A"),
        part_item("diode", own, "coils that the controller drives"),
        part_item("driver", own, "coils that the controller drives"),
        part_item("arming", 1 if own else 0, "in series with those coils"),
        part_item("reed", len(doors), "doors"),
        *(
            part_item(kind, sum(e["kind"] == kind for e in data["expander"]),
                  ", ".join(e["name"] for e in data["expander"] if e["kind"] == kind))
            for kind in EXPANDERS
        ),
        *(part_item(c["kind"], c["chips"], c["name"]) for c in data["shift_register"]),
        part_item("transceiver", sum(w["de"] >= 0 for w in data["rs485"]), "wires to lock boards"),
        part_item("transceiver_auto", sum(w["de"] < 0 for w in data["rs485"]), "wires to lock boards"),
        *(
            part_item("lock_board", sum(b["kind"] == kind for b in boards.values()),
                  ", ".join(n for n, b in boards.items() if b["kind"] == kind), f"Lock board, family {kind}")
            for kind in sorted({board["kind"] for board in boards.values()})
        ),
        *(part_item(_by_kind(part, data[part]["kind"]), 1, "panel") for part in _PANEL),
        part_item("buzzer", 1, "panel"),
        part_item("lamp", 1, "panel"),
        part_item("shifter", int(has_shifter(cabinet)), "display"),
        part_item("clock", int("clock" in data), "time without a network"),
        part_item("w5500", int("ethernet" in data), "network"),
        part_item("tamper", int("tamper" in data), "service lid"),
        part_item("mains", int("mains" in data), "knows when the mains are gone"),
        part_item("light", max(lights(cabinet)) + 1 if "strip" in data else 0, "show the door"),
    ]  # fmt: skip
    return [item for item in items if item.count and item.part not in cabinet.board.aboard]


def budget(cabinet: Cabinet) -> Budget:
    """The loads of the supply at the worst moment: one coil, the radio at full power, all lights on."""
    volts = cabinet.data["supply"]["volts"]
    loads = [Load("one coil", cabinet.data["locks"]["amps"])]
    for item in bill(cabinet):
        amps = item.count * item.milliamps / 1000
        if not amps:
            continue
        if item.volts <= CONVERTED_VOLTS:
            # 3.3 V comes from a linear regulator: the same current at 5 V.
            amps *= CONVERTED_VOLTS / (volts * CONVERTER_EFFICIENCY)
        count = f"{item.count} x " if item.count > 1 else ""
        loads.append(Load(f"{count}{item.title}", amps))
    return Budget(tuple(loads))
