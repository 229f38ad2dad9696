"""The row of each stream: locked, made when the stream is new, and written back with what is held now.

A whole batch takes a few statements however many lockers it comes from: after a broker's restart all of them
send at once.  Rows are locked and written in the order of their names, so that two ingest workers cannot
deadlock.  Functions here run inside the caller's transaction.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, TypedDict

from sqlalchemy import BigInteger, bindparam, func, select, tuple_, update
from sqlalchemy.engine import Connection

from ..clock import now_s
from ..storage.contiguity import Held, Stream
from ..storage.database import chunks, insert
from ..storage.documents import Ranges
from ..storage.models import lockers, streams

_UPDATE_STREAM = (
    update(streams)
    .where(streams.c.locker == bindparam("the_locker"), streams.c.epoch == bindparam("the_epoch"))
    .values({name: bindparam("new_" + name) for name in ("contiguous", "islands", "stored", "lost")})
)
_UPDATE_LOCKER = (
    update(lockers)
    .where(lockers.c.id == bindparam("the_locker"))
    .values(up=True, epoch=func.coalesce(bindparam("new_epoch", type_=BigInteger), lockers.c.epoch))
)


class StreamRow(NamedTuple):
    """What the host has of a stream.

    ``current`` is its locker's current epoch, ``up`` whether the locker is known to be connected, ``islands``
    None when they cannot be read.
    """

    locker: str
    epoch: int
    contiguous: int
    islands: Ranges | None
    stored: int
    lost: int
    current: int | None
    up: bool | None


_COLUMNS = (
    streams.c.locker,
    streams.c.epoch,
    streams.c.contiguous,
    streams.c.islands,
    streams.c.stored,
    streams.c.lost,
    lockers.c.epoch.label("current"),
    lockers.c.up,
)


class StreamUpdate(TypedDict):
    """What ``save`` writes of one stream."""

    the_locker: str
    the_epoch: int
    new_contiguous: int
    new_islands: Ranges
    new_stored: int
    new_lost: int


def lock(connection: Connection, wanted: Sequence[Stream]) -> dict[Stream, StreamRow]:
    """The rows of some streams in ascending order, made where missing, locked until the commit."""
    rows = _select(connection, wanted)
    missing = [stream for stream in wanted if stream not in rows]
    if missing:
        _make(connection, missing)
        rows.update(_select(connection, missing))
    return {stream: rows[stream] for stream in wanted}


def save(connection: Connection, changed: Sequence[StreamUpdate]) -> None:
    """Write back rows made by ``row_of``."""
    if changed:
        connection.execute(_UPDATE_STREAM, [dict(row) for row in changed])


def speaking(connection: Connection, epochs: dict[str, int | None]) -> None:
    """Mark lockers as connected; each is given with its new current epoch, None to keep the old one."""
    rows = [{"the_locker": locker, "new_epoch": epoch} for locker, epoch in sorted(epochs.items())]
    if rows:
        connection.execute(_UPDATE_LOCKER, rows)


def row_of(stream: Stream, held: Held, row: StreamRow, *, stored: int, lost: int) -> StreamUpdate:
    """A stream's row for ``save``: what is held now; ``stored`` and ``lost`` are added to the counts."""
    return {
        "the_locker": stream[0],
        "the_epoch": stream[1],
        "new_contiguous": held.contiguous,
        "new_islands": held.islands,
        "new_stored": row.stored + stored,
        "new_lost": row.lost + lost,
    }


def _make(connection: Connection, missing: Sequence[Stream]) -> None:
    known: Counter[str] = Counter()
    for chunk in chunks(sorted({locker for locker, _ in missing})):
        counted = select(streams.c.locker, func.count()).where(streams.c.locker.in_(chunk))
        known.update({row[0]: row[1] for row in connection.execute(counted.group_by(streams.c.locker))})
    rows = []
    for locker, epoch in missing:
        new = {"locker": locker, "epoch": epoch, "rank": known[locker], "first_at": now_s()}
        rows.append({**new, "contiguous": 0, "islands": [], "stored": 0, "lost": 0})
        known[locker] += 1
    connection.execute(insert(connection, streams).on_conflict_do_nothing(), rows)


def _select(connection: Connection, wanted: Sequence[Stream]) -> dict[Stream, StreamRow]:
    rows: dict[Stream, StreamRow] = {}
    for chunk in chunks(wanted):
        statement = (
            select(*_COLUMNS)
            .join(lockers, lockers.c.id == streams.c.locker)
            .where(tuple_(streams.c.locker, streams.c.epoch).in_(chunk))
            .order_by(streams.c.locker, streams.c.epoch)
            .with_for_update(of=streams)
        )
        rows.update(((row[0], row[1]), StreamRow(*row)) for row in connection.execute(statement))
    return rows
