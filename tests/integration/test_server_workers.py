"""Several ingest workers on one shared subscription: each event once, acknowledgements never too high."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager

from consigne.broker.broker import Mosquitto
from consigne.server.service import HostService
from consigne.server.storage.documents import Door
from consigne.server.storage.models import lockers
from lab.rig.talker import Faults
from server_kit import KEYS, PATIENCE_S, T0, broker_of, go, stored, talker, until
from sqlalchemy import select


@asynccontextmanager
async def host_with_workers(url, broker, workers):
    host = HostService(url, broker.host, broker.port, workers=workers)
    for locker, key in KEYS.items():
        host.fleet.register(locker, key, doors=[Door("1", 1), Door("2", 2)])
    await host.start()
    try:
        await host.ready(PATIENCE_S)
        await until(lambda: len(host.workers.process_ids) == workers)
        yield host
    finally:
        await host.stop()


def never_ahead(host, locker):
    """Check each acknowledgement, as it comes, against what is committed at that moment."""
    take = locker.take

    def checked(topic, payload):
        before = locker.acknowledged
        take(topic, payload)
        if locker.acknowledged > before:
            held = stored(host, locker.locker)
            assert held[: locker.acknowledged] == list(range(1, locker.acknowledged + 1))

    locker.take = checked


def test_batches_of_one_locker_committed_by_several_workers_make_one_unbroken_run(databases):
    async def run(url):
        async with broker_of(Mosquitto) as broker, host_with_workers(url, broker, 3) as host:
            names = ("L1", "L2", "L3")
            faults = Faults(lose=0.1, repeat=0.3, delay=0.2)
            all_ = [talker(name, 400, batch=5, faults=faults, stall_s=4) for name in names]
            for locker in all_:
                never_ahead(host, locker)
                await locker.connect(broker.host, broker.port)
            await asyncio.gather(*[locker.drained(PATIENCE_S) for locker in all_])
            for locker in all_:
                assert stored(host, locker.locker) == list(range(1, 401))
                assert locker.refused == []
            await until(lambda: host.ingest.total()[0].stored == 1_200)
            busy = [counts["stored"] for counts, *_ in host.workers._reports.values()]
            assert len(busy) == 3 and min(busy) > 0, "the broker gave work to each"
            assert host.ingest.counts.stored == 0, "the leader stores none"
            for locker in all_:
                await locker.disconnect()

    with databases.url() as url:
        go(lambda: run(url))


def test_a_killed_worker_is_replaced_and_what_it_held_comes_again(databases):
    async def run(url):
        async with broker_of(Mosquitto) as broker, host_with_workers(url, broker, 2) as host:
            locker = talker(count=1_000, batch=4)
            await locker.connect(broker.host, broker.port)
            await until(lambda: locker.acknowledged > 50)
            victim = host.workers.process_ids[0]
            os.kill(victim, signal.SIGKILL)
            await until(lambda: victim not in host.workers.process_ids)
            await until(lambda: len(host.workers.process_ids) == 2)
            for n in range(200):
                locker.record(T0 + n, kind="closed", door=0, purpose=1)
            await locker.drained(PATIENCE_S)
            assert stored(host) == list(range(1, 1_201))
            await locker.disconnect()

    with databases.url() as url:
        go(lambda: run(url))


def test_presence_and_commands_are_the_leaders_whatever_becomes_of_workers(databases):
    async def run(url):
        async with broker_of(Mosquitto) as broker, host_with_workers(url, broker, 2) as host:
            locker = talker(count=10)
            await locker.connect(broker.host, broker.port)
            await locker.drained(PATIENCE_S)
            for process in host.workers.process_ids:
                os.kill(process, signal.SIGKILL)
            await until(lambda: host.fleet.locker("L1").connected)
            command = host.orders.open("L1", 1)
            host.kick()
            await until(lambda: host.orders.get("L1", command).state == "done")
            assert locker.opened == [1]
            with host.database.read() as connection:
                up = select(lockers.c.up).where(lockers.c.id == "L1")
                assert connection.execute(up).scalar_one()
            await locker.disconnect()

    with databases.url() as url:
        go(lambda: run(url))
