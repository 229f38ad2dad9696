"""A cabinet, a board and a small firmware made of drivers only, on any simulated ground.

The firmware of a test is text: it runs after ``PRELUDE`` as ``main.py``, drives real drivers, and
tells the test what they reported by printing ``event`` lines.  The test moves the cabinet's parts
from outside and lets time pass.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from consigne import firmware_dir
from consigne.sim.board.board import HARD, Board
from consigne.sim.clock import VirtualClock
from consigne.sim.grounds.pacedclock import PacedClock
from consigne.sim.grounds.process import BoardThread, MicroPythonGround
from consigne.sim.grounds.pyground import VirtualGround
from consigne.sim.parts.cabinet import Cabinet

GPIO_DOORS = tuple(zip((13, 18, 19, 23), (34, 35, 36, 39), strict=True))

CONFIG: dict[str, Any] = {
    "board": "esp32",
    "arm_pin": 25,
    "i2c": [{"id": 0, "scl": 22, "sda": 21, "freq_hz": 100_000}],
    "expanders": [{"kind": "mcp23017", "i2c": 0, "address": 32, "int_pin": 14}],
    "doors": [
        {
            "name": str(number + 1),
            "lock": {"bank": "gpio", "channel": relay},
            "reed": {"bank": "gpio", "channel": reed},
            "closed_level": 0,
        }
        for number, (relay, reed) in enumerate(GPIO_DOORS)
    ]
    + [
        {
            "name": str(number + 5),
            "lock": {"bank": "mcp23017@0:32", "channel": number},
            "reed": {"bank": "mcp23017@0:32", "channel": number + 8},
            "closed_level": number & 1,
        }
        for number in range(8)
    ],
    "keypad": {"kind": "matrix", "rows": [26, 27, 32, 33], "cols": [4, 5, 15], "keys": "123456789*0#"},
    "scanner": {"kind": "gm65", "uart": 2, "tx": 17, "rx": 16, "baud": 9600},
    "display": {"kind": "hd44780", "i2c": 0, "address": 39, "columns": 20, "rows": 4},
    "buzzer": {"pin": 2},
    "led": {"pin": 12},
}

PRELUDE = """
import asyncio
import json

from locker.drivers.banks import Banks
from locker.drivers.board import buses

with open("config.json") as file:
    config = json.load(file)


def sink(event):
    print("event", json.dumps(event))


def report(text):
    print("event", json.dumps(["report", text]))


def make_banks():
    return Banks(config["doors"], config["expanders"], buses(config["i2c"]))

"""


class Rig:
    """Common to both grounds: the parts, and what the firmware printed.

    ``events`` are the reported events as ``(time_ms, [kind, ...])``; ``prints`` every other line.
    """

    def __init__(
        self, board: Board, directory: Path, program: str, config: dict[str, Any], seed: int
    ) -> None:
        self.board = board
        self.cabinet = Cabinet(board, config, seed)
        self.events: list[tuple[float, list[Any]]] = []
        self.prints: list[str] = []
        self.resets = 0
        board.log = self._log
        self.firmware = directory / "firmware"
        self.firmware.mkdir()
        (self.firmware / "locker").symlink_to(firmware_dir() / "locker")
        (self.firmware / "main.py").write_text(PRELUDE + program, encoding="utf-8")
        self.directory = directory
        (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def _log(self, at_us: int, what: str, detail: str) -> None:
        if what == "reset":
            self.resets += 1
        if what != "stdout":
            return
        if detail.startswith("event "):
            self.events.append((at_us / 1000, json.loads(detail[6:])))
        else:
            self.prints.append(detail)

    def taken(self) -> list[list[Any]]:
        """The events since the last call, without their times."""
        events = [event for _, event in self.events]
        self.events.clear()
        return events

    def doors_told(self) -> dict[int, bool]:
        """The newest report of each door."""
        return {event[1]: event[2] for _, event in self.events if event[0] == 5}

    def events_seen(self) -> list[list[Any]]:
        return [event for _, event in self.events]


class VirtualRig(Rig):
    """On CPython under virtual time: as fast as it computes, the same for the same seed."""

    def __init__(self, directory: Path, program: str, config: dict[str, Any] = CONFIG, seed: int = 1) -> None:
        self.clock = VirtualClock()
        super().__init__(Board(self.clock), directory, program, config, seed)
        self.ground = VirtualGround(self.board, directory, self.firmware, seed=seed)
        self.ended: list[str] = []
        self.ground.on_end = self.ended.append
        self.board.on_reset = lambda cause: self._restart()
        self.board.power_on()
        self.ground.start()

    def _restart(self) -> None:
        self.ground.kill()
        self.ground.start()

    def reset(self) -> None:
        """Reset the chip, as its button does."""
        self.board.reset(HARD)

    def run(self, duration_ms: float) -> None:
        """Let time pass; a firmware that ended is an error."""
        self.clock.run_for(duration_ms / 1000)
        assert not self.ended, [*self.ended, *self.prints]

    def run_until(self, condition: Callable[[], bool], timeout_ms: int = 10_000) -> int:
        """Let time pass until ``condition`` holds, at most ``timeout_ms``; returns how long (ms)."""
        for passed_ms in range(timeout_ms):
            if condition():
                return passed_ms
            self.run(1)
        raise AssertionError(f"not within {timeout_ms} ms; events {self.events[-20:]}")


def watched(rig: VirtualRig) -> list[int]:
    """Count rising edges of every relay line, by door, from now on."""
    rises = [0] * len(rig.cabinet.doors)

    def watch(number: int) -> Callable[[int], None]:
        def changed(level: int) -> None:
            rises[number] += level

        return changed

    for number, door in enumerate(rig.cabinet.doors):
        door.strike.line.on_change(watch(number))
    return rises


def at_each_step(
    tmp_path: Path,
    make: Callable[[Path], VirtualRig],
    happen: Callable[[VirtualRig], object],
    run_ms: int,
    least: int,
    stride: int = 1,
) -> Iterator[tuple[int, VirtualRig]]:
    """Yield a rig for each step of the firmware; ``happen(rig)`` was called before that step returned.

    ``make`` builds a rig in a directory; ``run_ms`` is how long it runs, in which it takes at least ``least``
    steps; ``stride`` passes over steps where there are hundreds.
    """
    step = 0
    while True:
        directory = tmp_path / str(step)
        directory.mkdir()
        rig = make(directory)
        port = rig.ground.interpreter.port
        handle, left = port.handle, [step]

        def counted(
            op: Any, number: int, payload: Any, rig: Any = rig, handle: Any = handle, left: Any = left
        ) -> Any:
            answer = handle(op, number, payload)
            left[0] -= 1
            if left[0] == -1:
                happen(rig)
            return answer

        port.handle = counted
        rig.run(run_ms)
        if left[0] >= 0:
            assert step > least, f"it takes more than {least} steps"
            return
        yield step, rig
        step += stride


class MicroPythonRig(Rig):
    """On MicroPython under shared time; use as a context manager."""

    def __init__(self, directory: Path, program: str, config: dict[str, Any] = CONFIG, seed: int = 1) -> None:
        self.clock = PacedClock()
        super().__init__(Board(self.clock), directory, program, config, seed)
        self.failures: list[str] = []
        self.ground = MicroPythonGround(self.board, directory, self.firmware, heap_kb=256)
        self.ground.on_end = self.failures.append
        self.thread = BoardThread(self.clock, self.ground, self.failures.append)

    def __enter__(self) -> "MicroPythonRig":
        self.thread.start()
        self.call(self.board.power_on)
        self.call(self.ground.start)
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self.ground.kill)
        self.thread.stop()

    def call(self, function: Callable[[], Any]) -> Any:
        """Run ``function`` on the board's thread, where all of physics lives."""
        return self.thread.call(function)

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = 120.0) -> None:
        """Wait until ``condition`` holds on the board's thread."""
        end_s = time.monotonic() + timeout_s
        while not self.call(condition):
            assert not self.failures, [*self.failures, *self.prints]
            assert time.monotonic() < end_s, [*self.prints[-5:], *self.events[-20:]]
            time.sleep(0.002)
