"""The host is killed, or its disk is full: what it acknowledged is stored, the rest comes again."""

import asyncio
import random
import signal
import subprocess
import sys

import pytest
from consigne.broker.broker import Mosquitto
from server_kit import PATIENCE_S, T0, broker_of, go, host_at, stored, talker, until
from sqlalchemy import event


def test_a_full_disk_stops_acknowledgements_and_nothing_else(tmp_path):
    async def run():
        async with broker_of(Mosquitto) as broker, host_at(tmp_path / "host.db", broker) as host:
            # The first connection of the worker thread gets no room beyond what the file has now.
            def fill(connection, _record=None):
                connection.execute("PRAGMA max_page_count=1")

            host.database.engine.dispose()
            event.listen(host.database.engine, "connect", fill)
            locker = talker(count=5_000, stall_s=1e6)  # the host must bring it to its end by itself
            await locker.connect(broker.host, broker.port)
            await until(lambda: host.ingest.counts.failed_commits > 0)
            full_at = len(stored(host))
            assert locker.acknowledged <= full_at < 5_000
            event.remove(host.database.engine, "connect", fill)
            host.database.engine.dispose()
            await locker.drained(PATIENCE_S)
            assert stored(host) == list(range(1, 5_001))
            await locker.disconnect()

    go(run)


SERVE = """
import sys
from consigne.server.service import HostService
from consigne.server.serving import Listening, serve
{before}
serve(Listening(port=0), HostService(sys.argv[1], "127.0.0.1", int(sys.argv[2])))
"""
BETWEEN_COMMIT_AND_ACK = """
import os, signal
from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool
@event.listens_for(Engine, "after_cursor_execute")
def note(connection, cursor, statement, parameters, context, many):
    if statement.upper().startswith("INSERT INTO EVENTS"):
        connection.info["stores"] = True
@event.listens_for(Engine, "rollback")
def forget(connection):
    connection.info.pop("stores", None)
@event.listens_for(Pool, "checkin")  # given back, so committed
def die(connection, record):
    if record.info.get("stores"):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def start_host(path, broker, before=""):
    arguments = [sys.executable, "-c", SERVE.format(before=before), f"sqlite:///{path}", str(broker.port)]
    return subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("seed", [11])
def test_a_host_killed_again_and_again_loses_nothing_and_stores_nothing_twice(tmp_path, seed):
    """SIGKILL between commit and acknowledgement, and at random moments."""
    rng = random.Random(seed)
    path = tmp_path / "host.db"

    async def run():
        async with broker_of(Mosquitto) as broker:
            async with host_at(path, broker):
                pass  # registers the lockers
            locker = talker(count=4_000, batch=3)
            await locker.connect(broker.host, broker.port)
            for turn in range(6):
                exact = turn % 2 == 0
                process = start_host(path, broker, BETWEEN_COMMIT_AND_ACK if exact else "")
                try:
                    before = locker.acknowledged
                    if exact:
                        await until(lambda process=process: process.poll() is not None)
                        assert locker.acknowledged == before, "it died before it could say anything"
                    else:
                        least = min(before + rng.randrange(1, 400), len(locker.events))
                        await until(lambda least=least: locker.acknowledged >= least)
                finally:
                    process.kill()
                    await asyncio.to_thread(process.wait)
                assert process.returncode == -signal.SIGKILL
                for _ in range(100):
                    locker.record(T0, kind="closed", door=0, purpose=1)
            async with host_at(path, broker) as host:
                assert len(stored(host)) >= locker.acknowledged, "acknowledged is stored"
                await locker.drained(PATIENCE_S)
                assert stored(host) == list(range(1, 4_601))
                assert locker.refused == []
            await locker.disconnect()

    go(run)
