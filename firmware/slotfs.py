"""A slot's image as a read-only file system, for an interpreter without ``VfsRom``: the official images.

``boot.py`` mounts it.  The image is MicroPython's ROMFS (``extmod/vfs_rom.c``), read from the partition:
records of a kind and a length, both numbers of 7 bits a byte, the high ones first; a directory's and a
file's record begin with their name, a file's content is a record of its own.

``open_image`` checks the SHA-256 in one pass over the slot's blocks.  With PSRAM it keeps the image in memory
for imports, until ``release`` frees it once the application has imported all it needs.  Without PSRAM, and
after ``release``, each file is read from the flash when it is opened.
"""

import gc
import io
from hashlib import sha256

from micropython import const

_BLOCK = const(4096)
_PSRAM_BYTES = const(1 << 20)  # no chip has this much internally; with less, the application needs it itself
_HEAD_BYTES = const(64)  # of a record: two numbers, a name's length, a name
_VERBATIM = const(2)
_DIRECTORY = const(4)
_FILE = const(5)
_MAGIC_BYTES = const(3)
_IS_DIRECTORY = const(0x4000)
_IS_FILE = const(0x8000)
_ENOENT = const(2)
_ENODEV = const(19)
_EISDIR = const(21)
_EROFS = const(30)
_EOPNOTSUPP = const(95)

_opened = []


def open_image(flash, begin, length, digest):
    """The file system in ``length`` bytes from ``begin`` in a partition; None for another SHA-256.

    Raises ``OSError`` when it is no ROMFS image.
    """
    slot = SlotFs(flash, begin, length)
    if slot.check() != digest:
        return None
    slot.list_names()
    _opened.append(slot)
    return slot


def release():
    """The application has imported everything: give its image's memory back."""
    for slot in _opened:
        slot.image = None


class SlotFs:
    """``stat``, ``ilistdir``, ``open`` and the other methods of a mounted file system."""

    def __init__(self, flash, begin, length):
        self._flash = flash
        self._begin = begin
        self._length = length
        self._names = ""  # a line for each: path, offset (-1: a directory), length
        self.image = None
        if gc.mem_free() >= _PSRAM_BYTES:
            self.image = memoryview(bytearray(length))

    def check(self):
        """The SHA-256 of the image; every block is read once."""
        image = self.image
        reckoned = sha256()
        block = memoryview(bytearray(_BLOCK))
        for at in range(0, self._length, _BLOCK):
            count = min(_BLOCK, self._length - at)
            view = image[at : at + count] if image else block[:count]
            self._flash.readblocks((self._begin + at) // _BLOCK, view)
            reckoned.update(view)
        return reckoned.digest()

    def _read(self, at, count):
        """``count`` bytes of the image, fewer at its end."""
        count = min(count, self._length - at)
        if self.image:
            return self.image[at : at + count]
        data = bytearray(count)
        at += self._begin
        self._flash.readblocks(at // _BLOCK, data, at % _BLOCK)
        return memoryview(data)

    def list_names(self):
        """Walk the records once.  Raises ``OSError`` if they do not begin like an image's."""
        if bytes(self._read(0, _MAGIC_BYTES)) != b"\xd2\xcd\x31":
            raise OSError(_ENODEV)
        lines = [""]
        inside = [(self._length, "")]  # open directories of the walk: end, path
        name = ""
        size, used = _number(self._read(0, _HEAD_BYTES), _MAGIC_BYTES)
        at = used
        end = min(used + size, self._length)
        while at < end:
            while at >= inside[-1][0]:
                inside.pop()
            head = self._read(at, _HEAD_BYTES)
            kind, used = _number(head, 0)
            size, used = _number(head, used)
            begin = at + used
            at = begin + size
            if kind == _VERBATIM and name:
                lines.append("{} {} {}".format(name, begin, size))
                name = ""
            elif kind in (_DIRECTORY, _FILE):
                count, after = _number(head, used)
                name = inside[-1][1] + "/" + str(head[after : after + count], "utf-8")
                at = begin + after - used + count  # the records inside it come next
                if kind == _DIRECTORY:
                    lines.append(name + " -1 0")
                    inside.append((begin + size, name))
                    name = ""
        lines.append("")
        self._names = "\n".join(lines)

    def _find(self, path):
        """``(offset, length)`` of a file, ``(-1, 0)`` of a directory.  Raises ``OSError``."""
        path = path.rstrip("/")
        if not path:
            return -1, 0
        if path[0] != "/":
            path = "/" + path
        at = self._names.find("\n" + path + " ")
        if at < 0:
            raise OSError(_ENOENT)
        at += len(path) + 2
        offset, length = self._names[at : self._names.find("\n", at)].split(" ")
        return int(offset), int(length)

    # --- what the interpreter calls ---------------------------------------------------------------------
    def mount(self, readonly, mkfs):
        if mkfs:
            raise OSError(_EROFS)

    def umount(self):
        self.image = None

    def open(self, path, mode):
        if "w" in mode or "a" in mode or "+" in mode or "x" in mode:
            raise OSError(_EROFS)
        offset, length = self._find(path)
        if offset < 0:
            raise OSError(_EISDIR)
        data = self._read(offset, length)
        if "b" in mode:
            return io.BytesIO(data)  # pyright: ignore[reportCallIssue, reportArgumentType] - any buffer
        return io.StringIO(str(data, "utf-8"))

    def stat(self, path):
        offset, length = self._find(path)
        return (_IS_DIRECTORY if offset < 0 else _IS_FILE, 0, 0, 0, 0, 0, length, 0, 0, 0)

    def ilistdir(self, path):
        if self._find(path)[0] >= 0:
            raise OSError(_ENOENT)
        path = "/" + path.strip("/")
        before = path if path == "/" else path + "/"
        for line in self._names.split("\n"):
            name = line[len(before) :].split(" ")[0]
            if line.startswith(before) and "/" not in name:
                offset, length = line.split(" ")[1:]
                yield name, _IS_DIRECTORY if int(offset) < 0 else _IS_FILE, 0, int(length)

    def statvfs(self, path):
        return (1, 0, self._length, 0, 0, 0, 0, 0, 0, 255)

    def chdir(self, path):
        if path.strip("/"):
            raise OSError(_EOPNOTSUPP)

    def getcwd(self):
        return "/"


def _number(data, at):
    """``(number, index behind it)``."""
    value = 0
    while True:
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at
