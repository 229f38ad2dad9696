"""Logs a repeated failure at once the first time, then rarely."""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable

EVERY_S = 3_600.0
CHANGED_S = 60.0
"""What comes and goes is told at each change, but no more often than this."""
KINDS_MAX = 50
LOCKERS_MAX = 20
"""Of how many lockers one kind is told in ``EVERY_S``; further ones are counted together."""
_OTHERS = "\0"  # no locker's name


class _Said:
    """When each kind of line was last logged, and how often it was left out since.  Safe in any thread.

    ``KINDS_MAX`` kinds are remembered, of each ``LOCKERS_MAX`` lockers and one more for all others.
    """

    def __init__(self, every_s: float, clock: Callable[[], float]) -> None:
        self._every_s, self._clock = every_s, clock
        # kind -> locker -> (when it was last logged, how often it was left out since)
        self._said: dict[str, dict[str, tuple[float, int]]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return sum(len(lockers) for lockers in self._said.values())

    def again(self, kind: str, locker: str = "", every_s: float | None = None) -> str | None:
        """The text to log with it, such as how often it was left out; None: it must not be logged now."""
        every_s = self._every_s if every_s is None else every_s
        with self._lock:
            at = self._clock()
            lockers = self._said.pop(kind, {})
            while len(self._said) >= KINDS_MAX:
                del self._said[next(iter(self._said))]
            self._said[kind] = lockers
            name = self._name(lockers, locker, at)
            logged_at, left_out = lockers.get(name, (at - every_s, 0))
            if at - logged_at < every_s:
                lockers[name] = (logged_at, left_out + 1)
                return None
            lockers[name] = (at, 0)
            told = [f"left out {left_out} times in the last {at - logged_at:.0f} s"] if left_out else []
            if name == _OTHERS:
                told.append("further lockers are counted alone")
            return f" ({'; '.join(told)})" if told else ""

    def _name(self, lockers: dict[str, tuple[float, int]], locker: str, at: float) -> str:
        """Under which name a locker is counted."""
        if locker in lockers or len(lockers) < LOCKERS_MAX:
            return locker
        for name in [one for one, (logged_at, _) in lockers.items() if at - logged_at >= self._every_s]:
            if name != _OTHERS:
                del lockers[name]
        return locker if len(lockers.keys() - {_OTHERS}) < LOCKERS_MAX else _OTHERS


class Complaints:
    """Logs a sentence at once; when it is repeated, only once in ``every_s``, with how often it was left out.

    Sentences are told apart by their text and by the locker that they concern.  Safe in any thread.
    """

    def __init__(
        self, log: logging.Logger, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._every_s = log, every_s
        self._said = _Said(every_s, clock)
        self._is_open = False

    def say(self, sentence: str, detail: str = "", *, locker: str = "") -> None:
        """Log it as a warning, unless it was logged within the last ``every_s``.

        ``detail`` is logged with it but not compared: text that outsiders can choose belongs there.
        ``{locker}`` in the sentence is the locker's name.
        """
        is_new, self._is_open = not self._is_open, True
        again = self._said.again(sentence, locker, min(CHANGED_S, self._every_s) if is_new else None)
        self._warn(sentence, detail, locker, again)

    def over(self, sentence: str) -> None:
        """Log that it works again, if a failure was reported before."""
        if self._is_open:
            self._is_open = False
            self._warn(sentence, "", "", self._said.again(sentence, "", min(CHANGED_S, self._every_s)))

    def failed(self, sentence: str, error: BaseException, *, locker: str = "") -> None:
        """Log a defect with its traceback, as rarely; errors of one kind from one line are the same."""
        again = self._said.again(f"{sentence} {_origin(error)}", locker)
        if again is not None:
            told = sentence.replace("{locker}", locker)
            self._log.error("%s%s", told, again, exc_info=error, extra={"locker": locker})

    def _warn(self, sentence: str, detail: str, locker: str, again: str | None) -> None:
        if again is not None:
            told = sentence.replace("{locker}", locker)
            self._log.warning("%s%s%s", told, detail, again, extra={"locker": locker})


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
