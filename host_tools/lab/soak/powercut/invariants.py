"""The invariants for a power cut at any moment, in one list, and the witness that checks them.

``Witness`` is told what really happened (the records that were durable, the doors that opened, the rows in
the host's table) and trusts nothing that the firmware reports about itself.  It shares no code with the
journal and folds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from locker.core import doors, records
from locker.journal.report import REPAIRED

INVARIANTS = {
    "opening": "a door that was seen open for a parcel does not open for it again once the window has passed",
    "served": "a parcel whose door was never seen open is still handed over to who has its code",
    "lost": "an event that was durable reaches the host, unchanged, or a LOST record names it",
    "duplicate": "the host never gets one seq with two contents, nor one act twice",
    "attempts": "no code was compared without its attempt in the log, and a restart gives no try back",
    "order": "an operator's order to open is carried out once at most, however often it arrives",
    "pulse": "no door is pulsed without a PULSE event",
    "time": "the time floor never falls below a time that was durable",
    "room": "a power cut costs no sector, and nothing is called damaged or lost",
    "usable": "every start ends in a journal that can be written, and the locker serves the next person",
}

TRIES_MAX = 20
TRY_MS = 1_200_000

Event = tuple[int, int, int, bytes]  # seq, kind, time_s, payload


class Violation(AssertionError):
    """An invariant is broken: ``name`` is its key in ``INVARIANTS``."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{INVARIANTS[name]}: {detail}")
        self.name = name


class Witness:
    """Keeps the facts over all restarts of one locker; every ``check_`` raises ``Violation``."""

    def __init__(self) -> None:
        self.durable: dict[int, Event] = {}  # events whose append has returned
        self.host: dict[int, Event] = {}
        self.durable_s = 0
        self.pulses = 0
        self.orders: frozenset[int] = frozenset()  # counters of the commands the host has sent
        self.comparisons = 0
        self.uptime_ms = 0

    def copy(self) -> Witness:
        other = Witness()
        other.__dict__.update(self.__dict__)
        other.durable, other.host = dict(self.durable), dict(self.host)
        return other

    # --- what happened ------------------------------------------------------------------------------

    def appended(self, seq: int, kind: int, time_s: int, payload: bytes) -> None:
        """The journal has returned from ``append``."""
        if seq:
            if seq in self.durable:
                raise Violation("duplicate", f"seq {seq} given out twice")
            self.durable[seq] = (seq, kind, time_s, payload)
        self.durable_s = max(self.durable_s, time_s)

    def host_took(self, events: Iterable[Event]) -> None:
        """The host's insert: each seq once."""
        for event in events:
            known = self.host.setdefault(event[0], event)
            if known != event:
                raise Violation("duplicate", f"seq {event[0]} was {known}, is now {event}")

    # --- what must hold -------------------------------------------------------------------------------

    def check_start(self, report: Any, journal: Any, log: list[Event], tries_left: int) -> None:
        """After ``open`` and ``replay``: ``log`` is every event that can be read."""
        if report.read_only or not report.proven:
            raise Violation("usable", report.text)
        if report.state > REPAIRED or report.skipped_sectors or report.lost_events:
            raise Violation("room", report.text)
        if journal.time_floor < self.durable_s:
            raise Violation("time", f"{journal.time_floor} after {self.durable_s}")
        there = {**self.host, **{event[0]: event for event in log}}
        self._check_durable(there)
        attempts = sum(event[1] == records.ATTEMPT for event in there.values())
        accepted = sum(event[1] == records.ACCEPTED for event in there.values())
        if attempts < self.comparisons:
            raise Violation("attempts", f"{self.comparisons} comparisons, {attempts} attempts in the log")
        most = TRIES_MAX - attempts + 3 * accepted + self.uptime_ms // TRY_MS
        if tries_left > most:
            raise Violation("attempts", f"{tries_left} tries left, at most {most} were")
        pulses = sum(event[1] == records.PULSE for event in there.values())
        if pulses < self.pulses:
            raise Violation("pulse", f"{self.pulses} pulses, {pulses} in the log")

    def _check_durable(self, there: dict[int, Event]) -> None:
        lost: set[int] = set()
        for event in there.values():
            if event[1] == records.LOST:
                first, last = records.unpack(records.LOST, event[3])
                lost.update(range(first, last + 1))
        for seq, event in self.durable.items():
            if seq not in lost and there.get(seq) != event:
                raise Violation("lost", f"{event} is now {there.get(seq)}")

    def check_end(self) -> None:
        """At the end the host must have all events."""
        self._check_durable(self.host)
        pulses = [
            records.unpack(records.PULSE, event[3])
            for event in self.host.values()
            if event[1] == records.PULSE
        ]
        ordered = sum(pulse[1] == doors.FOR_REMOTE for pulse in pulses)
        if ordered > len(self.orders):
            raise Violation("order", f"{ordered} pulses for {len(self.orders)} orders")
        for kind, name in ((records.DEPOSITED, "deposited"), (records.COLLECTED, "collected")):
            told: dict[str, int] = {}
            for event in self.host.values():
                if event[1] == kind:
                    parcel = records.unpack(kind, event[3])[-1]
                    told[parcel] = told.get(parcel, 0) + 1
            for parcel, times in told.items():
                if times > 1:
                    raise Violation("duplicate", f"{parcel} {name} {times} times")

    def check_reentry(self, parcel: str, log: list[Event], sprang: bool) -> bool:
        """Somebody came with the code of ``parcel`` after the reopen window: check whether its door opened.

        Returns whether it had to.
        """
        lying = taken = False
        for _, kind, _, payload in log:
            if kind not in (records.DEPOSITED, records.OPENED, records.NOT_OPENED, records.COLLECTED):
                continue
            values = records.unpack(kind, payload)
            if values[-1] != parcel:
                continue
            if kind == records.DEPOSITED:
                lying = True
            elif kind == records.OPENED and values[1] in (doors.FOR_COLLECT, doors.FOR_RECALL):
                lying, taken = False, True
            elif kind == records.COLLECTED:
                taken = False
            elif kind == records.NOT_OPENED and taken:  # pushed shut before anybody could take the parcel
                lying, taken = True, False
        if sprang and not lying:
            raise Violation("opening", parcel)
        if lying and not sprang:
            raise Violation("served", parcel)
        return lying
