"""How many events a second the host stores, and how soon it acknowledges them.

Simulated lockers (``talker``) run in a process of their own and send through mosquitto, all on this machine,
every commit on the disk before the acknowledgement; their events are of parcels left and collected
(``parcellife``).  First as fast as they are acknowledged, for a minute (``events_per_s``), then at a steady
``STEADY_PER_S`` (``ack_*_ms``: from an event to its acknowledgement at the locker).  Keys without the name of
a database are SQLite's, ``server.postgresql.`` are those of a PostgreSQL cluster made for this,
``..workers_2`` of the same with two ingest workers, for some seconds.  ``backlog`` measures the gain of a
second worker with a free core.  ``decode_events_per_s`` is the same host without broker and database: MAC,
JSON, checks.
"""

import asyncio
import hashlib
import json
import statistics
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from consigne.broker.broker import Mosquitto
from consigne.protocol import topics
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.decode import Decoder, KeyRing
from consigne.server.service import HostService
from consigne.server.storage.database import Database
from consigne.server.storage.models import events
from sqlalchemy import func, select

from lab.rig import parcellife
from lab.rig.postgres import Postgres
from lab.rig.talker import Talker

from . import backlog

GOALS = {
    "server.events_per_s": ">= 6000",
    "server.ack_p99_ms": "<= 1000",
    "server.postgresql.events_per_s": ">= 6000",
    "server.postgresql.ack_p99_ms": "<= 1000",
    "server.postgresql.ack_p99_ms_workers_2": "<= 1000",
    "server.postgresql.workers_2_vs_1": ">= 1.1",
}

NAMES = [f"B{n:04}" for n in range(20)]
SUSTAINED_S, SHORT_S, STEADY_S = 60.0, 5.0, 5.0
STEADY_PER_S = 6_000
STEP_S = 0.02
MODULE = "lab.bench.server"  # as ``__name__`` is not when this module is the program
AHEAD_EVENTS = 2_000  # a fast locker journals at most this many events without an acknowledgement


def key_of(locker: str) -> bytes:
    """A key for the measurement; real ones are random."""
    return hashlib.sha256(b"bench " + locker.encode()).digest()


def run() -> dict[str, float]:
    """Measure; takes some three and a half minutes."""
    cluster = Postgres()
    cluster.start()
    try:
        with tempfile.TemporaryDirectory() as directory:
            numbers = asyncio.run(_measure(f"sqlite:///{Path(directory) / 'host.db'}", SUSTAINED_S))
        other = asyncio.run(_measure(cluster.url(cluster.new_database()), SUSTAINED_S))
        two = asyncio.run(_measure(cluster.url(cluster.new_database()), SHORT_S, workers=2))
        other.update({f"{name}_workers_2": two[name] for name in ("events_per_s", "ack_p99_ms")})
        other.update(backlog.measure(cluster))
    finally:
        cluster.stop()
    numbers["decode_events_per_s"] = _decode_rate()
    named = {f"server.{name}": value for name, value in numbers.items()}
    return named | {f"server.postgresql.{name}": value for name, value in other.items()}


async def _measure(url: str, fast_s: float, workers: int = 1) -> dict[str, float]:
    broker = Mosquitto()
    await broker.start()
    host = HostService(url, broker.host, broker.port, workers=workers)
    for name in NAMES:
        host.fleet.register(name, key_of(name))
    await host.start()
    try:
        await host.ready()
        command = [sys.executable, "-m", MODULE, broker.host, str(broker.port), str(fast_s)]
        talkers = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        printed, _ = await talkers.communicate()
        told = json.loads(printed)
        with host.database.read() as connection:
            stored = connection.execute(select(func.count()).select_from(events)).scalar_one()
        if stored != told.pop("events"):
            raise RuntimeError("acknowledged and stored events differ")
        numbers: dict[str, float] = told
        if workers == 1:
            numbers["events_per_commit"] = stored / host.ingest.counts.commits
        return numbers
    finally:
        await host.stop()
        await broker.stop()


def _decode_rate() -> float:
    """Events decoded a second by one core, keys known."""
    talker = Talker(NAMES[0], key_of(NAMES[0]))
    for number in range(talker.batch):
        talker.record(parcellife.T0, **parcellife.event(NAMES[0], number))
    payload = talker.batch_frame(1, talker.batch)
    topic = topics.topic(NAMES[0], topics.EVENTS)
    with tempfile.TemporaryDirectory() as directory:
        database = Database(f"sqlite:///{Path(directory) / 'keys.db'}")
        Fleet(database).register(NAMES[0], key_of(NAMES[0]))
        decoder = Decoder(KeyRing(database))
        decoded, began_s = 0, time.perf_counter()
        while time.perf_counter() - began_s < 1.0:
            if decoder.decode(topic, payload) is None:
                raise RuntimeError(f"not decoded: {decoder.dropped}")
            decoded += talker.batch
        rate = decoded / (time.perf_counter() - began_s)
        database.close()
    return rate


# --- the process of the lockers --------------------------------------------------------------------------


class _Watched:
    """A talker, and the time at which each of its events was journaled."""

    def __init__(self, name: str) -> None:
        self.talker = Talker(name, key_of(name), stall_s=20.0)
        self.waits_ms: list[float] = []
        self._since: deque[float] = deque()
        self._seen = 0

    def record(self, count: int) -> None:
        for _ in range(count):
            described = parcellife.event(self.talker.locker, len(self.talker.events))
            self.talker.record(parcellife.T0, **described)
            self._since.append(time.monotonic())

    def look(self) -> None:
        """Note the delays of the events acknowledged since the last look."""
        now_s = time.monotonic()
        for _ in range(self.talker.acknowledged - self._seen):
            self.waits_ms.append((now_s - self._since.popleft()) * 1000)
        self._seen = self.talker.acknowledged


async def _talk(host: str, port: int, fast_s: float) -> dict[str, float]:
    watched = [_Watched(name) for name in NAMES]
    for one in watched:
        await one.talker.connect(host, port)
    fast = await _talk_fast(watched, fast_s)
    for one in watched:
        one.waits_ms.clear()
    await _talk_steadily(watched)
    waits_ms = sorted(wait for one in watched for wait in one.waits_ms)
    hundredths = statistics.quantiles(waits_ms, n=100)
    for one in watched:
        await one.talker.disconnect()
    recorded = sum(len(one.talker.events) for one in watched)
    return {
        "events": recorded,
        "events_per_s": fast,
        "ack_p50_ms": hundredths[49],
        "ack_p99_ms": hundredths[98],
    }


async def _talk_fast(watched: list[_Watched], fast_s: float) -> float:
    """Events acknowledged a second when there is always something to send."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < fast_s:
        for one in watched:
            behind = len(one.talker.events) - one.talker.acknowledged
            one.record(max(AHEAD_EVENTS - behind, 0))
            one.look()
        await asyncio.sleep(STEP_S)
    rate = sum(one.talker.acknowledged for one in watched) / (time.monotonic() - began_s)
    await _drain(watched)
    return rate


async def _talk_steadily(watched: list[_Watched]) -> None:
    began_s, recorded = time.monotonic(), 0
    while (elapsed_s := time.monotonic() - began_s) < STEADY_S:
        each = (int(elapsed_s * STEADY_PER_S) - recorded) // len(watched)
        recorded += each * len(watched)
        for one in watched:
            one.record(each)
            one.look()
        await asyncio.sleep(STEP_S)
    await _drain(watched)


async def _drain(watched: list[_Watched]) -> None:
    for one in watched:
        await one.talker.drained(60)
        one.look()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_talk(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
