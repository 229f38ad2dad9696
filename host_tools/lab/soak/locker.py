"""Days at the locker under virtual time: people, jams, power cuts and networks at random.

The real firmware runs on the simulated board; people press keys, hold labels before the scanner, put parcels
in, take them out and push doors shut.  The physical world is the reference: which parcel really lies behind
which door, and which door really opened.  Never allowed:

- somebody finds another person's parcel, or a parcel where an empty compartment was given to them;
- a compartment that the locker would offer as empty holds a parcel;
- a door opens without a pulse in the journal;
- the host misses an event, or gets two different ones with one number.

The opposite, a parcel recorded where there is none, is only counted (``phantoms``): it can happen when power
fails between the latch's opening and the reed switch's report, and costs a look by the operator, not a
parcel.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from consigne.protocol import codes
from consigne.protocol.events import EventData
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.broker import Faults
from consigne.sim.network.host import Host
from consigne.sim.network.memory import BLACKHOLE, CUT, REFUSE, UP
from locker.journal import log

KEY = bytes(range(32))
EPOCH_S = 1_800_000_000
VISITS_PER_DAY = 40


class Day:
    """One locker and the people who come to it; ``counts`` is what happened."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.random = random.Random(seed)
        clock = VirtualClock()
        self.host = Host(clock, KEY, Faults(seed, lose=0.05, double=0.1, delay_us=300_000))
        identity = reference.identity()
        identity["device_key"] = KEY.hex()
        self.locker = SimLocker(
            reference.config(1883),
            identity,
            directory,
            "virtual",
            clock=clock,
            network=self.host.network,
            seed=seed,
        )
        self.inside: dict[int, str] = {}
        self.waiting: list[str] = []  # parcels in the locker whose customers will come
        self.counts = dict.fromkeys(("deposits", "collections", "cuts", "outages", "jams", "phantoms"), 0)
        self._mischief: list[tuple[int, Callable[[], Any]]] = []
        self._number = 0

    # --- time -------------------------------------------------------------------------------------

    def now_s(self) -> int:
        """The time of host and couriers: the clock starts with the locker."""
        return EPOCH_S + self.locker.clock.now_us() // 1_000_000

    def pass_s(self, seconds: float) -> None:
        """Let time pass; planned faults happen meanwhile."""
        end_us = self.locker.clock.now_us() + round(seconds * 1e6)
        while self._mischief and self._mischief[0][0] <= end_us:
            at_us, act = self._mischief.pop(0)
            self.locker.run_for(max(0, at_us - self.locker.clock.now_us()) / 1e6)
            act()
        self.locker.run_for(max(0, end_us - self.locker.clock.now_us()) / 1e6)

    def later(self, seconds: float, act: Callable[[], Any]) -> None:
        self._mischief.append((self.locker.clock.now_us() + round(seconds * 1e6), act))
        self._mischief.sort(key=lambda entry: entry[0])

    def sees(self, *texts: str, within_s: float = 12) -> bool:
        """Whether one of these screens appears on a powered display."""
        for _ in range(round(within_s * 5)):
            if self.locker.powered and any(text in " ".join(self.locker.display()) for text in texts):
                return True
            self.pass_s(0.2)
        return False

    def type(self, keys: str) -> None:
        if self.locker.powered:
            self.pass_s(self.locker.type(keys, 8) + 0.2)

    # --- people -----------------------------------------------------------------------------------

    def open_door(self, within_s: float) -> int:
        """The open door, -1 when none opens in time."""
        for _ in range(round(within_s * 10)):
            for index, door in enumerate(self.locker.doors):
                if door.is_open:
                    return index
            self.pass_s(0.1)
        return -1

    def courier(self) -> None:
        """Leaves one parcel, of any size, in the first compartment that opens."""
        parcel = f"JD{self._number:016d}"
        self._number += 1
        self.type(codes.window_code(KEY, 1, 1, reference.COURIER_HOLDER, self.now_s()) + "#")
        if not self.sees("Scan the next"):
            return
        self.locker.scan(parcel)
        if not self.sees("Which size"):
            return
        self.type(self.random.choice("1123"))
        if (
            self.open_door(25) >= 0
            and self.random.random() < 0.1
            and self.sees("Put the parcel in", within_s=2)
        ):
            first = self.open_door(0.2)
            self.type("*")  # does not fit
            self.locker.push_shut(first)
            self.pass_s(3)
        self._put(parcel)
        self.pass_s(1)
        self.type("#")

    def _put(self, parcel: str) -> None:
        index = self.open_door(25)
        if index < 0:
            return
        if self.sees("Put the parcel in", within_s=2):
            assert index not in self.inside, f"door {index} was given out with {self.inside[index]} inside"
            self.pass_s(self.random.uniform(0.2, 3))
            self.inside[index] = parcel
            self.waiting.append(parcel)
            self.counts["deposits"] += 1
        self.pass_s(self.random.uniform(0.1, 2))
        self.locker.push_shut(index)

    def customer(self) -> None:
        """Comes for a parcel, sometimes mistypes, sometimes wants to look once more."""
        parcel = self.random.choice(self.waiting)
        code = codes.derived_code(KEY, parcel)
        if self.random.random() < 0.2:
            self.type(code[:-1] + str((int(code[-1]) + 5) % 10) + "#")
            self.pass_s(7)
        self.type(code + "#")
        index = self.open_door(15)
        if index < 0 and self.sees("did not open?", within_s=1):
            self.type("*")
            index = self.open_door(15)
        if index < 0:
            return
        found = self.inside.pop(index, None)
        assert found in (parcel, None), f"who came for {parcel} found {found}"
        if found:
            self.waiting.remove(parcel)
            self.counts["collections"] += 1
        self.pass_s(self.random.uniform(0.2, 20))
        self.locker.push_shut(index)
        self.pass_s(1)
        if self.random.random() < 0.1:
            self.type("*")
            index = self.open_door(3)
            if index >= 0:
                assert index not in self.inside, "opened once more after it was given to the next"
                self.locker.push_shut(index)

    def stranger(self) -> None:
        self.type("".join(self.random.choice("0123456789*#") for _ in range(self.random.randint(1, 14))))

    # --- what goes wrong ----------------------------------------------------------------------------

    def plan_mischief(self) -> None:
        """Before a visit: perhaps plan a jam, a power cut during it, or a network failure."""
        if self.random.random() < 0.15:
            self.random.choice(self.locker.doors).strike.jams = self.random.randint(1, 4)
            self.counts["jams"] += 1
        if self.random.random() < 0.25:
            at_s = self.random.uniform(0, 15)
            self.later(at_s, self.locker.cut_power)
            self.later(at_s + self.random.uniform(0.5, 60), self.power_back)
            self.counts["cuts"] += 1
        if self.random.random() < 0.2:
            self.later(
                self.random.uniform(0, 15),
                lambda: self.locker.network(self.random.choice((CUT, REFUSE, BLACKHOLE))),
            )
            self.later(self.random.uniform(20, 3000), lambda: self.locker.network(UP))
            self.counts["outages"] += 1

    def power_back(self) -> None:
        if not self.locker.powered:
            self.locker.restore_power()

    def set_clock(self) -> None:
        self.host.know_time(self.now_s())

    # --- the day -------------------------------------------------------------------------------------

    def run(self, visits: int) -> None:
        self.locker.start()
        for _ in range(visits):
            self.pass_s(self.random.expovariate(VISITS_PER_DAY / 86_400))
            self.set_clock()
            self.pass_s(5)
            self.plan_mischief()
            who = self.random.random()
            if who < 0.1:
                self.stranger()
            elif self.waiting and (who < 0.55 or len(self.waiting) > 8):
                self.customer()
            else:
                self.courier()
            for index in range(len(self.locker.doors)):
                self.locker.push_shut(index)
            self.pass_s(130)
        self.end()

    def end(self) -> None:
        """Restore power and network, and compare the locker's state with the truth."""
        self.pass_s(4000)
        self.power_back()
        self.locker.network(UP)
        self.host.broker.faults = Faults()
        self.pass_s(2000)
        assert not self.locker.ends, self.locker.ends
        assert not self.locker.failures, self.locker.failures
        self.locker.cut_power()
        facts = self.facts()
        seqs = [seq for seq, _ in facts if seq]
        assert sorted(self.host.events) == list(range(1, len(self.host.events) + 1)), "the host misses events"
        assert not seqs or max(seqs) <= len(self.host.events) + 1, "the host was not told everything"
        assert not self.host.changed, "two events under one number"
        self._compare()
        self.locker.stop()

    def facts(self) -> list[tuple[int, EventData]]:
        """The events that the journal still holds."""
        journal = log.Journal(self.locker.flash)
        self.locker.flash.power_on()
        journal.open()
        out: list[tuple[int, EventData]] = []
        journal.replay(lambda kind, _, payload, seq: out.append((seq, EventData.of_record(kind, payload))))
        return out

    def _compare(self) -> None:
        """The host's events, folded, against the parcels that really lie there."""
        believed: dict[int, str] = {}
        springs = pulses = 0
        for seq in sorted(self.host.events):
            event = self.host.events[seq]
            if event.kind == "deposited":
                believed[event.number("door")] = event.text("parcel")
            elif event.kind in ("collected", "returned"):
                believed.pop(event.number("door"), None)
            pulses += event.kind == "pulse"
            assert event.kind != "forced" or self.counts["cuts"], "a door opened that nobody had ordered"
        springs = sum(door.springs for door in self.locker.doors)
        assert springs <= pulses, f"{springs} doors sprang for {pulses} pulses in the journal"
        for index, parcel in self.inside.items():
            assert believed.get(index) == parcel, (
                f"door {index} holds {parcel}, believed {believed.get(index)}"
            )
        self.counts["phantoms"] += sum(index not in self.inside for index in believed)


def day(seed: int, visits: int = VISITS_PER_DAY) -> dict[str, int]:
    """One day; the same seed is the same day."""
    with tempfile.TemporaryDirectory() as directory:
        one = Day(Path(directory), seed)
        try:
            one.run(visits)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        return one.counts


def run(seconds: float, seed: int) -> dict[str, float]:
    """Days with the seeds ``seed``, ``seed + 1``, .. for about ``seconds``."""
    total: dict[str, float] = {"days": 0}
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        for name, count in day(seed + int(total["days"])).items():
            total[name] = total.get(name, 0) + count
        total["days"] += 1
    return total
