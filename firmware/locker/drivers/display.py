"""An HD44780 character display behind a PCF8574 on I2C (``ports.Display``).

The usual backpack: P0 is RS, P1 R/W, P2 E, P3 the backlight, P4..P7 are D4..D7.  Instructions and
times are those of Hitachi's data sheet (ADE-207-272, figure 24 for the start in 4-bit mode).
Characters are written only where the glass differs from what is wanted, a few at a time, so that a
key or a door never waits for the display.
"""

import asyncio

from micropython import const

from . import glyphs
from .waiting import flag_or_ms

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
_RETRY_MS = const(5_000)
_REFRESH_MS = const(60_000)  # relays nearby can garble it, and it cannot tell us
_UNKNOWN = const(0xFF)  # a code the encoder never makes


class CharacterDisplay:
    """Shows lines of text; a display that does not answer is tried again and harms nobody."""

    def __init__(self, i2c, address: int, columns: int, rows: int, report):
        """``columns`` 8..20 and ``rows`` 1, 2 or 4; a PCF8574 takes at most 100 kHz by its data sheet.

        ``report(text)`` is told once when the display stops answering and once when it is back.
        """
        if not 8 <= columns <= 20 or rows not in (1, 2, 4):
            raise ValueError(f"display of {columns} x {rows}")
        self.columns = columns
        self.rows = rows
        self._i2c = i2c
        self._address = address
        self._report = report
        self._lines = ()
        self._flag = asyncio.Event()
        self._encoder = glyphs.Encoder()
        self._wanted = bytearray(b" " * (columns * rows))
        self._glass = bytearray(columns * rows)
        self._cursor = -1  # the cell the controller writes next; -1: elsewhere
        self._bytes = bytearray(5 * (1 + _CHUNK))
        self._length = 0

    def show(self, lines) -> None:
        """Want these lines; ``run`` brings them to the glass, changed characters only."""
        self._lines = lines
        self._flag.set()

    async def run(self) -> None:
        """Keep the glass as wanted, for ever."""
        lost = False
        while True:
            try:
                await self._start()
                if lost:
                    self._report("display answers again")
                lost = False
                await self._follow()
            except OSError:
                if not lost:
                    self._report("display does not answer")
                lost = True
                await asyncio.sleep_ms(_RETRY_MS)

    async def _start(self) -> None:
        """Bring the controller into 4-bit mode from any state, without wiping the glass."""
        await asyncio.sleep_ms(50)  # it may just have got its supply: 40 ms from 2.7 V on
        for nibble, wait_ms in ((0x30, 5), (0x30, 1), (0x30, 1), (0x20, 1)):
            self._i2c.writeto(self._address, bytes((nibble | _LIGHT, nibble | _LIGHT | _E, nibble | _LIGHT)))
            await asyncio.sleep_ms(wait_ms)
        self._put(_FUNCTION_4BIT_2LINES, 0)
        self._put(_HOME, 0)  # undoes a shift that nobody asked for
        self._send()
        await asyncio.sleep_ms(2)  # 1.52 ms
        self._put(_ENTRY_RIGHT, 0)
        self._put(_DISPLAY_ON, 0)
        self._send()
        self._cursor = -1
        self._encoder.forget()
        for cell in range(len(self._glass)):
            self._glass[cell] = _UNKNOWN

    async def _follow(self) -> None:
        """Write what differs, chunk by chunk; returns when it is time to start afresh."""
        while True:
            if self._flag.is_set():
                self._flag.clear()
                self._encoder.encode(self._lines, self.columns, self._wanted)
            if self._draw_some() or self._write_some():
                await asyncio.sleep_ms(0)
                continue
            if not await flag_or_ms(self._flag, _REFRESH_MS):
                return

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

    def _write_some(self) -> bool:
        """Write the next few cells that differ; False when the glass is as wanted."""
        wanted, glass = self._wanted, self._glass
        cell = 0
        while wanted[cell] == glass[cell]:
            cell += 1
            if cell == len(glass):
                return False
        if cell != self._cursor:
            self._put(_SET_DDRAM | self._ddram(cell), 0)
        end = min(cell + _CHUNK, cell - cell % self.columns + self.columns)
        last = cell
        for index in range(cell, end):
            if wanted[index] != glass[index]:
                last = index
        for index in range(cell, last + 1):
            self._put(wanted[index], _RS)
        self._cursor = -1
        self._send()
        glass[cell : last + 1] = wanted[cell : last + 1]
        if (last + 1) % self.columns:
            self._cursor = last + 1
        return True

    def _ddram(self, cell: int) -> int:
        """Rows 2 and 3 lie behind rows 0 and 1 in the controller's memory."""
        row, column = divmod(cell, self.columns)
        return (0x40 if row & 1 else 0) + (self.columns if row & 2 else 0) + column

    def _put(self, value: int, rs: int) -> None:
        """Append an instruction (``rs`` 0) or data: two nibbles, E falling behind each.

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
