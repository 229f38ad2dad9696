"""How long a technician waits: the speed of sending an application to a board.

The virtual board's port has the timing of a serial line at 115,200 baud, and its flash that of a real one.
Measured with an official image, and (``.._romfs``) with one that executes the application in place.
"""

import tempfile
import time
from pathlib import Path

from consigne import firmware_dir
from consigne.device import image, interpreter, push
from consigne.device.board import Board
from consigne.device.serialline import BAUD
from consigne.firmware import application, rom
from consigne.sim.virtualboard import image as chip_image
from consigne.sim.virtualboard.board import VirtualBoard

GOALS = {
    "device.push_ratio": "<= 1.5",
    "device.push_ratio_romfs": "<= 1.5",
    "device.push_changed_s": "<= 3",
    "device.push_changed_s_romfs": "<= 3",
    "device.app_bytes": "<= 162889",
}

KINDS = {chip_image.OFFICIAL_PSRAM: "", chip_image.ROMFS: "_romfs"}
"""Images of the board, and how the keys of their numbers end."""

_BITS_PER_BYTE = 10  # a start bit and a stop bit


def run() -> dict[str, float]:
    """Every number; takes two minutes."""
    files = compiled()
    found: dict[str, float] = {"device.app_bytes": sum(len(data) for data in files.values())}
    with tempfile.TemporaryDirectory() as folder:
        for kind, ending in KINDS.items():
            ratio, changed_s = _timed(Path(folder, kind), files, kind)
            found[f"device.push_ratio{ending}"] = ratio
            found[f"device.push_changed_s{ending}"] = changed_s
    return found


def compiled() -> dict[str, bytes]:
    """The application's files as they lie on a board."""
    with tempfile.TemporaryDirectory() as work:
        return rom.compiled(rom.sources(firmware_dir()), Path(work))


def packed(files: dict[str, bytes]) -> application.Application:
    """The argument of ``push``, made of these files."""
    return application.Application(rom.pack(files), application.build().boot_files)


def new_board(folder: Path, files: dict[str, bytes] | None, kind: str, *, paced: bool) -> VirtualBoard:
    """A board as ``device flash`` leaves it, with an image of this kind, this application or none."""
    folder.mkdir()
    release = folder / "micropython.bin"
    release.write_bytes(chip_image.release("v1.28.0", kind=kind))
    parts = image.parts(interpreter.read(release), packed(files or {}), fresh=True)
    if files is None:
        parts = [part for part in parts if part.what != "application"]
    (folder / "flash.bin").write_bytes(image.whole_flash(parts))
    return VirtualBoard(folder / "flash.bin", link=folder / "port", paced=paced)


def _timed(folder: Path, files: dict[str, bytes], kind: str) -> tuple[float, float]:
    """``(a full push against the time of its bytes alone, seconds of a push with one file changed)``.

    It is below 1 if compression saves more time than erasing, programming and verifying take.

    Measured from the board in service to the verified application; the second value from a serving board, and
    the slowest of three: with a file at the front of the image, in its middle and at its end.
    """
    with new_board(folder, None, kind, paced=True) as board, Board(board.port) as line:
        line.enter_service()
        started = time.monotonic()
        push.push(line, packed(files))
        full_s = time.monotonic() - started
        line.restart(service=True)
        line.survey()
        push.push(line, packed({**files, "main.mpy": files["main.mpy"] + bytes(1)}))  # both slots in use
        names = sorted(files)
        slowest_s = 0.0
        for number, name in enumerate((names[0], names[len(names) // 2], names[-1])):
            files = {**files, name: files[name] + bytes(8 + number)}
            started = time.monotonic()
            line.restart(service=True)
            push.push(line, packed(files))
            slowest_s = max(slowest_s, time.monotonic() - started)
    wire_s = sum(len(data) for data in files.values()) * _BITS_PER_BYTE / BAUD
    return full_s / wire_s, slowest_s
