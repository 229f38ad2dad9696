"""The "8A" family: boards of 8 to 50 locks that several makers sell (9600 8N1).

A frame ends with the exclusive or of all bytes before.  How many state bytes a board sends does not follow
from its number of locks, so the first reply ends when the wire is quiet; later ones are as long as that one.
Some boards send a frame that begins with ``82`` when a door moves: it is no reply, and the meaning of its
state byte varies, so it only causes a request at once.
"""

from micropython import const

from .frames import Codec, xor

_OPEN = const(0x8A)
_STATUS = const(0x80)
_MOVED = const(0x82)
_IS_OPEN = const(0x11)
_IS_STATUS = const(0x33)
_STATES_MIN = const(2)  # a reply with one state byte would look like our own request
_STATES_MAX = const(7)  # 50 locks
_MOVED_BYTES = const(5)  # 82, board, lock, state, exclusive or


class EightA(Codec):
    """One board; ``address`` 1..32 on its switches."""

    def __init__(self, *settings):
        super().__init__(*settings)
        self._states = 0  # bytes in a reply, once known

    def request(self, _n: int, out) -> int:
        return self._frame(out, _STATUS, 0, _IS_STATUS)  # lock 0: the state of all

    def reply_bytes(self, _n: int) -> int:
        return self._states + 4 if self._states else 0

    def reply(self, _n: int, data, count: int, bits) -> int:
        lengths = (self._states,) if self._states else range(_STATES_MAX, _STATES_MIN - 1, -1)
        for start in range(count - _STATES_MIN - 3):
            if data[start] != _STATUS or data[start + 1] != self._address:
                continue
            for states in lengths:
                last = start + states + 3
                if last >= count or data[last - 1] != _IS_STATUS or xor(data, start, last) != data[last]:
                    continue
                self._states = states
                self._put_bytes(data, start + 2, states, bits)
                return last + 1
        return 0

    def missed(self) -> None:
        """Forget the length: it may have been learned from noise, or the board was replaced."""
        self._states = 0

    def hint(self, data, count: int) -> bool:
        for i in range(count - _MOVED_BYTES + 1):
            if data[i] == _MOVED and data[i + 1] == self._address and xor(data, i, i + 4) == data[i + 4]:
                return True
        return False

    def open(self, channel: int, _pulse_ms: int, out) -> int:
        """Never for lock 0, which would open all of them."""
        self._check_channel(channel)
        return self._frame(out, _OPEN, channel + 1, _IS_OPEN)

    def _frame(self, out, command: int, lock: int, what: int) -> int:
        out[0] = command
        out[1] = self._address
        out[2] = lock
        out[3] = what
        out[4] = xor(out, 0, 4)
        return 5
