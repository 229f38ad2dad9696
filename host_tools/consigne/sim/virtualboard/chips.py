"""The differences between Espressif chips before any program runs: registers, ROM, image number.

Register addresses are those that ``esptool`` reads, taken from its own target classes.
"""

from dataclasses import dataclass
from typing import Any

from esptool.targets import ESP32ROM, ESP32S3ROM, ESP8266ROM

from ..board.board import HARD, POWER_ON, WATCHDOG

DETECT = 0x4000_1000  # differs on every chip without GET_SECURITY_INFO
XTAL_HZ = 40_000_000
ROM_BAUD = 115_200
_PACKAGE_D0WD, _PACKAGE_D0WDR2 = 1, 7
_CAP_OF_MB = {0: 0, 8: 1, 2: 2, 16: 3, 4: 4}  # PSRAM_CAP of the S3's eFuse
_VENDOR_AP_3V3 = 1
_CAUSES = {  # EN and power look the same; a soft reset does not run the ROM
    POWER_ON: (0x1, "POWERON_RESET"),
    HARD: (0xC, "SW_CPU_RESET"),
    WATCHDOG: (0x8, "TG1WDT_SYS_RESET"),
}


@dataclass(frozen=True)
class Chip:
    """One chip: ``rom_class`` is esptool's class for it, ``knows`` the commands of its ROM."""

    name: str
    rom_class: Any  # esptool has no types
    image_id: int
    boot_offset: int
    machine: str
    first_line: str
    status_bytes: int
    knows: frozenset[int]

    def registers(self, mac: bytes, psram_bytes: int = 0, packaged: bool = True) -> dict[int, int]:
        """The registers before anything was written: identity, revision, clock, PSRAM in the package.

        ``packaged`` is False where PSRAM is a separate chip, as in an ESP32-WROVER: no eFuse tells of it.
        """
        low, high = int.from_bytes(mac[2:], "big"), int.from_bytes(mac[:2], "big")
        rom = self.rom_class
        found = {DETECT: getattr(rom, "MAGIC_VALUE", None) or 0, rom.UART_CLKDIV_REG: XTAL_HZ // ROM_BAUD}
        if self.name == "esp32":
            efuse = rom.EFUSE_RD_REG_BASE
            package = _PACKAGE_D0WDR2 if psram_bytes and packaged else _PACKAGE_D0WD
            found.update(
                {
                    efuse + 4: low,
                    efuse + 8: high,
                    efuse + 12: package << 9 | 1 << 13 | 1 << 15,  # ..., 240 MHz, revision bit 0
                    efuse + 20: 1 << 20 | 1 << 24,  # revision bit 1, v3.1
                    rom.APB_CTL_DATE_ADDR: 1 << 31,  # revision bit 2
                }
            )
        elif self.name == "esp32s3":
            found.update({rom.MAC_EFUSE_REG: low, rom.MAC_EFUSE_REG + 4: high})
            if psram_bytes and packaged:
                cap = _CAP_OF_MB[psram_bytes >> 20]
                found[rom.EFUSE_BLOCK1_ADDR + 16] = (cap & 3) << 3 | _VENDOR_AP_3V3 << 7
                found[rom.EFUSE_BLOCK1_ADDR + 20] = cap >> 2 << 19
        return found

    def boot_message(self, cause: int, download: bool) -> bytes:
        """What the ROM prints after a reset."""
        number, name = _CAUSES.get(cause, _CAUSES[POWER_ON])
        mode = (
            "0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))" if download else "0x13 (SPI_FAST_FLASH_BOOT)"
        )
        text = f"{self.first_line}\r\n\r\nrst:0x{number:x} ({name}),boot:{mode}\r\n"
        return (text + ("waiting for download\r\n" if download else "")).encode()


CHIPS = {
    "esp32": Chip(
        "esp32", ESP32ROM, 0, 0x1000, "Generic ESP32 module with ESP32",
        "ets Jul 29 2019 12:21:46", 4, frozenset((*range(0x02, 0x0C), 0x0D, 0x0E, *range(0x0F, 0x14))),
    ),
    "esp32s3": Chip(
        "esp32s3", ESP32S3ROM, 9, 0, "Generic ESP32S3 module with ESP32S3",
        "ESP-ROM:esp32s3-20210327", 4, frozenset((*range(0x02, 0x0C), 0x0D, *range(0x0F, 0x15))),
    ),
    "esp8266": Chip(
        "esp8266", ESP8266ROM, 0, 0, "ESP module with ESP8266",
        " ets Jan  8 2013,rst cause:2, boot mode:(3,6)", 2, frozenset(range(0x02, 0x0B)),
    ),
}  # fmt: skip
