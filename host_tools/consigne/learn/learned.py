"""What the wizard has learned; saved beside the cabinet file, so that a run can be continued."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from locker.configlines import CHAINS

from consigne.cabinet.document import Document
from consigne.cabinet.model import KINDS
from consigne.commandline import infile

BAUD_OF_MODBUS = 9600
BYTES_MAX = 4_000_000  # of the data of an earlier run

Spot = tuple[str, int]
"""A channel: the device's name of its bank (``"8a@1:2"``, ``"mcp23017@0:32"``, ``"gpio"``) and a number."""

DOOR, BLIND, SILENT, MANY, NO_DOOR = "door", "blind", "silent", "many", "no door"
"""Results of opening a lock: a door and its sensor; a door whose sensor did not move; nothing; several at
once; a sensor moved but no door opened."""


@dataclass(frozen=True)
class FoundBoard:
    """A lock board that answered; ``inputs`` as many as it reports."""

    kind: str
    uart: int
    address: int
    inputs: int

    @property
    def name(self) -> str:
        return f"{self.kind}@{self.uart}:{self.address}"

    @property
    def baud(self) -> int:
        return KINDS[self.kind].baud or BAUD_OF_MODBUS

    @property
    def locks(self) -> int:
        """Channels that may carry a lock."""
        return min(KINDS[self.kind].locks, self.inputs)


@dataclass(frozen=True)
class FoundChip:
    """An expander that answered on I2C."""

    kind: str
    bus: int
    address: int

    @property
    def name(self) -> str:
        return f"{self.kind}@{self.bus}:{self.address}"


@dataclass(frozen=True)
class Tried:
    """One lock that was opened.

    ``reeds``: the sensor that moved, once for each possible order of its bank's inputs; ``closed_level``: its
    level while the door was shut.
    """

    lock: Spot
    outcome: str
    number: str = ""
    reeds: tuple[Spot | None, ...] = ()
    closed_level: int = 0


@dataclass(frozen=True)
class FoundDoor:
    """A door for the cabinet file; ``order`` is the index of the right entry of ``Tried.reeds``."""

    number: str
    lock: Spot
    reed: Spot
    closed_level: int
    order: int


class TriedJson(TypedDict):
    """``Tried`` as JSON keeps it."""

    lock: list[Any]
    outcome: str
    number: str
    reeds: list[list[Any] | None]
    closed_level: int


class NotOurs(ValueError):
    """The file of learned data does not fit; the text says why and what to do."""


@dataclass
class Progress:
    """All that was learned; ``save`` writes it at once and completely."""

    file: Path
    wiring: Document
    boards: list[FoundBoard] | None = None
    chips: list[FoundChip] = field(default_factory=list)
    tried: dict[Spot, Tried] = field(default_factory=dict)
    opens: int = 0

    @classmethod
    def beside(cls, cabinet_file: Path, wiring: Document) -> "Progress":
        """Load the data of an earlier run, or start empty.  Raises ``NotOurs`` for another controller's."""
        file = cabinet_file.with_suffix(".learned.json")
        out = cls(file, wiring)
        if not file.exists():
            return out
        try:
            raw = json.loads(infile.read(file, BYTES_MAX))
            known = raw["wiring"]
            boards = raw["boards"]
            out.boards = None if boards is None else [FoundBoard(**entry) for entry in boards]
            out.chips = [FoundChip(**entry) for entry in raw["chips"]]
            out.tried = {entry.lock: entry for entry in map(_tried, raw["tried"])}
            out.opens = raw["opens"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise NotOurs(f"{file} is damaged ({error}): remove it to begin again") from None
        if known != wiring:
            raise NotOurs(f"{file} was learned with other wiring of the controller: remove it to begin again")
        return out

    def save(self) -> None:
        """Write a new file, then rename it: a crash leaves the old file or the new one."""
        raw = {
            "wiring": self.wiring,
            "boards": None if self.boards is None else [asdict(board) for board in self.boards],
            "chips": [asdict(chip) for chip in self.chips],
            "tried": [vars(entry) for entry in self.tried.values()],
            "opens": self.opens,
        }
        beside = self.file.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(raw))
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self.file)

    def note(self, entry: Tried) -> None:
        self.tried[entry.lock] = entry
        self.save()

    def count(self) -> None:
        """A lock was opened."""
        self.opens += 1
        self.save()

    def forget(self, lock: Spot) -> None:
        """Forget a result: the lock must be opened again."""
        del self.tried[lock]
        self.save()

    @property
    def numbered(self) -> list[Tried]:
        """The doors, in the order in which they were found."""
        return [entry for entry in self.tried.values() if entry.outcome in (DOOR, BLIND)]

    def of_number(self, number: str) -> Tried | None:
        return next((entry for entry in self.numbered if entry.number == number), None)

    def is_reversed(self, bank: str) -> bool:
        """Whether a board sends its last locks first: then more sensors are at their lock's number."""
        own = [e for e in self.numbered if e.lock[0] == bank and len(e.reeds) == 2]
        return sum(e.reeds[1] == e.lock for e in own) > sum(e.reeds[0] == e.lock for e in own)

    def doors(self) -> list[FoundDoor]:
        """The doors with their true sensors, by number."""
        out = []
        for entry in self.numbered:
            reed = self._reed(entry)
            if reed is not None:
                spot, order = reed
                out.append(FoundDoor(entry.number, entry.lock, spot, self._closed_level(entry), order))
        return sorted(out, key=lambda door: by_number(door.number))

    def _reed(self, entry: Tried) -> tuple[Spot, int] | None:
        if entry.outcome == BLIND:  # on a lock board lock and sensor of a channel are one plug
            order = int(self.is_reversed(entry.lock[0]))
            return None if is_shared(entry.lock[0]) else (entry.lock, order)
        bank = next(spot[0] for spot in entry.reeds if spot is not None)
        order = int(len(entry.reeds) == 2 and self.is_reversed(bank))
        spot = entry.reeds[order]
        return None if spot is None else (spot, order)

    def _closed_level(self, entry: Tried) -> int:
        """For a sensor that did not move, the level of the others of its bank."""
        if entry.outcome == DOOR:
            return entry.closed_level
        others = [e.closed_level for e in self.numbered if e.outcome == DOOR and e.lock[0] == entry.lock[0]]
        return int(2 * sum(others) > len(others))

    def troubles(self) -> Iterator[str]:
        """Problems to look at, in a technician's words."""
        last = {e.lock[0]: e.lock[1] for e in sorted(self.numbered, key=lambda e: e.lock[1])}
        for entry in self.tried.values():
            where = in_words(entry.lock)
            if entry.outcome == BLIND:
                yield (
                    f"door {entry.number} ({where}) opened and no sensor moved: "
                    "mend its sensor and the wire to it"
                )
            elif entry.outcome == MANY:
                yield (
                    f"{where} moves several doors: look for locks wired together, "
                    "or two boards with one address"
                )
            elif entry.outcome == NO_DOOR:
                yield f"{where} moved a sensor and no door: look at the lock, or the magnet of the sensor"
            elif entry.outcome == SILENT and entry.lock[1] < last.get(entry.lock[0], -1):
                yield f"{where} moved nothing: no door is there, or its lock did not spring"
        numbers = {entry.number for entry in self.numbered}
        if numbers and all(number.isdigit() for number in numbers):
            gaps = [str(n) for n in range(1, max(map(int, numbers)) + 1) if str(n) not in numbers]
            if gaps:
                yield f"no door has the number {', '.join(gaps)}"


def _tried(raw: TriedJson) -> Tried:
    reeds = tuple(None if spot is None else (spot[0], spot[1]) for spot in raw["reeds"])
    lock = raw["lock"][0], raw["lock"][1]
    return Tried(lock, raw["outcome"], raw["number"], reeds, raw["closed_level"])


def is_shared(bank: str) -> bool:
    """Whether a channel is a lock or a sensor: so on pins and expanders, not on lock boards."""
    return bank.partition("@")[0] not in KINDS


def by_number(number: str) -> tuple[int, str]:
    """Sort key for numbers as people sort them: 2 before 10, other texts last."""
    return (int(number), "") if number.isdigit() else (1 << 30, number)


def in_words(spot: Spot) -> str:
    """A channel in a technician's words."""
    bank, channel = spot
    if bank == "gpio":
        return f"pin {channel}"
    kind, _, place = bank.partition("@")
    if kind in CHAINS:
        return f"shift registers at pin {place}, output {channel}"
    number = int(place.partition(":")[2])
    if kind in KINDS:
        return f"{kind} board {number}, channel {channel}"
    port = f"GP{'AB'[channel // 8]}{channel % 8}" if kind == "mcp23017" else f"P{channel}"
    return f"expander 0x{number:02x}, {port}"
