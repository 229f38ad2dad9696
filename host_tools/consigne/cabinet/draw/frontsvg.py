"""The front of a cabinet as an SVG document, to scale, the floor at the bottom."""

from xml.sax.saxutils import escape

from ..model import Cabinet
from ..schema import REACH_CM
from .front import Cell, places, summary, wiring_words

_PX = 4.0  # to a centimetre
_FONT = "Roboto, Helvetica, Arial, sans-serif"
_MONO = 'text-anchor="middle" font-family="monospace"'
_LEFT_PX, _RIGHT_PX = 64.0, 24.0
_HEAD_PX, _FOOT_PX = 58.0, 34.0
_TICK_CM = 20
_BODY, _LOW, _HIGH, _INK, _SOFT, _REACH = "#c9ced1", "#dcefe4", "#f6f5f1", "#14262d", "#5f7178", "#b4472e"
_ICON = (
    "M0-7a2.2 2.2 0 1 1 .1 0zM-1.2-1.800v6h6l3 6 2.400-1.200-3.600-7.200h-4.800v-3.600z"
    "M-2.400 1.200a6 6 0 1 0 7.200 8.400l-1.800-1.200a4 4 0 1 1-5.400-5.400z"
)
"""A person in a wheelchair, 20 px high about its head."""


class _Page:
    """Turns columns and heights into pixels, and collects what is drawn."""

    def __init__(self, columns: int, width_cm: float, high_cm: float) -> None:
        self._door = width_cm * _PX
        self._high = high_cm
        self.right = _LEFT_PX + columns * self._door
        self.width = self.right + _RIGHT_PX
        self.floor = _HEAD_PX + high_cm * _PX
        self.out: list[str] = []

    def y(self, height_cm: float) -> float:
        return _HEAD_PX + (self._high - height_cm) * _PX

    def box(self, column: int, bottom: float, top: float) -> tuple[float, float, float, float]:
        """x, y, width and height of a door."""
        return _LEFT_PX + (column - 1) * self._door, self.y(top), self._door, (top - bottom) * _PX

    def text(self, x: float, y: float, words: str, size: float, fill: str = _INK, more: str = "") -> None:
        self.out.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}" {more}>{escape(words)}</text>'
        )

    def rect(self, x: float, y: float, width: float, height: float, fill: str, more: str = "") -> None:
        self.out.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}" {more}/>'
        )


def svg(cabinet: Cabinet, with_wiring: bool = False) -> str:
    """The document: 4 px to a centimetre; doors within reach of a wheelchair are green and carry its sign.

    ``with_wiring``: each door shows the wiring of its lock and its sensor.
    """
    front = places(cabinet)
    placed = front.doors
    high = front.high + 4
    page = _Page(front.columns, front.width_cm, high)
    page.text(_LEFT_PX, 26, cabinet.data["name"], 20, more='font-weight="600"')
    page.text(_LEFT_PX, 45, summary(cabinet), 12, _SOFT)
    page.rect(_LEFT_PX - 8, page.y(high - 1), page.right - _LEFT_PX + 16, (high - front.low + 1) * _PX, _BODY,
              'rx="6" stroke="#7d8a90"')  # fmt: skip
    for cell in placed:
        x, y, wide, tall = page.box(cell.column, cell.bottom, cell.top)
        fill = _LOW if cell.is_low else _HIGH
        page.rect(x + 1.5, y + 1.5, wide - 3, tall - 3, fill, 'rx="3" stroke="#7d8a90"')
    _ruler(page, high)  # drawn first, below the doors' texts
    for cell, door in zip(placed, cabinet.compartments, strict=True):
        _door(page, cell, wiring_words(door) if with_wiring else "")
    if front.terminal:
        _terminal(page, page.box(*front.terminal))
    data = cabinet.data
    corner = f"{cabinet.sheet.file.name}, revision {data['revision']} {data['revised']}"
    page.text(page.right, page.floor + _FOOT_PX + 2, corner, 11, _SOFT, 'text-anchor="end"')
    width, height = f"{page.width:g}", f"{page.floor + _FOOT_PX + 12:g}"
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{_FONT}">',
            f"<title>{escape(cabinet.data['name'])}: the front</title>",
            '<rect width="100%" height="100%" fill="white"/>',
            *page.out,
            "</svg>",
            "",
        ]
    )


def _door(page: _Page, cell: Cell, wired: str) -> None:
    """On a door: its number large, its size small, a keyhole at the right, its wiring below."""
    x, y, width, height = page.box(cell.column, cell.bottom, cell.top)
    middle = y + height / 2
    baseline = middle + (1 if wired else 7)
    page.text(x + width / 2, baseline, cell.number, 19, more='text-anchor="middle" font-weight="600"')
    page.text(x + width - 12, y + 18, cell.size, 11, _SOFT, 'text-anchor="end"')
    page.out.append(f'<circle cx="{x + width - 14:g}" cy="{middle + 4:g}" r="3" fill="#7d8a90"/>')
    if wired:
        page.text(x + width / 2, middle + 16, wired, 11, _SOFT, _MONO)
    if cell.is_low:
        page.out.append(
            f'<path transform="translate({x + 16:g} {middle - 3:g}) scale(.8)" d="{_ICON}" fill="#2f7d57"/>'
        )


def _terminal(page: _Page, box: tuple[float, float, float, float]) -> None:
    """Display, keypad and scanner."""
    x, y, width, height = box
    page.rect(x + 1.5, y + 1.5, width - 3, height - 3, "#17404b", 'rx="5"')
    page.rect(x + width * 0.16, y + 20, width * 0.68, 44, "#9fc46a", 'rx="3"')
    page.text(x + width / 2, y + 47, "terminal", 14, "#1d3312", _MONO)
    for row in range(4):
        for column in range(3):
            page.rect(x + width / 2 - 39 + column * 28, y + 82 + row * 24, 22, 18, "#e8ecee", 'rx="3"')
    page.rect(x + width * 0.3, y + height - 44, width * 0.4, 22, "#0b1d22", 'rx="3"')
    page.rect(x + width * 0.33, y + height - 35, width * 0.34, 3, "#d1495b")


def _ruler(page: _Page, high: float) -> None:
    """Heights above the floor, the floor, and the reach from a wheelchair."""
    for height in range(0, round(high) + 1, _TICK_CM):
        y = page.y(height)
        page.out.append(f'<path d="M{_LEFT_PX - 20:g} {y:g}h8" stroke="{_SOFT}"/>')
        if height not in (0, REACH_CM):
            page.text(_LEFT_PX - 24, y + 4, f"{height}", 11, _SOFT, 'text-anchor="end"')
    page.out.append(f'<path d="M8 {page.floor:g}H{page.width - 8:g}" stroke="{_INK}" stroke-width="2.5"/>')
    reach = page.y(REACH_CM)
    dashes = f'stroke="{_REACH}" stroke-dasharray="7 5" opacity=".75"'
    page.out.append(f'<path d="M{_LEFT_PX - 12:g} {reach:g}H{page.width - 8:g}" {dashes}/>')
    page.text(_LEFT_PX - 24, reach + 4, f"{REACH_CM:g}", 12, _REACH, 'text-anchor="end" font-weight="600"')
    page.text(
        _LEFT_PX, page.floor + 20,
        f"cm above the floor; green: handle at {REACH_CM:g} cm or below, within reach of a wheelchair",
        11, _SOFT,
    )  # fmt: skip
