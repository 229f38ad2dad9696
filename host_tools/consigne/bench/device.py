"""A technician's minutes: how fast an application goes over the wire, and what an update survives.

The virtual board's port takes its time as a serial line at 115,200 baud does, and its flash as flash
does; the cuts are tried with both as fast as they can be.
"""

import random
import tempfile
import time
from pathlib import Path

from consigne.device import application, image, interpreter, push, rom
from consigne.device.board import BAUD, Board
from consigne.device.troubles import DeviceError
from consigne.firmware_path import firmware_dir
from consigne.sim.virtualboard import image as chip_image
from consigne.sim.virtualboard.board import VirtualBoard

GOALS = {
    "device.push_ratio": "<= 1.5",
    "device.push_changed_s": "<= 3",
    "device.app_bytes": "<= 200000",
    "device.cuts_survived": ">= 200",
}

CUTS = 200
_BITS_PER_BYTE = 10  # a start bit and a stop bit
_SMALL = ("main.mpy", "locker/__init__.mpy")
_NEVER = 1 << 40
_START_S = 20  # of a board that got its supply just now, on a machine that may be busy


def run() -> dict[str, float]:
    """Every number of the technician's commands; takes some three minutes, the cuts most of it."""
    files = _compiled()
    with tempfile.TemporaryDirectory() as folder:
        ratio, changed_s = _timed(Path(folder, "timed"), files)
        survived = _cut(Path(folder, "cut"), files)
    return {
        "device.push_ratio": ratio,
        "device.push_changed_s": changed_s,
        "device.app_bytes": sum(len(data) for data in files.values()),
        "device.cuts_survived": survived,
    }


def _compiled() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as work:
        return rom.compiled(rom.sources(firmware_dir()), Path(work))


def _application(files: dict[str, bytes]) -> application.Application:
    return application.Application(rom.pack(files), application.build().boot_files)


def _board(folder: Path, files: dict[str, bytes] | None, *, paced: bool) -> VirtualBoard:
    """A board as ``device flash`` leaves it, with this application or with none."""
    folder.mkdir()
    release = folder / "micropython.bin"
    release.write_bytes(chip_image.release("v1.28.0"))
    parts = image.parts(interpreter.read(release), _application(files or {}), fresh=True)
    if files is None:
        parts = [part for part in parts if part.what != "application"]
    (folder / "flash.bin").write_bytes(image.whole_flash(parts))
    return VirtualBoard(folder / "flash.bin", link=folder / "port", paced=paced)


def _timed(folder: Path, files: dict[str, bytes]) -> tuple[float, float]:
    """``(a full push against the time of its bytes alone, seconds of a push with one file changed)``.

    From the board in service to the new application verified; the second from the board that serves, and
    the slowest of three, with a file at the front of the image, in its middle and at its end.
    """
    with _board(folder, None, paced=True) as board, Board(board.port) as line:
        line.enter_service()
        started = time.monotonic()
        push.push(line, _application(files))
        full_s = time.monotonic() - started
        line.restart(service=True)
        line.survey()
        push.push(
            line, _application({**files, "main.mpy": files["main.mpy"] + bytes(1)})
        )  # both slots in use
        names = sorted(files)
        slowest_s = 0.0
        for number, name in enumerate((names[0], names[len(names) // 2], names[-1])):
            files = {**files, name: files[name] + bytes(8 + number)}
            started = time.monotonic()
            line.restart(service=True)
            push.push(line, _application(files))
            slowest_s = max(slowest_s, time.monotonic() - started)
    wire_s = sum(len(data) for data in files.values()) * _BITS_PER_BYTE / BAUD
    return full_s / wire_s, slowest_s


def _cut(folder: Path, files: dict[str, bytes]) -> int:
    """Cable, supply or reset button at a random byte of an update, each time; how many it survived.

    After each the board starts an application that is whole, and the same command again ends well.
    """
    seed = random.randrange(1 << 32)
    print(f"device.cuts_survived: seed {seed}")
    rng = random.Random(seed)
    small = {name: files[name] for name in _SMALL}
    survived = 0
    with _board(folder, small, paced=False) as board:
        generation = 1
        for number in range(CUTS):
            # Every twentieth is the whole application, the others a few kilobytes.
            chosen = files if number % 20 == 19 else small
            wanted = _application({**chosen, "number.bin": rng.randbytes(2000)})
            generation = _one_cut(board, wanted, generation, rng)
            survived += 1
    return survived


def _one_cut(
    board: VirtualBoard, wanted: application.Application, generation: int, rng: random.Random
) -> int:
    cut = rng.choice((board.pull_cable_after, board.cut_power_after, board.reset_after))
    cut(rng.randrange(100, 2 * len(wanted.image) if rng.random() < 0.5 else 10_000))
    try:
        with Board(board.port) as line:
            line.enter_service()
            push.push(line, wanted)
    except DeviceError:
        pass  # as it should be; what counts is what comes next
    board.pull_cable_after(_NEVER)
    board.pull_cable()
    board.plug_cable()
    if not board.powered:
        board.restore_power()
    with Board(board.port, patience_s=_START_S) as line:
        slot, started = line.enter_service()["started"][2:]
        if slot < 0 or started < generation:
            raise AssertionError(f"after a cut slot {slot} started, generation {started} of {generation}")
        done = push.push(line, wanted)
        line.restart(service=True)
        if line.survey()["started"][2:] != [done.slot, done.generation]:
            raise AssertionError("the application that was pushed does not start")
    return done.generation
