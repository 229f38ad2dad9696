"""From a customer's last key to the relay: the whole firmware on the MicroPython interpreter.

The journal is a full one: 200 grants, 1,000 events that no host has taken; the doors are the demo's whose
relays hang on pins (an expander adds the time of its bus).

``latency.key_to_relay_*``
    From the last key's first touch to the relay's edge, both by the clock of the simulated board, so across
    two processes; ``.._after_debounce_*`` from the end of the contact's bounce, less the debounce time.
``latency.debounced_key_to_relay_*``
    Of the same pick-ups, by the interpreter's own clock: from the debounced key's arrival at the controller
    until the write to the relay's line is done, three journal records between (``probe_latency.py``).
``.._best_of_3_p99_ms``
    Three lockers are given the same keys, with the same bounce, and keep the same journal: the least of the
    three for each pick-up.  A delay of the machine affects one of them; the firmware's own work at this
    pick-up (a new sector, a garbage collection) affects all three.
``latency.noise_*``
    The same keypad driver and relay, with a firmware that decides nothing: the time of machine and simulator.
``latency.waits_*``
    The whole firmware under virtual time, where computing takes none: its waits for flash, and its sleeps.

An ESP32 has its processor for itself.  So simulator and interpreter run here before everything else where the
system allows that (``latency.realtime_scheduling`` 1, else 0).  ``latency.kept_waiting_p99_ms`` is how long,
from touch to relay, they were ready to run but did not.
"""

import queue
import shutil
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from consigne import firmware_dir
from consigne.cabinet.deviceconfig import Identity, WiredConfig
from consigne.sim import reference
from consigne.sim.locker import Line, SimLocker

from . import locker
from .machine import memory, undisturbed

GOALS = {
    "latency.key_to_relay_after_debounce_p99_ms": "<= 2",
    "latency.key_to_relay_after_debounce_best_of_3_p99_ms": "<= 2",
    "latency.debounced_key_to_relay_best_of_3_p99_ms": "<= 2",
}

PICK_UPS = 80
"""Of each locker."""
LOCKERS = 3
TOUCHES = 100
DEBOUNCE_MS = 20
KEYS_PER_S = 12.0
SHUT_S = 0.4
HEAP_KB = 1024
ANSWER_S = 5.0
# Only the drivers of keypad and relay.
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


@dataclass(frozen=True, slots=True)
class Seen:
    """One last key and its relay, in microseconds; ``kept_waiting_us`` is None where Linux does not tell."""

    touch_us: int
    rest_us: int
    relay_us: int
    kept_waiting_us: int | None = None

    @property
    def after_debounce_ms(self) -> float:
        return (self.relay_us - self.rest_us) / 1000 - DEBOUNCE_MS


class Watch:
    """Takes the times of "#" and one relay on the board's thread, so that no other thread disturbs it."""

    def __init__(self, sim: SimLocker, door: int) -> None:
        self._sim = sim
        self._on = ("relay", f"{door + 1} on")
        self._thread = sim.call(threading.get_native_id)
        self._touch: tuple[int, int | None] = 0, None
        self.seen: queue.SimpleQueue[Seen] = queue.SimpleQueue()

    def __call__(self, line: Line) -> None:
        at_us, what, detail = line
        if (what, detail) == ("key", "# down"):
            self._touch = at_us, self._waited_us()
        elif (what, detail) == self._on and self._sim.cabinet.keypad:
            touch_us, before_us = self._touch
            now_us = self._waited_us()
            waited_us = None if before_us is None or now_us is None else now_us - before_us
            self.seen.put(Seen(touch_us, self._sim.cabinet.keypad.settled_us["#"], at_us, waited_us))

    def _waited_us(self) -> int | None:
        """How long board and interpreter were ready to run but did not, so far (proc(5), schedstat)."""
        pid = self._sim.ground.pid if self._sim.thread and hasattr(self._sim.ground, "pid") else None
        try:
            files = f"/proc/self/task/{self._thread}/schedstat", f"/proc/{pid}/schedstat"
            return sum(int(Path(file).read_text().split()[1]) for file in files) // 1000
        except OSError:
            return None


def run() -> dict[str, float]:
    """All numbers of this module; takes five minutes, since simulated people are slow at a door."""
    identity = reference.identity()
    wanted = locker.at_once(reference.config(1))
    del wanted["network"]
    doors = [index for index, door in enumerate(wanted["doors"]) if door["lock"]["bank"] == "gpio"]
    with tempfile.TemporaryDirectory(dir=memory()) as directory:
        root = Path(directory)
        template = root / "journal.bin"
        locker.fill_journal(template, bytes.fromhex(identity["device_key"]))
        with undisturbed() as allowed:
            lockers = whole(root / "whole", template, identity, wanted, doors)
            noise = touches(root / "noise", identity, wanted, doors[0])
        under_virtual_time = waits(root / "virtual", template, identity, wanted, doors)
    pick_ups = [seen for one in lockers for seen in one.seen]
    waited_us = [seen.kept_waiting_us for seen in pick_ups if seen.kept_waiting_us is not None]
    after_ms = [[seen.after_debounce_ms for seen in one.seen] for one in lockers]
    took_ms = [one.took_ms for one in lockers]
    return {
        **_figures("key_to_relay", [(seen.relay_us - seen.touch_us) / 1000 for seen in pick_ups]),
        **_of_all("key_to_relay_after_debounce", after_ms),
        **_of_all("debounced_key_to_relay", took_ms),
        **_figures("noise", [seen.after_debounce_ms for seen in noise]),
        **_figures("waits", [seen.after_debounce_ms for seen in under_virtual_time]),
        **({"latency.kept_waiting_p99_ms": p99(waited_us) / 1000} if waited_us else {}),
        "latency.realtime_scheduling": float(allowed),
    }


def _of_all(name: str, lockers_ms: list[list[float]]) -> dict[str, float]:
    """The figures of all pick-ups of all lockers, and of the best locker at each pick-up."""
    best_ms = [min(pick_up) for pick_up in zip(*lockers_ms, strict=True)]
    every = _figures(name, [value_ms for one in lockers_ms for value_ms in one])
    return {**every, f"latency.{name}_best_of_3_p99_ms": p99(best_ms)}


def _figures(name: str, values_ms: list[float]) -> dict[str, float]:
    return {f"latency.{name}_p50_ms": statistics.median(values_ms), f"latency.{name}_p99_ms": p99(values_ms)}


def p99(values: list[Any]) -> Any:
    """The smallest of the values that 99 % do not exceed."""
    return sorted(values)[ceil(0.99 * len(values)) - 1]


class Measured:
    """A serving locker, its times seen from outside, and the times it reported."""

    def __init__(self, sim: SimLocker, doors: list[int]) -> None:
        self.seen: list[Seen] = []
        self.took_ms: list[float] = []
        self._sim = sim
        self._doors = doors
        self._open = -1
        sim.listeners.append(self._hear)

    def _hear(self, line: Line) -> None:
        if line[1] == "stdout" and line[2].startswith("took "):
            self.took_ms.append(int(line[2].split()[1]) / 1000)

    def pick_up(self) -> None:
        """Type the next code; once more, if the keypad missed a key."""
        door = self._doors[len(self.seen) % len(self._doors)]
        while self._open < 0:
            try:
                self.seen.append(_typed(self._sim, door, locker.code_of(door)))
                self._open = door
            except queue.Empty:
                if not locker.said(self._sim, *locker.MISTYPED):
                    raise TimeoutError(f"nothing opens: {self._sim.display()}, {self._sim.ends}") from None
                time.sleep(locker.MESSAGE_S)

    def push_shut(self) -> None:
        """Push the door shut after the parcel is out; returns when the next customer may type."""
        if self._open >= 0:
            self._sim.push_shut(self._open)
            self._sim.wait_for(lambda: locker.said(self._sim, "* opens once more"), ANSWER_S)
            self._open = -1


def whole(
    root: Path, template: Path, identity: Identity, wanted: WiredConfig, doors: list[int]
) -> list[Measured]:
    """Pick-ups at several lockers: while a code is typed at one, parcels are taken at the others."""
    firmware = root / "firmware"
    shutil.copytree(firmware_dir(), firmware, ignore=shutil.ignore_patterns("__pycache__"))
    (firmware / "main.py").rename(firmware / "application.py")
    shutil.copy(Path(__file__).with_name("probe_latency.py"), firmware / "main.py")
    sims = []
    try:
        for number in range(LOCKERS):
            own = root / str(number)
            own.mkdir()
            shutil.copy(template, own / "journal.bin")
            sims.append(SimLocker(wanted, identity, own, firmware=firmware, heap_kb=HEAP_KB))
        for sim in sims:
            locker.await_ready(sim)
        lockers = [Measured(sim, doors) for sim in sims]
        for turn in range(PICK_UPS * LOCKERS):
            lockers[turn % LOCKERS].pick_up()
            lockers[(turn + 1) % LOCKERS].push_shut()
        time.sleep(SHUT_S)  # the last one has yet to report
    finally:
        for sim in sims:
            sim.stop()
    for one in lockers:
        if len(one.took_ms) != len(one.seen):
            raise RuntimeError(f"{len(one.seen)} pick-ups, and {len(one.took_ms)} were timed within")
    return lockers


def _typed(sim: SimLocker, door: int, code: str) -> Seen:
    """Type a code; ``queue.Empty`` when no relay follows."""
    watch = Watch(sim, door)
    sim.listeners.append(watch)
    try:
        seconds = sim.type(code + "#", KEYS_PER_S)
        return watch.seen.get(timeout=seconds + ANSWER_S)
    finally:
        sim.listeners.remove(watch)


def touches(root: Path, identity: Identity, wanted: WiredConfig, door: int) -> list[Seen]:
    """Only the last key, and a firmware that opens at any key."""
    firmware = root / "firmware"
    firmware.mkdir(parents=True)
    (firmware / "locker").symlink_to(firmware_dir() / "locker")
    (firmware / "main.py").write_text(NO_DECISION)
    sim = SimLocker(wanted, identity, root, firmware=firmware, heap_kb=HEAP_KB)
    seen = []
    try:
        locker.await_ready(sim)
        for _ in range(TOUCHES):
            seen.append(_typed(sim, door, ""))
            time.sleep(SHUT_S)
            sim.push_shut(door)
    finally:
        sim.stop()
    return seen


def waits(
    root: Path, template: Path, identity: Identity, wanted: WiredConfig, doors: list[int]
) -> list[Seen]:
    """The same pick-ups under virtual time, begun at moments spread over a second."""
    root.mkdir()
    shutil.copy(template, root / "journal.bin")
    sim = SimLocker(wanted, identity, root, ground="virtual")
    seen = []
    try:
        sim.start()
        for number in range(PICK_UPS):
            sim.run_for(1 + number / PICK_UPS)
            seen.append(Seen(*locker.pick_up(sim, doors[number % len(doors)])))
    finally:
        sim.stop()
    return seen
