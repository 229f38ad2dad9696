"""How lockers fare over time: samples of heap, signal and supply, and one row a day of each latch.

Written as a status arrives, bounded by ``forget``.  None of it concerns custody, so missing samples are not
asked for again.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from locker.core.timekeeping import DAY_S, EARLIEST_S
from sqlalchemy import select
from sqlalchemy.engine import Connection

from consigne.protocol.telemetry import LATCH_WEAK, Telemetry

from ..storage import retention
from ..storage.ages import Ages
from ..storage.database import Database, chunks, columns_of, insert
from ..storage.models import latches, samples

_AHEAD_S = 3_600


@dataclass(frozen=True, slots=True)
class Sample:
    """What a locker measured at one moment (Unix seconds); None: it cannot tell."""

    time_s: int
    up_s: int
    free_bytes: int | None
    rssi_dbm: int | None
    supply_mv: int | None


class _State(NamedTuple):
    """How well a latch springs on one day."""

    usual_ms: int
    recent_ms: int
    trouble: int
    weak: bool


_STATE = [latches.c[name] for name in _State._fields]


def keep(connection: Connection, told: Sequence[tuple[str, Telemetry]], now_s: int) -> None:
    """Store the samples and latches of some lockers' statuses; samples stored before stay as they are."""
    rows = [
        {"locker": locker, **asdict(_sample(row))}
        for locker, health in told
        for row in health.samples
        if EARLIEST_S <= row[0] <= now_s + _AHEAD_S
    ]
    if rows:
        connection.execute(insert(connection, samples).on_conflict_do_nothing(), rows)
    _keep_latches(connection, told, now_s // DAY_S)


def _keep_latches(connection: Connection, told: Sequence[tuple[str, Telemetry]], today: int) -> None:
    known: dict[tuple[str, int], _State] = {}
    for chunk in chunks(sorted({locker for locker, health in told if health.latches})):
        here = latches.c.locker.in_(chunk) & (latches.c.day == today)
        wanted = select(latches.c.locker, latches.c.door, *_STATE).where(here)
        for locker, door, *kept in connection.execute(wanted):
            known[locker, door] = _State(*kept)
    changed = []
    for locker, health in told:
        for door, usual_ms, recent_ms, trouble, state in health.latches:
            values = _State(usual_ms, recent_ms, trouble, bool(state & LATCH_WEAK))
            if door >= 0 and known.get((locker, door)) != values:
                known[locker, door] = values
                changed.append({"locker": locker, "door": door, "day": today, **values._asdict()})
    if changed:
        statement = insert(connection, latches)
        newer = {name: statement.excluded[name] for name in _State._fields}
        key = ["locker", "door", "day"]
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=newer), changed)


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Keep the history bounded."""
    retention.delete(database, samples, samples.c.time_s < retention.before(at_s, ages.samples))
    retention.delete(database, latches, latches.c.day < at_s // DAY_S - ages.latches)


def _sample(row: tuple[int, ...]) -> Sample:
    """Time, seconds since start, free heap, RSSI and, from newer firmware, supply; -1 and 0 mean unknown."""
    supply_mv = row[4] if len(row) > 4 and row[4] >= 0 else None
    return Sample(row[0], row[1], row[2] if row[2] >= 0 else None, row[3] or None, supply_mv)


@dataclass(frozen=True, slots=True)
class Latch:
    """One latch as it is today, and as it was: ``trend`` are ``(Unix day, recent ms)``, oldest first."""

    door: int
    usual_ms: int
    recent_ms: int
    trouble: int
    weak: bool
    trend: list[tuple[int, int]]

    @property
    def slower(self) -> float:
        """How many times as long as usual it takes now."""
        return self.recent_ms / self.usual_ms if self.usual_ms else 1.0


class Condition:
    """Read the history."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def samples(self, locker: str, since_s: int = 0) -> list[Sample]:
        """Samples of a locker from a moment on, the oldest first."""
        here = (samples.c.locker == locker) & (samples.c.time_s >= since_s)
        wanted = select(*columns_of(Sample, samples)).where(here)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(samples.c.time_s)).all()
        return [Sample(*row) for row in rows]

    def latches(self, locker: str) -> list[Latch]:
        """Every latch of a locker that anything is known of, the one that will fail next first."""
        columns = (latches.c.door, latches.c.day, *_STATE)
        wanted = select(*columns).where(latches.c.locker == locker).order_by(latches.c.door, latches.c.day)
        by_door: dict[int, list[tuple[int, _State]]] = {}
        with self._database.read() as connection:
            for door, day, *state in connection.execute(wanted):
                by_door.setdefault(door, []).append((day, _State(*state)))
        out = []
        for door, days in by_door.items():
            trend = [(day, state.recent_ms) for day, state in days]
            out.append(Latch(door, *days[-1][1], trend))
        return sorted(out, key=lambda one: (not one.weak, -one.trouble, -one.slower, one.door))
