"""What monitors are told of a host: whether it can store, found out by a write, and whether it lives."""

import asyncio
import sqlite3
import time
from contextlib import contextmanager

import httpx2
import pytest
from consigne.server.api import create_app
from consigne.server.failures import Failure
from consigne.server.health import SLOW
from consigne.server.service import HostService
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

PATIENCE_S = 180
TOKEN = "an operator's token"


@pytest.fixture
def host(databases):
    with databases.url() as url:
        made = HostService(url, broker_port=1)
        yield made
        made.database.close()


async def told(client, path="/healthz", **headers):
    return await client.get(path, headers=headers)


def go(host, scene):
    async def run():
        transport = httpx2.ASGITransport(app=create_app(host, token=TOKEN))
        async with (
            asyncio.timeout(PATIENCE_S),
            httpx2.AsyncClient(transport=transport, base_url="http://host.example") as client,
        ):
            return await scene(client)

    return asyncio.run(run())


async def until_database(client, state):
    while (answer := (await told(client)).json())["database"] is not state or answer["database_slow"]:
        await asyncio.sleep(0.05)
    return answer


@contextmanager
def read_only(host):
    """As its administrator makes a PostgreSQL, and as SQLite is on a file system that is mounted so."""
    engine = host.database.engine
    if host.database.backend == "postgresql":
        with host.database.write() as connection:
            name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        engine.dispose()
        yield
        with engine.connect() as connection:
            connection.exec_driver_sql("SET default_transaction_read_only = off")
            connection.commit()
            connection.exec_driver_sql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            connection.commit()
    else:

        def query_only(connection, _record):
            connection.execute("PRAGMA query_only = on")

        event.listen(engine, "connect", query_only)
        engine.dispose()
        yield
        event.remove(engine, "connect", query_only)
    engine.dispose()


def test_a_database_that_only_answers_is_not_healthy_and_strangers_learn_nothing_else(host):
    async def scene(client):
        assert (await until_database(client, True))["wrong"]
        with read_only(host):
            answer = await until_database(client, False)
            text = (await told(client)).text
            assert (
                answer["wrong"][0] == Failure.READ_ONLY.sentence and (await told(client)).status_code == 503
            )
            assert (await told(client, "/livez")).json() == {"alive": True}
            numbers = await told(client, "/metrics", authorization=f"Bearer {TOKEN}")
        found = {one.name: one.samples for one in text_string_to_metric_families(numbers.text)}
        assert found["consigne_database_writable"][0].value == found["consigne_healthy"][0].value == 0
        url = host.database.engine.url
        assert not any(str(part) in text for part in (url.database, url.query.get("host")) if part)
        await until_database(client, True)

    go(host, scene)


@pytest.fixture
def sqlite_host(tmp_path):
    made = HostService(f"sqlite:///{tmp_path / 'host.db'}", broker_port=1)
    yield made
    made.database.close()


def written(host):
    with host.database.read() as connection:
        return connection.exec_driver_sql("PRAGMA user_version").scalar_one()


def test_however_many_ask_something_is_written_once_a_second(sqlite_host):
    async def scene(client):
        before, began_s = written(sqlite_host), time.monotonic()
        answers = await asyncio.gather(*(told(client) for _ in range(200)))
        assert {one.status_code for one in answers} == {503}, "there is no broker"
        return written(sqlite_host) - before, time.monotonic() - began_s

    count, took_s = go(sqlite_host, scene)
    assert 1 <= count <= 1 + took_s


def test_a_host_whose_database_is_held_lives_is_slow_and_then_says_it_is_locked(sqlite_host, monkeypatch):
    monkeypatch.setattr("consigne.server.storage.database.BUSY_TIMEOUT_MS", 2_000)
    sqlite_host.database.engine.dispose()
    other = sqlite3.connect(sqlite_host.database.engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def scene(client):
        assert SLOW in (await told(client)).json()["wrong"]
        assert (await told(client, "/livez")).status_code == 200
        answer = await until_database(client, False)
        assert answer["wrong"][0] == Failure.LOCKED.sentence
        other.execute("ROLLBACK")
        await until_database(client, True)

    try:
        go(sqlite_host, scene)
    finally:
        other.close()


def test_numbers_that_need_no_database_are_told_without_one(sqlite_host, tmp_path):
    sqlite_host.database.engine.dispose()
    for part in tmp_path.iterdir():
        part.unlink()
    (tmp_path / "host.db").mkdir()
    answer = go(sqlite_host, lambda client: told(client, "/metrics", authorization=f"Bearer {TOKEN}"))
    assert answer.status_code == 200
    names = {one.name for one in text_string_to_metric_families(answer.text)}
    assert "consigne_stored" in names and "consigne_lockers" not in names
