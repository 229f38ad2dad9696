"""The dialog until a code is known: keys and scans in, one guess at a time, a verdict out.

Keys, scans and door events come in through the public methods; ``dialog.TABLE`` has the action for each in
the present state.
"""

from time import ticks_diff

from micropython import const

from . import doors, events, labels, reasons, records, screens
from .dialog import (
    CARD,
    CHECKING,
    CODE,
    DIGIT,
    DOOR_INPUTS,
    GARBLED,
    HASH,
    LABEL,
    LOCKED,
    STAR,
    TIMEOUT,
    TOGETHER,
    TOKEN,
    TYPING,
    action,
)
from .errands import Errands

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Now, Screen, Verdict


_TYPING_MS = const(20_000)
_SECOND_MS = const(1_000)
_LOCKED_SHOWN_S = const(15)  # how long the countdown stays before the idle screen returns
_FEW_TRIES = const(5)

_SAY = {  # the screen for a refusal; other reasons show as a wrong code
    reasons.R_NOT_HERE: screens.NOT_HERE,
    reasons.R_DONE_BEFORE: screens.DONE_BEFORE,
    reasons.R_EXPIRED: screens.EXPIRED,
    reasons.R_NOT_YET: screens.NOT_YET,
    reasons.R_REVOKED: screens.REVOKED,
    reasons.R_NO_CLOCK: screens.NO_CLOCK,
    reasons.R_NOT_PROVEN: screens.OUT_OF_SERVICE,
}


class Session(Errands):
    """One dialog at a time with whoever stands at the locker.

    ``proven`` is false when the journal lost records that shape the state: then the contents and the used
    codes are uncertain, and only a technician and the operator's signed orders open doors.  The same holds
    while the core ``wants`` to be told by the host what lies here.
    """

    proven = True

    # --- inputs -----------------------------------------------------------------------------------------

    def key(self, key: str, now: "Now") -> None:
        if key in "0123456789":
            self._step(DIGIT, now, key)
        elif key == "*":
            self._step(STAR, now)
        elif key == "#":
            self._step(HASH, now)

    def scan(self, text: str, now: "Now") -> None:
        if text.startswith("CG1"):
            self._step(TOKEN, now, text)
        elif len(text) == self._core.digits and labels.all_digits(text):
            self._step(CODE, now, text)
        else:
            self._step(LABEL, now, text)

    def card(self, text: str, now: "Now") -> None:
        """A card stands for a listed code; a scanned text with the card's number does not."""
        self._step(CARD, now, text)

    def garbled(self, now: "Now") -> None:
        self._step(GARBLED, now)

    def keys_together(self, now: "Now") -> None:
        self._step(TOGETHER, now)

    def timeout(self, now: "Now") -> None:
        self._step(TIMEOUT, now)

    def door_note(self, door: int, note: int, now: "Now") -> None:
        if door == self.door:
            self._step(DOOR_INPUTS[note], now)

    ROWS: dict[tuple[str, str], str] = {}  # rows that override those of the table: services.py

    def _step(self, what: str, now: "Now", value: str | None = None) -> None:
        if what != TIMEOUT:
            self._touched_ms = now[0]
        does = self.ROWS.get((self.state, what)) or action(self.state, what)
        if not does:
            return
        method = getattr(self, "_do_" + does)
        if value is None:
            method(now)
        else:
            method(now, value)

    # --- actions: before a code is known -------------------------------------------------------------------

    def _do_home(self, now: "Now") -> None:
        """Keep the chosen language while the person who chose it may still be there."""
        self.home(_TYPING_MS - ticks_diff(now[0], self._touched_ms))

    def _do_next_language(self, now: "Now") -> None:
        at = self._languages.index(self.language)
        self.language = self._languages[(at + 1) % len(self._languages)]
        self.home(_TYPING_MS)

    def _do_type(self, now: "Now", digit: str) -> None:
        if self.state != TYPING:
            self._clear()
        self._digit(digit, labels.CODE_DIGITS_MAX)
        self._go(TYPING, _TYPING_MS, screens.TYPING, self.typed)

    def _do_erase(self, now: "Now") -> None:
        if not self.typed:
            self._do_next_language(now)
            return
        self.typed = self.typed[:-1]
        self._go(TYPING, _TYPING_MS, screens.TYPING, self.typed)

    def _do_submit(self, now: "Now") -> None:
        self._try(self.typed, events.VIA_KEYPAD, now)

    def _do_scanned_code(self, now: "Now", text: str) -> None:
        self._try(text, events.VIA_SCANNER, now)

    def _do_card(self, now: "Now", text: str) -> None:
        self._guess(text, events.VIA_KEYPAD, now)

    def _try(self, digits: str, via: int, now: "Now") -> None:
        if len(digits) != self._core.digits:
            self._fail(screens.CODE_LENGTH, self._core.digits)
            return
        self._guess(digits, via, now)

    def _guess(self, digits: str, via: int, now: "Now") -> None:
        """One guess: recorded first, compared only when the record is durable."""
        if self._core.access.may_try(now)[1]:
            self._clear()
            self._beep(events.BEEP_ERROR)
            self.count = _LOCKED_SHOWN_S
            self._do_count_down(now)
            return
        self.via = via
        earned = self._core.access.throttle_due(now)
        if earned:
            self._core.record(records.THROTTLE_STATE, *earned)
        self._core.record(records.ATTEMPT, via)
        self.state = CHECKING
        self._core.effect((events.FX_THEN, (events.EV_CHECK, digits)))

    def _do_count_down(self, now: "Now") -> None:
        wait_s = self._core.access.may_try(now)[1]
        self.count -= 1
        if wait_s <= 0 or self.count < 0:
            self._do_home(now)
            return
        self._go(LOCKED, _SECOND_MS, screens.LOCKED, wait_s // 60, wait_s % 60)

    def _do_token(self, now: "Now", text: str) -> None:
        self._clear()
        self.via = events.VIA_SCANNER
        self._decide(self._core.access.check_token(text, now), now)

    def check(self, digits: str, now: "Now") -> None:
        if self.state == CHECKING:
            self._decide(self._core.access.check_digits(digits, now), now)

    def _do_say_bad_scan(self, now: "Now", *_text: str) -> None:
        self._fail(screens.BAD_SCAN)

    def _do_say_one_key(self, now: "Now") -> None:
        self._fail(screens.ONE_KEY)

    # --- what the code allows ----------------------------------------------------------------------------

    def _decide(self, verdict: "Verdict", now: "Now") -> None:
        reason, role, action, holder, door, ref, parcel, duress = verdict
        if reason == reasons.R_OK and action != events.SERVICE and (self._core.wants or not self.proven):
            reason = reasons.R_NOT_PROVEN
        if reason == reasons.R_OK and parcel and action in (events.COLLECT, events.RECALL, events.HANDOVER):
            door = self._find(parcel)
            reason = self._parcel_reason(door, now)
        elif reason == reasons.R_OK and action == events.COLLECT and not 0 <= door < len(self._core.names):
            reason = reasons.R_NOT_HERE
        if reason == reasons.R_OK:
            reason = self._permit(role, action, now)
        if reason != reasons.R_OK:
            self._refuse(reason, now)
            return
        self._core.record(records.ACCEPTED, self.via, role, action, holder, ref, parcel)
        if duress:
            self._core.record(records.ALARM, events.ALARM_DURESS, role, holder, records.ANY_DOOR)
        self.who = (role, holder, ref)
        self._beep(events.BEEP_OK)
        self._serve(action, door, parcel, now)

    def greeting(self, now: "Now") -> "Screen":
        """``(screen, args)`` of the display while no person is there and the host has no message."""
        return screens.IDLE, (self._core.orders.heading(self._core.site_name, now),)

    def _find(self, parcel: str) -> int:
        return self._core.cabinet.find(parcel)

    def _permit(self, role: int, action: int, now: "Now") -> int:
        """Whether the site permits a valid code now; here it is open day and night."""
        return reasons.R_OK

    def _parcel_reason(self, door: int, now: "Now") -> int:
        if door < 0:
            return reasons.R_NOT_HERE
        if self._core.cabinet.doors[door].content == doors.EMPTY and not self._core.cabinet.can_reopen(
            door, now
        ):
            return reasons.R_DONE_BEFORE
        return reasons.R_OK

    def _record_refusal(self, reason: int) -> None:
        """Record the end of each try; of tokens, which cost no try, only a few (``Tokens.count_refused``)."""
        if self.state == CHECKING or self._core.access.count_refused_token():
            self._core.record(records.REFUSED, reason, self.via)

    def _refuse(self, reason: int, now: "Now") -> None:
        self._record_refusal(reason)
        left = self._core.access.may_try(now)[0]
        if reason in _SAY:
            self._fail(_SAY[reason])
        elif self.via == events.VIA_KEYPAD and left <= _FEW_TRIES:
            self._fail(screens.FEW_TRIES, left)
        else:
            self._fail(screens.WRONG_CODE)
