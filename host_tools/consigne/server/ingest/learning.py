"""What a host learns of revocations and counters that it does not know: it was restored from an older copy.

Revoked stays revoked on either side's word.  A locker's status has a digest of all that it refuses for good;
while that is not the one which this host has learnt, the locker is asked, tells it in pieces, and is sent no
codes meanwhile (``commands.ask_revoked``).  What it tells can only take away: a lie costs its locker alone.
Runs inside the transaction that stores what lockers said, which has them locked.
"""

import logging
from collections.abc import Mapping
from typing import NamedTuple

from locker.core.events import HANDOVER, PARTNER
from locker.core.limits import HOLDER_MAX
from locker.core.revoked import PARCELS_MAX, mark_of
from locker.core.timekeeping import DAY_S
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from consigne.protocol import messages
from consigne.protocol.messages import Arguments
from consigne.protocol.untrusted import U32_MAX

from ..access import withdrawing
from ..access.digits import DERIVED
from ..clock import now_s
from ..complaints import Complaints
from ..fleet import commands, contents
from ..notices import notices
from ..people import audit
from ..people.audit import HOST
from ..storage.database import insert
from ..storage.locks import LockedLocker
from ..storage.models import ENDED, holders, lockers, parcels
from .outcome import Outcome

log = logging.getLogger(__name__)
_complaints = Complaints(log)

COUNTER_AHEAD = 3_600
"""Added to a counter that is adopted: the status that told it may be a quarter of an hour old, and a host
whose clock was ahead took one a second."""
COUNTER_MAX = U32_MAX - (1 << 24)
"""No higher one is adopted: so many commands a host never gave, and few could follow."""
ENTRIES_MAX = 1_000
"""Of one locker, told in all; it keeps two thirds of that."""
LEARNT_MAX = PARCELS_MAX + 64
"""Revocations of one locker that were learnt and are in force: more than it can hold are lies."""
KEPT_S = 400 * DAY_S
"""The longest that one which was learnt is kept, whatever end the locker tells."""


def adopt_counter(locker: LockedLocker, told: int | None) -> int | None:
    """The counter after which this host goes on, None to go on after its own.

    Each locker has a counter of its own, so a false one harms no other.
    """
    if told is None or told <= locker.command_counter:
        return None
    if told > COUNTER_MAX:
        wrong = "{locker} tells a counter of commands that no host gave"
        _complaints.say(wrong, f": {told}", locker=locker.id)
        return None
    locker.command_counter = told + COUNTER_AHEAD
    return locker.command_counter


def look(connection: Connection, locker: LockedLocker, digest: int | None, at_s: int) -> None:
    """Ask a locker what it refuses, when its status says that this is not what the host has learnt."""
    if digest is None:
        return
    if digest != locker.revoked_told:
        locker.revoked_told = digest
        connection.execute(update(lockers).where(lockers.c.id == locker.id).values(revoked_told=digest))
    if digest != (locker.revoked_known or 0):  # of none at all it is 0
        commands.ask_revoked(connection, locker.id, at_s)


def take(connection: Connection, locker: LockedLocker, told: messages.Revoked, outcome: Outcome) -> None:
    """Adopt one piece of what a locker refuses, and ask for the next.

    Only one that was asked for, of the set that its status speaks of: whoever recorded an older one cannot
    play it again.
    """
    at_s = now_s()
    if told.digest != locker.revoked_told or not commands.has_asked_revoked(
        connection, locker.id, at_s, told.first
    ):
        return
    _adopt(connection, locker.id, told, at_s, outcome)
    if told.first < told.next <= ENTRIES_MAX:
        commands.ask_revoked(connection, locker.id, at_s, told.next)
        outcome.is_due = True
    elif not told.next:
        locker.revoked_known = told.digest
        here = lockers.c.id == locker.id
        connection.execute(update(lockers).where(here).values(revoked_known=told.digest))
        outcome.is_due = True  # codes were held back meanwhile


def _adopt(connection: Connection, locker: str, told: messages.Revoked, at_s: int, outcome: Outcome) -> None:
    known = contents.revoked(connection, locker, at_s)
    marked = {mark_of(str(id_).encode()).hex(): until for id_, until in known["parcels"].items()}
    marked |= {str(mark): until for mark, until in known["marks"].items()}
    marks = [one for one in told.marks if at_s < one[1] and marked.get(one[0], 0) < one[1]]
    nonces = [one for one in told.nonces if at_s < one[1] and known["nonces"].get(one[0], 0) < one[1]]
    room = max(0, LEARNT_MAX - contents.learnt(connection, locker, at_s))
    if len(marks) + len(nonces) > room:
        _complaints.say("{locker} tells more revocations than a locker holds", locker=locker)
        marks, nonces = marks[:room], nonces[: max(0, room - len(marks))]
    ids, strange = _withdraw(connection, locker, dict(marks), at_s, outcome)
    changed = [one for one in told.holders if _adopt_holder(connection, locker, _Holder(*one), at_s)]
    if not (marks or nonces or changed):
        return
    arguments: Arguments = {
        "parcels": [[*one] for one in ids.items()],
        "marks": [[*one] for one in strange.items()],
        "nonces": [[*one] for one in nonces],
        "holders": [[*one] for one in changed],
    }
    until_s = min(at_s + KEPT_S, max([at_s, *(until for _, until in (*marks, *nonces))]))
    commands.note_revoked(connection, locker, arguments, until_s, at_s)
    for id_ in ids:
        audit.note(connection, HOST, "learn revoked", locker=locker, parcel=id_, detail="as the locker told")
    if strange or nonces or changed:
        others = f"{len(nonces)} of tokens, {len(changed)} of holders"
        detail = f"{len(strange)} of parcels unknown here, {others}, as the locker told"
        audit.note(connection, HOST, "learn revoked", locker=locker, detail=detail)


# --- parcels ------------------------------------------------------------------------------------------------


def _withdraw(
    connection: Connection, locker: str, until_of: Mapping[str, int], at_s: int, outcome: Outcome
) -> tuple[dict[str, int], dict[str, int]]:
    """Revoke here too the parcels of this locker that have these marks, unless they have ended.

    Returns until when parcels of the host are refused, by their ids, and others, by their marks: when one of
    those is heard of, or announced anew, its code is known to be worthless (``contents.is_refused``).
    """
    if not until_of:
        return {}, {}
    here = (parcels.c.locker == locker) & parcels.c.state.not_in(ENDED)
    ids = connection.execute(select(parcels.c.id).where(here)).scalars()
    marks = {id_: mark for id_ in ids if (mark := mark_of(id_.encode()).hex()) in until_of}
    columns = (parcels.c.id, parcels.c.state, parcels.c.code, parcels.c.announced_at, parcels.c.grant)
    open_ = here & parcels.c.id.in_(marks) & parcels.c.revoked.is_(False)
    rows = connection.execute(select(*columns).where(open_).order_by(parcels.c.id).with_for_update()).all()
    changed = [
        row
        for row in rows
        # Announced anew since then with other digits: the locker refuses the former ones alone.
        if row.code == DERIVED or (row.announced_at or 0) <= until_of[marks[row.id]] - withdrawing.REVOKED_S
    ]
    for row in changed:
        withdrawing.withdraw(connection, row.id, locker, row.state, row.grant, at_s)
    ids_changed = {row.id for row in changed}
    notices.plan(connection, ids_changed, at_s)
    outcome.parcels |= ids_changed
    known = {id_: until_of[mark] for id_, mark in marks.items()}
    return known, {mark: until for mark, until in until_of.items() if mark not in marks.values()}


# --- holders ------------------------------------------------------------------------------------------------


class _Holder(NamedTuple):
    """A holder of window codes, and the number that stands in its place."""

    role: int
    action: int
    holder: int
    counter: int


def _adopt_holder(connection: Connection, locker: str, told: _Holder, at_s: int) -> bool:
    """Whether the number was new to this host, and is the one that its codes are made from now.

    One that the host knows has been followed by another, which is on its way or was refused.
    """
    in_range = told.role <= PARTNER and told.action <= HANDOVER and told.holder <= HOLDER_MAX
    if not in_range or told.counter <= HOLDER_MAX:  # another holder's own number
        return False
    here = (holders.c.locker == locker) & (holders.c.role == told.role) & (holders.c.action == told.action)
    rows = connection.execute(select(holders.c.holder, holders.c.counter, holders.c.since).where(here)).all()
    if any(row.counter == told.counter for row in rows):
        return False
    newest = max((row.since for row in rows if row.holder == told.holder), default=0)
    since = max(at_s, newest + 1)
    pending = commands.pending_holder(connection, locker, told[:3])
    if pending:  # ordered since the restore, and not there yet: that is newer
        since = min((row.since for row in rows if row.holder == told.holder), default=at_s) - 1
    values = {"locker": locker, **told._asdict(), "since": since}
    connection.execute(insert(connection, holders).on_conflict_do_nothing(), [values])
    return True
