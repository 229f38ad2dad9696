"""The journal's cost in flash and processor time, compared with littlefs and plain reading.

A *record byte* is a byte of the record as a file would hold it: length u8, kind u8, seq u32, time
u32, CRC u32 and the payload, without any padding.  littlefs is given exactly these bytes.
"""

import json
import subprocess
from importlib import import_module
from pathlib import Path

from consigne import firmware_dir
from consigne.sim.board.flash import NorFlash
from consigne.sim.grounds.process import interpreter
from locker import config
from locker.core.core import Core
from locker.journal.log import Journal
from locker.site import Site

from . import locker
from .machine import undisturbed

Traffic = import_module(f"{__package__}.traffic").Traffic  # after ``consigne``, which provides ``locker``

GOALS = {
    "journal.program_bytes_per_record_byte": "<= 1.3",
    "journal.erases_per_1000_records": "<= 20",
    "journal.append_vs_littlefs_time": "<= 0.25",
    "journal.recover_vs_read": "<= 3",
    "journal.max_sector_erases_10y": "<= 10000",
    "journal.capacity_events": ">= 20000",
}

PLAIN_HEAD_BYTES = 14
DAYS_IN_YEAR = 365
YEARS = 10


def run() -> dict[str, float]:
    """Every number; takes about two minutes, most of it the ten years."""
    return {**_years(), **_capacity(), **_interpreter()}


class _Life:
    """A locker's journal in use: traffic in, snapshots of the real core, sectors erased ahead."""

    def __init__(self, acknowledging: bool = True) -> None:
        self.flash = NorFlash()
        self.journal = Journal(self.flash)
        self.journal.open()
        site = Site(config.checked(locker.config()))
        self.core = Core(site, bytes(32))
        self.traffic = Traffic()
        self.records = self.events = self.record_bytes = self.packed_bytes = self.snapshots = 0
        self._acknowledging = acknowledging

    def day(self) -> None:
        for kind, payload, time_s in self.traffic.day():
            if payload is not None:
                seq = self.journal.append(kind, payload, time_s)
                self.core.apply(kind, time_s, payload)
                self._count(len(payload))
                self.events += seq > 0
            elif self._acknowledging:
                self.journal.acknowledge(self.journal.next_seq - 1, time_s)
                self._count(4)
            if self.journal.snapshot_due():
                self.journal.snapshot(self.core.snapshot(), time_s)
                self.snapshots += 1
        self.journal.maintain()

    def _count(self, payload_bytes: int) -> None:
        self.records += 1
        self.record_bytes += PLAIN_HEAD_BYTES + payload_bytes
        self.packed_bytes += 10 + payload_bytes


def _years() -> dict[str, float]:
    """One year for the bytes programmed, ten for the wear; the same locker."""
    life = _Life()
    for _ in range(DAYS_IN_YEAR):
        life.day()
    programmed = life.flash.programmed_bytes
    numbers = {
        "journal.program_bytes_per_record_byte": programmed / life.record_bytes,
        "journal.program_bytes_per_packed_byte": programmed / life.packed_bytes,
        "journal.erases_per_1000_records": sum(life.flash.erases) * 1000 / life.records,
        "journal.events_in_year": life.events,
        "journal.records_in_year": life.records,
        "journal.snapshots_in_year": life.snapshots,
    }
    for _ in range((YEARS - 1) * DAYS_IN_YEAR):
        life.day()
    numbers["journal.max_sector_erases_10y"] = max(life.flash.erases)
    return numbers


def _capacity() -> dict[str, float]:
    """How many events, and days, are kept without a host until the first is given up."""
    life = _Life(acknowledging=False)
    days = 0
    while True:
        life.day()
        oldest, *_ = next(life.journal.unacknowledged(0))
        if oldest > 1:
            break
        days += 1
        kept = life.events
    return {"journal.capacity_events": kept, "journal.capacity_days": days}


def _interpreter() -> dict[str, float]:
    """Times on MicroPython, with its littlefs; see ``probe_journal.py``."""
    probe = Path(__file__).with_name("probe_journal.py")
    command = [interpreter(), "-X", "heapsize=64m", str(probe), str(firmware_dir())]
    with undisturbed():
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    seen: dict[str, float] = json.loads(done.stdout)
    return {
        "journal.append_us": seen["append_us"],
        "journal.littlefs_append_us": seen["littlefs_us"],
        "journal.append_vs_littlefs_time": seen["append_us"] / seen["littlefs_us"],
        "journal.littlefs_program_bytes_per_record_byte": seen["littlefs_programmed"],
        "journal.littlefs_erases_per_1000_records": seen["littlefs_erases"],
        "journal.recover_us": seen["recover_us"],
        "journal.recover_vs_read": seen["recover_us"] / seen["read_us"],
        "journal.recovered_records": seen["recovered"],
    }
