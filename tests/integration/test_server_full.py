"""The disk of a running host takes nothing more for a while: nothing is lost, all is told, it goes on.

The system refuses to make the host's files longer (``RLIMIT_FSIZE``), as it does when a quota is used up.
"""

import asyncio
import resource
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx2
from consigne.broker.broker import Mosquitto, free_port
from consigne.server.failures import Failure
from consigne.server.fleet.fleet import Fleet
from consigne.server.people.accounts import Accounts
from consigne.server.people.roles import Role
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Door
from lab.rig.visitor import Visitor
from server_kit import KEYS, PATIENCE_S, broker_of, go, talker
from sqlalchemy import text

PASSWORD = "a password for this test"
FIRST, MORE = 20, 500


def fill(url):
    database = Database(url)
    Fleet(database).register("L1", KEYS["L1"], doors=[Door("1", 1), Door("2", 2)])
    accounts = Accounts(database)
    key = accounts.add("Ada", Role.OPERATOR, by="test")
    accounts.set_password("Ada", PASSWORD, "test")
    database.close()
    return key


def stored(url):
    database = Database(url)
    with database.read() as connection:
        count = connection.execute(text("SELECT count(*) FROM events")).scalar_one()
    database.close()
    return count


@asynccontextmanager
async def serving(url, broker, log):
    """Its process and address; what it writes to standard error is never refused."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "consigne.cli",
        "serve",
        "--database",
        url,
        "--listen",
        f"127.0.0.1:{port}",
    ]
    command += ["--broker", f"{broker.host}:{broker.port}"]
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
    reading = asyncio.create_task(process.stderr.read())
    try:
        yield process, f"http://127.0.0.1:{port}"
        process.terminate()
        log.append((await reading).decode())
        assert await process.wait() == 0, log[0]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def health(address, wanted):
    """What ``/healthz`` tells once its status is the wanted one."""
    async with asyncio.timeout(PATIENCE_S), httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        while True:
            try:
                answer = await client.get(f"{address}/healthz")
                if answer.status_code == wanted:
                    return answer.json()
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)


def test_a_host_whose_disk_is_full_acknowledges_nothing_says_so_and_goes_on(tmp_path):
    url, log = f"sqlite:///{tmp_path / 'host.db'}", []
    key = fill(url)

    async def scene():
        async with broker_of(Mosquitto) as broker, serving(url, broker, log) as (process, address):
            await health(address, 200)
            device = talker(count=FIRST)
            await device.connect(broker.host, broker.port)
            await device.drained(PATIENCE_S)
            async with Visitor(address, "Ada", PASSWORD, "/desk/locker/L1") as operator:
                before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
                for n in range(MORE):
                    device.record(1_790_000_000 + n, kind="closed", door=n % 2, purpose=1)
                told = await health(address, 503)
                assert Failure.DISK.sentence in told["wrong"] and not told["database"]
                await operator.click("Beep and blink")
                await operator.sees("The disk of the database fails")
                order = {"door": 0}
                async with httpx2.AsyncClient(base_url=address, timeout=PATIENCE_S) as client:
                    by = {"authorization": f"Bearer {key}"}
                    answer = await client.post("/lockers/L1/open", json=order, headers=by)
                    assert answer.status_code == 503 and "retry-after" in answer.headers, answer.text
                    assert Failure.DISK.told in answer.json()["detail"]
                    assert (await client.get("/livez")).status_code == 200
                assert process.returncode is None and device.acknowledged == FIRST
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
                await device.drained(PATIENCE_S)
                assert (await health(address, 200))["database"]
            await device.disconnect()

    go(scene)
    assert stored(url) == FIRST + MORE
    said = [line for line in log[0].splitlines() if " WARNING " in line or " ERROR " in line]
    assert any(Failure.DISK.told in line for line in said) and len(said) < 10, log[0]
    assert "Traceback" not in log[0] and "the database does again what is asked of it" in log[0], log[0]
