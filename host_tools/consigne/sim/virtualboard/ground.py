"""The chip of a virtual board: ROM, boot loader, MicroPython; one after the other, as after a reset."""

import array
import fcntl
import os
import signal
import sys
import termios
from pathlib import Path
from typing import Any

from consigne.firmware import layout, rom

from ..board.board import HARD, Board
from ..board.flash import NorFlash, PowerCut
from ..board.wire import Handlers
from ..clock import Timer
from ..ground import PowerLost
from ..grounds.process import LAUNCHER, PROMPT, ROM_BOOT, STDOUT, MicroPythonGround
from ..shim import _ops as ops
from . import image
from .cable import SerialCable, UsbCable
from .chips import Chip
from .flash import regions
from .line import Line
from .loader import SYNC, Loader
from .netcable import NetCable
from .psram import ABORTED, Psram, too_small

ONBOARD = Path(__file__).with_name("onboard")
STDIN_BYTES = 260  # of the ESP32 port's ring buffer for its console
NO_CHAR = 255
# Prompt and stand-ins are C on a board, with their names in its ROM. Here they take 24 kB, and 330 of the
# first 1270 interned names. With the application's names the table grows to its next size, 14 kB in one
# piece, when imports have fragmented the heap. With 296 kB the demo's cabinet did not start, with 344 kB it
# did; 96 doors and a script of `device` beside them need more, and a start after some failed ones needs a
# larger table in one piece (384 kB once was not enough). ``bench/heap.py`` measures how little a board needs.
HEAP_KB = 512
PSRAM_HEAP_KB = 2048  # the smallest PSRAM sold: an N8R2
BAUD = 115_200  # of the ROM's messages and of the port's console
# pyserial waits 50 ms for the answer to each line it sets over the network, so two lines do not change at
# once: the strap is read later than on a board, where 10 kOhm and 1 uF at EN make it 10 ms.
STRAP_US = 60_000
PANIC_US = 100_000  # from a panic's last word to the reset
_NOTHING_STARTS = "use `consigne device flash`, or begin anew with --micropython"
_RAW_BEGINS = b"raw REPL"  # of onboard/rawprompt.py
_RAW_ENDED = b"MicroPython v"  # the banner of the friendly prompt
RETRY_US = 1_000_000  # between two attempts of the ROM to find something to start


class SerialGround(MicroPythonGround):
    """Runs what lies in ``flash``; talks through ``cable``.

    ``download`` is the strapping pin: with it the next reset enters the ROM's loader.  A pseudo-terminal
    has no line that could pull it, so there the loader's SYNC itself, and the port's closing, take the
    place of the two resets that ``esptool`` cannot make (it says "Chip was NOT reset" then).
    ``heap_kb`` 0: as much as Python gets on such a board, by the image and whether there is PSRAM.
    """

    def __init__(
        self,
        board: Board,
        directory: Path,
        heap_kb: int,
        flash: NorFlash,
        chip: Chip,
        psram: Psram,
        cable: SerialCable,
        paced: bool,
    ) -> None:
        super().__init__(board, directory, None, heap_kb)
        self._flash = flash
        self._chip = chip
        self._psram = psram
        self._cable = cable
        self.line = Line(board.clock, cable)
        self.line.on_bytes = self._received
        cable.on_closed = self._closed
        if isinstance(cable, NetCable):
            cable.on_lines = self._lines_changed
        self.download = False
        self._paced = paced
        self._booted = False
        self._held = False  # EN is low
        self._rising = False  # ... and was, just before
        self._loader: Loader | None = None
        self._retry: Timer | None = None
        self._raw = False
        self._told = ""  # why nothing starts, logged once
        self._program: image.Image | None = None
        self._interrupt_char = NO_CHAR
        self._pipe = (-1, -1)

    @property
    def in_loader(self) -> bool:
        """Whether the ROM's loader is listening."""
        return self._loader is not None

    # --- reset and boot ---------------------------------------------------------------------------------
    def start(self) -> None:
        if self._held:
            return
        if isinstance(self._cable, UsbCable) and self.download and not self._cable.of_program:
            self._cable.appear()  # from the ROM into its loader: the USB device stays
            self._start()
        elif isinstance(self._cable, UsbCable):
            self.line.clear()
            self._retry = self._cable.renamed(self._board.clock, self._start, of_program=False)
        elif self._rising:
            self._rising = False
            self._retry = self._board.clock.call_in(STRAP_US, self._look_at_strap)
        else:
            self._start()

    def _look_at_strap(self) -> None:
        assert isinstance(self._cable, NetCable)
        self.download = self._cable.lines.download
        self._start()

    def _start(self) -> None:
        self._booted = True
        self.line.baud = BAUD if self._paced else None
        self._raw = False
        if self.download:
            self.download = False
            self._loader = Loader(
                self._chip,
                self._board.unique_id,
                self._psram,
                self._flash,
                self.line.send,
                self._leave,
                self._baud,
            )
            self.line.send(self._chip.boot_message(self._board.cause, download=True))
            return
        self.line.send(self._chip.boot_message(self._board.cause, download=False))
        try:
            self._boot()
        except (layout.LayoutError, image.ImageError) as error:
            if str(error) != self._told:
                self._told = str(error)
                self._board.note("boot", f"{error}; {_NOTHING_STARTS}")
            self._retry = self._board.clock.call_in(RETRY_US, self._start)

    def _boot(self) -> None:
        """Check what ROM and boot loader check, then start the program."""
        data = bytes(self._flash.data)
        chip = self._chip
        try:
            image.check(data[chip.boot_offset :], chip.image_id)
        except image.ImageError:
            self.line.send(
                f"invalid header: 0x{data[chip.boot_offset : chip.boot_offset + 4][::-1].hex()}\r\n".encode()
            )
            raise
        try:
            table = layout.parse(data[layout.TABLE_OFFSET : layout.TABLE_OFFSET + layout.TABLE_BYTES])
            app = next(place for place in table if place.type == layout.APP)
        except (layout.LayoutError, StopIteration):
            self.line.send(b"E (45) boot: Failed to verify partition table\r\n")
            raise layout.LayoutError("there is no partition table with a program in it") from None
        try:
            program = image.check(data[app.offset : app.end], chip.image_id)
        except image.ImageError:
            self.line.send(b"E (53) boot: No bootable app partitions in the partition table\r\n")
            raise
        self._told = ""
        self._board.partitions = table
        self._board.flash.clear()
        self._board.flash.update(regions(self._flash, table))
        self._board.note("boot", f"MicroPython {program.banner}" if program.banner else program.project)
        if program.banner:
            self._program = program
            size, told = self._psram.started(program.variant.psram)
            told = too_small(len(data), image.flash_bytes(data[chip.boot_offset :])) or told
            if told.endswith(ABORTED):
                self._retry = self._board.clock.call_in(RETRY_US, self._abort, told)
                return
            self.line.send(told)
            self._board.heap.psram_bytes = size
            if isinstance(self._cable, UsbCable):
                self._retry = self._cable.renamed(self._board.clock, self._interpret, of_program=True)
            else:
                self._interpret()

    def _abort(self, told: bytes) -> None:
        """ESP-IDF aborts before any program runs, prints the reason, and resets."""
        self.line.send(told)
        self._retry = self._board.clock.call_in(PANIC_US, self._board.reset, HARD)

    def _interpret(self) -> None:
        self._interrupt_char = NO_CHAR
        self._printer = STDOUT
        super().start()
        assert self._port is not None
        self._port.flash_takes_time = self._paced

    def _command(self) -> list[str]:
        assert self._flash.path is not None and self._program is not None
        files = [str(rom.image(LAUNCHER.parent)), str(rom.image(ONBOARD)), self._flash.path]
        mode = "raw" if self._raw else "friendly"
        script = str(ONBOARD / "start.py")
        variant = self._program.variant
        calls = "romfs" if variant.romfs else ""
        names = [variant.machine or self._chip.machine, variant.build]
        arguments = [mode, self._program.banner, *names, calls]
        heap_kb = self._heap_kb or (PSRAM_HEAP_KB if self._board.heap.psram_bytes else HEAP_KB)
        return [sys.executable, str(ROM_BOOT), str(heap_kb), script, *files, "--", *arguments]

    def kill(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self._loader = None
        self._booted = False
        super().kill()

    def _ended(self) -> None:
        """On a board the interpreter never ends, so its end counts as a panic, and a panic resets."""
        super()._ended()
        self.line.send(
            b"Guru Meditation Error: Core  0 panic'ed (interpreter ended).\r\n\r\nRebooting...\r\n"
        )
        self._board.reset(HARD)

    def _leave(self) -> None:
        """The loader was told to run the program."""
        self._board.reset(HARD)

    def _baud(self, baud: int) -> None:
        if self._paced:
            self.line.baud = baud

    def _closed(self) -> None:
        """Nobody has the port open any more."""
        if self.in_loader and not self._cable.has_lines:
            self._board.press_reset()

    def _lines_changed(self) -> None:
        """EN stops and starts the chip; IO0 is read after EN has risen."""
        assert isinstance(self._cable, NetCable)
        lines = self._cable.lines
        if not self._board.powered:
            return
        if lines.in_reset:
            self._held = True
            self.kill()
        elif self._held:
            self._held = False
            self._rising = True
            self._board.press_reset()

    # --- the console ------------------------------------------------------------------------------------
    def _stdin(self) -> int:
        self._pipe = os.pipe()
        os.set_blocking(self._pipe[1], False)
        return self._pipe[0]

    def _close(self) -> None:
        super()._close()
        for end in self._pipe:
            os.close(end)
        self._pipe = (-1, -1)

    def _more_ops(self) -> Handlers:
        return {
            ops.CONSOLE_WRITE: self._console_write,
            ops.CONSOLE_INTERRUPT: self._console_interrupt,
            ops.CONSOLE_AGAIN: self._console_again,
            ops.SOFT_RESET: self._soft_reset,
        }

    def _console_write(self, number: int, payload: bytes) -> None:
        self._read_output()  # earlier output comes first
        if payload.startswith(_RAW_BEGINS):
            self._printed_by(PROMPT)
        elif payload.startswith(_RAW_ENDED):
            self._printed_by(STDOUT)
        self.line.send(payload)

    def _printed_by(self, printer: str) -> None:
        """Label the output from here on: a program's on the board, or an answer to a tool (``PROMPT``)."""
        self._flush_line()
        self._printer = printer

    def _console_interrupt(self, number: int, payload: bytes) -> None:
        self._interrupt_char = number

    def _console_again(self, number: int, payload: bytes) -> None:
        if self._interrupt_char != NO_CHAR:
            self._interrupt()

    def _interrupt(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR2)

    def _soft_reset(self, number: int, payload: bytes) -> None:
        super().kill()
        if self._board.soft_reset():
            self._raw = bool(number)
            self._interpret()

    def _printed(self, data: bytes) -> None:
        super()._printed(data)
        self.line.send(data.replace(b"\n", b"\r\n"))

    def _received(self, data: bytes) -> int:
        """Bytes that reach the chip; returns how many it took."""
        if not self._board.powered:
            return len(data)
        if self._loader is None and SYNC in data and not self._cable.has_lines:
            self.download = True
            self._board.press_reset()
            return len(data)
        if self._loader is not None:
            try:
                self._loader.feed(data)
            except PowerCut as cut:
                raise PowerLost(str(cut)) from cut
            return len(data)
        if self._process is not None:
            return self._to_stdin(data)
        # A real board loses bytes that arrive while it boots.  When the board is not paced, keep them: the
        # boot takes no time here.
        return len(data) if self._booted or self._paced else 0

    def _to_stdin(self, data: bytes) -> int:
        """Fill the ring buffer, as far as there is room; Ctrl-C interrupts if the program allows it."""
        if self._interrupt_char == NO_CHAR:
            return self._put(data)
        before, found, _ = data.partition(bytes((self._interrupt_char,)))
        taken = self._put(before)
        if not found:
            return taken
        self._interrupt()
        return len(before) + 1

    def _put(self, data: bytes) -> int:
        waiting = array.array("i", [0])
        fcntl.ioctl(self._pipe[0], termios.FIONREAD, waiting)
        room = max(0, STDIN_BYTES - waiting[0])
        return os.write(self._pipe[1], data[:room]) if room and data else 0

    # --- the thread's side ------------------------------------------------------------------------------
    def files(self) -> tuple[list[Any], list[Any]]:
        readable, writable = super().files()
        if self.line.choked:
            readable = readable[:1]
        return [self._cable, *readable], writable

    def serve(self, ready: list[Any]) -> None:
        if self._cable in ready:
            self._cable.turn()
            self.line.turn()
        super().serve(ready)
