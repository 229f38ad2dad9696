"""The doors' reed switches, on pins and on expanders, debounced by time (``ports.Sensors``).

An interrupt only wakes the task; levels are then sampled until nothing has moved for a while.  A slow poll
finds changes that an interrupt missed, and expanders that are silent or lost their settings.
"""

import asyncio
import time

from machine import Pin
from micropython import const

from ..core.doors import FAULT_CHATTER, FAULT_SENSOR_SILENT
from ..core.events import EV_DOOR, EV_SENSOR_FAULT
from .waiting import flag_or_ms

_SAMPLE_MS = const(10)
_FAULTY_SAMPLE_MS = const(50)
# A chip without INT has to be asked often enough that a door opened by hand is known in 500 ms.
_POLL_MS = const(1000)
_POLL_NO_INT_MS = const(250)
MISSES_MAX = const(3)  # polls in a row without an answer until the sensors count as silent

# A sensor that never settles, or that reports more movements than a person makes, is faulty until it has been
# at rest for a long while.
_RESTLESS_MS = const(1500)
_REST_MS = const(2000)
_CHANGES_MAX = const(10)  # each second at rest cancels one

_UNKNOWN = const(2)


class PinReed:
    """One switch on a pin of the controller."""

    def __init__(self, door: int, pin: int, closed_level: int, pulled: bool):
        """``pulled``: use the pin's own pull-up; otherwise the wiring has one."""
        self._door = door
        self._closed_level = closed_level
        self._pin = Pin(pin, Pin.IN, Pin.PULL_UP) if pulled else Pin(pin, Pin.IN)
        self._edges = 0
        self._edges_seen = 0
        self._flag = None
        self.doors = (door,)
        self.interrupts = True
        self.misses = 0

    def listen(self, flag) -> None:
        """Wake ``flag`` (a ``ThreadSafeFlag``) at each edge."""
        self._flag = flag
        self._pin.irq(self._on_edge, Pin.IRQ_FALLING | Pin.IRQ_RISING)

    def _on_edge(self, _pin) -> None:
        self._edges = (self._edges + 1) & 0xFFFF
        self._flag.set()

    def sample(self, note) -> None:
        """Tell ``note(door, is_open, moved)``; ``moved``: there were edges since the last call."""
        edges = self._edges
        is_open = 1 if self._pin.value() != self._closed_level else 0
        note(self._door, is_open, edges != self._edges_seen)
        self._edges_seen = edges

    def check(self) -> None:
        """Nothing to do: a pin does not lose its settings."""


class ChipReeds:
    """All switches on one chip: ``Mcp23017``, ``Pcf8574``, ``Tca9554``."""

    def __init__(self, chip, int_pin, wired, pulled: bool = True):
        """``int_pin``: the pin of the controller that INT pulls low, or None; ``pulled`` as for ``PinReed``.

        ``wired``: tuples ``(door, channel, closed_level)``.  Chips may share one ``int_pin``.
        """
        self._chip = chip
        self._wired = b"".join(bytes(three) for three in wired)  # a tuple for each would be 3 kB for 48 doors
        self._int = None
        if int_pin is not None:
            self._int = Pin(int_pin, Pin.IN, Pin.PULL_UP) if pulled else Pin(int_pin, Pin.IN)
        self._flag = None
        self.doors = bytes(door for door, _, _ in wired)
        self.interrupts = int_pin is not None
        self.misses = 0

    def listen(self, flag) -> None:
        """Wake ``flag`` (a ``ThreadSafeFlag``) when INT falls."""
        self._flag = flag
        if self._int is not None:
            self._int.irq(self._on_int, Pin.IRQ_FALLING)

    def _on_int(self, _pin) -> None:
        self._flag.set()

    def sample(self, note) -> None:
        """Tell ``note(door, is_open, moved)`` for each; raises ``OSError`` without an answer."""
        levels = self._chip.read()
        changed = self._chip.changed
        wired = self._wired
        for at in range(0, len(wired), 3):
            door, channel, closed_level = wired[at], wired[at + 1], wired[at + 2]
            note(door, 1 if levels >> channel & 1 != closed_level else 0, bool(changed >> channel & 1))

    def check(self) -> None:
        """Set the chip up again if it lost its settings; raises ``OSError`` without an answer."""
        self._chip.check()


class Reeds:
    """The sensors of all doors."""

    def __init__(self, doors: int, sources, debounce_ms: int = 30):
        """``doors``: how many; ``sources``: ``PinReed`` and ``ChipReeds`` that cover them all."""
        self._sources = tuple(sources)
        self._debounce_ms = debounce_ms
        self._poll_ms = _POLL_MS if all(source.interrupts for source in self._sources) else _POLL_NO_INT_MS
        self._flag = asyncio.ThreadSafeFlag()
        self._raw = bytearray([_UNKNOWN] * doors)
        self._told = bytearray([_UNKNOWN] * doors)  # as last reported
        self._moving = bytearray(doors)
        self._faulty = bytearray(doors)
        self._changes = bytearray(doors)
        self._stirred = bytearray(doors)  # in this second
        self._calm = bytearray([1] * doors)  # was at rest at the last look, once a second
        self._since_ms: list = [0] * doors  # of the last movement; only looked at while moving
        self._restless_ms: list = [0] * doors  # when the first movement after a rest began
        self._now = time.ticks_ms()
        self.turns = 0  # of run
        self._note_bound = self._note  # bound once, so that sampling allocates nothing

    async def run(self, sink) -> None:
        """Report ``(EV_DOOR, door, is_open)`` for every door once, then at each change.

        ``(EV_SENSOR_FAULT, door, fault)`` is reported once per fault; the next ``EV_DOOR`` of that door says
        that the sensor counts again.
        """
        for source in self._sources:
            source.listen(self._flag)
        polled_ms = forgiven_ms = time.ticks_ms()
        wait_ms = 0
        while True:
            if wait_ms == self._poll_ms:
                await flag_or_ms(self._flag, wait_ms)
            else:
                await asyncio.sleep_ms(wait_ms)
            self._now = time.ticks_ms()
            self.turns = self.turns + 1 & 0xFFFF
            poll = wait_ms == 0 or time.ticks_diff(self._now, polled_ms) >= self._poll_ms
            if poll:
                polled_ms = self._now
            # Before the sample, since a door that starts to move in it was at rest until now.
            if time.ticks_diff(self._now, forgiven_ms) >= 1000:
                forgiven_ms = self._now
                self._forgive()
            self._sample(sink, poll)
            wait_ms = self._settle(sink)

    def _sample(self, sink, poll: bool) -> None:
        """Read every source; one without an answer is read again only at polls."""
        for source in self._sources:
            if source.misses and not poll:
                continue
            try:
                if poll:
                    source.check()
                source.sample(self._note_bound)
                source.misses = 0
            except OSError:
                if source.misses < MISSES_MAX:
                    source.misses += 1
                    if source.misses == MISSES_MAX:
                        self._lose(source, sink)

    def _lose(self, source, sink) -> None:
        for door in source.doors:
            self._raw[door] = self._told[door] = _UNKNOWN
            self._moving[door] = 0
            sink((EV_SENSOR_FAULT, door, FAULT_SENSOR_SILENT))

    def _note(self, door: int, is_open: int, moved: bool, settled: bool = False) -> None:
        """``settled``: the source has debounced it already."""
        if is_open == self._raw[door] and not moved:
            return
        self._raw[door] = is_open
        self._stirred[door] = 1
        self._since_ms[door] = time.ticks_add(self._now, -self._debounce_ms) if settled else self._now
        if not self._moving[door]:
            self._moving[door] = 1
            if self._calm[door]:
                self._calm[door] = 0
                self._restless_ms[door] = self._now

    def _settle(self, sink) -> int:
        """Report doors that have come to rest; returns how long to wait before the next sample."""
        wait_ms = self._poll_ms
        for door in range(len(self._raw)):
            if not self._moving[door]:
                continue
            rest_ms = _REST_MS if self._faulty[door] else self._debounce_ms
            if time.ticks_diff(self._now, self._since_ms[door]) >= rest_ms:
                self._moving[door] = 0
                self._report(door, sink)
                if not self._moving[door]:
                    continue
            elif not self._faulty[door] and self._is_restless(door):
                self._distrust(door, sink)
            wait_ms = min(wait_ms, _FAULTY_SAMPLE_MS if self._faulty[door] else _SAMPLE_MS)
        return wait_ms

    def _is_restless(self, door: int) -> bool:
        return time.ticks_diff(self._now, self._restless_ms[door]) > _RESTLESS_MS

    def _report(self, door: int, sink) -> None:
        if self._faulty[door]:
            self._faulty[door] = self._changes[door] = 0
            self._calm[door] = 1
        elif self._raw[door] == self._told[door]:
            return
        elif self._changes[door] >= _CHANGES_MAX:
            self._distrust(door, sink)
            self._moving[door] = 1
            return
        else:
            self._changes[door] += 1
        self._told[door] = self._raw[door]
        sink((EV_DOOR, door, bool(self._raw[door])))

    def _distrust(self, door: int, sink) -> None:
        self._faulty[door] = 1
        sink((EV_SENSOR_FAULT, door, FAULT_CHATTER))

    def _forgive(self) -> None:
        for door in range(len(self._changes)):
            if self._changes[door] and not self._stirred[door]:
                self._changes[door] -= 1
            self._stirred[door] = 0
            if not self._moving[door]:
                self._calm[door] = 1
