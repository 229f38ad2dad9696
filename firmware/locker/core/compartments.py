"""What lies in which compartment: the fold of the records that concern doors, and questions to it.

Nothing in here orders, waits or writes; ``cabinet.Cabinet`` does, on top of this.
"""

from micropython import const

from . import doors as D
from . import records as R
from .events import TRUST_SET
from .health import Health

_REMOTE_OPENS_MAX = const(10)  # DESIGN 7: at most 10 remote opens ...
_REMOTE_SPAN_S = const(600)  # ... in 10 minutes


class Compartments:
    """The compartments of one locker.

    ``sizes`` is a sequence of 1 (S) to 4 (XL), one for each door; ``low`` a sequence of bools,
    true where a person in a wheelchair reaches (below 1.2 m).
    """

    def __init__(self, sizes, low, reopen_s):
        self.doors = [D.Door() for _ in sizes]
        self._sizes = sizes
        self._low = low
        self.reopen_s = reopen_s
        self.health = Health(len(sizes))
        self._remote_opens = []  # epoch seconds, newest last, at most _REMOTE_OPENS_MAX

    # --- the fold ----------------------------------------------------------------------------------

    def apply(self, kind, time_s, payload):
        """Fold one record.  Records of other kinds, and doors this cabinet lacks, change nothing."""
        if kind == R.REMOTE_STATE:
            self._count_remote(R.unpack(kind, payload)[0])
        name = _APPLY.get(kind)
        if name is None:
            return
        values = R.unpack(kind, payload)
        if values[0] < len(self.doors):
            getattr(self, name)(self.doors[values[0]], time_s, values)

    def _apply_pulse(self, door, time_s, values):
        index, purpose, number, role, holder, ref, parcel = values
        self.health.pulsed(index, number)
        door.ordered = True
        door.purpose, door.role, door.holder, door.ref = purpose, role, holder, ref
        if purpose in (D.FOR_COLLECT, D.FOR_DEPOSIT, D.FOR_RECALL):
            door.parcel = parcel
        if purpose == D.FOR_REMOTE and number == 1:  # else the same opening once more, of a latch that sticks
            self._count_remote(time_s)

    def _count_remote(self, time_s):
        times = self._remote_opens
        times.append(time_s)
        while len(times) > _REMOTE_OPENS_MAX or time_s - times[0] > _REMOTE_SPAN_S:
            times.pop(0)

    def _apply_opened(self, door, time_s, values):
        door.seen_open, door.ordered = True, False
        self.health.opened(values[0], values[2])
        if door.purpose in (D.FOR_COLLECT, D.FOR_RECALL):
            door.content, door.opened_at = D.TAKEN, time_s
        elif door.purpose == D.FOR_DEPOSIT:
            door.content = D.FILLING

    def _apply_closed(self, door, time_s, values):
        door.seen_open = False
        if door.content in (D.EMPTY, D.PARCEL):  # else the next record says what became of it
            door.purpose = D.NO_PURPOSE

    def _apply_deposited(self, door, time_s, values):
        door.content, door.purpose, door.parcel = D.PARCEL, D.NO_PURPOSE, values[-1]
        for other in self.doors:
            if other.reserved and (other is door or other.reserved == values[-1]):
                other.reserved = ""

    def _apply_emptied(self, door, time_s, values):
        door.content, door.purpose = D.EMPTY, D.NO_PURPOSE

    def _apply_undone(self, door, time_s, values):
        door.content, door.purpose, door.parcel = D.EMPTY, D.NO_PURPOSE, ""

    def _apply_not_opened(self, door, time_s, values):
        door.ordered = False
        if door.content == D.TAKEN:  # closed before anybody could take it out; what for is not forgotten
            door.content = D.PARCEL
            return
        self.health.not_opened(values[0])
        if door.purpose == D.FOR_DEPOSIT:
            door.parcel = ""
        door.purpose = D.NO_PURPOSE

    def _apply_forced(self, door, time_s, values):
        door.seen_open = True
        door.block = door.block or D.BLOCKED_FORCED

    def _apply_blocked(self, door, time_s, values):
        door.block = values[1]

    def _apply_released(self, door, time_s, values):
        door.block = D.NOT_BLOCKED

    def _apply_reserved(self, door, time_s, values):
        _, door.reserved_until, door.reserved = values

    def _apply_state(self, door, time_s, values):
        _, door.content, seen, door.purpose, door.block, door.role, door.holder, ref, at, parcel = values
        door.seen_open, door.ordered = bool(seen & 1), bool(seen & 2)
        door.ref, door.opened_at, door.parcel = ref, at, parcel

    def _apply_latch(self, door, time_s, values):
        self.health.restore(*values)

    def snapshot(self):
        """Yield ``(kind, payload)`` of every door that is not as it came from the factory, and of what counts
        against the next remote open: a snapshot and a restart gain none.
        """
        for time_s in self._remote_opens:
            yield R.REMOTE_STATE, R.pack(R.REMOTE_STATE, time_s)
        for i, d in enumerate(self.doors):
            seen = (1 if d.seen_open else 0) | (2 if d.ordered else 0)
            if d.content or seen or d.block or d.parcel or d.opened_at:
                state = (
                    i,
                    d.content,
                    seen,
                    d.purpose,
                    d.block,
                    d.role,
                    d.holder,
                    d.ref,
                    d.opened_at,
                    d.parcel,
                )
                yield R.DOOR_STATE, R.pack(R.DOOR_STATE, *state)
            latch = self.health.snapshot(i)
            if latch:
                yield R.LATCH_STATE, R.pack(R.LATCH_STATE, *latch)
            if d.reserved:
                yield R.RESERVED, R.pack(R.RESERVED, i, d.reserved_until, d.reserved)

    # --- questions ----------------------------------------------------------------------------------

    def find(self, parcel):
        """The door behind which ``parcel`` lies or last lay, content preferred; -1 if none."""
        last = -1
        for i, d in enumerate(self.doors):
            if d.parcel == parcel and parcel:
                if d.content != D.EMPTY:
                    return i
                last = i
        return last

    def choose(self, size, low=False, parcel="", time_s=0):
        """The compartment reserved for ``parcel``, else the smallest fit to be given out; -1 if none.

        Either has at least ``size``.  Fit is: empty, seen closed, not blocked, nothing ordered, and
        at ``time_s`` not reserved for another parcel.  ``low`` asks for a reachable
        one first; otherwise those are kept for who needs them as long as another one is free.
        """
        best, best_rank = -1, 99
        for i, d in enumerate(self.doors):
            if d.content or d.block or d.ordered or d.phase != D.CLOSED or self._sizes[i] < size:
                continue
            if d.reserved and time_s < d.reserved_until:
                if d.reserved == parcel:
                    return i
                continue
            rank = self._sizes[i] * 2 + (1 if bool(self._low[i]) != low else 0)
            if rank < best_rank:
                best, best_rank = i, rank
        return best

    def can_reopen(self, index, now):
        """Whether the person just served may open this emptied compartment once more.

        After a restart with an unknown time nobody can tell how long ago the opening was, so the
        answer is no.
        """
        _, epoch_s, trust = now
        d = self.doors[index]
        if d.content != D.EMPTY or not d.parcel or not d.opened_at:
            return False
        if d.opened_ms is None and trust != TRUST_SET:
            return False
        return epoch_s - d.opened_at <= self.reopen_s

    def remote_open_allowed(self, now):
        """At most ten remote opens in ten minutes, whoever signs them."""
        times = self._remote_opens
        return len(times) < _REMOTE_OPENS_MAX or now[1] - times[0] > _REMOTE_SPAN_S

    def occupancy(self):
        """One ``[content, seen, parcel]`` for each door, as the host is told; 4 means blocked."""
        out = []
        for d in self.doors:
            content = 4 if d.block and d.content == D.EMPTY else d.content
            seen = 2 if d.phase in (D.UNKNOWN, D.FAULTY) else (1 if d.seen_open else 0)
            out.append([content, seen, d.parcel if d.content else None])
        return out


_APPLY = {
    R.PULSE: "_apply_pulse",
    R.OPENED: "_apply_opened",
    R.CLOSED: "_apply_closed",
    R.DEPOSITED: "_apply_deposited",
    R.COLLECTED: "_apply_emptied",
    R.RETURNED: "_apply_emptied",
    R.DEPOSIT_UNDONE: "_apply_undone",
    R.NOT_OPENED: "_apply_not_opened",
    R.FORCED: "_apply_forced",
    R.BLOCKED: "_apply_blocked",
    R.RELEASED: "_apply_released",
    R.RESERVED: "_apply_reserved",
    R.DOOR_STATE: "_apply_state",
    R.LATCH_STATE: "_apply_latch",
}
