"""A start from the application's slot: on an official image, which loads it, and on one with ROMFS.

The locker is that of ``locker.py``, 48 doors with a full journal, on virtual boards that differ in their
image alone.  ``boot.import_reads`` is how many times the official one reads its slots' flash from power to
"ready", over the blocks of the application's image; ``boot.loaded_vs_in_place`` how much longer it takes,
both less the time of a board that only prints "ready".
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

from consigne.device import image, interpreter
from consigne.firmware import application, layout
from consigne.sim import reference
from consigne.sim.virtualboard import image as chip_image
from consigne.sim.virtualboard.board import VirtualBoard

from . import locker
from .machine import memory, undisturbed

GOALS = {"boot.import_reads": "<= 1.2", "boot.loaded_vs_in_place": "<= 3"}

KINDS = {"loaded": chip_image.OFFICIAL_PSRAM, "in_place": chip_image.ROMFS}
STARTS = 7
START_S = 30
_LOOK_S = 0.002


def run() -> dict[str, float]:
    """The numbers; takes half a minute."""
    seconds, reads = {}, {}
    with tempfile.TemporaryDirectory(dir=memory()) as folder, undisturbed():
        for name, kind in KINDS.items():
            seconds[name], reads[name] = _median_s(flash_file(Path(folder, name), kind))
        idle_s = _median_s(_idle_flash(Path(folder, "idle")))[0]
    blocks = -(-len(application.build().image) // layout.SECTOR_BYTES)
    return {
        "boot.import_reads": reads["loaded"] / blocks,
        "boot.in_place_reads": reads["in_place"] / blocks,
        "boot.loaded_ms": 1000 * seconds["loaded"],
        "boot.in_place_ms": 1000 * seconds["in_place"],
        "boot.idle_ms": 1000 * idle_s,
        "boot.loaded_vs_in_place": (seconds["loaded"] - idle_s) / (seconds["in_place"] - idle_s),
    }


def _median_s(flash: Path) -> tuple[float, int]:
    """Seconds from power to "ready", the median; how often the last of these starts read the slots."""
    seconds = []
    for _ in range(STARTS):
        began_s = time.monotonic()
        with VirtualBoard(flash, locker.config()) as board:
            while "ready" not in board.output():
                if time.monotonic() - began_s > START_S:
                    raise TimeoutError(f"not ready within {START_S} s: {board.output()[-5:]}")
                time.sleep(_LOOK_S)
            seconds.append(time.monotonic() - began_s)
            reads = board.slot_reads
    return statistics.median(seconds), reads


def _idle_flash(folder: Path) -> Path:
    """The flash of a board that prints "ready" at once."""
    return _written(folder, chip_image.OFFICIAL_PSRAM, {"boot.py": b"", "main.py": b"print('ready')\n"})[0]


def flash_file(folder: Path, kind: str) -> Path:
    """The flash of a board that has served for months, with an image of this kind."""
    identity = reference.identity()
    files = {
        "config.json": json.dumps(locker.config()).encode(),
        "identity.json": json.dumps(identity).encode(),
    }
    flash, data = _written(folder, kind, files)
    journal = folder / "journal.bin"
    locker.fill_journal(journal, bytes.fromhex(identity["device_key"]))
    start = layout.partition("journal").offset
    data[start : start + journal.stat().st_size] = journal.read_bytes()
    flash.write_bytes(data)
    return flash


def _written(folder: Path, kind: str, files: dict[str, bytes]) -> tuple[Path, bytearray]:
    """A flash as ``device flash`` leaves it, with these files, and its bytes."""
    folder.mkdir()
    download, flash = folder / "micropython.bin", folder / "flash.bin"
    download.write_bytes(chip_image.release("v1.28.0", kind=kind))
    parts = image.parts(interpreter.read(download), application.build(), fresh=True, files=files)
    data = bytearray(image.whole_flash(parts))
    flash.write_bytes(data)
    return flash, data
