"""What all text displays have in common: they write the wanted lines to the glass, a few cells at a time.

A display that does not answer is tried again, and nothing else depends on it.  Other tasks run between two
writes, so that a key or a door never waits for a display.
"""

import asyncio
import time

from micropython import const

from .waiting import flag_or_ms

_RETRY_MS = const(5_000)
_REFRESH_MS = const(60_000)  # relays nearby can garble it without any sign


class TextDisplay:
    """Lines of cells; a family adds ``_start``, ``_encode`` and ``_write_some``."""

    def __init__(self, i2c, address: int, columns: int, rows: int, report):
        """``report(text)`` is told once when the display stops answering and once when it is back."""
        self.columns = columns
        self.rows = rows
        self._i2c = i2c
        self._address = address
        self._report = report
        self._lines = ()
        self._flag = asyncio.Event()
        self._wanted = bytearray(b" " * (columns * rows))
        self._glass = bytearray(columns * rows)

    def show(self, lines) -> None:
        """Set the wanted lines; ``run`` writes the changed cells to the glass."""
        self._lines = lines
        self._flag.set()

    async def run(self) -> None:
        """Keep the glass as wanted, for ever."""
        lost = False
        is_new = True  # its text and its settings are unknown
        while True:
            try:
                await self._start(is_new)
                if lost:
                    self._report("display answers again")
                lost = is_new = False
                await self._follow()
            except OSError:
                if not lost:
                    self._report("display does not answer")
                lost = is_new = True
                await asyncio.sleep_ms(_RETRY_MS)

    async def _follow(self) -> None:
        """Write the differing cells, chunk by chunk; returns when it is time to set the display up again."""
        started_ms = time.ticks_ms()
        while True:
            if self._flag.is_set():
                self._flag.clear()
                self._encode(self._lines)
            if self._write_some():
                await asyncio.sleep_ms(0)
                continue
            left_ms = _REFRESH_MS - time.ticks_diff(time.ticks_ms(), started_ms)
            if left_ms <= 0:
                return
            await flag_or_ms(self._flag, left_ms)

    def _next_cells(self, most: int):
        """``(first, end)`` of up to ``most`` cells of one row that differ, None when none does."""
        wanted, glass = self._wanted, self._glass
        first = 0
        while wanted[first] == glass[first]:
            first += 1
            if first == len(glass):
                return None
        end = min(first + most, first - first % self.columns + self.columns)
        while wanted[end - 1] == glass[end - 1]:
            end -= 1
        return first, end

    async def _start(self, is_new: bool) -> None:
        """Set the controller up, without wiping the glass unless ``is_new``."""
        raise NotImplementedError

    def _encode(self, lines) -> None:
        """Fill ``_wanted`` with the codes of ``lines``."""
        raise NotImplementedError

    def _write_some(self) -> bool:
        """Write a few cells that differ, 3 ms of the bus at most; False when the glass is as wanted."""
        raise NotImplementedError
