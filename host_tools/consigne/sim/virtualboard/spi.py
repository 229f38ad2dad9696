"""The SPI controller of the flash, as far as ``esptool`` uses its registers.

esptool sends commands to the flash through it (``run_spiflash_command``) to read identity and status.
"""

from ..board.flash import NorFlash
from .chips import Chip

USER_COMMAND = 1 << 18  # in the command register: start, and still busy
READ_ID = 0x9F
WINBOND, W25Q = 0xEF, 0x40


class SpiController:
    """Answers as a W25Q of the model's size; an unknown command reads as 0."""

    def __init__(self, chip: Chip, flash: NorFlash) -> None:
        rom = chip.rom_class
        base: int = rom.SPI_REG_BASE
        self._command = base
        self._user2: int = base + rom.SPI_USR2_OFFS
        self._word0: int = base + rom.SPI_W0_OFFS
        self._flash = flash
        self._values: dict[int, int] = {}

    def read(self, address: int) -> int | None:
        """The register's value; None when it is not one of the controller's."""
        if address == self._command:
            return 0  # done: a command takes no time here
        return self._values.get(address)

    def write(self, address: int, value: int) -> None:
        self._values[address] = value
        if address == self._command and value & USER_COMMAND:
            command = self._values.get(self._user2, 0) & 0xFF
            self._values[self._word0] = self._identity() if command == READ_ID else 0

    def _identity(self) -> int:
        """Manufacturer, type, and size as a power of two; the first byte on the wire is the lowest."""
        return WINBOND | W25Q << 8 | (len(self._flash.data).bit_length() - 1) << 16
