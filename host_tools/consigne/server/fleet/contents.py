"""What a locker is told that begins a new journal, since its board or its flash was replaced.

It asks for that in its status, and serves nobody until it has been told all of it: what lies behind each
door, which codes were used or revoked, how often one may still guess.  A locker that is new is told that
nothing is known.  The set is sent in pieces that fit a locker's buffer and heap, each once the one before
was taken.
Grants, settings and the time come in the ways they always come (``swaps``).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from locker.core import doors, events
from locker.core.labels import parcel_possible
from locker.core.limits import DOORS_MAX
from locker.core.records import PARCEL_ID_BYTES_MAX
from locker.core.revoked import PARCELS_MAX, mark_of
from locker.core.throttle import TRIES_MAX, TRY_MS
from sqlalchemy import select
from sqlalchemy.engine import Connection

from consigne.protocol.messages import Arguments, Fields
from consigne.protocol.untrusted import U32_MAX, ProtocolError, dump

from ..access.passes import MAKE_TOKEN, TOKEN_DETAIL
from ..storage.lookup import row_of
from ..storage.models import IN_A_LOCKER, audit, commands, compartments, holders, parcels
from ..storage.models import events as events_table
from .answers import LEARNT

PIECE_BYTES_MAX = 3_000
PIECE_ENTRIES_MAX = 48
USED_MAX = 255
"""Tokens told of one kind: a locker keeps 256.  Of more, all that end early count as used."""
_REFILL_S = TRIES_MAX * TRY_MS // 1000


class _Fact(NamedTuple):
    """What lies behind a door, and why nothing may be put there."""

    content: int
    block: int
    parcel: str


_NOTHING = _Fact(doors.EMPTY, doors.NOT_BLOCKED, "")


def piece(connection: Connection, locker: str, asked: Arguments) -> Arguments:
    """The arguments of the command for one piece; ``asked`` has ``epoch``, ``piece`` and ``at``.

    ``at`` is the Unix second of the first piece, so that all are made of the same lists.
    """
    number, at_s = asked.get("piece", 0), asked.get("at", 0)
    pieces = [*_pieces(_entries(connection, locker, at_s))]
    if not 0 <= number < len(pieces):
        raise ProtocolError(f"no piece {number} of {len(pieces)}")
    told = pieces[number]
    told["epoch"], told["piece"] = asked.get("epoch", 0), number
    told["more"] = int(number + 1 < len(pieces))
    told["tries"] = _tries(connection, locker, at_s)
    return told


def _pieces(entries: Iterable[tuple[str, Fields]]) -> Iterator[Arguments]:
    door = room = 0
    made: Arguments | None = None
    for name, entry in entries:
        size = len(dump({"": entry}))
        if made is None or room < size or sum(map(len, _lists(made))) >= PIECE_ENTRIES_MAX:
            if made is not None:
                yield made
            made, room = _empty(door), PIECE_BYTES_MAX
        _list(made, name).append(entry)
        room -= size
        door += name == "doors"
    yield made or _empty(0)


def _empty(first: int) -> Arguments:
    return {"first": first, "doors": [], "parcels": [], "nonces": [], "used": [], "holders": []}


def _lists(made: Arguments) -> list[list[Fields]]:
    return [_list(made, name) for name in ("doors", "parcels", "nonces", "used", "holders")]


def _list(made: Arguments, name: str) -> list[Fields]:
    found: list[Fields] = made[name]  # type: ignore[literal-required]
    return found


def _entries(connection: Connection, locker: str, at_s: int) -> Iterator[tuple[str, Fields]]:
    facts = _facts(connection, locker)
    for fact in facts:
        yield "doors", [*(fact if _fits(fact.parcel) else fact._replace(parcel=""))]
    here = {fact.parcel for fact in facts}
    refused = revoked(connection, locker, at_s)
    # What lies there matters most: a locker keeps so many, and what is not there it opens for nobody.
    ids = [(id_, until) for id_, until in refused["parcels"].items() if _fits(id_)]
    first = sorted(ids, key=lambda one: (one[0] not in here, -one[1], one[0]))
    for id_, until in first[:PARCELS_MAX]:
        yield "parcels", [id_, until]
    for name, found in (
        ("nonces", {nonce: until for nonce, until in refused["nonces"].items() if isinstance(nonce, int)}),
        ("used", _used(connection, locker, at_s)),
    ):
        for nonce, end in _bounded(found):
            yield name, [nonce, end]
    newest: dict[tuple[int, int, int], int] = {}
    wanted = select(holders).where(holders.c.locker == locker).order_by(holders.c.since)
    for row in connection.execute(wanted):
        newest[row.role, row.action, row.holder] = row.counter
    for who, counter in newest.items():
        yield "holders", [*who, counter]


def _fits(id_: str | int) -> bool:
    """Whether a locker takes that as a parcel's id; it may lie there all the same."""
    data = id_.encode() if isinstance(id_, str) else b""
    return len(data) <= PARCEL_ID_BYTES_MAX and parcel_possible(data)


def _bounded(found: dict[int, int]) -> list[tuple[int, int]]:
    """Those that end last; all others by one entry, number 0: no token that ends so early counts."""
    last = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    left_out = last[USED_MAX:]
    return [*last[:USED_MAX], (0, left_out[0][1])] if left_out else last


# --- behind each door ---------------------------------------------------------------------------------------


def _facts(connection: Connection, locker: str) -> list[_Fact]:
    """What the newest word about each door says: the locker's own about all of them, or a later event."""
    told: dict[int, _Fact] = {}
    since: tuple[int, int, int] | None = None
    for row in connection.execute(select(compartments).where(compartments.c.locker == locker)):
        told[row.door] = _as_told(row.content, row.parcel or "")
        at = row.epoch, row.seq, row.time_s
        since = at if since is None else max(since, at, key=lambda one: one[1])  # see models.compartments
    _follow_events(connection, locker, told, since)
    for door in _blocked(connection, locker):
        fact = told.get(door, _NOTHING)
        if fact.content != doors.EMPTY and not fact.block:
            told[door] = fact._replace(block=doors.BLOCKED_OPERATOR)
    count = max(len(row_of(connection, locker).layout), max(told, default=-1) + 1)
    return [told.get(door, _NOTHING) for door in range(min(count, DOORS_MAX))]


def _as_told(content: int, parcel: str) -> _Fact:
    if content == doors.TOLD_BLOCKED:
        return _Fact(doors.EMPTY, doors.BLOCKED_OPERATOR, "")
    if content == doors.EMPTY:
        return _NOTHING
    # Somebody was putting it in or taking it out when the former board ended: somebody must look.
    block = doors.NOT_BLOCKED if content == doors.PARCEL else doors.BLOCKED_FORCED
    return _Fact(doors.PARCEL, block, parcel)


def _follow_events(
    connection: Connection, locker: str, told: dict[int, _Fact], since: tuple[int, int, int] | None
) -> None:
    """Bring what was told up to date by the parcels whose newest event came later."""
    columns = (parcels.c.id, parcels.c.state, parcels.c.door)
    place = (parcels.c.from_epoch, parcels.c.from_seq, parcels.c.from_time_s)
    wanted = select(*columns, *place).where(parcels.c.locker == locker, parcels.c.door.is_not(None))
    inside = parcels.c.state.in_(IN_A_LOCKER)
    if since is None:
        wanted = wanted.where(inside)
    else:
        epoch, seq, time_s = since
        same = (parcels.c.from_epoch == epoch) & (parcels.c.from_seq > seq)
        other = (parcels.c.from_epoch != epoch) & (parcels.c.from_time_s > time_s)
        wanted = wanted.where(inside | same | other)
    for row in connection.execute(wanted.order_by(parcels.c.from_time_s, parcels.c.from_seq)).all():
        fact = told.get(row.door, _NOTHING)
        later = since is None or _is_later(row, since)
        if row.state in IN_A_LOCKER:
            if later or (fact.content == doors.PARCEL and fact.parcel in ("", row.id)):
                block = doors.BLOCKED_FORCED if row.state == "forced" else fact.block
                told[row.door] = _Fact(doors.PARCEL, block, row.id)
        elif later and fact.parcel == row.id:
            told[row.door] = _NOTHING


def _is_later(row: object, since: tuple[int, int, int]) -> bool:
    epoch, seq, time_s = since
    if row.from_epoch == epoch:  # type: ignore[attr-defined]
        return bool(row.from_seq > seq)  # type: ignore[attr-defined]
    return (row.from_time_s or 0) > time_s  # type: ignore[attr-defined]


def _blocked(connection: Connection, locker: str) -> set[int]:
    """The doors that an operator's newest word blocks; a locker tells it only of empty ones."""
    found: set[int] = set()
    wanted = select(commands.c.cmd, commands.c.arguments).where(
        commands.c.locker == locker, commands.c.cmd.in_(("block", "release"))
    )
    for cmd, arguments in connection.execute(wanted.order_by(commands.c.created_at)):
        door = arguments.get("door")
        found.discard(door)
        if cmd == "block" and door is not None:
            found.add(door)
    return found


# --- codes that open nothing any more ---------------------------------------------------------------------


def is_refused(connection: Connection, locker: str, id_: str, at_s: int) -> bool:
    """Whether the locker has told of a parcel that it refuses, unknown here, and it is this one."""
    return mark_of(id_.encode()).hex() in revoked(connection, locker, at_s)["marks"]


def learnt(connection: Connection, locker: str, at_s: int) -> int:
    """How many revocations in force this host knows from the locker alone."""
    mine = (commands.c.locker == locker) & (commands.c.cmd == "revoke") & (commands.c.result == LEARNT)
    told = connection.execute(select(commands.c.arguments).where(mine)).scalars()
    pairs = [pair for one in told for name in ("parcels", "nonces", "marks") for pair in _pairs(one, name)]
    return sum(until > at_s for _, until in pairs)


def revoked(connection: Connection, locker: str, at_s: int) -> dict[str, dict[str | int, int]]:
    """Until when parcels and tokens are refused that anybody had revoked, by the lists of the command.

    ``marks`` are of parcels that the locker refuses, and of which this host knows no id.
    """
    found: dict[str, dict[str | int, int]] = {"parcels": {}, "nonces": {}, "marks": {}}
    here = (commands.c.locker == locker) & (commands.c.cmd == "revoke")
    for arguments in connection.execute(select(commands.c.arguments).where(here)).scalars():
        for name, until_of in found.items():
            for what, until in _pairs(arguments, name):
                if at_s < until <= U32_MAX:
                    until_of[what] = max(until, until_of.get(what, 0))
    return found


def _pairs(arguments: Arguments, name: str) -> Iterator[tuple[str | int, int]]:
    """The pairs of such a list, as far as they can be read: another release may have written them."""
    rows = arguments.get(name)
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, list) and len(row) == 2 and isinstance(row[1], int):
            yield row[0], row[1]


def _used(connection: Connection, locker: str, at_s: int) -> dict[int, int]:
    """The end of each token that opened a door and has not ended."""
    made: dict[int, int] = {}
    wanted = select(audit.c.detail).where(audit.c.locker == locker, audit.c.action == MAKE_TOKEN)
    for detail in connection.execute(wanted).scalars():
        read = TOKEN_DETAIL.match(detail)
        if read and int(read[2]) > at_s:
            made[int(read[1])] = int(read[2])
    return {nonce: made[nonce] for nonce in opened(connection, locker, made)} if made else {}


def opened(connection: Connection, locker: str, refs: Iterable[int]) -> dict[int, int]:
    """How often a door was seen open under each of these references that opened any."""
    asked, counts = frozenset(refs), dict[int, int]()
    here = (events_table.c.locker == locker) & (events_table.c.kind == "opened")
    for data in connection.execute(select(events_table.c.data).where(here)).scalars():
        ref = data.get("ref")
        if isinstance(ref, int) and ref in asked:
            counts[ref] = counts.get(ref, 0) + 1
    return counts


def _tries(connection: Connection, locker: str, at_s: int) -> int:
    """How often one may guess now, as the former journal would have it at worst (``throttle``)."""
    recent = (events_table.c.locker == locker) & (events_table.c.time_s > at_s - _REFILL_S)
    wanted = select(events_table.c.kind, events_table.c.data).where(
        recent, events_table.c.kind.in_(("attempt", "accepted"))
    )
    spent = 0
    for kind, data in connection.execute(wanted):
        if kind == "attempt":
            spent += 1
        elif data.get("via") == events.VIA_KEYPAD:
            spent -= 1
    return min(max(TRIES_MAX - spent, 0), TRIES_MAX)
