"""The PSRAM of a virtual board, and what ESP-IDF does with it before any program runs.

Facts: ``components/esp_psram/system_layer/esp_psram.c`` (not found: two lines are printed and the start goes
on, since MicroPython sets ``CONFIG_SPIRAM_IGNORE_NOTFOUND``), ``components/esp_system/port/cpu_start.c``
(found, but its test fails: abort, so the chip starts again and again),
``components/spi_flash/esp_flash_spi_init.c``.
"""

from dataclasses import dataclass

from consigne.cabinet.chips import OCTAL, QUAD

_MIB = 1 << 20
ABORTED = (
    b"\r\nabort() was called at PC 0x400819e7 on core 0\r\n\r\n\r\nBacktrace: 0x400819e4:0x3ffe3b80\r\n\r\n"
    b"\r\n\r\nRebooting...\r\n"
)
"""The last output of a chip that aborts and restarts."""
_NOT_FOUND = (
    b"E (264) %s_psram: PSRAM ID read error: 0x00ffffff, PSRAM chip not found or not supported, or wrong "
    b"PSRAM line mode\r\nE (273) esp_psram: PSRAM enabled but initialization failed. Bailing out.\r\n"
)


@dataclass(frozen=True)
class Psram:
    """``size`` in bytes, 0 for none; ``packaged``: in the chip's package, which an eFuse tells."""

    size: int = 0
    packaged: bool = False
    broken: bool = False

    @property
    def kind(self) -> str:
        """Its wiring: octal in the S3's packages with 8 and 16 MB, quad in all others."""
        if not self.size:
            return ""
        return OCTAL if self.packaged and self.size >= 8 * _MIB else QUAD

    def started(self, driver: str) -> tuple[int, bytes]:
        """The bytes that a program with this ``driver`` (empty: none) finds, and the output meanwhile."""
        if not driver:
            return 0, b""
        if driver != self.kind:
            return 0, _NOT_FOUND % driver.encode()
        if self.broken:
            return 0, b"E (1012) cpu_start: External RAM failed memory test!\r\n" + ABORTED
        return self.size, b""


def too_small(flash_bytes: int, image_bytes: int) -> bytes:
    """The output before the abort if the flash is smaller than the image's header says; else nothing."""
    if flash_bytes >= image_bytes:
        return b""
    told = b"E (233) spi_flash: Detected size(%dk) smaller than the size in the binary image header(%dk). "
    return told % (flash_bytes >> 10, image_bytes >> 10) + b"Probe failed.\r\n" + ABORTED


def usual(chip: str) -> Psram:
    """The PSRAM of the boards that Consigne is made for: an ESP32-WROVER, an ESP32-S3 N8R8."""
    return {"esp32": Psram(4 * _MIB), "esp32s3": Psram(8 * _MIB, packaged=True)}.get(chip, Psram())
