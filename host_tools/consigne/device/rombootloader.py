"""The chip's own boot loader, through esptool: what chip it is, write parts of the flash, read one back.

esptool runs as a process of its own for each port, so that several boards go at once and a board that
hangs harms no other.  What it writes it checks by the MD5 that the chip reckons.  A part is written in
pieces, and one that is right already is skipped: so an interrupted flash goes on where it stopped.
"""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import errors
from .image import Part
from .serialline import RETURN_S, await_port, owner, port_of

Progress = Callable[[int, int], None]
PIECE_BYTES = 0x4_0000
BAUD = 460_800
_AGAIN_S = 0.5
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_OTHER_CHIP = re.compile(r"This chip is (\S+?),? not (\S+?)\.")
_SAID = re.compile(r"^(Chip type|Features|Detected flash size):\s+(.+?)\s*$")
_SIZE = re.compile(r"(\d+)\s*(KB|MB)")
_EMBEDDED = re.compile(r"Embedded PSRAM(?: (\d+)MB)?")
# Packages with PSRAM whose size no eFuse tells (esptool's targets/esp32.py, get_chip_description).
_WITH_2_MB = ("ESP32-PICO-V3-02", "ESP32-D0WDR2-V3")
ANY = "auto"


@dataclass(frozen=True, slots=True)
class Chip:
    """What a board's chip says of itself.

    ``name`` as esptool calls the kind, ``kind`` with package and revision.  ``psram_bytes`` is what lies in
    the chip's package; None where none does and a module may carry one beside it: only what runs there can
    find it (an ESP32-WROVER's chip is the one of an ESP32-WROOM).
    """

    name: str
    kind: str
    flash_bytes: int
    psram_bytes: int | None


@dataclass(frozen=True)
class RomBootLoader:
    """One board.  ``options`` go to esptool before the command (``--no-stub``, ``--before no-reset``)."""

    port: str
    chip: str = ANY
    baud: int = BAUD
    options: tuple[str, ...] = field(default=())
    _found: list[str] = field(default_factory=list, compare=False, repr=False)
    _owner: list[str] = field(default_factory=list, compare=False, repr=False)

    def look(self) -> Chip:
        """Which chip it is and what it has; nothing is written.  Raises ``DeviceError``."""
        said: dict[str, str] = {}

        def note(line: str) -> None:
            if found := _SAID.match(line):
                said[found[1]] = found[2]

        self._run(["flash-id"], note, _after(False))
        size = _SIZE.match(said.get("Detected flash size", ""))
        if "Chip type" not in said or size is None:
            raise errors.DeviceError(
                f"{self.port}: the size of the flash cannot be read; check the supply, else replace the board"
            )
        kind = said["Chip type"]
        flash_bytes = int(size[1]) << (20 if size[2] == "MB" else 10)
        return Chip(_name(kind), kind, flash_bytes, _psram_bytes(kind, said.get("Features", "")))

    def write(self, parts: list[Part], progress: Progress) -> None:
        """Write, and check by MD5; then let the chip start.  Raises ``DeviceError``."""
        pieces = list(_pieces(parts))
        total = sum(len(piece.data) for piece in pieces)
        with tempfile.TemporaryDirectory() as folder:
            arguments = []
            for piece in pieces:
                file = Path(folder, f"{piece.offset:x}.bin")
                file.write_bytes(piece.data)
                arguments += [hex(piece.offset), str(file)]
            follow = _Follower([len(piece.data) for piece in pieces], lambda done: progress(done, total))
            self._run(["write-flash", "--skip-flashed", *arguments], follow.line)
        progress(total, total)

    def read(self, offset: int, length: int, *, restart: bool = True) -> bytes:
        """Read the flash.  Raises ``DeviceError``."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "read.bin")
            self._run(["read-flash", hex(offset), hex(length), str(file)], lambda line: None, _after(restart))
            return file.read_bytes()

    def _run(self, command: list[str], on_line: Callable[[str], None], more: list[str] | None = None) -> None:
        """One command, again where it came to nothing because the port went with a reset.

        That is the reset after the command before, or the one into the loader where MicroPython's own USB
        gives way to the ROM's: esptool ends there (a ``SerialException``), the loader waits.
        """
        until = time.monotonic() + RETURN_S
        if not self._owner:
            self._owner.append(owner(self.port))
        while True:
            if self._found:
                await_port(self.port, until)
            said = self._esptool(self._name_now(until), [*(more or []), *self.options, *command], on_line)
            if said is None:
                self._found.append(self.port)
                return
            trouble = self._trouble(said)
            went = bool(self._found) or isinstance(trouble, errors.CableError)
            if not went or "Connected to" in said or time.monotonic() > until:
                raise trouble
            time.sleep(_AGAIN_S)

    def _name_now(self, until: float) -> str:
        """Its port's name: one that a reset gave to another board gets nothing that is meant for this one."""
        who = self._owner[0]
        while who and owner(self.port) != who:
            if found := port_of(who):
                return found
            if time.monotonic() > until:
                raise errors.port_gone(self.port)
            time.sleep(_AGAIN_S)
        return self.port

    def _esptool(self, port: str, arguments: list[str], on_line: Callable[[str], None]) -> str | None:
        """None when it did what it was told, else what it said."""
        start = [sys.executable, "-m", "esptool", "--chip", self.chip, "--port", port]
        process = subprocess.Popen(
            [*start, "--baud", str(self.baud), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout is not None
        said = []
        try:
            for line in _lines(process.stdout):
                said.append(line)
                on_line(line)
        finally:
            if process.poll() is None:
                process.terminate()
            status = process.wait()
        return "\n".join(said) if status else None

    def _trouble(self, said: str) -> errors.DeviceError:
        port = self.port
        other = _OTHER_CHIP.search(said)
        if other:
            return errors.DeviceError(
                f"{port}: this board has a {other[1]}, the image is for {other[2]}; "
                "take the MicroPython image of this board"
            )
        lowered = said.lower()
        if "could not open" in lowered or "port is busy" in lowered or "doesn't exist" in lowered:
            return errors.port_trouble(port, OSError(None, said))
        if "failed to connect" in lowered or "no serial data" in lowered:
            return errors.DeviceError(
                f"{port}: the chip does not answer; hold BOOT while you press RESET, let go, and try again"
            )
        if "md5" in lowered:
            return errors.DeviceError(
                f"{port}: the flash does not keep what is written; check the supply, else replace the board"
            )
        if any(
            word in lowered for word in ("stopped responding", "lost", "disconnected", "serial exception")
        ):
            return errors.cable_pulled(port)
        told = [line.strip(" │") for line in said.splitlines() if line.strip(" │╭╮╰╯─")]
        return errors.DeviceError(f"{port}: esptool says {told[-1] if told else 'nothing'!r}; try again")


def _name(kind: str) -> str:
    """``esp32s3`` of ``ESP32-S3 (QFN56) (revision v0.2)``, ``esp32`` of ``ESP32-D0WD-V3 (revision v3.1)``."""
    family = re.match(r"ESP32-?([SCHP][1-9]\d*)|ESP32", kind)
    return f"esp32{(family[1] or '').lower()}" if family else kind.split()[0].lower()


def _psram_bytes(kind: str, features: str) -> int | None:
    found = _EMBEDDED.search(features)
    if found and found[1]:
        return int(found[1]) << 20
    if found or kind.startswith(_WITH_2_MB):
        return 2 << 20
    return None if _name(kind) == "esp32" else 0


def _after(restart: bool) -> list[str]:
    return [] if restart else ["--after", "no-reset"]


def _pieces(parts: list[Part]) -> Iterator[Part]:
    for part in parts:
        for at in range(0, len(part.data), PIECE_BYTES):
            yield Part(part.what, part.offset + at, part.data[at : at + PIECE_BYTES])


def _lines(stream: object) -> Iterator[str]:
    """Lines that end in either of CR and LF: esptool redraws its progress in place."""
    text = b""
    while chunk := stream.read1(4096):  # type: ignore[attr-defined]
        text += chunk
        *whole, text = re.split(rb"[\r\n]+", text)
        yield from (line.decode(errors="replace") for line in whole)
    if text:
        yield text.decode(errors="replace")


class _Follower:
    """Turns esptool's output, one percentage for each piece, into bytes done."""

    def __init__(self, sizes: list[int], tell: Callable[[int], None]) -> None:
        self._sizes = sizes
        self._tell = tell
        self._piece = -1

    def line(self, line: str) -> None:
        if "already in flash" in line or line.startswith("Wrote "):
            self._piece = min(self._piece + 1, len(self._sizes) - 1)
            self._tell(sum(self._sizes[: self._piece + 1]))
        elif line.startswith("Writing at") and (found := _PERCENT.search(line)):
            done = sum(self._sizes[: self._piece + 1])
            following = self._sizes[min(self._piece + 1, len(self._sizes) - 1)]
            self._tell(min(done + int(following * float(found[1]) / 100), sum(self._sizes)))
