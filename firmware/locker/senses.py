"""The cabinet's own sensors and lights, as configured: clock chip, lid, mains, supply, strip.

Imported only when one of them is configured, and each driver only for a part that is.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from .core import events, senses
from .core.reasons import R_OK
from .core.timekeeping import EARLIEST_S
from .drivers.switches import Switch

_LOOK_MS = const(100)
_LID_HOLD_MS = const(200)
_MAINS_HOLD_MS = const(1_000)  # shorter dips are bridged by the battery without notice
_SUPPLY_MS = const(10_000)
_WARMTH_MS = const(60_000)
_CLOCK_MS = const(21_600_000)  # four times a day: the crystal of the controller drifts a second in one
_CLOCK_OFF_S = const(2)  # the chip may differ from the host by this much
_CLOCK_WRONG_S = const(600)  # beyond, a person is told
# A chip this far ahead of the journal has the wrong time, even without an error flag: no locker is stored for
# longer, and a clock that took this time could never go back.
_AHEAD_MAX_S = const(63_072_000)

_SILENT = "clock: no answer"


class Senses:
    """``hear(text)`` is called when the clock chip does not answer, has stopped, or answers again."""

    def __init__(self, raw, buses, hear):
        self._hear = hear
        self._doors = len(raw["doors"])
        self._weak_mv = 0
        self._switches = []
        self._gauge = self._strip = self._chip = self._locks = None
        self._chip_told = ""
        self._controller = None
        self._clock = None
        self._before_s = -1  # the time before the chip's was taken
        given = raw["senses"]
        from .drivers.banks import INPUT_ONLY

        no_pull = INPUT_ONLY.get(raw["board"], ())
        self._add_switch(given["tamper"], "open_level", events.SENSE_LID, _LID_HOLD_MS, no_pull)
        self._add_switch(given["mains"], "lost_level", events.SENSE_MAINS, _MAINS_HOLD_MS, no_pull)
        if given["supply"]:
            from .drivers.gauge import Gauge

            self._gauge = Gauge(given["supply"]["pin"], given["supply"]["ratio_milli"])
            self._weak_mv = given["supply"]["weak_mv"]
        if given["strip"]:
            from .drivers.strip import NO_LIGHT, Strip

            lights = bytes([NO_LIGHT if light < 0 else light for light in given["strip"]["lights"]])
            self._strip = Strip(given["strip"]["pin"], lights)
        if given["clock"]:
            from .drivers.ds3231 import Ds3231

            self._chip = Ds3231(buses[given["clock"]["i2c"]], given["clock"]["address"])

    def _add_switch(self, part, level, what, hold_ms, no_pull):
        if part:
            pulled = part["pin"] not in no_pull
            self._switches.append((what, Switch(part["pin"], part[level], pulled, hold_ms)))

    def watched(self, locks):
        """``locks``, wrapped in ``WatchedLocks`` if there is a gauge or a strip."""
        if self._gauge is None and self._strip is None:
            return locks
        from .drivers.gauge import WatchedLocks

        self._locks = WatchedLocks(locks, self._gauge, self._strip)
        return self._locks

    # --- joining ------------------------------------------------------------------------------------

    def watch(self, core):
        """Add the core's part of the senses, before the journal is replayed."""
        core.senses = senses.Senses(core, self._doors, self._weak_mv)

    def take_time(self, clock):
        """Set ``clock`` (a ``timekeeping.Clock``) by the chip, if the chip's time is plausible.

        Called before the first event, so that the locker starts with the right time.
        """
        self._clock = clock
        if self._chip is None:
            return
        before_s = clock.now(ticks_ms())[1]
        epoch_s = self._ask_chip(before_s)
        if epoch_s and self._set(epoch_s):
            self._before_s = before_s

    def join(self, controller, supervisor):
        """Send events to the controller; ``run`` and the lights become tasks."""
        self._controller = controller
        controller.time_set = self._follow_host
        if self._locks is not None:
            self._locks.sink = controller.sink
        supervisor.spare("senses", self.run)
        if self._strip is not None:
            supervisor.spare("strip", self._strip.run)

    def started(self):
        """The core has its start event: now report that the chip's time was taken, or why not."""
        if self._chip_told:
            self._hear(self._chip_told)
        if self._before_s >= 0:
            self._controller.sink((events.EV_TIME, self._before_s, events.TIME_FROM_CHIP))

    def door_sink(self, sink):
        """A sink for the doors' sensors that also passes their events to the lights."""
        strip = self._strip
        if strip is None:
            return sink

        def shown(event):
            sink(event)
            if event[0] == events.EV_DOOR:
                strip.seen(event[1], event[2])

        return shown

    def _follow_host(self, epoch_s):
        """The host has set the clock: set the chip too."""
        if self._chip is None:
            return
        try:
            off_s = self._chip.read() - epoch_s
            if abs(off_s) > _CLOCK_OFF_S:
                self._chip.set(epoch_s)
            if _CLOCK_WRONG_S < abs(off_s) < epoch_s:  # a chip that had stopped says 0, and was reported
                self._hear("clock: set right, was {:+d} s off".format(off_s))
        except OSError:
            self._chip_says(_SILENT)
        else:
            self._chip_says("")

    def supply_mv(self):
        """The supply now, in millivolts; 0 when it is not measured."""
        return 0 if self._gauge is None else self._gauge.read_mv()

    # --- the task -----------------------------------------------------------------------------------

    async def run(self):
        """Poll all senses in turn; never returns."""
        now_ms = ticks_ms()
        looks = []  # [when, how often, what]
        if self._gauge is not None:
            looks.append([now_ms, _SUPPLY_MS, self._look_at_supply])
        if self._chip is not None:
            looks.append([now_ms, _WARMTH_MS, self._look_at_warmth])
            looks.append([ticks_add(now_ms, _CLOCK_MS), _CLOCK_MS, self._look_at_clock])
        while True:
            now_ms = ticks_ms()
            for what, switch in self._switches:
                if switch.look(now_ms):
                    self._switched(what, switch.active)
            for entry in looks:
                if ticks_diff(now_ms, entry[0]) >= 0:
                    entry[0] = ticks_add(now_ms, entry[1])
                    entry[2]()
            await asyncio.sleep_ms(_LOOK_MS)

    def _switched(self, what, active):
        if what == events.SENSE_MAINS and self._strip is not None:
            self._strip.save(active)
        self._controller.sink((events.EV_SENSE, what, active))

    def _look_at_supply(self):
        if not self._controller.is_pulsing():
            self._controller.sink((events.EV_SENSE, events.SENSE_SUPPLY, self._gauge.read_mv()))

    def _look_at_warmth(self):
        try:
            degrees = self._chip.degrees()
        except OSError:
            self._chip_says(_SILENT)
            return
        if self._chip_told == _SILENT:
            self._look_at_clock()  # it answers again: read its time
        self._controller.sink((events.EV_SENSE, events.SENSE_HEAT, degrees))

    def _look_at_clock(self):
        epoch_s = self._ask_chip(self._clock.now(ticks_ms())[1])
        if epoch_s:
            self._set(epoch_s)

    def _set(self, epoch_s):
        """Set the clock by the chip; False, and reported, when the two contradict each other."""
        taken = self._clock.set(ticks_ms(), epoch_s, True) == R_OK
        if not taken:
            self._chip_says("clock: not the time of the locker")
        elif self._controller:
            self._controller.note_ahead()  # host and chip may agree now
        return taken

    def _ask_chip(self, before_s):
        """The chip's time if it is plausible, else 0; a fault is reported once."""
        try:
            epoch_s = self._chip.read()
        except OSError:
            self._chip_says(_SILENT)
            return 0
        if not epoch_s:
            self._chip_says("clock: stopped, perhaps its battery")
        elif before_s >= EARLIEST_S and epoch_s > before_s + _AHEAD_MAX_S:
            self._chip_says("clock: years ahead of the journal")
            epoch_s = 0
        else:
            self._chip_says("")
        return epoch_s

    def _chip_says(self, text):
        if text != self._chip_told:
            self._chip_told = text
            if self._controller:  # before that, ``started`` reports it
                self._hear(text or "clock: good again")
