"""An HD44780 character display behind a PCF8574 on I2C (``ports.Display``).

The usual backpack: P0 is RS, P1 R/W, P2 E, P3 the backlight, P4..P7 are D4..D7.  Instructions and
times are those of Hitachi's data sheet (ADE-207-272, figure 24 for the start in 4-bit mode).
Characters are written only where the glass differs from what is wanted, a few at a time, so that a
key or a door never waits for the display.
"""

import asyncio

from micropython import const

from . import glyphs
from .textdisplay import TextDisplay

_RS = const(0x01)
_E = const(0x04)
_LIGHT = const(0x08)

_HOME = const(0x02)
_ENTRY_RIGHT = const(0x06)
_DISPLAY_ON = const(0x0C)
_FUNCTION_4BIT_2LINES = const(0x28)
_SET_CGRAM = const(0x40)
_SET_DDRAM = const(0x80)

_CHUNK = const(4)  # characters, or rows of dots, in one write: 25 bytes, 2.3 ms at 100 kHz
_UNKNOWN = const(0xFF)  # a code the encoder never makes


class CharacterDisplay(TextDisplay):
    """Text on the glass, letters with accents drawn as they are needed."""

    def __init__(self, i2c, address: int, columns: int, rows: int, report):
        """``columns`` 8..20 and ``rows`` 1, 2 or 4; a PCF8574 takes at most 100 kHz by its data sheet."""
        if not 8 <= columns <= 20 or rows not in (1, 2, 4):
            raise ValueError(f"display of {columns} x {rows}")
        super().__init__(i2c, address, columns, rows, report)
        self._encoder = glyphs.Encoder()
        self._cursor = -1  # the cell the controller writes next; -1: elsewhere
        self._bytes = bytearray(5 * (1 + _CHUNK))
        self._length = 0

    async def _start(self, is_new: bool) -> None:
        """Bring the controller into 4-bit mode from any state, without wiping the glass."""
        await asyncio.sleep_ms(50)  # it may just have been powered: 40 ms from 2.7 V on
        for nibble, wait_ms in ((0x30, 5), (0x30, 1), (0x30, 1), (0x20, 1)):
            self._i2c.writeto(self._address, bytes((nibble | _LIGHT, nibble | _LIGHT | _E, nibble | _LIGHT)))
            await asyncio.sleep_ms(wait_ms)
        self._put(_FUNCTION_4BIT_2LINES, 0)
        self._put(_HOME, 0)  # undoes a shift caused by noise
        self._send()
        await asyncio.sleep_ms(2)  # 1.52 ms
        self._put(_ENTRY_RIGHT, 0)
        self._put(_DISPLAY_ON, 0)
        self._send()
        self._cursor = -1
        self._encoder.forget()
        for cell in range(len(self._glass)):
            self._glass[cell] = _UNKNOWN

    def _encode(self, lines) -> None:
        self._encoder.encode(lines, self.columns, self._wanted)

    def _write_some(self) -> bool:
        return self._draw_some() or self._write_cells()

    def _draw_some(self) -> bool:
        """Draw half of a character that is wanted and not drawn yet; False when there is none."""
        stale = self._encoder.stale
        if not stale:
            return False
        half = 0
        while not stale >> half & 1:
            half += 1
        row = 4 * (half & 1)
        self._cursor = -1
        self._put(_SET_CGRAM | (half >> 1) << 3 | row, 0)
        for dots in glyphs.bitmap(self._encoder.slots[half >> 1])[row : row + 4]:
            self._put(dots, _RS)
        self._send()
        self._encoder.stale &= ~(1 << half)
        return True

    def _write_cells(self) -> bool:
        """Write the next few cells that differ; False when the glass is as wanted."""
        cells = self._next_cells(_CHUNK)
        if cells is None:
            return False
        first, end = cells
        if first != self._cursor:
            self._put(_SET_DDRAM | self._ddram(first), 0)
        for index in range(first, end):
            self._put(self._wanted[index], _RS)
        self._cursor = -1
        self._send()
        self._glass[first:end] = self._wanted[first:end]
        if end % self.columns:
            self._cursor = end
        return True

    def _ddram(self, cell: int) -> int:
        """Rows 2 and 3 lie behind rows 0 and 1 in the controller's memory."""
        row, column = divmod(cell, self.columns)
        return (0x40 if row & 1 else 0) + (self.columns if row & 2 else 0) + column

    def _put(self, value: int, rs: int) -> None:
        """Append an instruction (``rs`` 0) or data: two nibbles, with E falling after each.

        RS settles one byte before E rises; two bytes pass before the next E, 45 us at 400 kHz,
        which is longer than the 37 us that the controller works.
        """
        high = value & 0xF0 | _LIGHT | rs
        low = value << 4 & 0xF0 | _LIGHT | rs
        at = self._length
        out = self._bytes
        out[at] = high
        out[at + 1] = high | _E
        out[at + 2] = high
        out[at + 3] = low | _E
        out[at + 4] = low
        self._length = at + 5

    def _send(self) -> None:
        length = self._length
        self._length = 0
        self._i2c.writeto(self._address, memoryview(self._bytes)[:length])
