"""What a person may do once their code is known: collect, leave parcels, take them away, service.

The dialog never decides custody: it orders doors from ``cabinet`` and repeats what they then
really did.  The dialog can be abandoned at any moment (the person leaves, the power fails) without harm.
"""

from micropython import const

from . import cabinet, doors, events, labels, limits, reasons, screens
from .dialog import (
    COURIER,
    DONE,
    FILL,
    IDLE,
    MESSAGE_MS,
    OPENING,
    PICK_OUT,
    SERVICE,
    SIZE,
    STUCK,
    TAKE,
    Dialog,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Now


_OPENING_MS = const(30_000)
_STUCK_MS = const(25_000)  # shorter than the cabinet's wait for a person who pulls the door
_DOOR_OPEN_MS = const(90_000)
MENU_MS = const(60_000)


class Errands(Dialog):
    """The part of the dialog after the code; see ``dialog.TABLE``."""

    def _serve(self, action: int, door: int, parcel: str, now: "Now") -> None:
        """The code is good: do what it is for."""
        if action in (events.DEPOSIT, events.RETURN):
            self.menu = COURIER
            if parcel:
                self._do_label(now, parcel)
            else:
                self._do_back(now)
        elif action in (events.RECALL, events.HANDOVER) and not 0 <= door < len(self._core.names):
            self.menu = PICK_OUT
            self._do_back(now)
        elif action == events.SERVICE:
            self.menu = SERVICE
            self._do_back(now)
        else:
            self.door = door
            self.parcel = parcel
            self._order(doors.FOR_RECALL if action == events.RECALL else doors.FOR_COLLECT, now)

    def _order(self, purpose: int, now: "Now") -> None:
        """Order ``self.door`` open for ``self.who``, and say so."""
        d = self._core.cabinet.doors[self.door]
        if purpose == doors.FOR_COLLECT and d.content == doors.EMPTY and self.parcel:
            purpose = doors.FOR_REOPEN
        role, holder, ref = self.who
        answer = self._core.cabinet.order(self.door, purpose, role, holder, ref, self.parcel or d.parcel, now)
        if answer == cabinet.ORDERED:
            self._go(OPENING, _OPENING_MS, screens.OPENING, self._name())
        else:
            broken = answer == cabinet.OUT_OF_ORDER
            self._fail(screens.BROKEN if broken else screens.IS_OPEN, self._name())

    # --- actions: a door is on its way --------------------------------------------------------------------

    def _do_door_opened(self, now: "Now") -> None:
        purpose = self._core.cabinet.doors[self.door].purpose
        if purpose == doors.FOR_DEPOSIT:
            self._go(FILL, _DOOR_OPEN_MS, screens.FILL, self._name())
        else:
            screen = screens.CLOSE_IT if purpose == doors.FOR_SERVICE else screens.TAKE
            self._go(TAKE, _DOOR_OPEN_MS, screen, self._name())

    def _do_say_again(self, now: "Now") -> None:
        self.show(screens.AGAIN, self._name())

    def _do_door_stuck(self, now: "Now") -> None:
        self._beep(events.BEEP_ERROR)
        if (
            self._core.cabinet.doors[self.door].purpose == doors.NO_PURPOSE
        ):  # a deposit: this door is given up, try another
            self._give_compartment(self.size, now)
            return
        self._go(STUCK, _STUCK_MS, screens.STUCK, self._name())

    def _do_open_again(self, now: "Now") -> None:
        self._order(self._core.cabinet.doors[self.door].purpose, now)

    def _do_door_broken(self, now: "Now") -> None:
        if self.menu == COURIER:
            self._give_compartment(self.size, now)
        else:
            self._fail(screens.BROKEN, self._name())

    def _do_report(self, now: "Now") -> None:
        role, holder, _ = self.who
        if self.menu == SERVICE:
            return  # a technician has better ways to report
        self._core.cabinet.report_problem(self.door, role, holder, events.ALARM_REPORTED)
        self._say(screens.REPORTED, self._name())

    def _do_say_close_it(self, now: "Now") -> None:
        self._beep(events.BEEP_REMIND)
        self.show(screens.CLOSE_IT, self._name())

    def _do_taken(self, now: "Now") -> None:
        self._beep(events.BEEP_OK)
        if self.menu != IDLE:
            self.count += 1
            self._do_back(now)
            return
        self._go(DONE, MESSAGE_MS, screens.THANKS)

    def _do_reopen(self, now: "Now") -> None:
        if self._core.cabinet.can_reopen(self.door, now):
            self._order(doors.FOR_COLLECT, now)
        else:
            self._fail(screens.DONE_BEFORE)

    # --- actions: leaving parcels -------------------------------------------------------------------------

    def _do_back(self, now: "Now") -> None:
        self.parcel = self.typed = ""
        self.door = -1
        self._ask()

    def _ask(self) -> None:
        """Show the menu's question, with the digits typed so far."""
        if self.menu == SERVICE:
            self._go(SERVICE, MENU_MS, screens.SERVICE, self.typed)
        elif self.menu == PICK_OUT:
            self._go(PICK_OUT, MENU_MS, screens.PICK_OUT, self.count)
        else:
            self._go(COURIER, MENU_MS, screens.COURIER, self.count)

    def _complain(self, screen: str, *args: str | int) -> None:
        """Tell what is wrong with this parcel; a person with a menu returns to it."""
        if self.who[0] == events.CUSTOMER:
            self._fail(screen, *args)
            return
        self._beep(events.BEEP_ERROR)
        self._go(self.menu, MENU_MS, screen, *args)

    def _do_say_bad_scan_stay(self, now: "Now") -> None:
        self._complain(screens.BAD_SCAN)

    def _do_label(self, now: "Now", text: str) -> None:
        reason, parcel = labels.parcel_id(text)
        if reason != reasons.R_OK:
            self._complain(screens.BAD_LABEL)
            return
        at = self._core.cabinet.find(parcel)
        if at >= 0 and self._core.cabinet.doors[at].content != doors.EMPTY:
            self._complain(screens.ALREADY_HERE, self._core.names[at])
            return
        if self._core.access.collides(parcel):
            self._complain(screens.CODE_CLASH)
            return
        self.parcel = parcel
        size = self._core.expected_size(parcel, now)
        if size:
            self.low = bool(size & limits.SIZE_LOW)
            self._give_compartment(size & (limits.SIZE_LOW - 1), now)
        else:
            self._go(SIZE, MENU_MS, screens.WHICH_SIZE)

    def _do_size(self, now: "Now", digit: str) -> None:
        if digit in "1234":
            self._give_compartment(int(digit), now)

    def _give_compartment(self, size: int, now: "Now") -> None:
        door = self._core.cabinet.choose(size, self.low, self.parcel, now[1])
        if door < 0:
            self._complain(screens.FULL)
            return
        self.size = size
        self.door = door
        self._order(doors.FOR_DEPOSIT, now)

    def _do_larger(self, now: "Now") -> None:
        """The parcel does not fit: this compartment stays empty, the next one is larger."""
        self._core.cabinet.undo_deposit(self.door)
        self.size = self._core.sizes[self.door] + 1
        self._go(FILL, _DOOR_OPEN_MS, screens.CLOSE_IT, self._name())

    def _do_take_back(self, now: "Now") -> None:
        self._core.cabinet.undo_deposit(self.door)
        self.size = 0
        self._go(FILL, _DOOR_OPEN_MS, screens.TAKE_BACK, self._name())

    def _do_filled(self, now: "Now") -> None:
        if self._core.cabinet.doors[self.door].content == doors.PARCEL:
            self._beep(events.BEEP_OK)
            self.count += 1
            if self.who[0] == events.CUSTOMER:  # a return: one parcel, no menu
                self._say(screens.THANKS)
                return
            self._do_back(now)
        elif self.size:
            self._give_compartment(self.size, now)
        else:
            self._do_back(now)

    def _do_goodbye(self, now: "Now") -> None:
        self._say(screens.GOODBYE)

    # --- actions: taking parcels away, service ------------------------------------------------------------

    def _do_pick_out(self, now: "Now", text: str) -> None:
        _, parcel = labels.parcel_id(text)
        door = self._core.cabinet.find(parcel)
        if door < 0 or self._core.cabinet.doors[door].content != doors.PARCEL:
            self._complain(screens.NOT_HERE)
            return
        self.door, self.parcel = door, parcel
        self._order(doors.FOR_RECALL, now)

    def _do_type_number(self, now: "Now", digit: str) -> None:
        door = self.menu == SERVICE
        self._digit(digit, limits.DOOR_NAME_CHARS_MAX if door else limits.HOME_DIGITS_MAX)
        self._ask()

    def _do_erase_number(self, now: "Now") -> None:
        if not self.typed:
            self._do_goodbye(now)
            return
        self.typed = self.typed[:-1]
        self._ask()

    def _do_service_open(self, now: "Now") -> None:
        if self.typed not in self._core.names:
            self.typed = ""
            self._complain(screens.NO_SUCH_DOOR)
            return
        self.door = self._core.names.index(self.typed)
        self.parcel = ""
        self._order(doors.FOR_SERVICE, now)
