"""What a person must look at: alarming events of lockers, until somebody says they are dealt with.

Written in the transaction that stores the event; one event is one alarm however often it comes.
What the host finds by itself, such as events that are lost, raises an alarm under a number that no event has.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from consigne.protocol.events import (
    CONFLICT,
    CORRECTED,
    FLAPPING,
    HOLE,
    JOURNAL_REPLACED,
    TWO_BOARDS,
    EventData,
    Hole,
)

from ..clock import now_s
from ..errors import Conflict, NotFound
from ..people import audit
from ..storage import retention
from ..storage.ages import Ages
from ..storage.contiguity import Stored
from ..storage.database import Database, columns_of, insert
from ..storage.models import alarms

ALARMING = ("alarm", "forced", "door_fault")
PAGE_MAX = 500
NOTE_CHARACTERS_MAX = 300
_BY_HOST = {TWO_BOARDS: -1, FLAPPING: -2, CONFLICT: -3}
"""In the place of an epoch, for alarms of a locker and not of one of its journals: no epoch is below 0."""
NAMED_MAX = 5
"""Parcels that an alarm names of each kind; the trail has all."""


def note(connection: Connection, stored: Iterable[Stored]) -> None:
    """Raise an alarm for every alarming event among some that were just stored."""
    rows = [
        {
            "locker": one.locker, "epoch": one.epoch, "seq": one.event.seq, "time_s": one.event.time_s,
            "kind": one.event.kind, "data": one.event.data,
        }
        for one in stored
        if one.event.sound and one.event.kind in ALARMING
    ]  # fmt: skip
    if rows:
        connection.execute(insert(connection, alarms).on_conflict_do_nothing(), rows)


def note_holes(connection: Connection, locker: str, epoch: int, holes: Sequence[Hole], at_s: int) -> None:
    """Raise one alarm for what a stream has lost, however many holes it is."""
    whys = ", ".join(sorted({hole.why for hole in holes}))
    data = EventData(
        kind=HOLE,
        first=holes[0].first,
        last=holes[-1].last,
        count=sum(hole.last - hole.first + 1 for hole in holes),
        why=whys,
    )
    _raise(connection, locker, epoch, holes[0].first, at_s, data)


def note_replaced(connection: Connection, locker: str, epoch: int, at_s: int) -> None:
    """Raise an alarm: a locker writes another journal than until now."""
    _raise(connection, locker, epoch, 0, at_s, EventData(kind=JOURNAL_REPLACED, epoch=epoch))


def note_conflicts(
    connection: Connection,
    locker: str,
    epoch: int,
    numbers: Sequence[int],
    highest: int,
    at_s: int,
    *,
    kept: bool,
) -> None:
    """Raise an alarm: other events came under numbers that were taken; one for a locker, brought up to date.

    ``highest`` is the highest number taken, ``kept`` whether those events are stored all the same.
    """
    mine = (alarms.c.locker == locker) & (alarms.c.kind == CONFLICT) & alarms.c.cleared_at.is_(None)
    row = connection.execute(select(alarms.c.id, alarms.c.data).where(mine)).first()
    before = row.data if row is not None else EventData(kind=CONFLICT, first=min(numbers))
    data = EventData(before)
    data["last"] = max(highest, _number(before, "last"))
    data["count"] = _number(before, "count") + len(numbers)
    data["dropped"] = _number(before, "dropped") + (0 if kept else len(numbers))
    if row is not None:
        connection.execute(update(alarms).where(alarms.c.id == row.id).values(data=data))
    else:
        _raise(connection, locker, _BY_HOST[CONFLICT], at_s, at_s, data)


def note_boards(connection: Connection, locker: str, data: EventData, at_s: int) -> None:
    """Raise an alarm about who connects under a locker's name, see ``twins``."""
    _raise(connection, locker, _BY_HOST[data.kind], at_s, at_s, data)


def _number(data: EventData, name: str) -> int:
    value = data.get(name)
    return value if isinstance(value, int) else 0


def note_corrected(
    connection: Connection, locker: str, epoch: int, seq: int, at_s: int, ids: Mapping[str, Sequence[str]]
) -> None:
    """Raise an alarm, unless one is open: parcels were corrected by an occupancy told at this event.

    ``ids`` gives the parcels that are gone, found, unknown, and elsewhere; some of each are named.
    """
    here = (alarms.c.locker == locker) & (alarms.c.kind == CORRECTED) & alarms.c.cleared_at.is_(None)
    if connection.execute(select(alarms.c.id).where(here)).first() is None:
        told = {what: _some(those) for what, those in ids.items() if those}
        _raise(connection, locker, epoch, -1 - seq, at_s, EventData(kind=CORRECTED, **told))


def _some(ids: Sequence[str]) -> str:
    more = len(ids) - NAMED_MAX
    return ", ".join(ids[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def _raise(connection: Connection, locker: str, epoch: int, seq: int, at_s: int, data: EventData) -> None:
    row = {"locker": locker, "epoch": epoch, "seq": seq, "time_s": at_s, "kind": data.kind, "data": data}
    connection.execute(insert(connection, alarms).on_conflict_do_nothing(), [row])


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm; ``data`` is its event as the locker described it, or what the host found: ``HOLE``,
    ``JOURNAL_REPLACED``, ``CORRECTED``.
    """

    id: int
    locker: str
    time_s: int
    kind: str
    data: EventData
    cleared_at: int | None
    cleared_by: str | None


_ALARM = columns_of(Alarm, alarms)


class Alarms:
    """Look at alarms, and clear them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, locker: str | None = None, limit: int = 100) -> list[Alarm]:
        """Alarms nobody has dealt with, the newest first."""
        wanted = select(*_ALARM).where(alarms.c.cleared_at.is_(None))
        if locker is not None:
            wanted = wanted.where(alarms.c.locker == locker)
        with self._database.read() as connection:
            newest = connection.execute(wanted.order_by(alarms.c.id.desc()).limit(min(limit, PAGE_MAX)))
            return [Alarm(*row) for row in newest]

    def clear(self, alarm: int, by: str, note_: str = "") -> Alarm:
        """Say that an alarm is dealt with; ``note_`` says how."""
        here = alarms.c.id == alarm
        with self._database.write() as connection:
            told = (alarms.c.locker, alarms.c.kind, alarms.c.seq, alarms.c.cleared_at, alarms.c.cleared_by)
            row = connection.execute(select(*told).where(here)).first()
            if row is None:
                raise NotFound(f"there is no alarm {alarm}")
            if row.cleared_at is not None:
                raise Conflict(f"{row.cleared_by} has dealt with alarm {alarm} already")
            connection.execute(update(alarms).where(here).values(cleared_at=now_s(), cleared_by=by))
            detail = f"{row.kind}, event {row.seq}{': ' if note_ else ''}{note_}"
            audit.note(connection, by, "clear alarm", locker=row.locker, detail=detail[:500])
            return Alarm(*connection.execute(select(*_ALARM).where(here)).one())


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Delete alarms that were dealt with long ago."""
    retention.delete(database, alarms, alarms.c.cleared_at < retention.before(at_s, ages.alarms))
