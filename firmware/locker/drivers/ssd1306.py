"""An SSD1306 graphic display of 128 by 64 dots on I2C, used for four lines of text (``ports.Display``).

A cell is 6 by 16 dots, each letter of ``dots`` drawn twice as high: 20 cells and a margin of 4 dots on both
sides are the width, and a line is two of the controller's eight pages.  No copy of the picture is kept in
memory; a cell is drawn from its letter when it differs.  Commands are those of Solomon Systech's data sheet
(rev. 1.5); an SSD1309 takes them too and ignores the charge pump.
"""

import asyncio

from micropython import const

from . import dots
from .textdisplay import TextDisplay

_COMMANDS = const(0x00)  # control byte: the rest of the write are commands, or
_DATA = const(0x40)  # data

_CELL = const(6)
_MARGIN = const(4)
_CHUNK = const(2)  # cells in one write: 26 bytes, and the 8 of their window: 3.2 ms at 100 kHz
_BLANK = const(0)  # the code of a space
_UNKNOWN = const(0xFF)  # a code that no letter has

_BRIGHT = const(0xCF)
_DIM = const(0x10)  # dimmed after two minutes without a change, since a constant picture burns in
_CLOCK_CELLS = const(5)  # the clock on the display changes this few cells, which does not light it up
_DIM_AFTER = const(2)  # refreshes, one a minute

# Everything but contrast and on/off: may be sent again while the display is lit, without a flicker.
_SET_UP = bytes((
    _COMMANDS,
    0xD5, 0x80,  # clock: as after reset
    0xA8, 0x3F,  # 64 lines
    0xD3, 0x00, 0x40,  # from the first on
    0x8D, 0x14,  # the charge pump makes the panel's 7.5 V
    0x20, 0x00,  # addresses run along a window, page after page
    0xA1, 0xC8,  # mirrored in both directions: the module's plug is on top
    0xDA, 0x12,  # how the panel's lines are wired
    0xD9, 0xF1, 0xDB, 0x40,  # precharge and level for the pump
    0xA4, 0xA6, 0x2E,  # what the memory says, not inverted, not scrolling
))  # fmt: skip
_TWICE = b"\x00\x03\x0c\x0f\x30\x33\x3c\x3f\xc0\xc3\xcc\xcf\xf0\xf3\xfc\xff"  # four dots, each two high


class OledDisplay(TextDisplay):
    """Text of 20 columns and 4 rows."""

    def __init__(self, i2c, address: int, report):
        super().__init__(i2c, address, 20, 4, report)
        for cell in range(len(self._wanted)):
            self._wanted[cell] = _BLANK
        self._window = bytearray((_COMMANDS, 0x21, 0, 127, 0x22, 0, 7))
        self._data = bytearray(1 + 2 * _CELL * _CHUNK)
        self._data[0] = _DATA
        self._unchanged = 0  # refreshes since the text changed

    async def _start(self, is_new: bool) -> None:
        """Set up; after power-up the display stays dark until its memory, which is random, is wiped."""
        if is_new:
            await asyncio.sleep_ms(100)  # it may just have been powered
            self._i2c.writeto(self._address, b"\x00\xae")
        self._i2c.writeto(self._address, _SET_UP)
        self._shine(_BRIGHT if self._unchanged < _DIM_AFTER else _DIM)
        self._unchanged += 1
        if is_new:
            await self._wipe()
            self._i2c.writeto(self._address, b"\x00\xaf")
        for cell in range(len(self._glass)):
            self._glass[cell] = _BLANK if is_new else _UNKNOWN

    async def _wipe(self) -> None:
        """Clear all 8 pages, margins too, a little at a time."""
        self._aim(0, 127, 0, 7)
        for index in range(1, len(self._data)):
            self._data[index] = 0
        left = 1024
        while left:
            count = min(left, len(self._data) - 1)
            await asyncio.sleep_ms(0)
            self._i2c.writeto(self._address, memoryview(self._data)[: 1 + count])
            left -= count

    def _encode(self, lines) -> None:
        changed = 0
        for row in range(self.rows):
            line = lines[row] if row < len(lines) else ""
            for column in range(self.columns):
                code = dots.code(line[column]) if column < len(line) else _BLANK
                cell = row * self.columns + column
                if self._wanted[cell] != code:
                    self._wanted[cell] = code
                    changed += 1
        if changed > _CLOCK_CELLS:
            if self._unchanged > _DIM_AFTER:
                self._shine(_BRIGHT)
            self._unchanged = 0

    def _write_some(self) -> bool:
        cells = self._next_cells(_CHUNK)
        if cells is None:
            return False
        first, end = cells
        row, column = divmod(first, self.columns)
        left = _MARGIN + _CELL * column
        width = _CELL * (end - first)
        at = 1
        for cell in range(first, end):
            letter = self._wanted[cell]
            for index in range(_CELL):
                bits = dots.column(letter, index) if index < _CELL - 1 else 0
                self._data[at] = _TWICE[bits & 15]
                self._data[at + width] = _TWICE[bits >> 4]
                at += 1
        self._aim(left, left + width - 1, 2 * row, 2 * row + 1)
        self._i2c.writeto(self._address, memoryview(self._data)[: 1 + 2 * width])
        self._glass[first:end] = self._wanted[first:end]
        return True

    def _aim(self, left: int, right: int, top: int, bottom: int) -> None:
        """Direct data to these columns and pages, the upper page first."""
        window = self._window
        window[2], window[3], window[5], window[6] = left, right, top, bottom
        self._i2c.writeto(self._address, window)

    def _shine(self, contrast: int) -> None:
        self._i2c.writeto(self._address, bytes((_COMMANDS, 0x81, contrast)))
