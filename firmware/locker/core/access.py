"""Who may open what: digits and tokens in, one verdict out, offline.

``Access`` folds the records it owns and ignores the others, so the core hands it every record.  It
never opens anything: a verdict says what a code stands for; whether the parcel is there, and which
door, the cabinet knows.  See ``ACCESS.md`` for threats, odds and what operators should set.

A verdict is ``(reason, role, action, holder, door, ref, parcel_id, duress)``.  ``reason`` is
``R_OK`` or one of ``reasons``, and only with ``R_OK`` do the others mean something.  ``door`` counts
from 0; ``records.ANY_DOOR`` means any, or where the parcel is.  ``ref`` is the grant's id or the token's
nonce, else 0.  ``duress`` tells that the person typed the code in the way that asks for help.
"""

import struct

from micropython import const

from . import codes, events, grants, livecodes, reasons, records, trust
from .labels import CODE_DIGITS_MAX, CODE_DIGITS_MIN, all_digits, parcel_possible
from .limits import DOORS_MAX
from .parcelcodes import ParcelCodes
from .revoked import Counters, Parcels
from .throttle import Throttle
from .tokens import Tokens
from .windows import Windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ports import Holder, Members, Now, Payload, Verdict


GRANTS_MAX = const(1024)
_EACH_EVENT = const(2)  # codes to prepare, two HMACs each
_ALL_CELLS = const(64)
_LOST_TOKEN_S = const(31_622_400)  # a year

_DURESS_ROLES = (events.CLERK, events.TECHNICIAN)

# The parts of a verdict.
REASON = 0
ROLE = 1
ACTION = 2
HOLDER = 3
DOOR = 4
REF = 5
PARCEL = 6
DURESS = 7


def _refused(reason: int) -> "Verdict":
    return (reason, 0, 0, 0, records.ANY_DOOR, 0, "", False)


class Access:
    """All codes of one locker.

    ``device_key`` has 32 bytes; ``holders`` are up to 16 ``(role, action, holder)`` whose window
    codes are taken; ``duress``: a clerk's or technician's code with its last digit raised by one
    (mod 10) opens and tells the caller; ``doors`` is how many there are.
    Raises ``ValueError`` for values out of range.
    """

    def __init__(
        self,
        device_key: bytes,
        digits: int = 8,
        holders: "Sequence[Holder]" = (),
        duress: bool = False,
        doors: int = DOORS_MAX,
    ) -> None:
        if not CODE_DIGITS_MIN <= digits <= CODE_DIGITS_MAX:
            raise ValueError("codes of {} digits".format(digits))
        self._digits = digits
        self._duress = duress
        self._doors = doors
        self._listed = codes.pads(codes.derive(device_key, codes.LABEL_LISTED))
        derived = codes.pads(codes.derive(device_key, codes.LABEL_DERIVED))
        token = codes.pads(codes.derive(device_key, codes.LABEL_TOKEN))
        window = codes.pads(codes.derive(device_key, codes.LABEL_WINDOW))
        self.throttle = Throttle()
        self.grants_version = 0
        self._live = livecodes.LiveCodes()
        self._grants = grants.Grants(GRANTS_MAX)
        self._counters = Counters()
        self._windows = Windows(holders, digits, window, self._listed, self._counters, self._live)
        self._revoked_parcels = Parcels()
        self._digest = -1  # of what is revoked; -1: it has changed
        self._tokens = Tokens(token, doors, self._revoked_parcels)
        self._parcels = ParcelCodes(digits, derived, self._listed, self._live)
        self._used_nonce = 0  # of the newest TOKEN_USED, until the OPENED that it is for
        self._floor_s = 0  # newest time believed: a code whose end is before it has ended for good
        self.ahead_s = 0  # the records' time is so far ahead of it: see timekeeping.py
        self._folds = {
            records.GRANT: self._fold_grant,
            records.GRANT_DROP: self._fold_grant_drop,
            records.GRANTS_VERSION: self._fold_grants_version,
            records.GRANTS_RESET: self._fold_grants_reset,
            records.GRANT_SPENT: self._fold_grant_spent,
            records.REVOKE_PARCEL: self._fold_revoke_parcel,
            records.REVOKED: self._fold_revoked,
            records.REVOKE_NONCE: self._fold_revoke_nonce,
            records.HOLDER_COUNTER: self._fold_holder_counter,
            records.TOKEN_USED: self._fold_token_used,
            records.OPENED: self._fold_opened,
            records.ATTEMPT: self._fold_attempt,
            records.REFUSED: self._fold_refused,
            records.ACCEPTED: self._fold_accepted,
            records.BOOT: self._fold_boot,
            records.THROTTLE_STATE: self._fold_throttle_state,
        }

    # --- the fold ----------------------------------------------------------------------------------

    def apply(self, kind: int, time_s: int, payload: "Payload", seq: int = 0) -> None:
        """Fold one record; ``seq`` is not needed for the state."""
        if kind == records.TIME_AHEAD:
            self.ahead_s = records.unpack(kind, payload)[0]
            self._floor_s = 0  # an operator may have set it back
        self._floor_s = max(self._floor_s, time_s - self.ahead_s)
        fold = self._folds.get(kind)
        if fold is not None:
            fold(kind, payload)

    def _fold_grant(self, kind: int, payload: "Payload") -> None:
        self._grants.put(payload, self._floor_s)

    def _fold_grant_drop(self, kind: int, payload: "Payload") -> None:
        self._grants.drop(records.unpack(kind, payload)[0])

    def _fold_grants_version(self, kind: int, payload: "Payload") -> None:
        self.grants_version = records.unpack(kind, payload)[0]

    def _fold_grants_reset(self, kind: int, payload: "Payload") -> None:
        self._grants.reset()

    def _fold_grant_spent(self, kind: int, payload: "Payload") -> None:
        self._grants.spend(records.unpack(kind, payload)[0])

    def _fold_revoke_parcel(self, kind: int, payload: "Payload") -> None:
        until, parcel = records.unpack(kind, payload)
        self._revoked_parcels.add(parcel.encode(), until)
        self._digest = -1

    def _fold_revoked(self, kind: int, payload: "Payload") -> None:
        self._revoked_parcels.put(payload)
        self._digest = -1

    def _fold_revoke_nonce(self, kind: int, payload: "Payload") -> None:
        nonce, until = records.unpack(kind, payload)
        self._tokens.revoked.add(nonce, until, self._floor_s)
        self._digest = -1

    def _fold_holder_counter(self, kind: int, payload: "Payload") -> None:
        role, action, holder, counter = records.unpack(kind, payload)
        who = (role, action, holder)
        self._counters.put(who, counter)
        self._digest = -1
        self._windows.cut_off(who)

    def _fold_token_used(self, kind: int, payload: "Payload") -> None:
        nonce, until = records.unpack(kind, payload)
        self._tokens.use(nonce, until, self._floor_s)
        self._used_nonce = nonce

    def _fold_opened(self, kind: int, payload: "Payload") -> None:
        door, _, _, ref, _ = records.unpack(kind, payload)
        # A grant may have the same number as a token: the door was opened by the token if TOKEN_USED came
        # just before.
        if ref and ref != self._used_nonce:
            self._grants.opened(ref, door)
        self._used_nonce = 0

    def _fold_attempt(self, kind: int, payload: "Payload") -> None:
        self.throttle.attempt(self._floor_s)

    def _fold_refused(self, kind: int, payload: "Payload") -> None:
        self.throttle.refused()

    def _fold_accepted(self, kind: int, payload: "Payload") -> None:
        self.throttle.accepted()

    def _fold_boot(self, kind: int, payload: "Payload") -> None:
        self.throttle.restarted()

    def _fold_throttle_state(self, kind: int, payload: "Payload") -> None:
        self.throttle.state(records.unpack(kind, payload)[0])

    def snapshot(self) -> "Members":
        """Yield ``(kind, payload)`` of records that fold to the present state."""
        if self.ahead_s:
            yield records.TIME_AHEAD, records.pack(records.TIME_AHEAD, self.ahead_s)
        yield records.GRANTS_VERSION, records.pack(records.GRANTS_VERSION, self.grants_version)
        yield from self._grants.snapshot(self._floor_s)
        yield from self._revoked_parcels.snapshot()
        yield from self._tokens.snapshot()
        yield from self._counters.snapshot()
        yield (
            records.THROTTLE_STATE,
            records.pack(records.THROTTLE_STATE, self.throttle.milli_tries(), self._floor_s),
        )

    # --- what the host sends ---------------------------------------------------------------------------

    def admit(self, kind: int, payload: "Payload") -> int:
        """``R_OK``, or why this GRANT, REVOKE_* or HOLDER_COUNTER from the host must not be journaled."""
        if kind == records.GRANT:
            return self._grants.admit(payload, self._doors, self._floor_s)
        fixed_bytes = struct.calcsize(records.fixed_format(kind))
        if len(payload) < fixed_bytes:
            return reasons.R_PAYLOAD
        if kind == records.REVOKE_PARCEL:
            if not parcel_possible(payload[fixed_bytes:]):
                return reasons.R_PARCEL
            room = self._revoked_parcels.room(payload[fixed_bytes:], self._floor_s)
        elif kind == records.HOLDER_COUNTER:
            role, action, holder, _ = records.unpack(kind, payload)
            room = self._counters.room((role, action, holder))
        else:
            room = True  # a full list of nonces makes room by moving its horizon
        return reasons.R_OK if room else reasons.R_FULL

    def grants_digest(self, time_s: int) -> int:
        """The digest of the grants, which host and locker compare: ``Grants.digest``."""
        return self._grants.digest(time_s)

    def revoked(self) -> "Members":
        """Yield what is refused for good, as the records that said so: the host may have forgotten it."""
        yield from self._revoked_parcels.snapshot()
        yield from self._tokens.revoked.snapshot(records.REVOKE_NONCE)
        yield from self._counters.snapshot()

    def revoked_digest(self) -> int:
        """32 bits that change with what is revoked, by which the host sees whether it knows all of it.

        Kept, since of a full list it takes a chip a tenth of a second.
        """
        if self._digest < 0:
            self._digest = 0
            for _, payload in self.revoked():
                self._digest ^= grants.fingerprint(payload)
        return self._digest

    def stale_grants(self) -> tuple[int, ...]:
        """Ids of grants that the host has not sent again since it began to send the whole set."""
        return self._grants.stale()

    def grants_bytes(self) -> int:
        """About how much heap the grants take."""
        return self._grants.taken_bytes()

    def bound_grants(self, bytes_max: int) -> None:
        """Admit no more grants than take so much heap."""
        self._grants.bound(bytes_max)

    # --- what lies here -----------------------------------------------------------------------------------

    def bind(self, door: int, parcel_id: str) -> None:
        """A parcel lies behind this door: from now on its derived code is live."""
        self._parcels.bind(door, parcel_id)

    def unbind(self, door: int) -> None:
        """The code bound to this door is no longer live; it is no error if none was bound."""
        self._parcels.unbind(door)

    def collides(self, parcel_id: str) -> bool:
        """Whether the derived digits of this parcel are live already for something else."""
        self._parcels.prepare_all()
        tag = self._parcels.tag_of(parcel_id)
        for ref in self._refs(tag):
            door = livecodes.door_of(ref)
            if door < 0 or self._parcels.parcel(door) != parcel_id:
                return True
        return False

    # --- trying ---------------------------------------------------------------------------------------------

    def warm(self, now: "Now") -> None:
        """Prepare a little of what the next decision needs (at most four HMACs, mostly none).

        It is called with every event.  So a decision takes one HMAC (two with duress), and the throttle gets
        its uptime even if nobody tries a code for long.
        """
        self.throttle.credit(now[0])
        if self._windows.fill(now[1], _EACH_EVENT) == 0:
            self._parcels.prepare(_EACH_EVENT)

    def may_try(self, now: "Now") -> tuple[int, int]:
        """``(tries_left, wait_s)``; a try is allowed when ``wait_s`` is 0."""
        return self.throttle.may_try(now[0])

    def throttle_due(self, now: "Now") -> tuple[int, int] | None:
        """The values of a ``THROTTLE_STATE`` record to write before the next ATTEMPT, or ``None``."""
        milli_tries = self.throttle.due(now[0])
        return None if milli_tries is None else (milli_tries, now[1])

    def check_digits(self, text: str, now: "Now", number: int = -1) -> "Verdict":
        """The verdict on typed or scanned digits, or on a card (``"W26:12:34567"``).

        ``number``: drawn by a closed console; a technician's answer to it counts only while the clock is not
        set.  Before each call an ATTEMPT record must have been folded.
        """
        paid = self.throttle.take()
        if paid != reasons.R_OK:
            return _refused(paid)
        is_card = text.startswith("W")
        if not is_card and (len(text) != self._digits or not all_digits(text)):
            return _refused(reasons.R_NOT_DIGITS)
        self._windows.fill(now[1], _ALL_CELLS)
        self._parcels.prepare_all()
        verdict = self._decide(text, now, number)
        if self._duress and not is_card:  # a neighbouring card number is no call for help
            lowered = self._decide(text[:-1] + str((int(text[-1]) + 9) % 10), now, number)
            if (
                verdict[REASON] == reasons.R_WRONG
                and lowered[REASON] == reasons.R_OK
                and lowered[ROLE] in _DURESS_ROLES
            ):
                verdict = lowered[:DURESS] + (True,)
        if verdict[REASON] == reasons.R_OK:
            self._tokens.forget(verdict[REF])  # from now on this number means the grant
        return verdict

    def check_token(self, text: str, now: "Now") -> "Verdict":
        """The verdict on a scanned token."""
        reason, verdict = self._tokens.check(text, now)
        return verdict or _refused(reason)

    def count_refused_token(self) -> bool:
        """Count a token that is refused; true while it still gets a record (``Tokens.count_refused``)."""
        return self._tokens.count_refused()

    def untold_tokens(self) -> int:
        """How many refused tokens got no record since the last call; from now on they get records again."""
        return self._tokens.untold()

    def token_end(self, ref: int) -> int:
        """The end of the token under this ref if it was accepted lately and is not used yet, else 0.

        The core writes ``TOKEN_USED(ref, end)`` just before ``OPENED``: a code is spent when its door
        was seen open, and a cut between the two records must not leave it alive.
        """
        return self._tokens.end(ref)

    def lost_token_end(self, ref: int) -> int:
        """As ``token_end``, for a door ordered before a restart: the record of the order has the token's
        nonce but not its end, so the token counts as used for longer than any token is valid.
        """
        if not ref or self._grants.has(ref) or self._tokens.used.lists(ref):
            return 0
        return self._floor_s + _LOST_TOKEN_S

    # --- deciding -----------------------------------------------------------------------------------------

    def _decide(self, text: str, now: "Now", number: int) -> "Verdict":
        tag = codes.listed_tag(self._listed, text)
        best = _refused(reasons.R_WRONG)
        for ref in self._refs(tag):
            verdict = self._judge(ref, now)
            if verdict[REASON] == reasons.R_OK == best[REASON]:
                if not verdict[PARCEL] or verdict[PARCEL] != best[PARCEL] or verdict[ACTION] != best[ACTION]:
                    return _refused(reasons.R_AMBIGUOUS)
            elif best[REASON] == reasons.R_WRONG or verdict[REASON] < best[REASON]:
                best = verdict  # a good verdict, else the reason with the lowest number, whatever the order
        if best[REASON] != reasons.R_OK and number >= 0 and now[2] != events.TRUST_SET:
            return self._answered(tag, number) or best
        return best

    def _answered(self, tag: bytes, number: int) -> "Verdict | None":
        for i, (role, action, holder) in enumerate(self._windows.holders):
            is_technician = (role, action) == (events.TECHNICIAN, events.SERVICE)
            if is_technician and codes.same(tag, self._windows.answer_tag(i, number)):
                return (reasons.R_OK, role, action, holder, records.ANY_DOOR, 0, "", False)
        return None

    def _refs(self, tag: bytes) -> list[int]:
        """The references of all live codes with this tag; it is compared whole, the index has a part."""
        found = self._grants.find(tag) + self._live.find(tag)
        return [ref for ref in found if codes.same(tag, self._tag(ref))]

    def _tag(self, ref: int) -> "Payload":
        if ref > 0:
            return grants.tag_of(self._grants.get(ref))
        door = livecodes.door_of(ref)
        return self._parcels.tag(door) if door >= 0 else self._windows.tag(livecodes.cell_of(ref))

    def _judge(self, ref: int, now: "Now") -> "Verdict":
        if ref > 0:
            return self._judge_grant(ref, now)
        door = livecodes.door_of(ref)
        if door >= 0:
            parcel = self._parcels.parcel(door)
            if self._revoked_parcels.has(parcel, now[1]):
                return _refused(reasons.R_REVOKED)
            return (reasons.R_OK, events.CUSTOMER, events.COLLECT, 0, door, 0, parcel, False)
        role, action, holder, not_before, not_after = self._windows.code(livecodes.cell_of(ref))
        reason = trust.judge(trust.WINDOW, action, not_before, not_after, now)
        if reason == reasons.R_OK:
            return (reason, role, action, holder, records.ANY_DOOR, 0, "", False)
        # A code of a neighbouring slot that does not count now is as wrong as that of any other slot.
        return _refused(reason if reason == reasons.R_NO_CLOCK else reasons.R_WRONG)

    def _judge_grant(self, id_: int, now: "Now") -> "Verdict":
        not_before, not_after, role, action, holder, door, uses, parcel = self._grants.fields(id_)
        reason = trust.judge(trust.LISTED, action, not_before, not_after, now)
        if reason == reasons.R_OK and self._grants.spent(id_, uses):
            reason = reasons.R_DONE_BEFORE
        if reason != reasons.R_OK:
            return _refused(reason)
        return (reason, role, action, holder, door, id_, parcel, False)
