"""Images of programs for Espressif chips: the boot loader's checks before it starts one, and a builder.

The format is ESP-IDF's ("App Image Format", docs.espressif.com): a header, segments, a checksum, and a
SHA-256 of it all.  The first segment begins with the application's description, which names the project
and its version.  Tests cannot download an image of MicroPython, so they build one that claims to be it.
"""

import hashlib
import re
import struct
from dataclasses import dataclass

from consigne.cabinet.chips import OCTAL, QUAD
from consigne.firmware import layout

MAGIC = 0xE9
_CHECKSUM_SEED = 0xEF
_HEADER = struct.Struct("<BBBBI")  # magic, segments, flash mode, flash size and frequency, entry
_EXTENDED = struct.Struct("<B3sHBHH4sB")  # pins, drive, chip, revisions, reserved, hash appended
_SEGMENT = struct.Struct("<II")  # address in memory, bytes
_DESCRIPTION = struct.Struct("<II8s32s32s16s16s32s32s80s")
_DESCRIPTION_MAGIC = 0xABCD5432
_SEGMENTS_MAX = 16
_BANNER = re.compile(rb"MicroPython (v\d[^;\0]* on \d{4}-\d\d-\d\d)")
_MACHINE = re.compile(rb"; ([ -~]+ with ESP32[ -~]*)\0")
_BUILD = re.compile(rb"\0(ESP32_(?:GENERIC|CONSIGNE)[A-Z0-9_-]*)\0")
_DROM, _IRAM = 0x3F40_0020, 0x4008_0000
_DIO = 0x02

ESP32, ESP32S3, ESP32C3 = 0, 9, 5
OFFICIAL, OFFICIAL_PSRAM, ROMFS = "official", "official-psram", "romfs"


@dataclass(frozen=True)
class Variant:
    """One way in which MicroPython is built for a chip.

    ``machine`` is ``MICROPY_BANNER_MACHINE``, ``build`` ``MICROPY_BOARD_BUILD_NAME``; ``psram`` the kind of
    PSRAM that it drives (empty: none), as ``ports/esp32/boards/*/mpconfigvariant*.cmake`` and
    ``sdkconfig.spiram*`` choose it; ``romfs`` whether it has ``vfs.VfsRom`` and ``vfs.rom_ioctl``.
    """

    machine: str
    build: str
    psram: str = ""
    romfs: bool = False


VARIANTS = {
    (ESP32, OFFICIAL): Variant("Generic ESP32 module with ESP32", "ESP32_GENERIC"),
    (ESP32, OFFICIAL_PSRAM): Variant(
        "Generic ESP32 module with SPIRAM with ESP32", "ESP32_GENERIC-SPIRAM", QUAD
    ),
    (ESP32, ROMFS): Variant("Consigne on ESP32 without PSRAM with ESP32", "ESP32_CONSIGNE", romfs=True),
    (ESP32S3, OFFICIAL): Variant("Generic ESP32S3 module with ESP32S3", "ESP32_GENERIC_S3", QUAD),
    (ESP32S3, OFFICIAL_PSRAM): Variant(
        "Generic ESP32S3 module with Octal-SPIRAM with ESP32S3", "ESP32_GENERIC_S3-SPIRAM_OCT", OCTAL
    ),
    (ESP32S3, ROMFS): Variant(
        "Consigne on ESP32-S3 without PSRAM with ESP32S3", "ESP32_CONSIGNE_S3", romfs=True
    ),
    (ESP32C3, OFFICIAL): Variant("ESP32C3 module with ESP32C3", "ESP32_GENERIC_C3"),
    (ESP32C3, ROMFS): Variant("Consigne on ESP32-C3 with ESP32C3", "ESP32_CONSIGNE_C3", romfs=True),
}
"""By chip and kind; no official image has ROMFS, and the C3 takes no PSRAM."""
KINDS = tuple(sorted({kind for _, kind in VARIANTS}))
RELEASES = ("v1.25.0", "v1.26.0", "v1.26.1", "v1.27.0", "v1.28.0")
"""Versions of MicroPython for the firmware: from the oldest that ``device`` takes to the newest tried."""


class ImageError(ValueError):
    """No image, a damaged one, or one for another chip: one sentence."""


@dataclass(frozen=True)
class Image:
    """What an image contains.

    ``project`` is empty when its description names none, as in MicroPython's; ``banner`` (``v1.26.1 on
    2025-09-11``) is empty when it is not MicroPython.  ``variant`` follows from byte strings that only such a
    build contains.
    """

    chip_id: int
    size: int
    project: str
    banner: str
    variant: Variant


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
    told = banner[1].decode() if banner else ""
    return Image(found_chip, at, _project(first), told, _variant(data[:at]))


def _variant(program: bytes) -> Variant:
    machine = _MACHINE.search(program)
    psram = next((kind for kind in (OCTAL, QUAD) if _psram_tag(kind) in program), "")
    build = _BUILD.search(program)
    return Variant(
        machine[1].decode() if machine else "",
        build[1].decode() if build else "",
        psram,
        b"\0VfsRom\0" in program,
    )


def _psram_tag(kind: str) -> bytes:
    """The log tag of ESP-IDF's driver (``components/esp_psram/<chip>/esp_psram_impl_<kind>.c``)."""
    return b"\0" + kind.encode() + b"_psram\0"


def _strings(variant: Variant) -> bytes:
    """Byte strings that distinguish a program of this variant."""
    out = b"; " + variant.machine.encode() + b"\0" + variant.build.encode() + b"\0"
    if variant.psram:
        out += _psram_tag(variant.psram)
        out += b"PSRAM enabled but initialization failed. Bailing out.\0"
        out += b"External RAM failed memory test!\0"
    if variant.romfs:
        out += b"\0VfsRom\0\0rom_ioctl\0"
    return out


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
    kind: str = OFFICIAL_PSRAM,
    flash_bytes: int = layout.FLASH_BYTES,
) -> bytes:
    """A program of about ``size`` bytes that passes ``check`` and ``esptool image-info``.

    ``version`` as MicroPython writes it, ``v1.26.1``; with the project ``micropython`` the program carries
    its banner and what its ``kind`` is known by; ``flash_bytes`` is the flash that the header says it is
    for.  The rest is noise that depends on project and version only, so that images differ and
    compress about as programs do.
    """
    # MicroPython's says neither (CONFIG_APP_EXCLUDE_PROJECT_VER_VAR, _NAME_VAR in boards/sdkconfig.base).
    names = (b"", b"") if project == "micropython" else (version.encode(), project.encode())
    description = _DESCRIPTION.pack(
        _DESCRIPTION_MAGIC, 0, b"", *names, b"12:00:00", b"Nov 22 2026",
        b"v5.4.2", hashlib.sha256((project + version).encode()).digest(), b"",
    )  # fmt: skip
    noise = bytearray()
    while len(noise) < size * 3 // 4:
        noise += hashlib.sha256(f"{project} {version} {len(noise)}".encode()).digest() + bytes(32)
    if project == "micropython":
        variant = VARIANTS.get((chip_id, kind), Variant("a module with ESP32, of another make", "ANOTHER"))
        noise[:0] = f"MicroPython {version} on {date}\0".encode() + _strings(variant)
    segments = ((_DROM, description + noise), (_IRAM, noise[-(size // 4) :]))
    body = _HEADER.pack(MAGIC, len(segments), _DIO, _size_code(flash_bytes) << 4, _IRAM + 4)
    body += _EXTENDED.pack(0xEE, b"", chip_id, 0, 0, 399, b"", 1)
    checksum = _CHECKSUM_SEED
    for address, data in segments:
        padded = bytes(data).ljust(-(-len(data) // 4) * 4, b"\0")
        body += _SEGMENT.pack(address, len(padded)) + padded
        checksum ^= _xor(padded)
    body += bytes(15 - len(body) % 16) + bytes((checksum,))
    return body + hashlib.sha256(body).digest()


def flash_bytes(data: bytes) -> int:
    """The flash that the header of an image is for."""
    return 1 << (data[3] >> 4) << 20


def _size_code(flash_bytes: int) -> int:
    """As ``esp_image_spi_flash_size_t`` numbers them: 0 is 1 MiB, and each next one is twice that."""
    return (flash_bytes >> 20).bit_length() - 1


STOCK = (
    *layout.PARTITIONS[:2],
    layout.Partition("factory", layout.APP, 0x00, 0x1_0000, 0x1F_0000),
    layout.Partition("vfs", layout.DATA, 0x81, 0x20_0000, 0x20_0000),
)
"""The partition table of MicroPython's ESP32_GENERIC for 4 MiB: no romfs, no journal."""


def release(
    version: str,
    chip_id: int = ESP32,
    size: int = 0x1_0000,
    kind: str = OFFICIAL_PSRAM,
    flash_bytes: int = layout.FLASH_BYTES,
) -> bytes:
    """What micropython.org offers for download: boot loader, stock table and program, for 0x1000 (ESP32).

    ``kind``: ``OFFICIAL``, ``OFFICIAL_PSRAM``, or ``ROMFS``, which one builds oneself.
    """
    start = boot_offset(chip_id)
    loader = build(version, "bootloader", chip_id, 0x4000, flash_bytes=flash_bytes)
    out = loader.ljust(layout.TABLE_OFFSET - start, b"\xff")
    out += layout.binary(STOCK)
    out = out.ljust(layout.partition("factory").offset - start, b"\xff")
    return out + build(version, "micropython", chip_id, size, kind=kind, flash_bytes=flash_bytes)


def boot_offset(chip_id: int) -> int:
    """Where in the flash the ROM looks for the boot loader."""
    return layout.BOOTLOADER_OFFSET if chip_id == ESP32 else 0
