"""What lockers send besides events: statuses, compartments, answers and questions.

After a broker's restart all lockers send their status and their compartments at once, and a visited locker
sends those several times a minute: so a whole batch takes a few statements.  Runs inside the transaction that
stores the events, after them; it has the lockers locked (``storage.locks``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypedDict

from locker.core.events import TRUST_SET
from sqlalchemy import BigInteger, Boolean, bindparam, func, select, update
from sqlalchemy.engine import Connection

from consigne.protocol import messages

from ..access import grants
from ..clock import now_s
from ..fleet import commands, condition, presence, swaps
from ..fleet.thresholds import Thresholds
from ..storage.contiguity import Copies, Held, Stream, said_epoch
from ..storage.database import chunks, insert, insert_rows
from ..storage.locks import LockedLocker
from ..storage.models import compartments, lockers
from . import corrections, holes, learning, streamrows
from .decode import Message
from .outcome import Outcome

Said = tuple[str, messages.Status]  # a locker, and its status
Told = tuple[str, messages.Occupancy]
Known = dict[str, LockedLocker]


class _Newest(TypedDict):
    """What the statuses of one locker change: the parameters of ``_UPDATE``."""

    the_locker: str
    new_status_at: int
    new_up: bool | None
    new_heard_at: int | None
    new_status: messages.Status | None
    new_grants_have: int | None
    new_counter: int | None


_UPDATE = (
    update(lockers)
    .where(lockers.c.id == bindparam("the_locker"))
    .values(
        up=func.coalesce(bindparam("new_up", type_=Boolean), lockers.c.up),
        heard_at=func.coalesce(bindparam("new_heard_at", type_=BigInteger), lockers.c.heard_at),
        status_at=bindparam("new_status_at"),
        status=func.coalesce(bindparam("new_status", type_=lockers.c.status.type), lockers.c.status),
        grants_have=func.coalesce(bindparam("new_grants_have", type_=BigInteger), lockers.c.grants_have),
        command_counter=func.coalesce(bindparam("new_counter", type_=BigInteger), lockers.c.command_counter),
    )
)


class _Cell(NamedTuple):
    """A compartment as the database has it."""

    locker: str
    door: int
    content: int
    seen: int
    parcel: str | None
    epoch: int
    seq: int


_CELL = [compartments.c[name] for name in _Cell._fields]
_CELL_KEY, _SAID, _AT = ["locker", "door"], ["content", "seen", "parcel"], ["epoch", "seq", "time_s"]


def apply(
    connection: Connection,
    serving: Sequence[Message],
    known: Known,
    copies: Copies,
    streams_: Mapping[Stream, streamrows.StreamRow],
    outcome: Outcome,
    thresholds: Thresholds,
) -> None:
    """Store what lockers said besides events, of each kind in the order in which it was sent.

    ``streams_`` are all streams of these lockers, as they were before this batch; ``copies`` their names.
    """
    at_s = now_s()
    said = [(one.locker, one.content) for one in serving if isinstance(one.content, messages.Status)]
    kept = {id(one.content) for one in serving if one.retained}
    told = [(one.locker, one.content) for one in serving if isinstance(one.content, messages.Occupancy)]
    answers = [(one.locker, one.content) for one in serving if isinstance(one.content, messages.Reply)]
    asked = [(one.locker, one.content) for one in serving if isinstance(one.content, messages.Ask)]
    asked_time = {
        one.locker: one.content.nonce
        for one in serving
        if isinstance(one.content, messages.AskTime) and not one.retained
    }
    if said:
        believed = [
            presence.of(status, at_s, thresholds.silent_s, is_kept=id(status) in kept) for _, status in said
        ]
        _apply_statuses(connection, said, believed, known, copies, streams_, outcome)
    if told:
        _apply_occupancies(connection, told, known, copies, outcome)
    outcome.commands |= commands.answered(connection, [(name, one.id, one.result) for name, one in answers])
    for one in serving:
        if isinstance(one.content, messages.Revoked) and not one.retained:
            learning.take(connection, known[one.locker], one.content, outcome)
    for locker, ask in asked:
        _adopt_grants(connection, locker, ask.have, at_s)
    corrections.apply(connection, known, streams_, outcome)
    commands.tell_time(connection, asked_time, at_s)
    outcome.lockers.update(asked_time, (locker for locker, _ in asked))
    outcome.is_due = outcome.is_due or bool(said or asked or asked_time)


def _apply_statuses(
    connection: Connection,
    said: Sequence[Said],
    believed: Sequence[presence.Believed],
    known: Known,
    copies: Copies,
    streams_: Mapping[Stream, streamrows.StreamRow],
    outcome: Outcome,
) -> None:
    heard: list[Said] = []
    at_s = now_s()
    newest: dict[str, _Newest] = {}
    for (locker, status), (is_up, heard_at) in zip(said, believed, strict=True):
        if _is_former(known[locker], status.epoch, copies):
            continue
        heard.append((locker, status))
        former = known[locker].epoch
        if status.epoch and former is not None and said_epoch(former) != status.epoch:
            holes.close(connection, (locker, former))  # while its last status is still there
        values = newest.get(locker) or _unchanged(locker, at_s)
        newest[locker] = values
        values["new_up"] = is_up if is_up is not None else values["new_up"]
        if heard_at > (known[locker].heard_at or 0):
            values["new_heard_at"] = heard_at
        if status.up:
            values["new_status"] = status
            counter = learning.adopt_counter(known[locker], status.counter)
            values["new_counter"] = counter or values["new_counter"]
            learning.look(connection, known[locker], status.revoked, at_s)
        if status.grants is not None and status.grants <= known[locker].grants_version:
            values["new_grants_have"] = status.grants
        _events_known(locker, status, copies, streams_, outcome)
    if not heard:
        return
    connection.execute(_UPDATE, [dict(newest[locker]) for locker in sorted(newest)])
    commands.broke_off(
        connection, [name for name, values in newest.items() if values["new_up"] is False], at_s
    )
    outcome.lockers.update(newest)
    health = [(locker, status.health) for locker, status in heard if status.health is not None]
    condition.keep(connection, health, at_s)
    _look_at_grants(connection, known, heard, at_s)
    for locker, status in heard:
        if status.up and status.wants and status.epoch:  # 0: it has no journal that can be written
            swaps.tell(connection, locker, status.epoch, at_s)


def _unchanged(locker: str, at_s: int) -> _Newest:
    return {
        "the_locker": locker,
        "new_status_at": at_s,
        "new_up": None,
        "new_heard_at": None,
        "new_status": None,
        "new_grants_have": None,
        "new_counter": None,
    }


def _is_former(locker: LockedLocker, epoch: int, copies: Copies) -> bool:
    """Whether this is a former epoch: the locker says another one now, and that one is known."""
    return locker.epoch is not None and said_epoch(locker.epoch) != epoch and (locker.id, epoch) in copies


def _stream_of(locker: LockedLocker, epoch: int, copies: Copies) -> Stream:
    """The stream of a locker's epoch: of several copies the current one."""
    if locker.epoch is not None and said_epoch(locker.epoch) == epoch:
        return locker.id, locker.epoch
    return copies.get((locker.id, epoch), [(locker.id, epoch)])[0]


def _events_known(
    locker: str,
    status: messages.Status,
    copies: Copies,
    streams_: Mapping[Stream, streamrows.StreamRow],
    outcome: Outcome,
) -> None:
    """Note which of the events that a status claims must be asked for.

    It is not acknowledged anything: its journal may be another copy than the one that is stored.  What it has
    sent and not heard of it sends again.
    """
    if not status.up or status.seq is None:
        return
    stream = copies.get((locker, status.epoch), [(locker, status.epoch)])[0]
    here = outcome.held.get(stream) or Held()
    if stream not in outcome.held and stream in streams_:
        row = streams_[stream]
        if row.islands is None:
            return  # stopped: the database cannot tell what may be acknowledged, or asked for
        here = Held(row.contiguous, row.islands)
    # Perhaps this host has acknowledged them and was restored from a copy: then they must be asked for.
    if status.seq - 1 > here.highest:
        outcome.behind[stream] = here.contiguous + 1


def _look_at_grants(connection: Connection, known: Known, heard: Sequence[Said], at_s: int) -> None:
    """Adopt versions ahead of the host's; start anew where versions agree but digests differ.

    A locker that does not know the time cannot tell which of its grants have ended, so its digest is ignored.
    """
    asked: dict[str, messages.Status] = {}
    for locker, status in heard:
        if status.grants is None:
            continue
        version = known[locker].grants_version
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


def _apply_occupancies(
    connection: Connection,
    told: Sequence[Told],
    known: Known,
    copies: Copies,
    outcome: Outcome,
) -> None:
    there = _cells(connection, {name for name, _ in told})
    newest = {name: (cells[0].epoch, max(one.seq for one in cells)) for name, cells in there.items()}
    latest: dict[str, messages.Occupancy] = {}
    for name, one in told:
        if _is_former(known[name], one.epoch, copies):
            continue
        mine = _stream_of(known[name], one.epoch, copies)[1]
        epoch, seq = newest.get(name, (None, 0))
        if epoch == mine and seq > one.seq and not _begins_again(connection, name, one):
            continue  # overtaken by a newer one
        latest[name], newest[name] = replace(one, epoch=mine), (mine, one.seq)
    _write(connection, latest, there)
    outcome.lockers.update(latest)


def _begins_again(connection: Connection, locker: str, told: messages.Occupancy) -> bool:
    """Whether the locker's numbers have begun again below what it told before, as its status says."""
    said = connection.execute(select(lockers.c.status).where(lockers.c.id == locker)).scalar()
    return said is not None and said.epoch == told.epoch and 0 < (said.seq or 0) <= told.seq + 1


def _cells(connection: Connection, names: Collection[str]) -> dict[str, list[_Cell]]:
    """The compartments of those lockers that have told of any."""
    found: dict[str, list[_Cell]] = {}
    for chunk in chunks(sorted(names)):
        for row in connection.execute(select(*_CELL).where(compartments.c.locker.in_(chunk))):
            found.setdefault(row.locker, []).append(_Cell(*row))
    return found


def _write(
    connection: Connection, latest: dict[str, messages.Occupancy], there: dict[str, list[_Cell]]
) -> None:
    """Write what has changed, and of each locker one compartment at least: its row says when all was told."""
    fresh: list[tuple[object, ...]] = []
    changed: list[dict[str, object]] = []
    for name, one in sorted(latest.items()):
        at = {"epoch": one.epoch, "seq": one.seq, "time_s": one.time_s}
        if name not in there:
            fresh.extend((name, door, *cell, *at.values()) for door, cell in enumerate(one.doors))
            continue
        before = {cell.door: (*cell[2:5], cell.epoch) for cell in there[name]}
        doors = [door for door, cell in enumerate(one.doors) if before.pop(door, None) != (*cell, one.epoch)]
        for door in doors or range(min(len(one.doors), 1)):
            said = dict(zip(_SAID, one.doors[door], strict=True))
            changed.append({"locker": name, "door": door, **said, **at})
        if before:
            gone = (compartments.c.locker == name) & compartments.c.door.in_(before)
            connection.execute(compartments.delete().where(gone))
    if fresh:
        insert_rows(connection, compartments, [*_CELL_KEY, *_SAID, *_AT], fresh)
    if changed:
        statement = insert(connection, compartments)
        newer = {name: statement.excluded[name] for name in (*_SAID, *_AT)}
        connection.execute(statement.on_conflict_do_update(index_elements=_CELL_KEY, set_=newer), changed)
