"""Events on their way to the database while all parts between are cut, killed and restarted.

Lockers that are the firmware's own journal, sync and MQTT client (``lockers``), and one that is the whole
firmware on real MicroPython with a door that somebody keeps forcing, send through mosquitto to the host.  On
either side of the broker a proxy that understands MQTT (``network/lossy.py``) loses and repeats messages,
events, acknowledgements and commands alike: 30 % of them never arrive, half of them come twice.  At random
moments connections are cut, or SIGKILL ends lockers, broker or host, which come back after a moment.  Now and
then the faults pause, and the time until all journaled events are acknowledged is measured.  At the end each
row of the database is compared with the journals (``rows``).
"""

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from consigne.broker.broker import Mosquitto
from consigne.server.fleet.fleet import Fleet
from consigne.server.service import HostService
from consigne.server.serving import Listening, serve
from consigne.server.storage.database import Database
from consigne.sim import reference
from consigne.sim.locker import SimLocker
from consigne.sim.network.lossy import Losses, LossyProxy

from . import lockers, rows

EVENTS = 1_000_000
NETLOCKERS = 48
REAL = "R00"
LOST_SHARE = 0.3
LOSSES = Losses(lose=1 - (1 - LOST_SHARE) ** 0.5, repeat=0.5, lose_puback=0.05)  # one of two proxies
PATIENCE_S = 120.0  # without any change: a loaded machine is slow, but a stuck part never changes
ACTIONS_BETWEEN_REPAIRS = 6
PAUSE_S = 1.5
LOOK_S = 0.2
MODULE = "lab.soak.sync"
# A broker that stops to send when a peer has left 20 messages unanswered would hide what is lost after.
SETTINGS = "allow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0"


def run(seconds: float, seed: int) -> dict[str, float]:
    """A million events, and at least some seconds of it; ``AssertionError`` for any lost, doubled, stuck."""
    return play(EVENTS, seed, seconds)


def play(count: int, seed: int, seconds: float = 0.0) -> dict[str, float]:
    """At least ``count`` events, however long they take."""
    with tempfile.TemporaryDirectory(prefix="consigne-soak-") as directory:
        return asyncio.run(_Trouble(Path(directory), seed, count).play(seconds))


class _Lockers:
    """The process of the many lockers; ``told`` is their last reported progress."""

    def __init__(self, directory: Path, port: int, last: int) -> None:
        self.told: dict[str, tuple[int, int]] = {}
        self._lines = 0
        self._errors = directory / "lockers.log"
        self._command = [sys.executable, "-m", lockers.__name__, str(directory), str(port), "0"]
        self._command += [str(NETLOCKERS), str(last)]
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        with self._errors.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdout=subprocess.PIPE, stderr=errors
            )
        self._reader = asyncio.create_task(self._read(self._process))

    async def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and self._reader is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await self._reader

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            if line.endswith(b"\n"):  # a kill may leave half a line
                self.told = json.loads(line)
                self._lines += 1

    async def fresh(self) -> dict[str, tuple[int, int]]:
        """Their progress now; ``AssertionError`` when they ended by themselves."""
        seen = self._lines
        while self._lines < seen + 2:  # the first may have been under way
            assert self._process is None or self._process.returncode is None, self._errors.read_text()[-2000:]
            await asyncio.sleep(LOOK_S / 4)
        return self.told


class _Cabinet:
    """The whole firmware on MicroPython, with a burglar at its doors until it ``rests``."""

    def __init__(self, directory: Path, port: int) -> None:
        identity = reference.identity()
        identity["locker"], identity["device_key"] = REAL, lockers.key_of(REAL).hex()
        self.locker = SimLocker(reference.config(port), identity, directory / REAL)
        self.flash = directory / REAL / "journal.bin"
        self.forced = 0
        self.rests = False

    def disturb(self) -> None:
        """Force a door, or push it shut."""
        if self.rests:
            return
        door = self.forced % len(self.locker.doors)
        if self.locker.doors[door].is_open:
            self.locker.push_shut(door)
            self.forced += 1
        else:
            self.locker.force_open(door)

    def far(self) -> tuple[int, int]:
        """``(next seq, acknowledged)`` as on its flash; ``AssertionError`` when the firmware has ended."""
        failed = self.locker.failures + self.locker.ends
        assert not failed, f"{failed}: {self.locker.output()[-10:]}"
        journal = rows.journal_of(self.flash)
        return journal.next_seq, journal.acknowledged


class _Trouble:
    """One broker between two proxies, one host in a process of its own, the lockers, and their faults."""

    def __init__(self, directory: Path, seed: int, count: int) -> None:
        self.directory = directory
        self.url = f"sqlite:///{directory / 'host.db'}"
        self.last = -(-count // NETLOCKERS)
        self.random = random.Random(seed)
        self.broker = Mosquitto(settings=SETTINGS)
        target = (self.broker.host, self.broker.port)
        self.near = LossyProxy(target, LOSSES, seed + 1)  # between lockers and broker
        self.far = LossyProxy(target, LOSSES, seed + 2)  # between broker and host
        self.host: subprocess.Popen[bytes] | None = None
        self.lockers: _Lockers
        self.cabinet: _Cabinet
        self.happened: Counter[str] = Counter()
        self.repairs_s: list[float] = []
        self._actions: dict[str, Callable[[], Awaitable[None]]] = {
            "cut": self._cut,
            "broker": self._kill_broker,
            "host": self._restart_host,
            "lockers": self._kill_lockers,
            "cabinet": self._kill_cabinet,
        }

    async def play(self, seconds: float) -> dict[str, float]:
        database = Database(self.url)
        everybody = [*map(lockers.name_of, range(NETLOCKERS)), REAL]
        for name in everybody:
            Fleet(database).register(name, lockers.key_of(name))
        try:
            return await self._play(database, seconds)
        finally:
            database.close()

    async def _play(self, database: Database, seconds: float) -> dict[str, float]:
        await self.broker.start()
        await self.near.start()
        await self.far.start()
        self._start_host()
        self.lockers = _Lockers(self.directory, self.near.port, self.last)
        self.cabinet = _Cabinet(self.directory, self.near.port)
        try:
            await self.lockers.start()
            await asyncio.to_thread(self.cabinet.locker.start)
            began_s = time.monotonic()
            await self._happen_some()
            while not await self._enough() or time.monotonic() - began_s < seconds:
                await self._repair()
                await self._happen_some()
            self.cabinet.rests = True
            await self._repair()  # the last events of all lockers so far
            took_s = time.monotonic() - began_s
        finally:
            await asyncio.to_thread(self.cabinet.locker.stop)
            await self.lockers.kill()
            await self._kill_host()
            await self.far.stop()
            await self.near.stop()
            await self.broker.stop()
        return self._numbers(self._compare(database), took_s)

    async def _enough(self) -> bool:
        return min(next_seq for next_seq, _ in (await self.lockers.fresh()).values()) > self.last

    # --- what happens ----------------------------------------------------------------------------------

    async def _happen_some(self) -> None:
        for _ in range(ACTIONS_BETWEEN_REPAIRS):
            await self._happen()

    async def _happen(self) -> None:
        what = self.random.choice(("cut", "cut", "cut", "broker", "host", "lockers", "cabinet"))
        self.happened[what] += 1
        await self._actions[what]()
        until_s = time.monotonic() + self.random.uniform(0.05, PAUSE_S)
        while time.monotonic() < until_s:
            await self._look()

    async def _look(self) -> None:
        await asyncio.to_thread(self.cabinet.disturb)
        await asyncio.sleep(LOOK_S)

    async def _cut(self) -> None:
        self.near.cut(0.5)
        self.far.cut(0.5)

    async def _kill_broker(self) -> None:
        await self.broker.kill()
        await asyncio.sleep(self.random.uniform(0, 1))
        await self.broker.start()

    async def _restart_host(self) -> None:
        await self._kill_host()
        self._start_host()

    async def _kill_lockers(self) -> None:
        await self.lockers.kill()
        await self.lockers.start()

    async def _kill_cabinet(self) -> None:
        await asyncio.to_thread(self.cabinet.locker.cut_power)
        await asyncio.to_thread(self.cabinet.locker.restore_power)

    def _start_host(self) -> None:
        command = [sys.executable, "-m", MODULE, self.url, str(self.far.port)]
        self.host = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def _kill_host(self) -> None:
        if self.host is not None:
            self.host.kill()
            await asyncio.to_thread(self.host.wait)
            self.host = None

    # --- what must hold -----------------------------------------------------------------------------------

    async def _repair(self) -> None:
        """Pause the faults; returns how long acknowledging all events takes once all parts are back."""
        began_s = time.monotonic()
        while len(self.near.subscribed) <= NETLOCKERS or not self.far.subscribed:
            assert time.monotonic() - began_s < PATIENCE_S, "not everybody has come back"
            await self._look()
        began_s = time.monotonic()
        wanted = {name: next_seq for name, (next_seq, _) in (await self.lockers.fresh()).items()}
        wanted[REAL] = self.cabinet.far()[0]
        before: dict[str, tuple[int, int]] = {}
        changed_s = began_s
        while behind := await self._behind(wanted):
            if behind != before:
                before, changed_s = behind, time.monotonic()
            assert time.monotonic() - changed_s < PATIENCE_S, f"nothing more is acknowledged: {behind}"
            await self._look()
        self.repairs_s.append(time.monotonic() - began_s)
        done = sum(wanted.values()) - len(wanted)
        times = sum(self.happened.values())
        took_s = self.repairs_s[-1]
        print(f"  {done:,} events, disturbed {times} times, repaired in {took_s:.0f} s", flush=True)

    async def _behind(self, wanted: dict[str, int]) -> dict[str, tuple[int, int]]:
        far = {**await self.lockers.fresh(), REAL: self.cabinet.far()}
        return {name: (far[name][1], seq) for name, seq in wanted.items() if far[name][1] + 1 < seq}

    def _compare(self, database: Database) -> rows.Verdict:
        verdict = rows.Verdict()
        for number in range(NETLOCKERS):
            name = lockers.name_of(number)
            journal = rows.journal_of(self.directory / f"{name}.bin")
            verdict.add(database, name, journal, computed=True)
        verdict.add(database, REAL, rows.journal_of(self.cabinet.flash), computed=False)
        verdict.check()
        return verdict

    def _numbers(self, verdict: rows.Verdict, took_s: float) -> dict[str, float]:
        counts = self.near.counts + self.far.counts
        return {
            "sync.events": verdict.events,
            "sync.lost": verdict.lost,
            "sync.duplicate_rows": verdict.duplicate_rows,
            "sync.gap_repair_s_max": max(self.repairs_s),
            "sync.events_per_s": verdict.events / took_s,
            "sync.firmware_events": self.cabinet.far()[0] - 1,
            "sync.messages": counts["messages"],
            "sync.messages_lost": counts["lost"],
            "sync.messages_repeated": counts["repeated"],
            "sync.connections_cut": counts["cuts"],
            **{f"sync.{what}_times": count for what, count in sorted(self.happened.items())},
        }


if __name__ == "__main__":
    serve(Listening(port=0), HostService(sys.argv[1], "127.0.0.1", int(sys.argv[2])))
