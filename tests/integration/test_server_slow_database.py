"""A database that answers late while pages are open: only who needs it waits for it."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from consigne.server.parcels.parcels import Parcels
from consigne.server.service import PAGE_THREADS
from consigne.server.storage.database import Database
from consigne.server.storage.models import commands, lockers
from databases import databases, postgres
from lab.rig import openhost
from lab.rig.openhost import LOCKERS, key_of
from lab.rig.slow_host import parcels_locked
from lab.rig.talker import Talker
from lab.rig.visitor import Visitor
from server_kit import PATIENCE_S, T0, go, until
from sqlalchemy import select, text

__all__ = ["databases", "postgres"]


@pytest.fixture
def url(databases):
    with databases.url() as made:
        openhost.fill(made)
        yield made


@asynccontextmanager
async def talking(host, locker):
    talker = Talker(locker, key_of(locker))
    await talker.connect(host.broker.host, host.broker.port)
    try:
        yield talker
    finally:
        await talker.disconnect()


async def is_healthy(host):
    """Until the host says so: on a busy machine the database may answer it too late once."""
    async with asyncio.timeout(PATIENCE_S):
        while (await host.health())[0] != 200:
            await asyncio.sleep(0.1)


def happens(talker):
    talker.record(T0, kind="closed", door=0, purpose=1)


def test_ten_pages_that_wait_for_a_lock_hold_up_no_acknowledgement_and_no_health(url, tmp_path):
    async def scene():
        async with (
            openhost.serving(url, tmp_path) as host,
            openhost.visited(host) as visitors,
            talking(host, LOCKERS[1]) as talker,
        ):
            with parcels_locked(url, host.late) as waiting:
                await until(lambda: waiting() >= PAGE_THREADS)
                happens(talker)
                await talker.drained(PATIENCE_S)
                await is_healthy(host)
                assert waiting() >= PAGE_THREADS, "answered while the pages wait still"
            database = Database(url)
            await asyncio.to_thread(Parcels(database).announce, "RR123456785FR", openhost.COUNTER, by="x")
            database.close()
            for clerk in visitors[:4]:
                await clerk.sees("RR123456785FR")
        assert "Traceback" not in host.log.read_text(), host.log.read_text()

    go(scene, 300)


def test_a_database_that_refuses_is_told_on_the_page_until_it_is_back(url, tmp_path):
    async def scene():
        database = Database(url)

        def rename(old, new):
            with database.write() as connection:
                connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

        async with (
            openhost.serving(url, tmp_path) as host,
            Visitor(host.address, "Marie", openhost.PASSWORD) as clerk,
        ):
            await asyncio.to_thread(rename, "parcels", "elsewhere")
            await clerk.sees("The database does not do what the host asks")
            await asyncio.to_thread(rename, "elsewhere", "parcels")
            await clerk.sees_no("The database does not do what the host asks")
        database.close()
        assert "Traceback" not in host.log.read_text(), host.log.read_text()

    go(scene, 300)


def test_a_click_that_waits_for_the_writer_is_done_once_however_often_it_is_clicked(url, tmp_path):
    async def scene():
        database = Database(url)

        def is_up():
            with database.read() as connection:
                return connection.execute(select(lockers.c.up).where(lockers.c.id == "P0")).scalar()

        def ordered():
            with database.read() as connection:
                return [row.cmd for row in connection.execute(select(commands))]

        async with (
            openhost.serving(url, tmp_path) as host,
            Visitor(host.address, "Ada", openhost.PASSWORD, "/desk/locker/P0") as operator,
            talking(host, "P0") as talker,
        ):
            await until(is_up)
            await operator.sees_no("not connected")
            with database.write() as connection:
                if database.backend == "postgresql":
                    connection.execute(text("LOCK TABLE commands IN SHARE MODE"))
                for _ in range(3):
                    await operator.click("Beep and blink")
                await operator.sees("One moment")
                assert (await host.health())[0] == 200, "answered while the lock is held still"
                assert ordered() == []
            await operator.sees_no("One moment")
            await until(lambda: talker.commands)
            assert ordered() == ["identify"] == [one["cmd"] for one in talker.commands]
        database.close()
        assert "Traceback" not in host.log.read_text(), host.log.read_text()

    go(scene, 300)
