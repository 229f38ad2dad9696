"""What lies on the flash, byte for byte: sector header, opening, records, seal.

Everything is little-endian and written in units of 16 bytes (what flash encryption programs at once).

Sector (4096 bytes)::

       0  header   16  "J", version u8, sectors u16, epoch u32, sector id u32, CRC u32
      16  opening  16  CRC u32, next seq u32, time u32, acknowledged u32
      32  records      one after the other, each padded with 0xFF to 16 bytes
    4064  seal     32  a record of kind SEAL, always in this place

The header is written as soon as the sector is erased, so a sector that carries one is known to have been
erased to the end.  Ids rise by one from sector to sector.  The opening is written when the sector becomes the
head of the log, and only then is the sector before it sealed: so if a sealed sector has no opened successor,
the successor has been destroyed.  The header keeps its layout in every version, so that an older firmware can
tell a newer journal from noise.

Record (10 bytes and the payload)::

       0  CRC u32      over all that follows, seeded with the header's CRC: a record left over
                       from before the sector was erased does not match
       4  kind u8      core/records.py; from 224 on the journal's own, below
       5  length u8    of the payload, 0 to 246; 255 reads as erased
       6  place u8     an event: its seq less the opening's; 254 internal; 255 snapshot member
       7  time u24     seconds since the opening's time
      10  payload

Seq and time are relative because most records then need 16 or 32 bytes rather than 32 or 48: that
is a third of the room and of the wear.

The partition must not carry the ``encrypted`` flag: there erased units do not read as 0xFF, and
the journal looks for that.  (It would report such a partition as foreign and leave it alone.)  The
secrets that matter, the device key and what it derives, are not in the journal; a listed code is
there as a tag that is worthless without the key.
"""

import struct
from binascii import crc32

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Header, Opening, Payload


SECTOR_BYTES = const(4096)
UNIT = const(16)
VERSION = const(1)

HEADER_BYTES = const(16)
FIRST = const(32)  # where the first record lies
SEAL_AT = const(4064)
END = const(4000)  # records of callers end here; the room up to SEAL_AT is for the journal's own marks

HEAD = const(10)  # bytes before a record's payload
HEAD_FORMAT = "<IBBBHB"  # CRC, kind, length, place, time's low 16 bits and high 8
PAYLOAD_MAX = const(246)
RECORD_MAX = const(256)
EVENTS_IN_SECTOR_MAX = const(252)

INTERNAL = const(254)
MEMBER = const(255)
TIME_DELTA_MAX = const(0xFFFFFF)

# The journal's own kinds.
OWN_KINDS = const(224)
SNAPSHOT_BEGIN = const(225)
SNAPSHOT_END = const(226)  # id u32 and offset u16 of the begin, count u16 of members
ERASING = const(227)  # sector u16: after this record it may be half-erased
RESUMED = const(228)  # offset u16: from there to here lies data torn by a power cut
SEAL = const(229)

BLANK = b"\xff" * 256
_BLANK_VIEW = memoryview(BLANK)
MAGIC = const(0x4A)
HEADER_CRC_SEED = const(0x436F6E73)  # "Cons": distinguishes this checksum from any other CRC of 12 bytes

SNAPSHOT_END_FORMAT = "<IHH"
SEAL_FORMAT = "<BBHIIII"  # events, records, offset of a snapshot's end, time, acknowledged, dropped, CRC


def padded(length: int) -> int:
    """Bytes on flash of a record with a payload of ``length`` bytes."""
    return (HEAD + length + UNIT - 1) & -UNIT


def pack_header(buf: bytearray, sectors: int, epoch: int, sector_id: int) -> None:
    """Write a sector header into ``buf[0:16]``."""
    struct.pack_into("<BBHII", buf, 0, MAGIC, VERSION, sectors, epoch, sector_id)
    struct.pack_into("<I", buf, 12, crc32(memoryview(buf)[:12], HEADER_CRC_SEED))


def unpack_header(buf: bytearray) -> "Header | None":
    """``(version, sectors, epoch, sector_id, seed)``, or ``None`` where no header lies."""
    if buf[0] != MAGIC:
        return None
    _magic, version, sectors, epoch, sector_id, crc = struct.unpack_from("<BBHIII", buf, 0)
    if crc32(memoryview(buf)[:12], HEADER_CRC_SEED) != crc or not sector_id:
        return None
    return version, sectors, epoch, sector_id, crc


def pack_opening(buf: bytearray, next_seq: int, time_s: int, acknowledged: int, seed: int) -> None:
    """Write an opening into ``buf[0:16]``."""
    struct.pack_into("<III", buf, 4, next_seq, time_s, acknowledged)
    struct.pack_into("<I", buf, 0, crc32(memoryview(buf)[4:16], seed))


def unpack_opening(buf: bytearray, seed: int) -> "Opening | None":
    """``(next_seq, time_s, acknowledged)`` from ``buf[16:32]``, or ``None``."""
    crc, next_seq, time_s, acknowledged = struct.unpack_from("<IIII", buf, HEADER_BYTES)
    if crc32(memoryview(buf)[20:32], seed) != crc:
        return None
    return next_seq, time_s, acknowledged


def pack_record(
    buf: bytearray, view: memoryview, kind: int, payload: "Payload", place: int, delta_s: int, seed: int
) -> int:
    """Write a record into ``buf`` (``view`` is its memoryview); returns its padded length."""
    end = HEAD + len(payload)
    size = (end + 15) & -16
    struct.pack_into("<BBBHB", buf, 4, kind, end - HEAD, place, delta_s & 0xFFFF, delta_s >> 16)
    view[HEAD:end] = payload
    if end != size:
        view[end:size] = _BLANK_VIEW[: size - end]
    struct.pack_into("<I", buf, 0, crc32(view[4:end], seed))
    return size


def check_record(buf: bytearray, view: memoryview, at: int, end: int, seed: int) -> int:
    """Padded length of the valid record at ``buf[at]`` that ends by ``end``, or 0."""
    length = buf[at + 5]
    size = padded(length)
    if at + size > end or length > PAYLOAD_MAX:
        return 0
    crc = struct.unpack_from("<I", buf, at)[0]
    return size if crc32(view[at + 4 : at + HEAD + length], seed) == crc else 0


def is_blank(view: memoryview, start: int, end: int) -> bool:
    """True when ``view[start:end]`` is all 0xFF."""
    blank = _BLANK_VIEW
    while start < end:
        step = min(256, end - start)
        if view[start : start + step] != blank[:step]:
            return False
        start += step
    return True


def nearly_blank(view: memoryview, start: int, end: int) -> bool:
    """True when at most one byte of ``view[start:end]``, both multiples of 16, is not 0xFF."""
    last = blank_from(view, start, end)
    if last == start:
        return True
    unit = last - UNIT
    return is_blank(view, start, unit) and sum(byte != 0xFF for byte in view[unit:last]) == 1


def blank_from(view: memoryview, start: int, end: int) -> int:
    """The first offset in ``start..end``, a multiple of 16, from which all is 0xFF up to ``end``."""
    blank = _BLANK_VIEW[:UNIT]
    while end > start and view[end - UNIT : end] == blank:
        end -= UNIT
    return end
