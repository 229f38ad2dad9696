"""The grants of a locker as a versioned set, and the delta a locker needs.

Every change of the set, a grant or an expected parcel, takes the next version of that locker; what
a locker at version ``have`` lacks is therefore every entry newer than ``have``.  One version holds
one change, so a delta can be cut anywhere to fit a locker's buffer; the next piece follows when the
locker has answered.
Functions here run inside the caller's transaction.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from locker.core import grants as device_grants
from locker.core import records
from locker.core.limits import SIZE_LOW
from sqlalchemy import bindparam, exists, select, tuple_, update
from sqlalchemy.engine import Connection

from consigne.protocol.messages import GRANTS_VERSION_MAX, Arguments, Fields

from ..storage import retention
from ..storage.ages import Ages
from ..storage.database import Database, chunks, columns_of
from ..storage.locks import lock_lockers
from ..storage.models import grants, lockers, parcels, set_aside
from ..storage.secret import Secret
from . import aside

ADOPTED_MAX = GRANTS_VERSION_MAX // 2
"""The highest version that is adopted from a locker: half of all versions are left for what follows."""
DELTA_BYTES_MAX = 3_600
DELTA_ENTRIES_MAX = 60
"""Room for the lists of one delta: a locker takes a command only up to bounds of its own
(``locker/net/messages.py``), and the rest of the command takes under 200 bytes."""


_DROP = (
    update(grants)
    .where(grants.c.locker == bindparam("the_locker"), grants.c.id == bindparam("the_id"))
    .values(dropped=bindparam("version"))
)
_SET_VERSION = (
    update(lockers).where(lockers.c.id == bindparam("the_locker")).values(grants_version=bindparam("version"))
)


def next_version(connection: Connection, locker: str) -> int:
    """Take the next version of a locker's set."""
    statement = (
        update(lockers)
        .where(lockers.c.id == locker)
        .values(grants_version=lockers.c.grants_version + 1)
        .returning(lockers.c.grants_version)
    )
    return int(connection.execute(statement).scalar_one())


@dataclass(frozen=True, slots=True)
class Grant:
    """What a locker is told to honour, in the ranges of ``records.GRANT``."""

    not_before: int
    not_after: int
    role: int
    action: int
    holder: int
    door: int
    uses: int
    tag: Secret
    parcel: str


_GRANT = columns_of(Grant, grants)


def get(connection: Connection, locker: str, id_: int) -> Grant:
    """The grant of this id, dropped or not."""
    here = (grants.c.locker == locker) & (grants.c.id == id_)
    return Grant(*connection.execute(select(*_GRANT).where(here)).one())


def add(connection: Connection, locker: str, grant: Grant) -> int:
    """Add a grant; returns its id, unique at this locker."""
    statement = (
        update(lockers)
        .where(lockers.c.id == locker)
        .values(grants_version=lockers.c.grants_version + 1, next_grant=lockers.c.next_grant + 1)
        .returning(lockers.c.grants_version, lockers.c.next_grant)
    )
    version, after = connection.execute(statement).one()
    id_ = int(after) - 1
    columns = {column.name: getattr(grant, column.name) for column in _GRANT}
    connection.execute(grants.insert().values(locker=locker, id=id_, added=version, **columns))
    return id_


def drop_all(connection: Connection, wanted: Iterable[tuple[str, int]]) -> None:
    """Take grants away, each given by its locker and its id; those that are gone already stay gone."""
    live = grants.c.dropped.is_(None)
    found: list[tuple[str, int]] = []
    for chunk in chunks(sorted(set(wanted))):
        these = tuple_(grants.c.locker, grants.c.id).in_(chunk)
        statement = (
            select(grants.c.locker, grants.c.id).where(these, live).order_by(grants.c.locker, grants.c.id)
        )
        found.extend((row[0], row[1]) for row in connection.execute(statement))
    if not found:
        return
    known = lock_lockers(connection, {locker for locker, _ in found})
    versions = {name: row.grants_version for name, row in known.items()}
    dropped = []
    for locker, id_ in found:
        versions[locker] += 1
        dropped.append({"the_locker": locker, "the_id": id_, "version": versions[locker]})
    connection.execute(_DROP, dropped)
    new = [{"the_locker": locker, "version": version} for locker, version in versions.items()]
    connection.execute(_SET_VERSION, new)


def drop(connection: Connection, locker: str, id_: int) -> None:
    """Take one grant away."""
    drop_all(connection, [(locker, id_)])


def adopt(connection: Connection, locker: str, have: int) -> bool:
    """Note which version a locker has; False when its whole set must begin anew.

    A locker ahead of the host means that the host's database was restored from an older copy. The
    set then continues beyond the locker's version and every entry of it takes a new one, so that
    the next deltas bring the locker all that the host knows.

    A version beyond ``ADOPTED_MAX`` is none that a host gave, and few or none can follow it: the set keeps
    the host's version, since a locker takes any that begins the whole set anew.  A host that had adopted such
    a version counts from 0 again.
    """
    mine = lockers.c.id == locker
    version = connection.execute(select(lockers.c.grants_version).where(mine)).scalar_one()
    if version > ADOPTED_MAX:
        connection.execute(update(lockers).where(mine).values(grants_have=0))
        _renumber(connection, locker, 0)
    if max(version, have) > ADOPTED_MAX:
        none_yet = mine & (lockers.c.grants_version == 0)  # a delta from 0 must lead to a version
        connection.execute(update(lockers).where(none_yet).values(grants_version=1))
        return False
    connection.execute(update(lockers).where(mine).values(grants_have=have))
    if have > version:
        _renumber(connection, locker, have)
    return True


def _renumber(connection: Connection, locker: str, after: int) -> None:
    """Give every entry of the set a version of its own, each beyond ``after``."""
    aside.forget_versions(connection, locker)
    connection.execute(update(lockers).where(lockers.c.id == locker).values(grants_version=after))
    gone = (grants.c.locker == locker) & grants.c.dropped.is_not(None)
    connection.execute(update(grants).where(gone).values(added=0, dropped=0))
    live = (grants.c.locker == locker) & grants.c.dropped.is_(None)
    for row in connection.execute(select(grants.c.id).where(live)).all():
        this = (grants.c.locker == locker) & (grants.c.id == row.id)
        connection.execute(update(grants).where(this).values(added=next_version(connection, locker)))
    expected = (parcels.c.locker == locker) & (parcels.c.state == "announced")
    for row in connection.execute(select(parcels.c.id).where(expected).order_by(parcels.c.id)).all():
        values = {"announced_version": next_version(connection, locker)}
        connection.execute(update(parcels).where(parcels.c.id == row.id).values(**values))


def give_anew(connection: Connection, locker: str, those: Sequence[aside.Aside]) -> None:
    """Have what was set aside sent once more, after everything else: each gets a new version.

    The locker is locked; the parcels are locked here, in the order of ``storage.locks``.
    """
    announced = [one.version for one in those if one.what == aside.EXPECT]
    if announced:
        mine = (parcels.c.locker == locker) & parcels.c.announced_version.in_(announced)
        connection.execute(select(parcels.c.id).where(mine).order_by(parcels.c.id).with_for_update()).all()
    aside.clear(connection, [one.id for one in those])
    columns = {
        aside.ADD: (grants.c.locker, grants.c.added),
        aside.DROP: (grants.c.locker, grants.c.dropped),
        aside.EXPECT: (parcels.c.locker, parcels.c.announced_version),
    }
    for one in those:
        if one.what in columns:
            here, column = columns[one.what]
            statement = update(column.table).where(here == locker, column == one.version)
            connection.execute(statement.values({column: next_version(connection, locker)}))


def digests(connection: Connection, asked: dict[str, int]) -> dict[str, int]:
    """``Grants.digest`` as each locker with the host's set computes it at the Unix second in ``asked``.

    What a locker does not take is not in its set.
    """
    totals = dict.fromkeys(asked, 0)
    apart = (set_aside.c.locker == grants.c.locker) & (set_aside.c.version == grants.c.added)
    not_taken = select(set_aside.c.id).where(apart).exists()
    for chunk in chunks(sorted(asked)):
        live = grants.c.locker.in_(chunk) & grants.c.dropped.is_(None) & ~not_taken
        for row in connection.execute(select(grants).where(live)):
            if row.not_after > asked[row.locker]:
                fixed = (row.id, row.not_before, row.not_after, row.role, row.action, row.holder, row.door)
                packed = records.pack(records.GRANT, *fixed, row.uses, row.tag.reveal(), row.parcel)
                totals[row.locker] ^= device_grants.fingerprint(packed)
    return totals


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Delete the grants of parcels that are gone, once their end is so long ago that no locker has them."""
    over = grants.c.not_after < retention.before(at_s, ages.parcels)
    retention.delete(database, grants, over & ~exists().where(parcels.c.id == grants.c.parcel))


class Piece(NamedTuple):
    """One change: its version, and its entry in the list ``add``, ``expect`` or ``drop`` of ``delta``."""

    version: int
    what: str
    parcel: str
    add: Fields | None = None
    expect: Fields | None = None
    drop: int | None = None

    @property
    def bytes(self) -> int:
        """Length of its entry in the command, its comma with it."""
        entry = self.add or self.expect or self.drop
        return 1 + len(json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode())


def pieces(connection: Connection, locker: str, have: int, now_s: int) -> list[Piece]:
    """Every change after ``have``, oldest first, without those that were set aside."""
    out: list[Piece] = []
    here = grants.c.locker == locker
    added = here & (grants.c.added > have) & grants.c.dropped.is_(None) & (grants.c.not_after > now_s)
    for row in connection.execute(select(grants).where(added)):
        entry = [row.id, row.not_before, row.not_after, row.role, row.action, row.holder, row.door, row.uses]
        add = [*entry, row.tag.reveal().hex(), row.parcel]
        out.append(Piece(row.added, aside.ADD, row.parcel, add=add))
    dropped = here & (grants.c.added <= have) & (grants.c.dropped > have)
    for row in connection.execute(select(grants.c.id, grants.c.dropped, grants.c.parcel).where(dropped)):
        out.append(Piece(row.dropped, aside.DROP, row.parcel, drop=row.id))
    announced = (parcels.c.locker == locker) & (parcels.c.state == "announced")
    expected = announced & (parcels.c.announced_version > have) & (parcels.c.expected_until > now_s)
    for row in connection.execute(select(parcels).where(expected)):
        entry = [row.id, row.size + SIZE_LOW * row.low, row.expected_until]
        out.append(Piece(row.announced_version, aside.EXPECT, row.id, expect=entry))
    apart = aside.versions(connection, locker)
    return sorted([one for one in out if one.version not in apart], key=lambda piece: piece.version)


def delta(
    connection: Connection, locker: str, have: int, version: int, now_s: int, room: int = DELTA_BYTES_MAX
) -> Arguments:
    """What the command ``grants`` says to bring a locker from version ``have`` towards ``version``.

    ``to`` is less than was wanted, and ``more`` 1, when not all fits into ``room`` bytes; one entry is always
    there.
    """
    body: Arguments = {"from": have, "to": version, "more": 0, "add": [], "drop": [], "expect": []}
    reached = have
    for count, piece in enumerate(pieces(connection, locker, have, now_s)):
        room -= piece.bytes
        if (room < 0 and count) or count >= DELTA_ENTRIES_MAX:
            body["to"], body["more"] = reached, 1
            break
        if piece.add is not None:
            body["add"].append(piece.add)
        elif piece.expect is not None:
            body["expect"].append(piece.expect)
        elif piece.drop is not None:
            body["drop"].append(piece.drop)
        reached = piece.version
    return body
