"""A fleet of 3,000 lockers, looked over: processor time of the list, and of a host's pages that show it."""

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import psutil
from consigne.broker.broker import Mosquitto, free_port
from consigne.protocol.messages import Status
from consigne.protocol.telemetry import Telemetry
from consigne.server.fleet.overview import Overview
from consigne.server.people.accounts import Accounts
from consigne.server.people.roles import Role
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Door, Place
from consigne.server.storage.models import compartments, lockers
from consigne.server.storage.secret import Secret
from locker.core.events import TRUST_SET

GOALS = {
    "fleet.list_cold_cpu_s": "<= 1",
    "fleet.list_warm_cpu_s": "<= 0.1",
    "fleet.page_cpu_s_max": "<= 1",
}

LOCKERS = 3_000
DOORS = 24
START_S = 120.0
_PASSWORD = "correct horse battery"
_PAGES = ("/desk", "/desk?only=offline", "/desk?find=Place+2999", "/desk?page=60", "/desk/locker/FR-00001")


def fill(database: Database, count: int) -> None:
    """A fleet as its lockers told of themselves; seed 7."""
    rng, now_s = random.Random(7), int(time.time())
    rows: list[dict[str, object]] = []
    cells: list[dict[str, object]] = []
    layout = [Door(str(door + 1), 1 + door % 4, door < 4) for door in range(DOORS)]
    latches: list[tuple[int, ...]] = [(door, 80, 84, 0, 0) for door in range(DOORS)]
    health = Telemetry(8, [(now_s, 9, 61_000, -60, 12_100)] * 8, latches)
    told = Status(up=True, epoch=1, trust=TRUST_SET, firmware="0.1.0", journal="clean", health=health)
    for number in range(count):
        id_ = f"FR-{number:05d}"
        known = {"id": id_, "device_key": Secret(rng.randbytes(32)), "digits": 8, "timezone": "UTC"}
        known |= {"layout": layout, "registered_at": now_s, "up": True, "status": told}
        known |= {"status_at": now_s, "epoch": 1, "place": Place(f"Place {number}")}
        rows.append({**known, "grants_version": 0, "next_grant": 1, "command_counter": 0})
        for door in range(DOORS):
            content = int(rng.random() < 0.5)
            cell = {"locker": id_, "door": door, "content": content, "seen": 0, "parcel": None}
            cells.append({**cell, "epoch": 1, "seq": 1, "time_s": now_s})
    with database.write() as connection:
        connection.execute(lockers.insert(), rows)
        connection.execute(compartments.insert(), cells)


def run() -> dict[str, float]:
    """The numbers, with their keys as in ``GOALS``; takes some 20 s."""
    with tempfile.TemporaryDirectory(prefix="consigne-bench-") as directory:
        url = f"sqlite:///{directory}/host.db"
        database = Database(url)
        fill(database, LOCKERS)
        accounts = Accounts(database)
        accounts.add("Ada", Role.OPERATOR, by="bench")
        accounts.set_password("Ada", _PASSWORD, "bench")
        numbers = _listed(database)
        database.close()
        return {**numbers, "fleet.page_cpu_s_max": asyncio.run(_served(url))}


def _listed(database: Database) -> dict[str, float]:
    view, began_s = Overview(database), time.process_time()
    view.page()
    cold_s = time.process_time() - began_s
    view.page("place", page=60)
    return {"fleet.list_cold_cpu_s": cold_s, "fleet.list_warm_cpu_s": time.process_time() - began_s - cold_s}


async def _served(url: str) -> float:
    """The most that one page takes a host's process."""
    broker, port = Mosquitto(), free_port()
    await broker.start()
    command = [str(Path(sys.executable).with_name("consigne")), "serve", "--database", url]
    command += ["--broker", f"127.0.0.1:{broker.port}", "--listen", f"127.0.0.1:{port}"]
    host = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return await asyncio.to_thread(_pages, f"http://127.0.0.1:{port}", psutil.Process(host.pid))
    finally:
        host.terminate()
        host.wait()
        await broker.stop()


def _pages(address: str, host: psutil.Process) -> float:
    with httpx2.Client(base_url=address, timeout=START_S) as ada:
        _await_health(ada)
        ada.post("/login", data={"name": "Ada", "password": _PASSWORD})
        ada.get("/desk/locker/FR-00000")  # the first page of a process loads what all pages need
        taken_s = []
        for path in _PAGES:
            before_s = sum(host.cpu_times()[:2])
            if ada.get(path).status_code != 200:
                raise RuntimeError(f"the host does not show {path}")
            taken_s.append(sum(host.cpu_times()[:2]) - before_s)
        return max(taken_s)


def _await_health(client: httpx2.Client) -> None:
    ends_s = time.monotonic() + START_S
    while time.monotonic() < ends_s:
        try:
            if client.get("/healthz").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the host did not start")
