"""What has to go over the wire so that a slot holds a new application: sector by sector.

Each sector is put together on the board from pieces: copied out of the slot that runs, or sent.  A
sector that is right already (an update that broke off wrote it) costs nothing.  Sector 0 is the seal.
"""

import re
from binascii import crc32
from collections.abc import Iterator
from dataclasses import dataclass

from consigne.firmware import layout, slots

COPY_BYTES_MIN = 24
"""Each piece costs 6 bytes on the wire, so a shorter run is sent with its neighbours instead of copied."""

ERASED = 0xFFFF_FFFE
_RUN_OF_ERASED = re.compile(rb"\xff{%d,}" % COPY_BYTES_MIN)


@dataclass(frozen=True, slots=True)
class Piece:
    """``source``: offset in the old slot's image; None if ``data`` is sent; ``ERASED`` for bytes 0xFF."""

    source: int | None
    length: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class SectorPlan:
    """One sector of the slot, numbered from its start; the rest of it, after the pieces, stays erased."""

    sector: int
    pieces: tuple[Piece, ...]

    @property
    def sent_bytes(self) -> int:
        """Bytes of content that cross the wire."""
        return sum(len(piece.data) for piece in self.pieces)


def sectors_of(image: bytes) -> list[bytes]:
    """An image cut into sectors, the last one padded with 0xFF like erased flash."""
    size = layout.SECTOR_BYTES
    return [image[at : at + size].ljust(size, b"\xff") for at in range(0, len(image), size)]


def plan(image: bytes, old: slots.Seal | None, lies_there: list[int]) -> list[SectorPlan]:
    """The sectors to write.

    Parameters
    ----------
    old
        Seal of the slot that is copied from, None when there is none.
    lies_there
        CRC32 of each sector behind the seal of the slot to be written, as it is now.
    """
    known = {content.digest: content for content in old.files} if old else {}
    pieces = list(_pieces(image, known))
    out = []
    for number, sector in enumerate(sectors_of(image)):
        if number < len(lies_there) and lies_there[number] == crc32(sector):
            continue
        begin = number * layout.SECTOR_BYTES
        cut = _cut(pieces, begin, min(begin + layout.SECTOR_BYTES, len(image)))
        out.append(SectorPlan(number + 1, tuple(_joined(cut))))
    return out


def _pieces(image: bytes, known: dict[bytes, slots.Content]) -> Iterator[tuple[int, Piece]]:
    """The whole image as ``(offset, piece)``, no piece of which is empty."""
    at = 0
    for content in slots.seal(image, 0).files:
        old = known.get(content.digest)
        if old is None or old.length != content.length or content.length < COPY_BYTES_MIN:
            continue
        yield from _new(image, at, content.offset)
        yield content.offset, Piece(old.offset, content.length)
        at = content.offset + content.length
    yield from _new(image, at, len(image))


def _new(image: bytes, at: int, end: int) -> Iterator[tuple[int, Piece]]:
    """The parts of ``at..end`` that must be sent: all but the erased room between files."""
    for run in _RUN_OF_ERASED.finditer(image, at, end):
        if run.start() > at:
            yield at, Piece(None, run.start() - at, image[at : run.start()])
        yield run.start(), Piece(ERASED, run.end() - run.start())
        at = run.end()
    if end > at:
        yield at, Piece(None, end - at, image[at:end])


def _cut(pieces: list[tuple[int, Piece]], begin: int, end: int) -> Iterator[Piece]:
    """The pieces cut to ``begin..end``."""
    for at, piece in pieces:
        first, last = max(at, begin), min(at + piece.length, end)
        if first >= last:
            continue
        skipped, length = first - at, last - first
        if piece.source is None:
            yield Piece(None, length, piece.data[skipped : skipped + length])
        else:
            yield Piece(ERASED if piece.source == ERASED else piece.source + skipped, length)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Join adjacent pieces that are sent into one."""
    pending = b""
    for piece in pieces:
        if piece.source is None:
            pending += piece.data
            continue
        if pending:
            yield Piece(None, len(pending), pending)
            pending = b""
        yield piece
    if pending:
        yield Piece(None, len(pending), pending)
