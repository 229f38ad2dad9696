"""A locker of 48 doors with a full journal, as months of service would leave it: how soon it is ready.

200 grants, 1,000 events that no host has taken, the doors on expanders.  ``latency`` and ``heap`` measure the
same locker, with functions from here.
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consigne.cabinet.deviceconfig import Identity, WiredConfig
from consigne.demo.headless import HAND_S
from consigne.protocol import codes
from consigne.sim import reference
from consigne.sim.board.flash import NorFlash
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import FLASH_BYTES, SimLocker
from locker.core import events, records
from locker.core.codes import journal_tag
from locker.journal import log

from .machine import undisturbed

GOALS: dict[str, str] = {}

DOORS = 48
GRANTS = 200
EVENTS = 1_000
DEBOUNCE_MS = 20
KEYS_PER_S = 8.0
HEAP_MAX_KB = 1024
NOW_S = 1_795_200_000
MESSAGE_S = 7  # as long as a message stays on the display
# On the display: a key was lost because the machine stood still while it was down.
MISTYPED = ("not known", "A code has")

NOTHING_TO_DO = "import time\nprint('ready')\ntime.sleep(60)\n"


def config() -> WiredConfig:
    """48 doors on six MCP23017: three chips of relays, three of reeds."""
    base = reference.config(1)
    base["expanders"] = [
        {"kind": "mcp23017", "i2c": 0, "address": 32 + chip, "int_pin": (-1, -1, -1, 4, 5, 6)[chip]}
        for chip in range(6)
    ]
    base["doors"] = [
        {
            "name": str(door + 1),
            "size": 1 + door % 4,
            "lock": {"bank": f"mcp23017@0:{32 + door // 16}", "channel": door % 16},
            "reed": {"bank": f"mcp23017@0:{35 + door // 16}", "channel": door % 16},
            "low": False,
            "closed_level": 0,
        }
        for door in range(DOORS)
    ]
    del base["network"]
    return at_once(base)


def at_once(base: WiredConfig) -> WiredConfig:
    """With a fast keypad, so that its debouncing is not measured."""
    if base["keypad"]["kind"] != "matrix":
        raise ValueError("measured with a keypad of a matrix: the demo's cabinet has one")
    base["keypad"]["debounce_ms"] = DEBOUNCE_MS
    return base


def code_of(door: int) -> str:
    """The standing code of a compartment."""
    return f"{10_000_000 + door * 1_234_567 % 90_000_000:08d}"


def fill_journal(path: Path, device_key: bytes, grants: int = GRANTS, events_unsent: int = EVENTS) -> None:
    """A journal with this many grants and events, as after months of service."""
    flash = NorFlash(FLASH_BYTES, str(path))
    journal = log.Journal(flash)
    journal.open()
    tag = journal_tag(device_key, journal.epoch)
    journal.snapshot([(records.BOUND, records.pack(records.BOUND, tag, 0))], NOW_S)
    for number in range(grants):
        door = number if number < DOORS else records.ANY_DOOR
        tag = codes.listed_tag(device_key, code_of(number))
        parcel = "" if number < DOORS else f"JD{number:016d}"
        uses = 0 if number < DOORS else 1
        until_s = NOW_S + 86_400 * 30
        who = (events.RESIDENT, events.COLLECT, 0)
        row = (number + 1, NOW_S, until_s, *who, door, uses, tag, parcel)
        journal.append(records.GRANT, records.pack(records.GRANT, *row), NOW_S)
    journal.append(records.GRANTS_VERSION, records.pack(records.GRANTS_VERSION, 1), NOW_S)
    for number in range(events_unsent):
        fields = (1, events.RESIDENT, events.COLLECT, 0, number, f"JD{number:016d}")
        payload = records.pack(records.ACCEPTED, *fields)
        journal.append(records.ACCEPTED, payload, NOW_S + number)
    flash.close()


@contextmanager
def locker(
    template: Path,
    identity: Identity,
    heap_kb: int,
    wanted: WiredConfig,
    kind: type[SimLocker] = SimLocker,
    firmware: Path | None = None,
) -> Iterator[SimLocker]:
    """A locker with this configuration on a copy of the prepared flash; stopped at the end."""
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(template, Path(directory, "journal.bin"))
        Path(directory, "ca.der").write_bytes(b"\x30\x00")  # looked at by a ``tls`` of C only
        sim = kind(wanted, identity, Path(directory), heap_kb=heap_kb, firmware=firmware)
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


def broke_down(sim: SimLocker) -> bool:
    """Whether the firmware ended, or had a fault that restarts it, such as too little memory."""
    return bool(sim.ends) or any("MemoryError" in line or "fault:" in line for line in sim.output())


class Mistyped(Exception):
    """The code did not arrive as it was typed."""


def said(sim: SimLocker, *texts: str) -> bool:
    """Whether the display shows one of these."""
    shown = " ".join(sim.display())
    return any(text in shown for text in texts)


def pick_up(sim: SimLocker, door: int) -> tuple[int, int, int]:
    """Type the code of a compartment; returns when the last key touched, settled, and the relay moved (us).

    Raises ``Mistyped`` when a key was lost on the way, ``MemoryError`` when the firmware broke down, and
    ``TimeoutError`` when nothing happened.
    """
    seen: list[tuple[int, str, str]] = []
    sim.listeners.append(seen.append)
    sim.type(code_of(door) + "#", KEYS_PER_S)
    sim.wait_for(lambda: said(sim, "Take your parcel", *MISTYPED) or broke_down(sim), 10)
    sim.listeners.remove(seen.append)
    if broke_down(sim):
        raise MemoryError(sim.ends or sim.output()[-1])
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
    sim.wait_for(lambda: "* opens once more" in "".join(sim.display()) or broke_down(sim), 10)
    return touch_us, rest_us, relay_us


def starts(template: Path, identity: Identity) -> dict[str, float]:
    """Time to "ready" with the full journal, and of the same interpreter with nothing to do."""
    ready_s = []
    bare_s = []
    for _ in range(5):
        with locker(template, identity, HEAP_MAX_KB, config()) as sim:
            ready_s.append(await_ready(sim))
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "firmware").mkdir()
            Path(directory, "firmware", "main.py").write_text(NOTHING_TO_DO)
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
    identity = reference.identity()
    with tempfile.TemporaryDirectory() as directory:
        template = Path(directory, "journal.bin")
        fill_journal(template, bytes.fromhex(identity["device_key"]))
        with undisturbed():
            return starts(template, identity)
