"""The front of a cabinet: which door stands where, drawn for a terminal and as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from rich.console import Group
from rich.text import Text

from .model import Cabinet
from .schema import HEIGHTS_CM, REACH_CM

TERMINAL_HEIGHT_CM = 60.0
_ROW_CM = 6.0  # of a line in the terminal
_COLUMN_WIDTH = 13
_PX = 4.0  # to a centimetre


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


def cells(compartments: Sequence[dict[str, Any]]) -> list[Cell]:
    """The places of all doors, in their order."""
    return [Cell(door["number"], door["size"], door["column"], door["bottom_cm"]) for door in compartments]


def terminal_text(cabinet: Cabinet, width: int = 80) -> Group:
    """The front for Rich: a box for each door with its number and size; low doors are marked.

    Columns that do not fit beside one another into ``width`` characters follow below.
    """
    placed = cells(cabinet.compartments)
    boxes = [(c.column, c.bottom, c.top, f"{c.number} {c.size}{' low' if c.is_low else ''}") for c in placed]
    front = cabinet.data.get("front")
    if front and front["terminal_column"]:
        low = front["terminal_cm"]
        boxes.append((front["terminal_column"], low, low + TERMINAL_HEIGHT_CM, "terminal"))
    columns = max(column for column, _, _, _ in boxes)
    at_once = max(1, (width - 1) // _COLUMN_WIDTH)
    lines: list[str] = []
    for first in range(1, columns + 1, at_once):
        strip = [box for box in boxes if first <= box[0] < first + at_once]
        lines += _strip(strip, first, min(at_once, columns + 1 - first))
    words = f"{len(placed)} doors; low: handle at {REACH_CM:g} cm or below"
    return Group(*(Text(line) for line in lines), Text(words))


def _strip(boxes: list[tuple[int, float, float, str]], first: int, columns: int) -> list[str]:
    """Some columns beside one another, from the highest edge to the lowest."""
    if not boxes:
        return []
    high, low = max(box[2] for box in boxes), min(box[1] for box in boxes)
    rows = round((high - low) / _ROW_CM)
    canvas = [[" "] * (columns * _COLUMN_WIDTH + 1) for _ in range(rows + 1)]
    for column, bottom, top, label in boxes:
        upper, lower = rows - round((top - low) / _ROW_CM), rows - round((bottom - low) / _ROW_CM)
        _box(canvas, upper, lower, (column - first) * _COLUMN_WIDTH, label)
    return ["".join(row).rstrip() for row in canvas]


def _box(canvas: list[list[str]], upper: int, lower: int, left: int, label: str) -> None:
    """A box of two rows or more; where boxes share an edge the corner stays."""
    right = left + _COLUMN_WIDTH
    for y in range(upper, lower + 1):
        for x in (left, right):
            is_corner = y in (upper, lower) or canvas[y][x] == "+"
            canvas[y][x] = "+" if is_corner else "|"
    for y in (upper, lower):
        for x in range(left + 1, right):
            canvas[y][x] = "-"
    for x, letter in enumerate(label[: _COLUMN_WIDTH - 3], left + 2):
        canvas[(upper + lower) // 2][x] = letter


def svg(cabinet: Cabinet) -> str:
    """The front as an SVG document, to scale: 4 px to a centimetre, the floor at the bottom."""
    placed = cells(cabinet.compartments)
    front = cabinet.data.get("front") or {"width_cm": 45.0, "terminal_column": 0, "terminal_cm": 90.0}
    width = max(cell.column for cell in placed) * front["width_cm"]
    top = front["terminal_cm"] + TERMINAL_HEIGHT_CM if front["terminal_column"] else 0.0
    high = max(top, *(cell.top for cell in placed)) + 4
    margin = 70 / _PX
    size = f'width="{(width + 2 * margin) * _PX:g}" height="{(high + 8) * _PX:g}"'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="16">',
        f"<title>{escape(cabinet.data['name'])}: the front</title>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    lowest = min(cell.bottom for cell in placed)
    out.append(
        f'<rect x="{(margin - 3) * _PX:g}" y="{_PX:g}" width="{(width + 6) * _PX:g}" '
        f'height="{(high - lowest + 2) * _PX:g}" fill="#c9ccd1" stroke="#666"/>'
    )
    for cell in placed:
        fill = "#dcecf7" if cell.is_low else "#f4f4f2"
        label = f"{cell.number} <tspan font-size='11' fill='#555'>{cell.size}</tspan>"
        out.append(
            _rectangle(margin, front["width_cm"], high, cell.column, cell.bottom, cell.top, fill, label)
        )
    if front["terminal_column"]:
        low = front["terminal_cm"]
        out.append(_rectangle(margin, front["width_cm"], high, front["terminal_column"], low, top, "#3b4252",
                              "<tspan fill='white'>terminal</tspan>"))  # fmt: skip
    reach = (high - REACH_CM) * _PX
    right = (width + 2 * margin) * _PX
    out.append(f'<path d="M0 {reach:g}h56M{right:g} {reach:g}h-56" stroke="#b4472e" stroke-dasharray="6 5"/>')
    out.append(f'<text x="4" y="{reach - 5:g}" font-size="11" fill="#b4472e">{REACH_CM:g} cm</text>')
    out.append(f'<path d="M0 {high * _PX:g}H{right:g}" stroke="#333" stroke-width="2"/>')
    return "\n".join([*out, "</svg>", ""])


def _rectangle(
    margin: float, width: float, high: float, column: int, bottom: float, top: float, fill: str, label: str
) -> str:
    x, y = (margin + (column - 1) * width) * _PX, (high - top) * _PX
    w, h = width * _PX, (top - bottom) * _PX
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" fill="{fill}" stroke="#666"/>'
        f'<text x="{x + w / 2:g}" y="{y + h / 2 + 6:g}" text-anchor="middle">{label}</text>'
    )
