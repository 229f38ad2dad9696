"""The window codes that may be typed now: at most two slots for each configured holder.

A slot is honoured from a quarter of its length before it starts to a quarter after it ends, so at any moment
one or two neighbours count.  Each holder has one cell for even and one for odd slots; the next slot is
prepared half a slot before it is valid, a few cells with each event (``fill``), so that a person never waits
for it.
"""

from micropython import const

from . import codes, events, livecodes
from .limits import HOLDERS_MAX
from .timekeeping import DAY_S, HOUR_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ports import Holder, Pads, WindowCode
    from .livecodes import LiveCodes
    from .revoked import Counters


_EMPTY = const(-1)
_ANSWER_SLOT = 1 << 31  # no slot of a real hour or day: those end with the clock's four bytes, below 2**21
ANSWER_NUMBERS = const(1_000_000_000)

SLOT_S = {
    events.COURIER: DAY_S,
    events.CLERK: DAY_S,
    events.TECHNICIAN: HOUR_S,
    events.MERCHANT: DAY_S,
    events.PARTNER: DAY_S,
}


def _first_slot(epoch_s: int, length_s: int) -> int:
    """The earlier of the two prepared slots; it changes a quarter of a slot after one has begun."""
    return (epoch_s - length_s // 4) // length_s


def answer_slot(number: int) -> int:
    """The slot whose code answers the ``number`` that a closed console drew while it knew no time."""
    return _ANSWER_SLOT + number


class Windows:
    """Tags of the candidates, entered into the index of live codes.

    ``holders`` are ``(role, action, holder)``; ``counters`` has the numbers that replace holders.
    Raises ``ValueError`` for more than ``HOLDERS_MAX`` or for a role without window codes.
    """

    def __init__(
        self,
        holders: "Sequence[Holder]",
        digits: int,
        window_pads: "Pads",
        listed_pads: "Pads",
        counters: "Counters",
        live: "LiveCodes",
    ) -> None:
        # A tuple is its own copy on a device: those of the configuration are not held twice.
        self.holders: tuple[Holder, ...] = tuple(tuple(each) for each in holders)  # pyright: ignore[reportAttributeAccessIssue]
        if len(self.holders) > HOLDERS_MAX:
            raise ValueError("{} holders".format(len(self.holders)))
        for role, action, _ in self.holders:
            if role not in SLOT_S or not 0 <= action <= events.HANDOVER:
                raise ValueError("role {} has no window codes for action {}".format(role, action))
        self._digits = digits
        self._window_pads = window_pads
        self._listed_pads = listed_pads
        self._counters = counters
        self._live = live
        self._slots = [_EMPTY] * (2 * len(self.holders))
        self._tags = [b""] * (2 * len(self.holders))
        self._ready: tuple[int, int] | None = (
            None  # the first slots of a day and of an hour that are prepared
        )

    def fill(self, epoch_s: int, cells_max: int) -> int:
        """Prepare up to ``cells_max`` missing cells; returns how many were prepared."""
        wanted = _first_slot(epoch_s, DAY_S), _first_slot(epoch_s, HOUR_S)
        if wanted == self._ready:
            return 0
        done = 0
        for i in range(len(self.holders)):
            first = wanted[0] if SLOT_S[self.holders[i][0]] == DAY_S else wanted[1]
            for slot in (first, first + 1):
                cell = 2 * i + slot % 2
                if self._slots[cell] != slot and slot >= 0:
                    if done == cells_max:
                        return done
                    self._set(i, cell, slot)
                    done += 1
        self._ready = wanted
        return done

    def _set(self, i: int, cell: int, slot: int) -> None:
        self._clear(cell)
        who = self.holders[i]
        digits = codes.window_digits(
            self._window_pads, who[0], who[1], self._counters.of(who), slot, self._digits
        )
        self._tags[cell] = codes.listed_tag(self._listed_pads, digits)
        self._slots[cell] = slot
        self._live.add(self._tags[cell], livecodes.window_ref(cell))

    def _clear(self, cell: int) -> None:
        if self._slots[cell] != _EMPTY:
            self._live.remove(self._tags[cell], livecodes.window_ref(cell))
            self._slots[cell] = _EMPTY

    def answer_tag(self, i: int, number: int) -> bytes:
        """The tag of what answers ``number`` (below ``ANSWER_NUMBERS``) for ``holders[i]``."""
        role, action, _ = who = self.holders[i]
        digits = codes.window_digits(
            self._window_pads, role, action, self._counters.of(who), answer_slot(number), self._digits
        )
        return codes.listed_tag(self._listed_pads, digits)

    def cut_off(self, who: "Holder") -> None:
        """The counter of a holder changed: drop the codes prepared with the old one at once."""
        for i in range(len(self.holders)):
            if self.holders[i] == who:
                self._clear(2 * i)
                self._clear(2 * i + 1)
                self._ready = None

    def tag(self, cell: int) -> bytes:
        return self._tags[cell]

    def code(self, cell: int) -> "WindowCode":
        """``(role, action, holder, not_before, not_after)`` of a prepared cell, dates inclusive."""
        who = self.holders[cell // 2]
        length_s = SLOT_S[who[0]]
        start_s = self._slots[cell] * length_s
        return who + (start_s - length_s // 4, start_s + length_s + length_s // 4 - 1)
