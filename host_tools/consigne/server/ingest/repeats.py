"""Whether an event that came again is the same as before.

It is, nearly always: a locker sends again what was not acknowledged.  A number that comes again with
*other* content means that two journals share one epoch, for example a flash image that was copied or
restored.  The first content stays, the locker is acknowledged all the same (holding back would stop its
events for ever), and the conflict is counted on the stream, so that somebody looks.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.engine import Connection

from consigne.protocol.events import Event

from ..storage.database import chunks
from ..storage.models import events


def conflicts(connection: Connection, locker: str, epoch: int, repeated: Sequence[Event]) -> list[int]:
    """The numbers among ``repeated`` whose stored event is another one, ascending.

    A number without a stored event (the locker had reported it as lost) is no conflict.
    """
    out = set()
    for chunk in chunks(repeated):
        wanted = select(events.c.seq, events.c.time_s, events.c.data).where(
            events.c.locker == locker,
            events.c.epoch == epoch,
            events.c.seq.in_({event.seq for event in chunk}),
        )
        stored = {row.seq: row for row in connection.execute(wanted)}
        for event in chunk:
            row = stored.get(event.seq)
            # the order of the fields is not content: MicroPython and CPython write them differently
            if row is not None and (event.time_s, event.data) != (row.time_s, row.data):
                out.add(event.seq)
    return sorted(out)
