"""``sys``, ``os``, ``vfs`` and ``micropython`` as an ESP32 has them, where the unix port differs.

Each stands before the real module and gives everything else through.  They are put into
``sys.modules``, where an import looks first, whatever a program does to ``sys.path``.
"""

import io
import os
import sys
from collections import namedtuple

import _link
import _ops
import esp32
import machine
import micropython
import network
import uctypes
import vfs

_real_sys, _real_os, _real_vfs, _real_micropython = sys, os, vfs, micropython
_ROMFS_MAGIC = b"\xd2\xcd\x31"
_WRITE_BYTES_MIN = 4
_CHUNK_BYTES = 4096
_NOT_THERE = ("getenv", "putenv", "unsetenv", "system", "VfsPosix")

_Implementation = namedtuple("implementation", ("name", "version", "_machine", "_mpy", "_build"))
_Uname = namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))


class _RawOut(io.IOBase):
    """``sys.stdout.buffer``: bytes as they are, where text gets a carriage return before each newline."""

    def write(self, buf, size=None):
        view = memoryview(buf)
        size = len(view) if size is None else size
        for at in range(0, size, _CHUNK_BYTES):
            _link.ask(_ops.CONSOLE_WRITE, 0, view[at : min(at + _CHUNK_BYTES, size)])
        return size


class _TextOut(io.IOBase):
    """``sys.stdout``; the harness adds the carriage returns to what comes through descriptor 1."""

    buffer = _RawOut()
    _file = sys.stdout.buffer

    def write(self, buf):
        return self._file.write(buf)

    def flush(self):
        self._file.flush()


class _Sys:
    platform = "esp32"
    stdout = stderr = _TextOut()

    def __init__(self, banner, machine_name):
        numbers = banner.split(" ")[0][1:].split("-")[0].split(".") + ["0"]
        version = tuple(int(n) for n in numbers[:3]) + ("",)
        bytecode = _real_sys.implementation._mpy & 0x3FF | 10 << 10  # arch xtensawin
        _Sys.implementation = _Implementation("micropython", version, machine_name, bytecode, "ESP32_GENERIC")
        _Sys.version = "3.4.0; MicroPython " + banner

    def __getattr__(self, name):
        return getattr(_real_sys, name)

    def __setattr__(self, name, value):
        setattr(_real_sys, name, value)


class _Os:
    def __init__(self, banner, machine_name):
        release = banner.split(" ")[0][1:]
        _Os._uname = _Uname("esp32", "esp32", release, banner, machine_name)

    def uname(self):
        return self._uname

    def __getattr__(self, name):
        if name in _NOT_THERE:
            raise AttributeError(name)
        return getattr(_real_os, name)


class _Vfs:
    """``vfs.rom_ioctl`` of the port: one segment, the partition labelled "romfs", mapped into memory."""

    def __init__(self, flash_at):
        _Vfs._flash_at = flash_at

    def rom_ioctl(self, op, *args):
        """1: segments; 2: memory of one; 3: erase, returns the least bytes to write; 4: write; 5: done."""
        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="romfs")
        if op == 1:
            return len(found)
        if not found or not args or args[0] != 0:
            return -22
        part = found[0]
        address, size = part.info()[2:4]
        if op == 2:
            return memoryview(uctypes.bytearray_at(_Vfs._flash_at + address, size))
        if op == 3:
            if args[1] > size:
                return -22
            for block in range((args[1] + 4095) // 4096):
                part.ioctl(6, block)
            return _WRITE_BYTES_MIN
        if op == 4:
            part.writeblocks(args[1] // 4096, args[2], args[1] % 4096)
            return 0
        return 0 if op == 5 else -22

    def __getattr__(self, name):
        if name in _NOT_THERE:
            raise AttributeError(name)
        return getattr(_real_vfs, name)


class _Micropython:
    def kbd_intr(self, char):
        """The character that raises KeyboardInterrupt, -1 for none."""
        _link.ask(_ops.CONSOLE_INTERRUPT, char & 0xFF)

    def __getattr__(self, name):
        return getattr(_real_micropython, name)


def install(banner, machine_name, flash_at):
    """Put everything in its place; ``flash_at`` is where in memory the flash is mapped."""
    modules = _real_sys.modules
    modules["sys"] = _Sys(banner, machine_name)
    modules["os"] = modules["uos"] = _Os(banner, machine_name)
    modules["vfs"] = _Vfs(flash_at)
    modules["micropython"] = _Micropython()
    modules["machine"], modules["network"], modules["esp32"] = machine, network, esp32


def mount_rom():
    """As ``mp_init`` does: a ROMFS at the start of the partition appears at /rom and on the path."""
    rom = _real_sys.modules["vfs"].rom_ioctl(2, 0)
    if rom != -22 and bytes(rom[:3]) == _ROMFS_MAGIC:
        _real_vfs.mount(_real_vfs.VfsRom(rom), "/rom")
        _real_sys.path.extend(("/rom", "/rom/lib"))
