"""Writing: the head of the log, the sector made ready behind it, the marks in between.

Every write is one ``writeblocks`` of at most 256 bytes that is read back; a record counts once it is on the
flash with its CRC.  The order of writes makes the rest safe: an erase is announced in the log before it
starts, a sector gets its header after the erase and its opening when the log moves in, and the sector before
is sealed after that.

A sector is erased only when the log needs it again, only when the newest complete snapshot makes
it superfluous, and, as long as there is another way, only when the host has acknowledged its
events.  Otherwise the oldest events are given up, and a LOST record says which.
"""

import struct
from binascii import crc32

from micropython import const

from ..core.records import LOST
from . import layout
from .snapshots import reserve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Payload
    from .reader import Reader
    from .report import Found
    from .sectors import Sectors


_TRIES_MAX = const(32)  # failed erases in a row, 45 ms each: the watchdog must not fire first


class JournalFull(Exception):
    """No sector can be freed: a snapshot is due, or the one being written is too large."""


class JournalFailed(Exception):
    """The flash takes no record any more: every sector tried failed to erase or to program."""


class Writer:
    """The end of the log.  ``begin`` or ``resume`` comes first."""

    def __init__(self, sectors: "Sectors") -> None:
        self._sectors = sectors
        self._buf = bytearray(layout.RECORD_MAX)
        self._view = memoryview(self._buf)
        self.epoch = self.acknowledged = self.time_floor = 0
        self.next_seq = 1
        self.head = self._ready = -1
        self.at = layout.END  # where the next record goes in the head
        self.keep_id = 0  # sectors from this id on must not be erased
        self.in_snapshot = False
        self.snapshot_end = 0  # offset of the last snapshot's end in the head, 0: none
        self._records = 0  # in the head
        self._sealed = True  # there is no head, or it has its seal, or must have none
        self._seed = self._base_seq = self._base_time = 0
        self._dropped = 0  # events up to here were given up for room, as recorded
        self._lost: list[tuple[int, int]] = []  # (first, last) of lost events that no LOST record reports yet
        self._next_id = 1

    def begin(self, found: "Found", epoch: int) -> None:
        """Begin a journal in a blank sector, or in one that has its header already.

        Nothing is erased, unless that sector cannot be written: then the next one is, which is blank too.
        """
        self.epoch = epoch
        self.keep_id = 1
        if found.ready >= 0:
            self._ready, self._next_id = found.ready, 2
        elif not self._head_sector(found.first_blank):
            self._sectors.retire(found.first_blank)
            self.make_ready()

    def resume(self, found: "Found", reader: "Reader") -> None:
        """Continue at the end of the log; record in it what is torn and which events are lost."""
        self.head, self._ready, self._next_id = found.head, found.ready, found.next_id
        self._lost = found.gaps
        self.keep_id = found.first_id
        reader.load(found.head)
        self._seed, self._base_seq, self._base_time = reader.seed, reader.base_seq, reader.base_time
        # A seal would vouch for what is damaged, so the next start must walk through it too.
        self.at, self._sealed = found.at, found.sealed or not found.head_whole
        self._records, self.snapshot_end = found.head_records, found.head_snapshot_end
        if found.torn_at >= 0 and self.at + layout.padded(2) <= layout.SEAL_AT:
            self._mark(layout.RESUMED, found.torn_at)

    def adopt(self, found: "Found") -> None:
        """Take over the counters of what was found, also when nothing may be written."""
        self.epoch, self.next_seq = found.epoch, found.next_seq
        self.acknowledged, self.time_floor = found.acknowledged, found.time_floor
        self._dropped = found.dropped

    def ready(self) -> bool:
        """True when the next sector is erased and no loss waits to be recorded."""
        return self._ready >= 0 and not self._lost

    def grown(self) -> int:
        """How many sectors the log reaches past the one that must be kept."""
        return self._sectors.ids[self.head] - self.keep_id if self.head >= 0 else 0

    def put_event(self, kind: int, payload: "Payload", time_s: int) -> int:
        """Write one event; returns its seq."""
        seq = self.next_seq
        self.put(kind, payload, time_s, -1)
        self.next_seq = seq + 1
        self._sectors.last_seq[self.head] = seq
        return seq

    def put(self, kind: int, payload: "Payload", time_s: int, place: int, back: bool = False) -> None:
        """Write one record at the end of the log; ``place`` -1 stands for an event."""
        size = layout.padded(len(payload))
        if size > layout.RECORD_MAX or not 0 <= time_s <= 0xFFFFFFFF:
            raise ValueError("payload of {} bytes at {}".format(len(payload), time_s))
        if time_s < self.time_floor and not back:
            time_s = self.time_floor
        for _ in range(3):
            if (
                self.at + size > layout.END
                or self.next_seq - self._base_seq >= layout.EVENTS_IN_SECTOR_MAX
                or not 0 <= time_s - self._base_time <= layout.TIME_DELTA_MAX
            ):
                self._advance(time_s)
            where = self.next_seq - self._base_seq if place < 0 else place
            if self._program(kind, payload, where, time_s - self._base_time):
                self.time_floor = time_s
                self._records += 1
                return
            self.at = layout.SEAL_AT  # this sector takes no more
        raise JournalFailed("three sectors in a row cannot be written")

    def _program(self, kind: int, payload: "Payload", place: int, delta_s: int) -> bool:
        """Program one record into the head; True when it was written correctly."""
        size = layout.pack_record(self._buf, self._view, kind, payload, place, delta_s, self._seed)
        at = self.at
        self.at = at + size
        return self._sectors.program(self.head, self._view[:size], at)

    def lose(self, first: int, last: int) -> None:
        """Have a LOST record written for a range of events, unless one waits already."""
        if first <= last and not self._lost:
            self._lost.append((first, last))

    def tell_lost(self, time_s: int) -> None:
        """Write a LOST record for every range of events that is gone and not yet recorded so."""
        while self._lost:
            first, last = self._lost[0]
            self.put_event(LOST, struct.pack(">II", first, last), time_s)
            if first <= max(self.acknowledged, self._dropped) + 1:
                self._dropped = max(self._dropped, last)
            self._lost.pop(0)

    def _advance(self, time_s: int) -> None:
        """Open the sector made ready as the new head, then seal the one before."""
        while True:
            self.make_ready()
            sector = self._ready
            self._ready = -1
            if self._open_head(sector, time_s):
                return

    def _open_head(self, sector: int, time_s: int) -> bool:
        """Write the opening of ``sector``, seal the head and move; False when it cannot be written."""
        layout.pack_header(self._buf, self._sectors.count, self.epoch, self._sectors.ids[sector])
        header = layout.unpack_header(self._buf)
        assert header is not None
        seed = header[4]
        layout.pack_opening(self._buf, self.next_seq, time_s, self.acknowledged, seed)
        if not self._sectors.program(sector, self._view[: layout.UNIT], layout.HEADER_BYTES):
            self._sectors.retire(sector)
            return False
        if not self._sealed:
            self._seal()
        self._sealed = False
        self.head, self._seed, self.at = sector, seed, layout.FIRST
        self._base_seq, self._base_time = self.next_seq, time_s
        self._records = self.snapshot_end = 0
        self._sectors.last_seq[sector] = self.next_seq - 1
        return True

    def _seal(self) -> None:
        """Write the head's summary into its last 32 bytes, so that a start need not walk through it."""
        crc = 0
        for offset in range(0, layout.SEAL_AT, layout.RECORD_MAX):
            part = self._view[: min(layout.RECORD_MAX, layout.SEAL_AT - offset)]
            self._sectors.read(self.head, part, offset)
            crc = crc32(part, crc)
        events = self.next_seq - self._base_seq
        values = (events, self._records, self.snapshot_end, self.time_floor)
        payload = struct.pack(layout.SEAL_FORMAT, *values, self.acknowledged, self._dropped, crc)
        size = layout.pack_record(self._buf, self._view, layout.SEAL, payload, layout.INTERNAL, 0, self._seed)
        self._sectors.program(self.head, self._view[:size], layout.SEAL_AT)

    def make_ready(self) -> None:
        """Erase the next sector of the ring and write its header, unless that is done.

        Raises ``JournalFull`` when it holds what only a new snapshot would make superfluous.
        """
        if self._ready >= 0:
            return
        sectors = self._sectors
        usable = sectors.usable()
        if self.grown() + 1 >= usable - (1 if self.in_snapshot else reserve(usable)):
            raise JournalFull("a snapshot has to be written first")
        for _ in range(min(sectors.count, _TRIES_MAX)):
            sector = sectors.after(self.head)
            if sector == self.head:
                break
            self._give_up(sector)
            if sectors.erase(sector) and self._head_sector(sector):
                return
            sectors.retire(sector)
        raise JournalFailed("no sector can be erased")

    def _head_sector(self, sector: int) -> bool:
        """Write the header of an erased sector; False when it cannot be written."""
        layout.pack_header(self._buf, self._sectors.count, self.epoch, self._next_id)
        if not self._sectors.program(sector, self._view[: layout.HEADER_BYTES], 0):
            return False
        self._sectors.ids[sector] = self._next_id
        self._next_id += 1
        self._ready = sector
        return True

    def _give_up(self, sector: int) -> None:
        """Announce the erase of ``sector`` and note which unacknowledged events go with it."""
        sectors = self._sectors
        if sectors.ids[sector]:
            if sectors.ids[sector] >= self.keep_id:
                raise JournalFull("a snapshot has to be written first")
            gone_to = max(self.acknowledged, self._dropped, self._lost[-1][1] if self._lost else 0)
            if sectors.last_seq[sector] > gone_to:
                self._lost.append((gone_to + 1, sectors.last_seq[sector]))
            sectors.ids[sector] = 0
        if self.head >= 0 and self.at + layout.padded(2) <= layout.SEAL_AT:
            self._mark(layout.ERASING, sector)

    def _mark(self, kind: int, value: int) -> None:
        """One of the journal's own records of 16 bytes; there is room kept for four in each sector."""
        self._program(kind, struct.pack("<H", value), layout.INTERNAL, 0)
        self._records += 1
