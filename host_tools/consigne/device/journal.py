"""``consigne device journal``: a locker's journal, decoded, from a board or from a file with its flash.

The decoding is the firmware's own (``locker/journal`` and ``core/records.py``), run here over a
copy that nothing can write to.
"""

import base64
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from locker.core.codes import journal_tag
from locker.journal.layout import FIRST, OWN_KINDS
from locker.journal.reader import Reader
from locker.journal.recovery import recover
from locker.journal.sectors import Sectors

from consigne.firmware import layout
from consigne.protocol.events import EventData

from . import errors
from .board import Board
from .scripts import script

if TYPE_CHECKING:
    from locker.ports import Flash

SECTOR = layout.SECTOR_BYTES


class _ReadOnly:
    """A partition's bytes as a read-only block device for the firmware's journal."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def readblocks(self, block: int, buf: bytearray | memoryview, offset: int = 0) -> None:
        at = block * SECTOR + offset
        buf[:] = self._data[at : at + len(buf)]

    def ioctl(self, op: int, _: int) -> int:
        return {4: len(self._data) // SECTOR, 5: SECTOR}[op]


@dataclass(frozen=True, slots=True)
class Entry:
    """One record.  ``seq`` is 0 unless it is an event; ``data`` has no secret in it."""

    time_s: int
    seq: int
    kind: int
    data: EventData


@dataclass(frozen=True, slots=True)
class Dump:
    """A journal as it lies there: ``state`` in a few words, the records oldest first."""

    state: str
    proven: bool
    acknowledged: int
    next_seq: int
    entries: list[Entry]


def decode(partition: bytes, device_key: bytes | None = None) -> Dump:
    """Every record that can be read; damage is reported in ``state``, never raised.

    ``device_key``: of the board that it lies on, to tell whether the journal is another locker's.
    """
    whole = partition[: len(partition) // SECTOR * SECTOR]
    sectors = Sectors(cast("Flash", _ReadOnly(whole)))  # recovery writes nothing
    reader = Reader(sectors)
    report, found = recover(sectors, reader)
    entries = list(_entries(reader, found.head)) if found.head >= 0 else []
    state = report.text
    if device_key and found.bound and found.bound[:8] != journal_tag(device_key, found.epoch):
        state = f"foreign, of another locker, which is left alone ({state})"
    return Dump(state, report.proven, found.acknowledged, found.next_seq, entries)


def _entries(reader: Any, head: int) -> Iterator[Entry]:
    reader.start(reader.oldest(head), FIRST)
    while reader.next_in_log(head):
        if reader.kind >= OWN_KINDS:
            continue
        yield Entry(reader.time_s, reader.seq, reader.kind, _described(reader.kind, bytes(reader.payload())))


def _described(kind: int, payload: bytes) -> EventData:
    """As ``records.describe``; a record of newer firmware is shown by its number and length."""
    try:
        return EventData.of_record(kind, payload)
    except (KeyError, ValueError, struct.error):
        return EventData(kind=f"unknown {kind}", bytes=len(payload))


def read_partition(board: Board, progress: Callable[[int, int], None]) -> bytes:
    """Read the journal partition of a board that does not serve; blank sectors are sent in a few bytes."""
    found = board.call("partition", "size('journal')")[0]
    if found is None:
        raise errors.DeviceError(
            f"{board.port}: this board has no journal partition; flash it with `consigne device flash`"
        )
    count = found // SECTOR
    board.run(script("partition"))
    out = bytearray()
    for number in range(count):
        out += _sector(board, number)
        progress(number + 1, count)
    return bytes(out)


def _sector(board: Board, number: int) -> bytes:
    told = board.run(f"sector('journal', {number})").strip()
    if told == "blank":
        return b"\xff" * SECTOR
    try:
        data = base64.b64decode(told, validate=True)
    except ValueError:
        data = b""
    if len(data) != SECTOR:
        raise errors.DeviceError(
            f"{board.port}: sector {number} came garbled; check the cable, then try again"
        )
    return data
