"""What the tests of the host over real brokers share."""

import asyncio
import random
from contextlib import asynccontextmanager

from consigne.server.service import HostService
from consigne.server.storage.documents import Door
from consigne.server.storage.models import events as events_table
from lab.rig.talker import Talker
from sqlalchemy import select

KEYS = {f"L{n}": random.Random(n).randbytes(32) for n in range(1, 5)}
T0 = 1_790_000_000
PATIENCE_S = 180.0  # ends a test that hangs, not one that is slow


def go(scene, patience_s=600.0):
    """Run a scene; one that hangs fails instead of holding up everything."""

    async def bounded():
        async with asyncio.timeout(patience_s):
            await scene()

    asyncio.run(bounded())


@asynccontextmanager
async def broker_of(broker_class):
    broker = broker_class()
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


@asynccontextmanager
async def host_at(path, broker):
    host = HostService(f"sqlite:///{path}", broker.host, broker.port)
    for locker, key in KEYS.items():
        host.fleet.register(locker, key, doors=[Door("1", 1), Door("2", 2)])
    await host.start()
    try:
        await host.ready(PATIENCE_S)
        yield host
    finally:
        await host.stop()


async def until(condition, timeout_s=PATIENCE_S):
    """Wait for a condition that another task or process brings about."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def talker(locker="L1", count=0, **more):
    made = Talker(locker, KEYS[locker], **more)
    for n in range(count):
        made.record(T0 + n, kind="closed", door=n % 2, purpose=1)
    return made


def stored(host, locker="L1", epoch=1):
    wanted = select(events_table.c.seq).where(events_table.c.locker == locker, events_table.c.epoch == epoch)
    with host.database.read() as connection:
        return connection.execute(wanted.order_by(events_table.c.seq)).scalars().all()
