"""What a locker says beside its events and its status: its compartments, its answers and questions.

Runs inside the transaction that stores the events, after them.
"""

from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from consigne.protocol import messages

from ..access import grants
from ..clock import now_s
from ..fleet import commands
from ..storage.models import compartments, lockers, streams
from .decode import Message
from .outcome import Outcome


def apply(connection: Connection, message: Message, outcome: Outcome) -> None:
    """Keep what a message says that is neither of events nor a status; adds to ``outcome``."""
    content = message.content
    if isinstance(content, messages.Occupancy):
        _apply_occupancy(connection, message.locker, content, outcome)
    elif isinstance(content, messages.Reply):
        if commands.answered(connection, message.locker, content.id, content.result):
            outcome.commands.add(content.id)
    elif isinstance(content, messages.Ask):
        grants.adopt(connection, message.locker, content.have)
        outcome.lockers.add(message.locker)
    elif isinstance(content, messages.AskTime) and not message.retained:
        # It is here, whatever became of its status: an answer that waits is no answer.
        connection.execute(update(lockers).where(lockers.c.id == message.locker).values(up=True))
        commands.tell_time(connection, message.locker, content.nonce, now_s())
        outcome.lockers.add(message.locker)


def _superseded(connection: Connection, locker: str, epoch: int) -> bool:
    """Whether this life of the journal is known and another one speaks now."""
    current = select(lockers.c.epoch).where(lockers.c.id == locker)
    if connection.execute(current).scalar_one() in (epoch, None):
        return False
    here = (streams.c.locker == locker) & (streams.c.epoch == epoch)
    return connection.execute(select(streams.c.epoch).where(here)).first() is not None


def _apply_occupancy(
    connection: Connection, locker: str, occupancy: messages.Occupancy, outcome: Outcome
) -> None:
    if _superseded(connection, locker, occupancy.epoch):
        return
    here = compartments.c.locker == locker
    newest = connection.execute(
        select(func.max(compartments.c.seq)).where(here & (compartments.c.epoch == occupancy.epoch))
    ).scalar()
    if newest is not None and newest > occupancy.seq:
        return  # overtaken by a newer one
    connection.execute(compartments.delete().where(here))
    at = {"epoch": occupancy.epoch, "seq": occupancy.seq, "time_s": occupancy.time_s}
    rows = [
        {"locker": locker, "door": door, "content": content, "seen": seen, "parcel": parcel, **at}
        for door, (content, seen, parcel) in enumerate(occupancy.doors)
    ]
    if rows:
        connection.execute(compartments.insert(), rows)
    outcome.lockers.add(locker)
