"""A MicroPython image file, as micropython.org gives it, checked before it goes near a board.

It is the boot loader, a partition table and the interpreter in one file; it goes to 0x1000 on an ESP32
and to 0 on its newer siblings.  The boot loader says for which chip it is; each half carries a checksum
and a SHA-256 of its own; the interpreter's banner says its version.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from esptool.bin_image import LoadFirmwareImage
from esptool.util import FatalError

from consigne.device import layout
from consigne.device.troubles import DeviceError

VERSION_MIN = (1, 25, 0)
"""The first with ``vfs.rom_ioctl`` and VfsRom on the ESP32 (micropython#16857)."""

_APP_AT = layout.partition("factory").offset
_VERSION = re.compile(rb"v(\d+)\.(\d+)(?:\.(\d+))?")
_BANNER = re.compile(rb"MicroPython v(\d+)\.(\d+)(?:\.(\d+))?[-+.\w ]* on \d{4}-\d\d-\d\d")
_DESCRIPTION_AT = 32  # esp_app_desc_t: behind the header and the first segment's head
_DESCRIPTION_MAGIC = 0xABCD5432
_MAGIC = 0xE9
_CHIP_ID_AT = 12  # esp_image_header_t
# esp_chip_id_t -> esptool's name, where the boot loader lies
_CHIPS = {0: ("esp32", 0x1000), 9: ("esp32s3", 0), 5: ("esp32c3", 0)}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """``boot_loader`` goes to ``offset``, ``program`` into the partition ``factory``."""

    chip: str
    offset: int
    version: tuple[int, int, int]
    boot_loader: bytes
    program: bytes

    @property
    def version_text(self) -> str:
        return ".".join(str(part) for part in self.version)


def read(file: Path) -> Interpreter:
    """Read and check the file.  Raises ``DeviceError``."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DeviceError(f"{file} cannot be read: {error.strerror}") from None
    if len(data) < 32 or data[0] != _MAGIC:
        raise DeviceError(
            f"{file} is not a MicroPython image for an ESP32; take the .bin (not .app-bin, .elf or .uf2) "
            "of your board from micropython.org/download"
        )
    chip_id = int.from_bytes(data[_CHIP_ID_AT : _CHIP_ID_AT + 2], "little")
    if chip_id not in _CHIPS:
        raise DeviceError(
            f"{file} is for a chip of kind {chip_id}; Consigne runs on ESP32, ESP32-S3 and ESP32-C3"
        )
    chip, offset = _CHIPS[chip_id]
    app = data[_APP_AT - offset :]
    for part in (data, app):
        _check_sums(file, chip, part)
    version = _version(file, app)
    room = layout.partition("factory").size
    if len(app) > room:
        raise DeviceError(f"{file} has {len(app) - room} bytes more than the partition 'factory' holds")
    return Interpreter(chip, offset, version, data[: layout.TABLE_OFFSET - offset].rstrip(b"\xff"), app)


def _check_sums(file: Path, chip: str, part: bytes) -> None:
    damaged = DeviceError(f"{file} is damaged or was cut short; download it again")
    try:
        image = LoadFirmwareImage(chip, part)
    except (FatalError, IndexError, ValueError, EOFError, struct.error) as error:
        raise damaged from error
    if image.checksum != image.calculate_checksum():
        raise damaged
    if getattr(image, "append_digest", False) and image.stored_digest != image.calc_digest:
        raise damaged


def _version(file: Path, app: bytes) -> tuple[int, int, int]:
    """By ESP-IDF's description of the application, else by the interpreter's own banner."""
    magic, told, project = struct.unpack_from("<I12x32s32s", app.ljust(_DESCRIPTION_AT + 80), _DESCRIPTION_AT)
    found = None
    if magic == _DESCRIPTION_MAGIC and project.rstrip(b"\0") == b"micropython":
        found = _VERSION.match(told)
    found = found or _BANNER.search(app)
    if found is None:
        raise DeviceError(f"{file} is an image for this chip, but not of MicroPython")
    version = (int(found[1]), int(found[2]), int(found[3] or 0))
    require(str(file), version)
    return version


def require(where: str, version: tuple[int, ...]) -> None:
    """Raises ``DeviceError`` for a MicroPython too old to run the application in place."""
    if tuple(version) < VERSION_MIN:
        told = ".".join(map(str, version))
        least = ".".join(map(str, VERSION_MIN))
        raise DeviceError(
            f"{where}: MicroPython {told} is too old, {least} or later is needed; "
            "download a newer one and use `consigne device flash`"
        )
