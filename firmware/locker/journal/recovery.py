"""Reading a partition at start: what is there, where the log ends, what cannot be proven.

``recover`` never raises for what it finds and never writes.  It reads every header, then every
sector of the log once: a sealed sector is checked with one CRC, any other is walked record by
record.  The result is a ``Recovery``, which tells people what was found, and a ``Found``, from
which the journal goes on.
"""

import struct
from binascii import crc32

from micropython import const

from ..core.records import ACKNOWLEDGED, LOST
from . import format as f
from .sectors import SECTORS_MIN
from .snapshots import choose

FRESH = const(0)  # the partition was blank: a new journal begins
CLEAN = const(1)
REPAIRED = const(2)  # power went during a write or an erase; nothing that was promised is lost
DAMAGED = const(3)  # something that had been written cannot be read
FOREIGN = const(4)  # something else lies there
NEWER = const(5)  # written by a newer version
WRONG_SIZE = const(6)  # too small, other sectors, or a journal made for another size
STATE_NAMES = ("fresh", "clean", "repaired", "damaged", "foreign", "newer", "wrong size")

_GAPS_MAX = const(64)


class Recovery:
    """What ``Journal.open`` found.

    ``state`` is one of the constants above; ``read_only`` is set when nothing may be written,
    so that a technician can still save what lies there; ``proven`` is False when records that
    shape the locker's state may be missing: whoever serves people then has to refuse what
    depends on them.  ``skipped_sectors`` counts sectors of which nothing or not all could be
    read, ``recovered_records`` the valid records of the log, ``lost_events`` the events that
    were written, not yet acknowledged, and are gone.
    """

    def __init__(self):
        self.state = CLEAN
        self.read_only = False
        self.proven = True
        self.skipped_sectors = 0
        self.recovered_records = 0
        self.lost_events = 0
        self.detail = ""

    @property
    def text(self):
        """One line for the log, the status topic and a technician."""
        parts = [STATE_NAMES[self.state]]
        if self.detail:
            parts.append(self.detail)
        if self.skipped_sectors:
            parts.append("{} sectors not readable".format(self.skipped_sectors))
        if self.lost_events:
            parts.append("{} events lost".format(self.lost_events))
        if not self.proven:
            parts.append("state not proven")
        if self.read_only:
            parts.append("read only")
        return ", ".join(parts)

    def worsen(self, state):
        self.state = max(self.state, state)

    def refuse(self, state, detail):
        self.state = state
        self.detail = detail
        self.read_only = True
        self.proven = False


class Found:
    """Where the log stands, for the journal to go on from."""

    def __init__(self):
        self.epoch = 0
        self.head = -1  # sector that takes the next record; -1: none yet
        self.ready = -1  # sector erased and headed, to be opened next
        self.first_blank = 0  # where a fresh journal begins
        self.at = f.FIRST  # where the next record goes in the head
        self.torn_at = -1  # where what a power cut tore begins, in the head
        self.sealed = False  # the head takes no more
        self.head_records = 0
        self.head_snapshot_end = 0  # offset of the last one in the head, 0: none
        self.next_seq = 1
        self.acknowledged = 0
        self.dropped = 0  # events up to here were given up for room, and that is recorded
        self.time_floor = 0
        self.first_id = 0  # oldest sector of the log
        self.first_seq = 0  # what the opening of that sector says comes next
        self.damaged_id = 0  # newest sector in or before which something is missing
        self.snapshot = None  # (begin sector, begin offset, end sector, end offset)
        self.gaps = []  # (first, last) seqs that are missing and not yet recorded as lost

    def note_gap(self, seq):
        """``seq`` comes next in the log: what lies between it and the last one seen is missing."""
        if seq > self.next_seq:
            if len(self.gaps) == _GAPS_MAX:  # bounded: then the last gap swallows what follows
                self.gaps[-1] = (self.gaps[-1][0], seq - 1)
            else:
                self.gaps.append((self.next_seq, seq - 1))
            self.next_seq = seq


def recover(sectors, reader):
    """Read the partition through ``sectors`` (its tables are filled) with ``reader``'s buffer.

    Returns ``(Recovery, Found)``.
    """
    report = Recovery()
    found = Found()
    if not sectors.fits:
        report.refuse(WRONG_SIZE, "{} sectors cannot hold a journal".format(sectors.count))
        return report, found
    _read_headers(sectors, reader, report, found)
    if report.state in (FRESH, FOREIGN, NEWER) or found.head < 0:
        return report, found
    _free_half_erased(sectors, reader, report, found)
    ends = _read_log(sectors, reader, report, found)
    found.snapshot = choose(sectors, reader, ends)
    _judge(sectors, reader, report, found)
    return report, found


def _read_headers(sectors, reader, report, found):
    """Find head and epoch; tell a journal from a blank partition and from what is not ours."""
    buf, view = reader.buf, reader.view
    blank = newer = other_size = headed = head_id = 0
    unopened = []
    for sector in range(sectors.count - 1, -1, -1):
        header = f.unpack_header(buf) if sectors.read(sector, view[: f.FIRST]) else None
        if header is None:
            blank += _without_header(sectors, reader, sector, report, found)
            continue
        version, count, epoch, sector_id, seed = header
        headed += 1
        newer += version > f.VERSION
        other_size += count != sectors.count
        sectors.ids[sector] = sector_id
        if f.unpack_opening(buf, seed) is None:
            unopened.append(sector)
            found.epoch = found.epoch or epoch
        elif sector_id > head_id:
            head_id = sector_id
            found.head = sector
            found.epoch = epoch
    if newer:
        report.refuse(NEWER, "written by a newer version")
    elif not headed and (report.skipped_sectors or not blank):
        report.refuse(FOREIGN, "the partition holds something else")
    elif found.head < 0 and (report.skipped_sectors or not blank):
        report.refuse(DAMAGED, "nothing of the log can be read")
    elif found.head < 0:
        report.state = FRESH
    elif other_size:
        report.refuse(WRONG_SIZE, "made for a partition of another size")
    elif sectors.usable() < SECTORS_MIN:
        report.refuse(DAMAGED, "too few sectors left")
    for sector in unopened:
        _settle_unopened(sectors, reader, sector, head_id, report, found)


def _without_header(sectors, reader, sector, report, found):
    """1 when ``sector`` is blank, else 0; retires it when something unknown lies there."""
    view = reader.view
    readable = sectors.read(sector, view)
    if readable and f.is_blank(view, 0, f.SECTOR_BYTES):
        found.first_blank = sector
        return 1
    # A header cut off by power has nothing behind it; such a sector may be erased at its turn.
    if not readable or reader.buf[0] != f.MAGIC or not f.is_blank(view, f.HEADER_BYTES, f.SECTOR_BYTES):
        sectors.retire(sector)
        report.skipped_sectors += 1
    return 0


def _settle_unopened(sectors, reader, sector, head_id, report, found):
    """A header without a valid opening: made ready, or cut off while it was opened, or rotten."""
    view = reader.view
    sector_id = sectors.ids[sector]
    sectors.ids[sector] = 0
    if not sectors.read(sector, view) or not f.is_blank(view, f.FIRST, f.SECTOR_BYTES):
        sectors.retire(sector)
        report.skipped_sectors += 1
    elif f.is_blank(view, f.HEADER_BYTES, f.FIRST) and found.head >= 0 and sector_id > head_id:
        sectors.ids[sector] = sector_id
        found.ready = sector


def _free_half_erased(sectors, reader, report, found):
    """The head names the sector that was to be erased; unless it is ready, power went meanwhile."""
    target = -1
    reader.start(found.head, f.FIRST)
    while reader.next():
        if reader.kind == f.ERASING:
            target = struct.unpack_from("<H", reader.buf, reader.at + f.HEAD)[0]
    if 0 <= target < sectors.count and target not in (found.ready, found.head):
        if sectors.out_of_use[target]:
            sectors.out_of_use[target] = 0
            report.skipped_sectors -= 1
        sectors.ids[target] = 0
        report.worsen(REPAIRED)


def _read_log(sectors, reader, report, found):
    """Read every sector of the log, oldest first; returns where snapshots end, oldest first."""
    ends = []
    previous_id = missing = damaged = 0
    for step in range(1, sectors.count + 1):
        sector = (found.head + step) % sectors.count
        sector_id = sectors.ids[sector]
        if not sector_id or sector == found.ready:
            continue
        if sector_id <= previous_id or not reader.load(sector) or reader.epoch != found.epoch:
            sectors.retire(sector)
            damaged += 1
            continue
        if not previous_id:
            found.first_id = sector_id
            found.next_seq = found.first_seq = reader.base_seq
        elif sector_id != previous_id + 1:
            missing += sector_id - previous_id - 1
            found.damaged_id = sector_id - 1
        if not _read_sector(sectors, reader, sector == found.head, report, found, ends):
            damaged += 1
            found.damaged_id = sector_id
        previous_id = sector_id
    after_head = sectors.ids[found.ready] - previous_id - 1 if found.ready >= 0 else int(found.sealed)
    if after_head:
        # The head itself is gone. Its seqs may be known to the host: they are not given again.
        missing += after_head
        found.damaged_id = previous_id + after_head
        found.note_gap(found.next_seq + after_head * f.EVENTS_IN_SECTOR_MAX)
    report.skipped_sectors = max(report.skipped_sectors, missing) + damaged
    return ends


def _read_sector(sectors, reader, is_head, report, found, ends):
    """Take in the sector that ``reader`` has loaded; False when part of it cannot be read."""
    buf, view = reader.buf, reader.view
    found.note_gap(reader.base_seq)
    found.acknowledged = max(found.acknowledged, reader.acknowledged)
    found.time_floor = max(found.time_floor, reader.base_time)
    seal = None
    size = f.check_record(buf, view, f.SEAL_AT, f.SECTOR_BYTES, reader.seed)
    if size and buf[f.SEAL_AT + 4] == f.SEAL:
        seal = struct.unpack_from(f.SEAL_FORMAT, buf, f.SEAL_AT + f.HEAD)
    whole = True
    if seal is None or crc32(view[: f.SEAL_AT]) != seal[6]:
        whole = _walk(reader, is_head and seal is None, report, found, ends) and seal is None
        if seal is None and not is_head:
            report.worsen(REPAIRED)
    elif seal[2]:
        ends.append((reader.sector, seal[2]))
        report.recovered_records += seal[1]
    else:
        report.recovered_records += seal[1]
    if seal is not None:
        if is_head:
            found.sealed = True
            found.at = f.SEAL_AT
        found.note_gap(reader.base_seq + seal[0])
        found.time_floor = max(found.time_floor, seal[3])
        found.acknowledged = max(found.acknowledged, seal[4])
        found.dropped = max(found.dropped, seal[5])
    sectors.last_seq[reader.sector] = found.next_seq - 1
    return whole


def _walk(reader, open_end, report, found, ends):
    """Take in the loaded sector record by record; False when something in it cannot be read.

    ``open_end``: this is the head, so what lies behind the last record was torn by a power cut.
    """
    whole = True
    records = snapshot_end = 0
    end = f.FIRST
    reader.rewind()
    while reader.next():
        kind, at = reader.kind, reader.at
        if at != end:
            # Torn by a power cut, and said so by the start after it; otherwise rotten.
            whole = whole and kind == f.RESUMED and reader.u16() == end
        end = at + f.padded(reader.length)
        records += 1
        found.time_floor = max(found.time_floor, reader.time_s)
        if kind == ACKNOWLEDGED and reader.place == f.INTERNAL:
            found.acknowledged = max(found.acknowledged, reader.u32_big(0))
        elif kind == f.SNAPSHOT_END:
            ends.append((reader.sector, at))
            snapshot_end = at
        elif reader.seq:
            found.note_gap(reader.seq)
            found.next_seq = reader.seq + 1
            if kind == LOST and reader.u32_big(0) <= max(found.acknowledged, found.dropped) + 1:
                found.dropped = max(found.dropped, reader.u32_big(4))
    report.recovered_records += records
    blank = f.blank_from(reader.view, end, f.SEAL_AT)
    if open_end:
        found.head_records, found.head_snapshot_end = records, snapshot_end
        found.at = blank
        if blank != end:
            found.torn_at = end
            report.worsen(REPAIRED)
    elif blank != end:
        whole = False
    return whole


def _judge(sectors, reader, report, found):
    """Say what the damage means: which events are lost, whether the state is proven."""
    if report.skipped_sectors:
        report.worsen(DAMAGED)
    if found.snapshot:
        report.proven = found.damaged_id < sectors.ids[found.snapshot[0]]
    else:
        report.proven = not found.damaged_id and found.first_id == 1
    if not report.proven:
        report.worsen(DAMAGED)
    released = max(found.acknowledged, found.dropped)
    found.next_seq = max(found.next_seq, released + 1)
    oldest = found.first_seq
    if oldest > released + 1:
        found.gaps.insert(0, (released + 1, oldest - 1))
    found.gaps = [(max(a, released + 1), b) for a, b in found.gaps if b > released]
    if found.gaps:
        _forget_recorded(sectors, reader, found)
    for first, last in found.gaps:
        report.lost_events += last - first + 1


def _forget_recorded(sectors, reader, found):
    """Take from ``found.gaps`` those that a LOST record of the log already tells of."""
    sector = reader.oldest(found.head)
    reader.start(sector, f.FIRST)
    while found.gaps and reader.next_in_log(found.head):
        if reader.kind == LOST and reader.seq:
            first, last = reader.u32_big(0), reader.u32_big(4)
            found.gaps = [gap for gap in found.gaps if gap[0] < first or gap[1] > last]
