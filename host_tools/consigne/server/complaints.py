"""Logs a repeated failure at once the first time, then rarely."""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable

EVERY_S = 60.0
SENTENCES_MAX = 20


class _Said:
    """Remembers the ``SENTENCES_MAX`` sentences that were logged last.  Safe in any thread."""

    def __init__(self, every_s: float, clock: Callable[[], float]) -> None:
        self._every_s, self._clock = every_s, clock
        # sentence -> (when it was last logged, how often it was said since)
        self._said: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._said)

    def again(self, what: str) -> str | None:
        """The text to log with it, such as how often it was repeated; None: it must not be logged now."""
        with self._lock:
            at = self._clock()
            logged_at, count = self._said.get(what, (at - self._every_s, 0))
            if at - logged_at < self._every_s:
                self._said[what] = (logged_at, count + 1)
                return None
            self._said.pop(what, None)
            if len(self._said) >= SENTENCES_MAX:
                del self._said[next(iter(self._said))]
            self._said[what] = (at, 0)
            return f" ({count + 1} times in the last {at - logged_at:.0f} s)" if count else ""


class Complaints:
    """Logs a sentence at once; when it is repeated, only once in ``every_s``, with the count.

    Sentences are told apart by their text.  Safe in any thread.
    """

    def __init__(
        self, log: logging.Logger, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._said = _Said(every_s, clock)
        self._is_open = False

    def say(self, sentence: str, detail: str = "") -> None:
        """Log it as a warning, unless it was logged within the last ``every_s``.

        ``detail`` is logged with it but not compared: text that outsiders can choose belongs there.
        """
        self._is_open = True
        self._say(sentence, detail)

    def over(self, sentence: str) -> None:
        """Log, just as rarely, that it works again, if a failure was reported before."""
        if self._is_open:
            self._is_open = False
            self._say(sentence)

    def failed(self, sentence: str, error: BaseException, detail: str = "") -> None:
        """Log a defect with its traceback, as rarely; errors of one kind from one line are the same."""
        again = self._said.again(f"{sentence} {_origin(error)}")
        if again is not None:
            self._log.error("%s%s%s", sentence, detail, again, exc_info=error)

    def _say(self, sentence: str, detail: str = "") -> None:
        again = self._said.again(sentence)
        if again is not None:
            self._log.warning("%s%s%s", sentence, detail, again)


class Rarely(logging.Filter):
    """Does the same for a library's logger: one line of its code logs a warning or worse once in ``every_s``.

    Otherwise anybody who can reach the port could fill the log with what a library says of each request.
    """

    def __init__(self, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._said = _Said(every_s, clock)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is to be logged."""
        if record.levelno < logging.WARNING:
            return True
        error = record.exc_info[1] if record.exc_info else None
        again = self._said.again(f"{record.pathname}:{record.lineno} {_origin(error)}")
        if again:
            record.msg, record.args = f"{record.getMessage().rstrip()}{again}", ()
        return again is not None


LIBRARIES = ("uvicorn.error", "nicegui", "asyncio", "engineio.server", "socketio.server")
"""Loggers of the libraries that answer requests and hold the connections of open pages."""
_rarely = Rarely()


def restrain(loggers: Iterable[str] = LIBRARIES) -> None:
    """Limit how often libraries log the same line; may be called again."""
    for name in loggers:
        logging.getLogger(name).addFilter(_rarely)


def _origin(error: BaseException | None) -> str:
    """The kind of an error and the line that raised it."""
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    line = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__} {line}"
