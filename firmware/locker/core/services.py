"""The dialogs of the other kinds of service; the usual one is an automated locker, open day and night.

Imported only when the configuration names such a kind.  Each is a ``Session`` with a few more steps; ``ROWS``
are its additional rows of the dialog's table.  See ``SERVICES.md`` for what each kind is for.
"""

from micropython import const

from . import cabinet, doors, events, reasons, screens
from .dialog import COURIER, DIGIT, HASH, IDLE, PICK_OUT, STAR, TIMEOUT
from .errands import MENU_MS
from .session import Session
from .timekeeping import DAY_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..ports import Now, Screen


HOME = "@"  # stands before the number of a home where a grant names a parcel
CONFIRM = "confirm"  # waits for a clerk who looks at a paper; a state that only a counter has

_CONFIRM_MS = const(60_000)
_THURSDAY = const(3)  # the first of January 1970, where Monday is 0
_PARCELS_MAX = const(9)  # parcels of one home at a time
_NEXT = "0"


class Attended(Session):
    """Customers are served while the shop is open; staff, couriers and technicians whenever they come."""

    def _today(self, now: "Now") -> tuple[int, int, int] | None:
        """``(opens, closes)`` in minutes of today, ``(0, 0)`` closed all day, and the minute it is now.

        ``None`` while hours or local time are not known: while the clock is not set, nobody is turned away.
        """
        local = self._core.orders.local
        if not self._core.hours or not local.told or now[2] != events.TRUST_SET:
            return None
        time_s = now[1] + local.offset_s(now[1])
        opens, closes = self._core.hours[(time_s // DAY_S + _THURSDAY) % 7]
        return opens, closes, time_s % DAY_S // 60

    def _closed(self, now: "Now") -> "Screen | None":
        """``(screen, args)`` to say so; None while it is open, or when nobody can tell."""
        today = self._today(now)
        if today is None or today[0] <= today[2] < today[1]:
            return None
        opens, closes, _ = today
        if not closes:
            return screens.CLOSED_TODAY, ()
        hours = "{:02d}:{:02d} - {:02d}:{:02d}".format(opens // 60, opens % 60, closes // 60, closes % 60)
        return screens.CLOSED, (hours,)

    def greeting(self, now: "Now") -> "Screen":
        return self._closed(now) or super().greeting(now)

    def _permit(self, role: int, action: int, now: "Now") -> int:
        return reasons.R_CLOSED if role == events.CUSTOMER and self._closed(now) else reasons.R_OK

    def _refuse(self, reason: int, now: "Now") -> None:
        closed = self._closed(now) if reason == reasons.R_CLOSED else None
        if closed is None:
            super()._refuse(reason, now)
            return
        self._record_refusal(reason)
        self._fail(closed[0], *closed[1])


class Counter(Attended):
    """A clerk hands over: nothing opens for a customer before the clerk has checked who it is."""

    ROWS = {
        (CONFIRM, HASH): "identity_seen",
        (CONFIRM, STAR): "goodbye",
        (CONFIRM, TIMEOUT): "home",
    }
    _asked = (-1, "")  # the door and the parcel that a clerk must confirm

    def _serve(self, action: int, door: int, parcel: str, now: "Now") -> None:
        if action != events.COLLECT:
            super()._serve(action, door, parcel, now)
            return
        self._asked = door, parcel
        self._go(CONFIRM, _CONFIRM_MS, screens.IDENTITY, self._core.names[door])

    def _do_identity_seen(self, now: "Now") -> None:
        door, parcel = self._asked
        super()._serve(events.COLLECT, door, parcel, now)


class Shop(Attended):
    """A person who collects a day's parcels opens the doors one after another, without scanning each."""

    ROWS = {(PICK_OUT, DIGIT): "all"}
    _may_all = False
    _is_all = False

    def _serve(self, action: int, door: int, parcel: str, now: "Now") -> None:
        self._may_all = action == events.HANDOVER
        self._is_all = False
        super()._serve(action, door, parcel, now)

    def _do_back(self, now: "Now") -> None:
        super()._do_back(now)
        if self.state == PICK_OUT and self._may_all:
            self.show(screens.PICK_ALL, self.count)

    def _do_all(self, now: "Now", digit: str) -> None:
        """Open the next compartment with a parcel; the one after it follows when it is shut."""
        self._is_all = digit == _NEXT and self._may_all
        if not self._is_all:
            return
        for door, d in enumerate(self._core.cabinet.doors):
            if d.content == doors.PARCEL and self._core.cabinet.readiness(door) == cabinet.ORDERED:
                self.door, self.parcel = door, d.parcel
                self._order(doors.FOR_RECALL, now)
                return
        self._do_goodbye(now)

    def _do_taken(self, now: "Now") -> None:
        super()._do_taken(now)
        if self._is_all and self.menu != IDLE:
            self._do_all(now, _NEXT)


class Residence(Session):
    """Any carrier leaves parcels for a home by its number; residents open with a code or card of theirs."""

    ROWS = {
        (COURIER, DIGIT): "type_number",
        (COURIER, STAR): "erase_number",
        (COURIER, HASH): "leave_home",
    }

    def _ask(self) -> None:
        if self.menu == COURIER:
            self._go(COURIER, MENU_MS, screens.HOME, self.count, self.typed)
        else:
            super()._ask()

    def _do_leave_home(self, now: "Now") -> None:
        if not self.typed:
            self._do_goodbye(now)
            return
        home, self.typed = HOME + str(int(self.typed)), ""
        for parcel in _parcels_of(home):
            if not self._lies(parcel):
                self._do_label(now, parcel)
                return
        self._complain(screens.ALREADY_HERE, self._core.names[self._core.cabinet.find(home)])

    def _lies(self, parcel: str) -> bool:
        at = self._core.cabinet.find(parcel)
        return at >= 0 and self._core.cabinet.doors[at].content != doors.EMPTY

    def _find(self, parcel: str) -> int:
        """Where a parcel lies; of a home's several, the first that is still here."""
        for each in _parcels_of(parcel) if parcel.startswith(HOME) else ():
            if self._lies(each):
                return self._core.cabinet.find(each)
        return super()._find(parcel)

    def _serve(self, action: int, door: int, parcel: str, now: "Now") -> None:
        if parcel.startswith(HOME) and 0 <= door < len(self._core.names):
            parcel = self._core.cabinet.doors[door].parcel or parcel
        super()._serve(action, door, parcel, now)


def _parcels_of(home: str) -> "Iterator[str]":
    """The ids that parcels for a home have here: ``@12``, ``@12/2`` and so on."""
    yield home
    for number in range(2, _PARCELS_MAX + 1):
        yield "{}/{}".format(home, number)


KINDS = {"counter": Counter, "shop": Shop, "mall": Shop, "seller": Attended, "residence": Residence}
