"""A MicroPython image file, as micropython.org gives it, checked before it goes near a board.

It is the boot loader, a partition table and the interpreter in one file; it goes to 0x1000 on an ESP32 and to
0 on its newer siblings.  The boot loader says for which chip it is; boot loader and interpreter each carry a
checksum and a SHA-256; the interpreter's banner says its version, and byte strings tell what it was built
with.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from consigne.cabinet.chips import OCTAL, QUAD
from consigne.firmware import layout

from .content import content
from .errors import DeviceError

VERSION_MIN = (1, 25, 0)
"""The oldest version whose port was checked for what the firmware calls; the first with ROMFS."""

_APP_AT = layout.partition("factory").offset
# MICROPY_GIT_TAG (py/makeversionhdr.py) is a release's tag, "-dirty" behind it when somebody built it with
# files changed, or a nightly's: "v1.29.0-preview.52.g0123abc", earlier "v1.20.0-450-g0123abc".
_TAG = rb"v(\d+)\.(\d+)(?:\.(\d+))?([-+.\w]*)"
_BANNER = re.compile(rb"MicroPython " + _TAG + rb" on \d{4}-\d\d-\d\d")
_MACHINE = re.compile(rb"; ([ -~]+) with ESP32[ -~]*\0")  # MICROPY_HW_BOARD_NAME
_RELEASE = (b"", b"-dirty")
_MAGIC = 0xE9
_SIZE_AT, _CHIP_ID_AT = 3, 12  # esp_image_header_t
_ROMFS = (b"\0rom_ioctl\0", b"\0VfsRom\0")  # both names are interned strings only if ROMFS is compiled in
_PSRAM = {QUAD: b"quad_psram\0", OCTAL: b"octal_psram\0"}
"""Log tags of ESP-IDF's drivers (components/esp_psram/esp32*/esp_psram_impl_quad.c, .._octal.c)."""
# esp_chip_id_t -> esptool's name, where the boot loader lies
_CHIPS = {0: ("esp32", 0x1000), 9: ("esp32s3", 0), 5: ("esp32c3", 0)}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """``boot_loader`` goes to ``offset``, ``program`` into the partition ``factory``.

    ``board`` is the name it was built under; ``psram`` the kind it drives, empty for none; ``romfs`` whether
    it executes an application in place; ``flash_bytes`` the flash size it expects: with less it does not
    start ("Detected size .. smaller", components/spi_flash/esp_flash_spi_init.c).
    """

    chip: str
    offset: int
    version: tuple[int, int, int]
    boot_loader: bytes
    program: bytes
    board: str
    psram: str
    romfs: bool
    flash_bytes: int

    @property
    def closed(self) -> bool:
        """Whether it was built without any console: variant CLOSED of ``firmware/boards``."""
        return self.board == "Consigne closed"

    @property
    def version_text(self) -> str:
        return ".".join(str(part) for part in self.version)


def read(file: Path) -> Interpreter:
    """Read and check the file.  Raises ``DeviceError``."""
    data = content(file)
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
    _sound(file, chip, data)
    room = layout.partition("factory").size
    if len(app) > room:
        raise DeviceError(
            f"{file} has {len(app) - room} bytes more than the partition 'factory' holds: take the .bin of "
            "your board from micropython.org/download; a whole flash is written by `esptool write-flash 0`"
        )
    app = app[: _sound(file, chip, app)]  # the chip does not check bytes behind its end either
    if app[_CHIP_ID_AT : _CHIP_ID_AT + 2] != data[_CHIP_ID_AT : _CHIP_ID_AT + 2]:
        raise DeviceError(
            f"{file} holds the boot loader of one chip and the program of another; download it again"
        )
    version = _version(file, app)
    boot_loader = data[: layout.TABLE_OFFSET - offset].rstrip(b"\xff")
    machine = _MACHINE.search(app)
    return Interpreter(
        chip,
        offset,
        version,
        boot_loader,
        app,
        board=machine[1].decode() if machine else "",
        psram=next((kind for kind, tag in _PSRAM.items() if tag in app), ""),
        romfs=all(name in app for name in _ROMFS),
        flash_bytes=1 << (data[_SIZE_AT] >> 4) << 20,
    )


def _sound(file: Path, chip: str, part: bytes) -> int:
    """The length of this part of the image; checks its checksum, and its SHA-256 if it has one."""
    from esptool.bin_image import LoadFirmwareImage  # imported late: it reads settings in the current folder
    from esptool.util import FatalError

    damaged = DeviceError(f"{file} is damaged or was cut short; download it again")
    try:
        image = LoadFirmwareImage(chip, part)
    except (FatalError, IndexError, TypeError, ValueError, EOFError, struct.error) as error:
        raise damaged from error  # TypeError: cut right before the checksum
    if image.checksum != image.calculate_checksum():
        raise damaged
    if not image.append_digest:
        return len(part)
    if image.stored_digest != image.calc_digest:
        raise damaged
    return int(image.data_length) + len(image.stored_digest)


def _version(file: Path, app: bytes) -> tuple[int, int, int]:
    """The version in its banner: MicroPython leaves ESP-IDF's application description blank."""
    found = _BANNER.search(app)
    if found is None:
        raise DeviceError(f"{file} is an image for this chip, but not of MicroPython")
    version = (int(found[1]), int(found[2]), int(found[3] or 0))
    require(str(file), version)
    if found[4] not in _RELEASE:
        tag = found[0].split()[1].decode()
        raise DeviceError(f"{file} is a nightly build, {tag}; take a release: without 'preview' in its name")
    return version


def require(where: str, version: tuple[int, ...]) -> None:
    """Raises ``DeviceError`` for a MicroPython older than those that were checked and tried."""
    if tuple(version) < VERSION_MIN:
        told = ".".join(map(str, version))
        least = ".".join(map(str, VERSION_MIN))
        raise DeviceError(
            f"{where}: MicroPython {told} is too old, {least} or later is needed; "
            "download a newer one and use `consigne device flash`"
        )
