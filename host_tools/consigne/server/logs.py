"""The host's log on standard error: each line has time, level, logger and, where one is concerned, locker.

For people by default; as JSON, one object a line, for programs that collect logs.  No line is longer than
``LINE_CHARACTERS_MAX``, whatever a database or a client has to say.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType

from consigne.protocol.untrusted import one_line

from .complaints import restrain
from .failures import reason
from .logform import LogForm

LINE_CHARACTERS_MAX = 2_000
TRACEBACK_CHARACTERS_MAX = 400
"""Of one line of a traceback: what an error says of itself leaves room for where it was raised."""
FRAMES_MAX = 30
_QUERY = re.compile(r"\?[^\s\"]*")
"""What stands behind the question mark of an address: it may be a customer's, and says little of the host."""
_CUT = " .."


class _Lines(logging.Handler):
    """Writes to what standard error is at that moment."""

    def __init__(self, form: LogForm) -> None:
        super().__init__()
        self.form = form

    def emit(self, record: logging.LogRecord) -> None:
        try:
            lines = _json(record) if self.form is LogForm.JSON else _text(record)
            sys.stderr.write("".join(f"{line}\n" for line in lines))
            sys.stderr.flush()
        except OSError:  # nobody reads it any more, or its disk is full: the host goes on without a log
            return
        except Exception:  # noqa: BLE001  as logging's own handlers do: a defect in one line is told there
            self.handleError(record)


def configure(form: LogForm) -> None:
    """Have every line of this process written so; may be called again."""
    root = logging.getLogger()
    for one in [one for one in root.handlers if isinstance(one, _Lines)]:
        root.removeHandler(one)
    root.addHandler(_Lines(form))
    root.setLevel(logging.WARNING)
    for name in ("consigne", "uvicorn"):
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(True)
    restrain()


def configured() -> LogForm | None:
    """The form in which this process writes its log; None where that is left to somebody else."""
    return next((one.form for one in logging.getLogger().handlers if isinstance(one, _Lines)), None)


def _text(record: logging.LogRecord) -> Iterator[str]:
    locker = _locker(record)
    head = f"{_time(record)} {record.levelname} {record.name}{f' [{locker}]' if locker else ''}: "
    for line in (_message(record), *_traceback(record)):
        yield _cut(head + line, LINE_CHARACTERS_MAX)


def _json(record: logging.LogRecord) -> Iterator[str]:
    told = {"time": _time(record), "level": record.levelname, "logger": record.name}
    if _locker(record):
        told["locker"] = _locker(record)
    told["message"] = _message(record)
    lines = _traceback(record)
    _shorten(told, "message", LINE_CHARACTERS_MAX // 2 if lines else LINE_CHARACTERS_MAX)
    if lines:
        told["traceback"] = "\n".join(lines)
        _shorten(told, "traceback", LINE_CHARACTERS_MAX)
    yield _dumped(told)


def _shorten(told: dict[str, str], name: str, length_max: int) -> None:
    """Leave out of one value what makes the object too long: a message's end, a traceback's beginning."""
    text, is_tail = told[name], name == "traceback"
    if len(_dumped(told)) <= length_max:
        return
    room = length_max - len(_dumped({**told, name: _CUT}))
    length = 0
    for letter in reversed(text) if is_tail else text:
        room -= len(json.dumps(letter, ensure_ascii=False)) - len('""')
        if room < 0:
            break
        length += 1
    told[name] = _CUT + text[len(text) - length :] if is_tail else text[:length] + _CUT


def _dumped(told: dict[str, str]) -> str:
    return json.dumps(told, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _locker(record: logging.LogRecord) -> str:
    locker = getattr(record, "locker", "")
    return one_line(locker) if isinstance(locker, str) else ""


def _message(record: logging.LogRecord) -> str:
    text = record.getMessage().strip()
    return one_line(_QUERY.sub("", text) if record.name.startswith("uvicorn") else text)


def _traceback(record: logging.LogRecord) -> list[str]:
    """The lines of an error and of those that led to it, the first one first; without SQL and its values."""
    error = record.exc_info[1] if record.exc_info else None
    lines: list[str] = []
    for one in reversed(_chain(error)):
        lines.append(f"Traceback (most recent call last){' of what followed' if lines else ''}:")
        lines += [one_line(line) for line in _frames(one.__traceback__)]
        lines.append(one_line(f"{type(one).__qualname__}: {reason(one)}"))
    return [_cut(line, TRACEBACK_CHARACTERS_MAX) for line in lines]


def _frames(found: TracebackType | None) -> list[str]:
    """The calls, the innermost last and never left out."""
    frames = traceback.extract_tb(found)
    lines = [] if len(frames) <= FRAMES_MAX else [f"  ({len(frames) - FRAMES_MAX} calls are left out)"]
    for one in frames[-FRAMES_MAX:]:
        lines.append(f"  File {one.filename}, line {one.lineno}, in {one.name}: {one.line or ''}")
    return lines


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error, what led to it, and what it groups; each once."""
    found: list[BaseException] = []
    asked = [error]
    while asked:
        one = asked.pop()
        if one is None or one in found:
            continue
        found.append(one)
        if isinstance(one, BaseExceptionGroup):
            asked += one.exceptions
        asked.append(one.__cause__ or (None if one.__suppress_context__ else one.__context__))
    return found


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: max(0, length - len(_CUT))] + _CUT
