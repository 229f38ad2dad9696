"""The journal: an append-only log of records on raw flash, the locker's only memory.

``Journal`` is all that the rest of the locker sees.  The layout is in ``layout.py``, finding it
again after a power cut in ``recovery.py``, the order of writes in ``writer.py``.
"""

import os
import struct

from ..core.records import ACKNOWLEDGED, EVENT_KIND_MAX
from .layout import (
    FIRST,
    INTERNAL,
    MEMBER,
    OWN_KINDS,
    SNAPSHOT_BEGIN,
    SNAPSHOT_END,
    SNAPSHOT_END_FORMAT,
    padded,
)
from .outbox import Outbox
from .reader import Reader
from .report import DAMAGED, FRESH
from .sectors import Sectors
from .snapshots import due_after
from .writer import JournalFailed, JournalFull, Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..ports import Flash, Fold, Payload, Span, Unsent
    from .report import Recovery


class JournalReadOnly(Exception):
    """The partition's content must not be overwritten; see ``Recovery.text``."""


def _urandom_u32() -> int:
    return int.from_bytes(os.urandom(4), "big")


class Journal:
    """One journal on one partition.  ``flash`` is a block device as ``ports.Flash`` says.

    ``open`` comes first.  ``random_u32`` gives the epoch of a journal that is begun.
    """

    def __init__(self, flash: "Flash", random_u32: "Callable[[], int]" = _urandom_u32) -> None:
        self._random_u32 = random_u32
        self._sectors = Sectors(flash)
        self._reader = Reader(self._sectors)
        self._outbox = Outbox(self._sectors, self._reader)
        self._writer = Writer(self._sectors)
        self._read_only = True
        self._is_bound = False
        self._base: Span | None = None  # (begin sector, begin offset, end sector, end offset) of the snapshot
        self._snapshot_sectors = 0

    @property
    def epoch(self) -> int:
        """Distinguishes this journal from earlier ones on the partition: u32, never 0."""
        return self._writer.epoch

    @property
    def next_seq(self) -> int:
        """The number of the next event; the first one was 1."""
        return self._writer.next_seq

    @property
    def acknowledged(self) -> int:
        """The newest seq that the host has committed; 0: none."""
        return self._writer.acknowledged

    @property
    def time_floor(self) -> int:
        """The time of the newest record, epoch seconds: none after it is earlier, but see ``append``."""
        return self._writer.time_floor

    # --- reading ------------------------------------------------------------------------------

    def open(self, tag_of: "Callable[[int], bytes] | None" = None) -> "Recovery":
        """Find the log, or begin one on a blank partition; returns a ``Recovery``.

        ``tag_of(epoch)`` as in ``recover``; with it the first snapshot is due at once, since it says whose
        journal this is.
        Never raises, whatever the partition holds.  A foreign, newer or unusable content, or one of the wrong
        size, stays untouched: the journal is then read-only.
        """
        from .recovery import recover  # much code, needed only now: the caller drops it afterwards

        report, found = recover(self._sectors, self._reader, tag_of)
        self._is_bound = not tag_of or bool(found.bound and found.snapshot)
        writer = self._writer
        writer.adopt(found)
        writer.head = found.head
        self._base = found.snapshot
        self._read_only = report.read_only
        if report.read_only:
            return report
        try:
            if report.state == FRESH:
                epoch = found.epoch
                while not epoch:
                    epoch = self._random_u32()
                writer.begin(found, epoch)
            else:
                writer.resume(found, self._reader)
                if found.snapshot:
                    self._set_base(found.snapshot)
                writer.tell_lost(writer.time_floor)
        except (JournalFull, JournalFailed) as error:
            report.worsen(DAMAGED)
            report.detail = str(error)
        return report

    def replay(self, apply: "Fold") -> int:
        """Call ``apply(kind, time_s, payload, seq)`` for the records of the state; returns how often.

        First the members of the newest complete snapshot, then every record after it.  ``seq`` is 0
        unless the record is an event.  The payload is a memoryview that holds during the call.
        """
        head = self._writer.head
        if head < 0:
            return 0
        reader = self._reader
        calls = 0
        if self._base:
            _, _, end_sector, end_at = self._base
            reader.start(self._base[0], self._base[1])
            while reader.next_in_log(head):
                if reader.sector == end_sector and reader.at == end_at:
                    break
                if reader.place == MEMBER and reader.kind < OWN_KINDS:
                    apply(reader.kind, reader.time_s, reader.payload(), 0)
                    calls += 1
        else:
            reader.start(reader.oldest(head), FIRST)
        while reader.next_in_log(head):
            if reader.place != MEMBER and reader.kind < OWN_KINDS:
                apply(reader.kind, reader.time_s, reader.payload(), reader.seq)
                calls += 1
        return calls

    def unacknowledged(self, after_seq: int, limit: int = 32, bytes_max: int = 4096) -> "Iterator[Unsent]":
        """Yield ``(seq, kind, time_s, payload)`` of the events after ``after_seq``, oldest first.

        At most ``limit`` events and ``bytes_max`` payload bytes (but at least one event).  Continuing where
        the last call stopped needs no search.  The payload is a memoryview that holds until the next step;
        appending meanwhile is allowed.
        """
        head = self._writer.head
        if head < 0:
            return iter(())
        return self._outbox.events(after_seq, head, limit, bytes_max)

    def oldest_seq(self) -> int:
        """The number of the oldest event on the flash; ``next_seq`` when there is none."""
        reader, head = self._reader, self._writer.head
        reader.seq = 0  # what ``unacknowledged`` was reading is overwritten
        sector = reader.oldest(head) if head >= 0 else -1
        while sector >= 0:
            if reader.load(sector):
                return reader.base_seq
            sector = reader.following(head)
        return self.next_seq

    # --- writing ------------------------------------------------------------------------------

    def lose_after(self, seq: int) -> None:
        """The events after ``seq`` have been found unreadable: ``maintain`` writes which are lost."""
        self._writer.lose(seq + 1, self.next_seq - 1)

    def append(self, kind: int, payload: "Payload", time_s: int, back: bool = False) -> int:
        """Write one record; it is durable when this returns.  The seq of an event, else 0.

        ``time_s`` before ``time_floor`` is raised to it, unless an internal record takes the time ``back``:
        those before it had a false one.  Raises ``ValueError`` for a payload
        longer than 246 bytes, a time beyond 32 bits or a kind of the journal's own,
        ``JournalReadOnly``, ``JournalFull`` when ``snapshot_due`` was ignored for too long,
        ``JournalFailed``.
        """
        if not 0 < kind < OWN_KINDS:
            raise ValueError("kind {}".format(kind))
        if self._read_only:
            raise JournalReadOnly()
        writer = self._writer
        writer.tell_lost(time_s)
        seq = 0
        if kind > EVENT_KIND_MAX:
            writer.put(kind, payload, time_s, INTERNAL, back)
        else:
            seq = writer.put_event(kind, payload, time_s)
        self._tell_lost_now()
        return seq

    def acknowledge(self, seq: int, time_s: int) -> bool:
        """The host has committed all events up to ``seq``: their room may be used again.

        False, and nothing is written, when that is known already or no such event exists.
        """
        if not self.acknowledged < seq < self.next_seq:
            return False
        self.append(ACKNOWLEDGED, struct.pack(">I", seq), time_s)
        self._writer.acknowledged = seq
        return True

    def snapshot(self, records: "Iterable[tuple[int, Payload]]", time_s: int) -> None:
        """Write the whole state, an iterable of ``(kind, payload)``, with which replay will begin.

        Until its last byte is written, the previous snapshot stays valid.  Raises as ``append`` does.
        """
        if self._read_only:
            raise JournalReadOnly()
        writer = self._writer
        writer.tell_lost(time_s)
        writer.in_snapshot = True
        try:
            writer.put(SNAPSHOT_BEGIN, b"", time_s, MEMBER)
            begin, begin_at = writer.head, writer.at - padded(0)
            count = 0
            for kind, payload in records:
                writer.put(kind, payload, time_s, MEMBER)
                count += 1
            end = struct.pack(SNAPSHOT_END_FORMAT, self._sectors.ids[begin], begin_at, count)
            writer.put(SNAPSHOT_END, end, time_s, MEMBER)
        finally:
            writer.in_snapshot = False
        self._is_bound = True
        writer.snapshot_end = writer.at - padded(len(end))
        self._set_base((begin, begin_at, writer.head, writer.snapshot_end))
        self._tell_lost_now()

    def snapshot_due(self) -> bool:
        """True when the log has grown far enough past the last snapshot for a new one."""
        if self._read_only or not self._is_bound:
            return not self._read_only
        return self._writer.grown() >= due_after(self._sectors.usable(), self._snapshot_sectors)

    def maintain(self) -> bool:
        """Erase the next sector in advance; call it when no person is being served.

        True when something was done.  An erase stops the chip for tens of milliseconds.  Raises
        ``JournalFailed``; a sector that only a snapshot can free is left for later.
        """
        if self._read_only or self._writer.ready():
            return False
        try:
            self._writer.make_ready()
            self._writer.tell_lost(self.time_floor)
        except JournalFull:
            return False
        return True

    def _tell_lost_now(self) -> None:
        """After a durable record: if events had to be given up for it, record that."""
        try:
            self._writer.tell_lost(self.time_floor)
        except JournalFull:
            return  # it will be recorded before the next record

    def _set_base(self, base: "Span") -> None:
        self._base = base
        keep_id = self._writer.keep_id = self._sectors.ids[base[0]]
        self._snapshot_sectors = self._sectors.ids[base[2]] - keep_id + 1
