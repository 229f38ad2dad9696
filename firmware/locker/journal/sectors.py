"""The ring of sectors: what the journal knows of each one, and checked access to the flash.

Nothing here knows what a record means.  Sectors are used in physical order, round and round, so wear is even
without a table; sectors that failed, or whose content is unreadable, are skipped (``out_of_use``) and never
erased.
"""

from array import array

from .layout import RECORD_MAX, SECTOR_BYTES, is_blank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Flash


_OP_COUNT = 4
_OP_SIZE = 5
_OP_ERASE = 6

SECTORS_MIN = 8


class Sectors:
    """A partition seen as ``count`` sectors; ``count`` is 0 when its geometry cannot be used."""

    def __init__(self, flash: "Flash") -> None:
        self._flash = flash
        self.count = flash.ioctl(_OP_COUNT, 0) or 0
        self.fits = flash.ioctl(_OP_SIZE, 0) == SECTOR_BYTES and SECTORS_MIN <= self.count <= 65535
        tables = self.count if self.fits else 0
        self.ids = array("I", bytes(4 * tables))  # 0: not part of the log
        self.last_seq = array("I", bytes(4 * tables))  # newest event up to the end of the sector
        self.out_of_use = bytearray(tables)
        self._check = bytearray(RECORD_MAX)
        self._check_view = memoryview(self._check)

    def usable(self) -> int:
        """How many sectors the ring has."""
        return self.count - sum(self.out_of_use)

    def after(self, sector: int) -> int:
        """The next sector of the ring, which is ``sector`` itself when there is no other."""
        for _ in range(self.count):
            sector = (sector + 1) % self.count
            if not self.out_of_use[sector]:
                break
        return sector

    def retire(self, sector: int) -> None:
        """Skip ``sector`` from now on."""
        self.out_of_use[sector] = 1
        self.ids[sector] = 0

    def read(self, sector: int, view: memoryview, offset: int = 0) -> bool:
        """Fill ``view`` from ``sector``; False when the flash reports an error."""
        try:
            self._flash.readblocks(sector, view, offset)
        except OSError:
            return False
        return True

    def program(self, sector: int, view: memoryview, offset: int) -> bool:
        """Program at most 256 bytes and read them back; True when they were written correctly."""
        try:
            self._flash.writeblocks(sector, view, offset)
            check = self._check_view[: len(view)]
            self._flash.readblocks(sector, check, offset)
        except OSError:
            return False
        return check == view

    def erase(self, sector: int) -> bool:
        """Erase and check: True when every byte reads 0xFF."""
        try:
            self._flash.ioctl(_OP_ERASE, sector)
            for offset in range(0, SECTOR_BYTES, RECORD_MAX):
                self._flash.readblocks(sector, self._check, offset)
                if not is_blank(self._check_view, 0, RECORD_MAX):
                    return False
        except OSError:
            return False
        return True
