"""One job of esptool on one board, through its Python API, in a process of its own.

esptool keeps its logger for the whole process, and a driver can hold a port in the kernel: in a process of
its own for each board several go at once, and one that hangs harms no other.  What a job tells are values,
so nobody reads what esptool prints.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path

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

    ``connect_attempts`` None: as many as esptool makes by itself.  ``read``: offset and length in bytes.
    ``restart``: let the chip start afterwards.
    """

    port: str
    baud: int
    chip: str | None = None
    stub: bool = True
    before: str = "default-reset"
    connect_attempts: int | None = None
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
    from .esptoolwork import Work  # in this process alone: every other command starts without esptool

    with suppress(BrokenPipeError, KeyboardInterrupt):  # who asked has gone: nobody is left to be told
        pipe.send(Work(job, lambda done, total: pipe.send((done, total))).outcome())


def family(chip_name: str) -> str:
    """``esp32s3`` of ``ESP32-S3``: as esptool's ``--chip`` takes it."""
    return chip_name.lower().replace("-", "")
