"""The application as the board gets it: built from the firmware's sources, with the files it boots by."""

from dataclasses import dataclass
from pathlib import Path

from consigne import firmware_dir

from . import rom


@dataclass(frozen=True, slots=True)
class Application:
    """``image``: the ROMFS; ``boot_files``: what lies on the board's own file system, by name there."""

    image: bytes
    boot_files: dict[str, bytes]


def build(firmware: Path | None = None) -> Application:
    """Compile and pack.  Raises ``SyntaxError`` with the compiler's words when a source is wrong."""
    directory = firmware or firmware_dir()
    image = rom.image(directory).read_bytes()
    boot_files = {name: (directory / source).read_bytes() for name, source in rom.BOOT_FILES.items()}
    return Application(image, boot_files)
