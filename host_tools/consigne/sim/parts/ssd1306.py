"""An SSD1306 graphic display of 128 by 64 dots on I2C, down to the lit dots.

The picture follows only from the controller's memory and settings (Solomon Systech, SSD1306 rev. 1.5):
charge pump, on/off, addressing windows, mirroring, multiplex, offset, inversion, contrast.  After power-up
the memory is random.  Letters are recognised by their dots: those of ``locker/drivers/dots.py``, and the
accents drawn for the HD44780 model.
"""

import random

from locker.drivers import dots

from ..board.board import Board
from .hd44780 import DRAWINGS
from .i2cpart import I2CPart

WIDTH, HEIGHT, PAGES = 128, 64, 8
CELL_WIDTH, CELL_HEIGHT, MARGIN = 6, 16, 4
# Commands with more bytes; 26 to 2A set up scrolling.
_MORE = {
    0x20: 1, 0x21: 2, 0x22: 2, 0x26: 6, 0x27: 6, 0x29: 5, 0x2A: 5, 0x81: 1, 0x8D: 1, 0xA3: 2, 0xA8: 1,
    0xD3: 1, 0xD5: 1, 0xD9: 1, 0xDA: 1, 0xDB: 1,
}  # fmt: skip
_HORIZONTAL, _VERTICAL, _PAGE = range(3)
# Commands of two forms, off and on.
_SWITCHES = {
    off + is_on: (name, bool(is_on))
    for off, name in (
        (0xA0, "_flip_columns"), (0xA4, "_all_lit"), (0xA6, "_is_inverted"), (0xAE, "is_on"),
        (0x2E, "_scrolls"),
    )
    for is_on in (0, 1)
} | {0xC0: ("_flip_rows", False), 0xC8: ("_flip_rows", True)}  # fmt: skip


def _letters() -> dict[bytes, str]:
    """Eight rows of five dots -> the letter that they look like."""
    known = {}
    for char in [chr(value) for value in range(32, 127)] + list(dots._MORE):
        columns = [dots.column(dots.code(char), index) for index in range(5)]
        rows = bytes(sum((columns[x] >> y & 1) << 4 - x for x in range(5)) for y in range(8))
        known[rows] = char
    return {**known, **DRAWINGS}


class GraphicDisplay(I2CPart):
    """The module: controller, panel and its plug.

    Attributes
    ----------
    contrast
        0..255.
    data_bytes
        Bytes written to the memory since power-up, to count what a change costs.
    ignored
        Commands that do not exist.
    """

    columns, rows = 20, 4

    def __init__(self, board: Board, bus: int, address: int, seed: int = 0) -> None:
        super().__init__(board, bus, address)
        self._random = random.Random(seed)
        self._letters = _letters()
        self._seen: tuple[list[bytes], list[list[bytes | None]]] | None = None  # until a change
        self._reset()

    def power_on(self) -> None:
        self._reset()

    def power_off(self) -> None:
        self._seen = None

    def _reset(self) -> None:
        self._seen = None
        self._memory = [bytearray(self._random.randbytes(WIDTH)) for _ in range(PAGES)]
        self.data_bytes = 0
        self.ignored = 0
        self.contrast = 0x7F
        self.is_on = self.is_pumped = self._all_lit = self._is_inverted = self._scrolls = False
        self._flip_columns = self._flip_rows = False
        self._mode = _PAGE
        self._window = (0, WIDTH - 1, 0, PAGES - 1)
        self._column = self._page = 0
        self._first_line = self._offset = 0
        self._lines = HEIGHT
        self._wired_evenly = True  # alternative COM configuration, what a 128 x 64 panel has
        self._command: list[int] = []

    # --- the wire ---------------------------------------------------------------------------------------
    def taken(self, data: bytes) -> None:
        self._seen = None
        at = 0
        while at + 1 < len(data):
            control = data[at]
            goes_on = bool(control & 0x80)
            content = data[at + 1 : at + 2] if goes_on else data[at + 1 :]
            for value in content:
                if control & 0x40:
                    self._store(value)
                else:
                    self._take(value)
            at += 2 if goes_on else len(data)

    def given(self, count: int) -> bytes:
        """Status: bit 6 says that the display is off."""
        return bytes((0x00 if self.is_on else 0x40,)) * count

    def garble(self) -> None:
        """Fault, a relay nearby: some of its memory changes, and the picture is upside down."""
        self._memory[2][30:60] = self._random.randbytes(30)
        self._flip_rows = not self._flip_rows
        self._seen = None

    # --- commands -----------------------------------------------------------------------------------------
    def _take(self, value: int) -> None:
        self._command.append(value)
        if len(self._command) > _MORE.get(self._command[0], 0):
            first, *rest = self._command
            self._command = []
            self._obey(first, rest)

    def _obey(self, first: int, rest: list[int]) -> None:
        if first < 0x20 or 0x40 <= first < 0x80 or 0xB0 <= first < 0xB8:
            self._obey_ranges(first)
        elif first in (0x20, 0x21, 0x22):
            self._address(first, rest)
        elif first in _SWITCHES:
            name, is_on = _SWITCHES[first]
            setattr(self, name, is_on)
        elif rest:
            self._set(first, rest[0])
        elif first != 0xE3:
            self.ignored += 1

    def _obey_ranges(self, first: int) -> None:
        """Obey commands with their value in the command byte."""
        if first < 0x10:
            self._column = self._column & 0x70 | first
        elif first < 0x20:
            self._column = self._column & 0x0F | (first & 0x07) << 4
        elif first < 0x80:
            self._first_line = first & 0x3F
        else:
            self._page = first & 0x07

    def _address(self, first: int, rest: list[int]) -> None:
        left, right, top, bottom = self._window
        if first == 0x20:
            self._mode = rest[0] & 3
        elif first == 0x21:
            self._window = rest[0] & 0x7F, rest[1] & 0x7F, top, bottom
            self._column = rest[0] & 0x7F
        else:
            self._window = left, right, rest[0] & 7, rest[1] & 7
            self._page = rest[0] & 7

    def _set(self, first: int, value: int) -> None:
        if first == 0x81:
            self.contrast = value
        elif first == 0x8D:
            self.is_pumped = bool(value & 0x04)
        elif first == 0xA8:
            self._lines = (value & 0x3F) + 1
        elif first == 0xD3:
            self._offset = value & 0x3F
        elif first == 0xDA:
            self._wired_evenly = bool(value & 0x10) and not value & 0x20

    def _store(self, value: int) -> None:
        column = WIDTH - 1 - self._column if self._flip_columns else self._column
        self._memory[self._page][column] = value
        self.data_bytes += 1
        left, right, top, bottom = self._window
        if self._mode == _PAGE:
            self._column = (self._column + 1) % WIDTH
        elif self._mode == _HORIZONTAL:
            self._column, turn = (left, True) if self._column == right else (self._column + 1, False)
            if turn:
                self._page = top if self._page == bottom else self._page + 1
        else:
            self._page, turn = (top, True) if self._page == bottom else (self._page + 1, False)
            if turn:
                self._column = left if self._column == right else self._column + 1

    # --- the glass ------------------------------------------------------------------------------------------
    @property
    def light(self) -> bool:
        """Is anything lit?  Without its charge pump the panel stays dark."""
        return self.board.powered and self.is_on and self.is_pumped

    def pixels(self) -> list[bytes]:
        """64 rows of 128, 1 where it is lit, as seen from the front.

        The plug is on top, so segment 127 is on the left and line 63 on top.
        """
        return self._look()[0]

    def _look(self) -> tuple[list[bytes], list[list[bytes | None]]]:
        """The rows of dots and their cells; computed again after a write."""
        if not self.light:
            return [bytes(WIDTH)] * HEIGHT, [[bytes(8)] * self.columns] * self.rows
        if self._seen is None or self._scrolls:
            glass = [self._row(y) for y in range(HEIGHT)]
            if self._scrolls:  # it moves one column every 50 ms, so it cannot be read
                at = self.clock.now_us() // 50_000 % WIDTH
                glass = [row[at:] + row[:at] for row in glass]
            cells = [
                [_cell(glass, row, column) for column in range(self.columns)] for row in range(self.rows)
            ]
            self._seen = glass, cells
        return self._seen

    def _row(self, y: int) -> bytes:
        line = y if self._flip_rows else HEIGHT - 1 - y
        if not self._wired_evenly:  # the panel's lines are interleaved in its memory
            line = line * 2 % HEIGHT + line * 2 // HEIGHT
        if line >= self._lines:
            return bytes(WIDTH)
        line = (line + self._first_line + self._offset) % HEIGHT
        page = self._memory[line // 8]
        lit = (1 if self._all_lit else page[WIDTH - 1 - x] >> line % 8 & 1 for x in range(WIDTH))
        return bytes(bit ^ self._is_inverted for bit in lit)

    def lines(self) -> list[str]:
        """What a person reads, cell by cell; what looks like no letter is ``▒``."""
        return ["".join(self._looks_like(cell) for cell in row) for row in self._look()[1]]

    def _looks_like(self, dots: bytes | None) -> str:
        return "▒" if dots is None else self._letters.get(dots, "▒")

    def dots(self, row: int, column: int) -> bytes | None:
        """The dots of a cell that shows no ASCII character, as ``CharacterDisplay.dots``."""
        dots = self._look()[1][row][column]
        return dots if dots is not None and self._letters.get(dots, "▒") > "~" else None


def _cell(glass: list[bytes], row: int, column: int) -> bytes | None:
    """The eight rows of five dots of a cell; None unless each row of dots is drawn two lines high."""
    left, top = MARGIN + CELL_WIDTH * column, CELL_HEIGHT * row
    rows = [glass[top + y][left : left + CELL_WIDTH] for y in range(CELL_HEIGHT)]
    if rows[::2] != rows[1::2] or any(row[-1] for row in rows):
        return None
    return bytes(sum(bit << 4 - x for x, bit in enumerate(row[:5])) for row in rows[::2])
