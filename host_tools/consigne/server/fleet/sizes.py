"""How much of its set of grants a locker is sent at once.

A locker says in its status how long a command may be at the moment.  What it refuses all the same, breaks off
at or does not answer is sent in halves, down to one entry; an entry that still fails is set aside, and the
others go on.  Nothing that broke something is sent again unchanged.  A day after the last failure the size
begins to grow again, by a quarter a day.

A refusal of one entry settles it.  A connection that ends before the answer, or an answer that does not come,
may have other causes: such an entry is set aside only when that happened to it several times in a row.
Functions here run inside the caller's transaction, with the row of the locker locked.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from locker.core.timekeeping import DAY_S
from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from consigne.protocol.messages import Arguments, Status

from ..access import aside, grants
from ..storage.database import chunks, columns_of
from ..storage.models import lockers
from .answers import ASIDE, FAILED, FULL, HALVED

ENVELOPE_BYTES = 200
"""Of a command round the entries of a delta, at most."""
UNSAID_BYTES = 1_200
"""The longest command to a firmware that does not say what it takes: 8 grants, or 20 expected parcels.  At
its scarcest heap 2,800 bytes were too many, and 1,500 not (measured)."""
UNANSWERED, BROKEN = 1, 6
"""Strikes for one sending of one entry: not answered, and the connection ended before the answer."""
STRIKES_MAX = 30
BREAKS_MAX = STRIKES_MAX // BROKEN
FAILURES_IN_A_ROW = 2
"""So many entries that a locker broke off at are set aside at once within ``FAILURES_S``; the next one waits,
since each makes the locker start anew."""
FAILURES_S = 900
OF_ITS_CONTENT = (FAILED, FULL, "unfit", "size", "json", "fields")
"""Results that concern what a command contains, not when it came."""
FULL_RETRY_S = 3_600


@dataclass(frozen=True, slots=True)
class _Size:
    """What is known of a locker's appetite."""

    status: Status | None
    delta_bytes: int | None
    delta_at: int | None
    delta_strikes: int


_SIZE = columns_of(_Size, lockers)
_SUCCEEDED = (
    update(lockers)
    .where(lockers.c.id == bindparam("the_locker"))
    .values(delta_bytes=bindparam("new_bytes"), delta_at=bindparam("new_at"), delta_strikes=0)
)


def _size(connection: Connection, locker: str) -> _Size:
    return _Size(*connection.execute(select(*_SIZE).where(lockers.c.id == locker)).one())


def room(connection: Connection, locker: str) -> int:
    """Bytes that the entries of a delta to this locker may have."""
    size = _size(connection, locker)
    takes = size.status.takes if size.status is not None else None
    said = (UNSAID_BYTES if takes is None else takes) - ENVELOPE_BYTES
    return max(
        0, min(grants.DELTA_BYTES_MAX, said, *(() if size.delta_bytes is None else (size.delta_bytes,)))
    )


def succeeded(connection: Connection, names: Iterable[str], at_s: int) -> None:
    """These lockers took a delta; of most of them nothing is kept that this changes."""
    changed: list[dict[str, object]] = []
    limited = (lockers.c.delta_strikes != 0) | lockers.c.delta_bytes.is_not(None)
    for chunk in chunks(sorted(set(names))):
        wanted = select(lockers.c.id, lockers.c.delta_bytes, lockers.c.delta_at)
        for row in connection.execute(wanted.where(lockers.c.id.in_(chunk), limited)):
            delta_bytes, delta_at = row.delta_bytes, row.delta_at
            if delta_bytes is not None and at_s - (delta_at or 0) >= DAY_S:
                grown = delta_bytes * 5 // 4 + 1
                delta_bytes, delta_at = (grown if grown < grants.DELTA_BYTES_MAX else None), at_s
            changed.append({"the_locker": row.id, "new_bytes": delta_bytes, "new_at": delta_at})
    if changed:
        connection.execute(_SUCCEEDED, changed)


def refused(connection: Connection, locker: str, sent: Arguments, result: str, at_s: int) -> str:
    """A delta was refused; returns what its command ended as: ``result``, or what was done about it.

    ``sent`` has the versions that the delta went from and to.
    """
    entries = _entries(connection, locker, sent, at_s)
    if result not in OF_ITS_CONTENT or not entries:
        return result
    if len(entries) > 1:
        _halve(connection, locker, entries, at_s)
        return HALVED
    if result == FULL:  # the locker has no room for those that follow either
        for one in grants.pieces(connection, locker, sent["from"], at_s):
            if one.what == aside.ADD:
                _set_aside(connection, locker, one, result, at_s)
        _limit(connection, locker, None, at_s)
        return ASIDE
    recent = aside.recent(connection, locker, result, at_s - FAILURES_S)
    _set_aside(connection, locker, entries[0], result, at_s)
    return FAILED if result == FAILED and recent >= FAILURES_IN_A_ROW else ASIDE


def unsettled(
    connection: Connection, locker: str, sent: Arguments, strikes: int, result: str, at_s: int
) -> None:
    """A delta got no answer; ``strikes`` is ``UNANSWERED`` or ``BROKEN``, ``result`` the word for it."""
    entries = _entries(connection, locker, sent, at_s)
    if len(entries) > 1:
        _halve(connection, locker, entries, at_s)
    elif entries:
        total = _size(connection, locker).delta_strikes + strikes
        if total >= STRIKES_MAX:
            _set_aside(connection, locker, entries[0], result, at_s)
            total = 0
        here = update(lockers).where(lockers.c.id == locker)
        connection.execute(here.values(delta_strikes=total))


def due(connection: Connection, at_s: int) -> list[str]:
    """The connected lockers at which it is time to try again what they had no room for: once an hour."""
    return aside.due(connection, FULL, at_s - FULL_RETRY_S)


def retry_full(connection: Connection, names: Iterable[str], at_s: int) -> None:
    """Try again what those of some lockers had no room for at which it is time."""
    for locker in sorted(set(names).intersection(due(connection, at_s))):
        full = [one for one in aside.of_locker(connection, locker) if one.why == FULL]
        grants.give_anew(connection, locker, full)


def _entries(connection: Connection, locker: str, sent: Arguments, at_s: int) -> list[grants.Piece]:
    from_, to = sent.get("from"), sent.get("to")
    if from_ is None or to is None:
        return []
    return [one for one in grants.pieces(connection, locker, from_, at_s) if one.version <= to]


def _halve(connection: Connection, locker: str, entries: list[grants.Piece], at_s: int) -> None:
    _limit(connection, locker, sum(one.bytes for one in entries) // 2, at_s)


def _limit(connection: Connection, locker: str, delta_bytes: int | None, at_s: int) -> None:
    values = {"delta_bytes": delta_bytes, "delta_at": at_s, "delta_strikes": 0}
    connection.execute(update(lockers).where(lockers.c.id == locker).values(**values))


def _set_aside(connection: Connection, locker: str, one: grants.Piece, why: str, at_s: int) -> None:
    aside.put(connection, locker, one.what, one.parcel or None, why, at_s, version=one.version)
