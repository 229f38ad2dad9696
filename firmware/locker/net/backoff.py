"""How long to wait before the next try, so that a fleet does not come back all at once."""

import random

from micropython import const

_JITTER_BITS = const(10)


class Backoff:
    """Waits that double from ``first_s`` to ``most_s``, each drawn between a half and the whole."""

    def __init__(self, first_s: float, most_s: float):
        self._first_s = first_s
        self._most_s = most_s
        self._span_s = first_s

    def reset(self) -> None:
        """The last try succeeded: start short again."""
        self._span_s = self._first_s

    def next_s(self) -> float:
        """Seconds to wait now; the wait after it will be twice as long."""
        span_s = self._span_s
        self._span_s = min(2 * span_s, self._most_s)
        return span_s * (1 + random.getrandbits(_JITTER_BITS) / (1 << _JITTER_BITS)) / 2
