"""PostgreSQL's months of events: a partition for each month of arrival, made ahead, taken off when old.

``events`` is partitioned by ``arrived_at``.  Each month has a primary key and a unique (locker, epoch, seq)
of its own; the table as a whole has neither, since either would have to hold ``arrived_at``.  That an event
is stored once is decided before, by the numbers its stream holds, under the lock of the stream's row.

What belongs to no month lies in ``events_rest``: events that are kept longer than their month, and those
that arrived before anybody had made their month.
"""

import calendar
import re
import time

from sqlalchemy import text
from sqlalchemy.engine import Connection

REST, BEFORE = "events_rest", "events_before"
"""The default partition, and what was there when events were first partitioned."""
KEYS = "PRIMARY KEY (id), UNIQUE (locker, epoch, seq)"
"""Of each partition."""
AHEAD = 3
LOCK_WAIT_MS = 1_000
"""No acknowledgement waits longer than this behind a change of partitions: while a backup reads the table for
instance, it is put off to the next hour."""
_MONTH = re.compile(r"events_(\d{4})_(\d\d)")
_UPPER = re.compile(r"TO \('?(\d+)'?\)")


def name_of(at_s: int) -> str:
    """The partition of a moment."""
    return time.strftime("events_%Y_%m", time.gmtime(at_s))


def bounds(name: str) -> tuple[int, int]:
    """The first second of a month, and of the next one."""
    found = _MONTH.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no month")
    months = int(found[1]) * 12 + int(found[2]) - 1
    return _begin_of(months), _begin_of(months + 1)


def _begin_of(months: int) -> int:
    return calendar.timegm((months // 12, months % 12 + 1, 1, 0, 0, 0))


def ahead(at_s: int) -> list[str]:
    """The months that there should be at a moment: this one and the next ``AHEAD``."""
    names, at = [], at_s
    for _ in range(AHEAD + 1):
        names.append(name_of(at))
        at = bounds(names[-1])[1]
    return names


def uppers(connection: Connection) -> dict[str, int]:
    """Every partition but ``REST``, and the second at which it ends."""
    told = text(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'events'::regclass"
    )
    found = {name: _UPPER.search(bound) for name, bound in connection.execute(told)}
    return {name: int(upper[1]) for name, upper in found.items() if upper}


def make(connection: Connection, name: str) -> None:
    """Make a month in the caller's transaction; what of it lies in ``REST`` goes into it."""
    begins_at, ends_at = bounds(name)
    of_month = f"arrived_at >= {begins_at} AND arrived_at < {ends_at}"
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE events INCLUDING DEFAULTS, {KEYS})")
    moved = f"DELETE FROM {REST} WHERE {of_month} RETURNING *"
    connection.exec_driver_sql(f"WITH moved AS ({moved}) INSERT INTO {name} SELECT * FROM moved")
    connection.exec_driver_sql(
        f"ALTER TABLE events ATTACH PARTITION {name} FOR VALUES FROM ({begins_at}) TO ({ends_at})"
    )


def taken_off(connection: Connection) -> list[str]:
    """What was a partition once and is not yet deleted."""
    told = text(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition"
        " AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'events'::regclass)"
    )
    names = connection.execute(told).scalars()
    return sorted(name for name in names if name == BEFORE or _MONTH.fullmatch(name))


def hurry(connection: Connection) -> None:
    """Wait no longer than ``LOCK_WAIT_MS`` for a lock in this transaction: others wait behind who waits."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
