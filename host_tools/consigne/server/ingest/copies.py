"""Two journals under one epoch: which of them a batch of events belongs to.

A flash image that is put back begins its numbers again below what the host has, and a second board made of a
copy goes on with them: other events come under numbers that are taken.  They are no less true, so they are
stored, as those of another *copy* of the journal: a stream of its own, ``(locker, epoch + n * COPY)``, that
begins where the two part.  Nothing is stored twice, since what a copy has in common with an earlier one is
held and not stored.  The locker knows nothing of it; it is acknowledged what its own copy has.
Functions here run inside the caller's transaction, which has the lockers locked (``storage.locks``).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.engine import Connection

from consigne.protocol.events import EventBatch

from ..clock import now_s
from ..fleet import alarms
from ..storage.contiguity import COPY, Held, Stream, copies_of
from ..storage.models import lockers
from . import holes, repeats, streamrows
from .outcome import Outcome

COPIES_MAX = 8
"""Of one epoch.  Beyond that other events under the same number are counted and not stored, as a locker that
makes up its events could fill the database with them for nothing."""


@dataclass
class Placed:
    """The events of each stream, and the numbers that an earlier copy of it has stored already."""

    batches: dict[Stream, EventBatch] = field(default_factory=dict)
    elsewhere: dict[Stream, list[int]] = field(default_factory=lambda: defaultdict(list))
    unseen: dict[Stream, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Numbers below the one that a copy began at, with other events than an earlier copy: late ones."""


def place(
    connection: Connection,
    said: Sequence[tuple[str, EventBatch]],
    every: dict[Stream, streamrows.StreamRow],
    outcome: Outcome,
) -> Placed:
    """Find the stream of each batch, given with its locker in the order of arrival.

    ``every`` are all streams of these lockers; new ones are made and added.
    """
    there = copies_of(every)
    streamrows.make(connection, every, {(name, one.epoch) for name, one in said}.difference(there))
    placing = _Placing(connection, said, every, outcome)
    for locker, batch in said:
        placing.add(locker, batch)
    for stream, numbers in outcome.conflicts.items():
        streamrows.count_conflicts(connection, stream, len(numbers))
    return placing.placed


class _Placing:
    """The batches of one transaction, and what is known of the events they may repeat."""

    def __init__(
        self,
        connection: Connection,
        said: Sequence[tuple[str, EventBatch]],
        every: dict[Stream, streamrows.StreamRow],
        outcome: Outcome,
    ) -> None:
        self.placed = Placed()
        self._connection, self._every, self._outcome = connection, every, outcome
        self._copies = copies_of(every)
        self._held: dict[Stream, Held] = {}
        again: dict[Stream, list[int]] = {}
        for locker, batch in said:
            for stream in self._copies[locker, batch.epoch]:
                held = self._held_of(stream)
                numbers = [event.seq for event in batch.events if event.seq in held]
                if numbers:
                    again.setdefault(stream, []).extend(numbers)
        self._known = repeats.stored(connection, again)
        self._top = {stream: held.highest for stream, held in self._held.items()}

    def _held_of(self, stream: Stream) -> Held:
        if stream not in self._held:
            row = self._every[stream]
            self._held[stream] = Held(row.contiguous, row.islands or ())
        return self._held[stream]

    def add(self, locker: str, batch: EventBatch) -> None:
        """Put a batch into the stream that it belongs to."""
        copies = self._copies[locker, batch.epoch]
        stream = self._fitting(copies, batch)
        if stream is None and len(copies) < COPIES_MAX:
            stream = self._begin(copies[0], batch)
        if stream is None:
            stream = copies[0]
            self._conflicts(stream, self._clashes(stream, batch), kept=False)
        target = self.placed.batches.setdefault(stream, EventBatch(stream[1], []))
        target.holes.extend(batch.holes)
        earlier = [self._known.get(copy, {}) for copy in copies if copy != stream]
        mine = self._known.setdefault(stream, {})
        for event in batch.events:
            says = repeats.known(event)
            if event.seq not in mine and any(one.get(event.seq) == says for one in earlier):
                self.placed.elsewhere[stream].append(event.seq)
                continue
            if stream[1] >= COPY and event.seq not in mine and event.seq in self._held_of(stream):
                self.placed.unseen[stream].add(event.seq)
            if mine.setdefault(event.seq, says) != says and event.seq not in self._clashing(stream):
                self._conflicts(stream, [event.seq], kept=False)  # twice in one batch
            target.events.append(event)
        self._top[stream] = max([self._top.get(stream, 0), *(event.seq for event in batch.events)])

    def _clashing(self, stream: Stream) -> Sequence[int]:
        return self._outcome.conflicts.get(stream, ())

    def _fitting(self, copies: Sequence[Stream], batch: EventBatch) -> Stream | None:
        """The copy that holds no other events under these numbers: the newest that they follow, if any."""
        fitting = [stream for stream in copies if not self._clashes(stream, batch)]
        first = min((event.seq for event in batch.events), default=0)
        follows = (stream for stream in fitting if first <= self._top.get(stream, 0) + 1)
        return next(follows, fitting[0] if fitting else None)

    def _clashes(self, stream: Stream, batch: EventBatch) -> list[int]:
        """The numbers under which this copy has other events than the batch."""
        known = self._known.get(stream)
        if not known:
            return []
        return sorted(
            event.seq
            for event in batch.events
            if known.get(event.seq, repeats.known(event)) != repeats.known(event)
        )

    def _begin(self, former: Stream, batch: EventBatch) -> Stream:
        """Begin a copy where it parts from the former one; returns its stream.

        Below that, and below what the locker says to be acknowledged, both have the same.
        """
        clashes = self._clashes(former, batch)
        said = self._connection.execute(select(lockers.c.status).where(lockers.c.id == former[0])).scalar()
        contiguous = clashes[0] - 1
        if said is not None and said.epoch == batch.epoch and said.ack is not None:
            contiguous = min(contiguous, said.ack)
        stream = former[0], former[1] + COPY
        streamrows.make(self._connection, self._every, [stream], contiguous)
        self._copies[former[0], batch.epoch].insert(0, stream)
        holes.close(self._connection, former, is_replaced=False)
        self._every[former] = streamrows.of_lockers(self._connection, former[:1])[former]
        self._conflicts(former, clashes, kept=True)
        return stream

    def _conflicts(self, stream: Stream, numbers: Sequence[int], *, kept: bool) -> None:
        self._outcome.conflicts.setdefault(stream, []).extend(numbers)
        alarms.note_conflicts(
            self._connection, *stream, numbers, self._top.get(stream, 0), now_s(), kept=kept
        )
