"""One batch of messages from lockers, committed: what the host stores and may then acknowledge.

``Store.commit`` is the only writer of events.  It may be given anything twice, in any order and by
several processes at once: the unbroken run of each stream is kept in the same transaction as the
rows, under a lock, so what it returns to be acknowledged is on the disk.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, tuple_, update
from sqlalchemy.engine import Connection

from consigne import protocol
from consigne.server import commands, grants, projection, repeats
from consigne.server.contiguity import Held
from consigne.server.database import Database
from consigne.server.decode import Message
from consigne.server.models import compartments, events, lockers, streams

Stream = tuple[str, int]  # locker, epoch
_CHUNK = 400  # streams in one IN list
CLOCK_ERROR_S = 10
"""A locker whose clock differs more than this from the host's is told the time."""


class Stored(NamedTuple):
    """An event that a commit brought."""

    locker: str
    epoch: int
    event: protocol.Event


@dataclass
class Outcome:
    """What a commit did."""

    stored: list[Stored] = field(default_factory=list)
    repeated: int = 0
    deferred: int = 0  # beyond contiguity.ISLANDS_MAX: will come again
    held: dict[Stream, Held] = field(default_factory=dict)  # to acknowledge; of every stream touched
    parcels: set[str] = field(default_factory=set)
    lockers: set[str] = field(default_factory=set)  # whose status or compartments changed
    behind: dict[Stream, int] = field(default_factory=dict)  # a status claims events from here on
    commands: set[str] = field(default_factory=set)  # ids that were answered
    conflicts: dict[Stream, list[int]] = field(default_factory=dict)  # numbers with another content


def now_s() -> int:
    """The host's time, Unix seconds."""
    return int(time.time())


class Store:
    """Commits what lockers say."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def commit(self, messages: Sequence[Message]) -> Outcome:
        """Store a batch in one transaction; durable when it returns.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError
            Nothing was stored; the lockers will send it again.
        """
        outcome = Outcome()
        batches: dict[Stream, list[protocol.Event]] = {}
        for message in messages:
            if isinstance(message.content, protocol.EventBatch):
                stream = (message.locker, message.content.epoch)
                batches.setdefault(stream, []).extend(message.content.events)
        with self.database.write() as connection:
            self._store_events(connection, batches, outcome)
            for message in messages:
                self._apply(connection, message, outcome)
        return outcome

    def forget_presence(self) -> None:
        """Nobody is known to be connected: the broker, who knows it, is not there."""
        with self.database.write() as connection:
            connection.execute(update(lockers).where(lockers.c.up.is_(True)).values(up=False))

    def open_gaps(self) -> dict[Stream, Held]:
        """Every stream of which something is known to be missing, for a host that starts."""
        with self.database.read() as connection:
            rows = connection.execute(select(streams).where(streams.c.islands != "[]"))
            return {(row.locker, row.epoch): _held(row) for row in rows}

    def missing(self, known: dict[Stream, int]) -> dict[Stream, int | None]:
        """The first number missing of every stream with a gap, None for those ``known`` that have none now.

        ``known`` gives what was missing; a locker's status may have claimed it, without a gap to be seen.
        """
        found: dict[Stream, int | None] = {}
        for stream, held in self.open_gaps().items():
            found[stream] = held.first_missing
        others = {stream: first for stream, first in known.items() if stream not in found}
        with self.database.read() as connection:
            for (locker, epoch), first in others.items():
                here = (streams.c.locker == locker) & (streams.c.epoch == epoch)
                row = connection.execute(select(streams.c.contiguous).where(here)).first()
                if row is not None and row.contiguous >= first:
                    found[locker, epoch] = None
        return found

    # --- events --------------------------------------------------------------------------------

    def _store_events(
        self, connection: Connection, batches: dict[Stream, list[protocol.Event]], outcome: Outcome
    ) -> None:
        rows = self._lock_streams(connection, sorted(batches))
        fresh_rows: list[dict[str, Any]] = []
        said: list[projection.Said] = []
        changed: list[dict[str, Any]] = []
        again: dict[Stream, list[protocol.Event]] = {}
        for stream, row in rows.items():
            held = _held(row)
            before = held.highest
            fresh, lost, repeated = _hold(held, batches[stream], outcome)
            outcome.held[stream] = held
            if repeated:
                again[stream] = repeated
            if not fresh and not lost:
                continue
            fresh_rows.extend(_event_row(stream, event) for event in fresh)
            said.extend(projection.custody(*stream, fresh))
            outcome.stored.extend(Stored(*stream, event) for event in fresh)
            changed.append(_stream_row(stream, held, row, stored=len(fresh), lost=lost))
            if held.highest > before and row.current != stream[1]:
                # whoever goes on is the life of the journal that counts
                connection.execute(update(lockers).where(lockers.c.id == stream[0]).values(epoch=stream[1]))
        if changed:
            connection.execute(_UPDATE_STREAM, changed)
        if fresh_rows:
            connection.execute(events.insert(), fresh_rows)
        self._compare(connection, again, outcome)
        outcome.parcels = projection.apply(connection, said)
        outcome.commands |= commands.answered_by_events(connection, outcome.stored)

    def _compare(
        self, connection: Connection, again: dict[Stream, list[protocol.Event]], outcome: Outcome
    ) -> None:
        for stream, repeated in again.items():
            numbers = repeats.conflicts(connection, *stream, repeated)
            if numbers:
                outcome.conflicts[stream] = numbers
                here = (streams.c.locker == stream[0]) & (streams.c.epoch == stream[1])
                more = {"conflicts": streams.c.conflicts + len(numbers)}
                connection.execute(update(streams).where(here).values(more))

    def _lock_streams(self, connection: Connection, wanted: Sequence[Stream]) -> dict[Stream, Any]:
        """The rows of some streams, made where missing, locked until the commit."""
        rows = self._select_streams(connection, wanted)
        missing = [stream for stream in wanted if stream not in rows]
        for locker, epoch in missing:
            seen = select(func.count()).select_from(streams).where(streams.c.locker == locker)
            new = {"rank": connection.execute(seen).scalar_one(), "contiguous": 0, "islands": "[]"}
            new |= {"locker": locker, "epoch": epoch, "stored": 0, "lost": 0, "first_at": now_s()}
            connection.execute(self.database.insert(streams).values(**new).on_conflict_do_nothing())
        rows.update(self._select_streams(connection, missing))
        return {stream: rows[stream] for stream in wanted}

    def _select_streams(self, connection: Connection, wanted: Sequence[Stream]) -> dict[Stream, Any]:
        rows: dict[Stream, Any] = {}
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            statement = (
                select(streams, lockers.c.epoch.label("current"))
                .join(lockers, lockers.c.id == streams.c.locker)
                .where(tuple_(streams.c.locker, streams.c.epoch).in_(chunk))
                .order_by(streams.c.locker, streams.c.epoch)  # two workers lock in one order
                .with_for_update(of=streams)
            )
            rows.update(((row.locker, row.epoch), row) for row in connection.execute(statement))
        return rows

    # --- what is not an event ---------------------------------------------------------------------

    def _apply(self, connection: Connection, message: Message, outcome: Outcome) -> None:
        content = message.content
        if isinstance(content, protocol.Status):
            self._apply_status(connection, message.locker, content, outcome)
            if content.up and _clock_is_wrong(content, message.retained):
                commands.set_time(connection, message.locker, now_s())
        elif isinstance(content, protocol.Occupancy):
            self._apply_occupancy(connection, message.locker, content, outcome)
        elif isinstance(content, protocol.Reply):
            if commands.answered(connection, message.locker, content.id, content.result):
                outcome.commands.add(content.id)
        elif isinstance(content, protocol.Ask):
            grants.adopt(connection, message.locker, content.have)
            outcome.lockers.add(message.locker)

    def _superseded(self, connection: Connection, locker: str, epoch: int) -> bool:
        """Whether this life of the journal is known and another one speaks now."""
        current = select(lockers.c.epoch).where(lockers.c.id == locker)
        if connection.execute(current).scalar_one() in (epoch, None):
            return False
        here = (streams.c.locker == locker) & (streams.c.epoch == epoch)
        return connection.execute(select(streams.c.epoch).where(here)).first() is not None

    def _apply_status(
        self, connection: Connection, locker: str, status: protocol.Status, outcome: Outcome
    ) -> None:
        if self._superseded(connection, locker, status.epoch):
            return
        values: dict[str, Any] = {"up": status.up, "status_at": now_s()}
        if status.up:
            values["status"] = json.dumps(_status_dict(status))
        connection.execute(update(lockers).where(lockers.c.id == locker).values(**values))
        outcome.lockers.add(locker)
        if status.grants is not None:
            grants.adopt(connection, locker, status.grants)
            commands.mend_grants(connection, locker, status, now_s())
        if not status.up or status.seq is None:
            return
        stream = (locker, status.epoch)
        held = outcome.held.get(stream)
        if held is None:
            here = (streams.c.locker == locker) & (streams.c.epoch == status.epoch)
            row = connection.execute(select(streams).where(here)).first()
            held = _held(row) if row is not None else Held()
        if (status.ack or 0) < held.contiguous:
            outcome.held[stream] = held  # the last acknowledgement did not arrive
        if status.seq - 1 > held.highest:
            outcome.behind[stream] = held.contiguous + 1

    def _apply_occupancy(
        self, connection: Connection, locker: str, occupancy: protocol.Occupancy, outcome: Outcome
    ) -> None:
        if self._superseded(connection, locker, occupancy.epoch):
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


def _clock_is_wrong(status: protocol.Status, retained: bool) -> bool:
    """Whether the locker needs to be told the time; what a retained status says of it is old."""
    if status.trust == 0:
        return True
    return not retained and status.time_s is not None and abs(status.time_s - now_s()) > CLOCK_ERROR_S


def _held(row: Any) -> Held:
    return Held(row.contiguous, [(first, last) for first, last in json.loads(row.islands)])


def _hold(
    held: Held, batch: list[protocol.Event], outcome: Outcome
) -> tuple[list[protocol.Event], int, list[protocol.Event]]:
    """Add a batch to what is held; returns the new events, the count of numbers lost, the repeated events."""
    fresh, repeated = [], []
    lost = 0
    for event in sorted(batch, key=lambda one: one.seq):
        if event.seq in held:
            repeated.append(event)
            continue
        if event.kind == "lost" and event.sound:
            first, last = event.data["first"], event.data["last"]
            if 1 <= first <= last < event.seq:
                lost += held.add_range(first, last)
                if last not in held:  # no room for it now: the record must come again
                    outcome.deferred += 1
                    continue
        if held.add(event.seq):
            fresh.append(event)
        else:
            outcome.deferred += 1
    outcome.repeated += len(repeated)
    return fresh, lost, repeated


_UPDATE_STREAM = (
    update(streams)
    .where(streams.c.locker == bindparam("the_locker"), streams.c.epoch == bindparam("the_epoch"))
    .values({name: bindparam("new_" + name) for name in ("contiguous", "islands", "stored", "lost")})
)


def _stream_row(stream: Stream, held: Held, row: Any, *, stored: int, lost: int) -> dict[str, Any]:
    """The parameters of ``_UPDATE_STREAM``."""
    return {
        "the_locker": stream[0],
        "the_epoch": stream[1],
        "new_contiguous": held.contiguous,
        "new_islands": json.dumps(held.islands),
        "new_stored": row.stored + stored,
        "new_lost": row.lost + lost,
    }


def _event_row(stream: Stream, event: protocol.Event) -> dict[str, Any]:
    parcel = event.data.get("parcel") if event.sound else None
    return {
        "locker": stream[0],
        "epoch": stream[1],
        "seq": event.seq,
        "time_s": event.time_s,
        "kind": event.kind,
        "parcel": parcel or None,
        "data": event.text,
    }


def _status_dict(status: protocol.Status) -> dict[str, Any]:
    return {
        "epoch": status.epoch,
        "seq": status.seq,
        "ack": status.ack,
        "grants": status.grants,
        "trust": status.trust,
        "time_s": status.time_s,
        "firmware": status.firmware,
        "journal": status.journal,
        "faults": status.faults,
        "health": asdict(status.health) if status.health is not None else None,
    }
