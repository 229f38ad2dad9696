"""Holes: event numbers that a stream goes past because no journal has their events any more.

A locker says so in the place of the events, and what is missing of an epoch is lost when another one has
taken its place.  Each hole is a row, and there is an alarm: what is lost is told exactly.  A locker may have
been wrong, or a board may come back: an event that arrives after all is stored like any other, and its number
is no longer part of a hole.
Functions here run inside the caller's transaction, which has the locker locked: that guards its former
streams too (``storage.locks``).
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from consigne.protocol.events import REPLACED, Event, Hole

from ..clock import now_s
from ..fleet import alarms
from ..storage import retention
from ..storage.ages import Ages
from ..storage.contiguity import Held, Stream, said_epoch
from ..storage.database import Database
from ..storage.models import holes, lockers, streams
from .outcome import Outcome


def take(held: Held, told: Sequence[Hole], highest: int, outcome: Outcome) -> list[Hole]:
    """Hold the numbers of holes; returns what of them was missing until now.

    A locker numbers its events without a gap, so a hole is only believed below an event: ``highest``.
    """
    taken = []
    for hole in sorted(told):
        if hole.last >= highest:
            outcome.deferred += 1
            continue
        for first, last in held.absent(hole.first, hole.last):
            if held.add_range(first, last):
                taken.append(Hole(first, last, hole.why))
            else:
                outcome.deferred += 1
    return taken


def record(connection: Connection, taken: Mapping[Stream, Sequence[Hole]]) -> None:
    """Write down the holes of some streams, and raise an alarm for each stream."""
    at_s = now_s()
    rows = [
        {"locker": locker, "epoch": epoch, **hole._asdict(), "told_at": at_s}
        for (locker, epoch), found in taken.items()
        for hole in found
    ]
    if rows:
        connection.execute(holes.insert(), rows)
    for stream, found in taken.items():
        if found:
            alarms.note_holes(connection, *stream, found, at_s)


def came_after_all(connection: Connection, stream: Stream, repeated: Sequence[Event]) -> set[int]:
    """The numbers among ``repeated`` that lie in holes; they are no longer part of them."""
    if not repeated:
        return set()
    seqs = {event.seq for event in repeated}
    here = (holes.c.locker == stream[0]) & (holes.c.epoch == stream[1])
    near = here & (holes.c.last >= min(seqs)) & (holes.c.first <= max(seqs))
    found: set[int] = set()
    for first, last, why, told_at in connection.execute(
        select(holes.c.first, holes.c.last, holes.c.why, holes.c.told_at).where(near)
    ).all():
        inside = {seq for seq in seqs if first <= seq <= last}
        if not inside:
            continue
        found |= inside
        connection.execute(holes.delete().where(here & (holes.c.first == first)))
        left = [
            {"locker": stream[0], "epoch": stream[1], "first": a, "last": b, "why": why, "told_at": told_at}
            for a, b in _without(first, last, inside)
        ]
        if left:
            connection.execute(holes.insert(), left)
    return found


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Delete what was told so long ago that events of that time are deleted too."""
    retention.delete(database, holes, holes.c.told_at < retention.before(at_s, ages.events))


def _without(first: int, last: int, seqs: Collection[int]) -> list[tuple[int, int]]:
    """What is left of a closed range without some numbers in it."""
    left = []
    for seq in sorted(seqs):
        if first < seq:
            left.append((first, seq - 1))
        first = seq + 1
    if first <= last:
        left.append((first, last))
    return left


def close(connection: Connection, former: Stream, *, is_replaced: bool = True) -> None:
    """Another epoch has taken the place of this one: what is known to be missing of it will not come.

    ``is_replaced``: by another journal; else by a copy of this one.
    How far it went is known from its last status; what it journaled after that nobody can know.
    """
    here = (streams.c.locker == former[0]) & (streams.c.epoch == former[1])
    wanted = select(streams.c.contiguous, streams.c.islands, streams.c.lost).where(here)
    row = connection.execute(wanted).first()
    if row is None or row.islands is None:
        return
    held = Held(row.contiguous, row.islands)
    said = connection.execute(select(lockers.c.status).where(lockers.c.id == former[0])).scalar()
    highest = held.highest
    if said is not None and is_replaced and said.epoch == said_epoch(former[1]) and said.seq is not None:
        highest = max(highest, said.seq - 1)
    missing = [Hole(first, last, REPLACED) for first, last in held.absent(1, highest)]
    record(connection, {former: missing})
    if is_replaced:
        alarms.note_replaced(connection, *former, now_s())
    count = sum(hole.last - hole.first + 1 for hole in missing)
    connection.execute(
        update(streams).where(here).values(contiguous=highest, islands=[], lost=row.lost + count)
    )
