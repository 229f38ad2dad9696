"""One batch of messages from lockers, committed: what the host stores and may then acknowledge.

``Store.commit`` is the only writer of events.  It may be given anything twice, in any order and by
several processes at once: the unbroken run of each stream is kept in the same transaction as the
rows, under a lock, so what it returns to be acknowledged is on the disk.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.engine import Connection

from consigne.protocol import messages as protocol
from consigne.protocol.events import LOST, Event, EventBatch, Hole

from ..clock import now_s
from ..complaints import Complaints
from ..fleet import alarms, commands, presence
from ..fleet.thresholds import Thresholds
from ..notices import notices
from ..storage.contiguity import Held, Stored, Stream, copies_of, said_epoch
from ..storage.database import Database, insert_rows
from ..storage.documents import Ranges
from ..storage.locks import LockedLocker, lock_lockers
from ..storage.models import events, lockers, streams
from . import copies, holes, projection, reports, streamrows
from .decode import Message
from .outcome import Outcome

log = logging.getLogger(__name__)

_EVENT_COLUMNS = ("locker", "epoch", "seq", "time_s", "kind", "parcel", "data", "arrived_at")


class Store:
    """Commits what lockers say."""

    def __init__(self, database: Database, thresholds: Thresholds | None = None) -> None:
        self.database = database
        self._thresholds = thresholds or Thresholds()
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
        every = streamrows.of_lockers(connection, {message.locker for message in serving})
        batches = [(one.locker, one.content) for one in serving if isinstance(one.content, EventBatch)]
        stopped = self._stopped({stream: row.islands for stream, row in every.items()}, batches)
        outcome.stopped = sum((locker, batch.epoch) in stopped for locker, batch in batches)
        sound = [one for one in batches if (one[0], one[1].epoch) not in stopped]
        placed = copies.place(connection, sound, every, outcome)
        epochs = self._store_events(connection, placed, every, known, parcels_there, outcome)
        self._note_presence(connection, serving, epochs, known, outcome)
        reports.apply(connection, serving, known, copies_of(every), every, outcome, self._thresholds)
        return outcome

    @staticmethod
    def _note_presence(
        connection: Connection,
        serving: Sequence[Message],
        epochs: Mapping[str, int],
        known: dict[str, LockedLocker],
        outcome: Outcome,
    ) -> None:
        """Whoever says anything is connected, even if its status was lost: an answer must not wait for it."""
        live = [one for one in serving if not one.retained]
        said = [(one.locker, one.content) for one in live if isinstance(one.content, protocol.Status)]
        outcome.statuses = said
        outcome.clocks = {locker: status for locker, status in said if status.up}
        talked = {
            one.locker for one in live if not isinstance(one.content, protocol.Status) or one.content.up
        }
        came = presence.note(connection, talked, epochs, known, now_s())
        outcome.lockers |= came
        outcome.is_due = outcome.is_due or bool(came)

    def forget_presence(self) -> None:
        """There is no connection to the broker: of no locker it is known whether it has one."""
        self.database.transact(presence.forget)

    def open_gaps(self) -> dict[Stream, Held]:
        """Every stream with a known gap, for a host that starts."""
        with self.database.read() as connection:
            told = select(streams.c.locker, streams.c.epoch, streams.c.contiguous, streams.c.islands)
            joined = told.join(lockers, lockers.c.id == streams.c.locker)
            rows = connection.execute(joined.where(streams.c.islands != "[]", lockers.c.retired_at.is_(None)))
            known = {(row.locker, row.epoch): row for row in rows}
        stopped = self._stopped({stream: row.islands for stream, row in known.items()})
        serving = {one: row for one, row in known.items() if (one[0], said_epoch(one[1])) not in stopped}
        return {stream: Held(row.contiguous, row.islands) for stream, row in serving.items()}

    def _stopped(
        self,
        islands: Mapping[Stream, Ranges | None],
        batches: Iterable[tuple[str, EventBatch]] | None = None,
    ) -> set[Stream]:
        """The streams of which the database cannot tell what is held, as their lockers call them.

        Each is complained of, of those that ``batches`` are of.
        """
        stopped = {(one[0], said_epoch(one[1])) for one, ranges in islands.items() if ranges is None}
        if batches is not None and stopped:
            stopped.intersection_update((locker, batch.epoch) for locker, batch in batches)
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
        placed: copies.Placed,
        every: dict[Stream, streamrows.StreamRow],
        known: dict[str, LockedLocker],
        parcels_there: Collection[str],
        outcome: Outcome,
    ) -> dict[str, int]:
        """Store what is new; returns the journals that have become the current ones of their lockers."""
        rows = {stream: every[stream] for stream in sorted(placed.batches)}
        fresh_rows: list[tuple[object, ...]] = []
        said: list[projection.Said] = []
        changed: list[streamrows.StreamUpdate] = []
        epochs: dict[str, int] = {}
        lost: dict[Stream, list[Hole]] = {}
        replaced: list[Stream] = []
        arrived_at = now_s()
        for stream, row in rows.items():
            held = Held(row.contiguous, row.islands or ())
            before = held.highest
            fresh, repeated, lost[stream] = _hold(held, placed, stream, outcome)
            came = _out_of_holes(connection, stream, repeated) if row.lost else []
            fresh.extend(_unseen(placed, stream, repeated))
            fresh.extend(came)
            outcome.held[stream] = held
            epoch = known[stream[0]].epoch
            if held.highest > before and epoch != stream[1]:
                epochs[stream[0]] = stream[1]  # the epoch with new events is the current one
                if epoch is not None and said_epoch(epoch) != said_epoch(stream[1]):
                    replaced.append((stream[0], epoch))
            if not fresh and not lost[stream]:
                outcome.shown[stream] = max((one.seq for one in repeated), default=0)
                if placed.elsewhere.get(stream):
                    outcome.shown[stream] = max(outcome.shown[stream], *placed.elsewhere[stream])
                    changed.append(streamrows.row_of(stream, held, row, stored=0, lost=0))
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
        if fresh_rows:
            insert_rows(connection, events, _EVENT_COLUMNS, fresh_rows)
        outcome.parcels = projection.apply(connection, said, parcels_there)
        alarms.note(connection, outcome.stored)
        notices.plan(connection, outcome.parcels, now_s())
        outcome.commands |= commands.answered_by_events(connection, outcome.stored)
        return epochs


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


def _hold(
    held: Held, placed: copies.Placed, stream: Stream, outcome: Outcome
) -> tuple[list[Event], list[Event], list[Hole]]:
    """Add a stream's batch to what is held; returns the new events, the repeated ones, and what is lost."""
    batch = placed.batches[stream]
    fresh, repeated = [], []
    for seq in placed.elsewhere.get(stream, ()):
        held.add(seq)
        outcome.repeated += 1
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


def _unseen(placed: copies.Placed, stream: Stream, repeated: list[Event]) -> list[Event]:
    """Take the events out of ``repeated`` that only seemed to be held, each once."""
    unseen = placed.unseen.get(stream)
    if not unseen:
        return []
    first = {event.seq: event for event in reversed(repeated) if event.seq in unseen}
    for event in first.values():
        repeated.remove(event)
    return list(first.values())


def _event_row(stream: Stream, event: Event, arrived_at: int) -> tuple[object, ...]:
    """An event's row in the order of ``_EVENT_COLUMNS``."""
    return (*stream, event.seq, event.time_s, event.kind, event.parcel, event.text, arrived_at)
