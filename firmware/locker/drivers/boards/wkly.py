"""WKLY boards (9600 8N1): ``57 4B 4C 59 length board command data.. XOR``, length of the whole frame.

The state of all locks (command 84) comes as one byte for each, 1 closed, behind their number; some
firmware puts a result byte before that.  Both are taken: the length tells them apart.  All this is
from one source only, and the form of that reply is a guess of ours from its other replies.
"""

from micropython import const

from .frames import Codec, set_bit, xor

_START = b"WKLY"
_OPEN = const(0x82)
_STATUS_ALL = const(0x84)
_HEAD_BYTES = const(7)
_FRAME_MIN = const(10)  # a result, a number, one lock


class Wkly(Codec):
    """One board; bit 1 is closed."""

    def __init__(self, *settings):
        super().__init__(*settings)
        self._bytes = 0  # in a reply, once known: as many as the board has locks

    def request(self, _n: int, out) -> int:
        return self._frame(out, _STATUS_ALL, 8)

    def reply_bytes(self, _n: int) -> int:
        return self._bytes

    def reply(self, _n: int, data, count: int, bits) -> int:
        for i in range(count - _FRAME_MIN + 1):
            if not self._starts(data, i):
                continue
            end = i + data[i + 4]
            if data[i + 4] < _FRAME_MIN or end > count or xor(data, i, end - 1) != data[end - 1]:
                continue
            first = self._first_state(data, i + _HEAD_BYTES, end - 1)
            if first:
                self._put(data, first, end - 1 - first, bits)
                self._bytes = end - i
                return end
        return 0

    def missed(self) -> None:
        """Forget the length: the board may have been replaced by another kind."""
        self._bytes = 0

    def _starts(self, data, i: int) -> bool:
        for k in range(len(_START)):
            if data[i + k] != _START[k]:
                return False
        return data[i + 5] == self._address and data[i + 6] == _STATUS_ALL

    def _first_state(self, data, start: int, end: int) -> int:
        """Where the states begin; 0 when the number of locks fits neither form."""
        if data[start] == end - start - 1:
            return start + 1
        if data[start] == 0 and data[start + 1] == end - start - 2:
            return start + 2
        return 0

    def _put(self, data, start: int, locks: int, bits) -> None:
        for channel in range(locks):
            at = locks - 1 - channel if self._reversed else channel
            set_bit(bits, channel, data[start + at] & 1)

    def open(self, channel: int, _pulse_ms: int, out) -> int:
        self._check_channel(channel)
        out[_HEAD_BYTES] = channel + 1
        return self._frame(out, _OPEN, 9)

    def _frame(self, out, command: int, length: int) -> int:
        for k in range(len(_START)):
            out[k] = _START[k]
        out[4] = length
        out[5] = self._address
        out[6] = command
        out[length - 1] = xor(out, 0, length - 1)
        return length
