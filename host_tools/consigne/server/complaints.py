"""What goes wrong again and again, told in the log at once and then rarely."""

import logging
import threading
import time
from collections.abc import Callable

EVERY_S = 60.0
SENTENCES_MAX = 20


class Complaints:
    """Logs a sentence at once, and when it is said again, once in ``every_s`` with how often it was said.

    Sentences are told apart by their text; the ``SENTENCES_MAX`` that were logged last are remembered.
    Safe in any thread.
    """

    def __init__(
        self, log: logging.Logger, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._every_s, self._clock = log, every_s, clock
        # by sentence: when it was logged, how often it was said since
        self._said: dict[str, tuple[float, int]] = {}
        self._is_open = False
        self._lock = threading.Lock()

    def say(self, sentence: str) -> None:
        """Log it as a warning, unless it was logged within the last ``every_s``."""
        with self._lock:
            self._is_open = True
            self._say(sentence)

    def over(self, sentence: str) -> None:
        """Log, as rarely, that it goes well again, where anything was said of it."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._say(sentence)

    def _say(self, sentence: str) -> None:
        at = self._clock()
        logged_at, count = self._said.get(sentence, (at - self._every_s, 0))
        if at - logged_at < self._every_s:
            self._said[sentence] = (logged_at, count + 1)
            return
        self._said.pop(sentence, None)
        if len(self._said) >= SENTENCES_MAX:
            del self._said[next(iter(self._said))]
        self._said[sentence] = (at, 0)
        again = f" ({count + 1} times in the last {at - logged_at:.0f} s)" if count else ""
        self._log.warning("%s%s", sentence, again)
