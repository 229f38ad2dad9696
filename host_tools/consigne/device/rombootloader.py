"""The chip's own boot loader, through esptool: identify the chip, write parts of the flash, read one back.

esptool checks what it wrote by the MD5 that the chip computes.  A part is written in pieces, and one that is
right already is skipped: so an interrupted flash goes on where it stopped.
"""

import re
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn

from . import errors
from .esptooljob import Cause, Failure, Found, Job, Outcome, Progress, family
from .esptoolprocess import EsptoolProcess
from .image import Part
from .serialline import RETURN_S, await_port, owner, port_of

BAUD = 460_800
_AGAIN_S = 0.5
_EMBEDDED = re.compile(r"Embedded PSRAM(?: (\d+)MB)?")
# Packages with PSRAM whose size is in no eFuse (esptool's targets/esp32.py, get_chip_description).
_WITH_2_MB = ("ESP32-PICO-V3-02", "ESP32-D0WDR2-V3")
ANY = "auto"


@dataclass(frozen=True, slots=True)
class Chip:
    """What a board's chip reports.

    ``name`` as esptool calls the kind, ``kind`` with package and revision.  ``psram_bytes`` is what lies in
    the chip's package; None where the package has none but the module may have one: only a program on the
    board can find it (an ESP32-WROVER and an ESP32-WROOM have the same chip).
    """

    name: str
    kind: str
    flash_bytes: int
    psram_bytes: int | None


@dataclass(frozen=True)
class RomBootLoader:
    """One board.

    ``options`` are esptool's of the same name: see ``_with_options``.  ``esptool`` carries out one job; its
    port may be away for ``return_s``.
    """

    port: str
    chip: str = ANY
    baud: int = BAUD
    options: tuple[str, ...] = field(default=())
    esptool: Callable[[Job, Progress], Outcome] = field(
        default_factory=EsptoolProcess, compare=False, repr=False
    )
    return_s: float = RETURN_S
    _found: list[str] = field(default_factory=list, compare=False, repr=False)
    _owner: list[str] = field(default_factory=list, compare=False, repr=False)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Several jobs in a row: if they are interrupted, the chip is started, as it may still serve."""
        try:
            yield
        except BaseException:
            if self._found:
                with suppress(errors.DeviceError):
                    self._run(self._job(), _unheard)
            raise

    def look(self) -> Chip:
        """Which chip it is and what it has; nothing is written.  Raises ``DeviceError``."""
        found = self._run(self._job(restart=False), _unheard).found
        if found is None or found.flash_bytes is None:
            raise errors.DeviceError(
                f"{self.port}: the size of the flash cannot be read; check the supply, else replace the board"
            )
        return Chip(family(found.family), found.kind, found.flash_bytes, psram_bytes(found))

    def write(self, parts: list[Part], progress: Progress) -> None:
        """Write, and check by MD5; then let the chip start.  Raises ``DeviceError``."""
        self._run(self._job(write=tuple(parts)), progress)

    def read(self, offset: int, length: int, *, restart: bool = True) -> bytes:
        """Read the flash.  Raises ``DeviceError``."""
        return self._run(self._job(read=(offset, length), restart=restart), _unheard).data

    def _job(
        self, *, restart: bool = True, write: tuple[Part, ...] = (), read: tuple[int, int] | None = None
    ) -> Job:
        chip = None if self.chip == ANY else self.chip
        return _with_options(
            Job(self.port, self.baud, chip, restart=restart, write=write, read=read), self.options
        )

    def _run(self, job: Job, progress: Progress) -> Outcome:
        """Run one job, and repeat it if it failed because a reset took the port away.

        That is the reset after the previous job, or the one into the boot loader, when the ROM's USB replaces
        MicroPython's: esptool fails then, but the boot loader waits.
        """
        until = time.monotonic() + self.return_s
        if not self._owner:
            self._owner.append(owner(self.port))
        while True:
            if self._found:
                await_port(self.port, until)
            outcome = self.esptool(replace(job, port=self._name_now(until)), progress)
            if outcome.failure is None:
                self._found.append(self.port)
                return outcome
            went = bool(self._found) or outcome.failure.cause is Cause.GONE
            if not went or outcome.failure.connected or time.monotonic() > until:
                raise trouble(self.port, job, outcome.failure)
            time.sleep(_AGAIN_S)

    def _name_now(self, until: float) -> str:
        """Its port's name now: after a reset the old name may be another board's, which must get nothing."""
        who = self._owner[0]
        while who and owner(self.port) != who:
            if found := port_of(who):
                return found
            if time.monotonic() > until:
                raise errors.port_gone(self.port)
            time.sleep(_AGAIN_S)
        return self.port


def trouble(port: str, job: Job, failure: Failure) -> errors.DeviceError:
    """Why a job failed, in a technician's words."""
    match failure.cause:
        case Cause.PORT:
            return errors.port_trouble(port, OSError(failure.number, failure.text))
        case Cause.SILENT:
            return errors.DeviceError(
                f"{port}: the chip does not answer; hold BOOT while you press RESET, let go, and try again"
            )
        case Cause.OTHER_CHIP:
            return errors.DeviceError(
                f"{port}: this board has a {failure.text}, the image is for {job.chip}; "
                "take the MicroPython image of this board"
            )
        case Cause.FLASH:
            return errors.DeviceError(
                f"{port}: the flash does not keep what is written; check the supply, else replace the board"
            )
        case Cause.GONE:
            return errors.cable_pulled(port)
        case Cause.REFUSED:
            return errors.DeviceError(f"{port}: esptool says {failure.text!r}; try again")


def psram_bytes(found: Found) -> int | None:
    """PSRAM in the chip's package; None where only a program on the board can find it."""
    for feature in found.features:
        if embedded := _EMBEDDED.search(feature):
            return int(embedded[1] or 2) << 20
    if found.kind.startswith(_WITH_2_MB):
        return 2 << 20
    return None if family(found.family) == "esp32" else 0


def _unheard(done: int, total: int) -> None:
    """Default progress: do nothing."""


class _Options(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise errors.DeviceError(
            f"--esptool: {message}; known are --no-stub, --before MODE and --connect-attempts NUMBER"
        )


def _with_options(job: Job, options: tuple[str, ...]) -> Job:
    """The job changed by these esptool options.  Raises ``DeviceError`` for others."""
    parser = _Options(prog="esptool", add_help=False)
    parser.add_argument("--no-stub", action="store_false", dest="stub", default=job.stub)
    modes = ("default-reset", "usb-reset", "no-reset", "no-reset-no-sync")
    parser.add_argument("--before", choices=modes, default=job.before)
    parser.add_argument("--connect-attempts", type=int, default=job.connect_attempts)
    words = [word for option in options for word in option.split()]
    return replace(job, **vars(parser.parse_args(words)))
