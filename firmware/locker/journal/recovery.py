"""Reading a partition at start: what is there, where the log ends, what cannot be proven.

``recover`` never raises, whatever it finds, and never writes.  It reads every header, then every
sector of the log once: a sealed sector is checked with one CRC, any other is walked record by
record.
"""

import struct
from binascii import crc32

from ..core.records import ACKNOWLEDGED, BOUND, LOST
from . import layout
from .report import DAMAGED, FOREIGN, NEWER, REPAIRED, WRONG_SIZE, Found, Recovery
from .snapshots import choose
from .survey import free_half_erased, read_headers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .reader import Reader
    from .sectors import Sectors


def recover(
    sectors: "Sectors", reader: "Reader", tag_of: "Callable[[int], bytes] | None" = None
) -> tuple[Recovery, Found]:
    """Read the partition through ``sectors`` (its tables are filled) with ``reader``'s buffer.

    ``tag_of(epoch)`` is what this locker's own journal says in ``BOUND``: one that says something else is
    foreign, and nothing of it is found.  Returns ``(Recovery, Found)``.
    """
    report = Recovery()
    found = Found()
    if not sectors.fits:
        report.refuse(WRONG_SIZE, "{} sectors cannot hold a journal".format(sectors.count))
        return report, found
    read_headers(sectors, reader, report, found)
    if report.state == NEWER:
        found.head = -1  # the records that this version can read would be out of date
    if found.head < 0:
        return report, found
    free_half_erased(sectors, reader, report, found)
    ends = _read_log(sectors, reader, report, found)
    found.snapshot = choose(sectors, reader, ends)
    _judge(sectors, reader, report, found)
    found.bound = _bound(reader, found)
    if tag_of and found.bound and found.bound[:8] != tag_of(found.epoch):
        report.refuse(FOREIGN, "of another locker")
        found = Found()
    return report, found


def _bound(reader: "Reader", found: Found) -> bytes:
    """The first record of the state is ``BOUND``, but for earlier firmware's."""
    if found.snapshot:
        reader.start(found.snapshot[0], found.snapshot[1])
    else:
        reader.start(reader.oldest(found.head), layout.FIRST)
    while reader.next_in_log(found.head):
        if reader.kind == BOUND:
            return bytes(reader.payload())
    return b""


def _read_log(sectors: "Sectors", reader: "Reader", report: Recovery, found: Found) -> list[tuple[int, int]]:
    """Read every sector of the log, oldest first; returns where snapshots end, oldest first."""
    ends: list[tuple[int, int]] = []
    previous_id = missing = damaged = 0
    for step in range(1, sectors.count + 1):
        sector = (found.head + step) % sectors.count
        sector_id = sectors.ids[sector]
        if not sector_id or sector == found.ready:
            continue
        if sector_id <= previous_id or not reader.load(sector) or reader.epoch != found.epoch:
            sectors.retire(sector)
            report.skipped_sectors += 1
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
            found.head_whole = sector != found.head
        previous_id = sector_id
    head_id = previous_id
    after_head = sectors.ids[found.ready] - head_id - 1 if found.ready >= 0 else int(found.sealed)
    if after_head:
        # The head itself is lost. The host may know its seqs, so they are not used again.
        missing += after_head
        found.damaged_id = head_id + after_head
        found.note_gap(found.next_seq + after_head * layout.EVENTS_IN_SECTOR_MAX)
    found.next_id = sectors.ids[found.ready] + 1 if found.ready >= 0 else head_id + after_head + 1
    report.skipped_sectors = max(report.skipped_sectors, missing) + damaged
    return ends


def _read_sector(
    sectors: "Sectors",
    reader: "Reader",
    is_head: bool,
    report: Recovery,
    found: Found,
    ends: list[tuple[int, int]],
) -> bool:
    """Process the sector that ``reader`` has loaded; False when part of it cannot be read."""
    buf, view = reader.buf, reader.view
    found.note_gap(reader.base_seq)
    found.acknowledged = max(found.acknowledged, reader.acknowledged)
    seal = None
    size = layout.check_record(buf, view, layout.SEAL_AT, layout.SECTOR_BYTES, reader.seed)
    if size and buf[layout.SEAL_AT + 4] == layout.SEAL:
        seal = struct.unpack_from(layout.SEAL_FORMAT, buf, layout.SEAL_AT + layout.HEAD)
    whole = True
    if seal is None or reader.repaired or crc32(view[: layout.SEAL_AT]) != seal[6]:
        records = report.recovered_records
        whole = _walk(reader, is_head and seal is None, report, found, ends)
        if seal is not None:
            whole = report.recovered_records - records == seal[1]
        if not is_head or reader.repaired:
            report.worsen(REPAIRED)
    else:
        found.next_seq = max(found.next_seq, reader.base_seq + seal[0])
        report.recovered_records += seal[1]
        if seal[2]:
            ends.append((reader.sector, seal[2]))
    if seal is not None:
        if is_head:
            found.sealed = True
            found.at = layout.SEAL_AT
        found.note_gap(reader.base_seq + seal[0])
        found.time_floor = seal[3]
        found.acknowledged = max(found.acknowledged, seal[4])
        found.dropped = max(found.dropped, seal[5])
    sectors.last_seq[reader.sector] = found.next_seq - 1
    return whole


def _walk(
    reader: "Reader", open_end: bool, report: Recovery, found: Found, ends: list[tuple[int, int]]
) -> bool:
    """Process the loaded sector record by record; False when something in it cannot be read.

    ``open_end``: this is the head, so data after the last record was torn by a power cut.
    """
    whole = True
    records = snapshot_end = 0
    end = layout.FIRST
    reader.rewind()
    while reader.next():
        kind, at = reader.kind, reader.at
        if at != end:
            # Torn by a power cut, as the next start has marked; otherwise corrupt.
            whole = whole and kind == layout.RESUMED and reader.u16() == end
        end = at + layout.padded(reader.length)
        records += 1
        found.note_time(kind, reader.time_s)
        if kind == ACKNOWLEDGED and reader.place == layout.INTERNAL:
            found.acknowledged = max(found.acknowledged, reader.u32_big(0))
        elif kind == layout.SNAPSHOT_END:
            ends.append((reader.sector, at))
            snapshot_end = at
        elif reader.seq:
            found.note_gap(reader.seq)
            found.next_seq = reader.seq + 1
            if kind == LOST and reader.u32_big(0) <= max(found.acknowledged, found.dropped) + 1:
                found.dropped = max(found.dropped, reader.u32_big(4))
    report.recovered_records += records
    blank = layout.blank_from(reader.view, end, layout.SEAL_AT)
    if open_end:
        found.head_records, found.head_snapshot_end = records, snapshot_end
        found.at = blank
        if blank != end:
            found.torn_at = end
            report.worsen(REPAIRED)
    elif not layout.nearly_blank(reader.view, end, layout.SEAL_AT):
        whole = False
    return whole


def _judge(sectors: "Sectors", reader: "Reader", report: Recovery, found: Found) -> None:
    """Judge the damage: which events are lost, whether the state is proven."""
    if report.skipped_sectors:
        report.worsen(DAMAGED)
    if found.snapshot:
        report.proven = found.damaged_id < sectors.ids[found.snapshot[0]]
    else:
        report.proven = not found.damaged_id and found.first_id == 1
    report.proven = report.proven and not report.read_only
    if not report.proven:
        report.worsen(DAMAGED)
    released = max(found.acknowledged, found.dropped)
    found.next_seq = max(found.next_seq, released + 1)
    oldest = found.first_seq
    if oldest > released + 1:
        found.gaps.insert(0, (released + 1, oldest - 1))
    found.gaps = [(max(a, released + 1), b) for a, b in found.gaps if b > released]
    if found.gaps:
        _forget_recorded(reader, found)
    for first, last in found.gaps:
        report.lost_events += last - first + 1


def _forget_recorded(reader: "Reader", found: Found) -> None:
    """Remove from ``found.gaps`` those that a LOST record already reports."""
    sector = reader.oldest(found.head)
    reader.start(sector, layout.FIRST)
    while found.gaps and reader.next_in_log(found.head):
        if reader.kind == LOST and reader.seq:
            first, last = reader.u32_big(0), reader.u32_big(4)
            found.gaps = [gap for gap in found.gaps if gap[0] < first or gap[1] > last]
