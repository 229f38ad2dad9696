"""First look at a partition: is this a journal, which sector is its head, what is half-erased.

Reads the header and the opening of every sector, and the whole of those without.
"""

import struct

from micropython import const

from . import layout
from .repair import repair_header, repair_opening
from .report import DAMAGED, FOREIGN, FRESH, NEWER, REPAIRED, WRONG_SIZE
from .sectors import SECTORS_MIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Header, Opening
    from .reader import Reader
    from .report import Found, Recovery
    from .sectors import Sectors


_BLANK = const(0)
_SCRAP = const(1)  # almost blank: to be erased when its turn comes
_UNKNOWN = const(2)
_UNREADABLE = const(3)


def read_headers(sectors: "Sectors", reader: "Reader", report: "Recovery", found: "Found") -> None:
    """Find head and epoch; distinguish a journal from a blank partition and from foreign data."""
    blank = newer = other_size = headed = head_id = 0
    unopened: list[int] = []
    for sector in range(sectors.count - 1, -1, -1):
        header, is_blank = _read_header(sectors, reader, sector, report, found)
        blank += is_blank
        if header is None:
            continue
        version, count, epoch, sector_id, seed = header
        headed += 1
        newer += version > layout.VERSION
        other_size += count != sectors.count
        sectors.ids[sector] = sector_id
        if layout.unpack_opening(reader.buf, seed) is None and _rotten_opening(reader, seed) is None:
            unopened.append(sector)
            found.epoch = found.epoch or epoch
        elif sector_id > head_id:
            head_id = sector_id
            found.head = sector
            found.epoch = epoch
    if newer:
        report.refuse(NEWER, "written by a newer version")
    elif found.head < 0:
        _judge_headless(headed, blank + len(unopened), report)
    elif other_size:
        report.refuse(WRONG_SIZE, "made for a partition of another size")
    elif sectors.usable() < SECTORS_MIN:
        report.refuse(DAMAGED, "too few sectors left")
    for sector in unopened:
        _settle_unopened(sectors, reader, sector, head_id, report, found)


def _judge_headless(headed: int, free: int, report: "Recovery") -> None:
    """No sector of a log can be read: decide whether nothing was ever written, or all is lost."""
    if free and not report.skipped_sectors:
        report.state = FRESH
    elif headed:
        report.refuse(DAMAGED, "nothing of the log can be read")
    else:
        report.refuse(FOREIGN, "the partition holds something else")


def _read_header(
    sectors: "Sectors", reader: "Reader", sector: int, report: "Recovery", found: "Found"
) -> "tuple[Header | None, int]":
    """``(header or None, 1 when the sector is blank)``; retires it when something unknown lies there."""
    header = layout.unpack_header(reader.buf) if sectors.read(sector, reader.view[: layout.FIRST]) else None
    if header is not None:
        return header, 0
    rest = _without_header(sectors, reader, sector, found)
    if rest == _UNKNOWN:
        header = repair_header(reader.buf)
    if header is None and rest >= _UNKNOWN:
        sectors.retire(sector)
        report.skipped_sectors += 1
    return header, int(rest == _BLANK)


def _without_header(sectors: "Sectors", reader: "Reader", sector: int, found: "Found") -> int:
    """The content of a sector without a valid header: one of the constants above."""
    view = reader.view
    if not sectors.read(sector, view):
        return _UNREADABLE
    if layout.is_blank(view, 0, layout.SECTOR_BYTES):
        found.first_blank = sector
        return _BLANK
    # A header interrupted by a power cut has blank flash behind it; in the byte at the cut more bits may be
    # set than intended. Elsewhere a single non-blank byte is a corrupt cell.
    started = reader.buf[0] & layout.MAGIC == layout.MAGIC
    started = started or layout.nearly_blank(view, 0, layout.HEADER_BYTES)
    if started and layout.nearly_blank(view, layout.HEADER_BYTES, layout.SECTOR_BYTES):
        return _SCRAP
    return _UNKNOWN


def _rotten_opening(reader: "Reader", seed: int) -> "Opening | None":
    """An opening with one corrupt bit, repaired; ``None`` if it was never written."""
    if layout.is_blank(reader.view, layout.HEADER_BYTES, layout.FIRST):
        return None
    return repair_opening(reader.buf, seed)


def _settle_unopened(
    sectors: "Sectors", reader: "Reader", sector: int, head_id: int, report: "Recovery", found: "Found"
) -> None:
    """Judge a header without a valid opening: made ready, cut off while being opened, or corrupt."""
    view = reader.view
    sector_id = sectors.ids[sector]
    sectors.ids[sector] = 0
    readable = sectors.read(sector, view)
    if readable and sector_id > head_id and layout.is_blank(view, layout.HEADER_BYTES, layout.SECTOR_BYTES):
        sectors.ids[sector] = sector_id
        found.ready = sector
    elif not readable or not (
        layout.nearly_blank(view, layout.HEADER_BYTES, layout.FIRST)
        or layout.nearly_blank(view, layout.FIRST, layout.SECTOR_BYTES)
    ):
        sectors.retire(sector)
        report.skipped_sectors += 1


def free_half_erased(sectors: "Sectors", reader: "Reader", report: "Recovery", found: "Found") -> None:
    """Free the sector that the head names as to be erased; unless it is ready, power failed then."""
    target = -1
    reader.start(found.head, layout.FIRST)
    while reader.next():
        if reader.kind == layout.ERASING:
            target = struct.unpack_from("<H", reader.buf, reader.at + layout.HEAD)[0]
    if 0 <= target < sectors.count and target not in (found.ready, found.head):
        if sectors.out_of_use[target]:
            sectors.out_of_use[target] = 0
            report.skipped_sectors -= 1
        sectors.ids[target] = 0
        report.worsen(REPAIRED)
