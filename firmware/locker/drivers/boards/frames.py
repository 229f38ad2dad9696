"""Shared by several codecs of lock boards: checksums, bits, and a base that keeps settings."""


def xor(data, start: int, end: int) -> int:
    """All bytes of ``data[start:end]`` combined by exclusive or."""
    out = 0
    for i in range(start, end):
        out ^= data[i]
    return out


def total(data, start: int, end: int) -> int:
    """The low byte of the sum of ``data[start:end]``."""
    out = 0
    for i in range(start, end):
        out += data[i]
    return out & 0xFF


def set_bit(bits, channel: int, level: int) -> None:
    """One channel in a bit map; channels beyond the map are not wired, and ignored."""
    if channel >> 3 < len(bits):
        mask = 1 << (channel & 7)
        if level:
            bits[channel >> 3] |= mask
        else:
            bits[channel >> 3] &= ~mask & 0xFF


class Codec:
    """Base of the codecs: one request fetches everything, and the board times its pulses itself."""

    GAP_MS = 1
    polls = 1

    def __init__(self, address: int, locks: int, inputs: int, coil_ms: int, is_reversed: bool):
        self._address = address
        self._locks = locks
        self._inputs = inputs
        self._coil_ms = coil_ms
        self._reversed = is_reversed

    def _put_bytes(self, data, start: int, count: int, bits) -> None:
        """Copy a bit map of ``count`` bytes, the first locks in the first byte or in the last."""
        for i in range(min(count, len(bits))):
            bits[i] = data[start + (count - 1 - i if self._reversed else i)]

    def _check_channel(self, channel: int) -> None:
        if not 0 <= channel < self._locks:
            raise ValueError("no lock {} on board {}".format(channel, self._address))

    def missed(self) -> None:
        """Nothing to forget: nothing was learned."""

    def hint(self, _data, _count: int) -> bool:
        """Never: the board sends nothing unasked."""
        return False

    def all_off(self, _out) -> int:
        """No such command: the board's own timer ends its pulses."""
        return 0

    def coil_ms(self, _pulse_ms: int) -> int:
        return self._coil_ms
