"""One RS-485 wire with lock boards on it: who is asked when, what is believed, and who is silent.

One request is outstanding at any time.  A reply is looked for in all that was heard since the
request, so noise before it, an echo of the request and frames that were cut or shifted do no harm;
a change is believed when two replies in a row say so.  The transmitter is switched on by the RMT for
exactly the frame: a task that is late cannot talk into the reply.
"""

import asyncio
import time

import esp32
from machine import UART, Pin
from micropython import const

_STEP_MS = const(2)  # between two looks at what has arrived
_REPLY_MS = const(80)  # from the end of a request to the first byte of the reply, at most
_NOISE_MS = const(200)  # from the end of a request until a wire that will not rest is given up
_QUIET_MS = const(6)  # without a byte: a frame has ended (3.5 characters at 9600 baud are 4 ms)
_CYCLE_MS = const(100)  # a short bus is not asked more often than this
_MISSES_MAX = const(3)
_SILENT_MS = const(1_000)  # how often a silent board is asked
_TWINS_MAX = const(5)  # times in a row that two answers were heard
_LISTEN_POLLS = const(32)  # at every so many a second answer is waited for
_LISTEN_MS = const(40)
_ORDER_TRIES = const(3)
_START_MS = const(50)  # a board may take so long to switch its coil on
_BUFFER_BYTES = const(160)
_KEPT_BYTES = const(64)  # of a full buffer: more than the longest reply

# 80 MHz / 255, and the longest of an RMT item: see relays.py
_CLOCK_DIV = const(255)
_ITEM_TICKS_MAX = const(32767)

# What became of an order.
NO_ORDER = const(0)
ORDERED = const(1)  # not yet sent
SENT = const(2)  # sent, and the board has not yet been heard since
CONFIRMED = const(3)  # the board is there
FAILED = const(4)  # it is not


class Board:
    """What is known of one board.  ``bits`` is what it last said, ``picture`` what is believed.

    ``moved`` has a bit for each input that differed between two replies, until whoever reads it
    clears it.  ``flag`` (a ``ThreadSafeFlag`` or None) is set when there is something to read.
    """

    def __init__(self, name: str, codec, inputs: int):
        """``name``: the bank's; ``inputs``: how many of its channels are read, from the first."""
        self.name = name
        self.codec = codec
        count = (inputs + 7) // 8
        self.bits = bytearray(count)
        self.picture = bytearray(count)
        self.moved = bytearray(count)
        self._before = bytearray(count)
        self.flag = None
        self.known = False  # two rounds said the same
        self._once = False  # one round was answered
        self.silent = False
        self.garbled = False  # something was heard, but no reply
        self.misses = 0
        self.next_ms = 0  # when a silent board is asked again
        self.took_ms = 0  # from request to reply, the last time
        self.replies = 0
        self.doubles = 0  # times in a row that two answers were heard

    def begin(self) -> None:
        """A round of requests follows; what was said until now is what it is compared with."""
        self._before[:] = self.bits

    def end(self) -> bool:
        """A whole round was answered.  True when it differs from the picture: ask again at once."""
        if not self.known:
            self.known = self._once and self._before == self.bits
            self._once = True
            self.picture[:] = self.bits
            if self.known:
                self.wake()
            return not self.known
        differs = changed = False
        for i in range(len(self.bits)):
            moving = self.bits[i] ^ self._before[i]
            believed = self.picture[i] & moving | self.bits[i] & ~moving & 0xFF
            changed = changed or moving or believed != self.picture[i]
            differs = differs or believed != self.bits[i]
            self.picture[i] = believed
            self.moved[i] |= moving
        if changed:
            self.wake()
        return bool(differs)

    def lose(self) -> None:
        """Nothing that it said is believed any more."""
        self.silent = True
        self.known = self._once = False
        self.wake()

    def wake(self) -> None:
        if self.flag is not None:
            self.flag.set()


class Bus:
    """The wire.  ``run`` asks its boards round and round and carries out one order at a time."""

    def __init__(self, wire, boards, rmt_channel: int, report):
        """``wire``: an entry of the configuration's ``rs485``; ``boards``: each a ``Board``.

        ``report(text)`` hears once of a board that falls silent, or that shares its address with
        another, and once when that is over.
        """
        self._uart = UART(
            wire["uart"], baudrate=wire["baud"], tx=wire["tx"], rx=wire["rx"], rxbuf=256, timeout=0
        )
        self._byte_us = 10_000_000 // wire["baud"]
        self._driver = None
        if wire["de"] >= 0:
            pin = Pin(wire["de"], Pin.OUT, value=0)
            self._driver = esp32.RMT(rmt_channel, pin=pin, clock_div=_CLOCK_DIV)
            self._ticks_per_s = self._driver.source_freq() // _CLOCK_DIV
        self._boards = tuple(boards)
        self._report = report
        self._out = bytearray(16)
        self._in = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._in)
        self._count = 0
        self._last = None  # (board, n) of the request before
        self._order = None  # (board, channel, pulse_ms)
        self._on_until_ms = time.ticks_ms()
        self.order_state = NO_ORDER
        self.turns = 0  # requests

    # --- orders ------------------------------------------------------------------------------------

    def order(self, board, channel: int, pulse_ms: int) -> None:
        """Energise one lock as soon as the wire is free; watch ``order_state``."""
        self._order = (board, channel, pulse_ms)
        self.order_state = ORDERED

    def withdraw(self) -> None:
        """Forget an order that was not sent, or how the last one went."""
        self._order = None
        self.order_state = NO_ORDER

    def coil_is_on(self) -> bool:
        """Whether the coil of the last order that was sent may still draw current."""
        return time.ticks_diff(self._on_until_ms, time.ticks_ms()) > 0

    async def _carry_out(self, board, channel: int, pulse_ms: int) -> None:
        """Send the command once: a second pulse would need a record of its own.

        The reply, where there is one, proves nothing.  A board that answers when it is asked for its
        state has got the command, as far as anybody can know; whether the door opened, the door tells.
        """
        self._order = None
        sending_ms = self._send(board.codec.open(channel, pulse_ms, self._out))
        longest_ms = sending_ms + _START_MS + board.codec.coil_ms(pulse_ms)
        self._on_until_ms = time.ticks_add(time.ticks_ms(), longest_ms)
        self.order_state = SENT
        await asyncio.sleep_ms(sending_ms)
        await self._hear_out()
        answers = False
        for _ in range(_ORDER_TRIES):
            answers = answers or await self._ask(board)
        self.order_state = CONFIRMED if answers else FAILED

    # --- the round ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Never returns.  What a pulse before a restart left on is switched off first."""
        for board in self._boards:
            length = board.codec.all_off(self._out)
            if length:
                await asyncio.sleep_ms(self._send(length))
                await self._hear_out()
        while True:
            started_ms = time.ticks_ms()
            for board in self._boards:
                if self._order:
                    await self._carry_out(*self._order)
                if not board.silent or time.ticks_diff(time.ticks_ms(), board.next_ms) >= 0:
                    await self._ask(board)
            left_ms = _CYCLE_MS - time.ticks_diff(time.ticks_ms(), started_ms)
            while left_ms > 0 and not self._order:
                pause_ms = min(left_ms, 10)
                await asyncio.sleep_ms(pause_ms)
                left_ms -= pause_ms

    async def _ask(self, board) -> bool:
        """Fetch the state of a board; once more when it differs.  False when it does not answer."""
        for _ in range(2):
            board.begin()
            for n in range(board.codec.polls):
                # Once more when something was heard: perhaps it was another board's late reply.
                if not await self._poll(board, n) and not (board.garbled and await self._poll(board, n)):
                    self._missed(board)
                    return False
            if board.doubles >= _TWINS_MAX:
                self._lose(board, "two boards answer as " + board.name)
                return False
            board.misses = 0
            if board.silent:
                board.silent = False
                self._report(board.name + " answers again")
            if not board.end():
                break
        return True

    async def _poll(self, board, n: int) -> bool:
        """One request and its reply."""
        codec = board.codec
        self.turns = self.turns + 1 & 0xFFFF
        self._clear()
        started_ms = time.ticks_ms()
        sending_ms = self._send(codec.request(n, self._out))
        self._last = board, n
        await asyncio.sleep_ms(max(sending_ms, board.took_ms - _STEP_MS))
        heard_ms = started_ms
        seen = 0
        while True:
            self._take()
            now_ms = time.ticks_ms()
            if self._count != seen:
                seen = self._count
                heard_ms = now_ms
            quiet = seen and time.ticks_diff(now_ms, heard_ms) >= _QUIET_MS
            wanted = codec.reply_bytes(n)
            if quiet or 0 < wanted <= seen:
                end = codec.reply(n, self._in, seen, board.bits)
                if end:
                    board.took_ms = time.ticks_diff(heard_ms, started_ms)
                    await self._answered(board, n, end)
                    return True
            waited_ms = time.ticks_diff(now_ms, started_ms) - sending_ms
            if waited_ms > _REPLY_MS and (quiet or not seen or waited_ms > _NOISE_MS):
                board.took_ms = 0
                board.garbled = bool(seen)
                codec.missed()
                return False
            await asyncio.sleep_ms(_STEP_MS)

    async def _answered(self, board, n: int, end: int) -> None:
        """Look now and then whether somebody else answers too."""
        self._keep_from(end)
        if board.replies % _LISTEN_POLLS == 0 or board.doubles:
            await asyncio.sleep_ms(_LISTEN_MS)
            self._take()
            self._count_doubles(board, n)
        board.replies = board.replies + 1 & 0xFFFF
        if board.codec.GAP_MS > 1:
            await asyncio.sleep_ms(board.codec.GAP_MS)

    def _count_doubles(self, board, n: int) -> None:
        """Two answers to one request, several times in a row: two boards with one address."""
        spare = bytearray(len(board.bits))
        if board.codec.reply(n, self._in, self._count, spare):
            board.doubles = min(_TWINS_MAX, board.doubles + 1)
        else:
            board.doubles = 0

    def _missed(self, board) -> None:
        board.misses = min(_MISSES_MAX, board.misses + 1)
        if board.misses == _MISSES_MAX:
            what = " answers garbled: two with one address?" if board.garbled else " does not answer"
            self._lose(board, board.name + what)

    def _lose(self, board, text: str) -> None:
        board.next_ms = time.ticks_add(time.ticks_ms(), _SILENT_MS)
        if not board.silent:
            board.lose()
            self._report(text)

    # --- the wire ----------------------------------------------------------------------------------

    def _send(self, length: int) -> int:
        """Put ``length`` bytes of the buffer on the wire; returns how long that takes, in ms."""
        us = length * self._byte_us
        if self._driver is not None:
            # One bit more at the end: the last stop bit is driven to its end.
            ticks = (us + self._byte_us // 10) * self._ticks_per_s // 1_000_000
            self._driver.write_pulses((min(ticks, _ITEM_TICKS_MAX),), 1)
        self._uart.write(memoryview(self._out)[:length])
        return us // 1000 + 1

    def _take(self) -> None:
        while self._uart.any():
            if self._count == _BUFFER_BYTES:
                self._keep_from(_BUFFER_BYTES - _KEPT_BYTES)
            got = self._uart.readinto(self._view[self._count :])
            if not got:
                return
            self._count += got

    def _keep_from(self, start: int) -> None:
        kept = self._count - start
        self._view[:kept] = bytes(self._view[start : self._count])
        self._count = kept

    def _clear(self) -> None:
        """What was heard since the last reply is a second answer to that request, or noise."""
        self._take()
        if self._count and self._last:
            board, n = self._last
            if not board.doubles:  # from now on it is listened for each time
                self._count_doubles(board, n)
        self._count = 0

    async def _hear_out(self) -> None:
        """Wait until nobody talks, for as long as a reply may take; nothing heard is kept."""
        started_ms = heard_ms = time.ticks_ms()
        self._count = 0
        spoke = False
        while time.ticks_diff(time.ticks_ms(), started_ms) < _REPLY_MS:
            self._take()
            if self._count:
                spoke = True
                heard_ms = time.ticks_ms()
                self._count = 0
            if spoke and time.ticks_diff(time.ticks_ms(), heard_ms) >= _QUIET_MS:
                return
            await asyncio.sleep_ms(_STEP_MS)
