"""In which order rows are locked, everywhere in the host, so that no two transactions wait for one another.

1. who leads (``lease``, shared) and the host's clock: only the leader locks them, one transaction at a time;
2. lockers, in the order of their names, all that the transaction will need, in one go;
3. parcels, in the order of their ids: first new ones are inserted, then all are locked;
4. everything else.

A locker's row guards all that is kept of the locker: streams, former ones and their holes too,
compartments, grants, commands, samples, what it does not take.  Who changes any of these has that row
locked, and need not lock them too; who only adds a row that refers to the locker need not wait for it
(``FOR NO KEY UPDATE``).  A parcel's row guards its notices.  What is read after the lock is what the last
one committed (``READ COMMITTED``).

Retention locks no locker.  It holds rows of one table in a transaction, which are over and which nobody
changes; parcels it locks in their order, and the notices of those that it deletes after them.  A takeover and
a renewal lock the lease alone.

SQLite has one writer at a time: there nothing is locked.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.engine import Connection

from .database import chunks, columns_of
from .models import lockers


@dataclass(slots=True)
class LockedLocker:
    """What a locker's row says of its journal, presence, grants and revocations, true until the commit."""

    id: str
    epoch: int | None
    up: bool | None
    heard_at: int | None
    grants_version: int
    retired_at: int | None
    command_counter: int
    revoked_told: int | None
    revoked_known: int | None


_LOCKED = columns_of(LockedLocker, lockers)


def lock_lockers(connection: Connection, names: Iterable[str]) -> dict[str, LockedLocker]:
    """Lock these lockers' rows until the transaction ends."""
    rows: dict[str, LockedLocker] = {}
    for chunk in chunks(sorted(set(names))):
        wanted = select(*_LOCKED).where(lockers.c.id.in_(chunk)).order_by(lockers.c.id)
        for row in connection.execute(wanted.with_for_update(key_share=True)):
            rows[row.id] = LockedLocker(*row)
    return rows


def lock_lockers_where(connection: Connection, wanted: ColumnElement[bool]) -> None:
    """Lock the lockers that a condition names until the transaction ends."""
    mine = select(lockers.c.id).where(wanted).order_by(lockers.c.id)
    connection.execute(mine.with_for_update(key_share=True)).all()
