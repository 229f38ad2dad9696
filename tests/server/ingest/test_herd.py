"""A small herd of lockers, as the bench has a large one: real MQTT, and a broker that is killed."""

import asyncio

from consigne.broker.broker import Mosquitto
from consigne.server.service import HostService
from consigne.server.storage.models import events
from host_kit import database_at, device_key
from lab.rig import parcellife
from lab.rig.herd import LOOK_S, Herd
from sqlalchemy import func, select

NAMES = [f"H{n:02}" for n in range(30)]
LIMIT_S = 180.0


def visit(herd):
    for one in herd.speakers:
        one.record(parcellife.event(one.locker, one.recorded + n) for n in range(8))


def test_lockers_that_all_come_back_at_once_are_all_served_and_told_the_time(tmp_path):
    with database_at(tmp_path / "host.db", *NAMES):
        pass

    async def scene():
        broker, herd = Mosquitto(), Herd({name: device_key(name) for name in NAMES})
        await broker.start()
        host = HostService(f"sqlite:///{tmp_path / 'host.db'}", broker.host, broker.port)
        await host.start()
        try:
            await host.ready()
            visit(herd)
            await herd.connect(broker.host, broker.port)
            await herd.acknowledged(LIMIT_S)
            await broker.kill()
            visit(herd)
            await broker.start()
            async with asyncio.timeout(LIMIT_S):
                while host.client.connections < 2 or not host.client.is_connected:
                    await asyncio.sleep(LOOK_S)  # a question that comes before is lost
            await herd.connect(broker.host, broker.port)
            async with asyncio.timeout(LIMIT_S):
                while not all("time" in one.commands for one in herd.speakers):
                    await asyncio.sleep(LOOK_S)
            await herd.acknowledged(LIMIT_S)
        finally:
            await herd.stop()
            await host.stop()
            await broker.stop()
        return [(one.acknowledged, one.recorded) for one in herd.speakers]

    told = asyncio.run(scene())
    with database_at(tmp_path / "host.db", *NAMES) as database, database.read() as connection:
        counted = select(events.c.locker, func.count()).group_by(events.c.locker).order_by(events.c.locker)
        stored = [count for _, count in connection.execute(counted)]
    for (acknowledged, recorded), count in zip(told, stored, strict=True):
        assert 16 <= acknowledged <= count <= recorded
