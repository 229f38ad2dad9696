"""KERONG's CU48 and CU16 (19200 8N1): frames from 02 to 03, the low byte of the sum behind.

Neither confirms an unlock reliably: only the state that is asked for afterwards shows it.  A set bit means
locked, or with another jumper setting on the board unlocked.
"""

from micropython import const

from .frames import Codec, total

_BEGIN = const(0x02)
_END = const(0x03)
_48_STATUS = const(0x50)
_48_STATE = const(0x65)
_48_UNLOCK = const(0x51)
_16_STATUS = const(0x30)
_16_STATE = const(0x35)
_16_UNLOCK = const(0x31)
_48_STATE_BYTES = const(12)
_16_STATE_BYTES = const(9)


class Cu48(Codec):
    """A board of 48 locks; ``address`` 0..9 (10 is broadcast).

    Status ``02 ADDR 00 50 03 SUM`` is answered ``02 ADDR 00 65``, six bytes of bits, ``03 SUM``.
    """

    def request(self, _n: int, out) -> int:
        return self._frame(out, 0, _48_STATUS)

    def reply_bytes(self, _n: int) -> int:
        return _48_STATE_BYTES

    def reply(self, _n: int, data, count: int, bits) -> int:
        for i in range(count - _48_STATE_BYTES + 1):
            if (
                data[i] == _BEGIN
                and data[i + 1] == self._address
                and data[i + 3] == _48_STATE
                and data[i + 10] == _END
                and data[i + 11] == total(data, i, i + 11)
            ):
                self._put_bytes(data, i + 4, 6, bits)
                return i + _48_STATE_BYTES
        return 0

    def open(self, channel: int, _pulse_ms: int, out) -> int:
        """Never for lock 0x30, which would open all of them."""
        self._check_channel(channel)
        return self._frame(out, channel, _48_UNLOCK)

    def _frame(self, out, lock: int, command: int) -> int:
        out[0] = _BEGIN
        out[1] = self._address
        out[2] = lock
        out[3] = command
        out[4] = _END
        out[5] = total(out, 0, 5)
        return 6


class Cu16(Codec):
    """A board of 16 locks; ``address`` 0..15, in one byte with the lock.

    Status ``02 A0 30 03 SUM`` is answered ``02 A0 35``, two bytes of locks, two of the sensors that
    see what lies inside, ``03 SUM``.  Channels 0..15 are the locks, 16..31 those sensors.
    """

    def request(self, _n: int, out) -> int:
        return self._frame(out, 0, _16_STATUS)

    def reply_bytes(self, _n: int) -> int:
        return _16_STATE_BYTES

    def reply(self, _n: int, data, count: int, bits) -> int:
        for i in range(count - _16_STATE_BYTES + 1):
            if (
                data[i] == _BEGIN
                and data[i + 1] >> 4 == self._address
                and data[i + 2] == _16_STATE
                and data[i + 7] == _END
                and data[i + 8] == total(data, i, i + 8)
            ):
                for k in range(min(4, len(bits))):
                    bits[k] = data[i + 3 + (k ^ 1 if self._reversed else k)]
                return i + _16_STATE_BYTES
        return 0

    def open(self, channel: int, _pulse_ms: int, out) -> int:
        self._check_channel(channel)
        return self._frame(out, channel, _16_UNLOCK)

    def _frame(self, out, lock: int, command: int) -> int:
        out[0] = _BEGIN
        out[1] = self._address << 4 | lock
        out[2] = command
        out[3] = _END
        out[4] = total(out, 0, 4)
        return 5
