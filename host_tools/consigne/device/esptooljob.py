"""One job of esptool on one board, and its result, as values: nobody has to parse what esptool prints."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from .image import Part

Progress = Callable[[int, int], None]
PIECE_BYTES = 0x4_0000


class Cause(Enum):
    """Why a job failed."""

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

    ``flash_bytes`` is None where the flash does not report its size.
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
    """What a job found and read, or why it failed."""

    found: Found | None = None
    data: bytes = b""
    failure: Failure | None = None


def family(chip_name: str) -> str:
    """``esp32s3`` of ``ESP32-S3``: as esptool's ``--chip`` takes it."""
    return chip_name.lower().replace("-", "")
