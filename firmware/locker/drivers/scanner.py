"""A barcode scanner on a UART that only sends: texts, each with its terminator (``ports.Scanner``).

Any make at any rate, set up by its maker's barcodes before it is mounted.  It takes no commands, so nothing
protects it from a customer who shows it a setup barcode; the families in ``gm65scanner`` and ``mhet`` take
commands, and build on this.
"""

import asyncio
import time

from machine import UART
from micropython import const

from ..core.events import EV_SCAN, EV_SCAN_GARBLED
from . import scantext
from .waiting import flag_or_ms

_POLL_MS = const(10)  # while bytes arrive or are expected; otherwise an interrupt wakes the task
_GAP_MS = const(40)  # quiet for this long: the scanner has sent everything
_REPLY_GAP_MS = const(200)  # a scanner may pause inside a reply while it writes its flash
_REPLY_MS = const(500)
_GARBLED_REST_MS = const(1000)  # noise is reported once until it has been quiet for this long
_HELD_MS = const(1000)  # the same text again within this time: it is still held there
_BAD_BURSTS_MAX = const(5)
_RETRY_MS = const(5_000)  # after a scanner did not answer
_TRIES_MAX = const(3)


class LineScanner:
    """Texts from the wire; ``report(text)`` is called for a scanner that sends only garbage.

    Families that can be asked add ``_set_up``: then ``report`` is also called once when a scanner does not
    answer, and once when it answers again.
    """

    answers = None  # True or False once known
    _check_ms = 600_000  # from one check of the settings to the next

    def __init__(self, uart: int, tx: int, rx: int, baud: int, report, splitter):
        """``splitter``: a ``scantext.Splitter``, or one of those that build on it."""
        self._uart = UART(uart, baudrate=baud, tx=tx, rx=rx, rxbuf=1024, timeout=0)
        self._report = report
        self._splitter = splitter
        self._buffer = bytearray(64)
        self._flag = asyncio.ThreadSafeFlag()
        self._sink = None
        self._in_burst = False
        self._heard_ms = 0
        self._in_noise = False
        self._noise_ms = 0
        self._bad_bursts = 0  # since the last text
        self._text = ""  # the newest, and when it was last seen
        self._text_ms = 0

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
                rest_ms = self._check_ms
            else:
                tries += 1
                if tries == _TRIES_MAX and self.answers is not False:
                    self.answers = False
                    self._report("scanner does not answer")
                rest_ms = _RETRY_MS
            await self._listen_for(rest_ms)

    async def _set_up(self) -> bool:
        """Check the scanner's settings and correct them; False when it does not answer.

        Texts are taken in any case.  This base has no settings to check.
        """
        return True

    def is_receiving(self) -> bool:
        """Whether bytes have come that are not yet a complete text."""
        return self._in_burst or self._uart.any() > 0

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

    async def _ask(self, command: bytes):
        """Send a command; returns what the splitter made of the reply, or None if it did not come in time."""
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
        """Take received bytes; report when the wire has been quiet."""
        now = time.ticks_ms()
        if self._in_noise and time.ticks_diff(now, self._noise_ms) > _GARBLED_REST_MS:
            self._in_noise = False
        if self._text and time.ticks_diff(now, self._text_ms) >= _HELD_MS:
            self._text = ""
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
            self._judge(self._bad_bursts + 1)
        for text in texts:
            self._judge(0)
            self._tell(text, now)

    def _tell(self, text: str, now) -> None:
        """Report a text once: most scanners send it again and again until the label is taken away."""
        held = text == self._text
        self._text, self._text_ms = text, now
        if not held:
            self._sink((EV_SCAN, text))

    def _judge(self, bad_bursts: int) -> None:
        """Report when only garbage comes (a wrong rate, a bad cable), and when that has ended."""
        if bad_bursts == _BAD_BURSTS_MAX:
            self._report("scanner garbled: check rate and cable")
        elif not bad_bursts and self._bad_bursts >= _BAD_BURSTS_MAX:
            self._report("scanner is understood again")
        self._bad_bursts = bad_bursts if bad_bursts <= _BAD_BURSTS_MAX else _BAD_BURSTS_MAX + 1

    def _noise(self, now) -> None:
        self._noise_ms = now
        if not self._in_noise:
            self._in_noise = True
            self._sink((EV_SCAN_GARBLED,))


def line_scanner(uart: int, tx: int, rx: int, baud: int, terminator: str, report) -> LineScanner:
    """A scanner that only sends.

    With a ``terminator``, a text without any was cut off, and a parcel must not get half a number.  Which
    terminator it is does not matter.
    """
    return LineScanner(uart, tx, rx, baud, report, scantext.Splitter(bool(terminator)))
