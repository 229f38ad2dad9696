"""For the tests of the virtual board: a board with MicroPython on it, the real tools, a port in the hand."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import serial
from consigne.sim.virtualboard.board import VirtualBoard, install

PATIENCE_S = 180.0  # ends a test that hangs, not one that is slow


@contextmanager
def board_at(
    folder: Path, config: Any = None, version: str = "v1.28.0", **more: Any
) -> Iterator[VirtualBoard]:
    """A running board; nothing in the simulation itself may have failed when it is done."""
    flash = folder / "flash.bin"
    if not flash.exists():
        install(flash, version)
    with VirtualBoard(flash, config, **more) as board:
        yield board
        assert not board.failures, board.failures


def let_pass(board: VirtualBoard, seconds: float) -> None:
    """So much of the board's time: what it would do meanwhile is done, on a busy computer too."""
    until_us = board.clock.now_us() + round(seconds * 1_000_000)
    board.wait_for(lambda: board.clock.now_us() >= until_us, max(seconds, 10.0))


def tool(name: str, *arguments: object, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """Run mpremote or esptool as a technician does."""
    command = [sys.executable, "-m", name, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout_s)


def mpremote(board: VirtualBoard, *arguments: object) -> str:
    """What it printed; it must have succeeded."""
    done = tool("mpremote", "connect", board.port, *arguments)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def esptool(board: VirtualBoard, *arguments: object) -> subprocess.CompletedProcess[str]:
    return tool("esptool", "--port", board.port, *arguments)


class Port:
    """The port, opened as any terminal program opens it."""

    def __init__(self, board: VirtualBoard) -> None:
        self._serial = serial.Serial(board.port, 115_200, timeout=0.05, exclusive=True)
        self._ahead = bytearray()  # read, not asked for yet: a byte at a time, 100 kB took minutes
        self._asked = 0

    def __enter__(self) -> "Port":
        return self

    def __exit__(self, *_: object) -> None:
        self._serial.close()

    def write(self, data: bytes) -> None:
        self._serial.write(data)

    def until(self, ending: bytes, patience_s: float = PATIENCE_S) -> bytes:
        """Everything up to and with ``ending``."""
        end_s = time.monotonic() + patience_s
        looked = 0
        while (found := self._ahead.find(ending, max(0, looked - len(ending)))) < 0:
            looked = len(self._ahead)
            assert time.monotonic() < end_s, (ending, len(self._ahead), bytes(self._ahead[-1000:]))
            self._ahead += self._more()
        return self._taken(found + len(ending))

    def take(self, count: int) -> bytes:
        """The next bytes, exactly so many."""
        end_s = time.monotonic() + PATIENCE_S
        while len(self._ahead) < count:
            assert time.monotonic() < end_s, (count, bytes(self._ahead[-1000:]))
            self._ahead += self._more()
        return self._taken(count)

    def quiet(self, for_s: float = 0.2) -> bytes:
        """What comes until nothing has come for so long."""
        last_s = time.monotonic()
        while time.monotonic() - last_s < for_s:
            data = self._more()
            if data:
                self._ahead += data
                last_s = time.monotonic()
        return self._taken(len(self._ahead))

    def _more(self) -> bytes:
        """What has come, at least a byte unless nothing comes for a while."""
        return bytes(self._serial.read(self._serial.in_waiting or 1))

    def _taken(self, count: int) -> bytes:
        data = bytes(self._ahead[:count])
        del self._ahead[:count]
        return data

    def to_prompt(self) -> None:
        """Interrupt whatever runs, leave the raw prompt, and read all that was said until then."""
        self._asked += 1
        answer = b"'prompt %d'" % self._asked
        self.write(b"\r\x03\x02" + answer + b"\r")
        self.until(answer + b"\r\n>>> ")

    def to_raw(self) -> None:
        self.to_prompt()
        self.write(b"\x01")
        self.until(b"raw REPL; CTRL-B to exit\r\n>")

    def raw(self, program: str) -> tuple[bytes, bytes]:
        """Run a program at the raw prompt; what it printed and what went wrong."""
        self.write(program.encode() + b"\x04")
        self.until(b"OK")
        return self.until(b"\x04")[:-1], self.until(b"\x04>")[:-2]


def eventually(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """What ``condition`` returns, as soon as it is true."""
    end_s = time.monotonic() + patience_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end_s, f"not within {patience_s} s: {what}"
        time.sleep(0.01)
