"""One simulated locker: a cabinet of parts, a board, the firmware, and the hands of people.

    locker = SimLocker(config, identity, Path("/tmp/l1"), ground="micropython")
    locker.start()
    locker.type("90210417#")
    locker.wait_for(lambda: locker.doors[3].is_open)

On the MicroPython ground a thread owns the board: every method here may be called from any other
thread, and acts there.  On the virtual ground nothing happens until ``run_for`` or ``wait_for``.
"""

import json
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from consigne.cabinet.deviceconfig import Identity, Wiring

from .board.board import CAUSE_NAMES, Board
from .board.flash import NorFlash
from .clock import Timer, VirtualClock
from .ground import RESTART_US
from .grounds.pacedclock import PacedClock
from .grounds.process import BoardThread, MicroPythonGround
from .grounds.pyground import VirtualGround
from .network.cut import NetCut
from .network.memory import UP, MemoryNetwork
from .parts.cabinet import Cabinet
from .parts.panel import Keypad

FLASH_BYTES = 1 << 20
LOG_LINES = 20_000
LAST_WORDS = 12  # newest lines of the console
HEAP_KB = 384
"""Pointers are twice as wide as on a board, and 25 kB are modules that are C there, so 96 doors on lock
boards and a network take 280; an official image with PSRAM has megabytes.  The least that is enough is
measured with other heaps (``tests/sim/test_heap.py``, ``bench.heap``)."""
STEP_S = 0.005  # between two looks of ``wait_for``
PATIENCE = 12  # seconds of wall-clock time for each of the board's, since a busy computer is slow

Line = tuple[int, str, str]
T = TypeVar("T")


class DoorLook(TypedDict):
    """A door from outside."""

    name: str
    open: bool


class Look(TypedDict):
    """What the front of the cabinet shows at one moment; ``tone_hz`` 0: the buzzer is quiet."""

    time_us: int
    powered: bool
    network: str
    cause: str
    display: list[str]
    light: bool
    doors: list[DoorLook]
    lamp: bool
    tone_hz: int


class SimLocker:
    """A locker made from its device configuration and identity.

    Parameters
    ----------
    config, identity
        The content of the device's ``config.json`` and ``identity.json``; both are written to ``directory``,
        the device's file system, where the flash is kept as well.  ``identity`` is None where the program
        reads none.
    ground
        ``"micropython"``: the real interpreter, in shared time, against a real broker through a
        ``NetCut``.  ``"virtual"``: CPython, on ``clock``, against ``network``.
    firmware
        Another directory with a ``main.py``; by default the firmware itself.
    psram
        How PSRAM hangs on the chip, "" for none: as in ``Board.of``.

    Attributes
    ----------
    last_words
        The console's last lines, once the firmware has ended, to see why.  Empty while it runs, and without
        power.
    """

    def __init__(
        self,
        config: Wiring,
        identity: Identity | None,
        directory: Path,
        ground: str = "micropython",
        *,
        clock: VirtualClock | None = None,
        network: MemoryNetwork | None = None,
        firmware: Path | None = None,
        heap_kb: int = HEAP_KB,
        seed: int = 0,
        psram: str | None = None,
    ) -> None:
        self.name = identity["locker"] if identity is not None else "locker"
        self.directory = directory
        self.log: deque[Line] = deque(maxlen=LOG_LINES)
        self.ends: list[str] = []
        self.failures: list[str] = []
        self.last_words: tuple[str, ...] = ()
        self._console: deque[str] = deque(maxlen=LAST_WORDS)  # since the firmware's start
        self.listeners: list[Callable[[Line], Any]] = []
        self.netcut: NetCut | None = None
        self._memory_network = network
        self._restart: Timer | None = None
        self._mode = UP
        directory.mkdir(parents=True, exist_ok=True)
        self._write_files(config, identity, real_network=ground == "micropython")
        self.thread: BoardThread | None = None
        if ground == "micropython":
            paced = PacedClock()
            self.board = Board.of(config, paced, psram)
            self.flash = self._open_flash()
            process = self._interpreter(firmware, heap_kb)
            self.ground: MicroPythonGround | VirtualGround = process
            self.thread = BoardThread(paced, process, self._failed)
            self.thread.on_power_lost = self._power_lost
            self.thread.start()
        elif ground == "virtual":
            self.board = Board.of(config, clock or VirtualClock(), psram)
            self.flash = self._open_flash()
            self.ground = VirtualGround(self.board, directory, firmware, network, seed)
            self.ground.on_power_lost = self._power_lost
        else:
            raise ValueError(f"no ground {ground!r}")
        self.clock = self.board.clock
        self.board.log = self._logged
        self.board.on_reset = self._reset
        self.ground.on_end = self._ended
        self.cabinet = self.call(lambda: Cabinet(self.board, config, seed))
        self.doors = self.cabinet.doors

    def _open_flash(self) -> NorFlash:
        """Open the flash and the partitions that the firmware finds in it."""
        flash = NorFlash(FLASH_BYTES, str(self.directory / "journal.bin"))
        self.board.flash["journal"] = flash
        return flash

    def _interpreter(self, firmware: Path | None, heap_kb: int) -> MicroPythonGround:
        """Make the ground that runs the firmware in a process of its own."""
        return MicroPythonGround(self.board, self.directory, firmware, heap_kb)

    def _write_files(self, config: Wiring, identity: Identity | None, real_network: bool) -> None:
        device, network = dict(config), config.get("network")
        if network and real_network:
            self.netcut = NetCut((network["broker"], network["port"]))
            device["network"] = {**network, "broker": "127.0.0.1", "port": self.netcut.port}
        (self.directory / "config.json").write_text(json.dumps(device))
        (self.directory / "identity.json").write_text(json.dumps(identity or {}))

    # --- where things happen ----------------------------------------------------------------------
    def call(self, function: Callable[[], T]) -> T:
        """Run ``function`` where the board lives and return what it returns."""
        return function() if self.thread is None else self.thread.call(function)

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        assert isinstance(self.clock, VirtualClock), "shared time passes by itself"
        self.clock.run_for(seconds)

    def wait_for(self, condition: Callable[[], Any], timeout_s: float = 10.0) -> None:
        """Let time pass until ``condition()`` is true; TimeoutError after ``timeout_s``.

        If the interpreter is a process of its own, the limit only stops endless waits: it is ``PATIENCE``
        times as long, in wall-clock time.
        """
        if isinstance(self.clock, VirtualClock):
            end_us = self.clock.now_us() + round(timeout_s * 1_000_000)
            while not condition():
                if self.clock.now_us() >= end_us:
                    raise TimeoutError(self._tail())
                self.clock.run_for(STEP_S)
            return
        end_s = time.monotonic() + timeout_s * PATIENCE
        while not condition():
            if time.monotonic() >= end_s:
                raise TimeoutError(self._tail())
            time.sleep(STEP_S)

    def _tail(self) -> str:
        lines = [f"{at_us / 1e6:12.6f} {what} {detail}" for at_us, what, detail in list(self.log)[-12:]]
        return "it did not happen; the log ends with\n" + "\n".join(lines)

    # --- supply -----------------------------------------------------------------------------------
    @property
    def powered(self) -> bool:
        return self.board.powered

    def start(self) -> None:
        """Give the cabinet its supply for the first time."""
        self.restore_power()

    def restore_power(self) -> None:
        """Power comes back; the firmware starts from its first line."""

        def act() -> None:
            self.flash.power_on()
            self.board.power_on()
            self.board.note("power", "on")
            self._start()

        self.call(act)

    def _start(self) -> None:
        self._console.clear()
        self.last_words = ()
        self.ground.start()

    def cut_power(self) -> None:
        """Cut the power in the middle of any operation; no effect when it is off already."""
        self.call(self._cut)

    def _cut(self) -> None:
        if not self.board.powered:
            return
        self.ground.kill()
        if self._restart is not None:
            self._restart.cancel()
        self.board.power_off()
        self.last_words = ()
        self.board.note("power", "off")

    def stop(self) -> None:
        """Cut the power; end thread, process and proxy; close the flash file."""
        self.cut_power()
        if self.thread is not None:
            self.thread.stop()
        if self.netcut is not None:
            self.netcut.close()
        self.flash.close()

    def _power_lost(self) -> None:
        self.board.note("flash", "the power went in the middle of an operation")
        self._cut()

    def _reset(self, cause: int) -> None:
        self.ground.kill()
        if self._restart is not None:
            self._restart.cancel()  # a second reset before the restart
        if self._restart is not None:
            self._restart.cancel()
        self._restart = self.clock.call_in(RESTART_US, self._start)

    def _ended(self, text: str) -> None:
        self.ends.append(text)
        self.last_words = tuple(self._console) or (text,)
        self.board.note("ended", text)

    def _failed(self, text: str) -> None:
        """The simulation itself failed, or the firmware said something the board cannot do."""
        self.failures.append(text)
        self.last_words = (*self._console, text)
        self.board.note("failure", text)

    # --- people -----------------------------------------------------------------------------------
    def press(self, key: str, hold_ms: float = 70) -> None:
        """Press one key and let go of it after ``hold_ms``."""
        keypad = self._keypad()
        self.call(lambda: keypad.press(key, hold_ms))

    def type(self, keys: str, keys_per_s: float = 5.0) -> float:
        """Press keys one after another; returns at once with the seconds that will take."""
        keypad = self._keypad()
        return self.call(lambda: keypad.type(keys, keys_per_s)) / 1e6

    def scan(self, text: str) -> bool:
        """Hold a barcode before the scanner; False when it does not look."""
        scanner = self.cabinet.scanner
        if scanner is None:
            raise LookupError("this cabinet has no scanner")
        return self.call(lambda: scanner.show(text))

    def push_shut(self, door: int) -> None:
        """Push a door (from 0) until its latch snaps in."""
        self.call(self.doors[door].push_shut)

    def force_open(self, door: int) -> None:
        self.call(self.doors[door].force_open)

    def _keypad(self) -> Keypad:
        if self.cabinet.keypad is None:
            raise LookupError("this cabinet has no keypad")
        return self.cabinet.keypad

    # --- the network ------------------------------------------------------------------------------
    def network(self, mode: str) -> None:
        """``up``, ``refuse`` (the broker is down), ``blackhole`` or ``cut`` (Wi-Fi or cable is gone too)."""
        if self.netcut is not None:
            self.netcut.set_mode(mode)
        if self._memory_network is not None:
            self._memory_network.set_mode(mode)
        self._mode = mode
        self.call(lambda: self.board.radio.set_air(mode != "cut"))
        if self.cabinet.phy is not None:
            self.cabinet.phy.cable = mode != "cut"
        self.call(lambda: self.board.note("network", mode))

    # --- what can be seen -------------------------------------------------------------------------
    def display(self) -> list[str]:
        """What a person reads on the display; no lines without one."""
        display = self.cabinet.display
        return self.call(display.lines) if display is not None else []

    def look(self) -> Look:
        """Everything the front of the cabinet shows at this moment, for a page to draw."""

        def act() -> Look:
            cabinet = self.cabinet
            return {
                "time_us": self.clock.now_us(),
                "powered": self.board.powered,
                "network": self._mode,
                "cause": CAUSE_NAMES.get(self.board.cause, ""),
                "display": cabinet.display.lines() if cabinet.display else [],
                "light": bool(cabinet.display and cabinet.display.light),
                "doors": [{"name": door.name, "open": door.is_open} for door in self.doors],
                "lamp": bool(cabinet.lamp and cabinet.lamp.lit),
                "tone_hz": cabinet.buzzer.tone_hz if cabinet.buzzer else 0,
            }

        return self.call(act)

    def output(self) -> list[str]:
        """What the interpreter printed, line by line."""
        return [detail for _, what, detail in list(self.log) if what == "stdout"]

    def _logged(self, at_us: int, what: str, detail: str) -> None:
        line = (at_us, what, detail)
        self.log.append(line)
        if what == "stdout" and detail:
            self._console.append(detail)
        for listener in tuple(self.listeners):
            listener(line)
