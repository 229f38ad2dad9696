"""What a locker does not take, although it is sent alone: set aside and told, so that the rest goes on.

A change of its set of grants goes by its version, a revocation by its command.  Nothing set aside is sent
again by itself, but what was refused because a list was full: once an hour.  An operator has it tried again.
Functions here run inside the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from ..storage import retention
from ..storage.ages import Ages
from ..storage.database import Database, chunks, columns_of, insert
from ..storage.models import grants, lockers, parcels, set_aside

ADD, EXPECT, DROP, REVOKE = "add", "expect", "drop", "revoke"
_WORDS = {
    ADD: "the code of {}",
    EXPECT: "the announcement of {}",
    DROP: "that the code of {} ended",
    REVOKE: "that the code of {} was revoked",
}


@dataclass(frozen=True, slots=True)
class Aside:
    """One thing that a locker does not take; ``why`` is the result of the command that brought it alone."""

    id: int
    locker: str
    what: str
    version: int | None
    command: str | None
    parcel: str | None
    why: str
    at: int

    @property
    def words(self) -> str:
        """What it is, for people."""
        return _WORDS[self.what].format(f"parcel {self.parcel}" if self.parcel else "a door or a person")


_ASIDE = columns_of(Aside, set_aside)


def put(
    connection: Connection,
    locker: str,
    what: str,
    parcel: str | None,
    why: str,
    at_s: int,
    *,
    version: int | None = None,
    command: str | None = None,
) -> None:
    """Set one thing aside."""
    values: dict[str, object] = {"locker": locker, "what": what, "parcel": parcel, "why": why, "at": at_s}
    values |= {"version": version, "command": command}
    connection.execute(insert(connection, set_aside).values(**values).on_conflict_do_nothing())


def of_locker(connection: Connection, locker: str) -> list[Aside]:
    """What this locker does not take, the oldest first."""
    found = select(*_ASIDE).where(set_aside.c.locker == locker).order_by(set_aside.c.id)
    return [Aside(*row) for row in connection.execute(found)]


def of_fleet(connection: Connection) -> dict[str, tuple[str, int]]:
    """Of each locker that does not take something: the first of it in words, and how many."""
    each = select(func.min(set_aside.c.id), func.count()).group_by(set_aside.c.locker)
    counts = {row[0]: row[1] for row in connection.execute(each)}
    told: dict[str, tuple[str, int]] = {}
    for chunk in chunks(sorted(counts)):
        for row in connection.execute(select(*_ASIDE).where(set_aside.c.id.in_(chunk))):
            one = Aside(*row)
            told[one.locker] = one.words, counts[one.id]
    return told


def due(connection: Connection, why: str, until_s: int) -> list[str]:
    """The connected lockers of which the newest change of their set was set aside for this reason by then."""
    of_set = (set_aside.c.why == why) & set_aside.c.version.is_not(None)
    joined = select(set_aside.c.locker).join(lockers, lockers.c.id == set_aside.c.locker)
    wanted = joined.where(of_set, lockers.c.up.is_(True)).group_by(set_aside.c.locker)
    newest = func.max(set_aside.c.at)
    return list(connection.execute(wanted.having(newest <= until_s).order_by(set_aside.c.locker)).scalars())


def versions(connection: Connection, locker: str) -> set[int]:
    """The versions of a locker's set that are not sent to it."""
    here = (set_aside.c.locker == locker) & set_aside.c.version.is_not(None)
    return set(connection.execute(select(set_aside.c.version).where(here)).scalars())


def recent(connection: Connection, locker: str, why: str, since_s: int) -> int:
    """How many were set aside for one reason lately."""
    here = (set_aside.c.locker == locker) & (set_aside.c.why == why) & (set_aside.c.at > since_s)
    return connection.execute(select(func.count()).where(here)).scalar_one()


def clear(connection: Connection, ids: Sequence[int]) -> None:
    """Forget that these were set aside."""
    if ids:
        connection.execute(set_aside.delete().where(set_aside.c.id.in_(ids)))


def forget_versions(connection: Connection, locker: str) -> None:
    """The set of a locker gets new versions, and is sent anew."""
    here = (set_aside.c.locker == locker) & set_aside.c.version.is_not(None)
    connection.execute(set_aside.delete().where(here))


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Delete what matters no more: codes that ended, parcels that came or were cancelled, and what is old."""
    code = (grants.c.locker == set_aside.c.locker) & (grants.c.added == set_aside.c.version)
    live = grants.c.dropped.is_(None) & (grants.c.not_after > at_s)
    parcel = (parcels.c.locker == set_aside.c.locker) & (parcels.c.announced_version == set_aside.c.version)
    coming = parcels.c.state == "announced"
    ended = (set_aside.c.what == ADD) & ~select(grants.c.id).where(code, live).exists()
    came = (set_aside.c.what == EXPECT) & ~select(parcels.c.id).where(parcel, coming).exists()
    old = set_aside.c.at < retention.before(at_s, ages.alarms)
    retention.delete(database, set_aside, ended | came | old)
