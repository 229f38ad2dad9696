"""The journal: an append-only log of records on raw flash, the locker's only memory.

The layout is in ``format.py``, finding it again after a power cut in ``recovery.py``.  This module
writes.  Every write is one ``writeblocks`` of at most 256 bytes that is read back; a record counts
once it stands there with its CRC.  Order makes the rest safe: an erase is announced in the log
before it starts, a sector gets its header after the erase and its opening when the log moves in,
and the sector before is sealed after that.

A sector is erased only when the log needs it again, only when the newest complete snapshot makes
it superfluous, and, as long as there is another way, only when the host has acknowledged its
events.  When there is none the oldest events give way and a LOST record says which.
"""

import os
import struct
from binascii import crc32

from ..core.records import ACKNOWLEDGED, EVENT_KIND_MAX, LOST
from . import format as f
from .outbox import Outbox
from .reader import Reader
from .recovery import FRESH, recover
from .sectors import Sectors
from .snapshots import due_after, reserve


class JournalReadOnly(Exception):
    """The partition holds something that must not be written to; see ``Recovery.text``."""


class JournalFull(Exception):
    """No sector may be given up: a snapshot is due, or the one being written is too large."""


class JournalFailed(Exception):
    """The flash takes no record any more: every sector tried failed to erase or to program."""


def _urandom_u32():
    return int.from_bytes(os.urandom(4), "big")


class Journal:
    """One journal on one partition.  ``flash`` is a block device as ``ports.Flash`` says.

    ``open`` comes first.  Attributes afterwards: ``epoch`` (u32, drawn at the first format),
    ``next_seq`` (what the next event gets, from 1), ``acknowledged`` (newest seq the host has
    committed, 0: none), ``time_floor`` (newest time in any record, epoch seconds).
    """

    def __init__(self, flash, random_u32=_urandom_u32):
        self._random_u32 = random_u32
        self._sectors = Sectors(flash)
        self._reader = Reader(self._sectors)
        self._outbox = Outbox(self._sectors, self._reader)
        self._buf = bytearray(f.RECORD_MAX)
        self._view = memoryview(self._buf)
        self._read_only = True
        self.epoch = self.acknowledged = self.time_floor = 0
        self.next_seq = 1
        self._dropped = 0
        self._lost = []  # (first, last) of events that are gone, until a LOST record says so
        self._head = self._ready = -1
        self._at = self._seed = self._base_seq = self._base_time = 0
        self._records = self._snapshot_end = 0  # of the head, for its seal
        self._sealed = True  # there is no head, or it has its seal
        self._base = None  # (begin sector, begin offset, end sector, end offset) of the snapshot
        self._keep_id = 0  # sectors from this id on must not be erased
        self._snapshot_sectors = 0
        self._in_snapshot = False

    # --- reading ------------------------------------------------------------------------------

    def open(self):
        """Find the log, or begin one on a blank partition; returns a ``Recovery``.

        Never raises for what the partition holds.  What is foreign, newer, of the wrong size or
        beyond use stays untouched: the journal is then read-only.
        """
        report, found = recover(self._sectors, self._reader)
        self.epoch = found.epoch
        self.next_seq, self.acknowledged = found.next_seq, found.acknowledged
        self.time_floor = found.time_floor
        self._dropped = found.dropped
        self._head, self._ready, self._base = found.head, found.ready, found.snapshot
        self._read_only = report.read_only
        if report.read_only:
            return report
        try:
            if report.state == FRESH:
                self._format(found.first_blank)
            else:
                self._resume(found)
        except (JournalFull, JournalFailed) as error:
            report.detail = str(error)
        return report

    def replay(self, apply):
        """Call ``apply(kind, time_s, payload, seq)`` for what makes up the state; returns how often.

        First the members of the newest complete snapshot, then every record after it.  ``seq`` is 0
        unless the record is an event.  The payload is a memoryview that holds during the call.
        """
        if self._head < 0:
            return 0
        reader = self._reader
        calls = 0
        if self._base:
            _, _, end_sector, end_at = self._base
            reader.start(self._base[0], self._base[1])
            while reader.next_in_log(self._head):
                if reader.sector == end_sector and reader.at == end_at:
                    break
                if reader.place == f.MEMBER and reader.kind < f.OWN_KINDS:
                    apply(reader.kind, reader.time_s, reader.payload(), 0)
                    calls += 1
        else:
            reader.start(reader.oldest(self._head), f.FIRST)
        while reader.next_in_log(self._head):
            if reader.place != f.MEMBER and reader.kind < f.OWN_KINDS:
                apply(reader.kind, reader.time_s, reader.payload(), reader.seq)
                calls += 1
        return calls

    def unacknowledged(self, after_seq, limit=32, bytes_max=4096):
        """Yield ``(seq, kind, time_s, payload)`` of the events after ``after_seq``, oldest first.

        At most ``limit`` events and ``bytes_max`` payload bytes (but at least one event).  Reading
        on from where the last call stopped costs no search.  The payload is a memoryview that holds
        until the next step; appending meanwhile is allowed.
        """
        if self._head < 0:
            return iter(())
        return self._outbox.events(after_seq, self._head, limit, bytes_max)

    # --- writing ------------------------------------------------------------------------------

    def append(self, kind, payload, time_s):
        """Write one record; it is durable when this returns.  The seq of an event, else 0.

        ``time_s`` before ``time_floor`` is raised to it.  Raises ``ValueError`` for a payload
        longer than 246 bytes, a time beyond 32 bits or a kind of the journal's own, ``JournalReadOnly``, ``JournalFull``
        when ``snapshot_due`` was ignored for too long, ``JournalFailed``.
        """
        if not 0 < kind < f.OWN_KINDS:
            raise ValueError("kind {}".format(kind))
        if self._read_only:
            raise JournalReadOnly()
        self._tell_lost(time_s)
        if kind > EVENT_KIND_MAX:
            self._put(kind, payload, time_s, f.INTERNAL)
            return 0
        return self._put_event(kind, payload, time_s)

    def acknowledge(self, seq, time_s):
        """The host has committed every event up to ``seq``: their room may be used again.

        False, and nothing is written, when that is not news or no such event exists.
        """
        if not self.acknowledged < seq < self.next_seq:
            return False
        self.append(ACKNOWLEDGED, struct.pack(">I", seq), time_s)
        self.acknowledged = seq
        return True

    def snapshot(self, records, time_s):
        """Write the whole state, an iterable of ``(kind, payload)``, as what replay begins with.

        Until the last byte is written the one before stays in force.  Raises as ``append`` does.
        """
        if self._read_only:
            raise JournalReadOnly()
        self._tell_lost(time_s)
        self._in_snapshot = True
        try:
            self._put(f.SNAPSHOT_BEGIN, b"", time_s, f.MEMBER)
            begin, begin_at = self._head, self._at - f.padded(0)
            begin_id = self._sectors.ids[begin]
            count = 0
            for kind, payload in records:
                self._put(kind, payload, time_s, f.MEMBER)
                count += 1
            end = struct.pack(f.SNAPSHOT_END_FORMAT, begin_id, begin_at, count)
            self._put(f.SNAPSHOT_END, end, time_s, f.MEMBER)
        finally:
            self._in_snapshot = False
        self._snapshot_end = self._at - f.padded(len(end))
        self._set_base((begin, begin_at, self._head, self._snapshot_end))

    def snapshot_due(self):
        """True when the log has grown so far past the last snapshot that the next is worth it."""
        if self._read_only:
            return False
        grown = self._sectors.ids[self._head] - self._keep_id
        return grown >= due_after(self._sectors.usable(), self._snapshot_sectors)

    def maintain(self):
        """Erase the next sector ahead of need; for a moment when nobody is being served.

        True when something was done.  An erase stops the chip for tens of milliseconds.
        """
        if self._read_only or self._ready >= 0 and not self._lost:
            return False
        if self._ready < 0:
            try:
                self._make_ready()
            except JournalFull:
                return False
        self._tell_lost(self.time_floor)
        return True

    # --- inside -------------------------------------------------------------------------------

    def _put_event(self, kind, payload, time_s):
        seq = self.next_seq
        self._put(kind, payload, time_s, -1)
        self.next_seq = seq + 1
        self._sectors.last_seq[self._head] = seq
        return seq

    def _put(self, kind, payload, time_s, place):
        """Write one record at the end of the log; ``place`` -1 stands for an event."""
        size = f.padded(len(payload))
        if len(payload) > f.PAYLOAD_MAX or not 0 <= time_s <= 0xFFFFFFFF:
            raise ValueError("payload of {} bytes at {}".format(len(payload), time_s))
        time_s = max(time_s, self.time_floor)
        for _ in range(3):
            if (
                self._at + size > f.END
                or self.next_seq - self._base_seq >= f.EVENTS_IN_SECTOR_MAX
                or time_s - self._base_time > f.TIME_DELTA_MAX
            ):
                self._advance(time_s)
            where = self.next_seq - self._base_seq if place < 0 else place
            if self._program(kind, payload, where, time_s - self._base_time):
                self.time_floor = time_s
                self._records += 1
                return
            self._at = f.SEAL_AT  # this sector takes no more
        raise JournalFailed("three sectors in a row cannot be written")

    def _program(self, kind, payload, place, delta_s):
        """One record into the head; True when it stands there."""
        size = f.pack_record(self._buf, self._view, kind, payload, place, delta_s, self._seed)
        done = self._sectors.program(self._head, self._view[:size], self._at)
        self._at += size
        return done

    def _tell_lost(self, time_s):
        while self._lost:
            first, last = self._lost[0]
            self._put_event(LOST, struct.pack(">II", first, last), time_s)
            if first <= max(self.acknowledged, self._dropped) + 1:
                self._dropped = max(self._dropped, last)
            self._lost.pop(0)

    def _advance(self, time_s):
        """Open the sector made ready as the new head, then seal the one before."""
        while True:
            if self._ready < 0:
                self._make_ready()
            sector = self._ready
            self._ready = -1
            if self._open_head(sector, time_s):
                return

    def _open_head(self, sector, time_s):
        """Write the opening of ``sector``, seal the head and move; False when it cannot be written."""
        f.pack_header(self._buf, self._sectors.count, self.epoch, self._sectors.ids[sector])
        seed = f.unpack_header(self._buf)[4]
        f.pack_opening(self._buf, self.next_seq, time_s, self.acknowledged, seed)
        if not self._sectors.program(sector, self._view[: f.UNIT], f.HEADER_BYTES):
            self._sectors.retire(sector)
            return False
        if not self._sealed:
            self._seal()
        self._sealed = False
        self._head, self._seed, self._at = sector, seed, f.FIRST
        self._base_seq, self._base_time = self.next_seq, time_s
        self._records = self._snapshot_end = 0
        self._sectors.last_seq[sector] = self.next_seq - 1
        return True

    def _seal(self):
        """Sum up the head in its last 32 bytes; without them it would be walked at every start."""
        crc = 0
        for offset in range(0, f.SEAL_AT, f.RECORD_MAX):
            part = self._view[: min(f.RECORD_MAX, f.SEAL_AT - offset)]
            self._sectors.read(self._head, part, offset)
            crc = crc32(part, crc)
        events = self.next_seq - self._base_seq
        values = (events, self._records, self._snapshot_end, self.time_floor)
        payload = struct.pack(f.SEAL_FORMAT, *values, self.acknowledged, self._dropped, crc)
        size = f.pack_record(self._buf, self._view, f.SEAL, payload, f.INTERNAL, 0, self._seed)
        self._sectors.program(self._head, self._view[:size], f.SEAL_AT)

    def _make_ready(self):
        """Erase the next sector of the ring and write its header.

        Raises ``JournalFull`` when it holds what only a new snapshot would make superfluous.
        """
        sectors = self._sectors
        if self._head >= 0:
            used = sectors.ids[self._head] - self._keep_id + 1
            usable = sectors.usable()
            if used >= usable - (1 if self._in_snapshot else reserve(usable)):
                raise JournalFull("a snapshot has to be written first")
        for _ in range(sectors.count):
            sector = sectors.after(self._head)
            if sector == self._head:
                break
            self._give_up(sector)
            sector_id = sectors.ids[self._head] + 1
            if sectors.erase(sector):
                f.pack_header(self._buf, sectors.count, self.epoch, sector_id)
                if sectors.program(sector, self._view[: f.HEADER_BYTES], 0):
                    sectors.ids[sector] = sector_id
                    self._ready = sector
                    return
            sectors.retire(sector)
        raise JournalFailed("no sector can be erased")

    def _give_up(self, sector):
        """Announce the erase of ``sector`` and note which unacknowledged events go with it."""
        sectors = self._sectors
        if sectors.ids[sector]:
            if sectors.ids[sector] >= self._keep_id:
                raise JournalFull("a snapshot has to be written first")
            gone_to = max(self.acknowledged, self._dropped, self._lost[-1][1] if self._lost else 0)
            if sectors.last_seq[sector] > gone_to:
                self._lost.append((gone_to + 1, sectors.last_seq[sector]))
            sectors.ids[sector] = 0
        if self._at + f.padded(2) <= f.SEAL_AT:
            self._mark(f.ERASING, sector)

    def _mark(self, kind, value):
        """One of the journal's own records of 16 bytes; there is room kept for two in each sector."""
        self._program(kind, struct.pack("<H", value), f.INTERNAL, 0)
        self._records += 1

    def _format(self, sector):
        """Begin a journal in ``sector``, which is blank; nothing is erased."""
        while not self.epoch:
            self.epoch = self._random_u32()
        f.pack_header(self._buf, self._sectors.count, self.epoch, 1)
        self._sectors.ids[sector] = self._keep_id = 1
        if not self._sectors.program(sector, self._view[: f.HEADER_BYTES], 0):
            raise JournalFailed("a blank sector cannot be written")
        self._ready = sector
        self._advance(0)

    def _resume(self, found):
        """Go on where the log was found to end; say in it what is torn and which events are lost."""
        self._reader.load(found.head)
        self._seed, self._base_seq = self._reader.seed, self._reader.base_seq
        self._base_time = self._reader.base_time
        self._at, self._sealed = found.at, found.sealed
        self._records, self._snapshot_end = found.head_records, found.head_snapshot_end
        self._lost = found.gaps
        self._keep_id = found.first_id
        if found.snapshot:
            self._set_base(found.snapshot)
        if found.torn_at >= 0 and self._at + f.padded(2) <= f.SEAL_AT:
            self._mark(f.RESUMED, found.torn_at)
        self._tell_lost(self.time_floor)

    def _set_base(self, base):
        self._base = base
        self._keep_id = self._sectors.ids[base[0]]
        self._snapshot_sectors = self._sectors.ids[base[2]] - self._keep_id + 1
