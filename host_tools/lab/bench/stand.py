"""A board with a cabinet and a small firmware made of drivers only, under virtual time.

For measurements below the whole locker: the program drives real drivers on simulated parts and
prints ``event <JSON>`` lines, which are read here with their times.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from consigne import firmware_dir
from consigne.cabinet.deviceconfig import Wiring
from consigne.sim.board.board import Board
from consigne.sim.clock import VirtualClock
from consigne.sim.grounds.pyground import VirtualGround
from consigne.sim.parts.cabinet import Cabinet

PRELUDE = """
import asyncio
import json

with open("config.json") as file:
    config = json.load(file)


def sink(event):
    print("event", json.dumps(event))


def report(text):
    print("report", text)

"""


class StandConfig(Wiring, total=False):
    """The part of a device's configuration for drivers; ``pulses`` and ``forever`` are the program's."""

    pulses: list[int]
    forever: bool


class Stand:
    """Use it as a context manager; ``events`` are ``(time_us, [kind, ...])``."""

    def __init__(self, program: str, config: StandConfig, seed: int = 1) -> None:
        self.clock = VirtualClock()
        self.board = Board.of(config, self.clock)
        self.cabinet = Cabinet(self.board, config, seed)
        self.events: list[tuple[int, list[Any]]] = []
        self.ended: list[str] = []
        self._directory = tempfile.TemporaryDirectory()
        root = Path(self._directory.name)
        firmware = root / "firmware"
        firmware.mkdir()
        (firmware / "locker").symlink_to(firmware_dir() / "locker")
        (firmware / "main.py").write_text(PRELUDE + program, encoding="utf-8")
        (root / "config.json").write_text(json.dumps(config), encoding="utf-8")
        self.ground = VirtualGround(self.board, root, firmware, seed=seed)
        self.ground.on_end = self.ended.append
        self.board.log = self._log
        self.board.on_reset = lambda cause: self._restart()

    def __enter__(self) -> "Stand":
        self.board.power_on()
        self.ground.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ground.kill()
        self._directory.cleanup()

    def _log(self, at_us: int, what: str, detail: str) -> None:
        if what == "stdout" and detail.startswith("event "):
            self.events.append((at_us, json.loads(detail[6:])))

    def _restart(self) -> None:
        self.ground.kill()
        self.ground.start()

    def run(self, duration_ms: float) -> None:
        """Let time pass; raises if the firmware has ended."""
        self.clock.run_for(duration_ms / 1000)
        if self.ended:
            raise RuntimeError(self.ended[0])

    def at_step(self, step: int, happen: Callable[[], Any]) -> Callable[[], bool]:
        """Have ``happen()`` called instead of letting the firmware's step number ``step`` return.

        A step is any request of the firmware to the board.  Returns a function that tells whether the
        firmware has reached the step.
        """
        if self.ground.interpreter is None:
            raise RuntimeError("the firmware is not running")
        port = self.ground.interpreter.port
        handle, left = port.handle, [step]

        def counted(op: int, number: int, payload: bytes) -> bytes:
            answer = handle(op, number, payload)
            left[0] -= 1
            if left[0] == -1:
                happen()
            return answer

        port.handle = counted  # type: ignore[method-assign]
        return lambda: left[0] < 0
