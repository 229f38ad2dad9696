"""Years of a small site: housekeeping keeps its ages, the database stops growing and loses nothing open.

The host's own services work under a clock that jumps some days at a time: parcels are announced, left and
collected, some never; alarms are raised and some dealt with; statuses bring samples and latches; people
order.  One locker has a gap in its journal that is never closed.  What must still be there is known here, and
looked for after each step; batches of years ago are sent again, and must not be stored a second time.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from consigne.protocol import messages
from consigne.protocol.events import parse_events
from consigne.protocol.untrusted import dump
from consigne.server.fleet import commands
from consigne.server.fleet.alarms import Alarms
from consigne.server.fleet.fleet import Fleet
from consigne.server.fleet.orders import Orders
from consigne.server.ingest.decode import Message
from consigne.server.ingest.store import Store
from consigne.server.notices.notices import Outbox
from consigne.server.parcels.parcels import Parcels
from consigne.server.people.accounts import Accounts
from consigne.server.people.roles import Role
from consigne.server.service import FORGETTING
from consigne.server.storage import housekeeping, models
from consigne.server.storage.ages import Ages
from consigne.server.storage.database import Database
from locker.core.timekeeping import DAY_S
from sqlalchemy import func, select, text

from lab.rig import parcellife
from lab.rig.postgres import Postgres

YEARS, STEP_DAYS, PARCELS = 10, 10, 8
BEGIN_S = 1_790_000_000
MONTH_DAYS = 31  # PostgreSQL deletes by months
GROWTH_MAX = 1.1
NAMES = ("S1", "S2", "S3")
GAP = "S4"
NEVER_COLLECTED, NEVER_DEALT_WITH, REPEATED = 0.005, 0.02, 0.2
_FAST = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off"


def run(seconds: float, seed: int) -> dict[str, float]:
    """Ten years on each database, however long that takes, and again until the time is over."""
    ends_s, counted = time.monotonic() + seconds, {"runs": 0.0, "size_ratio": 0.0, "events": 0.0}
    while not counted["runs"] or time.monotonic() < ends_s:
        for url in urls():
            found = years(url, seed, Ages())
            assert found["size_ratio"] <= GROWTH_MAX, (
                f"grew to {found['size_ratio']:.2f} with seed {seed}: {url}"
            )
            counted["size_ratio"] = max(counted["size_ratio"], found["size_ratio"])
            counted["events"] += found["events"]
        counted["runs"] += 1
        seed += 1
    return counted


def urls() -> Iterator[str]:
    """A new SQLite, then a new PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="consigne-soak-") as directory:
        yield f"sqlite:///{Path(directory) / 'host.db'}"
    cluster = Postgres(_FAST)
    cluster.start()
    try:
        yield cluster.url(cluster.new_database())
    finally:
        cluster.stop()


def years(
    url: str,
    seed: int,
    ages: Ages,
    *,
    count: float = YEARS,
    step_days: int = STEP_DAYS,
    parcels: int = PARCELS,
) -> dict[str, float]:
    """Play so many years, with so many parcels of each locker in a step.

    ``size_ratio`` is the last size by that when every age was first reached.
    """
    with _clock() as clock:
        site = Site(url, seed, ages, clock, step_days=step_days, parcels=parcels)
        reached_days = max(ages.parcels, ages.events, ages.trail, ages.alarms) + MONTH_DAYS + step_days
        first = 0
        for day in range(step_days, int(count * 365) + 1, step_days):
            site.step()
            site.check()
            if not first and day >= reached_days:
                first = site.size()
        size = site.size()
        site.database.close()
    return {"size_ratio": size / first, "size": size, "events": site.stored, "rows": site.rows}


@dataclass
class _Clock:
    now: float = float(BEGIN_S)


@contextmanager
def _clock() -> Iterator[_Clock]:
    """The time of everything in this process; intervals are measured by another clock."""
    clock = _Clock()
    with patch.object(time, "time", lambda: clock.now):
        yield clock


@dataclass
class _Stay:
    """A parcel: its events by number, and when the host heard of its end."""

    locker: str
    seqs: list[int]
    ended_at: float | None = None


@dataclass
class _Journal:
    seq: int = 0
    parcels: int = 0
    sent: list[Message] = field(default_factory=list)


class Site:
    """The host, its lockers, and what must be in the database."""

    def __init__(
        self, url: str, seed: int, ages: Ages, clock: _Clock, *, step_days: int, parcels: int
    ) -> None:
        self.database = Database(url)
        self.stored = self.rows = 0
        self._count = parcels
        self._random, self._step_s, self._ages, self._clock = (
            random.Random(seed),
            step_days * DAY_S,
            ages,
            clock,
        )
        fleet = Fleet(self.database)
        for name in (*NAMES, GAP):
            fleet.register(name, self._random.randbytes(32))
        self._store, self._parcels = Store(self.database), Parcels(self.database)
        self._alarms, self._orders, self._outbox = (
            Alarms(self.database),
            Orders(self.database),
            Outbox(self.database),
        )
        self._accounts = Accounts(self.database)
        self._accounts.add("Ada", Role.OPERATOR, by="soak")
        self._journals = {name: _Journal() for name in NAMES}
        self._stays: dict[str, _Stay] = {}
        self._open_alarms: set[int] = set()
        self._commit(
            [self._message(GAP, [[seq, BEGIN_S, {"kind": "closed", "door": 1}] for seq in (1, 2, 9, 10)])]
        )

    def step(self) -> None:
        """Some days of traffic, and housekeeping at their end."""
        self._clock.now += self._step_s
        for name, journal in self._journals.items():
            batch = self._message(name, self._events_of(name, journal))
            journal.sent.append(batch)
            self._commit([batch, self._status(name)])
        for name in NAMES:
            self._orders.open(name, 3, "Ada")
        with self.database.write() as connection:
            commands.expire(connection, NAMES, int(self._clock.now) + DAY_S)
        for due in self._outbox.take(1_000):
            self._outbox.sent(due)
        self._deal_with_alarms()
        self._send_again()
        housekeeping.tidy(self.database, FORGETTING, int(self._clock.now), self._ages)
        if self.database.backend == "postgresql":
            self._vacuum()

    def _message(self, name: str, rows: list[list[object]]) -> Message:
        return Message(name, parse_events(dump({"epoch": 1, "events": rows})))

    def _commit(self, batch: list[Message]) -> None:
        outcome = self._store.commit(batch)
        self.stored += len(outcome.stored)

    def _events_of(self, name: str, journal: _Journal) -> list[list[object]]:
        rows: list[list[object]] = []
        for _ in range(self._count):
            parcel = f"6A{name}{journal.parcels:09}"
            self._parcels.announce(parcel, name, contact="mail:somebody@example.org")
            stay = self._stays[parcel] = _Stay(name, [])
            steps = parcellife.EVENTS_PER_PARCEL
            is_left = self._random.random() < NEVER_COLLECTED
            for step in range(steps // 2 if is_left else steps):
                journal.seq += 1
                described = parcellife.event(name, journal.parcels * steps + step)
                rows.append([journal.seq, int(self._clock.now), dict(described)])
                if described.get("parcel") == parcel:
                    stay.seqs.append(journal.seq)
            stay.ended_at = None if is_left else self._clock.now
            journal.parcels += 1
        journal.seq += 1
        rows.append([journal.seq, int(self._clock.now), {"kind": "forced", "door": 1, "parcel": ""}])
        return rows

    def _status(self, name: str) -> Message:
        now = int(self._clock.now)
        samples = [[now - 900 * n, 900, 61_000, -58, 12_100] for n in range(8)]
        health = {"taken": 8, "samples": samples, "latches": [[1, 40, 41 + now // DAY_S % 9, 0, 0]]}
        return Message(
            name, messages.parse_status(dump({"up": True, "epoch": 1, "trust": 1, "health": health}))
        )

    def _deal_with_alarms(self) -> None:
        for alarm in self._alarms.open(limit=500):
            if alarm.id in self._open_alarms:
                continue
            if self._random.random() < NEVER_DEALT_WITH:
                self._open_alarms.add(alarm.id)
            else:
                self._alarms.clear(alarm.id, "Ada")

    def _send_again(self) -> None:
        """As a locker does whose acknowledgements were lost, and one whose flash was copied years ago."""
        for journal in self._journals.values():
            if self._random.random() < REPEATED:
                outcome = self._store.commit([self._random.choice(journal.sent)])
                assert not outcome.stored, f"{len(outcome.stored)} events were stored a second time"
                assert not outcome.conflicts, "a repetition was taken for another event"

    def check(self) -> None:
        """Whether all that must be there is, and what is over is gone."""
        now = self._clock.now
        with self.database.read() as connection:
            there = set(connection.execute(select(models.parcels.c.id)).scalars())
            rows = connection.execute(select(models.events.c.locker, models.events.c.seq)).all()
            alarms = connection.execute(select(models.alarms.c.id)).scalars().all()
            upto = select(models.streams.c.contiguous).where(models.streams.c.locker.in_(NAMES))
            held = connection.execute(upto.order_by(models.streams.c.locker)).scalars().all()
            notices = connection.execute(select(models.notices.c.parcel).distinct()).scalars().all()
        events = {(row.locker, row.seq) for row in rows}
        assert len(events) == len(rows), "an event is there twice"
        assert held == [journal.seq for journal in self._journals.values()], "a stream forgot what it held"
        assert {(GAP, 9), (GAP, 10)} <= events, "events beyond a gap were deleted"
        assert self._open_alarms <= set(alarms), "an alarm that nobody dealt with was deleted"
        assert set(notices) <= there, "a notice outlived its parcel"
        self._check_parcels(now, there, events)
        self.rows = len(rows)

    def _check_parcels(self, now: float, there: set[str], events: set[tuple[str, int]]) -> None:
        keep_s = self._ages.parcels * DAY_S
        for id_, stay in list(self._stays.items()):
            if stay.ended_at is None or stay.ended_at >= now - keep_s:
                assert id_ in there, f"{id_} is open, or ended a short time ago, and was deleted"
                missing = [seq for seq in stay.seqs if (stay.locker, seq) not in events]
                assert not missing, f"events {missing} of {id_} were deleted before it"
                continue
            assert id_ not in there, f"{id_} ended long ago and is still there"
            if stay.ended_at < now - (self._ages.events + MONTH_DAYS) * DAY_S:
                left = [seq for seq in stay.seqs if (stay.locker, seq) in events]
                assert not left, f"events {left} of {id_} are still there"
                del self._stays[id_]

    def _vacuum(self) -> None:
        """What autovacuum does by the day, of which this has none: it goes by another clock."""
        with self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM"))

    def size(self) -> int:
        """Bytes on the disk, tables with their indexes."""
        if self.database.backend == "sqlite":
            with self.database.read() as connection:
                pages = connection.execute(text("PRAGMA page_count")).scalar_one()
                return int(pages) * int(connection.execute(text("PRAGMA page_size")).scalar_one())
        with self.database.read() as connection:
            told = select(func.sum(func.pg_total_relation_size(text("oid")))).select_from(text("pg_class"))
            ours = text("relkind = 'r' AND relnamespace = 'public'::regnamespace")
            return int(connection.execute(told.where(ours)).scalar_one())
