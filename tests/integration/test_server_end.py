"""``consigne serve`` is told to end while clients stall: what was received is committed all the same."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import nicegui
import psycopg
import pytest
from consigne.broker.broker import Mosquitto, free_port
from consigne.server.fleet.fleet import Fleet
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Door
from server_kit import KEYS, PATIENCE_S, broker_of, go, talker, until
from sqlalchemy import text

HALF = (
    b"POST /login HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n"
)
LONG = f"/_nicegui/{nicegui.__version__}/static/sass.dart.js"
"""Three megabytes, sent in pieces: who reads none of several keeps their sender waiting."""
SOCKET = (
    b"GET /_nicegui_ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def connected(port):
    """A connection, once somebody listens."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)


def reads_nothing(port):
    """A client that asks for much and reads none of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {LONG} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 8)
    return client


@contextmanager
def serving(log, *options):
    """The process, killed if it does not end by itself; in a group of its own."""
    command = [sys.executable, "-m", "consigne.cli", "serve", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_host_told_to_end_closes_its_database_whoever_stalls(tmp_path, told):
    port, path, log = free_port(), tmp_path / "host.db", tmp_path / "serve.txt"
    options = ["--database", f"sqlite:///{path}", "--listen", f"127.0.0.1:{port}"]

    async def scene():
        with serving(log, *options, "--broker", f"127.0.0.1:{free_port()}") as process:
            reader, writer = await connected(port)
            writer.write(HALF)
            assert b"100 Continue" in await reader.readline(), "the host waits for the body"
            page, waiting = await connected(port)
            waiting.write(SOCKET)
            assert b" 101 " in await page.readline()
            with reads_nothing(port):
                await until(lambda: f"GET {LONG}" in log.read_text())
                process.send_signal(told)
                process.send_signal(told)
                await until(lambda: "Shutting down" in log.read_text())
                process.send_signal(told)
                await until(lambda: process.poll() is not None)
            answer = await reader.read()
            assert b" 503 " in answer and b"the host is being stopped" in answer
            writer.close()
            waiting.close()
        assert process.returncode == 0, log.read_text()

    go(scene)
    said = log.read_text()
    assert not path.with_name("host.db-wal").exists(), "SQLite's last connection was closed in order"
    assert "timeout graceful shutdown exceeded" in said, "the end did not wait for the body's time"
    assert "Traceback" not in said, said
    repeated = said.count("times in the last")
    assert said.count("no broker at") == 1 + repeated, "a broker that is away is told once, then rarely"


def count_of(database):
    with database.read() as connection:
        return connection.execute(text("SELECT count(*) FROM events")).scalar_one()


def test_what_was_received_is_committed_however_a_service_manager_ends_the_host(tmp_path, postgres):
    """As systemd does: it tells every process of the host at once."""
    url, port, log = postgres.url(postgres.new_database()), free_port(), tmp_path / "serve.txt"
    database = Database(url)
    Fleet(database).register("L1", KEYS["L1"], doors=[Door("1", 1), Door("2", 2)])
    where = f"host={postgres.directory} user=consigne dbname={database.engine.url.database}"
    options = ["--database", url, "--listen", f"127.0.0.1:{port}", "--workers", "2"]

    def waiting():
        with psycopg.connect(where) as watcher:
            found = watcher.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        return found[0]

    async def scene():
        async with broker_of(Mosquitto) as broker:
            with serving(log, *options, "--broker", f"{broker.host}:{broker.port}") as process:
                device = talker(count=10, stall_s=600)
                await device.connect(broker.host, broker.port)
                await device.drained(PATIENCE_S)
                with psycopg.connect(where) as holder:
                    holder.execute("LOCK TABLE events IN EXCLUSIVE MODE")
                    for n in range(10):
                        device.record(1_790_000_000 + n, kind="closed", door=n % 2, purpose=1)
                    await until(waiting)
                    os.killpg(process.pid, signal.SIGTERM)
                    await until(lambda: "Shutting down" in log.read_text())
                    assert process.poll() is None, "it waits for its commit"
                await until(lambda: process.poll() is not None)
                await device.disconnect()
                assert process.returncode == 0, log.read_text()

    go(scene)
    said = log.read_text()
    assert count_of(database) == 20, said
    database.close()
    assert "Traceback" not in said and "starting another" not in said, said
