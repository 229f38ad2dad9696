"""A host with ten pages open over a database that can be made to answer late: for ``pages`` and the tests."""

import asyncio
import hashlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from consigne.broker.broker import Mosquitto, free_port
from consigne.server.fleet.fleet import Fleet
from consigne.server.people.accounts import Accounts
from consigne.server.people.roles import Role
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Door, Place

from . import slow_host
from .visitor import Visitor

START_S = 180.0
END_S = 180.0
PASSWORD = "a password for a measurement"
LOCKERS = [f"P{number}" for number in range(10)]
COUNTER = "shop"
VISITS = (("Marie", "/desk"),) * 4 + (("Swift", "/desk"),) * 4 + (("Ada", "/desk/locker/P0"),) * 2
"""Ten pages: a clerk's, a carrier's, an operator's; they show only locker P0."""


def key_of(locker: str) -> bytes:
    """A key for the measurement; real ones are random."""
    return hashlib.sha256(b"pages " + locker.encode()).digest()


@dataclass(frozen=True, slots=True)
class OpenHost:
    """A running host.  ``late`` is the file whose lock makes SQLite's readers of parcels wait."""

    address: str
    broker: Mosquitto
    late: Path
    log: Path

    async def health(self) -> tuple[int, float]:
        """The status of ``/healthz`` and the seconds that it took."""
        began_s = time.monotonic()
        async with httpx2.AsyncClient() as client:
            answer = await client.get(f"{self.address}/healthz", timeout=START_S)
        return answer.status_code, time.monotonic() - began_s


def fill(url: str) -> None:
    """Lockers, a counter, and an account of each kind that has pages."""
    database = Database(url)
    fleet, accounts = Fleet(database), Accounts(database)
    for name in LOCKERS:
        fleet.register(name, key_of(name), doors=[Door("1", 1), Door("2", 2)], place=Place("Here"))
    fleet.register_counter(COUNTER, 5, Place("Shop"))
    accounts.add("Ada", Role.OPERATOR, by="bench")
    accounts.add("Swift", Role.CARRIER, holder=7, by="bench")
    accounts.add("Marie", Role.CLERK, holder=3, locker=COUNTER, by="bench")
    for name in ("Ada", "Swift", "Marie"):
        accounts.set_password(name, PASSWORD, "bench")
    database.close()


@asynccontextmanager
async def serving(url: str, directory: Path) -> AsyncIterator[OpenHost]:
    """The host in a process of its own, over a database that ``fill`` filled.

    Raises ``RuntimeError`` with what it printed when it does not become healthy.
    """
    late, log = directory / "late", directory / "serve.txt"
    late.touch()
    broker = Mosquitto()
    await broker.start()
    port = free_port()
    command = [sys.executable, "-m", slow_host.MODULE, str(late), "serve", "--database", url]
    command += ["--broker", f"127.0.0.1:{broker.port}", "--listen", f"127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    host = OpenHost(f"http://127.0.0.1:{port}", broker, late, log)
    try:
        await _healthy(host, process)
        yield host
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, END_S)
        await broker.stop()


async def _healthy(host: OpenHost, process: "subprocess.Popen[bytes]") -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and process.poll() is None:
        try:
            if (await host.health())[0] == 200:
                return
        except httpx2.TransportError:  # the host does not listen yet
            await asyncio.sleep(0.1)
    raise RuntimeError(f"the host did not become healthy: {host.log.read_text()}")


@asynccontextmanager
async def visited(host: OpenHost) -> AsyncIterator[list[Visitor]]:
    """Ten pages open."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Visitor(host.address, name, PASSWORD, path))
            for name, path in VISITS
        ]
