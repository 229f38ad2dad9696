"""Whether an event that came again is the same as before.

It is, nearly always: a locker sends again what was not acknowledged.  A number that comes again with
*other* content means that two journals share one epoch, for example a flash image that was copied or
restored.  The first content stays, the locker is acknowledged all the same (holding back would stop its
events for ever), and the conflict is counted on the stream, so that somebody looks.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.engine import Connection

from consigne.protocol.events import Event

from ..storage.contiguity import Stream
from ..storage.database import chunks
from ..storage.models import events

STREAMS_AT_ONCE = 50
"""In one statement: both databases look up each by the index.  A list of numbers with their streams is read
row by row in PostgreSQL (40,000 events: a minute)."""


def conflicts(connection: Connection, again: Mapping[Stream, Sequence[Event]]) -> dict[Stream, list[int]]:
    """The numbers among repeated events whose stored event is another one, ascending, by their streams.

    A number without a stored event (the locker had reported it as lost) is no conflict.  Some statements for
    all streams together: lockers that were not answered in time all repeat at once.
    """
    out: dict[Stream, set[int]] = {}
    for some in chunks(sorted(again), STREAMS_AT_ONCE):
        here = or_(*[_between(stream, again[stream]) for stream in some])
        wanted = select(events.c.locker, events.c.epoch, events.c.seq, events.c.time_s, events.c.data)
        stored = {(row.locker, row.epoch, row.seq): row for row in connection.execute(wanted.where(here))}
        for stream in some:
            for event in again[stream]:
                row = stored.get((*stream, event.seq))
                # the order of the fields is not content: MicroPython and CPython write them differently
                if row is not None and (event.time_s, event.data) != (row.time_s, row.data):
                    out.setdefault(stream, set()).add(event.seq)
    return {stream: sorted(numbers) for stream, numbers in out.items()}


def _between(stream: Stream, repeated: Sequence[Event]) -> ColumnElement[bool]:
    """The stored events from the first of those to the last: nearly always they follow one another."""
    numbers = [event.seq for event in repeated]
    mine = (events.c.locker == stream[0]) & (events.c.epoch == stream[1])
    return mine & events.c.seq.between(min(numbers), max(numbers))
