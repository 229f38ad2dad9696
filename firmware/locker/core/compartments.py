"""What lies in which compartment: the fold of the records about doors, and queries on it.

Nothing in here orders, waits or writes; ``cabinet.Cabinet`` does, on top of this.
"""

from time import ticks_diff

from micropython import const

from . import doors, records
from .events import TRUST_SET
from .health import Health

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ports import DoorFold, Members, Now, Payload, Ticks, Values
    from .doors import Door


_REMOTE_OPENS_MAX = const(10)  # so many remote opens ...
_REMOTE_SPAN_MS = const(600_000)  # ... in 10 minutes of uptime: nobody gets more by moving the clock


class Compartments:
    """The compartments of one locker.

    ``sizes`` is a sequence of 1 (S) to 4 (XL), one for each door; ``low`` a sequence of bools,
    true where a person in a wheelchair reaches (below 1.2 m).
    """

    def __init__(self, sizes: "Sequence[int]", low: "Sequence[int]", reopen_s: int) -> None:
        self.doors: list[Door] = [doors.Door() for _ in sizes]
        self._sizes = sizes
        self._low = low
        self.reopen_s = reopen_s
        self.health = Health(len(sizes))
        self.ms: Ticks | None = None  # of what a door did last; None while the journal is replayed
        # (epoch seconds, tick), newest last, at most _REMOTE_OPENS_MAX
        self._remote_opens: list[tuple[int, Ticks | None]] = []

    # --- the fold ----------------------------------------------------------------------------------

    def apply(self, kind: int, time_s: int, payload: "Payload") -> None:
        """Fold one record.  Records of other kinds, and doors this cabinet lacks, change nothing."""
        if kind == records.REMOTE_STATE:
            self._count_remote(records.unpack(kind, payload)[0])
        elif kind == records.TIME_FLOOR and self.ms is None:  # an hour of uptime: two prove that one is over
            self._remote_opens = [(at, 0) for at, ms in self._remote_opens if ms is None]  # pyright: ignore[reportAttributeAccessIssue]
        fold = self._FOLDS.get(kind)
        if fold is None:
            return
        values = records.unpack(kind, payload)
        if values[0] < len(self.doors):
            fold(self, self.doors[values[0]], time_s, values)

    def _apply_pulse(self, door: "Door", time_s: int, values: "Values") -> None:
        index, purpose, number, role, holder, ref, parcel = values
        self.health.pulsed(index, number)
        door.ordered = True
        door.purpose, door.role, door.holder, door.ref = purpose, role, holder, ref
        if purpose in (doors.FOR_COLLECT, doors.FOR_DEPOSIT, doors.FOR_RECALL):
            door.parcel = parcel
        if purpose == doors.FOR_REMOTE and number == 1:  # a second pulse is the same order
            self._count_remote(time_s)

    def _count_remote(self, time_s: int) -> None:
        opens = self._remote_opens
        opens.append((time_s, self.ms))
        while len(opens) > _REMOTE_OPENS_MAX or (
            self.ms is None and time_s - opens[0][0] > _REMOTE_SPAN_MS // 1000
        ):
            opens.pop(0)

    def started(self, now: "Now") -> None:
        """How long the power was off nobody knows: remote opens of before count as of now."""
        self.ms = now[0]
        self._remote_opens = [(at, now[0]) for at, _ in self._remote_opens]

    def forget_remote(self, now: "Now") -> None:
        """Drop remote opens that count no more; called more often than half the range of ticks."""
        recent: list[tuple[int, Ticks | None]] = []
        for at, ms in self._remote_opens:
            if ms is None or 0 <= ticks_diff(now[0], ms) <= _REMOTE_SPAN_MS:
                recent.append((at, ms))
        self._remote_opens = recent

    def _apply_opened(self, door: "Door", time_s: int, values: "Values") -> None:
        door.seen_open, door.ordered = True, False
        self.health.opened(values[0], values[2])
        if door.purpose in (doors.FOR_COLLECT, doors.FOR_RECALL):
            door.content, door.opened_at = doors.TAKEN, time_s
        elif door.purpose == doors.FOR_DEPOSIT:
            door.content = doors.FILLING

    def _apply_closed(self, door: "Door", time_s: int, values: "Values") -> None:
        door.seen_open = False
        if door.content in (
            doors.EMPTY,
            doors.PARCEL,
        ):  # of a parcel on its way the next record tells
            door.purpose = doors.NO_PURPOSE

    def _apply_deposited(self, door: "Door", time_s: int, values: "Values") -> None:
        door.content, door.purpose, door.parcel = doors.PARCEL, doors.NO_PURPOSE, values[-1]
        for other in self.doors:
            if other.reserved and (other is door or other.reserved == values[-1]):
                other.reserved = ""

    def _apply_emptied(self, door: "Door", time_s: int, values: "Values") -> None:
        door.content, door.purpose = doors.EMPTY, doors.NO_PURPOSE

    def _apply_undone(self, door: "Door", time_s: int, values: "Values") -> None:
        door.content, door.purpose, door.parcel = doors.EMPTY, doors.NO_PURPOSE, ""

    def _apply_not_opened(self, door: "Door", time_s: int, values: "Values") -> None:
        door.ordered = False
        if door.content == doors.TAKEN:  # closed before anybody could take it out; its purpose is kept
            door.content = doors.PARCEL
            return
        self.health.not_opened(values[0])
        if door.purpose == doors.FOR_DEPOSIT:
            door.parcel = ""
        door.purpose = doors.NO_PURPOSE

    def _apply_forced(self, door: "Door", time_s: int, values: "Values") -> None:
        door.seen_open = True
        door.block = door.block or doors.BLOCKED_FORCED

    def _apply_blocked(self, door: "Door", time_s: int, values: "Values") -> None:
        door.block = values[1]

    def _apply_released(self, door: "Door", time_s: int, values: "Values") -> None:
        door.block = doors.NOT_BLOCKED

    def _apply_reserved(self, door: "Door", time_s: int, values: "Values") -> None:
        _, door.reserved_until, door.reserved = values

    def _apply_state(self, door: "Door", time_s: int, values: "Values") -> None:
        _, door.content, seen, door.purpose, door.block, door.role, door.holder, ref, at, parcel = values
        door.seen_open, door.ordered = bool(seen & 1), bool(seen & 2)
        door.ref, door.opened_at, door.parcel = ref, at, parcel

    def _apply_latch(self, door: "Door", time_s: int, values: "Values") -> None:
        self.health.restore(*values)

    def snapshot(self) -> "Members":
        """Yield ``(kind, payload)`` of every door that is not as it came from the factory, and of the remote
        opens that still count: a snapshot and a restart must not allow more of them.
        """
        for time_s, _ in self._remote_opens:
            yield records.REMOTE_STATE, records.pack(records.REMOTE_STATE, time_s)
        for i, d in enumerate(self.doors):
            if d.content or d.seen_open or d.ordered or d.block or d.parcel or d.opened_at:
                state = self.state(i, d.content, d.block, d.parcel)
                yield records.DOOR_STATE, records.pack(records.DOOR_STATE, *state)
            latch = self.health.snapshot(i)
            if latch:
                yield records.LATCH_STATE, records.pack(records.LATCH_STATE, *latch)
            if d.reserved:
                yield records.RESERVED, records.pack(records.RESERVED, i, d.reserved_until, d.reserved)

    def state(self, index: int, content: int, block: int, parcel: str) -> "Values":
        """The values of ``DOOR_STATE`` of a door as it stands, with this content."""
        d = self.doors[index]
        seen = (1 if d.seen_open else 0) | (2 if d.ordered else 0)
        return index, content, seen, d.purpose, block, d.role, d.holder, d.ref, d.opened_at, parcel

    # --- questions ----------------------------------------------------------------------------------

    def find(self, parcel: str) -> int:
        """The door behind which ``parcel`` lies or last lay, content preferred; -1 if none."""
        last = -1
        for i, d in enumerate(self.doors):
            if d.parcel == parcel and parcel:
                if d.content != doors.EMPTY:
                    return i
                last = i
        return last

    def choose(self, size: int, low: bool = False, parcel: str = "", time_s: int = 0) -> int:
        """The compartment reserved for ``parcel``, else the smallest fit to be given out; -1 if none.

        Either has at least ``size``.  Fit is: empty, seen closed, not blocked, nothing ordered, and
        at ``time_s`` not reserved for another parcel.  ``low`` asks for a reachable
        one first; otherwise reachable ones are used only when no other is free.
        """
        best, best_rank = -1, 99
        for i, d in enumerate(self.doors):
            if d.content or d.block or d.ordered or d.phase != doors.CLOSED or self._sizes[i] < size:
                continue
            if d.reserved and time_s < d.reserved_until:
                if d.reserved == parcel:
                    return i
                continue
            rank = self._sizes[i] * 2 + (1 if bool(self._low[i]) != low else 0)
            if rank < best_rank:
                best, best_rank = i, rank
        return best

    def can_reopen(self, index: int, now: "Now") -> bool:
        """Whether the person just served may open this emptied compartment once more.

        After a restart with an unknown time nobody can tell how long ago the opening was, so the
        answer is no.
        """
        _, epoch_s, trust = now
        d = self.doors[index]
        if d.content != doors.EMPTY or not d.parcel or not d.opened_at:
            return False
        if d.opened_ms is None and trust != TRUST_SET:
            return False
        return 0 <= epoch_s - d.opened_at <= self.reopen_s

    def remote_open_allowed(self, now: "Now") -> bool:
        """At most ten remote opens in ten minutes, even with valid signatures."""
        self.forget_remote(now)
        return len(self._remote_opens) < _REMOTE_OPENS_MAX

    def occupancy(self) -> list[list[int | str | None]]:
        """One ``[content, seen, parcel]`` for each door, as the host is told, see ``doors``."""
        out: list[list[int | str | None]] = []
        for d in self.doors:
            content = doors.TOLD_BLOCKED if d.block and d.content == doors.EMPTY else d.content
            seen = doors.TOLD_OPEN if d.seen_open else doors.TOLD_CLOSED
            if d.phase in (doors.UNKNOWN, doors.FAULTY):
                seen = doors.TOLD_UNKNOWN
            out.append([content, seen, d.parcel if d.content else None])
        return out

    _FOLDS: "dict[int, DoorFold]" = {
        records.PULSE: _apply_pulse,
        records.OPENED: _apply_opened,
        records.CLOSED: _apply_closed,
        records.DEPOSITED: _apply_deposited,
        records.COLLECTED: _apply_emptied,
        records.RETURNED: _apply_emptied,
        records.DEPOSIT_UNDONE: _apply_undone,
        records.NOT_OPENED: _apply_not_opened,
        records.FORCED: _apply_forced,
        records.BLOCKED: _apply_blocked,
        records.RELEASED: _apply_released,
        records.RESERVED: _apply_reserved,
        records.DOOR_STATE: _apply_state,
        records.LATCH_STATE: _apply_latch,
    }
