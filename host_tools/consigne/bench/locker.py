"""The whole firmware on the MicroPython interpreter: key to relay, and start.

The journal is a full one: 200 grants, 1,000 events that no host has taken.  Keys and relays are timed
by the simulated board, outside the interpreter, on the demo's doors whose relays hang on pins (an
expander adds the time of its bus); the start is that of 48 doors on expanders.

Two more measurements say how much of the latency is whose.  ``latency.noise_*``: the same keys, keypad
driver and relay in the same run, with a firmware that decides nothing: what machine and simulator
take by themselves.  ``latency.waits_*``: the whole firmware under virtual time, where computing
takes none: what it waits for buses, flash and its own sleeps.
"""

import math
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .. import codes
from ..demo import cabinet
from ..demo.headless import HAND_S
from ..firmware_path import firmware_dir, import_locker
from ..sim.clock import VirtualClock
from ..sim.flash import NorFlash
from ..sim.locker import FLASH_BYTES, SimLocker

records = import_locker("core.records")
events = import_locker("core.events")
log = import_locker("journal.log")

GOALS = {
    "latency.key_to_relay_after_debounce_p99_ms": "<= 2",
}

DOORS = 48
GRANTS = 200
EVENTS = 1_000
PICK_UPS = 120
DEBOUNCE_MS = 20
KEYS_PER_S = 8.0
HEAP_MAX_KB = 1024
NOW_S = 1_795_200_000
MESSAGE_S = 7  # as long as a message stays on the display
# On the display: a key was lost because the machine stood still while it was down.
MISTYPED = ("not known", "A code has")
# The keypad's driver and the relay's, and nothing between them.
NO_DECISION = """
import asyncio
import gc
import json

from locker.drivers.keypad import MatrixKeypad
from locker.drivers.relays import GpioRelay, RelayLocks

with open("config.json") as file:
    config = json.load(file)
part = config["keypad"]
keypad = MatrixKeypad(part["rows"], part["cols"], part["keys"], part["debounce_ms"])
channel = [door["lock"]["channel"] for door in config["doors"] if door["lock"]["bank"] == "gpio"][0]
locks = RelayLocks((GpioRelay(channel),), (), config["arm_pin"])


def sink(event):
    if event[1] == "#":
        locks.start(0, 100)
    gc.collect()


async def main():
    task = asyncio.create_task(keypad.run(sink))
    print("ready")
    while True:
        locks.busy()
        await asyncio.sleep_ms(20)


asyncio.run(main())
"""


def config() -> dict[str, Any]:
    """48 doors on six MCP23017: three chips of relays, three of reeds."""
    base = cabinet.config(1)
    base["expanders"] = [
        {"kind": "mcp23017", "i2c": 0, "address": 32 + chip, "int_pin": (-1, -1, -1, 13, 18, 19)[chip]}
        for chip in range(6)
    ]
    base["doors"] = [
        {
            "name": str(door + 1),
            "size": 1 + door % 4,
            "lock": {"bank": f"mcp23017@0:{32 + door // 16}", "channel": door % 16},
            "reed": {"bank": f"mcp23017@0:{35 + door // 16}", "channel": door % 16},
            "closed_level": 0,
        }
        for door in range(DOORS)
    ]
    base["keypad"]["debounce_ms"] = DEBOUNCE_MS
    del base["network"]
    return base


def code_of(door: int) -> str:
    """The standing code of a compartment."""
    return f"{10_000_000 + door * 1_234_567 % 90_000_000:08d}"


def fill_journal(path: Path, device_key: bytes) -> None:
    """A journal with all grants and events in it, as months of service would leave it."""
    flash = NorFlash(FLASH_BYTES, str(path))
    journal = log.Journal(flash)
    journal.open()
    for number in range(GRANTS):
        door = number if number < DOORS else records.ANY_DOOR
        tag = codes.listed_tag(device_key, code_of(number))
        parcel = "" if number < DOORS else f"JD{number:016d}"
        uses = 0 if number < DOORS else 1
        until_s = NOW_S + 86_400 * 30
        who = (events.RESIDENT, events.COLLECT, 0)
        row = (number + 1, NOW_S, until_s, *who, door, uses, tag, parcel)
        journal.append(records.GRANT, records.pack(records.GRANT, *row), NOW_S)
    journal.append(records.GRANTS_VERSION, records.pack(records.GRANTS_VERSION, 1), NOW_S)
    for number in range(EVENTS):
        fields = (1, events.RESIDENT, events.COLLECT, 0, number, f"JD{number:016d}")
        payload = records.pack(records.ACCEPTED, *fields)
        journal.append(records.ACCEPTED, payload, NOW_S + number)
    flash.close()


@contextmanager
def locker(
    template: Path,
    identity: dict[str, Any],
    heap_kb: int,
    wanted: dict[str, Any],
    kind: type[SimLocker] = SimLocker,
) -> Iterator[SimLocker]:
    """A locker so configured on a copy of the prepared flash; stopped at the end."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(template, Path(directory, "journal.bin"))
        sim = kind(wanted, identity, Path(directory), heap_kb=heap_kb)
        try:
            yield sim
        finally:
            sim.stop()


def await_ready(sim: SimLocker) -> float:
    """Seconds from power to the line "ready"."""
    started = time.monotonic()
    sim.start()
    sim.wait_for(lambda: "ready" in sim.output() or sim.ends, 30)
    if sim.ends:
        raise MemoryError(sim.ends[0])
    return time.monotonic() - started


class Mistyped(Exception):
    """The code did not arrive as it was typed."""


def said(sim: SimLocker, *texts: str) -> bool:
    """Whether the display shows one of these."""
    shown = " ".join(sim.display())
    return any(text in shown for text in texts)


def pick_up(sim: SimLocker, door: int) -> tuple[int, int, int]:
    """Type the code of a compartment; when the last key touched, came to rest, and the relay moved: us.

    Raises ``Mistyped`` when a key was lost on the way, ``TimeoutError`` when nothing happened.
    """
    seen: list[tuple[int, str, str]] = []
    sim.listeners.append(seen.append)
    sim.type(code_of(door) + "#", KEYS_PER_S)
    sim.wait_for(lambda: said(sim, "Take your parcel", *MISTYPED) or sim.ends, 10)
    sim.listeners.remove(seen.append)
    if sim.ends:
        raise MemoryError(sim.ends[0])
    if said(sim, *MISTYPED):
        raise Mistyped
    touch_us = next(at for at, what, detail in seen if (what, detail) == ("key", "# down"))
    relay_us = next(at for at, what, detail in seen if (what, detail) == ("relay", f"{door + 1} on"))
    assert sim.cabinet.keypad is not None
    rest_us = sim.cabinet.keypad.settled_us["#"]
    if isinstance(sim.clock, VirtualClock):
        sim.run_for(HAND_S)
    else:
        time.sleep(HAND_S)
    sim.push_shut(door)
    sim.wait_for(lambda: "* opens once more" in "".join(sim.display()), 10)
    return touch_us, rest_us, relay_us


def latency(template: Path, identity: dict[str, Any]) -> dict[str, float]:
    """Key to relay of the whole firmware, of none, and of the whole when computing takes no time."""
    wanted = {**cabinet.config(1), "network": {}}
    wanted["keypad"]["debounce_ms"] = DEBOUNCE_MS
    on_pins = [index for index, door in enumerate(wanted["doors"]) if door["lock"]["bank"] == "gpio"]
    times: list[tuple[int, int, int]] = []
    with locker(template, identity, HEAP_MAX_KB, wanted) as sim:
        await_ready(sim)
        while len(times) < PICK_UPS:
            try:
                times.append(pick_up(sim, on_pins[len(times) % len(on_pins)]))
            except Mistyped:
                time.sleep(MESSAGE_S)
    from_touch_ms = [(relay_us - touch_us) / 1000 for touch_us, _, relay_us in times]
    return {
        "latency.key_to_relay_p50_ms": statistics.median(from_touch_ms),
        "latency.key_to_relay_p99_ms": p99(from_touch_ms),
        **after_debounce(
            "key_to_relay_after_debounce", [(rest_us, relay_us) for _, rest_us, relay_us in times]
        ),
        **after_debounce("noise", noise(wanted, identity, on_pins[0])),
        **after_debounce("waits", waits(template, identity, wanted, on_pins)),
    }


def after_debounce(name: str, times: list[tuple[int, int]]) -> dict[str, float]:
    """Two figures of ``(key at rest, relay)`` in microseconds."""
    from_rest_ms = [(relay_us - rest_us) / 1000 - DEBOUNCE_MS for rest_us, relay_us in times]
    return {
        f"latency.{name}_p50_ms": statistics.median(from_rest_ms),
        f"latency.{name}_p99_ms": p99(from_rest_ms),
    }


def noise(wanted: dict[str, Any], identity: dict[str, Any], door: int) -> list[tuple[int, int]]:
    """The same keys, and a firmware that opens whatever they are."""
    times = []
    with tempfile.TemporaryDirectory() as directory:
        firmware = Path(directory, "firmware")
        firmware.mkdir()
        (firmware / "locker").symlink_to(firmware_dir() / "locker")
        (firmware / "main.py").write_text(NO_DECISION)
        sim = SimLocker(wanted, identity, Path(directory), firmware=firmware, heap_kb=HEAP_MAX_KB)
        try:
            await_ready(sim)
            for _ in range(PICK_UPS):
                seen: list[tuple[int, str, str]] = []
                sim.listeners.append(seen.append)
                sim.type(code_of(door) + "#", KEYS_PER_S)
                on = f"{door + 1} on"
                sim.wait_for(lambda on=on, seen=seen: any(line[1:] == ("relay", on) for line in seen), 10)  # type: ignore[misc]
                sim.listeners.remove(seen.append)
                assert sim.cabinet.keypad is not None
                relay_us = next(at for at, what, detail in seen if (what, detail) == ("relay", on))
                times.append((sim.cabinet.keypad.settled_us["#"], relay_us))
                sim.push_shut(door)
                time.sleep(HAND_S)
        finally:
            sim.stop()
    return times


def waits(
    template: Path, identity: dict[str, Any], wanted: dict[str, Any], doors: list[int]
) -> list[tuple[int, int]]:
    """The same pick-ups under virtual time, begun at moments spread over a second."""
    times = []
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(template, Path(directory, "journal.bin"))
        sim = SimLocker(wanted, identity, Path(directory), ground="virtual")
        try:
            sim.start()
            for number in range(PICK_UPS):
                sim.run_for(1 + number / PICK_UPS)
                _, rest_us, relay_us = pick_up(sim, doors[number % len(doors)])
                times.append((rest_us, relay_us))
        finally:
            sim.stop()
    return times


def p99(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


def starts(template: Path, identity: dict[str, Any]) -> dict[str, float]:
    """To "ready" with the full journal, beside the same interpreter started with nothing to do."""
    ready_s = []
    bare_s = []
    for _ in range(5):
        with locker(template, identity, HEAP_MAX_KB, config()) as sim:
            ready_s.append(await_ready(sim))
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "firmware").mkdir()
            Path(directory, "firmware", "main.py").write_text("print('ready')\n")
            sim = SimLocker(config(), identity, Path(directory), firmware=Path(directory, "firmware"))
            try:
                bare_s.append(await_ready(sim))
            finally:
                sim.stop()
    return {
        "boot.ready_ms": 1000 * statistics.median(ready_s),
        "boot.interpreter_ms": 1000 * statistics.median(bare_s),
    }


def run() -> dict[str, float]:
    """All numbers of this module."""
    identity = cabinet.identity()
    with tempfile.TemporaryDirectory() as directory:
        template = Path(directory, "journal.bin")
        fill_journal(template, bytes.fromhex(identity["device_key"]))
        return {
            **latency(template, identity),
            **starts(template, identity),
        }
