"""First on the board, from its file system: close the console, mount the newest whole application.

The ``romfs`` partition holds two slots for the application.  A slot begins with a sector that is
written last: magic, checksum, generation, length and SHA-256 of the image behind it (the host's half
is ``consigne.device.slots``).  What is not exactly as it was sealed does not count, so an update that
broke off leaves the application that ran.  The image is mapped memory: its bytecode runs in place.

Leaves ``consigne`` for ``main.py`` and for ``consigne device``: ``(service, production, slot,
generation)``; slot -1: no whole application.  A file ``production`` keeps the console closed; a file
``service``, taken away at once, lets one start pass without the application and its watchdog.
"""

# ruff: noqa: F821 - the names that the last lines let go of

import micropython

try:
    micropython.kbd_intr(-1)  # first of all: nobody gets past the next lines with Ctrl-C
    for _ in range(2):
        pass  # one that came before this line is raised at the next jump: here, where it ends nothing
except KeyboardInterrupt:
    micropython.kbd_intr(-1)

import gc
import os
import sys
from binascii import crc32
from hashlib import sha256
from struct import unpack_from

import vfs

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


def _whole(slot):
    """``(generation, image)`` of a slot that is as it was sealed, else ``None``."""
    magic, crc, generation, length, files, _, digest = unpack_from(_HEAD, slot)
    end = _HEAD_BYTES + files * _FILE_BYTES
    if magic != b"CGA1" or end > _IMAGE_AT or crc32(slot[8:end]) != crc:
        return None
    image = slot[_IMAGE_AT : _IMAGE_AT + length]
    if len(image) != length or sha256(image).digest() != digest:
        return None
    return generation, image


def _mount():
    """Mount the application and put it first on the path; ``(slot, generation)``."""
    best = -1
    newest = image = None
    rom = vfs.rom_ioctl(2, 0) if hasattr(vfs, "rom_ioctl") else 0
    if isinstance(rom, memoryview):  # else the number of an error
        room = len(rom) // _SLOTS
        for i in range(_SLOTS):
            found = _whole(rom[i * room : (i + 1) * room])
            if found and (newest is None or found[0] > newest):
                best, (newest, image) = i, found
    if image is None:
        return -1, 0
    vfs.mount(vfs.VfsRom(image), "/app")  # pyright: ignore[reportAttributeAccessIssue] - newer than the stubs
    sys.path.insert(0, "/app")
    return best, newest


consigne = (_taken("service"), _there("production")) + _mount()
if consigne[0] or not consigne[1]:
    micropython.kbd_intr(3)
del _taken, _there, _whole, _mount, _HEAD, os, vfs, crc32, sha256, unpack_from
gc.collect()  # the application wants the heap in one piece
