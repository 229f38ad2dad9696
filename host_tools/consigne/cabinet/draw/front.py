"""The places of a cabinet's doors, and its front drawn for a terminal; ``frontsvg`` draws it to scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from rich.console import Group
from rich.text import Text

from consigne.protocol.names import SIZES
from consigne.words import counted

from ..document import Compartment, Front
from ..model import Cabinet, reed_bank
from ..schema import HEIGHTS_CM, REACH_CM, TABLES

TERMINAL_HEIGHT_CM = 60.0
_ROW_CM = 6.0  # centimetres of a line in the terminal
_COLUMN_WIDTH, _WIRING_WIDTH = 13, 20
_RULER = 5  # characters of "150 " and its tick, left of the front
_TICK_CM = 30
_LOW_STYLE, _HIGH_STYLE, _TERMINAL_STYLE, _LINE_STYLE = "bold green", "bold", "bold cyan", "dim"
# By the sides on which a line leaves: 1 up, 2 right, 4 down, 8 left.
_JOINTS = " ╵╶└╷│┌├╴┘─┴┐┤┬┼"
_UP, _RIGHT, _DOWN, _LEFT = 1, 2, 4, 8


@dataclass(frozen=True)
class Cell:
    """A door's place; heights in cm above the floor."""

    number: str
    size: str
    column: int
    bottom: float

    @property
    def top(self) -> float:
        return self.bottom + HEIGHTS_CM[self.size]

    @property
    def is_low(self) -> bool:
        """The handle, in the middle of the door, can be reached from a wheelchair."""
        return (self.bottom + self.top) / 2 <= REACH_CM

    def touches(self, other: "Cell") -> bool:
        """Whether they share an edge."""
        if self.column == other.column:
            return self.top == other.bottom or other.top == self.bottom
        beside = abs(self.column - other.column) == 1
        return beside and self.bottom < other.top and other.bottom < self.top


def cells(compartments: Sequence[Compartment]) -> list[Cell]:
    """The places of all doors, in their order."""
    return [Cell(door["number"], door["size"], door["column"], door["bottom_cm"]) for door in compartments]


@dataclass(frozen=True)
class Places:
    """The places of all things on a front, used by every drawing of it.

    Heights in cm above the floor, columns from 1 at the left.  ``terminal``: its column, lower and upper
    edge; None if it stands apart from the doors.
    """

    doors: tuple[Cell, ...]
    terminal: tuple[int, float, float] | None
    width_cm: float

    @property
    def columns(self) -> int:
        return max(self.terminal[0] if self.terminal else 0, *(door.column for door in self.doors))

    @property
    def low(self) -> float:
        """The lowest edge of a door."""
        return min(door.bottom for door in self.doors)

    @property
    def high(self) -> float:
        """The highest edge of a door or of the terminal."""
        return max(self.terminal[2] if self.terminal else 0.0, *(door.top for door in self.doors))


def front_of(cabinet: Cabinet) -> Front:
    """The file's table for the front, or the defaults of that table."""
    usual = {key: field.default for key, field in TABLES["front"].items()}
    return cabinet.data.get("front") or cast(Front, usual)


def places(cabinet: Cabinet) -> Places:
    """Where the doors and the terminal of a cabinet stand."""
    front = front_of(cabinet)
    terminal = None
    if front["terminal_column"]:
        low = front["terminal_cm"]
        terminal = front["terminal_column"], low, low + TERMINAL_HEIGHT_CM
    return Places(tuple(cells(cabinet.compartments)), terminal, front["width_cm"])


def wiring_words(door: Compartment) -> str:
    """The wiring of a door's lock and sensor, short enough to fit into the door."""
    lock, reed = f"{door['on']} {door['lock']}", f"{reed_bank(door)} {door['reed']}"
    if lock == reed:
        return lock
    return f"{lock}/{door['reed']}" if reed_bank(door) == door["on"] else f"{lock} {reed}"


def summary(cabinet: Cabinet) -> str:
    """One line: how many doors of which size, and how many can be reached from a wheelchair."""
    placed = cells(cabinet.compartments)
    sizes = ", ".join(
        f"{count} {size}" for size in SIZES.values() if (count := sum(cell.size == size for cell in placed))
    )
    low = sum(cell.is_low for cell in placed)
    return f"{counted(len(placed), 'door')}: {sizes}; {low} low: handle at {REACH_CM:g} cm or below"


@dataclass(frozen=True)
class _Box:
    """A door, or the terminal, as it is drawn; heights in cm above the floor."""

    column: int
    bottom: float
    top: float
    words: str
    style: str


def terminal_text(cabinet: Cabinet, width: int = 80, with_wiring: bool = False) -> Group:
    """The front for Rich: a box for each door with its number and size; low doors are green and say so.

    A ruler at the left has heights above the floor.  Columns that do not fit beside one another into
    ``width`` characters follow below.  ``with_wiring``: show lock and sensor instead of size and "low".
    """
    boxes = _boxes(cabinet, with_wiring)
    columns = max(box.column for box in boxes)
    each = _WIRING_WIDTH if with_wiring else _COLUMN_WIDTH
    at_once = max(1, (width - 1 - _RULER) // each)
    lines: list[Text] = []
    for first in range(1, columns + 1, at_once):
        strip = [box for box in boxes if first <= box.column < first + at_once]
        lines += _Strip(strip, first, min(at_once, columns + 1 - first), each).lines()
    return Group(*lines, Text(summary(cabinet)))


def _boxes(cabinet: Cabinet, with_wiring: bool) -> list[_Box]:
    boxes = []
    front = places(cabinet)
    for cell, door in zip(front.doors, cabinet.compartments, strict=True):
        more = wiring_words(door) if with_wiring else f"{cell.size}{' low' if cell.is_low else ''}"
        style = _LOW_STYLE if cell.is_low else _HIGH_STYLE
        boxes.append(_Box(cell.column, cell.bottom, cell.top, f"{cell.number} {more}", style))
    if front.terminal:
        boxes.append(_Box(*front.terminal, "terminal", _TERMINAL_STYLE))
    return boxes


class _Strip:
    """Some adjacent columns, from the highest edge to the lowest."""

    def __init__(self, boxes: list[_Box], first: int, columns: int, each: int) -> None:
        self._high = max((box.top for box in boxes), default=0.0)
        self._low = min((box.bottom for box in boxes), default=0.0)
        self._rows = round((self._high - self._low) / _ROW_CM)
        self._each = each
        width = columns * each + 1
        self._sides = [[0] * width for _ in range(self._rows + 1)]
        self._words: dict[tuple[int, int], tuple[str, str]] = {}
        for box in boxes:
            self._draw(box, (box.column - first) * each)

    def _row(self, height_cm: float) -> int:
        return self._rows - round((height_cm - self._low) / _ROW_CM)

    def _draw(self, box: _Box, left: int) -> None:
        upper, lower, right = self._row(box.top), self._row(box.bottom), left + self._each
        for x in range(left, right):
            for y in (upper, lower):
                self._sides[y][x] |= _RIGHT
                self._sides[y][x + 1] |= _LEFT
        for y in range(upper, lower):
            for x in (left, right):
                self._sides[y][x] |= _DOWN
                self._sides[y + 1][x] |= _UP
        self._words[(upper + lower) // 2, left + 2] = (box.words[: self._each - 3], box.style)

    def lines(self) -> list[Text]:
        out = []
        ticks = {self._row(cm): cm for cm in range(0, round(self._high) + 1, _TICK_CM) if cm >= self._low}
        for y, sides in enumerate(self._sides):
            ruler = f"{ticks[y]:3} ╴" if y in ticks else " " * _RULER
            line = Text(ruler + "".join(_JOINTS[side] for side in sides), style=_LINE_STYLE)
            for (row, x), (words, style) in self._words.items():
                if row == y:
                    start = _RULER + x
                    line = line[:start] + Text(words, style=style) + line[start + len(words) :]
            line.rstrip()
            out.append(line)
        return out
