"""Repairs one corrupt bit.

A CRC is linear: a single flipped bit changes it by a pattern that depends only on how far the bit is from the
end.  Finding the bit takes one pass over the bits of the record, and only when a CRC is wrong.  Two flipped
bits are not repaired.
"""

from binascii import crc32

from micropython import const

from . import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Header, Opening


_POLYNOMIAL = const(0xEDB88320)


def _flipped_bit(syndrome: int, length: int) -> int:
    """The bit of ``length`` bytes whose flip changes the CRC by ``syndrome``, or -1."""
    pattern = _POLYNOMIAL
    for bit in range(8 * length - 1, -1, -1):
        if pattern == syndrome:
            return bit
        pattern = (pattern >> 1) ^ _POLYNOMIAL if pattern & 1 else pattern >> 1
    return -1


def repair_fields(buf: bytearray, start: int, end: int, crc: int, seed: int) -> bool:
    """Repair one bit of ``buf[start:end]`` so that its CRC is ``crc``; True when that was possible.

    True as well when the flipped bit is in ``crc`` itself, where it does no harm.
    """
    syndrome = crc ^ crc32(memoryview(buf)[start:end], seed)
    if not syndrome & (syndrome - 1):
        return True
    bit = _flipped_bit(syndrome, end - start)
    if bit < 0:
        return False
    buf[start + bit // 8] ^= 1 << bit % 8
    return True


def repair_header(buf: bytearray) -> "Header | None":
    """``unpack_header`` for a header with one corrupt bit, which is repaired in ``buf``."""
    crc = int.from_bytes(memoryview(buf)[12:16], "little")
    if not repair_fields(buf, 0, 12, crc, layout.HEADER_CRC_SEED):
        return None
    crc = crc32(memoryview(buf)[:12], layout.HEADER_CRC_SEED)  # the flip may have been in the CRC
    buf[12:16] = crc.to_bytes(4, "little")
    return layout.unpack_header(buf)


def repair_opening(buf: bytearray, seed: int) -> "Opening | None":
    """``unpack_opening`` for an opening with one corrupt bit, which is repaired in ``buf``."""
    crc = int.from_bytes(memoryview(buf)[16:20], "little")
    if not repair_fields(buf, 20, 32, crc, seed):
        return None
    buf[16:20] = crc32(memoryview(buf)[20:32], seed).to_bytes(4, "little")
    return layout.unpack_opening(buf, seed)


def repair_record(buf: bytearray, view: memoryview, at: int, end: int, seed: int) -> bool:
    """Repair one bit of the record at ``buf[at]``; False when that does not help."""
    crc = int.from_bytes(view[at : at + 4], "little")
    for flip in (0, 1, 2, 4, 8, 16, 32, 64, 128):  # of the length field, which decides what the CRC covers
        length = buf[at + 5] ^ flip
        if at + layout.padded(length) > end or length > layout.PAYLOAD_MAX:
            continue
        behind = at + layout.HEAD + length
        if not flip and repair_fields(buf, at + 4, behind, crc, seed):
            buf[at : at + 4] = crc32(view[at + 4 : behind], seed).to_bytes(4, "little")
            return True
        buf[at + 5] = length
        if flip and crc32(view[at + 4 : behind], seed) == crc:
            return True
        buf[at + 5] = length ^ flip
    return False
