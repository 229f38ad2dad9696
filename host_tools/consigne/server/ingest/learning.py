"""What a host learns of revocations and counters that it does not know: it was restored from an older copy.

Revoked stays revoked on either side's word.  A locker's status has a digest of all that it refuses for good;
while that is not the one which this host has learnt, the locker is asked, tells it in pieces, and is sent no
codes meanwhile (``commands.ask_revoked``).  What it tells can only take away: a lie costs its locker alone.
Runs inside the transaction that stores what lockers said, which has them locked.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from locker.core.events import HANDOVER, PARTNER
from locker.core.limits import HOLDER_MAX
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
from ..storage.models import holders, lockers, parcels
from . import projection
from .outcome import Outcome

log = logging.getLogger(__name__)
_complaints = Complaints(log)

COUNTER_AHEAD = 3_600
"""Added to a counter that is adopted: the status that told it may be a quarter of an hour old, and a host
whose clock was ahead took one a second."""
COUNTER_MAX = U32_MAX - (1 << 24)
"""No higher one is adopted: so many commands a host never gave, and few could follow."""
ENTRIES_MAX = 512
"""Of one locker, told in all; it keeps a third of that."""
LEARNT_MAX = 256
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
    in_force = [(id_, until) for id_, until in told.parcels if at_s < until <= U32_MAX]
    ids = [one for one in in_force if known["parcels"].get(one[0], 0) < one[1]]
    nonces = [one for one in told.nonces if at_s < one[1] and known["nonces"].get(one[0], 0) < one[1]]
    room = max(0, LEARNT_MAX - contents.learnt(connection, locker, at_s))
    if len(ids) + len(nonces) > room:
        _complaints.say("{locker} tells more revocations than a locker holds", locker=locker)
        ids, nonces = ids[:room], nonces[: max(0, room - len(ids))]
    _withdraw(connection, locker, ids, at_s, outcome)
    changed = [one for one in told.holders if _adopt_holder(connection, locker, _Holder(*one), at_s)]
    if not (ids or nonces or changed):
        return
    arguments: Arguments = {
        "parcels": [list(one) for one in ids],
        "nonces": [list(one) for one in nonces],
        "holders": [list(one) for one in changed],
    }
    until_s = min(at_s + KEPT_S, max([at_s, *(until for _, until in (*ids, *nonces))]))
    commands.note_revoked(connection, locker, arguments, until_s, at_s)
    for id_, _ in ids:
        audit.note(connection, HOST, "learn revoked", locker=locker, parcel=id_, detail="as the locker told")
    if nonces or changed:
        detail = f"{len(nonces)} of tokens, {len(changed)} of holders, as the locker told"
        audit.note(connection, HOST, "learn revoked", locker=locker, detail=detail)


# --- parcels ------------------------------------------------------------------------------------------------


def _withdraw(
    connection: Connection, locker: str, ids: Sequence[tuple[str, int]], at_s: int, outcome: Outcome
) -> None:
    """Revoke parcels here too.  One that this host never knew is noted as such, without a sender: when it is
    heard of, or announced anew, its code is known to be worthless.
    """
    until_of = dict(ids)
    if not until_of:
        return
    projection.make_strange(connection, dict.fromkeys(until_of, locker), revoked=True, ended_at=at_s)
    columns = (parcels.c.state, parcels.c.code, parcels.c.announced_at, parcels.c.revoked, parcels.c.grant)
    here = parcels.c.id.in_(until_of) & (parcels.c.locker == locker) & parcels.c.revoked.is_(False)
    rows = connection.execute(
        select(parcels.c.id, *columns).where(here).order_by(parcels.c.id).with_for_update()
    ).all()
    changed = [
        row
        for row in rows
        # Announced anew since then with other digits: the locker refuses the former ones alone.
        if row.code == DERIVED or (row.announced_at or 0) <= until_of[row.id] - withdrawing.REVOKED_S
    ]
    for row in changed:
        withdrawing.withdraw(connection, row.id, locker, row.state, row.grant, at_s)
    ids_changed = {row.id for row in changed}
    notices.plan(connection, ids_changed, at_s)
    outcome.parcels |= ids_changed


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
