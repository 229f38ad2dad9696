"""Renames start files that keep a board from its prompt, through the chip's boot loader.

For a board that answers nothing because its ``main.py`` or ``boot.py`` is a program of somebody else's that
hangs with Ctrl-C off.  All else in its file system stays: its key is there.

A renaming changes the directory alone, a pair of sectors of which the newest whole one counts ("Metadata
pairs" of the littlefs specification).  A sector is a log, and an interrupted write could leave a part of it
that counts as whole.  But when the log is full, littlefs writes all of it anew, as one piece, into the other
sector.  Only that sector is written to the board: wherever this is interrupted, the directory is as before or
as after.
"""

import struct
from collections.abc import Mapping

from littlefs import LittleFS, LittleFSError

from consigne.firmware import layout

from .image import LFS_IO_BYTES, Part

OLD = ".old"
_DISK_VERSIONS = 0x0002_0000, 0x0002_0001  # of the file system's format; a newer one is not touched
_PAIR = range(2)  # the sectors of the root directory, which needs no others for few files
_TRIES = 1_000  # a renaming takes 32 bytes of the log or more, and every other full log is the wrong sector's
_SECTOR = layout.SECTOR_BYTES


def renamed(data: bytes, ours: Mapping[str, bytes]) -> tuple[list[str], list[Part]]:
    """The files of these names that are not ``ours``, and the sector to write that renames them to ``.old``.

    ``data`` is the ``vfs`` partition.  Both empty where this way does not work.
    """
    lfs, there = _mounted(data), _files(data)
    if lfs is None or there is None:
        return [], []
    names = [name for name in sorted(ours) if there.get("/" + name) not in (None, ours[name])]
    spare = next((number for number in _PAIR if _files(_without(data, number)) == there), None)
    if not names or spare is None:
        return [], []
    for name in names[:-1]:
        lfs.rename(name, name + OLD)
    if not _rename_into(lfs, names[-1], spare):
        return [], []
    new = bytes(lfs.context.buffer)
    if any(_sector(data, number) != _sector(new, number) for number in range(2, len(data) // _SECTOR)):
        return [], []
    return names, [Part("file system", layout.partition("vfs").offset + spare * _SECTOR, _sector(new, spare))]


def _rename_into(lfs: LittleFS, name: str, spare: int) -> bool:
    """Rename it, back and forth, until the log is full and the directory is written anew into this sector."""
    for number in range(_TRIES):
        was = _revision(lfs.context.buffer, spare)
        lfs.rename(name, name + OLD)
        if _revision(lfs.context.buffer, spare) != was:
            return True
        # Go back in two steps, then in one, in turn: with always one, a step back might fill the log each
        # time.
        if number % 2:
            lfs.rename(name + OLD, name + OLD + OLD)
            lfs.rename(name + OLD + OLD, name)
        else:
            lfs.rename(name + OLD, name)
    return False


def _mounted(data: bytes) -> LittleFS | None:
    for version in _DISK_VERSIONS:
        lfs = LittleFS(
            block_size=_SECTOR,
            block_count=len(data) // _SECTOR,
            read_size=LFS_IO_BYTES,
            prog_size=LFS_IO_BYTES,
            disk_version=version,
            block_cycles=-1,
            mount=False,
        )
        lfs.context.buffer[:] = data
        try:
            lfs.mount()
        except LittleFSError:
            continue
        return lfs
    return None


def _files(data: bytes) -> dict[str, bytes] | None:
    """All that lies there; None where it is no file system."""
    lfs = _mounted(data)
    if lfs is None:
        return None
    out = {}
    for folder, _, names in lfs.walk("/"):
        for name in names:
            path = folder.rstrip("/") + "/" + name
            with lfs.open(path, "rb") as file:
                out[path] = bytes(file.read())
    return out


def _sector(data: bytes, number: int) -> bytes:
    return data[number * _SECTOR : (number + 1) * _SECTOR]


def _revision(data: bytes | bytearray, number: int) -> int:
    """The revision count of a sector of the pair."""
    return int(struct.unpack_from("<i", data, number * _SECTOR)[0])


def _without(data: bytes, number: int) -> bytes:
    """The data with this sector erased."""
    return data[: number * _SECTOR] + b"\xff" * _SECTOR + data[(number + 1) * _SECTOR :]
