"""PostgreSQL fails over to a streaming standby while lockers speak: what was acknowledged is there.

A primary and a synchronous standby of Debian's packages, one host whose URL names both and asks for the one
that can be written, lockers that journal all the time.  The primary is ended as a power cut ends it, the
standby promoted.  Then each event that a locker journaled is in the standby's database once.
"""

import asyncio
import random
import time
from collections import Counter

from consigne.broker.broker import Mosquitto
from consigne.server.service import HostService
from consigne.server.storage.database import Database
from consigne.server.storage.models import events
from sqlalchemy import select

from lab.rig.postgres import Postgres, Standby
from lab.rig.talker import Talker

from . import lockers

PATIENCE_S = 180.0
LOOK_S = 0.02
NAMES = tuple(f"F{number}" for number in range(1, 5))
_BOTH = "&target_session_attrs=read-write&connect_timeout=2"


def play(seed: int) -> dict[str, float]:
    """One failover under load; ``AssertionError`` for an event that is lost or twice."""
    primary = Postgres()
    primary.start()
    standby = primary.standby()
    try:
        standby.start()
        primary.wait_for_standby()
        return asyncio.run(_play(primary, standby, random.Random(seed)))
    finally:
        standby.stop()
        primary.stop()


async def _play(primary: Postgres, standby: Standby, rng: random.Random) -> dict[str, float]:
    name = primary.new_database()
    url = f"{primary.url(name)},{standby.directory}{_BOTH}"
    broker = Mosquitto()
    await broker.start()
    host = HostService(url, broker.host, broker.port)
    talkers = {locker: Talker(locker, lockers.key_of(locker)) for locker in NAMES}
    for locker in NAMES:
        host.fleet.register(locker, lockers.key_of(locker))
    await host.start()
    try:
        await host.ready(PATIENCE_S)
        for talker in talkers.values():
            await talker.connect(broker.host, broker.port)
        speaking = asyncio.create_task(_speak(talkers, rng))
        await _until_acknowledged(talkers, 200)
        acknowledged = {locker: talker.acknowledged for locker, talker in talkers.items()}
        await asyncio.to_thread(primary.fail)
        failed_s = time.monotonic()
        await asyncio.to_thread(standby.promote)
        await _until_acknowledged(talkers, 1, beyond=acknowledged)
        took_s = time.monotonic() - failed_s
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        for talker in talkers.values():
            await talker.drained(PATIENCE_S)
            await talker.disconnect()
    finally:
        await host.stop()
        await broker.stop()
    return _judge(standby.url(name), talkers, took_s)


async def _speak(talkers: dict[str, Talker], rng: random.Random) -> None:
    while True:
        for talker in talkers.values():
            for _ in range(rng.randint(0, 5)):
                talker.record(int(time.time()), kind="closed", door=len(talker.events) % 8, purpose=1)
        await asyncio.sleep(LOOK_S)


async def _until_acknowledged(
    talkers: dict[str, Talker], count: int, beyond: dict[str, int] | None = None
) -> None:
    async with asyncio.timeout(PATIENCE_S):
        for locker, talker in talkers.items():
            wanted = (beyond or {}).get(locker, 0) + count
            while talker.acknowledged < wanted:
                await asyncio.sleep(LOOK_S)


def _judge(url: str, talkers: dict[str, Talker], took_s: float) -> dict[str, float]:
    database = Database(url)
    with database.read() as connection:
        found = Counter(map(tuple, connection.execute(select(events.c.locker, events.c.seq))))
    database.close()
    journaled = {(locker, seq) for locker, one in talkers.items() for seq in range(1, len(one.events) + 1)}
    counted = {
        "failover.s": took_s,
        "failover.events": len(journaled),
        "failover.lost": len(journaled - found.keys()),
        "failover.twice": sum(count > 1 for count in found.values()) + len(found.keys() - journaled),
    }
    assert not counted["failover.lost"] and not counted["failover.twice"], counted
    return counted
