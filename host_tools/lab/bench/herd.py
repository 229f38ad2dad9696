"""A fleet of 2,000 lockers that all come at once, and one that visits every ten seconds.

``consigne serve`` runs as a program, over mosquitto and over each database; the lockers are ``rig.herd``, in
the bench's own process.  Three scenes, one after the other on the same database:

- every locker speaks for the first time, with events to send (``herd_2000_first_acked_s``);
- the broker is killed and comes back, every locker has ``PENDING`` events more and connects at once:
  ``herd_2000_acked_s`` is from the broker's first answer to the last acknowledgement;
- every locker is visited every ten seconds while somebody reads the fleet and announces parcels:
  ``ack_p99_ms`` is from an event to its acknowledgement at the locker.

Over all of it: ``repeats_vs_stored``, events sent once more than needed for each event stored; ``deadlocks``,
as PostgreSQL counts them.  ``herd_speakers_cores`` is what the lockers themselves took of the machine's cores
in the last scene: near 1, they are what is measured.  Keys with ``sqlite`` and ``postgresql`` are with one
worker, ``postgresql_2`` with two.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from consigne.broker.broker import Mosquitto, free_port
from consigne.server.serving import TOKEN_VARIABLE
from consigne.server.storage.database import Database
from consigne.server.storage.models import events
from sqlalchemy import func, select, text

from lab.rig import parcellife
from lab.rig.herd import Herd, Speaker
from lab.rig.postgres import Postgres

from . import backlog

CASES = {"sqlite": 1, "postgresql": 1, "postgresql_2": 2}
"""With how many workers."""
LOCKERS = 2_000
PENDING = 8
VISIT_EVERY_S, STEADY_S = 10.0, 30.0
STEPS = 2
"""A visit's four events come in two steps: the door opens, and later it is closed."""
EACH_STEP = 2
API_EVERY_S = 0.2
TIMEOUT_S = 120.0
TOKEN = "a token for a measurement"
_SETTINGS = (
    "allow_anonymous true\nmax_inflight_messages 200\nmax_queued_messages 20000"  # as ``broker.config``
)

_EACH = {
    "herd_2000_acked_s": "<= 15",
    "ack_p99_ms": "<= 1000",
    "repeats_vs_stored": "<= 1.2",
    "deadlocks": "== 0",
}
GOALS = {
    f"server.{name}_{case}": goal
    for case in CASES
    for name, goal in _EACH.items()
    if name != "deadlocks" or case != "sqlite"
}


def run() -> dict[str, float]:
    """Measure; takes some five minutes."""
    numbers: dict[str, float] = {}
    cluster = Postgres()
    cluster.start()
    try:
        for case, workers in CASES.items():
            with tempfile.TemporaryDirectory(prefix="consigne-bench-") as directory:
                is_file = case == "sqlite"
                url = f"sqlite:///{directory}/host.db" if is_file else cluster.url(cluster.new_database())
                found = asyncio.run(_Case(url, workers, Path(directory)).measure())
            numbers |= {f"server.{name}_{case}": value for name, value in found.items()}
            print(case, found)
    finally:
        cluster.stop()
    return numbers


@dataclass
class _Case:
    """One database with a number of workers."""

    url: str
    workers: int
    directory: Path
    broker: Mosquitto = field(default_factory=lambda: Mosquitto(settings=_SETTINGS))

    async def measure(self) -> dict[str, float]:
        keys = {f"H{number:04}": os.urandom(32) for number in range(LOCKERS)}
        database = Database(self.url)
        backlog.register(database, keys)
        herd = Herd(keys)
        await self.broker.start()
        try:
            async with self._host() as host:
                numbers = await self._scenes(herd, host)
        finally:
            await herd.stop()
            await self.broker.stop()
        stored = _stored(database)
        acknowledged = sum(one.acknowledged for one in herd.speakers)
        if not acknowledged <= stored <= sum(one.recorded for one in herd.speakers):
            raise RuntimeError("acknowledged and stored events differ")
        numbers["repeats_vs_stored"] = herd.repeated / stored
        if database.backend == "postgresql":
            numbers["deadlocks"] = _deadlocks(database)
        database.close()
        return numbers

    async def _scenes(self, herd: Herd, host: httpx2.AsyncClient) -> dict[str, float]:
        numbers = {}
        _journal(herd, PENDING)
        began_s = time.monotonic()
        await herd.connect(self.broker.host, self.broker.port)
        await herd.acknowledged(TIMEOUT_S)
        numbers["herd_2000_first_acked_s"] = time.monotonic() - began_s
        await self.broker.kill()
        _journal(herd, PENDING)
        await self.broker.start()
        began_s = time.monotonic()
        await herd.connect(self.broker.host, self.broker.port)
        await herd.acknowledged(TIMEOUT_S)
        numbers["herd_2000_acked_s"] = time.monotonic() - began_s
        for one in herd.speakers:
            one.waits_s.clear()
        began_s, cpu_s = time.monotonic(), time.process_time()
        using = asyncio.create_task(_use_api(host, herd.speakers))
        await _visits(herd)
        numbers["herd_speakers_cores"] = (time.process_time() - cpu_s) / (time.monotonic() - began_s)
        using.cancel()
        with suppress(asyncio.CancelledError):
            await using
        await herd.acknowledged(TIMEOUT_S)
        waits_ms = [wait_s * 1000 for one in herd.speakers for wait_s in one.waits_s]
        numbers["ack_p99_ms"] = statistics.quantiles(waits_ms, n=100)[98]
        return numbers

    @asynccontextmanager
    async def _host(self) -> AsyncIterator[httpx2.AsyncClient]:
        """``consigne serve``, which hears its broker; ends with what it says when it does not."""
        port = free_port()
        command = [str(Path(sys.executable).with_name("consigne")), "serve", "--database", self.url]
        command += ["--broker", f"127.0.0.1:{self.broker.port}", "--listen", f"127.0.0.1:{port}"]
        command += ["--workers", str(self.workers)] if self.workers > 1 else []
        log = self.directory / "serve.txt"
        with log.open("wb") as output:
            environment = {**os.environ, TOKEN_VARIABLE: TOKEN}
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        try:
            async with httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=TIMEOUT_S
            ) as client:
                async with asyncio.timeout(TIMEOUT_S):
                    while process.poll() is None and not await _is_healthy(client):
                        await asyncio.sleep(0.1)
                yield client
        except Exception:
            print(log.read_text()[-4_000:])
            raise
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, TIMEOUT_S)


async def _is_healthy(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx2.TransportError:  # the host does not listen yet
        return False


def _journal(herd: Herd, count: int) -> None:
    for one in herd.speakers:
        _step(one, count)


def _step(one: Speaker, count: int) -> None:
    one.record(parcellife.event(one.locker, one.recorded + number) for number in range(count))


async def _visits(herd: Herd) -> None:
    """Every locker in turn, again and again, each step of each visit at its time."""
    each_s = VISIT_EVERY_S / STEPS / len(herd.speakers)
    began_s, done = time.monotonic(), 0
    while (elapsed_s := time.monotonic() - began_s) < STEADY_S:
        while done * each_s <= elapsed_s:
            _step(herd.speakers[done % len(herd.speakers)], EACH_STEP)
            done += 1
        await asyncio.sleep(0.01)


async def _use_api(client: httpx2.AsyncClient, speakers: list[Speaker]) -> None:
    """Somebody looks at the fleet and at a locker, and announces a parcel to it."""
    number = 0
    while True:
        locker = speakers[number * 37 % len(speakers)].locker
        for path in ("/fleet", f"/lockers/{locker}", f"/lockers/{locker}/events"):
            (await client.get(path)).raise_for_status()
        body = {"id": f"ANNOUNCED{number:06}", "locker": locker, "code": ("derived", "listed")[number % 2]}
        (await client.post("/parcels", json=body)).raise_for_status()
        number += 1
        await asyncio.sleep(API_EVERY_S)


def _stored(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(events)).scalar_one())


def _deadlocks(database: Database) -> float:
    """As PostgreSQL has counted them since the database was made."""
    counted = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    with database.read() as connection:
        return float(connection.execute(counted).scalar_one())
