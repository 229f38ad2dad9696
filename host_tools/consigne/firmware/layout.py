"""The layout of the board's flash, and the partition table for the chip.

The table in MicroPython's ESP32 image has no spare data partition, so flashing replaces it by this one: the
interpreter's own partitions with place and size as in MicroPython's own tables
(``ports/esp32/partitions-4MiB*.csv``: what was built for those fits here), then ``romfs`` with two slots for
the application (an update never touches the slot that runs), ``vfs`` for the technician's files, and
``journal``.  The table is ESP-IDF's binary format (docs.espressif.com, "Partition Tables"): 32 bytes an
entry, an MD5 of them after the last, 0xFF to the end.
"""

import hashlib
import struct
from dataclasses import dataclass

FLASH_BYTES = 0x40_0000
"""4 MiB, what an ESP32-WROOM-32E carries at least.  Larger flashes (N8R8, N16R8) are used as far as
this: one table and one production file serve every board, and 4 MiB is room enough."""
SECTOR_BYTES = 0x1000
BOOTLOADER_OFFSET = 0x1000  # of the ESP32; its newer siblings have it at 0
TABLE_OFFSET = 0x8000
TABLE_BYTES = 0xC00  # the chip's boot loader reads this much; the sector is 4096

SLOT_COUNT = 2
SLOT_BYTES = 0x4_0000

APP, DATA = 0, 1
_FACTORY, _NVS, _PHY, _FAT = 0x00, 0x02, 0x01, 0x81
_JOURNAL = 0x40  # application defined, own types from 0x40; any value will do
_ROMFS = 0x8F  # as MicroPython's own tables with a romfs number it; it is found by its label

_ENTRY = struct.Struct("<2sBBII16sI")
_MAGIC = b"\xaa\x50"
_MD5_MAGIC = b"\xeb\xeb" + b"\xff" * 14


class LayoutError(ValueError):
    """The partition table is missing or damaged: one sentence."""


@dataclass(frozen=True)
class Partition:
    """One run of whole sectors: ``offset`` and ``size`` in bytes from the start of the flash."""

    label: str
    type: int
    subtype: int
    offset: int
    size: int

    @property
    def end(self) -> int:
        """The first byte after it."""
        return self.offset + self.size


PARTITIONS: tuple[Partition, ...] = (
    Partition("nvs", DATA, _NVS, 0x9000, 0x6000),
    Partition("phy_init", DATA, _PHY, 0xF000, 0x1000),
    Partition("factory", APP, _FACTORY, 0x1_0000, 0x1F_0000),
    Partition("romfs", DATA, _ROMFS, 0x20_0000, SLOT_COUNT * SLOT_BYTES),
    Partition("vfs", DATA, _FAT, 0x28_0000, 0x8_0000),
    Partition("journal", DATA, _JOURNAL, 0x30_0000, 0x10_0000),
)


PLAIN: tuple[Partition, ...] = (
    *PARTITIONS[:3],
    Partition("vfs", DATA, _FAT, 0x20_0000, 0x10_0000),
    PARTITIONS[-1],
)
"""For a board whose application lies as files in its file system (``mpremote mip install``): no slots, but
room for the sources.  The journal has its usual place."""


def partition(label: str, table: tuple[Partition, ...] = PARTITIONS) -> Partition:
    """The partition of that label.  Raises ``LayoutError`` when the table has none."""
    for entry in table:
        if entry.label == label:
            return entry
    raise LayoutError(f"the partition table has no partition '{label}'; flash the board again")


def slot_offset(slot: int) -> int:
    """Where application slot 0 or 1 begins, in bytes from the start of the flash."""
    if not 0 <= slot < SLOT_COUNT:
        raise ValueError(f"there is no application slot {slot}, only 0 to {SLOT_COUNT - 1}")
    return partition("romfs").offset + slot * SLOT_BYTES


def csv(table: tuple[Partition, ...] = PARTITIONS) -> str:
    """The table as ESP-IDF's build reads it (docs.espressif.com, "Partition Tables")."""
    kinds = {APP: "app", DATA: "data"}
    names = {(APP, _FACTORY): "factory", (DATA, _NVS): "nvs", (DATA, _PHY): "phy", (DATA, _FAT): "fat"}
    out = "# Name, Type, SubType, Offset, Size, Flags\n"
    for p in table:
        subtype = names.get((p.type, p.subtype), hex(p.subtype))
        out += f"{p.label}, {kinds[p.type]}, {subtype}, {p.offset:#x}, {p.size:#x},\n"
    return out


def binary(table: tuple[Partition, ...] = PARTITIONS) -> bytes:
    """The table as the chip reads it at ``TABLE_OFFSET``: ``TABLE_BYTES`` bytes."""
    entries = b"".join(
        _ENTRY.pack(_MAGIC, p.type, p.subtype, p.offset, p.size, p.label.encode("ascii"), 0) for p in table
    )
    digest = _MD5_MAGIC + hashlib.md5(entries, usedforsecurity=False).digest()
    return (entries + digest).ljust(TABLE_BYTES, b"\xff")


def parse(data: bytes) -> tuple[Partition, ...]:
    """The partitions of a binary table (at least as long as its entries and their MD5).

    Raises ``LayoutError`` when there is no table, or its MD5 does not fit, or it has no end.
    """
    found: list[Partition] = []
    for at in range(0, len(data) - _ENTRY.size + 1, _ENTRY.size):
        raw = data[at : at + _ENTRY.size]
        if raw[:16] == _MD5_MAGIC:
            if raw[16:] != hashlib.md5(data[:at], usedforsecurity=False).digest():
                raise LayoutError(
                    "the partition table is damaged: its MD5 does not fit; flash the board again"
                )
            return tuple(found)
        if raw == b"\xff" * _ENTRY.size and found:  # a table without an MD5
            return tuple(found)
        magic, kind, subtype, offset, size, label, _ = _ENTRY.unpack(raw)
        if magic != _MAGIC:
            break
        found.append(Partition(label.rstrip(b"\0").decode("ascii", "replace"), kind, subtype, offset, size))
    raise LayoutError(f"there is no partition table at 0x{TABLE_OFFSET:x}; flash the board")
