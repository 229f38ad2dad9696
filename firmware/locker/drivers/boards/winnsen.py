"""Winnsen boards (9600 8N1): ``90 length function station lock [result] 03``, without a checksum.

The state of one lock is asked for at a time, so a board of 24 takes 24 requests.  Noise is detected because
all bytes of a reply but one are known beforehand, that one is 0 or 1, and ``rs485`` takes a change only when
two replies agree.  From one source only.
"""

from micropython import const

from .frames import Codec, set_bit

_HEAD = const(0x90)
_TAIL = const(0x03)
_OPEN = const(0x05)
_STATUS = const(0x12)
_IS_REPLY = const(0x80)
_REPLY_BYTES = const(7)


class Winnsen(Codec):
    """One station; bit 1 is open."""

    def __init__(self, *settings):
        super().__init__(*settings)
        self.polls = self._inputs

    def request(self, n: int, out) -> int:
        return self._frame(out, _STATUS, n)

    def reply_bytes(self, _n: int) -> int:
        return _REPLY_BYTES

    def reply(self, n: int, data, count: int, bits) -> int:
        for i in range(count - _REPLY_BYTES + 1):
            if (
                data[i] == _HEAD
                and data[i + 1] == _REPLY_BYTES
                and data[i + 2] == _STATUS | _IS_REPLY
                and data[i + 3] == self._address
                and data[i + 4] == n + 1
                and data[i + 5] <= 1
                and data[i + 6] == _TAIL
            ):
                set_bit(bits, n, data[i + 5])
                return i + _REPLY_BYTES
        return 0

    def open(self, channel: int, _pulse_ms: int, out) -> int:
        self._check_channel(channel)
        return self._frame(out, _OPEN, channel)

    def _frame(self, out, function: int, channel: int) -> int:
        out[0] = _HEAD
        out[1] = 6
        out[2] = function
        out[3] = self._address
        out[4] = channel + 1
        out[5] = _TAIL
        return 6
