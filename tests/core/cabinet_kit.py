"""A cabinet on a rig: records are folded at once, pulses are listed, time is a number we set."""

from time import ticks_add

from locker.core import doors
from locker.core import records as device_records
from locker.core.cabinet import Cabinet
from locker.core.events import TRUST_SET

EPOCH_S = 1_795_200_000


class CabinetRig:
    """``cabinet``, the ``facts`` it recorded as dicts, and the ``pulses`` it ordered."""

    def __init__(self, sizes=(1, 1, 2, 3), low=None, records=()):
        self.facts = []
        self.log = []
        self.pulses = []
        self._hundreds = 0
        self.ms = ticks_add(0, -5_000)  # the ticks wrap in the middle of most tests
        self.epoch_s = EPOCH_S
        self.cabinet = Cabinet(sizes, low or [False] * len(sizes), 400, 120, self.record, self.effect)
        for kind, time_s, payload in records:
            self.cabinet.apply(kind, time_s, payload)

    def record(self, kind, *values):
        payload = device_records.pack(kind, *values)
        self.facts.append(device_records.describe(kind, payload))
        self.log.append((kind, self.epoch_s, payload))
        self.cabinet.apply(kind, self.epoch_s, payload)

    def effect(self, effect):
        self.pulses.append(effect[1])

    def now(self):
        return self.ms, self.epoch_s, TRUST_SET

    def pass_ms(self, ms):
        """Let time pass in steps, with the doors' deadlines looked at in each."""
        for _ in range(ms // 100):
            self.ms = ticks_add(self.ms, 100)
            self._hundreds += 1
            if self._hundreds % 10 == 0:
                self.epoch_s += 1
            self.cabinet.tick(self.now())

    def signal(self, door, signal, after_ms=900):
        """A door that closes was open for ``after_ms``: long enough to take something out."""
        if signal == doors.SEEN_CLOSED and self.cabinet.doors[door].phase == doors.OPEN:
            self.pass_ms(after_ms)
        self.cabinet.signal(door, signal, self.now())

    def order(self, door, purpose, parcel="", role=0, holder=0, ref=0):
        return self.cabinet.order(door, purpose, role, holder, ref, parcel, self.now())

    def kinds(self):
        return [fact["kind"] for fact in self.facts]

    def restart(self):
        """The same cabinet after the power was gone: only the records are left."""
        other = CabinetRig(self.cabinet._sizes, self.cabinet._low, self.log)
        other.log = list(self.log)
        other.epoch_s = self.epoch_s
        return other
