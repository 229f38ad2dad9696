"""Parcels corrected by what their locker says lies behind its doors, where the events about them are lost.

A host that was restored from an older copy is sent the events that it lacks; those that no journal has any
more are holes, and a board may have been swapped meanwhile.  Only there can a parcel differ from its locker's
occupancy.  The occupancy counts once the host has gone past the event that it was told at, never against a
newer event, for this locker's parcels only.  How a parcel left is not known then: it is *gone*, never
collected.  One that nobody knows is noted without a sender and told to the operators.
Runs inside the transaction that stores what lockers said, which has them locked.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from locker.core import doors
from locker.core.labels import parcel_possible
from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from ..access import grants
from ..clock import now_s
from ..fleet import alarms
from ..notices import notices
from ..people import audit
from ..people.audit import HOST
from ..storage.contiguity import COPY, Held, Stream
from ..storage.database import chunks
from ..storage.documents import Layout, door_name
from ..storage.locks import LockedLocker
from ..storage.models import GONE, IN_A_LOCKER, compartments, lockers, parcels
from . import projection, streamrows
from .outcome import Outcome

_FREE = (doors.EMPTY, doors.TOLD_BLOCKED)


class Standing(NamedTuple):
    """What the host knows of a parcel."""

    id: str
    locker: str
    state: str
    door: int | None
    grant: int | None
    deposited_at: int | None
    from_epoch: int | None
    from_seq: int | None


class At(NamedTuple):
    """The event that an occupancy was told at, and its time."""

    epoch: int
    seq: int
    time_s: int


@dataclass(slots=True)
class Corrections:
    """What is to be said of parcels: those that left, those that lie there and where, those that nobody knows
    and where, and those that this host believes at another locker.
    """

    gone: list[Standing] = field(default_factory=list)
    found: list[tuple[Standing, int]] = field(default_factory=list)
    strange: list[tuple[str, int]] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.gone or self.found or self.strange or self.elsewhere)


_ROW = [parcels.c[name] for name in Standing._fields]
_GONE = (
    update(parcels)
    .where(parcels.c.id == bindparam("the_id"))
    .values(state=GONE, ended_at=bindparam("at_s"), grant=None)
)
_FOUND = (
    update(parcels)
    .where(parcels.c.id == bindparam("the_id"))
    .values(
        state="in_locker", door=bindparam("new_door"), deposited_at=bindparam("since_s"), ended_at=None,
        from_epoch=bindparam("epoch"), from_seq=bindparam("seq"), from_time_s=bindparam("time_s"),
    )
)  # fmt: skip


def judge(
    locker: str, told: Sequence[tuple[int, str | None]], at: At, known: Iterable[Standing], doors_max: int
) -> Corrections:
    """What an occupancy says against what the host knows.

    ``told`` gives content and parcel of each door from 0; doors from ``doors_max`` on do not exist.
    """
    cells = told[:doors_max]
    count = Counter(id_ for content, id_ in cells if content == doors.PARCEL and id_)
    place = {id_: door for door, (content, id_) in enumerate(cells) if content == doors.PARCEL and id_}
    rows = {row.id: row for row in known}
    later = {row.id for row in rows.values() if row.locker == locker and _is_later(row, at)}
    taken = {rows[id_].door for id_ in later}  # behind these doors something happened since then
    found = Corrections()
    for row in rows.values():
        if row.locker != locker or row.id in later or row.state not in IN_A_LOCKER or row.id in place:
            continue
        if row.door is None or row.door >= len(cells) or row.door in taken:
            continue
        content, id_ = cells[row.door]
        if content in _FREE or (content == doors.PARCEL and id_):
            found.gone.append(row)
    for id_, door in place.items():
        if count[id_] > 1 or id_ in later or door in taken or not parcel_possible(id_.encode()):
            continue
        known_row = rows.get(id_)
        if known_row is None:
            found.strange.append((id_, door))
        elif known_row.locker != locker:
            found.elsewhere.append(id_)
        elif known_row.state not in IN_A_LOCKER or known_row.door != door:
            found.found.append((known_row, door))
    return found


def _is_later(row: Standing, at: At) -> bool:
    """Whether the parcel's newest event came after the occupancy; those of former journals came before it,
    whatever the time that a new board had not been told yet.
    """
    return row.from_epoch == at.epoch and (row.from_seq or 0) > at.seq


def apply(
    connection: Connection,
    known: Mapping[str, LockedLocker],
    streams_: Mapping[Stream, streamrows.StreamRow],
    outcome: Outcome,
) -> None:
    """Correct the parcels of those lockers that spoke, have lost events, and have sent all others.

    ``streams_`` are all streams of these lockers as they were before this batch.
    """
    epochs = Counter(locker for locker, epoch in streams_ if epoch < COPY)
    have_lost = {one.locker for one in streams_.values() if one.lost}
    for locker in sorted(known):
        stream = locker, known[locker].epoch or 0
        row = streams_.get(stream)
        if row is None or known[locker].retired_at is not None:
            continue
        if stream[1] >= COPY:  # two boards may speak in turn: each would correct what the other said
            continue
        if not (locker in have_lost or stream in outcome.holed or epochs[locker] > 1):
            continue
        held = outcome.held.get(stream) or Held(row.contiguous, row.islands or ())
        if row.islands is not None and not held.islands:
            _correct(connection, stream, held.contiguous, outcome)


def _correct(connection: Connection, stream: Stream, contiguous: int, outcome: Outcome) -> None:
    locker, epoch = stream
    here = select(compartments).where(compartments.c.locker == locker)
    cells = {row.door: row for row in connection.execute(here)}
    if not cells or any(row.epoch != epoch for row in cells.values()):
        return
    newest = max(cells.values(), key=lambda row: row.seq)
    at = At(epoch, newest.seq, newest.time_s)
    wanted = select(lockers.c.status, lockers.c.layout).where(lockers.c.id == locker)
    status, layout = connection.execute(wanted).one()
    claims = status.seq - 1 if status is not None and status.epoch == epoch and status.seq else 0
    if contiguous < max(at.seq, claims):
        return
    told = [
        (row.content, row.parcel) if (row := cells.get(door)) is not None else (doors.TAKEN, None)
        for door in range(max(cells) + 1)
    ]
    rows = _rows(connection, locker, {id_ for _, id_ in told if id_})
    found = judge(locker, told, at, rows, len(layout) or len(told))
    if found:
        _write(connection, locker, at, found, outcome)
        _tell(connection, locker, at, found, layout)


def _rows(connection: Connection, locker: str, named: set[str]) -> list[Standing]:
    """The parcels that lie in this locker or have ever been said to, and those that it names; locked."""
    mine = (parcels.c.locker == locker) & (parcels.c.state.in_(IN_A_LOCKER))
    ids = {*named, *connection.execute(select(parcels.c.id).where(mine)).scalars()}
    found: list[Standing] = []
    for chunk in chunks(sorted(ids)):
        wanted = select(*_ROW).where(parcels.c.id.in_(chunk)).order_by(parcels.c.id).with_for_update()
        found.extend(Standing(*row) for row in connection.execute(wanted))
    return found


def _write(connection: Connection, locker: str, at: At, found: Corrections, outcome: Outcome) -> None:
    at_s = now_s()
    projection.make_strange(connection, dict.fromkeys((id_ for id_, _ in found.strange), locker))
    if found.gone:
        connection.execute(_GONE, [{"the_id": row.id, "at_s": at_s} for row in found.gone])
        spent = [(locker, row.grant) for row in found.gone if row.grant is not None]
        grants.drop_all(connection, spent)
    placed = [
        (row.id, door, row.deposited_at if row.state in IN_A_LOCKER else None) for row, door in found.found
    ]
    placed += [(id_, door, None) for id_, door in found.strange]
    if placed:
        # When it was put in is not known: its customer has the whole time from now on.
        place = {"epoch": at.epoch, "seq": at.seq, "time_s": min(at.time_s, at_s)}
        rows = [
            {"the_id": id_, "new_door": door, "since_s": since_s or at_s, **place}
            for id_, door, since_s in placed
        ]
        connection.execute(_FOUND, rows)
    changed = {row.id for row in found.gone} | {id_ for id_, _, _ in placed}
    notices.plan(connection, changed, at_s)
    outcome.parcels |= changed


def _tell(connection: Connection, locker: str, at: At, found: Corrections, layout: Layout) -> None:
    said = [(row.id, "not in the locker any more, as it says itself") for row in found.gone]
    said += [(row.id, f"lies in {door_name(layout, door)}, as the locker says") for row, door in found.found]
    said += [(id_, f"unknown, lies in {door_name(layout, door)}") for id_, door in found.strange]
    for id_, detail in said:
        audit.note(connection, HOST, "correct parcel", locker=locker, parcel=id_, detail=detail)
    ids = {
        "gone": [row.id for row in found.gone],
        "found": [row.id for row, _ in found.found],
        "unknown": [id_ for id_, _ in found.strange],
        "elsewhere": found.elsewhere,
    }
    alarms.note_corrected(connection, locker, at.epoch, at.seq, now_s(), ids)
