"""How much ten open pages delay the lockers while the database answers the pages only after ten seconds.

Lockers talk at a steady rate to ``consigne serve``, in a process of its own.  First no page is open; then ten
pages are, and every reader of parcels waits for a lock that is held for ten seconds at a time
(``slow_host``).  The lockers' events concern no parcel, so they never need that lock.
``pages.ack_p99_ratio`` is the 99th percentile from an event to its acknowledgement, with pages over without,
in one run.  ``pages.healthz_s`` is the longest that ``/healthz`` took meanwhile, and while clicks wait for a
database that blocks orders for ten seconds.  Keys with ``postgresql`` are those of a PostgreSQL cluster made
for this.
"""

import asyncio
import statistics
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from consigne.server.storage.database import Database
from sqlalchemy import text

from lab.rig import openhost
from lab.rig.openhost import LOCKERS, OpenHost, key_of
from lab.rig.postgres import Postgres
from lab.rig.slow_host import parcels_locked
from lab.rig.talker import Talker

GOALS = {
    "pages.ack_p99_ratio": "<= 1.5",
    "pages.healthz_s": "<= 1",
    "pages.postgresql.ack_p99_ratio": "<= 1.5",
    "pages.postgresql.healthz_s": "<= 1",
}

HELD_S, FREE_S, ROUNDS = 10.0, 5.0, 2
EACH_PER_S = 25
STEP_S = 0.01
HEALTH_EVERY_S = 0.25
T0 = 1_790_000_000


def run() -> dict[str, float]:
    """Measure; takes some three minutes."""
    cluster = Postgres()
    cluster.start()
    try:
        with tempfile.TemporaryDirectory() as directory:
            numbers = asyncio.run(_measure(f"sqlite:///{directory}/host.db", Path(directory)))
        with tempfile.TemporaryDirectory() as directory:
            other = asyncio.run(_measure(cluster.url(cluster.new_database()), Path(directory)))
    finally:
        cluster.stop()
    named = {f"pages.{name}": value for name, value in numbers.items()}
    return named | {f"pages.postgresql.{name}": value for name, value in other.items()}


class _Lockers:
    """Lockers that no page shows; they send until the block ends."""

    def __init__(self) -> None:
        self.waits_ms: list[float] = []
        self._talkers = [Talker(name, key_of(name), stall_s=60.0) for name in LOCKERS[1:]]
        self._since: list[deque[float]] = [deque() for _ in self._talkers]

    @asynccontextmanager
    async def talking(self, host: OpenHost) -> AsyncIterator[None]:
        for talker in self._talkers:
            await talker.connect(host.broker.host, host.broker.port)
        task = asyncio.create_task(self._talk())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for talker in self._talkers:
                await talker.disconnect()

    async def _talk(self) -> None:
        began_s, recorded = time.monotonic(), 0
        while True:
            wanted = int((time.monotonic() - began_s) * EACH_PER_S)
            for talker, since in zip(self._talkers, self._since, strict=True):
                for _ in range(wanted - recorded):
                    talker.record(T0, kind="closed", door=0, purpose=1)
                    since.append(time.monotonic())
                while len(since) > len(talker.events) - talker.acknowledged:
                    self.waits_ms.append((time.monotonic() - since.popleft()) * 1000)
            recorded = wanted
            await asyncio.sleep(STEP_S)

    async def p99_ms(self, rest: "asyncio.Future[None]") -> float:
        """Of the events acknowledged until ``rest`` is done."""
        self.waits_ms.clear()
        await rest
        waiting_ms = [(time.monotonic() - at) * 1000 for since in self._since for at in since]
        return statistics.quantiles([*self.waits_ms, *waiting_ms], n=100)[98]


async def _measure(url: str, directory: Path) -> dict[str, float]:
    openhost.fill(url)
    lockers = _Lockers()
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(openhost.serving(url, directory))
        await stack.enter_async_context(lockers.talking(host))
        quiet_ms = await lockers.p99_ms(asyncio.ensure_future(asyncio.sleep(ROUNDS * (HELD_S + FREE_S))))
        visitors = await stack.enter_async_context(openhost.visited(host))
        health = asyncio.create_task(_longest_health(host))
        looked_at_ms = await lockers.p99_ms(asyncio.ensure_future(_answer_late(url, host)))
        with _no_order(url):
            for _ in range(3):
                await visitors[-1].click("Beep and blink")
            await asyncio.sleep(HELD_S)
        health.cancel()
        return {
            "ack_p99_ms": looked_at_ms,
            "ack_p99_ms_without": quiet_ms,
            "ack_p99_ratio": looked_at_ms / quiet_ms,
            "healthz_s": await health,
        }


async def _answer_late(url: str, host: OpenHost) -> None:
    for _ in range(ROUNDS):
        with parcels_locked(url, host.late) as waiting:
            await asyncio.sleep(HELD_S)
            if not waiting():
                raise RuntimeError("no page waited for the lock: nothing was measured")
        await asyncio.sleep(FREE_S)


@contextmanager
def _no_order(url: str) -> Iterator[None]:
    """Block all orders: on SQLite by the writer's lock, on PostgreSQL by the table's."""
    database = Database(url)
    try:
        with database.write() as connection:
            if database.backend == "postgresql":
                connection.execute(text("LOCK TABLE commands IN SHARE MODE"))
            yield
    finally:
        database.close()


async def _longest_health(host: OpenHost) -> float:
    """Ask until cancelled; the longest answer, in seconds."""
    longest_s = 0.0
    try:
        while True:
            _, seconds = await host.health()
            longest_s = max(longest_s, seconds)
            await asyncio.sleep(HEALTH_EVERY_S)
    except asyncio.CancelledError:
        return longest_s
