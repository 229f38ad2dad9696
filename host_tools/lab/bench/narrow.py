"""The firmware on an interpreter with pointers of 32 bits, as an ESP32 has them.

The unix port that comes with pip has 64, so objects made of pointers take twice as much heap as on a board.
``.ci/micropython-32`` builds the same port for 32: blocks of the heap, small integers, floats and tables of
names are then the ESP32's.  Differences to an ESP32 remain: its heap lies in several areas and grows, and its
drivers are C (``heap.simulator_32bit_bytes``).
"""

import tempfile
from pathlib import Path

from consigne.firmware import rom
from consigne.sim.grounds.process import LAUNCHER, MicroPythonGround
from consigne.sim.locker import SimLocker

INTERPRETER = Path("build/micropython-32/micropython")
FLASH_AT = (0x30000000, 0x38000000)
"""Where the simulator's modules and the firmware lie: in a 32-bit process nothing else is at this address."""


def interpreter() -> str | None:
    """The executable, or ``None`` where it could not be built; ``make bench`` then has said why."""
    return str(INTERPRETER.resolve()) if INTERPRETER.exists() else None


class NarrowGround(MicroPythonGround):
    """Runs the firmware on the 32-bit interpreter, from images in mapped memory."""

    keeps_page = False  # a 32-bit interpreter cannot be loaded into the process of ``romboot.py``

    def _command(self) -> list[str]:
        return self._from_images([rom.image(LAUNCHER.parent), rom.image(self._firmware)])

    def _from_images(self, images: list[Path], *more: str) -> list[str]:
        """The interpreter with these images in mapped memory; ``more`` follows their addresses."""
        program = interpreter()
        assert program is not None
        mapped = ":".join(f"{at:x}={image}" for at, image in zip(FLASH_AT, images, strict=False))
        places = [
            str(number)
            for at, image in zip(FLASH_AT, images, strict=False)
            for number in (at, image.stat().st_size)
        ]
        heap = f"heapsize={self._heap_kb}k"
        return ["env", f"CONSIGNE_FLASH={mapped}", program, "-X", heap, str(LAUNCHER), *places, *more]


class LoadedGround(NarrowGround):
    """The same with the firmware as compiled files, which an import loads into the heap."""

    def _command(self) -> list[str]:
        files = self._directory / "application"
        with tempfile.TemporaryDirectory() as work:
            for name, content in rom.compiled(rom.sources(self._firmware), Path(work)).items():
                path = files / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return self._from_images([rom.image(LAUNCHER.parent)], str(files.resolve()))


class NarrowLocker(SimLocker):
    """A simulated locker on the 32-bit interpreter."""

    def _interpreter(self, firmware: Path | None, heap_kb: int) -> MicroPythonGround:
        return NarrowGround(self.board, self.directory, firmware, heap_kb)


class LoadedLocker(SimLocker):
    """The same with its application loaded into the heap, as on a board's official image."""

    def _interpreter(self, firmware: Path | None, heap_kb: int) -> MicroPythonGround:
        return LoadedGround(self.board, self.directory, firmware, heap_kb)
