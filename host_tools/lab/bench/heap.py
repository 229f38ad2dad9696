"""How much of MicroPython's heap the firmware takes: the product's scarcest resource.

``heap.peak_bytes`` is found from outside, by bisection: the smallest heap in which a 48-door locker with a
full journal starts and serves, so that no short peak can be missed between two readings of ``gc``;
``heap.online_bytes`` is the same with a network whose broker is down, so that events are unsent.
``heap.simulator_bytes`` is the share of both taken by modules that are C on a board.

Pointers are twice as wide here as on an ESP32.  ``heap.peak_32bit_bytes`` and the others so named are the
same on an interpreter whose pointers are as wide as the ESP32's (``narrow.py``); they are left out on a
machine where it could not be built.  So are two of whole lockers that reached their broker by TLS, less what
is the simulator's: ``heap.loaded_bytes``, 48 doors with the application loaded into the heap, as an official
image with PSRAM does it, and ``heap.in_place_online_bytes``, 12 doors, 50 grants and 200 unsent events with
the application executed in place: beside Wi-Fi and TLS a board without PSRAM has 112,000 bytes at most.

``python -m lab.bench.heap`` prints the use of the heap: bytes for each module and for each structure, on
the 64-bit interpreter (an older one does not let a program see relative imports).
"""

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consigne import firmware_dir
from consigne.broker.broker import EmbeddedBroker
from consigne.cabinet.deviceconfig import DeviceNetwork, Identity, WiredConfig
from consigne.firmware import rom
from consigne.sim import reference
from consigne.sim.grounds.process import interpreter
from consigne.sim.locker import SimLocker
from rich.console import Console
from rich.table import Table

from . import locker, narrow
from .machine import undisturbed

GOALS = {"heap.peak_bytes": "<= 160000"}
if narrow.interpreter():
    GOALS |= {
        "heap.peak_32bit_bytes": f"<= {118 * 1024}",
        "heap.loaded_bytes": "<= 240000",
        "heap.in_place_online_bytes": "<= 98000",
    }

STEP_KB = 2
MAX_KB = 512
TRIES = 6
CONNECTED_S = 30.0
# Doors, grants, unsent events: of a board whose application is loaded into PSRAM, and of one without.
LARGE = locker.DOORS, locker.GRANTS, locker.EVENTS
SMALL = 12, 50, 200
TLS = Path(__file__).with_name("narrow_tls.py")
PROBE = Path(__file__).with_name("probe_heap.py")
# Modules that are C on a board: the shims, and the modules they import.
SHIMS = "import gc, machine, esp32, network; gc.collect(); print('heap', gc.mem_alloc())\n"
BARE = "import asyncio, gc; asyncio.Event, asyncio.wait_for_ms; gc.collect(); print(gc.mem_alloc())"


def offline() -> WiredConfig:
    return locker.config()


def online() -> WiredConfig:
    """The same with a network, but without a broker at its address."""
    return {**locker.config(), "network": {**reference.config(1)["network"], "port": 1}}


@dataclass(frozen=True)
class Secured:
    """A network with a broker by TLS, which is C and not in Python's heap."""

    firmware: Path
    """With a ``tls`` for the 32-bit interpreter, which lacks one: it passes the bytes on unchanged."""
    wanted: WiredConfig


@contextmanager
def secured(doors: int) -> Iterator[Secured]:
    """A locker with only the first doors, connected until the block ends."""
    broker = EmbeddedBroker()
    asyncio.run(broker.start())
    network: DeviceNetwork = {**reference.config(broker.port)["network"], "tls": True}
    whole = locker.config()
    with tempfile.TemporaryDirectory() as directory:
        firmware = Path(directory, "firmware")
        shutil.copytree(firmware_dir(), firmware, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(TLS, firmware / "tls.py")
        try:
            yield Secured(firmware, {**whole, "doors": whole["doors"][:doors], "network": network})
        finally:
            asyncio.run(broker.stop())


def plays(
    template: Path,
    identity: Identity,
    heap_kb: int,
    wanted: WiredConfig,
    kind: type[SimLocker] = SimLocker,
    firmware: Path | None = None,
) -> bool:
    """Whether a start and three pick-ups succeed in a heap of this size; with TLS, also a connection.

    On a busy machine a key may be lost or a door late: that tells nothing about the heap, and is tried again.
    Raises ``TimeoutError`` when it fails ``TRIES`` times.
    """
    for _ in range(TRIES):
        with locker.locker(template, identity, heap_kb, wanted, kind, firmware) as sim:
            done = False
            try:
                _serve(sim, wanted)
                done = True
            except (TimeoutError, locker.Mistyped):
                pass  # the output shows whether the heap was too small
            except MemoryError:  # the firmware ended
                return False
            if locker.broke_down(sim):
                return False
            if done:
                return True
    raise TimeoutError(f"no three pick-ups in {TRIES} tries; is this machine very busy?")


def _serve(sim: SimLocker, wanted: WiredConfig) -> None:
    """Start, connect where a broker answers, and hand out three parcels.

    Raises ``TimeoutError`` and ``Mistyped`` for what did not happen, ``MemoryError`` for a locker that ended.
    """
    locker.await_ready(sim)
    cut = sim.netcut if wanted.get("network", {}).get("tls") else None
    if cut:
        sim.wait_for(lambda: cut.connections or locker.broke_down(sim), CONNECTED_S)
    last = len(wanted["doors"]) - 1
    for door in (0, last // 3, last):
        if locker.broke_down(sim):
            raise MemoryError
        locker.pick_up(sim, door)
    if cut and not cut.connections:
        raise TimeoutError("the connection broke")


def smallest_kb(
    template: Path,
    identity: Identity,
    wanted: WiredConfig,
    kind: type[SimLocker] = SimLocker,
    firmware: Path | None = None,
) -> int:
    """By bisection, to ``STEP_KB``; too small is what fails twice, as a busy machine causes faults too."""
    low, high = 0, MAX_KB
    while high - low > STEP_KB:
        middle = (low + high) // 2
        if any(plays(template, identity, middle, wanted, kind, firmware) for _ in range(2)):
            high = middle
        else:
            low = middle
    return high


def simulator_bytes(program: str, kind: type[SimLocker]) -> int:
    """The bytes of the modules that are C on a board, compared with an interpreter with asyncio alone."""
    bare = subprocess.run([program, "-c", BARE], check=True, capture_output=True, text=True, timeout=10)
    with tempfile.TemporaryDirectory() as directory:
        firmware = Path(directory, "firmware")
        firmware.mkdir()
        (firmware / "main.py").write_text(SHIMS)
        sim = kind(offline(), reference.identity(), Path(directory), firmware=firmware)
        try:
            sim.start()
            sim.wait_for(lambda: any(line.startswith("heap ") for line in sim.output()))
            shims = next(int(line[5:]) for line in sim.output() if line.startswith("heap "))
        finally:
            sim.stop()
    return shims - int(bare.stdout)


def measure(template: Path, identity: Identity, program: str, kind: type[SimLocker]) -> tuple[int, int, int]:
    """Bytes without a network, with one, and the simulator's share of each."""
    peak = 1024 * smallest_kb(template, identity, offline(), kind)
    with_network = 1024 * smallest_kb(template, identity, online(), kind)
    return peak, with_network, simulator_bytes(program, kind)


def served_bytes(kind: type[SimLocker], doors: int, grants: int, events: int, simulator: int) -> int:
    """The smallest heap, net, in which a locker of this size serves and reaches its broker by TLS."""
    identity = reference.identity()
    with tempfile.TemporaryDirectory() as directory, secured(doors) as online:
        template = Path(directory, "journal.bin")
        locker.fill_journal(template, bytes.fromhex(identity["device_key"]), grants, events)
        peak_kb = smallest_kb(template, identity, online.wanted, kind, online.firmware)
    return 1024 * peak_kb - simulator


def run() -> dict[str, float]:
    """All numbers of this module."""
    grounds: list[tuple[str, str, type[SimLocker]]] = [("", interpreter(), SimLocker)]
    if program := narrow.interpreter():
        grounds.append(("_32bit", program, narrow.NarrowLocker))
    identity = reference.identity()
    numbers: dict[str, float] = {}
    with undisturbed(), tempfile.TemporaryDirectory() as directory:
        template = Path(directory, "journal.bin")
        locker.fill_journal(template, bytes.fromhex(identity["device_key"]))
        for width, program, kind in grounds:
            peak, with_network, simulator = measure(template, identity, program, kind)
            numbers[f"heap.peak{width}_bytes"] = peak
            numbers[f"heap.firmware{width}_bytes"] = peak - simulator
            numbers[f"heap.simulator{width}_bytes"] = simulator
            numbers[f"heap.online{width}_bytes"] = with_network
        if narrow.interpreter():
            simulator = int(numbers["heap.simulator_32bit_bytes"])
            numbers["heap.loaded_bytes"] = served_bytes(narrow.LoadedLocker, *LARGE, simulator)
            numbers["heap.in_place_online_bytes"] = served_bytes(narrow.NarrowLocker, *SMALL, simulator)
    return numbers


def where(wanted: WiredConfig) -> list[tuple[str, str, int]]:
    """``(what, name, bytes)`` of every module and structure, as ``probe_heap.py`` finds them."""
    identity = reference.identity()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        firmware = root / "firmware"
        shutil.copytree(firmware_dir(), firmware, ignore=shutil.ignore_patterns("__pycache__"))
        (firmware / "main.py").rename(firmware / "application.py")
        shutil.copy(PROBE, firmware / "main.py")
        locker.fill_journal(root / "journal.bin", bytes.fromhex(identity["device_key"]))
        rom.image(firmware)  # built before the board's thread asks for it: that takes a busy machine long
        sim = SimLocker(wanted, identity, root, firmware=firmware, heap_kb=2 * MAX_KB)
        try:
            sim.start()
            sim.wait_for(lambda: any('"end"' in line for line in sim.output()) or sim.ends, 30)
            lines = [json.loads(line) for line in sim.output() if line.startswith("[")]
        finally:
            sim.stop()
    return [(what, name, count) for what, name, count in lines]


def main() -> None:
    """Print the users of the heap, the largest first."""
    rows = where(online())
    table = Table("what", "name", "bytes")
    for what, name, count in sorted(rows, key=lambda row: (row[0], -row[2])):
        table.add_row(what, name, f"{count:,}")
    Console().print(table)


if __name__ == "__main__":
    main()
