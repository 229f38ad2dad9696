"""``sys``, ``os``, ``vfs`` and ``micropython`` as an ESP32 has them, where the unix port differs.

Each wraps the real module and passes everything else on.  They are put into
``sys.modules``, where an import looks first, whatever a program does to ``sys.path``.
"""

import io
import os
import sys
from collections import namedtuple

import _link
import _ops
import _spi  # noqa: F401 - machine's, made when it is asked for; by then the path is the program's
import esp32
import machine
import micropython
import network
import uctypes
import vfs

_real_sys, _real_os, _real_vfs, _real_micropython = sys, os, vfs, micropython
_ROMFS_MAGIC = b"\xd2\xcd\x31"
_EINVAL = 22
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

    def __init__(self, banner, machine_name, build):
        numbers = banner.split(" ")[0][1:].split("-")[0].split(".") + ["0"]
        version = tuple(int(n) for n in numbers[:3]) + ("",)
        bytecode = _real_sys.implementation._mpy & 0x3FF | 10 << 10  # arch xtensawin
        _Sys.implementation = _Implementation("micropython", version, machine_name, bytecode, build)
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


class Partition(memoryview, esp32.Partition):
    """The object that ``vfs.rom_ioctl(2, n)`` returns (``ports/esp32/esp32_partition.c``): the only partition
    with the buffer protocol, read only, with the flash mapped into memory; it has no length and no slices.
    """

    def __init__(self, flash_at):
        address, size = esp32.Partition("romfs").info()[2:4]
        super().__init__(uctypes.bytearray_at(flash_at + address, size))
        esp32.Partition.__init__(self, "romfs")

    def __len__(self):
        raise TypeError("object of type 'Partition' has no len()")

    def __getitem__(self, index):
        raise TypeError("'Partition' object isn't subscriptable")

    __setitem__ = __delitem__ = __getitem__


class _Vfs:
    """``vfs`` without what the unix port alone has, and without ROMFS."""

    _missing = _NOT_THERE + ("VfsRom", "rom_ioctl")

    def __getattr__(self, name):
        if name in self._missing:
            raise AttributeError(name)
        return getattr(_real_vfs, name)


class _RomVfs(_Vfs):
    """``vfs`` of a build with ``MICROPY_VFS_ROM``."""

    _missing = _NOT_THERE
    _segment = None

    def __init__(self, flash_at):
        _RomVfs._flash_at = flash_at

    def rom_ioctl(self, op, *args):
        """``mp_vfs_rom_ioctl`` of ``ports/esp32/esp32_partition.c``.  1: number of segments; 2: the segment,
        whichever is asked for; other operations are missing, since the segment object writes itself.
        """
        if _RomVfs._segment is None and esp32.Partition.find(esp32.Partition.TYPE_DATA, label="romfs"):
            _RomVfs._segment = Partition(self._flash_at)
        if op == 1:
            return 0 if self._segment is None else 1
        return -_EINVAL if op != 2 or self._segment is None else self._segment


class _Micropython:
    def kbd_intr(self, char):
        """The character that raises KeyboardInterrupt, -1 for none."""
        _link.ask(_ops.CONSOLE_INTERRUPT, char & 0xFF)

    def __getattr__(self, name):
        return getattr(_real_micropython, name)


def install(banner, machine_name, build, has_romfs, flash_at):
    """Put everything in its place; ``flash_at`` is where in memory the flash is mapped."""
    modules = _real_sys.modules
    modules["sys"] = _Sys(banner, machine_name, build)
    modules["os"] = modules["uos"] = _Os(banner, machine_name)
    modules["vfs"] = _RomVfs(flash_at) if has_romfs else _Vfs()
    modules["micropython"] = _Micropython()
    modules["machine"], modules["network"], modules["esp32"] = machine, network, esp32


def mount_rom():
    """As ``mp_init`` does (``extmod/vfs.c``, ``mp_vfs_mount_romfs_protected``): a ROMFS at the start of the
    partition appears at /rom and on the path.
    """
    vfs = _real_sys.modules["vfs"]
    rom = vfs.rom_ioctl(2, 0) if isinstance(vfs, _RomVfs) else -_EINVAL
    if rom != -_EINVAL and bytes(memoryview(rom)[:3]) == _ROMFS_MAGIC:
        _real_vfs.mount(_real_vfs.VfsRom(rom), "/rom")
        _real_sys.path.extend(("/rom", "/rom/lib"))
