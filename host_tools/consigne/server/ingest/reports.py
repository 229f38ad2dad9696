"""What lockers send besides events: statuses, compartments, answers and questions.

After a broker's restart all lockers send their status at once, and later each one every quarter of an hour:
so a whole batch of statuses takes a few statements.  Runs inside the transaction that stores the events,
after them.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

from locker.core.events import TRUST_SET
from sqlalchemy import BigInteger, bindparam, func, select, tuple_, update
from sqlalchemy.engine import Connection

from consigne.protocol import messages

from ..access import grants
from ..clock import now_s
from ..fleet import commands, condition, swaps
from ..storage.contiguity import Held, Stream
from ..storage.database import chunks
from ..storage.models import compartments, lockers, streams
from . import holes
from .decode import Message
from .outcome import Outcome

Said = tuple[str, messages.Status]  # a locker, and its status


class _Known(NamedTuple):
    """What the host knows of a locker: the current epoch of its journal, the version of its grants."""

    epoch: int | None
    grants_version: int


class _Newest(TypedDict):
    """What the statuses of one locker change: the parameters of ``_UPDATE``."""

    the_locker: str
    new_status_at: int
    new_up: bool
    new_status: messages.Status | None
    new_grants_have: int | None


_UPDATE = (
    update(lockers)
    .where(lockers.c.id == bindparam("the_locker"))
    .values(
        up=bindparam("new_up"),
        status_at=bindparam("new_status_at"),
        status=func.coalesce(bindparam("new_status", type_=lockers.c.status.type), lockers.c.status),
        grants_have=func.coalesce(bindparam("new_grants_have", type_=BigInteger), lockers.c.grants_have),
    )
)


def apply_statuses(connection: Connection, said: Sequence[Said], outcome: Outcome) -> None:
    """Store statuses in the order in which they were sent; adds to ``outcome``."""
    rows = _lockers(connection, sorted({locker for locker, _ in said}))
    held = _streams(connection, sorted({(locker, status.epoch) for locker, status in said}))
    heard = [one for one in said if not _superseded(rows[one[0]], one, held)]
    if not heard:
        return
    at_s = now_s()
    newest: dict[str, _Newest] = {}
    for locker, status in heard:
        former = rows[locker].epoch
        if status.epoch and former not in (None, status.epoch):
            holes.close(connection, (locker, former or 0))  # while its last status is still there
        values = newest.get(locker) or _unchanged(locker, at_s)
        newest[locker] = values
        values["new_up"] = status.up
        if status.up:
            values["new_status"] = status
        if status.grants is not None and status.grants <= rows[locker].grants_version:
            values["new_grants_have"] = status.grants
        _events_known(locker, status, held, outcome)
    connection.execute(_UPDATE, [dict(newest[locker]) for locker in sorted(newest)])
    commands.broke_off(connection, [name for name, values in newest.items() if not values["new_up"]], at_s)
    outcome.lockers.update(newest)
    health = [(locker, status.health) for locker, status in heard if status.health is not None]
    condition.keep(connection, health, at_s)
    _look_at_grants(connection, rows, heard, at_s)
    for locker, status in heard:
        if status.up and status.wants and status.epoch:  # 0: it has no journal that can be written
            swaps.tell(connection, locker, status.epoch, at_s)


def _unchanged(locker: str, at_s: int) -> _Newest:
    return {
        "the_locker": locker,
        "new_status_at": at_s,
        "new_up": False,
        "new_status": None,
        "new_grants_have": None,
    }


def _lockers(connection: Connection, names: Sequence[str]) -> dict[str, _Known]:
    """The columns of each locker that matter here; rows are locked in the order of the names."""
    rows: dict[str, _Known] = {}
    for chunk in chunks(names):
        wanted = select(lockers.c.id, lockers.c.epoch, lockers.c.grants_version).where(
            lockers.c.id.in_(chunk)
        )
        locked = wanted.order_by(lockers.c.id).with_for_update(key_share=True)
        rows.update((row.id, _Known(row.epoch, row.grants_version)) for row in connection.execute(locked))
    return rows


def _streams(connection: Connection, wanted: Sequence[Stream]) -> dict[Stream, Held | None]:
    """What is held of those streams that have a row; None when the row cannot be read."""
    found: dict[Stream, Held | None] = {}
    columns = (streams.c.locker, streams.c.epoch, streams.c.contiguous, streams.c.islands)
    for chunk in chunks(wanted):
        here = select(*columns).where(tuple_(streams.c.locker, streams.c.epoch).in_(chunk))
        for row in connection.execute(here):
            islands = row.islands
            found[row.locker, row.epoch] = None if islands is None else Held(row.contiguous, islands)
    return found


def _superseded(row: _Known, one: Said, held: dict[Stream, Held | None]) -> bool:
    """Whether this is a former epoch: the locker says another one now, and that one is known."""
    locker, status = one
    return row.epoch not in (status.epoch, None) and (locker, status.epoch) in held


def _events_known(
    locker: str, status: messages.Status, held: dict[Stream, Held | None], outcome: Outcome
) -> None:
    """Note which of the events that a status claims must be acknowledged again, or asked for."""
    if not status.up or status.seq is None:
        return
    stream = (locker, status.epoch)
    here = outcome.held.get(stream) or held.get(stream, Held())
    if here is None:
        return  # stopped: the database cannot tell what may be acknowledged, or asked for
    if (status.ack or 0) < here.contiguous:
        outcome.held[stream] = here  # the last acknowledgement did not arrive
    # Perhaps this host has acknowledged them and was restored from a copy: then they must be asked for.
    if status.seq - 1 > here.highest:
        outcome.behind[stream] = here.contiguous + 1


def _look_at_grants(
    connection: Connection, rows: dict[str, _Known], heard: Sequence[Said], at_s: int
) -> None:
    """Adopt versions ahead of the host's; start anew where versions agree but digests differ.

    A locker that does not know the time cannot tell which of its grants have ended, so its digest is ignored.
    """
    asked: dict[str, messages.Status] = {}
    for locker, status in heard:
        if status.grants is None:
            continue
        version = rows[locker].grants_version
        if status.grants > version or version > grants.ADOPTED_MAX:
            _adopt_grants(connection, locker, status.grants, at_s)
            continue
        here = status.grants == version
        if here and status.digest is not None and status.trust == TRUST_SET and status.time_s is not None:
            asked[locker] = status
    digests = grants.digests(connection, {locker: status.time_s or 0 for locker, status in asked.items()})
    for locker, status in asked.items():
        if status.digest != digests[locker]:
            commands.begin_grants_anew(connection, locker, at_s)


def _adopt_grants(connection: Connection, locker: str, have: int, at_s: int) -> None:
    if not grants.adopt(connection, locker, have):
        commands.begin_grants_anew(connection, locker, at_s)


def apply_one(connection: Connection, message: Message, outcome: Outcome) -> None:
    """Store a message about compartments, an answer or a question; adds to ``outcome``."""
    content = message.content
    if isinstance(content, messages.Occupancy):
        _apply_occupancy(connection, message.locker, content, outcome)
    elif isinstance(content, messages.Reply):
        if commands.answered(connection, message.locker, content.id, content.result):
            outcome.commands.add(content.id)
    elif isinstance(content, messages.Ask):
        _adopt_grants(connection, message.locker, content.have, now_s())
        outcome.lockers.add(message.locker)
    elif isinstance(content, messages.AskTime) and not message.retained:
        # The locker is connected even if its status was lost: an answer with the time must not wait for it.
        connection.execute(update(lockers).where(lockers.c.id == message.locker).values(up=True))
        commands.tell_time(connection, message.locker, content.nonce, now_s())
        outcome.lockers.add(message.locker)


def _is_of_a_former_epoch(connection: Connection, locker: str, epoch: int) -> bool:
    """Whether this is a former epoch: the locker says another one now, and that one is known."""
    current = select(lockers.c.epoch).where(lockers.c.id == locker)
    if connection.execute(current).scalar_one() in (epoch, None):
        return False
    here = (streams.c.locker == locker) & (streams.c.epoch == epoch)
    return connection.execute(select(streams.c.epoch).where(here)).first() is not None


def _apply_occupancy(
    connection: Connection, locker: str, occupancy: messages.Occupancy, outcome: Outcome
) -> None:
    if _is_of_a_former_epoch(connection, locker, occupancy.epoch):
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
