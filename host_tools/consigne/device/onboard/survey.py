"""On the board: what it is, and what lies in its application slots; one line of JSON each."""

import hashlib
import json
import os
import struct
import sys
from binascii import b2a_base64, crc32

from esp32 import Partition

SECTOR = 4096
FILES = (
    "slotfs.py", "boot.py", "main.py", "config.json", "identity.json", "identity.new", "ca.der", "production",
)  # fmt: skip


def digest_of(name):
    try:
        with open(name, "rb") as file:
            return hashlib.sha256(file.read()).digest().hex()
    except OSError:
        return None


def is_ours():
    """Whether ``boot.py`` is ours, of any version."""
    try:
        with open("boot.py") as file:
            return "consigne = " in file.read()
    except OSError:
        return False


def rom_flash():
    """The partition of the slots, None on a board without our partition table."""
    found = Partition.find(Partition.TYPE_DATA, label="romfs")
    return found[0] if found else None


def survey():
    flash = rom_flash()
    print(
        json.dumps(
            {
                "version": sys.implementation[1][:3],
                "machine": sys.implementation[2],
                "platform": sys.platform,
                "rom_bytes": flash.info()[3] if flash else 0,
                "ours": is_ours(),
                "started": globals().get("consigne"),
                "free_bytes": os.statvfs("/")[0] * os.statvfs("/")[3],
                "files": {name: digest_of(name) for name in FILES},
            }
        )
    )


def slots(slot_bytes, count, mounted=-1):
    """Print each slot's generation, -1 unless it is whole; then the seal of the mounted slot, else of the
    newest.
    """
    flash = rom_flash()
    sector = bytearray(SECTOR)
    generations = []
    newest = running = b""
    for slot in range(count):
        flash.readblocks(slot * slot_bytes // SECTOR, sector)
        generation, length = struct.unpack_from("<II", sector, 8)
        seal = bytes(sector[: sealed(sector)])
        good = crc32(seal[8:]) == struct.unpack_from("<I", seal, 4)[0]
        good = good and digest_of_image(flash, slot * slot_bytes + SECTOR, length, sector) == seal[20:52]
        generations.append(generation if good else -1)
        if slot == generations.index(max(generations)):
            newest = seal
        if good and slot == mounted:
            running = seal
    print(json.dumps(generations))
    print(json.dumps([b2a_base64(running or newest).decode().strip()]))


def digest_of_image(flash, begin, length, sector):
    """SHA-256 of ``length`` bytes of the partition from ``begin``, None if they reach beyond its end."""
    if begin + length > flash.info()[3]:
        return None
    reckoned = hashlib.sha256()
    for at in range(0, length, SECTOR):
        view = memoryview(sector)[: min(SECTOR, length - at)]
        flash.readblocks((begin + at) // SECTOR, view)
        reckoned.update(view)
    return reckoned.digest()


def sealed(sector):
    """Length of the seal in bytes."""
    return min(52 + 16 * struct.unpack_from("<H", sector, 16)[0], SECTOR)


def sums(slot, slot_bytes, sectors):
    flash = rom_flash()
    first = slot * slot_bytes // SECTOR + 1
    sector = bytearray(SECTOR)
    found = []
    for i in range(sectors):
        flash.readblocks(first + i, sector)
        found.append(crc32(sector))
    print(found)
