"""Images of programs for Espressif chips: what the boot loader checks before it starts one, and a builder.

The format is ESP-IDF's ("App Image Format", docs.espressif.com): a header, segments, a checksum, and a
SHA-256 of it all.  The first segment begins with the application's description, which names the project
and its version.  No image of MicroPython can be fetched here, so tests build one that says it is one.
"""

import hashlib
import re
import struct
from dataclasses import dataclass

from ...device import layout

MAGIC = 0xE9
_CHECKSUM_SEED = 0xEF
_HEADER = struct.Struct("<BBBBI")  # magic, segments, flash mode, flash size and frequency, entry
_EXTENDED = struct.Struct("<B3sHBHH4sB")  # pins, drive, chip, revisions, reserved, hash appended
_SEGMENT = struct.Struct("<II")  # address in memory, bytes
_DESCRIPTION = struct.Struct("<II8s32s32s16s16s32s32s80s")
_DESCRIPTION_MAGIC = 0xABCD5432
_SEGMENTS_MAX = 16
_BANNER = re.compile(rb"MicroPython (v\d[^;\0]* on \d{4}-\d\d-\d\d)")
_DROM, _IRAM = 0x3F40_0020, 0x4008_0000
_FLASH_4MB_40MHZ, _DIO = 0x20, 0x02

ESP32 = 0


class ImageError(ValueError):
    """No image, a damaged one, or one for another chip: one sentence."""


@dataclass(frozen=True)
class Image:
    """What an image says of itself.

    ``project`` is empty when it has no description; ``banner`` (``v1.26.1 on 2025-09-11``) when it is
    not MicroPython.
    """

    chip_id: int
    size: int
    project: str
    banner: str


def check(data: bytes, chip_id: int = ESP32) -> Image:
    """Verify the image that ``data`` begins with, as the boot loader does.  Raises ``ImageError``."""
    if len(data) < _HEADER.size + _EXTENDED.size or data[0] != MAGIC:
        raise ImageError("there is no program: it does not begin with 0xE9")
    count = data[1]
    found_chip, hashed = _EXTENDED.unpack_from(data, _HEADER.size)[2::5]
    if found_chip != chip_id:
        raise ImageError(f"the program is for another chip: it says {found_chip}, this is {chip_id}")
    if not 1 <= count <= _SEGMENTS_MAX:
        raise ImageError(f"the program is damaged: {count} segments")
    at, checksum, first = _HEADER.size + _EXTENDED.size, _CHECKSUM_SEED, b""
    for number in range(count):
        size = _SEGMENT.unpack_from(data.ljust(at + _SEGMENT.size, b"\0"), at)[1]
        at += _SEGMENT.size
        segment = data[at : at + size]
        if len(segment) < size:
            raise ImageError("the program is damaged: it ends within a segment")
        checksum ^= _xor(segment)
        first = segment if number == 0 else first
        at += size
    at += 15 - at % 16
    if data[at : at + 1] != bytes((checksum,)):
        raise ImageError("the program is damaged: its checksum does not fit")
    at += 1
    if hashed:
        if data[at : at + 32] != hashlib.sha256(data[:at]).digest():
            raise ImageError("the program is damaged: its SHA-256 does not fit")
        at += 32
    banner = _BANNER.search(data[:at])
    return Image(found_chip, at, _project(first), banner[1].decode() if banner else "")


def _xor(data: bytes) -> int:
    """All bytes of ``data``, exclusive or: folded in halves, for images are large."""
    size = 1 << max(0, (len(data) - 1).bit_length())
    value = int.from_bytes(data, "little")
    while size > 1:
        size //= 2
        value = (value >> 8 * size) ^ (value & ((1 << 8 * size) - 1))
    return value


def _project(segment: bytes) -> str:
    """The project's name in an application's description."""
    if len(segment) < _DESCRIPTION.size:
        return ""
    magic, _, _, _, project, *_ = _DESCRIPTION.unpack_from(segment)
    return project.split(b"\0")[0].decode("ascii", "replace") if magic == _DESCRIPTION_MAGIC else ""


def build(
    version: str,
    project: str = "micropython",
    chip_id: int = ESP32,
    size: int = 0x1_0000,
    date: str = "2026-11-22",
) -> bytes:
    """A program of about ``size`` bytes that passes ``check`` and ``esptool image-info``.

    ``version`` as MicroPython writes it, ``v1.26.1``; with the project ``micropython`` the program carries
    its banner.  The rest is noise that depends on project and version only, so that images differ and
    compress about as programs do.
    """
    description = _DESCRIPTION.pack(
        _DESCRIPTION_MAGIC, 0, b"", version.encode(), project.encode(), b"12:00:00", b"Nov 22 2026",
        b"v5.4.2", hashlib.sha256((project + version).encode()).digest(), b"",
    )  # fmt: skip
    noise = bytearray()
    while len(noise) < size * 3 // 4:
        noise += hashlib.sha256(f"{project} {version} {len(noise)}".encode()).digest() + bytes(32)
    if project == "micropython":
        noise[:0] = f"MicroPython {version} on {date}\0".encode()
    segments = ((_DROM, description + noise), (_IRAM, noise[-(size // 4) :]))
    body = _HEADER.pack(MAGIC, len(segments), _DIO, _FLASH_4MB_40MHZ, _IRAM + 4)
    body += _EXTENDED.pack(0xEE, b"", chip_id, 0, 0, 399, b"", 1)
    checksum = _CHECKSUM_SEED
    for address, data in segments:
        padded = bytes(data).ljust(-(-len(data) // 4) * 4, b"\0")
        body += _SEGMENT.pack(address, len(padded)) + padded
        checksum ^= _xor(padded)
    body += bytes(15 - len(body) % 16) + bytes((checksum,))
    return body + hashlib.sha256(body).digest()


STOCK = (
    *layout.PARTITIONS[:2],
    layout.Partition("factory", layout.APP, 0x00, 0x1_0000, 0x1F_0000),
    layout.Partition("vfs", layout.DATA, 0x81, 0x20_0000, 0x20_0000),
)
"""The partition table of MicroPython's ESP32_GENERIC for 4 MiB: no romfs, no journal."""


def release(version: str, chip_id: int = ESP32, size: int = 0x1_0000) -> bytes:
    """What micropython.org offers for download: boot loader, stock table and program, for 0x1000 (ESP32)."""
    start = boot_offset(chip_id)
    out = build(version, "bootloader", chip_id, 0x4000).ljust(layout.TABLE_OFFSET - start, b"\xff")
    out += layout.binary(STOCK)
    out = out.ljust(layout.partition("factory").offset - start, b"\xff")
    return out + build(version, "micropython", chip_id, size)


def boot_offset(chip_id: int) -> int:
    """Where in the flash the ROM looks for the boot loader."""
    return layout.BOOTLOADER_OFFSET if chip_id == ESP32 else 0
