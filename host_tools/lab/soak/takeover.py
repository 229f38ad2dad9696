"""Two hosts on one PostgreSQL, the leading one killed again and again: the other takes over.

The hosts are processes of ``consigne serve``; lockers speak through mosquitto; customers' notices go to a web
server here.  Each time an order to open a door is given, a parcel announced and one deposited, and at a
random moment around that SIGKILL ends the leader, or SIGSTOP holds it for longer than its lease: then it goes
on, and must find out by itself that it leads no more.  The other one takes over, and a new one stands by.  In
the end each event is in the database once, no order reached a locker twice, no notice went out twice.
"""

import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from consigne.broker.broker import Mosquitto
from consigne.server.errors import CallerError
from consigne.server.fleet.fleet import Fleet
from consigne.server.fleet.orders import Orders
from consigne.server.notices.notifier import Channels
from consigne.server.parcels.parcels import Parcels
from consigne.server.service import HostService
from consigne.server.serving import Listening, serve
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Door
from consigne.server.storage.models import events, leases, notices
from sqlalchemy import func, select

from lab.rig.postgres import Postgres
from lab.rig.talker import Talker

from . import lockers

MODULE = "lab.soak.takeover"
WITHIN_S = 10.0
HELD_EVERY = 4  # takeovers, of which one is from a leader that goes on
PATIENCE_S = 180.0  # a loaded machine is slow; how long it took is measured
LOOK_S = 0.05
NAMES = ("T1", "T2")
_STANDS_BY = b"standing by"


def run(seconds: float, seed: int) -> dict[str, float]:
    """200 takeovers, or more for at least some seconds."""
    return play(200, seed, seconds)


def play(times: int, seed: int, seconds: float = 0.0) -> dict[str, float]:
    """Some takeovers; ``AssertionError`` for anything lost, signed or sent twice."""
    cluster = Postgres()
    cluster.start()
    try:
        with tempfile.TemporaryDirectory(prefix="consigne-soak-") as directory:
            made = _Takeovers(Path(directory), cluster.url(cluster.new_database()), random.Random(seed))
            return asyncio.run(made.play(times, seconds))
    finally:
        cluster.stop()


class _Customers:
    """A web server that keeps what customers are told: how often each text came."""

    def __init__(self) -> None:
        heard = self.heard = Counter[str]()

        class Hear(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                heard[body["title"] + body["message"]] += 1
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Hear)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Host:
    """One host process and its log."""

    def __init__(self, directory: Path, number: int, url: str, broker_port: int, customers_port: int) -> None:
        self.log = directory / f"host{number}.log"
        command = [sys.executable, "-m", MODULE, url, str(broker_port), str(customers_port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def stands_by(self) -> bool:
        return _STANDS_BY in self.log.read_bytes()


class _Takeovers:
    def __init__(self, directory: Path, url: str, rng: random.Random) -> None:
        self._directory, self._url, self._random = directory, url, rng
        self._database = Database(url)
        self._broker = Mosquitto()
        self._customers = _Customers()
        self._hosts: list[_Host] = []
        self._talkers = {name: Talker(name, lockers.key_of(name)) for name in NAMES}
        self._orders: list[str] = []
        self._took_s: list[float] = []
        self._started = self._parcels = 0

    async def play(self, times: int, seconds: float) -> dict[str, float]:
        for name in NAMES:
            Fleet(self._database).register(name, lockers.key_of(name), doors=[Door("1", 1), Door("2", 2)])
        await self._broker.start()
        try:
            self._start()
            for talker in self._talkers.values():
                await talker.connect(self._broker.host, self._broker.port)
            await self._until(lambda: self._leader() is not None, "nobody leads")
            began_s = time.monotonic()
            while len(self._took_s) < times or time.monotonic() - began_s < seconds:
                await self._once()
                print(f"  {len(self._took_s)} takeovers, the last in {self._took_s[-1]:.1f} s", flush=True)
            return await asyncio.to_thread(self._judge)
        finally:
            for talker in self._talkers.values():
                await talker.disconnect()
            for host in self._hosts:
                host.process.kill()
                await asyncio.to_thread(host.process.wait)
            await self._broker.stop()
            self._customers.stop()
            self._database.close()

    # --- one takeover --------------------------------------------------------------------------------------

    async def _once(self) -> None:
        standby = self._start()
        await self._until(standby.stands_by, "no host stands by")
        leader = self._leader()
        assert leader is not None and leader is not standby
        await asyncio.to_thread(self._give_work)
        await asyncio.sleep(self._random.uniform(0, 1.5))
        is_held = len(self._took_s) % HELD_EVERY == HELD_EVERY - 1
        leader.process.send_signal(signal.SIGSTOP if is_held else signal.SIGKILL)
        gone_s = time.monotonic()
        await asyncio.to_thread(self._give_work)
        await self._until(lambda: self._leader() is standby, "nobody takes over")
        await self._drain()
        self._took_s.append(time.monotonic() - gone_s)
        leader.process.send_signal(signal.SIGCONT)
        await asyncio.to_thread(leader.process.wait, PATIENCE_S)  # it ends by itself
        self._hosts.remove(leader)

    def _start(self) -> _Host:
        self._started += 1
        host = _Host(self._directory, self._started, self._url, self._broker.port, self._customers.port)
        self._hosts.append(host)
        return host

    def _leader(self) -> _Host | None:
        with self._database.read() as connection:
            holder = connection.execute(select(leases.c.holder)).scalar() or ""
        pid = holder.split("/")[1] if holder else ""
        return next((one for one in self._hosts if str(one.process.pid) == pid), None)

    def _give_work(self) -> None:
        """An order for each locker, a parcel announced, one put in."""
        now_s = int(time.time())
        for name, talker in self._talkers.items():
            self._parcels += 1
            parcel = f"P{self._parcels:05}"
            Parcels(self._database).announce(parcel, name, contact="web:anybody")
            talker.record(now_s, kind="deposited", door=0, holder=7, role=1, parcel=parcel)
            try:
                self._orders.append(Orders(self._database).open(name, 1))
            except CallerError:
                continue  # ten in ten minutes are enough for a locker

    async def _drain(self) -> None:
        for talker in self._talkers.values():
            await talker.drained(PATIENCE_S)

    async def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not await asyncio.to_thread(condition):
            assert time.monotonic() < until_s, otherwise
            await asyncio.sleep(LOOK_S)

    # --- afterwards ----------------------------------------------------------------------------------------

    def _judge(self) -> dict[str, float]:
        signed = Counter(
            one["id"] for talker in self._talkers.values() for one in talker.commands if one["cmd"] == "open"
        )
        journaled = sum(len(talker.events) for talker in self._talkers.values())
        with self._database.read() as connection:
            stored = connection.execute(select(func.count()).select_from(events)).scalar_one()
            told = connection.execute(select(func.count()).where(notices.c.state == "sent")).scalar_one()
        counted = {
            "takeover.times": len(self._took_s),
            "takeover.s_max": max(self._took_s),
            "takeover.lost": journaled - stored,
            "takeover.orders": len(signed),
            "takeover.orders_twice": sum(count > 1 for count in signed.values()),
            "takeover.notices": told,
            "takeover.notices_twice": sum(count > 1 for count in self._customers.heard.values()),
        }
        wrong = [key for key in ("lost", "orders_twice", "notices_twice") if counted[f"takeover.{key}"]]
        assert not wrong, counted
        assert signed and told, f"nothing was ordered or told: {counted}"
        return counted


if __name__ == "__main__":
    told = Channels({"web": f"json://127.0.0.1:{sys.argv[3]}/{{to}}"})
    serve(Listening(port=0), HostService(sys.argv[1], "127.0.0.1", int(sys.argv[2]), channels=told))
