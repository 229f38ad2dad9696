"""Doors and people with random faults: no compartment with a parcel is ever offered as free.

The firmware's ``core.cabinet`` decides; this module simulates its world: parcels, latches, failing sensors
and boards, power cuts.  A cycle is one parcel put in or taken out.  Reports reach the cabinet as from the
drivers: debounced, a chattering sensor as a fault after a few false reports, a silent board as a fault and
its doors again when it is back.

Two faults are left out, since no controller with one reed switch for each door can detect them: a contact
that sticks for a second or more just while a latch jams, and a power cut during a contact's flutter while a
latch jams.
"""

import random
import time
from typing import Any

from locker.core import cabinet, doors, records

TICKS = 1 << 30

DOORS = 6
EPOCH_S = 1_800_000_000
FAULTS = {
    "jam": 0.10,  # a parcel presses on the latch: it opens late, or not at all
    "held shut": 0.04,  # somebody leans on the door as it opens
    "sprung and shut": 0.04,  # it opens and is pushed shut before a hand is in it
    "flutter": 0.05,  # the contact chatters
    "wire broken": 0.03,  # the contact reads closed, whatever the door does
    "sensor silent": 0.05,
    "lock silent": 0.03,
    "lock unsure": 0.03,  # pulsed, but the board stopped answering
    "power": 0.08,
    "crowbar": 0.01,
    "left open": 0.05,
}


class World:
    """A cabinet, and the truth that it cannot see: ``inside`` and ``is_open`` of each door."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.inside: list[str] = [""] * DOORS
        self.is_open = [False] * DOORS
        self.wire_broken = [False] * DOORS
        self.silent = False
        self.jams = [0] * DOORS
        self.faults: set[str] = set()
        self.customer_at = -1  # the door of the parcel that somebody wants to collect
        self.ms = TICKS - 60_000
        self.counts = dict.fromkeys(("cycles", "deposits", "collections", "phantoms", *FAULTS), 0)
        self.pulses: list[int] = []
        self.notes: list[tuple[int, int]] = []
        self.log: list[tuple[int, bytes]] = []
        self.boot()

    # --- the cabinet's side -------------------------------------------------------------------------

    def boot(self) -> None:
        """Restore the cabinet from its records, as after a power cut; each sensor reports once."""
        self.cabinet = cabinet.Cabinet([1] * DOORS, [False] * DOORS, 400, 120, self._record, self._effect)
        for kind, payload in self.log:
            self.cabinet.apply(kind, EPOCH_S, payload)
        self.log = list(self.cabinet.snapshot())
        self.pulses.clear()
        self.silent = False
        for index in range(DOORS):
            self.report(index)

    def _record(self, kind: int, *values: Any) -> None:
        payload = records.pack(kind, *values)
        self.log.append((kind, payload))
        self.cabinet.apply(kind, self.now()[1], payload)

    def _effect(self, effect: tuple[Any, ...]) -> None:
        self.pulses.append(effect[1])

    def now(self) -> tuple[int, int, int]:
        return self.ms % TICKS, EPOCH_S + self.ms // 1000, 1

    def signal(self, index: int, signal: str) -> None:
        self.cabinet.signal(index, signal, self.now())
        self.judge()

    def report(self, index: int) -> None:
        """Report a working sensor's state; a silent one reports nothing."""
        if not self.silent:
            is_open = self.is_open[index] and not self.wire_broken[index]
            self.signal(index, doors.SEEN_OPEN if is_open else doors.SEEN_CLOSED)

    def pass_ms(self, ms: int) -> None:
        """Let time pass, from deadline to deadline; queued pulses are given meanwhile."""
        end_ms = self.ms + ms
        while True:
            due_ms = self.cabinet.deadline(self.now())
            left_ms = end_ms - self.ms
            self.ms += left_ms if due_ms is None else min(left_ms, due_ms)
            self.cabinet.tick(self.now())
            while self.pulses:
                self._pulse(self.pulses.pop(0))
            self.notes += self.cabinet.notes
            self.cabinet.notes.clear()
            if self.ms >= end_ms:
                return

    def judge(self) -> None:
        """Check that no shut compartment that the cabinet would offer holds a parcel."""
        for index, door in enumerate(self.cabinet.doors):
            free = not (door.content or door.block or door.ordered) and door.phase == doors.CLOSED
            assert not (free and self.inside[index] and not self.is_open[index]), (
                f"door {index} is free and holds {self.inside[index]}; faults {sorted(self.faults)}"
            )

    # --- the world's side ---------------------------------------------------------------------------

    def _pulse(self, index: int) -> None:
        if "lock silent" in self.faults:
            self.signal(index, doors.PULSE_FAILED)
            return
        if self.jams[index]:
            self.jams[index] -= 1
        elif "held shut" in self.faults:
            self.faults.discard("held shut")
        elif not self.is_open[index]:
            self._spring(index)
        if "lock unsure" in self.faults:
            self.faults.discard("lock unsure")
            self.signal(index, doors.PULSE_FAILED)
        else:
            self.signal(index, doors.PULSED)

    def _spring(self, index: int) -> None:
        self.is_open[index] = True
        self.ms += 130
        self.report(index)
        if "sprung and shut" in self.faults:
            self.faults.discard("sprung and shut")
            self.ms += self.random.randint(40, 790)
            self.is_open[index] = False
            self.report(index)

    def flutter(self, index: int) -> None:
        """A contact that chatters: up to four false doors, then a fault, then the truth."""
        for number in range(self.random.randint(1, 4)):
            if self.silent:
                return
            self.signal(index, doors.SEEN_CLOSED if number % 2 else doors.SEEN_OPEN)
            self.ms += self.random.randint(30, 290)
        self.cabinet.sensor_fault(index, doors.FAULT_CHATTER, self.now())
        self.pass_ms(self.random.randint(1_000, 8_000))
        self.report(index)

    def lose_sensors(self) -> None:
        self.silent = True
        for index in range(DOORS):
            self.cabinet.sensor_fault(index, doors.FAULT_SENSOR_SILENT, self.now())

    def find_sensors(self) -> None:
        self.silent = False
        for index in range(DOORS):
            self.report(index)

    def lose_power(self) -> None:
        """The cabinet's memory is lost; people finish what they are doing without power."""
        for index in range(DOORS):
            if self.is_open[index] and self.random.random() < 0.5:
                if index == self.customer_at:
                    self.inside[index] = ""
                self.is_open[index] = False
        self.ms += self.random.randint(1_000, 600_000)
        self.boot()

    # --- people -------------------------------------------------------------------------------------

    def cycle(self) -> None:
        """One parcel in or out, with random faults; then everything is repaired."""
        self.counts["cycles"] += 1
        self.faults = {name for name, chance in FAULTS.items() if self.random.random() < chance}
        for name in self.faults:
            self.counts[name] += 1
        full = [index for index in range(DOORS) if self.cabinet.doors[index].content == doors.PARCEL]
        index = self.random.choice(full) if full and self.random.random() < 0.5 else self.cabinet.choose(1)
        if index < 0:
            index = self.random.randrange(DOORS)
        collects = self.cabinet.doors[index].content == doors.PARCEL
        self._befall(index)
        parcel = self.cabinet.doors[index].parcel if collects else f"P{self.counts['cycles']}"
        purpose = doors.FOR_COLLECT if collects else doors.FOR_DEPOSIT
        self.notes.clear()
        self.customer_at = index if collects else -1
        if self.cabinet.order(index, purpose, 0, 0, 1, parcel, self.now()) == cabinet.ORDERED:
            self._visit(index, parcel, collects)
        self._put_right()

    def _befall(self, index: int) -> None:
        self.jams[index] = self.random.randint(1, 4) if "jam" in self.faults else 0
        self.wire_broken[index] = "wire broken" in self.faults
        if "sensor silent" in self.faults and self.random.random() < 0.5:
            self.lose_sensors()
        if "crowbar" in self.faults:
            self.is_open[index] = True
            self.report(index)

    def _visit(self, index: int, parcel: str, collects: bool) -> None:
        """Somebody waits at the door; the drawn events happen at random moments of the wait."""
        cut_at = self.random.randint(0, 60) if "power" in self.faults and "flutter" not in self.faults else -1
        flutter_at = self.random.randint(0, 30) if "flutter" in self.faults else -1
        silent_at = self.random.randint(0, 30) if "sensor silent" in self.faults else -1
        done_at = self.random.randint(6, 60)
        step = -1
        # Nobody leaves while it may still open.
        while step < done_at or self.cabinet.doors[index].phase in (doors.ORDERED, doors.STUCK):
            step += 1
            self.pass_ms(100)
            if step == cut_at:
                self.lose_power()
            if step == flutter_at:
                self.flutter(index)
            if step == silent_at:
                self.lose_sensors()
            if self.is_open[index]:
                if step >= 4 and collects and self.inside[index]:
                    self.inside[index] = ""
                    self.counts["collections"] += 1
                    break
                told = (index, cabinet.NOTE_OPENED) in self.notes
                if not collects and told and not self.inside[index] and self._expects(index, parcel):
                    self.inside[index] = parcel
                    self.counts["deposits"] += 1
                    break
        self.pass_ms(self.random.randint(500, 3_000))
        if "left open" in self.faults:
            self.pass_ms(200_000)
        self._push_shut(index)
        self.pass_ms(1_000)

    def _expects(self, index: int, parcel: str) -> bool:
        door = self.cabinet.doors[index]
        return bool(door.content == doors.FILLING and door.parcel == parcel)

    def _push_shut(self, index: int) -> None:
        if self.is_open[index]:
            self.is_open[index] = False
            self.report(index)

    def _put_right(self) -> None:
        """The technician was there: parts work again, and blocked doors were opened and looked into."""
        self.faults = set()
        self.wire_broken = [False] * DOORS
        self.jams = [0] * DOORS
        self.pass_ms(40_000)
        if self.silent:
            self.find_sensors()
        for index in range(DOORS):
            self.report(index)
            self._push_shut(index)
            door = self.cabinet.doors[index]
            if door.block:
                self.inside[index] = ""
                self._record(records.RELEASED, index, door.block)
            if door.content == doors.PARCEL and not self.inside[index]:
                self.counts["phantoms"] += 1
                self._record(records.COLLECTED, index, 0, door.parcel)
        if len(self.log) > 500:
            self.log = list(self.cabinet.snapshot())


def cycles(seed: int, count: int) -> dict[str, int]:
    """``count`` cycles with one seed; raises ``AssertionError`` at the first false free compartment."""
    world = World(seed)
    for _ in range(count):
        world.cycle()
    return world.counts


def run(seconds: float, seed: int) -> dict[str, float]:
    """Cycles until the time is up; ``doors.false_free`` is 0, or an error was raised."""
    total: dict[str, float] = {"doors.false_free": 0}
    world = World(seed)
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        for _ in range(200):
            world.cycle()
    total.update(world.counts)
    return total
