"""Whether a locker is connected: by its last will, and by how long ago it spoke.

A last will says that a locker has gone; but a broker that died with the locker says nothing, and keeps the
former status.  So a kept status is believed only while its time is fresh, and who has been silent for longer
than ``Thresholds.silent`` is not connected any more.  ``lockers.up`` is true, false, or null: not heard of
since this host listens, which is no reason to call anybody.  Only a host that has listened for as long
itself may say that somebody was silent; by its own uptime, so that no step of the clock matters.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from locker.core.events import TRUST_SET
from sqlalchemy import BigInteger, bindparam, func, or_, select, update
from sqlalchemy.engine import Connection

from consigne.protocol.messages import Status

from ..storage.database import chunks
from ..storage.locks import LockedLocker, lock_lockers, lock_lockers_where
from ..storage.models import lockers

AHEAD_S = 120
"""How far a status may lie in the future: clocks differ a little."""
WRITE_EVERY_S = 60
"""When a locker spoke is kept to the minute: a row less to write for nearly every message."""
STEP_S = 60.0
"""A clock that goes so much faster or slower than the machine's uptime has been set."""

_DEVICES = (lockers.c.kind == "locker") & lockers.c.retired_at.is_(None)
_HEARD = (
    update(lockers)
    .where(lockers.c.id == bindparam("the_locker"))
    .values(
        up=True,
        heard_at=bindparam("new_heard_at"),
        epoch=func.coalesce(bindparam("new_epoch", type_=BigInteger), lockers.c.epoch),
    )
)


def is_fresh(status: Status, at_s: int, silent_s: int) -> bool:
    """Whether a status that the broker has kept was said a moment ago, by a time that a host has told.

    A provisional time will do: a new board has no other for its first hour.
    """
    if status.trust != TRUST_SET or status.time_s is None:
        return False
    return -AHEAD_S <= at_s - status.time_s <= silent_s


class Believed(NamedTuple):
    """What a status says: whether the locker is connected, None where that shows nothing, and when it spoke
    (0: not known, or written down by ``note`` already)."""

    is_up: bool | None
    heard_at: int


def of(status: Status, at_s: int, silent_s: int, *, is_kept: bool) -> Believed:
    """What to believe of a status; ``is_kept``: the broker has kept it, so it is of some time ago."""
    if not status.up:
        return Believed(is_up=False, heard_at=0)
    if not is_kept:
        return Believed(is_up=True, heard_at=0)
    if is_fresh(status, at_s, silent_s):
        return Believed(is_up=True, heard_at=min(status.time_s or 0, at_s))
    is_told = status.trust == TRUST_SET and (status.time_s or 0) <= at_s
    return Believed(is_up=None, heard_at=(status.time_s or 0) if is_told else 0)


def note(
    connection: Connection,
    talked: Collection[str],
    epochs: Mapping[str, int],
    known: Mapping[str, LockedLocker],
    at_s: int,
) -> set[str]:
    """Write down who has just spoken, and which journals are the current ones now.

    ``known`` are rows that are locked; they are brought up to date.  Returns those that were not connected.
    """
    came = {name for name in talked if not known[name].up}
    due = came.union(epochs, (name for name in talked if _is_old(known[name].heard_at, at_s)))
    rows = [{"the_locker": name, "new_heard_at": at_s, "new_epoch": epochs.get(name)} for name in sorted(due)]
    if rows:
        connection.execute(_HEARD, rows)
    for name in due:
        known[name].up, known[name].heard_at = True, at_s
        known[name].epoch = epochs.get(name, known[name].epoch)
    return came


def _is_old(heard_at: int | None, at_s: int) -> bool:
    """One in the future was written by a clock that was wrong."""
    return heard_at is None or not 0 <= at_s - heard_at < WRITE_EVERY_S


def forget(connection: Connection) -> None:
    """There is no connection to the broker, which alone knows: of no locker it is known now.

    Those that had gone before stay gone.
    """
    up = _DEVICES & lockers.c.up.is_(True)
    lock_lockers_where(connection, up)
    connection.execute(update(lockers).where(up).values(up=None))


def age(connection: Connection, at_s: int, silent_s: int) -> list[str]:
    """Mark those that have been silent for too long as not connected; returns their names."""
    heard_at = func.coalesce(lockers.c.heard_at, lockers.c.status_at)
    # in the future: by a clock that was wrong then, and it has not spoken since
    is_silent = or_(heard_at < at_s - silent_s, heard_at > at_s + WRITE_EVERY_S)
    silent = _DEVICES & lockers.c.up.is_not(False) & is_silent
    names = list(connection.execute(select(lockers.c.id).where(silent).order_by(lockers.c.id)).scalars())
    gone: list[str] = []
    for some in chunks(names):
        lock_lockers(connection, some)  # one of them may have spoken meanwhile
        here = lockers.c.id.in_(some) & silent
        gone += connection.execute(
            update(lockers).where(here).values(up=False).returning(lockers.c.id)
        ).scalars()
    return sorted(gone)


class Listening:
    """For how long this host has been hearing lockers without a break."""

    def __init__(self) -> None:
        self._since: tuple[float, float] | None = None  # uptime of the machine, and the clock

    def broken(self) -> None:
        """The connection to the broker was lost, or what arrives waits too long."""
        self._since = None

    def lasted_s(self, uptime_s: float, clock_s: float) -> float:
        """Seconds until now; begins anew when the clock has been set, since lockers' times are kept by it."""
        if self._since is not None:
            apart_s = (uptime_s - self._since[0]) - (clock_s - self._since[1])
            if abs(apart_s) > STEP_S:
                self._since = None
        if self._since is None:
            self._since = uptime_s, clock_s
        return uptime_s - self._since[0]
