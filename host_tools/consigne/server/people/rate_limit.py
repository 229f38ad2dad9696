"""Slowing down whoever guesses: a bucket of tries for each name, safe in any thread."""

import threading
import time
from collections.abc import Callable

NAMES_MAX = 10_000


class RateLimit:
    """``tries`` at once, one more every ``every_s``; ``refuse(seconds)`` makes the error when none is left.

    The names of ``NAMES_MAX`` that were tried last are remembered.
    """

    def __init__(self, tries: int, every_s: float, refuse: Callable[[int], Exception]) -> None:
        self._most, self._every_s, self._refuse = float(tries), every_s, refuse
        self._left: dict[str, tuple[float, float]] = {}  # name -> (tries left, as of monotonic seconds)
        self._lock = threading.Lock()

    def spend(self, name: str) -> None:
        """Take one try, or raise."""
        at = time.monotonic()
        with self._lock:
            left, since = self._left.pop(name, (self._most, at))
            left = min(self._most, left + (at - since) / self._every_s)
            if left < 1.0:
                self._left[name] = (left, at)
                raise self._refuse(int((1.0 - left) * self._every_s) + 1)
            if len(self._left) >= NAMES_MAX:
                del self._left[next(iter(self._left))]
            self._left[name] = (left - 1.0, at)

    def forgive(self, name: str) -> None:
        """Give all tries back, after a right one."""
        with self._lock:
            self._left.pop(name, None)
