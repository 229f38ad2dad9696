"""The gain of a second ingest worker: a backlog in the broker, stored by one worker and by two.

While lockers send, they compete with the broker, the workers and PostgreSQL for the cores of the bench's
machine, and no core is free for a second worker.  So here nobody sends.  The workers are stopped (SIGSTOP)
while ``EVENTS_EACH`` events of ``LOCKERS`` lockers are handed to mosquitto, which keeps them for the shared
subscription as for a slow host.  Then the sender disconnects, and the time is measured from SIGCONT until
PostgreSQL has committed the last event.  One worker and two take turns, each on a new database, every commit
on the disk.

``backlog_cores`` says how many cores one worker, its share of PostgreSQL and the broker kept busy meanwhile
(``..workers_2``: two).  ``workers_2_vs_1_at_most`` is the best possible ratio on this machine: 2, or as much
as the cores allow.
"""

import asyncio
import os
import signal
import time
from dataclasses import dataclass

import gmqtt
from consigne.broker.broker import Mosquitto
from consigne.protocol import topics
from consigne.server.ingest.workers import BrokerAccess, Workers
from consigne.server.storage.database import Database
from consigne.server.storage.models import lockers, streams
from consigne.server.storage.secret import Secret
from sqlalchemy import func, select, text

from lab.rig import parcellife
from lab.rig.postgres import Postgres
from lab.rig.talker import Talker

LOCKERS = 500
EVENTS_EACH = 192
EVENTS = LOCKERS * EVENTS_EACH
ROUNDS = 2
TIMEOUT_S = 120.0
_LOOK_S = 0.02
# mosquitto keeps 1,000 messages otherwise and drops the rest; in flight as ``consigne.broker.config`` has it
_SETTINGS = "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 200"
_ALL_SENT = "consigne-bench/all-sent"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

Frame = tuple[str, bytes]  # topic, payload


@dataclass
class Drained:
    """The result of a number of workers, summed over the rounds."""

    events: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0

    @property
    def per_s(self) -> float:
        """Events stored a second."""
        return self.events / self.seconds

    @property
    def cores(self) -> float:
        """The number of busy cores, on average."""
        return self.cpu_s / self.seconds


def measure(cluster: Postgres) -> dict[str, float]:
    """The numbers, without the name of the part."""
    keys = {f"B{n:04}": os.urandom(32) for n in range(LOCKERS)}
    frames = _frames(keys)
    done = {1: Drained(), 2: Drained()}
    for _ in range(ROUNDS):
        for count, drained in done.items():
            asyncio.run(_drain(cluster.url(cluster.new_database()), keys, frames, count, drained))
    one, two = done[1], done[2]
    cores = len(os.sched_getaffinity(0))
    return {
        "backlog_per_s": one.per_s,
        "backlog_per_s_workers_2": two.per_s,
        "backlog_cores": one.cores,
        "backlog_cores_workers_2": two.cores,
        "workers_2_vs_1": two.per_s / one.per_s,
        "workers_2_vs_1_at_most": min(2.0, cores / one.cores),
    }


def _frames(keys: dict[str, bytes]) -> list[Frame]:
    """Every locker's messages, the first of each, then the second of each, and so on."""
    numbered = []
    for name, key in keys.items():
        talker = Talker(name, key)
        for number in range(EVENTS_EACH):
            talker.record(parcellife.T0, **parcellife.event(name, number))
        for first in range(1, EVENTS_EACH + 1, talker.batch):
            last = min(first + talker.batch - 1, EVENTS_EACH)
            numbered.append((first, topics.topic(name, topics.EVENTS), talker.batch_frame(first, last)))
    return [(topic, frame) for _, topic, frame in sorted(numbered, key=lambda one: one[0])]


async def _drain(url: str, keys: dict[str, bytes], frames: list[Frame], count: int, into: Drained) -> None:
    broker = Mosquitto(settings=_SETTINGS)
    await broker.start()
    database = Database(url)
    register(database, keys)
    workers = Workers(url, BrokerAccess(broker.host, broker.port), count)
    workers.start()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await workers.ready()
            stopped = workers.process_ids
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                await _hand_over(broker, frames)
                watched = [*stopped, broker.process_id, *_backends(database)]
                cpu_s, began_s = sum(map(_cpu_s, watched)), time.monotonic()
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            await asyncio.to_thread(_wait_stored, database)
        seconds = time.monotonic() - began_s
        into.cpu_s += sum(map(_cpu_s, watched)) - cpu_s
        into.events += EVENTS
        into.seconds += seconds
    finally:
        await workers.stop()
        database.close()
        await broker.stop()


def register(database: Database, keys: dict[str, bytes]) -> None:
    """Make lockers known in one statement."""
    known = {"digits": 8, "timezone": "UTC", "layout": (), "registered_at": parcellife.T0}
    known |= {"grants_version": 0, "next_grant": 1, "command_counter": 0}
    with database.write() as connection:
        rows = [{"id": name, "device_key": Secret(key), **known} for name, key in keys.items()]
        connection.execute(lockers.insert(), rows)


async def _hand_over(broker: Mosquitto, frames: list[Frame]) -> None:
    """Publish everything; returns when the broker has all of it, and nobody sends any more.

    A broker handles what one client sends in order, so a subscriber that gets the last message knows that all
    have arrived.
    """
    client = gmqtt.Client("backlog")
    heard = asyncio.Event()
    client.on_subscribe = lambda *_: heard.set()
    await client.connect(broker.host, broker.port, version=gmqtt.constants.MQTTv311)
    client.subscribe([gmqtt.Subscription(_ALL_SENT, qos=1)])
    await heard.wait()
    heard.clear()
    client.on_message = lambda *_: heard.set()
    for topic, payload in frames:
        client.publish(topic, payload, qos=1)
    client.publish(_ALL_SENT, b"", qos=1)
    await heard.wait()
    await client.disconnect()


def _wait_stored(database: Database) -> None:
    """Return once everything is committed.  Raises ``TimeoutError``."""
    until_s = time.monotonic() + TIMEOUT_S
    stored = select(func.coalesce(func.sum(streams.c.contiguous), 0))
    while time.monotonic() < until_s:
        with database.read() as connection:
            if connection.execute(stored).scalar_one() >= EVENTS:
                return
        time.sleep(_LOOK_S)
    raise TimeoutError(f"the backlog was not stored within {TIMEOUT_S:.0f} s")


def _backends(database: Database) -> list[int]:
    """PostgreSQL's processes that serve the workers."""
    others = text(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with database.read() as connection:
        return [int(pid) for pid in connection.execute(others).scalars()]


def _cpu_s(pid: int) -> float:
    """The processor time that a process has used, in seconds (``proc(5)``: utime and stime)."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
