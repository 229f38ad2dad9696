"""A place in the log that moves forward record by record, with the one buffer all reading shares."""

import struct
from binascii import crc32

from . import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .sectors import Sectors


# Repairs tried in one sector: as many as the longest torn record has units, and the mark behind it, which may
# itself be corrupt.  More would be tries on noise, and take long.
_REPAIRS_MAX = 20


class Reader:
    """Reads one sector at a time into ``buf``; ``next`` steps from valid record to valid record.

    After ``next`` returned True the attributes describe the record: ``at`` (offset of its first
    byte), ``kind``, ``length`` of the payload, ``place``, ``time_s``, ``seq`` (0 unless it is an
    event).  They and ``payload()`` hold until the reader moves on.
    """

    def __init__(self, sectors: "Sectors") -> None:
        self._sectors = sectors
        self.buf = bytearray(layout.SECTOR_BYTES)
        self.view = memoryview(self.buf)
        self.sector = -1
        self.epoch = self.seed = 0
        self.repaired = 0  # bits set right since the sector was loaded
        self._tried = 0
        self._valid_at = 0  # offset of the valid record after the last invalid one
        self.base_seq = self.base_time = self.acknowledged = 0
        self._next_at = layout.FIRST
        self.at = self.kind = self.length = self.place = self.time_s = self.seq = 0

    def load(self, sector: int) -> bool:
        """Read ``sector``; False when it has no valid header and opening."""
        self.sector = sector
        if not self._sectors.read(sector, self.view):
            return False
        self.repaired = self._tried = self._valid_at = 0
        header = layout.unpack_header(self.buf)
        if header is None:
            from .repair import repair_header  # only if a bit is corrupt

            header = repair_header(self.buf)
            self.repaired += 1
        if header is None:
            return False
        self.epoch = header[2]
        self.seed = header[4]
        opening = layout.unpack_opening(self.buf, self.seed)
        if opening is None:
            from .repair import repair_opening

            opening = repair_opening(self.buf, self.seed)
            self.repaired += 1
        if opening is None:
            return False
        self.base_seq, self.base_time, self.acknowledged = opening
        return True

    def start(self, sector: int, at: int) -> None:
        """Load ``sector`` again and stand before its record at ``at``."""
        self._next_at = at if self.load(sector) else layout.SEAL_AT

    def rewind(self) -> None:
        """Stand before the first record of the loaded sector."""
        self._next_at = layout.FIRST
        self._valid_at = 0

    def next(self) -> bool:
        """Step to the next valid record of this sector; False at its end."""
        at = self._next_at
        while at < layout.SEAL_AT:
            crc, kind, length, place, low, high = struct.unpack_from(layout.HEAD_FORMAT, self.buf, at)
            behind = at + ((length + 25) & -16)  # padded(), inlined: the most frequent line of a start
            if (
                behind <= layout.SEAL_AT
                and length <= layout.PAYLOAD_MAX
                and crc32(self.view[at + 4 : at + 10 + length], self.seed) == crc
            ):
                self._next_at = behind
                self.at = at
                self.kind = kind
                self.length = length
                self.place = place
                self.seq = self.base_seq + place if place < layout.INTERNAL else 0
                self.time_s = self.base_time + low + (high << 16)
                return True
            at = self._behind_invalid(at)
        self._next_at = layout.SEAL_AT
        return False

    def _behind_invalid(self, at: int) -> int:
        """Where to look next if no valid record lies at ``at``: at ``at`` again, if it was repaired."""
        if self.buf[at] == 0xFF and layout.is_blank(self.view, at, layout.SEAL_AT):
            return layout.SEAL_AT
        if self._is_torn(at):
            return self._valid_at
        return at if self._mend(at) else at + layout.UNIT

    def _is_torn(self, at: int) -> bool:
        """Whether the next valid record, at ``_valid_at``, marks what lies at ``at`` as torn."""
        if self._valid_at <= at:
            self._valid_at = at + layout.UNIT
            while self._valid_at < layout.SEAL_AT and not layout.check_record(
                self.buf, self.view, self._valid_at, layout.SEAL_AT, self.seed
            ):
                self._valid_at += layout.UNIT
        if self._valid_at >= layout.SEAL_AT or self.buf[self._valid_at + 4] != layout.RESUMED:
            return False
        return struct.unpack_from("<H", self.buf, self._valid_at + layout.HEAD)[0] <= at

    def _mend(self, at: int) -> bool:
        """Repair one corrupt bit of the record at ``at``; False when that does not help."""
        if self._tried == _REPAIRS_MAX or layout.is_blank(self.view, at, at + layout.UNIT):
            return False
        self._tried += 1
        from .repair import repair_record

        if not repair_record(self.buf, self.view, at, layout.SEAL_AT, self.seed):
            return False
        self.repaired += 1
        return True

    def next_in_log(self, head: int) -> bool:
        """Step to the next valid record of the log, up to the end of sector ``head``."""
        while not self.next():
            following = self.following(head)
            if following < 0:
                return False
            self.start(following, layout.FIRST)
        return True

    def following(self, head: int) -> int:
        """The sector of the log after this one, or -1 when this is ``head``."""
        sectors = self._sectors
        here = sector = self.sector
        while sector != head:
            sector = (sector + 1) % sectors.count
            if sectors.ids[sector] > sectors.ids[here]:
                return sector
        return -1

    def oldest(self, head: int) -> int:
        """The oldest sector of the log that ends in ``head``."""
        sectors = self._sectors
        sector = head
        while True:
            sector = (sector + 1) % sectors.count
            if sector == head or 0 < sectors.ids[sector] <= sectors.ids[head]:
                return sector

    def payload(self) -> memoryview:
        """The record's payload, a memoryview into the buffer."""
        start = self.at + layout.HEAD
        return self.view[start : start + self.length]

    def u16(self) -> int:
        """The first two bytes of the payload, as the journal's own records pack them."""
        return struct.unpack_from("<H", self.buf, self.at + layout.HEAD)[0]

    def u32_big(self, offset: int) -> int:
        """Four bytes of the payload, as core/records.py packs them."""
        return struct.unpack_from(">I", self.buf, self.at + layout.HEAD + offset)[0]
