"""One RS-485 wire with lock boards on it: when each is asked, which replies count, which are silent.

One request is outstanding at any time.  A reply is searched in all bytes since the request, so noise before
it, an echo of the request and frames that were cut or shifted do no harm.  A change counts when two replies
in a row agree: a difference is asked for again at once, alone where a board is asked lock by lock.
``rs485wire`` is the wire, ``rs485board`` the state of a board.
"""

import asyncio
import time

from micropython import const

from .rs485board import Board  # noqa: F401 - part of this module's face
from .rs485wire import QUIET_MS, Wire

_STEP_MS = const(1)  # between two looks for received bytes
_REPLY_MS = const(80)  # from the end of a request to the first byte of the reply, at most
_LATE_MS = const(20)  # how much later than the last reply the next may begin
_NOISE_MS = const(200)  # from the end of a request until a wire with endless noise is given up
_CYCLE_MS = const(100)  # a short bus is not asked more often than this
_PAUSE_MS = const(10)
_MISSES_MAX = const(3)
_SILENT_MS = const(1_000)  # how often a silent board is asked
_TWINS_MAX = const(5)  # times in a row that two answers were heard
# Now and then the bus waits for a second answer; for a board that is asked lock by lock there is time only
# for a short wait, which is extended when bytes arrive.
_LISTEN_POLLS = const(32)
_LISTEN_MS = const(40)
_GLANCE_ROUNDS = const(8)
_GLANCE_MS = const(8)
_ORDER_TRIES = const(3)
_START_MS = const(50)  # the longest time a board takes to switch its coil on

# States of an order.
NO_ORDER = const(0)
ORDERED = const(1)  # not yet sent
SENT = const(2)  # sent, and no reply of the board since
CONFIRMED = const(3)  # the board has answered since
FAILED = const(4)  # it has not answered


def _nothing() -> None:
    pass


class Bus:
    """The wire's boards.  ``run`` asks them in turn and carries out one order at a time."""

    def __init__(self, wire, boards, rmt_channel: int, report):
        """``wire``: an entry of the configuration's ``rs485``; ``boards``: each a ``Board``.

        ``report(text)`` is called once when a board falls silent, or shares its address with another, and
        once when that is over.
        """
        self._wire = Wire(wire, rmt_channel)
        self._boards = tuple(boards)
        self._report = report
        self._last = None  # (board, n) of the request before
        self._order = None  # (board, channel, pulse_ms)
        self._on_until_ms = None  # the tick at which the coil is off again; None: no coil is on
        self.order_state = NO_ORDER
        self.turns = 0  # requests
        self.between = _nothing  # called between two exchanges
        self._exchanges = False

    def is_receiving(self) -> bool:
        """Whether a request and its reply are under way."""
        return self._exchanges

    # --- orders ------------------------------------------------------------------------------------

    def order(self, board, channel: int, pulse_ms: int) -> None:
        """Energise one lock as soon as the wire is free; watch ``order_state``."""
        self._order = (board, channel, pulse_ms)
        self.order_state = ORDERED

    def withdraw(self) -> None:
        """Drop an order that was not sent, or the state of the last one."""
        self._order = None
        self.order_state = NO_ORDER

    def coil_is_on(self) -> bool:
        """Whether the coil of the last order that was sent may still draw current."""
        if self._on_until_ms is not None and time.ticks_diff(self._on_until_ms, time.ticks_ms()) <= 0:
            self._on_until_ms = None  # after six days, half the range of ticks, it would seem to lie ahead
        return self._on_until_ms is not None

    async def _carry_out(self, board, channel: int, pulse_ms: int) -> None:
        """Send the command only once: a second pulse would need a record of its own.

        A reply to the command, if any, proves nothing.  If the board answers a request for its state, it
        presumably got the command; only the door's sensor shows whether the door opened.
        """
        self._order = None
        codec = board.codec
        sending_ms = self._wire.send(codec.open(channel, pulse_ms, self._wire.out))
        longest_ms = sending_ms + _START_MS + codec.coil_ms(pulse_ms)
        self._on_until_ms = time.ticks_add(time.ticks_ms(), longest_ms)
        self.order_state = SENT
        await asyncio.sleep_ms(sending_ms)
        await self._wire.hear_out(_REPLY_MS)
        answers = False
        for _ in range(_ORDER_TRIES):
            answers = answers or await self._ask_one(board, min(channel, codec.polls - 1))
        self.order_state = CONFIRMED if answers else FAILED

    # --- the round ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Never returns.  First it switches off coils that a pulse before a restart left on."""
        wire = self._wire
        for board in self._boards:
            length = board.codec.all_off(wire.out)
            if length:
                await asyncio.sleep_ms(wire.send(length))
                await wire.hear_out(_REPLY_MS)
        while True:
            started_ms = time.ticks_ms()
            for board in self._boards:
                self._exchanges = True
                await self._serve_first()
                if not board.silent or time.ticks_diff(time.ticks_ms(), board.next_ms) >= 0:
                    await self._ask(board)
                self._exchanges = False
                self.between()
            left_ms = _CYCLE_MS - time.ticks_diff(time.ticks_ms(), started_ms)
            while left_ms > 0:
                await asyncio.sleep_ms(min(left_ms, _PAUSE_MS))
                left_ms -= _PAUSE_MS
                self._exchanges = True
                await self._serve_first()
                self._exchanges = False

    async def _serve_first(self) -> None:
        """Serve what cannot wait: an order, and a board that reported unasked that a door moved."""
        if self._order:
            await self._carry_out(*self._order)
        self._wire.take()
        self._look_for_hints()
        for board in self._boards:
            if board.hinted:
                self._wire.count = 0
                board.hinted = False
                await self._ask(board, True)

    def _look_for_hints(self) -> None:
        wire = self._wire
        if wire.count:
            for board in self._boards:
                if board.known and board.codec.hint(wire.heard, wire.count):
                    board.hinted = True

    async def _ask(self, board, agreed: bool = False) -> bool:
        """Fetch the state of a board.  False when it does not answer."""
        if not board.known:
            return await self._meet(board)
        answers = False
        for n in range(board.codec.polls):
            if self._order:
                await self._carry_out(*self._order)
            answers = await self._ask_one(board, n, agreed) or answers
            if board.silent:
                return False
        return answers

    async def _ask_one(self, board, n: int, agreed: bool = False) -> bool:
        """Fetch what request ``n`` covers; ask once more when it differs.  False without an answer."""
        for _ in range(2):
            board.begin()
            if not await self._try(board, n):
                return False
            if not board.end(agreed):
                break
        return True

    async def _meet(self, board) -> bool:
        """Fetch the whole state of a board with no known state, twice."""
        for _ in range(2):
            board.begin()
            for n in range(board.codec.polls):
                if not await self._try(board, n):
                    return False
            if board.silent:
                board.silent = False
                self._report(board.name + " answers again")
            if not board.end():
                break
        return True

    async def _try(self, board, n: int) -> bool:
        """One request; once more when other bytes arrived: perhaps another board's late reply."""
        if not await self._poll(board, n) and not (board.garbled and await self._poll(board, n)):
            self._missed(board)
            return False
        if board.doubles >= _TWINS_MAX:
            self._lose(board, "two boards answer as " + board.name)
            return False
        board.misses = 0
        return True

    async def _poll(self, board, n: int) -> bool:
        """One request and its reply."""
        codec, wire = board.codec, self._wire
        self.turns = self.turns + 1 & 0xFFFF
        self._clear()
        started_ms = time.ticks_ms()
        sending_ms = wire.send(codec.request(n, wire.out))
        self._last = board, n
        # The last reply came after took_ms: look a little earlier, so that the wait never grows.
        await asyncio.sleep_ms(max(sending_ms, board.took_ms - _STEP_MS))
        # If the board's usual delay is known, garbage ends the wait sooner than silence does.
        patience_ms = board.took_ms - sending_ms + _LATE_MS if board.took_ms else _REPLY_MS
        heard_ms = started_ms
        seen = 0
        while True:
            wire.take()
            now_ms = time.ticks_ms()
            if wire.count != seen:
                seen = wire.count
                heard_ms = now_ms
            quiet = seen and time.ticks_diff(now_ms, heard_ms) >= QUIET_MS
            wanted = codec.reply_bytes(n)
            if quiet or 0 < wanted <= seen:
                end = codec.reply(n, wire.heard, seen, board.bits)
                if end:
                    board.took_ms = time.ticks_diff(heard_ms, started_ms)
                    await self._answered(board, n, end)
                    return True
            waited_ms = time.ticks_diff(now_ms, started_ms) - sending_ms
            if waited_ms > (patience_ms if seen else _REPLY_MS) and (
                quiet or not seen or waited_ms > _NOISE_MS
            ):
                board.took_ms = 0
                board.garbled = bool(seen)
                codec.missed()
                return False
            await asyncio.sleep_ms(_STEP_MS)

    async def _answered(self, board, n: int, end: int) -> None:
        """Look for unasked frames, and now and then for a second board that answers too."""
        self._look_for_hints()
        self._wire.keep_from(end)
        polls = board.codec.polls
        is_quick = polls == 1 or not board.known or board.doubles
        if board.doubles or board.replies % (_LISTEN_POLLS if is_quick else _GLANCE_ROUNDS * polls) == 0:
            await self._listen(board, n, _LISTEN_MS if is_quick else _GLANCE_MS)
        board.replies = board.replies + 1 & 0xFFFF
        if board.codec.GAP_MS > 1:
            await asyncio.sleep_ms(board.codec.GAP_MS)

    async def _listen(self, board, n: int, wait_ms: int) -> None:
        await asyncio.sleep_ms(wait_ms)
        self._wire.take()
        if self._wire.count and wait_ms < _LISTEN_MS:
            await asyncio.sleep_ms(_LISTEN_MS - wait_ms)
            self._wire.take()
        self._count_doubles(board, n)

    def _count_doubles(self, board, n: int) -> None:
        """Two answers to one request, several times in a row: two boards with one address."""
        if board.codec.reply(n, self._wire.heard, self._wire.count, board.spare):
            board.doubles = min(_TWINS_MAX, board.doubles + 1)
        else:
            board.doubles = 0

    def _clear(self) -> None:
        """Examine the bytes since the last reply: a second answer to that request, a hint, or noise."""
        wire = self._wire
        wire.take()
        if wire.count and self._last:
            board, n = self._last
            if not board.doubles:  # once suspected, ``_answered`` listens each time
                self._count_doubles(board, n)
            self._look_for_hints()
        wire.count = 0

    # --- who is there --------------------------------------------------------------------------------

    def _missed(self, board) -> None:
        board.misses = min(_MISSES_MAX, board.misses + 1)
        if board.misses == _MISSES_MAX:
            what = " garbled: address twice?" if board.garbled else " does not answer"
            self._lose(board, board.name + what)

    def _lose(self, board, text: str) -> None:
        board.next_ms = time.ticks_add(time.ticks_ms(), _SILENT_MS)
        if not board.silent:
            board.lose()
            self._report(text)
