"""First on the board, from its file system: close the console, mount the newest whole application.

The ``romfs`` partition holds two slots for the application.  A slot begins with a sector that is written
last: magic, checksum, generation, length and SHA-256 of the image behind it (the host's half is
``consigne.firmware.slots``).  A slot that differs from its seal does not count, so an interrupted update
leaves the application that ran before.  An interpreter with ROMFS has the partition in mapped memory:
bytecode runs in place.  The official images have none: ``slotfs.py`` reads the same image.

Leaves ``consigne`` for ``main.py`` and for ``consigne device``: ``(service, production, slot, generation)``;
slot -1: no whole application.  A file ``production`` keeps the console closed; a file ``service``, removed at
once, makes one start skip the application and its watchdog.
"""

# ruff: noqa: F821 - the names that the last lines let go of

import micropython

try:
    micropython.kbd_intr(-1)  # first of all, so that Ctrl-C cannot skip the next lines
    for _ in range(2):
        pass  # a Ctrl-C before that line is raised at the next jump: here, where it does no harm
except KeyboardInterrupt:
    micropython.kbd_intr(-1)

import gc
import os
import sys
from binascii import crc32
from hashlib import sha256
from struct import unpack_from

import vfs
from esp32 import Partition

_SLOTS = 2
_IMAGE_AT = 4096
_HEAD = "<4sIIIHH32s"  # magic, CRC of the rest and the table, generation, bytes, files, 0, SHA-256
_HEAD_BYTES = 52
_FILE_BYTES = 16


def _taken(name):
    try:
        os.remove(name)
        return True
    except OSError:
        return False


def _there(name):
    try:
        os.stat(name)
        return True
    except OSError:
        return False


def _sealed(sector, room):
    """``(generation, length, digest)`` from a slot's first sector; None when that is not valid."""
    magic, crc, generation, length, files, _, digest = unpack_from(_HEAD, sector)
    end = _HEAD_BYTES + files * _FILE_BYTES
    if magic != b"CGA1" or end > _IMAGE_AT or crc32(memoryview(sector)[8:end]) != crc:
        return None
    return (generation, length, digest) if length <= room - _IMAGE_AT else None


def _whole(flash, begin, length, digest):
    """The image as a file system; None when it does not match its seal."""
    if hasattr(vfs, "VfsRom") and hasattr(vfs, "rom_ioctl"):
        # The segment is a Partition, which has the buffer protocol only (ports/esp32/esp32_partition.c).
        image = memoryview(vfs.rom_ioctl(2, 0))[begin : begin + length]
        if sha256(image).digest() != digest:
            return None
        return vfs.VfsRom(image)  # pyright: ignore[reportAttributeAccessIssue] - newer than the stubs
    from slotfs import open_image

    return open_image(flash, begin, length, digest)


def _mount():
    """Mount the application and put it first on the path; ``(slot, generation)``."""
    found = Partition.find(Partition.TYPE_DATA, label="romfs")
    if not found:
        return -1, 0
    flash = found[0]
    room = flash.info()[3] // _SLOTS
    sector = bytearray(_IMAGE_AT)
    sealed = []
    for slot in range(_SLOTS):
        flash.readblocks(slot * room // _IMAGE_AT, sector)
        seal = _sealed(sector, room)
        if seal:
            sealed.append((seal[0], -slot, seal))
    for generation, slot, (_, length, digest) in sorted(sealed, reverse=True):  # the newest whole one
        image = _tried(_whole, flash, -slot * room + _IMAGE_AT, length, digest)
        if image:
            vfs.mount(image, "/app")
            sys.path.insert(0, "/app")
            return -slot, generation
    return -1, 0


def _tried(function, *arguments):
    """The function's result, None if it raises: the other slot is tried, or ``main.py`` keeps the console."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001
        print("consigne: an application cannot be read: {}: {}".format(type(error).__name__, error))


consigne = (_taken("service"), _there("production")) + (_tried(_mount) or (-1, 0))
if consigne[0] or not consigne[1]:
    micropython.kbd_intr(3)
del _taken, _there, _sealed, _whole, _mount, _tried, _HEAD, os, vfs, Partition, crc32, sha256, unpack_from
gc.collect()  # the application wants the heap in one piece
