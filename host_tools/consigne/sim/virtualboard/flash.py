"""The flash of a chip in one file, and its partitions as block devices on it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consigne.firmware import layout

from ..board.flash import SECTOR_BYTES, NorFlash


class Region:
    """One partition of a flash: blocks are counted from its start, and it gives no access beyond its end.

    ``reads`` counts the calls of ``readblocks`` since the chip started.
    """

    def __init__(self, flash: NorFlash, place: layout.Partition) -> None:
        self._flash = flash
        self._first = place.offset // SECTOR_BYTES
        self._blocks = place.size // SECTOR_BYTES
        self.reads = 0

    def _check(self, block: int, offset: int, length: int) -> None:
        if block < 0 or offset < 0 or block * SECTOR_BYTES + offset + length > self._blocks * SECTOR_BYTES:
            raise OSError(22, "beyond the partition")

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None:
        self._check(block, offset, len(buf))
        self.reads += 1
        self._flash.readblocks(self._first + block, buf, offset)

    def writeblocks(self, block: int, buf: bytes, offset: int | None = None) -> None:
        self._check(block, offset or 0, len(buf))
        self._flash.writeblocks(self._first + block, buf, offset)

    def ioctl(self, op: int, arg: int) -> int:
        if op == 4:
            return self._blocks
        if op == 6:
            self._check(arg, 0, SECTOR_BYTES)
            return self._flash.ioctl(6, self._first + arg)
        return self._flash.ioctl(op, arg)


class NoFlash(ValueError):
    """A name that a virtual board must not write to; the text is one sentence."""


def check_file(path: Path, size: int = layout.FLASH_BYTES) -> None:
    """Raises ``NoFlash`` if the path must not be overwritten: it exists and is not ``size`` long."""
    try:
        if not path.exists():
            if path.parent.is_dir():
                return
            raise NoFlash(f"{path} cannot be made: there is no folder {path.parent}")
        found = path.stat().st_size
    except OSError as error:
        raise NoFlash(f"{path} cannot be read: {error.strerror}") from None
    if not path.is_file() or found != size:
        what = f"has {found} bytes, a flash image {size}" if path.is_file() else "is no file"
        raise NoFlash(f"{path} is not a flash image ({what}): give the name of one, or of a new file")


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Lock the file for one board: raises ``NoFlash`` while another has it.

    The kernel unlocks it when the program ends, however it ends.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NoFlash(f"{path} is the flash of a virtual board that runs: end it, or copy it") from None
        yield


def check_link(path: Path | None) -> None:
    """Raises ``NoFlash`` if a link to the port would replace something else."""
    if path is None or path.is_symlink():
        return
    if path.exists():
        raise NoFlash(f"{path} is there and is no link to a port: give another name to --link")
    if not path.parent.is_dir():
        raise NoFlash(f"{path} cannot be made: there is no folder {path.parent}")


def open_flash(path: Path, size: int = layout.FLASH_BYTES) -> NorFlash:
    """The flash in ``path``; bytes beyond the file's end are erased."""
    return NorFlash(size, str(path))


def regions(flash: NorFlash, table: tuple[layout.Partition, ...]) -> dict[str, Region]:
    """Every partition of the table, by label."""
    return {place.label: Region(flash, place) for place in table}
