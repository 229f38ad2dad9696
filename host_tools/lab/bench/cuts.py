"""Interrupted updates: cable, supply or reset button at a random byte, then the same command again.

Several virtual boards are tried at once, each in a process of its own: most of the time is spent waiting for
a silent board.  Bytes and flash are as fast as possible.
"""

import multiprocessing
import random
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from consigne.device import push
from consigne.device.board import Board
from consigne.device.errors import DeviceError
from consigne.firmware import application
from consigne.sim.virtualboard.board import VirtualBoard

from .machine import memory, undisturbed
from .push import KINDS, compiled, new_board, packed

GOALS = {
    "device.cuts_survived": ">= 200",
    "device.cuts_not_survived": "== 0",
    "device.cuts_survived_romfs": ">= 200",
    "device.cuts_not_survived_romfs": "== 0",
}

BOARDS = 5
CUTS = 40
"""Of each board."""
_WHOLE_EACH = 12  # every so many updates send the whole application, the others a few kilobytes
_SMALL = ("main.mpy", "locker/__init__.mpy")
_NEVER = 1 << 40
_GIVE_UP_S = 3.0
"""How long the interrupted command asks a board that the cut left silent to serve again."""
_START_S = 20  # start time of a board just powered on, on a machine that may be busy


def run() -> dict[str, float]:
    """The numbers; takes some seven minutes."""
    found: dict[str, float] = {}
    for kind, ending in KINDS.items():
        seeds = [random.SystemRandom().randrange(1 << 32) for _ in range(BOARDS)]
        with ProcessPoolExecutor(BOARDS, multiprocessing.get_context("spawn")) as boards:
            survived = sum(boards.map(board, seeds, [CUTS] * BOARDS, [kind] * BOARDS))
        found[f"device.cuts_survived{ending}"] = survived
        found[f"device.cuts_not_survived{ending}"] = BOARDS * CUTS - survived
    return found


def board(seed: int, cuts: int, kind: str) -> int:
    """How many of these updates boards survive, one after another; a board that does not is replaced.

    After each it must start a whole application, and the same command must then succeed.
    """
    rng = random.Random(seed)
    files = compiled()
    lost = number = 0
    with undisturbed():  # its usual time limit is for real boards, not for a busy machine that simulates them
        while number < cuts:
            with tempfile.TemporaryDirectory(dir=memory()) as folder:
                number = _until_lost(Path(folder, "cut"), files, rng, number, cuts, kind)
            if number < cuts:
                print(f"cuts.board({seed}, {cuts}, {kind!r}) did not survive number {number}", flush=True)
                number += 1
                lost += 1
    return cuts - lost


def _until_lost(
    folder: Path, files: dict[str, bytes], rng: random.Random, number: int, cuts: int, kind: str
) -> int:
    """The number of the cut that this board did not survive, ``cuts`` if it survived all that were left."""
    small = {name: files[name] for name in _SMALL}
    with new_board(folder, small, kind, paced=False) as chip:
        generation = 1
        while number < cuts:
            chosen = files if number % _WHOLE_EACH == _WHOLE_EACH - 1 else small
            wanted = packed({**chosen, "number.bin": rng.randbytes(2000)})
            try:
                generation = _one_cut(chip, wanted, generation, rng)
            except (AssertionError, DeviceError) as error:
                print(error, flush=True)
                break
            number += 1
    return number


def _one_cut(chip: VirtualBoard, wanted: application.Application, generation: int, rng: random.Random) -> int:
    """Interrupt an update, try again; returns the generation that starts now."""
    cut = rng.choice((chip.pull_cable_after, chip.cut_power_after, chip.reset_after))
    cut(rng.randrange(100, 2 * len(wanted.image) if rng.random() < 0.5 else 10_000))
    try:
        with Board(chip.port, patience_s=_GIVE_UP_S) as line:
            line.enter_service()
            push.push(line, wanted)
    except DeviceError:
        pass  # expected; the next steps decide
    chip.pull_cable_after(_NEVER)
    chip.pull_cable()
    chip.plug_cable()
    if not chip.powered:
        chip.restore_power()
    with Board(chip.port, patience_s=_START_S) as line:
        slot, started = (line.enter_service()["started"] or [])[2:]
        if slot < 0 or started < generation:
            raise AssertionError(f"after a cut slot {slot} started, generation {started} of {generation}")
        done = push.push(line, wanted)
        line.restart(service=True)
        if (line.survey()["started"] or [])[2:] != [done.slot, done.generation]:
            raise AssertionError("the application that was pushed does not start")
    return done.generation
