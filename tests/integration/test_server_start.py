"""``consigne serve`` is started before what it needs is there: it says so, waits, and goes on by itself."""

import asyncio
import re
import signal
import sqlite3
import time

import httpx2
import psycopg
from consigne.broker.broker import Mosquitto, free_port
from consigne.cli import app
from consigne.server.storage.database import Database
from host_kit import database_at
from lab.rig.postgres import Postgres
from server_kit import PATIENCE_S, go, until
from test_server_end import connected, serving
from typer.testing import CliRunner

END_AT_ONCE_S = 20.0
"""Of a busy machine; a lock would be waited for for 15 s more, a server that does not answer for 10."""


async def told(port, path):
    async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        return await client.get(f"http://127.0.0.1:{port}{path}")


def test_a_host_waits_for_its_database_and_its_broker_whichever_comes_first(tmp_path):
    cluster, broker, port, log = Postgres("fsync = off"), Mosquitto(), free_port(), tmp_path / "serve.txt"
    url = cluster.url("postgres").replace("consigne@", "consigne:geheim@")
    options = ["--database", url, "--listen", f"127.0.0.1:{port}"]

    async def until_health(**wanted):
        async with asyncio.timeout(PATIENCE_S):
            while not wanted.items() <= (health := (await told(port, "/healthz")).json()).items():
                await asyncio.sleep(0.1)
        return health

    async def scene():
        with serving(log, *options, "--broker", f"127.0.0.1:{broker.port}") as process:
            await connected(port)
            assert (await told(port, "/livez")).json() == {"alive": True}
            health = await told(port, "/healthz")
            await until(lambda: "waiting for the database" in log.read_text())
            health = await told(port, "/healthz")
            assert health.status_code == 503
            [wrong] = health.json()["wrong"]
            assert "it waits for its database: the database does not answer" in wrong
            assert str(cluster.directory) not in health.text, "strangers learn no address"
            refused = await told(port, "/lockers")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
            assert "the host is starting, it waits for its database" in refused.json()["detail"]
            await asyncio.to_thread(cluster.start)
            try:
                await until_health(database=True, broker=False)
                assert (await told(port, "/lockers")).json() == []
                await broker.start()
                assert await until_health(broker=True) | {"wrong": []} == await until_health(healthy=True)
                process.send_signal(signal.SIGTERM)
                await until(lambda: process.poll() is not None)
            finally:
                await broker.stop()
                cluster.stop()
            assert process.returncode == 0, log.read_text()

    go(scene)
    said = log.read_text()
    assert said.count("waiting for the database: the database does not answer (") == 1, said
    assert said.count("the database is there") == 1 and said.count("no broker at") == 1, said
    assert "geheim" not in said and "Traceback" not in said, said


def test_a_host_that_waits_for_a_lock_ends_at_once_when_told_to(tmp_path):
    path, port, log = tmp_path / "host.db", free_port(), tmp_path / "serve.txt"
    with database_at(path):
        pass
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    options = ["--database", f"sqlite:///{path}", "--listen", f"127.0.0.1:{port}"]

    async def scene():
        with serving(log, *options, "--broker", "127.0.0.1:1") as process:
            await until(lambda: "another program holds the database locked" in log.read_text())
            began_s = time.monotonic()
            for _ in range(2):
                process.send_signal(signal.SIGTERM)
            await until(lambda: process.poll() is not None)
            assert time.monotonic() - began_s < END_AT_ONCE_S
            assert process.returncode == 0 and "Traceback" not in log.read_text(), log.read_text()

    go(scene)
    other.close()


def ended(url):
    done = CliRunner().invoke(app, ["serve", "--database", url, "--broker", "127.0.0.1:1"])
    assert done.exit_code == 2, done.output
    lines = [line for line in done.output.splitlines() if line]
    [line] = [line for line in lines if re.search(" CRITICAL ", line)]
    assert lines == [line], "one sentence"
    return line


def test_what_no_waiting_mends_ends_the_host_in_one_sentence(tmp_path, postgres):
    name = postgres.new_database()
    url = postgres.url(name).replace("consigne@", "consigne:geheim@")
    with psycopg.connect(f"host={postgres.directory} user=consigne dbname=postgres", autocommit=True) as by:
        by.execute("CREATE ROLE guest LOGIN")
    said = ended(url.replace(name, "nowhere"))
    assert 'database "nowhere" does not exist' in said and "geheim" not in said
    assert 'role "nobody" does not exist' in ended(url.replace("consigne:", "nobody:"))
    assert "permission denied" in ended(url.replace("consigne:", "guest:"))
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "this database has schema 9999, newer than" in ended(url)
    (tmp_path / "text.db").write_text("no database\n" * 100)
    assert "file is not a database" in ended(f"sqlite:///{tmp_path / 'text.db'}")
