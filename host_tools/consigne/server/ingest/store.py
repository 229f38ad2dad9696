"""One batch of messages from lockers, committed: what the host stores and may then acknowledge.

``Store.commit`` is the only writer of events.  It may be given anything twice, in any order and by
several processes at once: the unbroken run of each stream is kept in the same transaction as the
rows, under a lock, so what it returns to be acknowledged is on the disk.
"""

import logging
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from consigne.protocol import messages as protocol
from consigne.protocol.events import LOST, Event, EventBatch, Hole

from ..clock import now_s
from ..complaints import Complaints
from ..fleet import alarms, commands
from ..notices import notices
from ..storage.contiguity import Held, Stored, Stream
from ..storage.database import Database, insert_rows
from ..storage.documents import Ranges
from ..storage.locks import LockedLocker, lock_lockers, lock_lockers_where
from ..storage.models import events, lockers, streams
from . import holes, projection, repeats, reports, streamrows
from .decode import Message
from .outcome import Outcome

log = logging.getLogger(__name__)

_EVENT_COLUMNS = ("locker", "epoch", "seq", "time_s", "kind", "parcel", "data", "arrived_at")


class Store:
    """Commits what lockers say."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._complaints = Complaints(log)

    def commit(self, messages: Sequence[Message]) -> Outcome:
        """Store a batch in one transaction; durable when it returns.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError
            Nothing was stored; the lockers will send it again.
        """
        return self.database.transact(lambda connection: self.commit_within(connection, messages))

    def commit_within(self, connection: Connection, messages: Sequence[Message]) -> Outcome:
        """As ``commit``, in the caller's transaction."""
        outcome = Outcome()
        known, parcels_there = _lock(connection, messages)
        serving = [message for message in messages if known[message.locker].retired_at is None]
        outcome.retired = len(messages) - len(serving)
        batches = _batches(serving)
        every = streamrows.of_lockers(connection, {message.locker for message in serving})
        streamrows.make(connection, every, batches)
        rows = {stream: every[stream] for stream in sorted(batches)}
        stopped = self._stopped({stream: row.islands for stream, row in rows.items()})
        of_events = [
            (one.locker, one.content.epoch) for one in serving if isinstance(one.content, EventBatch)
        ]
        outcome.stopped = sum(stream in stopped for stream in of_events)
        rows = {stream: row for stream, row in rows.items() if stream not in stopped}
        self._store_events(connection, rows, batches, known, parcels_there, outcome)
        said = [(one.locker, one.content) for one in serving if isinstance(one.content, protocol.Status)]
        fresh = {one.locker for one in serving if not one.retained}
        outcome.clocks = {locker: status for locker, status in said if locker in fresh}
        reports.apply(connection, serving, known, every, outcome)
        return outcome

    def forget_presence(self) -> None:
        """Mark every locker as not connected: only the broker knows, and there is no connection to it."""
        devices = lockers.c.up.is_(True) & (lockers.c.kind == "locker")

        def forget(connection: Connection) -> None:
            lock_lockers_where(connection, devices)
            connection.execute(update(lockers).where(devices).values(up=False))

        self.database.transact(forget)

    def open_gaps(self) -> dict[Stream, Held]:
        """Every stream with a known gap, for a host that starts."""
        with self.database.read() as connection:
            told = select(streams.c.locker, streams.c.epoch, streams.c.contiguous, streams.c.islands)
            joined = told.join(lockers, lockers.c.id == streams.c.locker)
            rows = connection.execute(joined.where(streams.c.islands != "[]", lockers.c.retired_at.is_(None)))
            known = {(row.locker, row.epoch): row for row in rows}
        stopped = self._stopped({stream: row.islands for stream, row in known.items()})
        serving = {stream: row for stream, row in known.items() if stream not in stopped}
        return {stream: Held(row.contiguous, row.islands) for stream, row in serving.items()}

    def _stopped(self, islands: Mapping[Stream, Ranges | None]) -> set[Stream]:
        """The streams of which the database cannot tell what is held; each is complained of."""
        stopped = {stream for stream, ranges in islands.items() if ranges is None}
        for locker, epoch in sorted(stopped):
            self._complaints.say(
                f"journal {epoch} of {{locker}} is stopped, none of its events are stored or acknowledged: "
                "what the database keeps of it (streams.islands) cannot be read; put that back from a backup",
                locker=locker,
            )
        return stopped

    def missing(self, known: dict[Stream, int]) -> dict[Stream, int | None]:
        """The first missing number of every stream with a gap; None for those of ``known`` without one.

        ``known`` gives the number that was missing: possibly one from a locker's status, beyond the highest
        number stored, where no gap shows.
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
        self,
        connection: Connection,
        rows: dict[Stream, streamrows.StreamRow],
        batches: dict[Stream, EventBatch],
        known: dict[str, LockedLocker],
        parcels_there: Collection[str],
        outcome: Outcome,
    ) -> None:
        fresh_rows: list[tuple[object, ...]] = []
        said: list[projection.Said] = []
        changed: list[streamrows.StreamUpdate] = []
        speaking: dict[str, int | None] = {}
        again: dict[Stream, list[Event]] = {}
        lost: dict[Stream, list[Hole]] = {}
        replaced: list[Stream] = []
        arrived_at = now_s()
        for stream, row in rows.items():
            held = Held(row.contiguous, row.islands or ())
            before = held.highest
            fresh, repeated, lost[stream] = _hold(held, batches[stream], outcome)
            came = _out_of_holes(connection, stream, repeated) if row.lost else []
            fresh.extend(came)
            outcome.held[stream] = held
            locker = known[stream[0]]
            if not locker.up:  # its status was lost, and lockers that are not connected are asked for nothing
                speaking.setdefault(stream[0], None)
                outcome.lockers.add(stream[0])
                outcome.is_due = True
            if held.highest > before and locker.epoch != stream[1]:
                speaking[stream[0]] = stream[1]  # the epoch with new events is the current one
                if locker.epoch is not None:
                    replaced.append((stream[0], locker.epoch))
            if repeated:
                again[stream] = repeated
            if not fresh and not lost[stream]:
                continue
            fresh_rows.extend(_event_row(stream, event, arrived_at) for event in fresh)
            said.extend(projection.custody(*stream, fresh))
            outcome.stored.extend(Stored(*stream, event) for event in fresh)
            numbers = sum(hole.last - hole.first + 1 for hole in lost[stream]) - len(came)
            changed.append(streamrows.row_of(stream, held, row, stored=len(fresh), lost=numbers))
        outcome.holed = _holed(rows, lost)
        streamrows.save(connection, changed)
        holes.record(connection, lost)
        for former in replaced:
            holes.close(connection, former)
        streamrows.speaking(connection, speaking)
        for name, epoch in speaking.items():
            known[name].up, known[name].epoch = True, epoch or known[name].epoch
        if fresh_rows:
            insert_rows(connection, events, _EVENT_COLUMNS, fresh_rows)
        self._compare(connection, again, outcome)
        outcome.parcels = projection.apply(connection, said, parcels_there)
        alarms.note(connection, outcome.stored)
        notices.plan(connection, outcome.parcels, now_s())
        outcome.commands |= commands.answered_by_events(connection, outcome.stored)

    def _compare(self, connection: Connection, again: dict[Stream, list[Event]], outcome: Outcome) -> None:
        outcome.conflicts = repeats.conflicts(connection, again)
        for stream, numbers in outcome.conflicts.items():
            here = (streams.c.locker == stream[0]) & (streams.c.epoch == stream[1])
            more = {"conflicts": streams.c.conflicts + len(numbers)}
            connection.execute(update(streams).where(here).values(more))


def _batches(messages: Sequence[Message]) -> dict[Stream, EventBatch]:
    batches: dict[Stream, EventBatch] = {}
    for message in messages:
        if isinstance(message.content, EventBatch):
            epoch = message.content.epoch
            batch = batches.setdefault((message.locker, epoch), EventBatch(epoch, []))
            batch.events.extend(message.content.events)
            batch.holes.extend(message.content.holes)
    return batches


def _lock(
    connection: Connection, messages: Sequence[Message]
) -> tuple[dict[str, LockedLocker], dict[str, str | None]]:
    """Lock the lockers that speak, and those whose grants end because a parcel turned up elsewhere.

    Also returns the parcels that are known of those named, see ``projection.look_up``.
    """
    names = {message.locker for message in messages}
    named = [
        event.parcel
        for message in messages
        if isinstance(message.content, EventBatch)
        for event in projection.of_custody(message.content.events)
    ]
    there = projection.look_up(connection, named)
    granting = {locker for locker in there.values() if locker is not None}
    return lock_lockers(connection, names | granting), there


def _hold(held: Held, batch: EventBatch, outcome: Outcome) -> tuple[list[Event], list[Event], list[Hole]]:
    """Add a batch to what is held; returns the new events, the repeated ones, and what is lost."""
    fresh, repeated = [], []
    ordered = sorted(batch.events, key=lambda one: one.seq)
    highest = max(held.highest, ordered[-1].seq if ordered else 0)
    lost = holes.take(held, batch.holes, highest, outcome)
    for event in ordered:
        if event.seq in held:
            repeated.append(event)
            continue
        if event.kind == "lost" and event.sound:
            first, last = event.data.number("first"), event.data.number("last")
            if 1 <= first <= last < event.seq:
                lost += holes.take(held, [Hole(first, last, LOST)], event.seq, outcome)
                if last not in held:  # no room for it now: the record must come again
                    continue
        if held.add(event.seq):
            fresh.append(event)
        else:
            outcome.deferred += 1
    outcome.repeated += len(repeated)
    return fresh, repeated, lost


def _holed(rows: Mapping[Stream, streamrows.StreamRow], lost: Mapping[Stream, list[Hole]]) -> set[Stream]:
    """The streams of which events are lost, by what was known before or is told now."""
    return {stream for stream, row in rows.items() if row.lost or lost[stream]}


def _out_of_holes(connection: Connection, stream: Stream, repeated: list[Event]) -> list[Event]:
    """Take the events out of ``repeated`` that were believed lost, each once."""
    came: dict[int, Event] = {}
    numbers = holes.came_after_all(connection, stream, repeated)
    for event in list(repeated):
        if event.seq in numbers and event.seq not in came:
            came[event.seq] = event
            repeated.remove(event)
    return list(came.values())


def _event_row(stream: Stream, event: Event, arrived_at: int) -> tuple[object, ...]:
    """An event's row in the order of ``_EVENT_COLUMNS``."""
    return (*stream, event.seq, event.time_s, event.kind, event.parcel, event.text, arrived_at)
