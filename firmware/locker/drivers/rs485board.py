"""What is known of one lock board: what it last said, what is believed of that, and whether it is there."""


class Board:
    """``bits`` is what it last said, ``picture`` what is believed: what two replies in a row said.

    ``moved`` has a bit for each input that differed between two replies and has not settled since, until
    whoever reads it clears it.  ``flag`` (a ``ThreadSafeFlag`` or None) is set when there is something to
    read.
    """

    def __init__(self, name: str, codec, inputs: int):
        """``name``: the bank's; ``inputs``: how many of its channels are read, from the first."""
        self.name = name
        self.codec = codec
        count = (inputs + 7) // 8
        self.bits = bytearray(count)
        self.picture = bytearray(count)
        self.moved = bytearray(count)
        self.spare = bytearray(count)  # for a reply that is only looked at
        self._before = bytearray(count)
        self.flag = None
        self.known = False  # two rounds said the same
        self._once = False  # one round was answered
        self.silent = False
        self.garbled = False  # something was heard, but no reply
        self.hinted = False  # it said by itself that a door moved
        self.misses = 0
        self.next_ms = 0  # when a silent board is asked again
        self.took_ms = 0  # from request to reply, the last time
        self.replies = 0
        self.doubles = 0  # times in a row that two answers were heard

    def begin(self) -> None:
        """A request follows; what was said until now is what its reply is compared with."""
        self._before[:] = self.bits

    def end(self, agreed: bool = False) -> bool:
        """It was answered.  True when the reply differs from the picture: ask for the same again at once.

        ``agreed``: the board had said by itself that a door moved, so this reply is the second to say so.
        """
        if agreed:
            self._before[:] = self.bits
        if not self.known:
            self.known = self._once and self._before == self.bits
            self._once = True
            self.picture[:] = self.bits
            if self.known:
                self.wake()
            return not self.known
        differs = changed = False
        for i in range(len(self.bits)):
            moving = self.bits[i] ^ self._before[i]
            believed = self.picture[i] & moving | self.bits[i] & ~moving & 0xFF
            settled = believed ^ self.picture[i]
            changed = changed or moving or settled
            differs = differs or believed != self.bits[i]
            self.picture[i] = believed
            self.moved[i] = (self.moved[i] | moving) & ~settled & 0xFF
        if changed:
            self.wake()
        return bool(differs)

    def lose(self) -> None:
        """Nothing that it said is believed any more."""
        self.silent = True
        self.known = self._once = False
        self.wake()

    def wake(self) -> None:
        if self.flag is not None:
            self.flag.set()
