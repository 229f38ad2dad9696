"""One job of esptool on one board, through its Python API, in a process of its own.

esptool keeps its logger for the whole process, and a driver can hold a port in the kernel: in a process of
its own for each board several go at once, and one that hangs harms no other.  What a job tells are values,
so nobody reads what esptool prints.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import serial
from esp_pylib.logger import EspLog, EspLogBase
from esptool.cmds import (
    attach_flash,
    detect_chip,
    detect_flash_size,
    read_flash,
    reset_chip,
    run_stub,
    write_flash,
)
from esptool.loader import DEFAULT_CONNECT_ATTEMPTS, ESPLoader
from esptool.util import FatalError, NotImplementedInROMError, flash_size_bytes

from .image import Part

Progress = Callable[[int, int], None]
PIECE_BYTES = 0x4_0000
_SPAWN = multiprocessing.get_context("spawn")  # a fork would share ports and threads of its parent


class Cause(Enum):
    """Why a job came to nothing."""

    PORT = "the port cannot be opened"
    SILENT = "no chip answers"
    OTHER_CHIP = "another chip than was asked for"
    FLASH = "the flash does not keep what is written"
    GONE = "the port went away in the middle"
    REFUSED = "esptool refuses"


@dataclass(frozen=True, slots=True)
class Failure:
    """``text`` in esptool's or the system's words; ``number``: the ``errno`` of a port that does not open.

    ``connected``: whether the chip had answered before.
    """

    cause: Cause
    text: str
    number: int | None = None
    connected: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A chip as esptool names it: ``family`` ("ESP32-S3"), ``kind`` with package and revision, features.

    ``flash_bytes`` is None where the flash does not tell.
    """

    family: str
    kind: str
    features: tuple[str, ...]
    flash_bytes: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """What to do at which port; ``chip`` is a family as esptool's ``--chip`` names it, None for any.

    ``read``: offset and length in bytes.  ``restart``: let the chip start afterwards.
    """

    port: str
    baud: int
    chip: str | None = None
    stub: bool = True
    before: str = "default-reset"
    connect_attempts: int = DEFAULT_CONNECT_ATTEMPTS
    restart: bool = True
    write: tuple[Part, ...] = ()
    read: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job found and read, or why it came to nothing."""

    found: Found | None = None
    data: bytes = b""
    failure: Failure | None = None


def carry_out(job: Job, progress: Progress) -> Outcome:
    """Do it in a process of its own; ``progress(done, total)`` counts the bytes to write."""
    ours, theirs = _SPAWN.Pipe()
    with tempfile.NamedTemporaryFile() as printed:
        process = _SPAWN.Process(target=_process, args=(theirs, job, printed.name), daemon=True)
        process.start()
        theirs.close()
        try:
            while True:
                said = ours.recv()
                if isinstance(said, Outcome):
                    return said
                progress(*said)
        except EOFError:
            process.join()
            lines = Path(printed.name).read_text(errors="replace").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), f"exit code {process.exitcode}")
            return Outcome(failure=Failure(Cause.REFUSED, f"its process ended: {last}"))
        finally:
            process.terminate()
            process.join()
            ours.close()


def _process(pipe: Connection, job: Job, printed: str) -> None:
    """``printed`` takes what is printed all the same: esptool's resets warn past the logger that is set."""
    with open(printed, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    with suppress(BrokenPipeError, KeyboardInterrupt):  # who asked has gone: nobody is left to be told
        pipe.send(_Work(job, lambda done, total: pipe.send((done, total))).outcome())


class _Work:
    """A job while it is done."""

    def __init__(self, job: Job, progress: Progress) -> None:
        self._job = job
        self._progress = progress
        self._connected = False
        self._written = False  # all of the piece at hand went over the wire

    def outcome(self) -> Outcome:
        try:
            with self._port() as port:
                return self._with(port)
        except _PortClosed as closed:
            error = closed.error
            return self._failed(Cause.PORT, error, getattr(error, "errno", None))

    @contextmanager
    def _port(self) -> Iterator[serial.Serial]:
        try:
            port = serial.serial_for_url(self._job.port, exclusive=True)
        except (OSError, ValueError) as error:
            raise _PortClosed(error)
        try:
            yield port
        finally:
            port.close()

    def _with(self, port: serial.Serial) -> Outcome:
        EspLog.set_logger(_Quiet(lambda done, total: None))
        try:
            esp = self._connect(port)
        except (OSError, serial.SerialException) as error:
            return self._failed(Cause.GONE, error)
        except FatalError as error:
            return self._failed(Cause.SILENT, error)
        self._connected = True
        wanted = self._job.chip
        if wanted is not None and family(esp.CHIP_NAME) != wanted:
            return Outcome(failure=Failure(Cause.OTHER_CHIP, esp.CHIP_NAME, connected=True))
        try:
            return self._act(esp)
        except (OSError, serial.SerialException) as error:
            return self._failed(Cause.GONE, error)
        except FatalError as error:
            outcome = self._failed(self._cause(esp), error)
            with suppress(OSError, FatalError):  # it had reasons to fail; what is told is the first
                self._let_go(esp)
            return outcome

    def _failed(self, cause: Cause, error: BaseException, number: int | None = None) -> Outcome:
        return Outcome(failure=Failure(cause, str(error), number, self._connected))

    def _cause(self, esp: ESPLoader) -> Cause:
        """What a command that failed means, by whether the chip still answers and how far writing came."""
        try:
            esp.sync()
        except (OSError, FatalError):
            return Cause.GONE
        return Cause.FLASH if self._written else Cause.REFUSED

    def _connect(self, port: serial.Serial) -> ESPLoader:
        job = self._job
        synced = min(ESPLoader.ESP_ROM_BAUD, job.baud)
        return detect_chip(port, synced, job.before, connect_attempts=job.connect_attempts)

    def _act(self, esp: ESPLoader) -> Outcome:
        job = self._job
        kind, features = esp.get_chip_description(), tuple(esp.get_chip_features())
        if job.stub:
            esp = run_stub(esp)
        if job.baud > esp.get_baud():
            with suppress(NotImplementedInROMError):  # an ESP8266's: it stays slow
                esp.change_baud(job.baud)
        attach_flash(esp)
        size = detect_flash_size(esp)
        found = Found(esp.CHIP_NAME, kind, features, flash_size_bytes(size) if size else None)
        self._write(esp)
        data = read_flash(esp, *job.read, no_progress=True) if job.read else b""
        self._let_go(esp)
        return Outcome(found, data)

    def _let_go(self, esp: ESPLoader) -> None:
        reset_chip(esp, "hard-reset" if self._job.restart else "no-reset")

    def _write(self, esp: ESPLoader) -> None:
        """Piece by piece; one that is there already is skipped, so it goes on where it stopped before."""
        pieces = list(_pieces(self._job.write))
        total, before = sum(len(piece.data) for piece in pieces), 0
        for piece in pieces:
            self._written = False
            EspLog.set_logger(_Quiet(self._follow(before, len(piece.data), total)))
            write_flash(esp, [(piece.offset, piece.data)], skip_flashed=True)
            before += len(piece.data)
            self._progress(before, total)
        self._written = False

    def _follow(self, before: int, size: int, total: int) -> Progress:
        def follow(done: int, of: int) -> None:
            self._written = done >= of
            self._progress(before + size * done // max(1, of), total)

        return follow


class _PortClosed(Exception):
    """The port could not be opened; ``error`` says why."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class _Quiet(EspLogBase):
    """esptool's logger that prints nothing and passes its progress on."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def progress_bar(self, cur_iter: int, total_iters: int, *_: Any, **__: Any) -> None:
        self._progress(cur_iter, total_iters)

    def _say_nothing(self, *_: Any, **__: Any) -> None:
        """Default: do nothing."""

    print = err = warn = note = hint = debug = set_verbosity = _say_nothing
    warning = error = _say_nothing


def family(chip_name: str) -> str:
    """``esp32s3`` of ``ESP32-S3``: as esptool's ``--chip`` takes it."""
    return chip_name.lower().replace("-", "")


def _pieces(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        for at in range(0, len(part.data), PIECE_BYTES):
            yield Part(part.what, part.offset + at, part.data[at : at + PIECE_BYTES])
