"""Snapshots: which one counts, and when the next is due.

A snapshot is a run of member records between a begin and an end.  The end says where its run began and how
many members it has; it counts only when all of them can be read, so a snapshot that a power cut interrupted,
or with corrupt members, is skipped and an older one taken.
"""

import struct

from .layout import HEAD, MEMBER, OWN_KINDS, SNAPSHOT_END_FORMAT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Span
    from .reader import Reader
    from .sectors import Sectors


_TRIED_MAX = 8


def choose(sectors: "Sectors", reader: "Reader", ends: list[tuple[int, int]]) -> "Span | None":
    """The newest complete snapshot of ``ends``, a list of (sector, offset) with the oldest first.

    Returns ``(begin sector, begin offset, end sector, end offset)`` or ``None``.
    """
    for sector, at in reversed(ends[-_TRIED_MAX:]):
        begin = _complete(sectors, reader, sector, at)
        if begin:
            return begin[0], begin[1], sector, at
    return None


def _complete(sectors: "Sectors", reader: "Reader", end_sector: int, end_at: int) -> tuple[int, int] | None:
    """``(begin sector, begin offset)`` when every member of the snapshot can be read."""
    reader.start(end_sector, end_at)
    if not reader.next() or reader.at != end_at:
        return None
    begin_id, begin_at, count = struct.unpack_from(SNAPSHOT_END_FORMAT, reader.buf, end_at + HEAD)
    for begin_sector in range(sectors.count):
        if sectors.ids[begin_sector] == begin_id:
            break
    else:
        return None
    reader.start(begin_sector, begin_at)
    members = 0
    while reader.next_in_log(end_sector):
        if reader.sector == end_sector and reader.at == end_at:
            return (begin_sector, begin_at) if members == count else None
        members += reader.place == MEMBER and reader.kind < OWN_KINDS
    return None


def due_after(usable: int, size: int) -> int:
    """How many sectors the log may grow past a snapshot of ``size`` sectors before the next one.

    A twelfth of the ring bounds what a start has to replay; twelve times the snapshot bounds what
    snapshots add to the bytes programmed; half the ring always leaves room to write the next.
    """
    return min(max(usable // 12, 12 * size, 1), usable // 2)


def reserve(usable: int) -> int:
    """Number of sectors reserved for a snapshot, so that one can always be written."""
    return usable // 4
