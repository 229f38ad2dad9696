"""Ground 2: the firmware on CPython under virtual time.

The firmware's files are executed in a module graph of their own, with the modules a device has bound to one
board and one virtual clock, so many lockers live in one process.  The firmware runs in a greenlet: when it
waits, the code that drives the clock goes on; when the board loses power, the greenlet is killed wherever it
is.
"""

import random
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from consigne import firmware_dir

from ..board.board import Board
from ..board.wire import Port
from ..clock import VirtualClock
from ..ground import PowerLost
from ..network.memory import MemoryNetwork
from ..shim import _ops
from . import modules as device
from .heap import Heap
from .kernel import Kernel
from .kernel_api import QuietConsole, asyncio_module
from .modulegraph import SHIM, ModuleGraph

SCHEDULED_MAX = 8
"""Interrupts that wait while the interpreter stands still: ``MICROPY_SCHEDULER_DEPTH`` of the ESP32 port."""
SPEND_US_MAX = 1_000  # shorter waits of a bus or the flash only move the clock


class Interpreter:
    """One life of the firmware, from power-up to its end."""

    def __init__(self, ground: "VirtualGround", generator: random.Random) -> None:
        self._ground = ground
        self._clock = ground.clock
        self.dead = False
        self.port = Port(ground.board, self._push)
        self.kernel = Kernel(self._clock.now_us, self._idle, self._alarm, self._report)
        self._pushes: list[tuple[int, int, int]] = []
        self._depth = 0
        self._idling = False
        self._line = ""
        self._handlers: dict[int, Callable[[int, int], Any]] = {}
        self.greenlet = greenlet(self._main)
        self._graph = self._make_graph(generator)

    def _make_graph(self, generator: random.Random) -> ModuleGraph:
        ground = self._ground
        ground.heap.start(
            self._clock.now_us, self._stall, lambda: max(piece[2] for piece in ground.board.heap.pieces())
        )
        given: dict[str, types.ModuleType] = {}
        given.update(
            asyncio=asyncio_module(self.kernel, ground.network),
            time=device.time_module(self._clock.now_us, self._clock.spend, self._sleep_us),
            random=device.random_module(generator),
            os=device.os_module(ground.directory, generator),
            sys=device.sys_module(given, self._write, QuietConsole(self.kernel)),
            gc=device.gc_module(ground.heap),
            socket=device.socket_module(),
            tls=device.tls_module(),
            micropython=device.micropython_module(self._schedule),
            _link=device.module("_link", ask=self._ask, post=self._post, subscribe=self._subscribe),
        )
        replaced = {"open": device.rooted_open(ground.directory), "print": self._print}
        return ModuleGraph(given, [SHIM, ground.firmware], replaced)

    # --- running ---------------------------------------------------------------------------------
    def _main(self) -> None:
        text = "the firmware ended"
        try:
            self._graph.run_main(self._ground.firmware / "main.py")
        except PowerLost:
            return
        except SystemExit as leaving:
            text += f" with exit status {leaving.code}"
        except BaseException as error:  # noqa: BLE001 - reported as the firmware's end
            self._write("".join(traceback.format_exception(error)))
            text += f": {type(error).__name__}: {error}"
        finally:
            if self.dead:
                self.kernel.drop_all()
        if not self.dead:
            self._ground.ended(text)

    def resume(self) -> None:
        """Continue the firmware; called by the clock."""
        if not self.dead:
            self.greenlet.parent = getcurrent()
            self.greenlet.switch()

    def kill(self) -> None:
        """Stop the firmware at once; when called from inside it, PowerLost is raised there."""
        if self.dead:
            return
        if self._line:
            self._write("\n")
        self.dead = self.port.closed = True
        if getcurrent() is self.greenlet:
            return  # ``_ask`` or ``_post`` raises as soon as the board has finished dying
        if self.greenlet:
            self.greenlet.parent = getcurrent()
            self.greenlet.throw(PowerLost)
        self.kernel.drop_all()

    def _wait(self, until_us: int | None) -> None:
        if until_us is not None and self._clock.skip_to(until_us):
            return
        timer = None if until_us is None else self._clock.call_at(until_us, self.resume)
        self.greenlet.parent.switch()
        if timer is not None:
            timer.cancel()
        if self.dead:
            raise PowerLost

    def _sleep_us(self, duration_us: int) -> None:
        if getcurrent() is self.greenlet:  # an interrupt handler cannot wait
            until_us = self._clock.now_us() + duration_us
            while self._clock.now_us() < until_us:
                self._wait(until_us)

    def _stall(self, duration_us: int) -> None:
        """Block the interpreter: interrupts are queued, as many as there is room for."""
        self._depth += 1
        try:
            self._sleep_us(duration_us)
        finally:
            self._depth -= 1
        self._deliver_waiting()

    def _idle(self, until_us: int | None) -> None:
        self._idling = True
        try:
            self._wait(until_us)
        finally:
            self._idling = False

    def _alarm(self) -> None:
        if self._idling and not self.dead:
            self._idling = False
            self._clock.call_in(0, self.resume)

    # --- the link --------------------------------------------------------------------------------
    def _subscribe(self, op: int, handler: Callable[[int, int], Any]) -> None:
        self._handlers[op] = handler

    def _post(self, op: int, number: int, payload: bytes = b"") -> None:
        self._handle(op, number, payload)

    def _ask(self, op: int, number: int, payload: bytes = b"", into: Any = None) -> bytes | None:
        answer = self._handle(op, number, payload)
        if into is None:
            return answer
        into[:] = answer
        return None

    def _handle(self, op: int, number: int, payload: bytes) -> bytes:
        if self.dead:
            raise PowerLost
        self._depth += 1
        try:
            answer = self.port.handle(op, number, payload)
        except PowerLost:
            self._ground.power_lost()
            raise
        finally:
            self._depth -= 1
        if self.dead:
            raise PowerLost
        if self.port.busy_us > SPEND_US_MAX:
            self._stall(self.port.busy_us)
        elif self.port.busy_us:
            self._clock.spend(self.port.busy_us)
        self._deliver_waiting()
        return answer

    def _deliver_waiting(self) -> None:
        while self._pushes and not self._depth:
            self._deliver(*self._pushes.pop(0))

    def _push(self, op: int, number: int, value: int) -> None:
        if not self._depth:
            self._deliver(op, number, value)
        elif op == _ops.PUSH_LEVELS or len(self._pushes) < SCHEDULED_MAX:
            self._pushes.append((op, number, value))

    def _deliver(self, op: int, number: int, value: int) -> None:
        if op != _ops.PUSH_LEVELS:
            self._ground.heap.interrupted()
        handler = self._handlers.get(op)
        if handler is None:  # ``machine`` was never imported, so no interrupt is set up
            return
        try:
            handler(number, value)
        except PowerLost:
            raise
        except Exception as error:  # noqa: BLE001 - printed, as the port does
            self._report("uncaught exception in interrupt", error)

    def _schedule(self, function: Callable[[Any], Any], argument: Any) -> None:
        self._clock.call_in(0, lambda: None if self.dead else function(argument))

    # --- what it says ----------------------------------------------------------------------------
    def _report(self, message: str, error: BaseException) -> None:
        self._write(message + "\n" + "".join(traceback.format_exception(error)))

    def _print(self, *items: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
        text = sep.join(str(item) for item in items) + end
        if file is None:
            self._write(text)
        else:
            file.write(text)

    def _write(self, text: str) -> None:
        if self.dead:
            return
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._ground.board.note("stdout", line)


class VirtualGround:
    """Runs ``main.py`` of ``firmware`` with ``directory`` as its file system."""

    def __init__(
        self,
        board: Board,
        directory: Path,
        firmware: Path | None = None,
        network: MemoryNetwork | None = None,
        seed: int = 0,
    ) -> None:
        if not isinstance(board.clock, VirtualClock):
            raise TypeError("the virtual ground needs a virtual clock")
        self.board = board
        self.clock = board.clock
        self.directory = directory
        self.firmware = firmware or firmware_dir()
        self.network = network
        self.heap = Heap()
        self._random = random.Random(seed)
        self.interpreter: Interpreter | None = None
        self.on_end: Callable[[str], None] = lambda text: None
        self.on_power_lost: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Have the firmware start as soon as the clock runs."""
        if self.interpreter is not None:
            raise RuntimeError("the firmware is running already")
        self.interpreter = Interpreter(self, self._random)
        self.clock.call_in(0, self.interpreter.resume)

    def kill(self) -> None:
        interpreter, self.interpreter = self.interpreter, None
        if interpreter is not None:
            if self.network is not None:
                self.network.reset_from(interpreter.kernel)
            interpreter.kill()

    def ended(self, text: str) -> None:
        """The firmware came to its end; the chip goes on idling."""
        self.on_end(text)

    def power_lost(self) -> None:
        """The flash says that the supply went in the middle of an operation."""
        self.on_power_lost()
