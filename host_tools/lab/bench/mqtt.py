"""Events to a broker, one at a time and pipelined; the outbox to the host's database.

Everything runs on the real interpreter against mosquitto, each number with its reference, in the same run.
"""

import asyncio
import json
import secrets
import tempfile
from pathlib import Path

from consigne import firmware_dir
from consigne.broker.broker import Mosquitto
from consigne.server.service import HostService
from consigne.sim.grounds.process import interpreter

GOALS = {
    "mqtt.qos1_vs_wait_each": ">= 100",
    "mqtt.drain_heap_growth_bytes": "<= 24000",
}

LOCKER = "BENCH"  # as in ``probe_mqtt.py``
PROBE_TIMEOUT_S = 120.0
RUN_TIMEOUT_S = 400.0


def run() -> dict[str, float]:
    """Every number, with its key as in ``GOALS``; takes about 15 s.

    ``mqtt.qos1_vs_wait_each`` compares 5,000 events of 120 bytes through the window with 150 of
    the same that each wait for their PUBACK, written in five pieces as umqtt.simple does: on the
    second piece Nagle's algorithm waits for the peer's delayed acknowledgement.
    ``mqtt.wait_each_one_write_per_s`` is the same without that mistake.  ``mqtt.drain_events_per_s`` is from
    the journal to an acknowledged commit in SQLite.
    """
    return asyncio.run(asyncio.wait_for(_run(), RUN_TIMEOUT_S))


async def _run() -> dict[str, float]:
    broker = Mosquitto(settings="allow_anonymous true\nmax_queued_messages 0")
    await broker.start()
    try:
        seen = await _probe("publish", broker.port)
        for mode in ("drain", "heap"):
            seen.update(await _with_host(mode, broker.port))
    finally:
        await broker.stop()
    return {
        "mqtt.pipelined_per_s": seen["pipelined_per_s"],
        "mqtt.wait_each_per_s": seen["wait_each_per_s"],
        "mqtt.wait_each_one_write_per_s": seen["wait_each_one_write_per_s"],
        "mqtt.qos1_vs_wait_each": seen["pipelined_per_s"] / seen["wait_each_per_s"],
        "mqtt.drain_events_per_s": seen["drain_per_s"],
        "mqtt.drain_heap_growth_bytes": seen["heap_growth"],
    }


async def _with_host(mode: str, port: int) -> dict[str, float]:
    """Run the probe as the locker of a host with an empty database."""
    key = secrets.token_bytes(32)
    with tempfile.TemporaryDirectory(prefix="consigne-bench-") as directory:
        host = HostService(f"sqlite:///{directory}/host.db", "127.0.0.1", port)
        await asyncio.to_thread(host.fleet.register, LOCKER, key)
        await host.start()
        try:
            await host.ready()
            return await _probe(mode, port, key.hex())
        finally:
            await host.stop()


async def _probe(*arguments: str | int) -> dict[str, float]:
    probe = Path(__file__).with_name("probe_mqtt.py")
    package = Path(__file__).resolve().parents[2] / "consigne"  # its first lines are not for MicroPython
    command = [interpreter(), "-X", "heapsize=8m", str(probe), str(firmware_dir()), str(package)]
    process = await asyncio.create_subprocess_exec(
        *command, *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), PROBE_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"the probe failed: {output.decode(errors='replace')[-2_000:]}")
    seen: dict[str, float] = json.loads(output)
    return seen
