"""The daily records of a locker's journal; the same on CPython and on MicroPython.

48 compartments, 400 events a day: parcels are announced, left, collected; codes are mistyped; the
host changes grants and acknowledges.  Parcel numbers are as long as the carriers make them, in the
shares of docs on pick-up points (Amazon 35 %, Colissimo 25, Mondial Relay 20, DPD 10, others 10).
"""
# mypy: ignore-errors
# (also a program for MicroPython, where annotations would need modules that are not there)

from locker.core import records

EPOCH_S = 1_767_225_600
EVENTS_A_DAY = 400
DOORS = 48
_CARRIERS = (  # percent, how a parcel number looks
    (35, "TBA{:012}"),
    (25, "6A{:011}"),
    (20, "{:08}"),
    (10, "{:014}"),
    (10, "00{:018}"),
)
_ACKNOWLEDGED_EACH = 6  # events: the host answers within a session, not after each event


class Traffic:
    """An endless stream of records from a seed: iterate over ``day()`` after ``day()``.

    A record is ``(kind, payload, time_s)``; kind ``ACKNOWLEDGED`` stands for the host's acknowledgement, its
    payload is None.
    """

    def __init__(self, seed=1):
        self._random = seed * 2654435761 & 0xFFFFFFFF or 1
        self.day_s = EPOCH_S
        self._time_s = EPOCH_S
        self._lying = []  # (door, parcel)
        self._free = list(range(DOORS))
        self._grant = 0
        self._events = 0
        self._out = []

    def _below(self, n):
        x = self._random
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._random = x
        return x % n

    def _add(self, kind, *values):
        self._out.append((kind, records.pack(kind, *values), self._time_s))
        if kind <= records.EVENT_KIND_MAX:
            self._events += 1
            if self._events % _ACKNOWLEDGED_EACH == 0:
                self._out.append((records.ACKNOWLEDGED, None, self._time_s))

    def _parcel(self):
        roll = self._below(100)
        at = 0
        while roll >= _CARRIERS[at][0]:
            roll -= _CARRIERS[at][0]
            at += 1
        return _CARRIERS[at][1].format(self._below(100_000_000))

    def day(self):
        """The records of one day, about 400 events of them."""
        self._out = []
        end = self._events + EVENTS_A_DAY
        hour = 0
        while self._events < end:
            share = (self._events - (end - EVENTS_A_DAY)) * 86400 // EVENTS_A_DAY
            self._time_s = max(self._time_s, self.day_s + share)
            while hour * 3600 <= share:
                self._add(records.TIME_FLOOR, self._time_s)
                hour += 1
            if self._free and (not self._lying or self._below(2)):
                self._deposits(min(len(self._free), 1 + self._below(6)))
            else:
                self._pick_up()
        self.day_s += 86400
        return self._out

    def _deposits(self, count):
        """A courier leaves some parcels in one session; the host had announced them."""
        announced = []
        for _ in range(count):
            parcel = self._parcel()
            announced.append(parcel)
            self._add(records.EXPECTED, 1 + self._below(3), self._time_s + 3 * 86400, parcel)
        self._add(records.ATTEMPT, 1)
        self._add(records.ACCEPTED, 1, 1, 1, 7, 0, "")
        for parcel in announced:
            self._time_s += 20
            door = self._free.pop(self._below(len(self._free)))
            self._open(door, 2, 0, parcel)
            self._add(records.DEPOSITED, door, 7, 1, parcel)
            self._lying.append((door, parcel))
        if self._below(4) == 0:
            self._grant += 1
            tag = bytes(self._below(256) for _ in range(16))
            until = self._time_s + 3 * 86400
            self._add(records.GRANT, self._grant, self._time_s, until, 0, 0, 0, 65535, 1, tag, announced[0])
            if self._grant > 30:
                self._add(records.GRANT_DROP, self._grant - 30)
            self._add(records.GRANTS_VERSION, self._grant)

    def _pick_up(self):
        """A customer, who mistypes now and then."""
        door, parcel = self._lying.pop(self._below(len(self._lying)))
        self._time_s += 30
        if self._below(10) == 0:
            self._add(records.ATTEMPT, 1)
            self._add(records.REFUSED, 1, 1)
        self._add(records.ATTEMPT, 1)
        self._add(records.ACCEPTED, 1, 0, 0, 0, 0, parcel)
        self._open(door, 1, 0, parcel)
        self._add(records.COLLECTED, door, 0, parcel)
        self._free.append(door)

    def _open(self, door, purpose, ref, parcel):
        self._add(records.PULSE, door, purpose, 1, 1, 7, ref, parcel)
        self._add(records.OPENED, door, purpose, 300 + self._below(200), ref, parcel)
        self._time_s += 15
        self._add(records.CLOSED, door, purpose)
