"""An application slot in the ``romfs`` partition; ``firmware/boot.py`` is the device's half.

A slot is one sector that seals it, then a ROMFS image: an interpreter with ROMFS runs its bytecode in place,
an official one loads it through ``firmware/slotfs.py``.  The seal is written last, so after a power cut a
slot has no seal, or one that does not fit.  It also lists where each file's content lies, so that an update
sends only what changed and copies the rest from the slot that runs.

``mpremote romfs deploy`` would write from the start of the partition, which may be the slot that runs, and
official images have no ``vfs.rom_ioctl``.  ``esp32.Partition`` reads, erases and programs any sector on
both.  Since a slot begins with the seal, MicroPython finds no ROMFS at the start of the partition and mounts
nothing on its own.
"""

import hashlib
import struct
from binascii import crc32
from collections.abc import Iterator
from dataclasses import dataclass

from . import layout

MAGIC = b"CGA1"
SEAL_BYTES = layout.SECTOR_BYTES
IMAGE_BYTES_MAX = layout.SLOT_BYTES - SEAL_BYTES
HASH_BYTES = 8
"""Bytes of a file's SHA-256, enough to recognise it; the whole image is checked by all 32."""

_HEAD = struct.Struct("<4sIIIHH32s")
_FILE = struct.Struct(f"<II{HASH_BYTES}s")
FILES_MAX = (SEAL_BYTES - _HEAD.size) // _FILE.size

_ROMFS_MAGIC = b"\xd2\xcd\x31"
_PADDING, _VERBATIM, _POINTER, _DIRECTORY, _FILE_RECORD = 1, 2, 3, 4, 5


class TooLarge(ValueError):
    """The application does not fit a slot: one sentence."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes of one file inside an image."""

    offset: int
    length: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """The first sector of a slot, which describes the image after it."""

    generation: int
    length: int
    digest: bytes
    files: tuple[Content, ...]

    def binary(self) -> bytes:
        """Its bytes at the start of the slot."""
        table = b"".join(_FILE.pack(file.offset, file.length, file.digest) for file in self.files)
        rest = _HEAD.pack(b"", 0, self.generation, self.length, len(self.files), 0, self.digest)[8:] + table
        return MAGIC + struct.pack("<I", crc32(rest)) + rest


def parse(sector: bytes) -> Seal | None:
    """The seal in a sector, None when there is none or it is invalid."""
    if len(sector) < _HEAD.size:
        return None
    magic, crc, generation, length, count, _, digest = _HEAD.unpack_from(sector)
    end = _HEAD.size + count * _FILE.size
    if magic != MAGIC or end > len(sector) or crc32(sector[8:end]) != crc:
        return None
    files = [Content(*entry) for entry in _FILE.iter_unpack(sector[_HEAD.size : end])]
    return Seal(generation, length, digest, tuple(files))


def seal(image: bytes, generation: int) -> Seal:
    """The seal of a ROMFS image.  Raises ``TooLarge``."""
    if len(image) > IMAGE_BYTES_MAX:
        raise TooLarge(
            f"the application has {len(image)} bytes, {len(image) - IMAGE_BYTES_MAX} more than a slot holds: "
            "leave something out of firmware/manifest.py"
        )
    files = tuple(
        Content(offset, length, hashlib.sha256(image[offset : offset + length]).digest()[:HASH_BYTES])
        for offset, length in contents(image)
    )
    if len(files) > FILES_MAX:
        raise TooLarge(f"the application has {len(files)} files; {FILES_MAX} is the most")
    return Seal(generation, len(image), hashlib.sha256(image).digest(), files)


def slot_image(image: bytes, generation: int) -> bytes:
    """A whole slot as the flash holds it, up to the image's last byte."""
    return seal(image, generation).binary().ljust(SEAL_BYTES, b"\xff") + image


def newest(slots: list[bytes]) -> tuple[int, Seal] | None:
    """The slot that a board would run: its number and seal."""
    best = None
    for number, data in enumerate(slots):
        found = parse(data[:SEAL_BYTES])
        if found is None:
            continue
        image = data[SEAL_BYTES : SEAL_BYTES + found.length]
        if hashlib.sha256(image).digest() != found.digest:
            continue
        if best is None or found.generation > best[1].generation:
            best = number, found
    return best


def contents(image: bytes) -> Iterator[tuple[int, int]]:
    """``(offset, length)`` of each file's bytes in a ROMFS image.

    The format is MicroPython's (``extmod/vfs_rom.c``): records of a kind and a length, both numbers of
    7 bits a byte, the high ones first; a directory's and a file's record begin with their name.
    """
    if image[:3] != _ROMFS_MAGIC:
        raise ValueError("not a ROMFS image")
    length, at = _number(image, 3)
    yield from _records(image, at, at + length)


def _records(image: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    while at < end:
        kind, at = _number(image, at)
        length, at = _number(image, at)
        if kind in (_DIRECTORY, _FILE_RECORD):
            name, inside = _number(image, at)
            yield from _records(image, inside + name, at + length)
        elif kind == _VERBATIM:
            yield at, length
        elif kind not in (_PADDING, _POINTER):
            raise ValueError(f"a ROMFS record of unknown kind {kind}")
        at += length


def _number(image: bytes, at: int) -> tuple[int, int]:
    value = 0
    while True:
        byte = image[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at
