"""Events deleted by their age: row by row in SQLite, by months in PostgreSQL.

An event is kept beyond its age while its parcel is, and while its stream still misses an earlier one.  What
the host may acknowledge does not depend on it: that is in the stream's row, which is never deleted.
"""

from sqlalchemy import (
    ColumnElement,
    FromClause,
    TableClause,
    column,
    delete,
    exists,
    or_,
    select,
    table,
    text,
)

from . import months
from .ages import Ages
from .database import Database
from .models import events, parcels, streams
from .retention import before, gently

_STEP = 1_000


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Delete old events; on PostgreSQL also make the months ahead."""
    oldest_s = before(at_s, ages.events)
    if database.backend == "sqlite":
        _delete_rows(database, "events", oldest_s)
        return
    _make_months(database, at_s)
    for name in _take_off(database, oldest_s):
        _drop(database, name)
    _delete_rows(database, months.REST, oldest_s)


def _named(name: str) -> TableClause:
    """The events in one table."""
    return table(name, *(column(one.name, one.type) for one in events.columns))


def _kept(of: FromClause) -> ColumnElement[bool]:
    """Whether an event is kept whatever its age."""
    stream = (streams.c.locker == of.c.locker) & (streams.c.epoch == of.c.epoch)
    return or_(
        exists().where(stream, streams.c.contiguous < of.c.seq),
        exists().where(parcels.c.id == of.c.parcel),
    )


def _delete_rows(database: Database, name: str, oldest_s: int) -> None:
    """From the first row on, until a whole step of them is young: they were stored in this order."""
    of = _named(name)
    last = 0
    while True:
        wanted = select(of.c.id, of.c.arrived_at).where(of.c.id > last).order_by(of.c.id).limit(_STEP)
        with database.read() as connection:
            found = connection.execute(wanted).all()
        if not any(row.arrived_at < oldest_s for row in found):
            return
        here = (of.c.id > last) & (of.c.id <= found[-1].id) & (of.c.arrived_at < oldest_s)
        with gently(database) as connection:
            connection.execute(delete(of).where(here, ~_kept(of)))
        last = found[-1].id


def _make_months(database: Database, at_s: int) -> None:
    with database.read() as connection:
        there = months.uppers(connection)
    covered_s = there.get(months.BEFORE, 0)
    for name in months.ahead(at_s):
        if name not in there and months.bounds(name)[0] >= covered_s:
            with database.write() as connection:
                months.hurry(connection)
                months.make(connection, name)


def _take_off(database: Database, oldest_s: int) -> list[str]:
    """Take the months that are over off the table; returns those and what an end in between had left."""
    with database.read() as connection:
        old = sorted(name for name, ends_at in months.uppers(connection).items() if ends_at <= oldest_s)
    for name in old:
        with database.write() as connection:
            months.hurry(connection)
            connection.exec_driver_sql(f"ALTER TABLE events DETACH PARTITION {name}")
    with database.read() as connection:
        return months.taken_off(connection)


def _drop(database: Database, name: str) -> None:
    """Delete a month that was taken off; what is kept of it goes into the rest."""
    of = _named(name)
    names = [one.name for one in events.columns]
    with database.write() as connection:
        kept = select(*(of.c[one] for one in names)).where(_kept(of))
        connection.execute(events.insert().from_select(names, kept))
        connection.execute(text(f"DROP TABLE {name}"))
