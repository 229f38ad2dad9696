"""The row of each stream: read, made when the stream is new, and written back with what is held now.

A whole batch takes a few statements however many lockers it comes from: after a broker's restart all of them
send at once.  Functions here run inside the caller's transaction, which has the lockers locked
(``storage.locks``).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypedDict

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from ..clock import now_s
from ..storage.contiguity import Held, Stream
from ..storage.database import chunks
from ..storage.documents import Ranges
from ..storage.models import streams

_UPDATE_STREAM = (
    update(streams)
    .where(streams.c.locker == bindparam("the_locker"), streams.c.epoch == bindparam("the_epoch"))
    .values({name: bindparam("new_" + name) for name in ("contiguous", "islands", "stored", "lost")})
)


class StreamRow(NamedTuple):
    """What the host has of a stream; ``islands`` is None when they cannot be read."""

    locker: str
    epoch: int
    contiguous: int
    islands: Ranges | None
    stored: int
    lost: int


_COLUMNS = [streams.c[name] for name in StreamRow._fields]


class StreamUpdate(TypedDict):
    """What ``save`` writes of one stream."""

    the_locker: str
    the_epoch: int
    new_contiguous: int
    new_islands: Ranges
    new_stored: int
    new_lost: int


def of_lockers(connection: Connection, names: Iterable[str]) -> dict[Stream, StreamRow]:
    """The rows of all streams of some lockers, which are locked."""
    rows: dict[Stream, StreamRow] = {}
    for chunk in chunks(sorted(set(names))):
        wanted = select(*_COLUMNS).where(streams.c.locker.in_(chunk))
        rows.update(((row.locker, row.epoch), StreamRow(*row)) for row in connection.execute(wanted))
    return rows


def make(
    connection: Connection, known: dict[Stream, StreamRow], wanted: Iterable[Stream], contiguous: int = 0
) -> None:
    """Make the rows of streams that have none; ``known``, all that their lockers have, gets them too.

    ``contiguous``: up to this number all is held, in another copy of the journal.
    """
    missing = sorted(set(wanted).difference(known))
    ranks = Counter(locker for locker, _ in known)
    rows = []
    for locker, epoch in missing:
        new = {"locker": locker, "epoch": epoch, "rank": ranks[locker], "first_at": now_s()}
        rows.append({**new, "contiguous": contiguous, "islands": [], "stored": 0, "lost": 0})
        ranks[locker] += 1
        known[locker, epoch] = StreamRow(locker, epoch, contiguous, [], 0, 0)
    if rows:
        connection.execute(streams.insert(), rows)


def save(connection: Connection, changed: Sequence[StreamUpdate]) -> None:
    """Write back rows made by ``row_of``."""
    if changed:
        connection.execute(_UPDATE_STREAM, [dict(row) for row in changed])


def count_conflicts(connection: Connection, stream: Stream, count: int) -> None:
    """Count numbers of a stream that came with other events."""
    here = (streams.c.locker == stream[0]) & (streams.c.epoch == stream[1])
    connection.execute(update(streams).where(here).values(conflicts=streams.c.conflicts + count))


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
