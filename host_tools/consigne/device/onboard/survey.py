"""On the board: what it is, and what lies in its application slots; one line of JSON each."""

import hashlib
import json
import os
import struct
import sys
from binascii import b2a_base64, crc32

import vfs

SECTOR = 4096
FILES = ("boot.py", "main.py", "config.json", "identity.json", "identity.new", "ca.der", "production")


def digest_of(name):
    try:
        with open(name, "rb") as file:
            return hashlib.sha256(file.read()).digest().hex()
    except OSError:
        return None


def is_ours():
    """Whether ``boot.py`` is the application's, of whatever version."""
    try:
        with open("boot.py") as file:
            return "consigne = " in file.read()
    except OSError:
        return False


def survey():
    rom = vfs.rom_ioctl(2, 0) if hasattr(vfs, "rom_ioctl") else -95
    print(
        json.dumps(
            {
                "version": sys.implementation[1][:3],
                "machine": sys.implementation[2],
                "platform": sys.platform,
                "rom_bytes": rom if isinstance(rom, int) else len(rom),
                "ours": is_ours(),
                "started": globals().get("consigne"),
                "free_bytes": os.statvfs("/")[0] * os.statvfs("/")[3],
                "files": {name: digest_of(name) for name in FILES},
            }
        )
    )


def slots(slot_bytes, count):
    """What each slot holds: generation, -1 unless it is whole; then the seal of the newest."""
    rom = vfs.rom_ioctl(2, 0)
    generations = []
    for slot in range(count):
        sector = rom[slot * slot_bytes : slot * slot_bytes + SECTOR]
        generation, length = struct.unpack_from("<II", sector, 8)
        image = rom[
            slot * slot_bytes + SECTOR : slot * slot_bytes + SECTOR + min(length, slot_bytes - SECTOR)
        ]
        good = crc32(sector[8 : sealed(sector)]) == struct.unpack_from("<I", sector, 4)[0]
        good = good and hashlib.sha256(image).digest() == sector[20:52]
        generations.append(generation if good else -1)
    print(json.dumps(generations))
    newest = generations.index(max(generations))
    seal = rom[newest * slot_bytes :]
    print(json.dumps([b2a_base64(seal[: sealed(seal)]).decode().strip()]))


def sealed(sector):
    """How many bytes the seal has."""
    return min(52 + 16 * struct.unpack_from("<H", sector, 16)[0], SECTOR)


def sums(slot, slot_bytes, sectors):
    rom = vfs.rom_ioctl(2, 0)
    first = slot * slot_bytes + SECTOR
    print([crc32(rom[first + i * SECTOR : first + (i + 1) * SECTOR]) for i in range(sectors)])
