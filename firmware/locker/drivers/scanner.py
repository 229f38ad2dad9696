"""A GM65-family barcode scanner on a UART (``ports.Scanner``).

The scanner's settings are read at start and now and then, and put right when they differ: it may
have been swapped.  Above all a setup barcode must do nothing, or a customer reprograms the
scanner by showing it a picture.
"""

import asyncio
import time

from machine import UART
from micropython import const

from ..core.events import EV_SCAN, EV_SCAN_GARBLED
from . import gm65
from .waiting import flag_or_ms

_POLL_MS = const(10)  # while something arrives or is expected; otherwise an interrupt wakes us
_GAP_MS = const(40)  # quiet for so long: the scanner has said what it had to say
_REPLY_GAP_MS = const(200)  # a scanner may pause inside a reply while it writes its flash
_REPLY_MS = const(500)
_GARBLED_REST_MS = const(1000)  # noise is told once until it has been quiet for so long
_CHECK_MS = const(600_000)
_RETRY_MS = const(5_000)
_TRIES_MAX = const(3)


class Gm65Scanner:
    """Texts from the scanner; commands only for its settings."""

    def __init__(self, uart: int, tx: int, rx: int, baud: int, terminator: str, mode: str, report):
        """``terminator``: one of ``gm65.TERMINATORS``; ``mode``: ``"continuous"`` or ``"induction"``.

        ``report(text)`` is told once when the scanner does not answer and once when it does
        again; without answers texts are taken all the same.  Raises ``ValueError`` for a
        terminator or mode that there is not.
        """
        if mode not in ("continuous", "induction"):
            raise ValueError(f"scanner mode {mode}")
        if terminator not in gm65.TERMINATORS:
            raise ValueError(f"scanner terminator {terminator!r}")
        tail = gm65.TERMINATORS.index(terminator)
        self._settings = (
            (gm65.ZONE_SETUP_CODES, 0xFF, gm65.SETUP_CODES_FORBIDDEN),
            (gm65.ZONE_MODE, 0x03, gm65.MODES.index(mode)),
            # Bits 4..1 would add a prefix, a suffix or the symbology to the text.
            (gm65.ZONE_TERMINATOR, 0x7F, tail << 5 | (1 if terminator else 0)),
        )
        self._uart = UART(uart, baudrate=baud, tx=tx, rx=rx, rxbuf=1024, timeout=0)
        self._report = report
        self._splitter = gm65.Splitter()
        self._buffer = bytearray(64)
        self._flag = asyncio.ThreadSafeFlag()
        self._sink = None
        self._in_burst = False
        self._heard_ms = 0
        self._in_noise = False
        self._noise_ms = 0
        self.answers = None  # True or False once known

    async def run(self, sink) -> None:
        """Report ``(EV_SCAN, text)`` and ``(EV_SCAN_GARBLED,)``."""
        self._sink = sink
        self._uart.irq(self._on_idle, UART.IRQ_RXIDLE)
        tries = 0
        while True:
            if await self._set_up():
                tries = 0
                if self.answers is False:
                    self._report("scanner answers again")
                self.answers = True
                rest_ms = _CHECK_MS
            else:
                tries += 1
                if tries == _TRIES_MAX and self.answers is not False:
                    self.answers = False
                    self._report("scanner does not answer")
                rest_ms = _RETRY_MS
            await self._listen_for(rest_ms)

    def _on_idle(self, _uart) -> None:
        self._flag.set()

    async def _listen_for(self, duration_ms: int) -> None:
        started_ms = time.ticks_ms()
        while True:
            left_ms = duration_ms - time.ticks_diff(time.ticks_ms(), started_ms)
            if self._in_burst:
                await asyncio.sleep_ms(_POLL_MS)
            elif left_ms <= 0:
                return
            else:
                await flag_or_ms(self._flag, left_ms)
            self._listen()

    async def _set_up(self) -> bool:
        """Put the settings right, the one against setup barcodes first; False without answers."""
        changed = False
        for zone, mask, wanted in self._settings:
            reply = await self._ask(gm65.read_zone(zone))
            if reply is None:
                return False
            value = reply[0] & ~mask | wanted
            if value != reply[0]:
                if await self._ask(gm65.write_zone(zone, value)) is None:
                    return False
                changed = True
        return not changed or await self._ask(gm65.save_settings()) is not None

    async def _ask(self, command: bytes):
        """Send a command; returns the reply's data, or None when none came in time."""
        self._splitter.reply = None
        self._uart.write(command)
        asked_ms = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), asked_ms) < _REPLY_MS:
            await asyncio.sleep_ms(_POLL_MS)
            self._listen()
            if self._splitter.reply is not None:
                return self._splitter.reply
        return None

    def _listen(self) -> None:
        """Take what has arrived; report when the wire has been quiet."""
        now = time.ticks_ms()
        if self._in_noise and time.ticks_diff(now, self._noise_ms) > _GARBLED_REST_MS:
            self._in_noise = False
        while self._uart.any():
            count = self._uart.readinto(self._buffer)
            if not count:
                break
            self._splitter.feed(self._buffer, count)
            self._in_burst = True
            self._heard_ms = now
            if self._splitter.garbled:
                self._noise(now)
        if not self._in_burst:
            return
        gap_ms = _REPLY_GAP_MS if self._splitter.in_reply else _GAP_MS
        if time.ticks_diff(now, self._heard_ms) < gap_ms:
            return
        self._in_burst = False
        texts, garbled = self._splitter.end()
        if garbled:
            self._noise(now)
        for text in texts:
            self._sink((EV_SCAN, text))

    def _noise(self, now) -> None:
        self._noise_ms = now
        if not self._in_noise:
            self._in_noise = True
            self._sink((EV_SCAN_GARBLED,))
