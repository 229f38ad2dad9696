"""On the board: what it is, and what lies in its application slots; one line of JSON each."""

import hashlib
import json
import os
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


def survey():
    rom = vfs.rom_ioctl(2, 0) if hasattr(vfs, "rom_ioctl") else -95
    print(
        json.dumps(
            {
                "version": sys.implementation[1][:3],
                "machine": sys.implementation[2],
                "platform": sys.platform,
                "rom_bytes": rom if isinstance(rom, int) else len(rom),
                "started": globals().get("consigne"),
                "free_bytes": os.statvfs("/")[0] * os.statvfs("/")[3],
                "files": {name: digest_of(name) for name in FILES},
            }
        )
    )


def seals(slot_bytes, slots):
    rom = vfs.rom_ioctl(2, 0)
    for slot in range(slots):
        sector = rom[slot * slot_bytes : slot * slot_bytes + SECTOR]
        end = SECTOR
        while end > 64 and sector[end - 1] == 0xFF:
            end -= 1
        length = int.from_bytes(sector[12:16], "little")
        image = rom[slot * slot_bytes + SECTOR :][: min(length, slot_bytes - SECTOR)]
        found = {"seal": b2a_base64(sector[:end]).decode().strip()}
        found["digest"] = hashlib.sha256(image).digest().hex()
        print(json.dumps(found))


def sums(slot, slot_bytes, sectors):
    rom = vfs.rom_ioctl(2, 0)
    first = slot * slot_bytes + SECTOR
    print([crc32(rom[first + i * SECTOR : first + (i + 1) * SECTOR]) for i in range(sectors)])
