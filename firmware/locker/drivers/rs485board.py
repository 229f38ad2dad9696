"""The state of one lock board: its last reply, the reliable state, and whether it answers."""


class Board:
    """``bits`` is its last reply, ``picture`` the reliable state, on which two replies in a row agreed.

    ``moved`` has a bit for each input that differed between two replies and has not settled since, until the
    reader clears it.  ``flag`` (a ``ThreadSafeFlag`` or None) is set when there is something to read.
    """

    def __init__(self, name: str, codec, inputs: int):
        """``name``: the bank's; ``inputs``: how many of its channels are read, from the first."""
        self.name = name
        self.codec = codec
        count = (inputs + 7) // 8
        self.bits = bytearray(count)
        self.picture = bytearray(count)
        self.moved = bytearray(count)
        self.spare = bytearray(count)  # for a reply that must not change ``bits``
        self._before = bytearray(count)
        self.flag = None
        self.known = False  # two rounds agreed
        self._once = False  # one round was answered
        self.silent = False
        self.garbled = False  # bytes arrived, but no valid reply
        self.hinted = False  # it reported unasked that a door moved
        self.misses = 0
        self.next_ms = 0  # when a silent board is asked again
        self.took_ms = 0  # from the last request to its reply
        self.replies = 0
        self.doubles = 0  # times in a row that two answers were heard

    def begin(self) -> None:
        """Before a request: keep the last reply, to compare the next one with it."""
        self._before[:] = self.bits

    def end(self, agreed: bool = False) -> bool:
        """After a reply.  True when it differs from the picture: ask for the same again at once.

        ``agreed``: the board had reported unasked that a door moved, so this reply is the second to agree.
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
        """It is silent: its state is unknown."""
        self.silent = True
        self.known = self._once = False
        self.wake()

    def wake(self) -> None:
        if self.flag is not None:
            self.flag.set()
