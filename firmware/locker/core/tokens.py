"""Tokens: text from a QR code in, a verdict out; each opens once.

A token is signed for this locker and carries its own dates, so the locker needs no earlier knowledge of it.
It stores only which nonces were used or revoked, until those tokens have ended.
"""

from micropython import const

from . import codes, events, reasons, records, trust
from .labels import parcel_possible
from .revoked import Nonces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Members, Now, Pads, TokenFields, Verdict
    from .revoked import Parcels


_USED_MAX = const(256)
_REVOKED_MAX = const(64)
_ACCEPTED_MAX = const(8)  # a door may open long after its token was shown, when others have been shown since
_TOLD_MAX = const(10)  # refusals worth a record until ``untold`` is asked, each hour

# The role of who shows a token, by its action: the token itself does not carry one.
_ROLES = (events.CUSTOMER, events.COURIER, events.CUSTOMER, events.COURIER, events.TECHNICIAN, events.CLERK)


def _sense(fields: "TokenFields", doors: int) -> int:
    """``R_OK``, or why authentic fields make no sense here.

    Doors in a token are numbered as people number them, from 1, so that door 0 (a forgotten field) opens
    nothing.
    """
    kind, action, _, door, not_before, not_after, nonce, parcel = fields
    if kind != codes.TOKEN_KIND or not nonce:
        return reasons.R_TOKEN_KIND
    if action > events.HANDOVER:
        return reasons.R_ACTION
    if door != records.ANY_DOOR and not 1 <= door <= doors:
        return reasons.R_DOOR
    if not parcel_possible(parcel):
        return reasons.R_PARCEL
    return reasons.R_WINDOW if not_before > not_after else reasons.R_OK


class Tokens:
    """``revoked_parcels`` is shared with the derived codes; ``doors`` is how many there are."""

    def __init__(self, padded: "Pads", doors: int, revoked_parcels: "Parcels") -> None:
        self._padded = padded
        self._doors = doors
        self._revoked_parcels = revoked_parcels
        self._refused = 0  # since ``untold`` was asked
        self.revoked = Nonces(_REVOKED_MAX)
        self.used = Nonces(_USED_MAX)
        self._accepted: list[tuple[int, int]] = []  # (nonce, end) of those accepted last, until they are used

    def check(self, text: str, now: "Now") -> "tuple[int, Verdict | None]":
        """``(reason, verdict)``; the verdict is ``None`` unless the reason is ``R_OK``."""
        raw = codes.token_raw(text)
        if raw is None:
            return reasons.R_TOKEN_FORM, None
        if not codes.token_authentic(self._padded, raw):
            return reasons.R_TOKEN_FORGED, None
        fields = codes.token_fields(raw)
        _, action, holder, door, not_before, not_after, nonce, raw_parcel = fields
        parcel = ""
        reason = _sense(fields, self._doors)
        if reason == reasons.R_OK:
            reason = trust.judge(trust.TOKEN, action, not_before, not_after, now)
        if reason == reasons.R_OK:
            parcel = str(raw_parcel, "utf-8")
            reason = self._spent(nonce, not_after, parcel, now[1])
        if reason != reasons.R_OK:
            return reason, None
        self.forget(nonce)
        self._accepted.append((nonce, not_after))
        if len(self._accepted) > _ACCEPTED_MAX:
            self._accepted.pop(0)
        if door != records.ANY_DOOR:
            door -= 1
        return reason, (reason, _ROLES[action], action, holder, door, nonce, parcel, False)

    def _spent(self, nonce: int, not_after: int, parcel: str, epoch_s: int) -> int:
        if self.revoked.has(nonce, not_after) or self._revoked_parcels.has(parcel, epoch_s):
            return reasons.R_REVOKED
        return reasons.R_DONE_BEFORE if self.used.has(nonce, not_after) else reasons.R_OK

    def count_refused(self) -> bool:
        """Count a refused token; true while it still gets a record.

        Tokens cost no try, and a phone's screen can show several false ones a second: within an hour their
        records would push the events of parcels out of an offline locker's journal.
        """
        self._refused += 1
        return self._refused <= _TOLD_MAX

    def untold(self) -> int:
        """How many got no record since the last call."""
        untold = max(0, self._refused - _TOLD_MAX)
        self._refused = 0
        return untold

    def use(self, nonce: int, until: int, time_s: int) -> None:
        """Fold ``TOKEN_USED``."""
        self.used.add(nonce, until, time_s)
        self.forget(nonce)

    def forget(self, nonce: int) -> None:
        """Drop an accepted token: no door opens for it until it is shown again."""
        self._accepted = [one for one in self._accepted if one[0] != nonce]

    def end(self, nonce: int) -> int:
        """The end of the token with this nonce if it was accepted lately and is not used yet, else 0."""
        for accepted, until in self._accepted:
            if accepted == nonce:
                return until
        return 0

    def snapshot(self) -> "Members":
        yield from self.revoked.snapshot(records.REVOKE_NONCE)
        yield from self.used.snapshot(records.TOKEN_USED)
