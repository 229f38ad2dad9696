"""How long a published message may be: what a broker refuses is tried smaller.

A broker that takes no message as long as one that was sent closes the connection without a reason, and a
network that breaks looks the same.  The longest message of the last second counts as the cause, and half
of it is the limit for messages that can be cut.  One that cannot, such as the occupancy, is too long after
it, or a shorter one, was the longest at three such ends in a row; after an hour of connection without an end
it may go once more, since a broker's limit can be raised.  The limit grows slowly while messages of its
length pass.
"""

from micropython import const

_STRIKES = const(3)
_GROW_AFTER = const(64)  # messages longer than half of the limit
_LEAST_BYTES = const(128)
_PARDON_S = const(3600)


class Fit:
    """``limit`` bytes of a packet for what can be cut, at most ``bytes_max``."""

    def __init__(self, bytes_max: int) -> None:
        self.limit = self._bytes_max = bytes_max
        self._longest = 0  # of those that have not passed
        self._is_quiet = False  # at the last look
        self._broken = bytes_max  # the longest of the last end that is suspected
        self._strikes = 0
        self._looks = 0  # since the last end, or the last pardon
        self._passed = 0

    def sent(self, count: int) -> None:
        self._longest = max(self._longest, count)
        self._is_quiet = False

    def look(self, is_quiet: bool) -> None:
        """Each second: all was acknowledged, or not.  mosquitto acknowledges what it refuses, then closes."""
        self._looks += 1
        if self._looks >= _PARDON_S:
            self._looks = 0
            self._strikes = min(self._strikes, _STRIKES - 1)
        if is_quiet and self._is_quiet and self._longest:
            self._passes()
        self._is_quiet = is_quiet

    def _passes(self) -> None:
        if self._longest >= self._broken:
            self._strikes = 0
        if 2 * self._longest > self.limit:
            self._passed += 1
            if self._passed >= _GROW_AFTER:
                self._passed = 0
                self.limit = min(self._bytes_max, self.limit + self.limit // 4)
        self._longest = 0

    def ended(self, was_up: bool) -> None:
        """The connection ended; what is in flight was perhaps too much for the broker."""
        self._looks = 0
        if was_up and self._longest:
            self._strikes = self._strikes + 1 if self._longest <= self._broken else 1
            self._broken = self._longest
            self.limit = max(_LEAST_BYTES, min(self.limit, self._longest) // 2)
            self._passed = 0
        self._longest = 0

    def is_too_long(self, count: int) -> bool:
        """Whether a message that cannot be cut has shown itself to be too long."""
        return self._strikes >= _STRIKES and count >= self._broken
