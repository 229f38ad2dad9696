"""A job of ``esptooljob`` done with esptool's Python API; imported by the job's own process alone."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

from .errors import PORT_ERRORS
from .esptooljob import PIECE_BYTES, Cause, Failure, Found, Job, Outcome, Progress, family
from .image import Part


class Work:
    """A running job of ``esptooljob``."""

    def __init__(self, job: Job, progress: Progress) -> None:
        self._job = job
        self._progress = progress
        self._connected = False
        self._written = False  # the whole current piece was sent

    def outcome(self) -> Outcome:
        try:
            with self._port() as port:
                return self._with(port)
        except _PortClosed as closed:
            error = closed.error
            number = next((one for one in error.args if isinstance(one, int)), getattr(error, "errno", None))
            return self._failed(Cause.PORT, error, number)

    @contextmanager
    def _port(self) -> Iterator[serial.Serial]:
        try:
            port = serial.serial_for_url(self._job.port, exclusive=True)
        except PORT_ERRORS + (ValueError,) as error:
            raise _PortClosed(error)
        try:
            yield port
        finally:
            port.close()

    def _with(self, port: serial.Serial) -> Outcome:
        EspLog.set_logger(_Quiet(lambda done, total: None))
        try:
            esp = self._connect(port)
        except PORT_ERRORS as error:
            return self._failed(Cause.GONE, error)
        except FatalError as error:
            return self._failed(Cause.SILENT, error)
        self._connected = True
        wanted = self._job.chip
        if wanted is not None and family(esp.CHIP_NAME) != wanted:
            self._start(esp)
            return Outcome(failure=Failure(Cause.OTHER_CHIP, esp.CHIP_NAME, connected=True))
        try:
            return self._act(esp)
        except PORT_ERRORS as error:
            return self._failed(Cause.GONE, error)
        except FatalError as error:
            outcome = self._failed(self._cause(esp), error)
            self._start(esp)
            return outcome

    def _failed(self, cause: Cause, error: BaseException, number: int | None = None) -> Outcome:
        return Outcome(failure=Failure(cause, str(error), number, self._connected))

    def _cause(self, esp: ESPLoader) -> Cause:
        """Why a command failed: decided by whether the chip still answers and how far writing came."""
        try:
            esp.sync()
        except (*PORT_ERRORS, FatalError):
            return Cause.GONE
        return Cause.FLASH if self._written else Cause.REFUSED

    def _connect(self, port: serial.Serial) -> ESPLoader:
        job = self._job
        synced = min(ESPLoader.ESP_ROM_BAUD, job.baud)
        attempts = DEFAULT_CONNECT_ATTEMPTS if job.connect_attempts is None else job.connect_attempts
        return detect_chip(port, synced, job.before, connect_attempts=attempts)

    def _act(self, esp: ESPLoader) -> Outcome:
        job = self._job
        kind, features = esp.get_chip_description(), tuple(esp.get_chip_features())
        if job.stub:
            esp = run_stub(esp)
        if job.baud > esp.get_baud():
            with suppress(NotImplementedInROMError):  # of an ESP8266, which keeps the slow rate
                esp.change_baud(job.baud)
        attach_flash(esp)
        size = detect_flash_size(esp)
        found = Found(esp.CHIP_NAME, kind, features, flash_size_bytes(size) if size else None)
        self._write(esp)
        data = read_flash(esp, *job.read, no_progress=True) if job.read else b""
        reset_chip(esp, "hard-reset" if job.restart else "no-reset")
        return Outcome(found, data)

    def _start(self, esp: ESPLoader) -> None:
        """Let the chip start after a failed job: no other job follows, and the board may still serve."""
        with suppress(*PORT_ERRORS, FatalError):  # the first error is the one to report
            reset_chip(esp, "hard-reset")

    def _write(self, esp: ESPLoader) -> None:
        """Write piece by piece; a piece already in the flash is skipped, so an interrupted job continues."""
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


def _pieces(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        for at in range(0, len(part.data), PIECE_BYTES):
            yield Part(part.what, part.offset + at, part.data[at : at + PIECE_BYTES])
