"""Events on their way to the database while everything between is cut, killed and started again.

Lockers (``bench/talker.py``) journal and send without pause; of their messages 30 % are lost, half are
repeated and a tenth overtaken.  At random moments a connection is cut, a locker loses its power together
with what it had not written down of the newest acknowledgements, or SIGKILL ends the broker or the host,
which comes back after a moment.  Every few seconds everything is left to come back, and the time is
taken until all is acknowledged.  At the end each row of the database is compared with the journals.
"""

import asyncio
import contextlib
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from sqlalchemy import select

from consigne.bench.talker import Faults, Talker
from consigne.server.broker import Mosquitto
from consigne.server.database import Database
from consigne.server.fleet import Fleet
from consigne.server.models import events, streams
from consigne.server.service import serve

NAMES = [f"S{n:02}" for n in range(6)]
FAULTS = Faults(lose=0.3, repeat=0.5, delay=0.1)
REPAIR_S_MAX = 60.0
ACTIONS_BETWEEN_REPAIRS = 6
BURST_EVENTS_MAX = 120
AHEAD_EVENTS = 1_000  # a real journal has an end; so has a locker here that nobody acknowledges
_T0 = 1_790_000_000


def run(seconds: float, seed: int) -> dict[str, float]:
    """Disturb for some seconds, then compare; ``AssertionError`` when anything is lost, twice or late."""
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(_Trouble(Path(directory) / "host.db", seed).play(seconds))


class _Trouble:
    """One broker, one host in a process of its own, some lockers, and what happens to them."""

    def __init__(self, path: Path, seed: int) -> None:
        self.url = f"sqlite:///{path}"
        self.random = random.Random(seed)
        self.broker = Mosquitto()
        self.host: subprocess.Popen[bytes] | None = None
        self.happened: Counter[str] = Counter()
        self.repairs_s: list[float] = []
        self.lockers = [
            Talker(name, hashlib.sha256(name.encode()).digest(), batch=16, faults=FAULTS, seed=seed + n)
            for n, name in enumerate(NAMES)
        ]

    async def play(self, seconds: float) -> dict[str, float]:
        database = Database(self.url)
        for name in NAMES:
            Fleet(database).register(name, hashlib.sha256(name.encode()).digest())
        await self.broker.start()
        self._start_host()
        until = time.monotonic() + seconds
        try:
            await self._repair()
            while time.monotonic() < until:
                for _ in range(ACTIONS_BETWEEN_REPAIRS):
                    await self._happen()
                await self._repair()
            for locker in self.lockers:
                await locker.disconnect()
        finally:
            await self._kill_host()
            await self.broker.stop()
        try:
            return self._compare(database)
        finally:
            database.close()

    async def _happen(self) -> None:
        for locker in self.lockers:
            behind = len(locker.events) - locker.acknowledged
            for n in range(min(self.random.randrange(BURST_EVENTS_MAX), max(AHEAD_EVENTS - behind, 0))):
                locker.record(_T0 + len(locker.events), kind="closed", door=n % 12, purpose=1)
        locker = self.random.choice(self.lockers)
        what = self.random.choice(("cut", "cut", "power", "broker", "host"))
        self.happened[what] += 1
        if what == "broker":
            await self.broker.kill()
            await self.broker.start()
        elif what == "host":
            await self._kill_host()
            self._start_host()
        else:
            locker.cut()
            if what == "power":  # the journal may not have the newest acknowledgements yet
                locker.acknowledged = max(0, locker.acknowledged - self.random.randrange(200))
        await asyncio.sleep(self.random.uniform(0.05, 1.0))
        await self._connect(self.random.sample(self.lockers, 2))

    async def _connect(self, some: list[Talker]) -> None:
        for locker in some:
            await locker.disconnect()
            with contextlib.suppress(OSError, TimeoutError):  # tried again later
                await locker.connect(self.broker.host, self.broker.port)

    async def _repair(self) -> None:
        """Have everybody come back; how long until every event is acknowledged?"""
        await self._connect(self.lockers)
        began_s = time.monotonic()
        try:
            await asyncio.gather(*[locker.drained(REPAIR_S_MAX) for locker in self.lockers])
        except TimeoutError:
            behind = {one.locker: (one.acknowledged, len(one.events)) for one in self.lockers}
            raise AssertionError(f"not all acknowledged within {REPAIR_S_MAX:.0f} s: {behind}") from None
        self.repairs_s.append(time.monotonic() - began_s)

    def _start_host(self) -> None:
        command = [sys.executable, "-m", __name__, self.url, str(self.broker.port)]
        self.host = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def _kill_host(self) -> None:
        if self.host is not None:
            self.host.kill()
            await asyncio.to_thread(self.host.wait)
            self.host = None

    def _compare(self, database: Database) -> dict[str, float]:
        lost = twice = other = recorded = 0
        for locker in self.lockers:
            with database.read() as connection:
                wanted = select(events.c.seq, events.c.time_s, events.c.data)
                rows = connection.execute(wanted.where(events.c.locker == locker.locker)).all()
            stored = {row.seq: (row.time_s, json.loads(row.data)) for row in rows}
            recorded += len(locker.events)
            twice += len(rows) - len(stored)
            for seq, event in enumerate(locker.events, 1):
                lost += seq not in stored
                other += seq in stored and stored[seq] != event
            assert not locker.refused, f"{locker.locker} refused what the host said: {locker.refused[:3]}"
        with database.read() as connection:
            conflicts = sum(connection.execute(select(streams.c.conflicts)).scalars())
        assert (lost, twice, other, conflicts) == (0, 0, 0, 0), (
            f"{lost} lost, {twice} twice, {other} other than recorded, {conflicts} conflicts"
        )
        return {
            "sync.events": recorded,
            "sync.lost": lost,
            "sync.duplicate_rows": twice,
            "sync.repair_s_max": max(self.repairs_s),
            **{f"sync.{what}_times": count for what, count in self.happened.items()},
        }


if __name__ == "__main__":
    serve(sys.argv[1], "127.0.0.1", int(sys.argv[2]), listen_port=0)
