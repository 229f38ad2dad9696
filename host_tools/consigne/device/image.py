"""A board's whole flash as one file: written for a production line, or read to find one partition.

An image that is made has nothing of a single locker: ``consigne device provision`` makes the keys.
"""

from dataclasses import dataclass
from pathlib import Path

from littlefs import LittleFS, LittleFSError

from consigne.firmware import layout, slots
from consigne.firmware.application import Application

from . import journalwords
from .content import content
from .errors import DeviceError
from .interpreter import Interpreter

LFS_IO_BYTES = 32  # MicroPython's VfsLfs2 reads and programs in these units unless told otherwise
_LFS_DISK_VERSION = 0x0002_0000  # 2.0, which every littlefs 2 mounts


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes and where in the flash they go; ``what`` in a technician's words."""

    what: str
    offset: int
    data: bytes


def file_system(files: dict[str, bytes]) -> bytes:
    """The ``vfs`` partition as littlefs, with these files at its root.  Raises ``ValueError`` if full."""
    blocks = layout.partition("vfs").size // layout.SECTOR_BYTES
    lfs = LittleFS(
        block_size=layout.SECTOR_BYTES,
        block_count=blocks,
        read_size=LFS_IO_BYTES,
        prog_size=LFS_IO_BYTES,
        disk_version=_LFS_DISK_VERSION,
    )
    for name, data in files.items():
        with lfs.open(name, "wb") as file:
            file.write(data)
    return bytes(lfs.context.buffer)


def parts(
    interpreter: Interpreter, application: Application, *, fresh: bool, files: dict[str, bytes] | None = None
) -> list[Part]:
    """What goes where in the flash, in the order in which it is written.

    Parameters
    ----------
    fresh
        Also the file system, with ``files`` beside the boot files, and an empty journal.
    """
    out = [
        Part("boot loader", interpreter.offset, interpreter.boot_loader),
        Part("partition table", layout.TABLE_OFFSET, layout.binary()),
        Part("MicroPython", layout.partition("factory").offset, interpreter.program),
        Part("application", layout.slot_offset(0), slots.slot_image(application.image, 1)),
        Part("spare slot", layout.slot_offset(1), b"\xff" * slots.SEAL_BYTES),
    ]
    if fresh:
        journal = layout.partition("journal")
        system = file_system({**application.boot_files, **(files or {})})
        nvs = layout.partition("nvs")
        out += [
            Part("settings of the radio", nvs.offset, b"\xff" * nvs.size),
            Part("file system", layout.partition("vfs").offset, system),
            Part("journal", journal.offset, b"\xff" * journal.size),
        ]
    return out


def whole_flash(every: list[Part]) -> bytes:
    """The parts in one file, as long as the flash; a programmer writes it to address 0."""
    flash = bytearray(b"\xff" * layout.FLASH_BYTES)
    for part in every:
        flash[part.offset : part.offset + len(part.data)] = part.data
    return bytes(flash)


def partition_in(file: Path, label: str) -> bytes:
    """The bytes of one partition in a file read off a board.

    A whole flash is found by its partition table, wherever that puts the partition; a file exactly as
    long as the partition, or one that holds no table, is taken for the partition itself.
    """
    data = content(file)
    wanted = layout.partition(label)
    if not data or len(data) % layout.SECTOR_BYTES:
        raise DeviceError(
            f"{file} is not a flash image: it has {len(data)} bytes, and flash comes in sectors of "
            f"{layout.SECTOR_BYTES}"
        )
    if len(data) <= max(wanted.size, layout.TABLE_OFFSET + layout.TABLE_BYTES):
        return data
    try:
        table = layout.parse(data[layout.TABLE_OFFSET : layout.TABLE_OFFSET + layout.TABLE_BYTES])
        wanted = layout.partition(label, table)
    except layout.LayoutError as error:
        raise DeviceError(f"{file} is not a flash image of Consigne: {error}") from None
    found = data[wanted.offset : wanted.end]
    if len(found) < wanted.size:
        raise DeviceError(
            f"{file} ends at byte {len(data)}, within the partition '{label}'; "
            f"read it again from 0x{wanted.offset:x}, 0x{wanted.size:x} bytes long"
        )
    return found


def door_names(file: Path) -> list[str]:
    """The doors' names in the configuration that lies in a whole flash; none where it cannot be read."""
    data = content(file)
    try:
        table = layout.parse(data[layout.TABLE_OFFSET : layout.TABLE_OFFSET + layout.TABLE_BYTES])
        place = layout.partition("vfs", table)
        blocks = place.size // layout.SECTOR_BYTES
        lfs = LittleFS(block_size=layout.SECTOR_BYTES, block_count=blocks, mount=False)
        lfs.context.buffer[:] = data[place.offset : place.end].ljust(place.size, b"\xff")
        lfs.mount()
        with lfs.open("config.json", "rb") as config:
            return journalwords.door_names(config.read())
    except (layout.LayoutError, LittleFSError, OSError):
        return []
