"""Rows deleted by their age, in transactions so short that no acknowledgement waits for them.

What is old is looked for without a lock, and deleted by its key in small parts, each asked once more whether
it is old.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from locker.core.timekeeping import DAY_S
from sqlalchemy import ColumnElement, Table, select, tuple_
from sqlalchemy.engine import Connection

from .ages import Ages
from .database import IN_LIST_MAX, Database, chunks

FOUND_MAX = 10 * IN_LIST_MAX
PAUSE_S_MAX = 1.0

Forget = Callable[[Database, int, Ages], None]
"""Deletes the old rows of one kind, in transactions of its own; told the time and the ages."""


def before(at_s: int, days: int) -> int:
    """The moment that many days ago."""
    return at_s - days * DAY_S


def delete(database: Database, table: Table, old: ColumnElement[bool]) -> None:
    """Delete every row that is ``old``."""
    key = tuple_(*table.primary_key.columns)
    delete_each(
        database,
        table,
        old,
        lambda connection, keys: connection.execute(table.delete().where(key.in_(keys), old)),
    )


def delete_each(
    database: Database,
    table: Table,
    old: ColumnElement[bool],
    forget: Callable[[Connection, list[tuple[object, ...]]], object],
) -> None:
    """Hand the keys of rows that are ``old`` to what deletes them, a few hundred in a transaction."""
    wanted = select(*table.primary_key.columns).where(old).limit(FOUND_MAX)
    while True:
        with database.read() as connection:
            found = connection.execute(wanted).all()
        for keys in chunks(found):
            with gently(database) as connection:
                forget(connection, [tuple(key) for key in keys])
        if len(found) < FOUND_MAX:
            return


def delete_first(database: Database, table: Table, old: ColumnElement[bool]) -> None:
    """Delete the rows that are ``old`` of a table in the order of whose ``id`` they grow old.

    Only its beginning is read, where it may be long and has no index of age.
    """
    id_ = table.c.id
    while True:
        with database.read() as connection:
            first = connection.execute(select(id_, old).order_by(id_).limit(IN_LIST_MAX)).all()
        ids = [row[0] for row in first if row[1]]
        if not ids:
            return
        with gently(database) as connection:
            connection.execute(table.delete().where(id_.in_(ids), old))


@contextmanager
def gently(database: Database) -> Iterator[Connection]:
    """A short transaction, and then a pause as long as it took: half of the time is everybody else's."""
    began_s = time.monotonic()
    with database.write() as connection:
        yield connection
    time.sleep(min(time.monotonic() - began_s, PAUSE_S_MAX))
