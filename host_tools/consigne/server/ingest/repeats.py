"""Which events are stored under numbers that came again.

A number that comes again has the same event, nearly always: a locker sends again what was not acknowledged.
With another event it comes of another copy of the journal (``copies``).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.engine import Connection

from consigne.protocol.events import Event, EventData

from ..storage.contiguity import Stream
from ..storage.database import chunks
from ..storage.models import events

STREAMS_AT_ONCE = 50
"""In one statement: both databases look up each by the index.  A list of numbers with their streams is read
row by row in PostgreSQL (40,000 events: a minute)."""


class Known(NamedTuple):
    """What an event says.  The order of the fields is not content: MicroPython and CPython differ in it."""

    time_s: int
    data: EventData


def known(event: Event) -> Known:
    """What an event that has just come says."""
    return Known(event.time_s, event.data)


def stored(connection: Connection, again: Mapping[Stream, Sequence[int]]) -> dict[Stream, dict[int, Known]]:
    """The events that are stored under these numbers, by streams; some statements for all streams together.

    A number without a stored event was lost once, or its event has been deleted by its age.
    """
    found: dict[Stream, dict[int, Known]] = {}
    for some in chunks(sorted(again), STREAMS_AT_ONCE):
        here = or_(*[_between(stream, again[stream]) for stream in some])
        wanted = select(events.c.locker, events.c.epoch, events.c.seq, events.c.time_s, events.c.data)
        for row in connection.execute(wanted.where(here)):
            found.setdefault((row.locker, row.epoch), {})[row.seq] = Known(row.time_s, row.data)
    return found


def _between(stream: Stream, numbers: Sequence[int]) -> ColumnElement[bool]:
    """The stored events from the first of those to the last: nearly always they follow one another."""
    mine = (events.c.locker == stream[0]) & (events.c.epoch == stream[1])
    return mine & events.c.seq.between(min(numbers), max(numbers))
