"""A place in the log that moves forward record by record, with the one buffer all reading shares."""

import struct

from . import format as f


class Reader:
    """Reads one sector at a time into ``buf``; ``next`` steps from valid record to valid record.

    After ``next`` returned True the attributes describe the record: ``at`` (offset of its first
    byte), ``kind``, ``length`` of the payload, ``place``, ``time_s``, ``seq`` (0 unless it is an
    event).  They and ``payload()`` hold until the reader moves on.
    """

    def __init__(self, sectors):
        self._sectors = sectors
        self.buf = bytearray(f.SECTOR_BYTES)
        self.view = memoryview(self.buf)
        self.sector = -1
        self.epoch = self.seed = 0
        self.base_seq = self.base_time = self.acknowledged = 0
        self._next_at = f.FIRST
        self.at = self.kind = self.length = self.place = self.time_s = self.seq = 0

    def load(self, sector):
        """Read ``sector``; False when it has no valid header and opening."""
        self.sector = sector
        if not self._sectors.read(sector, self.view):
            return False
        header = f.unpack_header(self.buf)
        if header is None:
            return False
        self.epoch = header[2]
        self.seed = header[4]
        opening = f.unpack_opening(self.buf, self.seed)
        if opening is None:
            return False
        self.base_seq, self.base_time, self.acknowledged = opening
        return True

    def start(self, sector, at):
        """Stand before the record at ``at`` of ``sector``, read anew."""
        self._next_at = at if self.load(sector) else f.SEAL_AT

    def rewind(self):
        """Stand before the first record of the sector that is loaded."""
        self._next_at = f.FIRST

    def next(self):
        """Step to the next valid record of this sector; False at its end."""
        buf = self.buf
        at = self._next_at
        while at < f.SEAL_AT:
            size = f.check_record(buf, self.view, at, f.SEAL_AT, self.seed)
            if size:
                self._next_at = at + size
                self.at = at
                self.kind = buf[at + 4]
                self.length = buf[at + 5]
                place = self.place = buf[at + 6]
                self.seq = self.base_seq + place if place < f.INTERNAL else 0
                self.time_s = self.base_time + f.time_delta(buf, at)
                return True
            at += f.UNIT
        self._next_at = at
        return False

    def next_in_log(self, head):
        """Step to the next valid record of the log, up to the end of sector ``head``."""
        while not self.next():
            following = self.following(head)
            if following < 0:
                return False
            self.start(following, f.FIRST)
        return True

    def following(self, head):
        """The sector of the log after this one, or -1 when this is ``head``."""
        sectors = self._sectors
        here = sector = self.sector
        while sector != head:
            sector = (sector + 1) % sectors.count
            if sectors.ids[sector] > sectors.ids[here]:
                return sector
        return -1

    def oldest(self, head):
        """The oldest sector of the log that ends in ``head``."""
        sectors = self._sectors
        sector = head
        while True:
            sector = (sector + 1) % sectors.count
            if sector == head or 0 < sectors.ids[sector] <= sectors.ids[head]:
                return sector

    def payload(self):
        """The record's payload, a memoryview into the buffer."""
        start = self.at + f.HEAD
        return self.view[start : start + self.length]

    def u16(self):
        """The first two bytes of the payload, as the journal's own records pack them."""
        return struct.unpack_from("<H", self.buf, self.at + f.HEAD)[0]

    def u32_big(self, offset):
        """Four bytes of the payload, as core/records.py packs them."""
        return struct.unpack_from(">I", self.buf, self.at + f.HEAD + offset)[0]
