"""A keypad, or keypad and card reader, on two Wiegand lines (``ports.Keypad``).

D0 and D1 rest high; a falling edge on D0 is a 0, on D1 a 1; a pause ends a frame.  SIA AC-01 allows 0.2 to 20
ms from bit to bit.  A key is a frame of 4 bits, or of 8 (the high four inverted, so that a lost or added bit
shows); 10 is ``*``, 11 ``#``.  Cards have 26, 34 or 37 bits: an even parity bit over the first half,
facility, number, an odd parity bit over the second half (of the 37 the middle one is in both).

An ESP32 runs the handlers between two bytecodes and queues at most eight of them.  So a frame during a stop
of many milliseconds (an erase of flash, only while nobody types) may lose bits: it is refused and reported,
never guessed.
"""

import asyncio
import time

from machine import Pin
from micropython import const

from ..core.events import EV_CARD, EV_KEY, EV_KEYS_TOGETHER, EV_SCAN_GARBLED
from .waiting import flag_or_ms

_KEYS = "0123456789*#"
_CARDS = {26: 8, 34: 16, 37: 16}  # bits -> bits of the facility
_FRAME_MAX = const(37)
_GLUED_MAX = const(3)  # keys in one frame, typed while the interpreter was stopped
_RING = const(128)  # bits that may wait for ``run``, a power of two; with more, their frame is refused
_KEPT_BITS = const(8)  # bits in the interpreter's queue while it is stopped
_FIRST = const(2)  # flag of a bit: a pause came before it
_REST_MS = const(2_000)  # how often an idle task counts a turn and checks the lines
_BROKEN_REST_MS = const(1_000)  # broken frames are reported once until they stop for this long
_SAME_MAX = const(16)  # one key this often, as fast as only a keypad repeats it: it is stuck
_SAME_MS = const(300)


class WiegandKeypad:
    """Keys and cards; ``report(text)`` is called for a line that is held low."""

    def __init__(self, d0: int, d1: int, bits: int, gap_ms: int, report):
        """``d0``, ``d1``: pin numbers; ``bits`` of a key: 4 or 8; ``gap_ms`` of quiet ends a frame (21..100).

        A gap longer than the pause between two keys would make one frame of both: at 15 keys a second 52 ms
        lie between two of 8 bits.
        Raises ``ValueError`` for other bits.
        """
        if bits not in (4, 8):
            raise ValueError(f"keys of {bits} bits")
        self._lines = Pin(d0, Pin.IN, Pin.PULL_UP), Pin(d1, Pin.IN, Pin.PULL_UP)
        self._key_bits = bits
        self._gap_ms = gap_ms
        self._report = report
        self._flag = asyncio.ThreadSafeFlag()
        self._ring = bytearray(_RING)
        self._put = 0  # moved by the handlers only
        self._got = 0  # moved by run only
        self._spilled = False  # the ring was full, or bits were lost before they reached it
        self._before = 0  # ``_put`` when a standstill began
        self._edge_ms = time.ticks_ms()
        self._frame = bytearray(_FRAME_MAX)
        self._count = 0
        self._broken_ms = None  # when the newest broken frame ended; None: long ago
        self._same = 0
        self._key = ""
        self._key_ms = 0
        self._low = [0, 0]  # how many looks in a row each line was low
        self.turns = 0  # of run: frames, and signs of life

    async def run(self, sink) -> None:
        """Report ``(EV_KEY, key)``, ``(EV_CARD, text)``, and for a broken frame ``(EV_KEYS_TOGETHER,)``
        or, when it was a card's, ``(EV_SCAN_GARBLED,)``.
        """
        self._edge_ms = time.ticks_add(time.ticks_ms(), -self._gap_ms - 1)
        self._lines[0].irq(self._on_zero, Pin.IRQ_FALLING)
        self._lines[1].irq(self._on_one, Pin.IRQ_FALLING)
        while True:
            if await flag_or_ms(self._flag, _REST_MS):
                await self._follow(sink)
            else:
                self._look()
            self.turns = self.turns + 1 & 0xFFFF

    def is_receiving(self) -> bool:
        """Whether a frame has begun and is not complete."""
        if self._got != self._put or self._count:
            return True
        return 0 <= time.ticks_diff(time.ticks_ms(), self._edge_ms) <= self._gap_ms

    def standstill(self, is_over: bool) -> None:
        """If as many bits came in one stop as an ESP32 queues, or more, others of the frame may be lost.

        The rest could have the length of another card, or of keys.
        """
        if not is_over:
            self._before = self._put
            return
        for _ in range(_KEPT_BITS):
            pass  # one queued interrupt is handled at each jump (py/scheduler.c)
        if (self._put - self._before & _RING - 1) >= _KEPT_BITS:
            self._spilled = True

    # --- in interrupts: nothing is allocated here -----------------------------------------------------

    def _on_zero(self, _pin) -> None:
        self._edge(0)

    def _on_one(self, _pin) -> None:
        self._edge(1)

    def _edge(self, bit) -> None:
        now = time.ticks_ms()
        if time.ticks_diff(now, self._edge_ms) > self._gap_ms:
            bit |= _FIRST
        self._edge_ms = now
        put = self._put
        self._ring[put] = bit
        put = put + 1 & _RING - 1
        if put == self._got:
            self._spilled = True
        else:
            self._put = put
        self._flag.set()

    # --- frames -----------------------------------------------------------------------------------------

    async def _follow(self, sink) -> None:
        """Take bits until the lines have been quiet for a gap."""
        while True:
            quiet_ms = time.ticks_diff(time.ticks_ms(), self._edge_ms)
            self._take(sink)
            if quiet_ms > self._gap_ms:
                self._end(sink)
                if self._got == self._put:
                    return
            else:
                self.turns = self.turns + 1 & 0xFFFF
                await asyncio.sleep_ms(self._gap_ms + 1 - quiet_ms)

    def _take(self, sink) -> None:
        """Move the handlers' bits into the frame; the first bit of a frame ends the one before."""
        while self._got != self._put:
            bit = self._ring[self._got]
            self._got = self._got + 1 & _RING - 1
            if bit & _FIRST:
                self._end(sink)
            if self._count < _FRAME_MAX:
                self._frame[self._count] = bit & 1
            self._count += 1

    def _end(self, sink) -> None:
        """The frame is complete: a card, keys, or broken."""
        count, self._count = self._count, 0
        if not count:
            return
        if self._spilled:
            self._spilled = False
            self._refuse(count, sink)
        elif count in _CARDS:
            self._card(count, sink)
        elif count % self._key_bits == 0 and count <= _GLUED_MAX * self._key_bits:
            self._keys(count, sink)
        elif count > 1:  # a single edge is a spike
            self._refuse(count, sink)

    def _keys(self, count, sink) -> None:
        keys = ""
        for start in range(0, count, self._key_bits):
            value = self._number(start, start + self._key_bits)
            if self._key_bits == 8:
                value = value & 15 if value >> 4 == value & 15 ^ 15 else 15
            if value >= len(_KEYS):
                self._refuse(count, sink)
                return
            keys += _KEYS[value]
        for key in keys:
            self._press(key, sink)

    def _press(self, key, sink) -> None:
        now = time.ticks_ms()
        goes_on = key == self._key and time.ticks_diff(now, self._key_ms) < _SAME_MS
        self._same = min(self._same + 1, _SAME_MAX + 1) if goes_on else 1
        self._key, self._key_ms = key, now
        if self._same <= _SAME_MAX:
            sink((EV_KEY, key))
        else:
            self._refuse(self._key_bits, sink)

    def _card(self, count, sink) -> None:
        half = (count + 1) // 2
        if sum(self._frame[:half]) % 2 or not sum(self._frame[count - half : count]) % 2:
            self._refuse(count, sink)
            return
        split = 1 + _CARDS[count]
        sink((EV_CARD, "W{}:{}:{}".format(count, self._number(1, split), self._number(split, count - 1))))

    def _number(self, start, end) -> int:
        value = 0
        for index in range(start, end):
            value = value << 1 | self._frame[index]
        return value

    def _refuse(self, count, sink) -> None:
        """An unreadable key or card: report it, but noise only once."""
        now = time.ticks_ms()
        told = self._broken_ms is not None and time.ticks_diff(now, self._broken_ms) < _BROKEN_REST_MS
        self._broken_ms = now
        if not told:
            is_card = count > _GLUED_MAX * self._key_bits
            sink((EV_SCAN_GARBLED,) if is_card else (EV_KEYS_TOGETHER,))

    # --- while nobody presses anything -----------------------------------------------------------------

    def _look(self) -> None:
        """A line that is low at two looks in a row is held low, and every key is lost."""
        self._broken_ms = None
        self._key = ""
        for line in range(2):
            low = self._low[line]
            if not self._lines[line].value():
                self._low[line] = min(low + 1, 2)
                if low == 1:
                    self._report("keypad line D{} is low: check its cable".format(line))
            else:
                self._low[line] = 0
                if low == 2:
                    self._report("keypad line D{} is free again".format(line))
