"""All doors at work: orders, pulses, deadlines, and what the records say of them.

``Cabinet`` decides custody.  It learns of the world only through ``signal`` and ``order``, acts through the
two functions it is given (``record`` makes a fact durable, ``effect`` asks for an action), and leaves
``notes`` for the dialog at the keypad.  A door's next step is in ``doors.TABLE``; the state from the records
is in ``compartments``.
"""

from time import ticks_add, ticks_diff

from micropython import const

from . import doors, events, records
from .compartments import Compartments
from .events import FX_PULSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..ports import Business, Effect, Now, Value
    from .doors import Door


# What the dialog is told about a door.
NOTE_OPENED = const(1)
NOTE_CLOSED = const(2)
NOTE_AGAIN = const(3)  # pulsed once more
NOTE_STUCK = const(4)  # all pulses spent
NOTE_BROKEN = const(5)  # the lock's or sensor's electronics failed
NOTE_REMIND = const(6)  # still open
NOTE_ALARM = const(7)  # opened without an order, or open for too long: a loud alarm

# Answers of `order`.
ORDERED = const(0)
IS_OPEN = const(1)
IS_BUSY = const(2)  # already ordered for something else
OUT_OF_ORDER = const(3)

_OPEN_WAIT_MS = const(2_000)  # after the coil switched off, wait this long for the door, then pulse again
_QUEUE_WAIT_MS = const(15_000)  # the longest wait for a pulse in the queue
_PULSES_MAX = const(3)  # a jammed latch gets two more pulses, after a rest
# Nobody takes a parcel out in less: the door opened and was pushed shut at once, or the reed switch was
# wrong. 0.3 s for a hand, plus 0.5 s by which a lock-by-lock board may report late.
_TAKE_MS = const(800)
_DOUBT_MS = const(5_000)  # longer than it takes to find that a sensor chatters
_STUCK_MS = const(30_000)  # if somebody pulls a stuck door open within this time, it still counts as ordered
_REMIND_MS = const(30_000)
# Records of one sensor in an hour: otherwise a loose plug on a board of 50 locks would fill the journal
# within an hour, and push out events of parcels.
_FAULTS_TOLD_MAX = const(3)
_FORCED_TOLD_MAX = const(5)  # of one door in an hour: a broken latch lets it swing in the wind for days
_LEFT_OPEN_REMINDERS = const(4)  # at this reminder, after two minutes, it is recorded as an event


class Cabinet(Compartments):
    """The compartments and their doors at work; parameters as in ``Compartments``, and

    ``pulse_ms`` (1..1000), ``record(kind, *values)``, ``effect(tuple)``.
    """

    def __init__(
        self,
        sizes: "Sequence[int]",
        low: "Sequence[int]",
        pulse_ms: int,
        reopen_s: int,
        record: "Callable[..., None]",
        effect: "Callable[[Effect], None]",
    ) -> None:
        super().__init__(sizes, low, reopen_s)
        self.notes: list[tuple[int, int]] = []  # (door, NOTE_..), taken by the core after each event
        self._pulse_ms = pulse_ms
        self._record = record
        self._effect = effect
        self._business: Business = (doors.NO_PURPOSE, 0, 0, 0, "")  # of the order under way

    def deadline(self, now: "Now") -> int | None:
        """Milliseconds from ``now`` to the first deadline of any door; None if there is none."""
        first = None
        for d in self.doors:
            if d.deadline_ms is not None:
                left = max(0, ticks_diff(d.deadline_ms, now[0]))
                if first is None or left < first:
                    first = left
        return first

    def readiness(self, index: int) -> int:
        """What ``order`` would answer now."""
        phase = self.doors[index].phase
        if doors.step(phase, doors.ORDER):
            return ORDERED
        if phase in (doors.OPEN, doors.FORCED):
            return IS_OPEN
        return IS_BUSY if phase == doors.ORDERED else OUT_OF_ORDER

    def order(
        self, index: int, purpose: int, role: int, holder: int, ref: int, parcel: str, now: "Now"
    ) -> int:
        """Order a door open.  Answers ``ORDERED`` or why not; the pulse is recorded first."""
        answer = self.readiness(index)
        if answer == ORDERED:
            d = self.doors[index]
            d.pulses = 0
            d.ordered_ms = now[0]
            self._business = (purpose, role, holder, ref, parcel)
            self.signal(index, doors.ORDER, now)
        return answer

    def undo_deposit(self, index: int) -> None:
        """The person will not leave the parcel here after all; the door is still open."""
        if self.doors[index].content == doors.FILLING:
            self._record(records.DEPOSIT_UNDONE, index, self.doors[index].parcel)

    def report_problem(self, index: int, role: int, holder: int, alarm: int) -> None:
        """Somebody says the parcel is missing or wrong: nobody gets this compartment unseen."""
        self._record(records.ALARM, alarm, role, holder, index)
        self._record(records.BLOCKED, index, doors.BLOCKED_REPORTED)

    def signal(self, index: int, signal: str, now: "Now") -> None:
        """Move one door as ``doors.TABLE`` says; an action may name another phase than the table."""
        self.ms = now[0]
        d = self.doors[index]
        step = doors.step(d.phase, signal)
        if step is None:
            return
        phase, action = step
        if phase != d.phase:  # an instance attribute takes heap; a door at rest has none
            d.phase = phase
        if d.deadline_ms is not None:
            d.deadline_ms = None
        other = getattr(self, "_do_" + action)(index, d, now)
        if other is not None:
            d.phase = other

    def sensor_fault(self, index: int, fault: int, now: "Now") -> None:
        """The sensor is faulty; if it chatters, the opening it has just reported does not count either."""
        d = self.doors[index]
        d.faults, d.fault = d.faults + 1, fault
        if d.faults <= _FAULTS_TOLD_MAX:
            self._record(records.DOOR_FAULT, index, fault)
        told = d.opened_ms if fault == doors.FAULT_CHATTER and d.content == doors.TAKEN else None
        if told is not None and 0 <= ticks_diff(now[0], told) < _DOUBT_MS:
            self._do_lapse(index, d, now)
        self.signal(index, doors.SENSOR_FAULT, now)

    def tick(self, now: "Now") -> None:
        """Signal ``LATE`` to every door whose deadline has passed."""
        for i, d in enumerate(self.doors):
            if d.deadline_ms is not None and ticks_diff(d.deadline_ms, now[0]) <= 0:
                self.signal(i, doors.LATE, now)

    def hour(self) -> None:
        """An hour has passed: allow records again, and record the faults that got none and still last."""
        for i, d in enumerate(self.doors):
            if d.faults:
                if d.faults > _FAULTS_TOLD_MAX and d.phase == doors.FAULTY:
                    self._record(records.DOOR_FAULT, i, d.fault)
                d.faults = 0
            if d.forced:
                d.forced = 0
                if d.phase == doors.FORCED and not d.seen_open:
                    self._record_forced(i, d)

    # --- actions of the table ------------------------------------------------------------------------

    def _do_pulse(self, index: int, d: "Door", now: "Now") -> None:
        self._pulse(index, d, self._business, now)

    def _do_pulse_again(self, index: int, d: "Door", now: "Now") -> str | None:
        business = (d.purpose, d.role, d.holder, d.ref, d.parcel)
        if d.pulses < _PULSES_MAX:
            self._pulse(index, d, business, now)
            self._note(index, NOTE_AGAIN)
            return None
        if d.purpose == doors.FOR_DEPOSIT:  # another compartment will be given, so this order ends now
            self._give_up(index, d, now)
            self._note(index, NOTE_STUCK)
            return doors.CLOSED
        d.deadline_ms = ticks_add(now[0], _STUCK_MS)
        self._note(index, NOTE_STUCK)
        return doors.STUCK

    def _pulse(self, index: int, d: "Door", business: "Business", now: "Now") -> None:
        d.pulses += 1
        purpose, role, holder, ref, parcel = business
        self._record(records.PULSE, index, purpose, d.pulses, role, holder, ref, parcel)
        self._effect((FX_PULSE, index, self._pulse_ms))
        d.deadline_ms = ticks_add(now[0], _QUEUE_WAIT_MS)

    def _do_await_open(self, index: int, d: "Door", now: "Now") -> None:
        d.deadline_ms = ticks_add(now[0], _OPEN_WAIT_MS)

    def _do_lapse(self, index: int, d: "Door", now: "Now") -> None:
        self._latch_record(index, records.NOT_OPENED, index, d.purpose, d.parcel)

    def _latch_record(self, index: int, kind: int, *values: "Value") -> None:
        """Write a record that changes a latch's health; and a fault record when it has just become weak."""
        was_weak = self.health.is_weak(index)
        self._record(kind, *values)
        if self.health.is_weak(index) and not was_weak:
            self._record(records.FAULT, events.FAULT_LATCH, self.health.text(index))

    def _give_up(self, index: int, d: "Door", now: "Now") -> None:
        """Offer this door to no parcel until it has been seen to open again."""
        was_deposit = d.purpose == doors.FOR_DEPOSIT
        self._do_lapse(index, d, now)
        if was_deposit and not d.block:
            self._record(records.BLOCKED, index, doors.BLOCKED_STUCK)

    def _do_no_driver(self, index: int, d: "Door", now: "Now") -> None:
        self._record(records.DOOR_FAULT, index, doors.FAULT_LOCK_SILENT)
        self._give_up(index, d, now)
        self._note(index, NOTE_BROKEN)

    def _do_fault(self, index: int, d: "Door", now: "Now") -> None:
        self._note(index, NOTE_BROKEN)

    def _do_opened(self, index: int, d: "Door", now: "Now") -> None:
        after_ms = min(65535, ticks_diff(now[0], d.ordered_ms)) if d.pulses else 0
        self._latch_record(index, records.OPENED, index, d.purpose, after_ms, d.ref, d.parcel)
        if d.content == doors.TAKEN:
            d.opened_ms = now[0]
        if d.block == doors.BLOCKED_STUCK:
            self._record(records.RELEASED, index, doors.BLOCKED_STUCK)
        self._watch_open(d, now)
        self._note(index, NOTE_OPENED)

    def _do_forced(self, index: int, d: "Door", now: "Now") -> None:
        d.forced += 1
        if d.forced <= _FORCED_TOLD_MAX or not d.block:
            self._record_forced(index, d)
        self._note(index, NOTE_ALARM)
        self._watch_open(d, now)

    def _record_forced(self, index: int, d: "Door") -> None:
        self._record(records.FORCED, index, d.parcel if d.content else "")

    def _watch_open(self, d: "Door", now: "Now") -> None:
        d.open_ms = now[0]
        d.reminders = 0
        d.deadline_ms = ticks_add(now[0], _REMIND_MS)

    def _do_remind(self, index: int, d: "Door", now: "Now") -> None:
        d.reminders += 1
        if d.reminders == _LEFT_OPEN_REMINDERS:
            self._record(records.LEFT_OPEN, index, ticks_diff(now[0], d.open_ms) // 1000)
        d.deadline_ms = ticks_add(now[0], _REMIND_MS)
        self._note(index, NOTE_REMIND)
        if d.reminders == _LEFT_OPEN_REMINDERS:
            self._note(index, NOTE_ALARM)

    def _do_closed(self, index: int, d: "Door", now: "Now") -> None:
        if d.seen_open:  # not so where it was forced too often to record
            self._record(records.CLOSED, index, d.purpose)
        told = d.opened_ms if d.content == doors.TAKEN else None
        if told is not None and 0 <= ticks_diff(now[0], told) < _TAKE_MS:  # < 0: days ago
            self._do_lapse(index, d, now)  # the parcel is still there, and its code stays valid
            self._note(index, NOTE_STUCK)
            return
        self._settle(index, d)
        self._note(index, NOTE_CLOSED)

    def _do_settle_closed(self, index: int, d: "Door", now: "Now") -> None:
        """First report of the sensor since start, closed: settle what happened while the board was off."""
        if d.ordered:
            self._do_lapse(index, d, now)
        if d.seen_open:
            self._record(records.CLOSED, index, d.purpose)
        self._settle(index, d)

    def _do_settle_open(self, index: int, d: "Door", now: "Now") -> str | None:
        if d.seen_open:  # known already; nothing new to record
            self._watch_open(d, now)
            return None
        if d.ordered:  # ordered before the restart
            d.pulses = 0
            self._do_opened(index, d, now)
            return None
        self._do_forced(index, d, now)
        return doors.FORCED

    def _settle(self, index: int, d: "Door") -> None:
        """The door is closed: record what was begun while it was open."""
        if d.content == doors.FILLING:
            self._record(records.DEPOSITED, index, d.holder, d.role, d.parcel)
        elif d.content == doors.TAKEN and d.purpose == doors.FOR_RECALL:
            self._record(records.RETURNED, index, d.holder, d.role, d.parcel)
        elif d.content == doors.TAKEN:
            self._record(records.COLLECTED, index, d.ref, d.parcel)

    def _note(self, index: int, note: int) -> None:
        self.notes.append((index, note))
