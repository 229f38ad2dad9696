"""A host with its pages, a fleet, and one locker that is really there: for the tests and for the pictures."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
from consigne.broker.broker import Mosquitto, free_port
from consigne.server.fleet.fleet import Fleet
from consigne.server.people.accounts import Accounts
from consigne.server.people.roles import Role
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Place
from host_kit import DOORS, device_key
from lab.bench.fleet import fill
from lab.rig.talker import Talker

PASSWORD = "correct horse battery"
START_S = 300.0
FLEET = 3_000


class LockerOnTheNet:
    """A locker that talks and takes orders, in a thread of its own, until the block ends."""

    def __init__(self, port: int) -> None:
        self.talker = Talker("L1", device_key("L1"))
        now_s = int(time.time())
        self.talker.record(now_s, kind="forced", door=3, parcel="")
        self._port = port
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._talk()))

    async def _talk(self) -> None:
        await self.talker.connect("127.0.0.1", self._port)
        lying = {0: "RR123456771FR", 3: "RR123456788FR", 7: "JJFR00012345678901"}
        self.talker.say_occupancy([(int(door in lying), 0, lying.get(door)) for door in range(len(DOORS))])
        while not self._ended.is_set():
            await asyncio.sleep(0.05)
        await self.talker.disconnect()

    def __enter__(self) -> "LockerOnTheNet":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


class Served(NamedTuple):
    """A running host, and its locker."""

    address: str
    locker: LockerOnTheNet
    database: str


@contextmanager
def serving(directory: Path) -> Iterator[Served]:
    """``consigne serve`` with 3,000 lockers, one of them alive, a counter, and an account of each kind.

    L2 was retired.
    """
    url = f"sqlite:///{directory / 'host.db'}"
    database = Database(url)
    fill(database, FLEET)
    Fleet(database).register("L1", device_key("L1"), doors=DOORS, place=Place("Gare du Nord"))
    Fleet(database).register("L2", device_key("L2"), doors=DOORS)
    Fleet(database).retire("L2")
    Fleet(database).register_counter("shop", 5, Place("Librairie du Port"))
    accounts = Accounts(database)
    accounts.add("Ada", Role.OPERATOR, by="test")
    accounts.add("Swift", Role.CARRIER, holder=7, by="test")
    accounts.add("Bazar", Role.MERCHANT, holder=9, by="test")
    accounts.add("Marie", Role.CLERK, holder=3, locker="shop", by="test")
    for name in ("Ada", "Swift", "Bazar", "Marie"):
        accounts.set_password(name, PASSWORD, "test")
    database.close()
    broker = Mosquitto()
    asyncio.run(broker.start())
    port = free_port()
    command = [str(Path(sys.executable).with_name("consigne")), "serve", "--database", url]
    command += ["--broker", f"127.0.0.1:{broker.port}", "--listen", f"127.0.0.1:{port}"]
    log = directory / "serve.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        assert is_healthy(address), log.read_text()
        with LockerOnTheNet(broker.port) as locker:
            yield Served(address, locker, url)
    finally:
        process.terminate()
        process.wait(600)
        asyncio.run(broker.stop())
    assert "Traceback" not in log.read_text(), log.read_text()


def is_healthy(address: str) -> bool:
    """Wait until the host says that it is well."""
    ends_s = time.monotonic() + START_S
    while time.monotonic() < ends_s:
        try:
            if httpx2.get(f"{address}/healthz").status_code == 200:
                return True
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    return False
