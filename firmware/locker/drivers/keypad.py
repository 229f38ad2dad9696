"""A matrix keypad of 3 or 4 columns: interrupt while idle, scanning while a key is down.

Rows are open-drain outputs, columns inputs with pull-up.  Idle, every row is low and a pressed key
pulls its column low.  While keys are down the rows are driven one by one: four times one write
and one read of all columns.  Without diodes three keys at the corners of a rectangle show a
fourth that nobody pressed, so three at once count as none (``EV_KEYS_TOGETHER``).
"""

import asyncio
import time

from machine import Pin
from micropython import const

from ..core.events import EV_KEY, EV_KEYS_TOGETHER
from .waiting import flag_or_ms

_SCAN_MS = const(3)
_TOGETHER_MIN = const(3)
_RELEASE_WEIGHT = const(3)  # a release counts after a third of the debounce time: "11" typed fast

# A key that stays down for long (a coin wedged in) is scanned less often, like any other change.
_HELD_SCANS = const(1000)
_HELD_SCAN_MS = const(25)
_REST_MS = const(2_000)  # how often the idle task counts a turn


class MatrixKeypad:
    """Keys as ``ports.Keypad`` wants them: one event for each press, when it has debounced."""

    def __init__(self, rows, cols, keys: str, debounce_ms: int = 20):
        """``rows`` and ``cols``: pin numbers; ``keys``: the labels, row by row.

        Raises ``ValueError`` when there are not as many labels as crossings.
        """
        if len(keys) != len(rows) * len(cols):
            raise ValueError(f"{len(keys)} keys for {len(rows)} x {len(cols)}")
        self._rows = tuple(Pin(row, Pin.OPEN_DRAIN, value=0) for row in rows)
        self._cols = tuple(Pin(col, Pin.IN, Pin.PULL_UP) for col in cols)
        self._keys = tuple(keys)
        self._debounce_ms = debounce_ms
        self._flag = asyncio.ThreadSafeFlag()
        self._down = bytearray(len(keys))  # as of the latest scan
        self._level_ms = bytearray(len(keys))  # time down less time up
        self._pressed = bytearray(len(keys))  # debounced
        self._together_ms = 0
        self._refusing = False
        self.turns = 0  # of run: scans, and signs of life

    async def run(self, sink) -> None:
        """Report ``(EV_KEY, key)`` once per press and ``(EV_KEYS_TOGETHER,)`` for mashing."""
        for col in self._cols:
            col.irq(self._on_edge, Pin.IRQ_FALLING)
        while True:
            if self._listen():
                while not await flag_or_ms(self._flag, _REST_MS):
                    self.turns = self.turns + 1 & 0xFFFF  # idle: only count a turn
            await self._follow(sink)

    def is_receiving(self) -> bool:
        """Whether keys are down, or not yet known to be up."""
        return any(self._down) or any(self._level_ms)

    def standstill(self, is_over: bool) -> None:
        """Nothing to do: the next scan finds which keys are down."""

    def _on_edge(self, _pin) -> None:
        self._flag.set()

    async def _follow(self, sink) -> None:
        """Scan until every key is up and nothing is left to debounce."""
        scanned_ms = time.ticks_ms()
        unchanged = 0
        while True:
            self.turns = self.turns + 1 & 0xFFFF
            changed = self._scan()
            now = time.ticks_ms()
            # A late scan (flash was erased) tells little about the time it missed: even then three scans in a
            # row must find a key down.
            passed_ms = min(time.ticks_diff(now, scanned_ms), self._debounce_ms // 2)
            scanned_ms = now
            self._weigh(passed_ms, sink)
            unchanged = 0 if changed else unchanged + 1
            if not any(self._level_ms) and not any(self._down):
                self._together_ms = 0
                self._refusing = False
                return
            if unchanged < _HELD_SCANS:
                await asyncio.sleep_ms(self._next_ms())
            else:
                await asyncio.sleep_ms(_HELD_SCAN_MS)

    def _listen(self) -> bool:
        """Drive every row low; False when a key is down already and will make no edge."""
        self._flag.clear()
        for row in self._rows:
            row.value(0)
        return all(col.value() for col in self._cols)

    def _scan(self) -> bool:
        """Read all crossings into ``_down``; True when one differs from the scan before."""
        changed = False
        index = 0
        for row in self._rows:
            row.value(1)
        for row in self._rows:
            row.value(0)
            for col in self._cols:
                down = 1 - col.value()
                if self._down[index] != down:
                    self._down[index] = down
                    changed = True
                index += 1
            row.value(1)
        return changed

    def _weigh(self, passed_ms: int, sink) -> None:
        """Integrate each key's contact; report keys that reached the debounce time.

        With an integrator, a spike in either direction costs only its own length.
        """
        together = self._too_many(passed_ms, sink)
        for index in range(len(self._keys)):
            level_ms = self._level_ms[index]
            if not self._down[index]:
                up_ms = min(passed_ms, 2 * _SCAN_MS)
                if self._pressed[index]:
                    up_ms *= _RELEASE_WEIGHT
                level_ms = max(0, level_ms - up_ms)
            elif self._pressed[index] or not together:  # else perhaps a ghost: it must debounce alone
                level_ms = min(self._debounce_ms, level_ms + passed_ms)
            self._level_ms[index] = level_ms
            if level_ms == 0:
                self._pressed[index] = 0
            elif level_ms == self._debounce_ms and not self._pressed[index]:
                self._pressed[index] = 1
                if not self._refusing:
                    sink((EV_KEY, self._keys[index]))

    def _too_many(self, passed_ms: int, sink) -> bool:
        """True while too many keys are down to tell which; reported once, until all are up again."""
        if sum(self._down) < _TOGETHER_MIN:
            if not self._refusing:
                self._together_ms = 0
            return False
        self._together_ms += passed_ms
        if self._together_ms >= self._debounce_ms and not self._refusing:
            self._refusing = True
            sink((EV_KEYS_TOGETHER,))
        return True

    def _next_ms(self) -> int:
        """Until the next scan: short enough to end just when a key has debounced."""
        wait_ms = _SCAN_MS
        for index in range(len(self._keys)):
            if self._down[index] and not self._pressed[index]:
                wait_ms = min(wait_ms, self._debounce_ms - self._level_ms[index])
        return max(1, wait_ms)
