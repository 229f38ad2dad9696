"""Carries out what an open page asks for, outside the event loop, which MQTT and acknowledgements need.

Whatever reads or writes the database goes through ``Work.call``.  The handlers of clicks and timers are
wrapped by ``Work.act`` and ``Work.look``, which tell the person what went wrong.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from consigne.ui.components import Text, box

from ..complaints import Complaints
from ..errors import CallerError
from ..failures import failure_of, reason
from ..threads import Threads

_complaints = Complaints(logging.getLogger(__name__))

RESPONSE_S = 60.0
"""How long a page may take to be built: longer than the host waits for any database."""
ONE_AT_A_TIME = "One moment: what you clicked is still being done."
DEFECT = "Something here does not work, which is a defect of Consigne: more stands in the log."
_Result = TypeVar("_Result")
_Handler = Callable[[], Awaitable[None]]


class PageClosed(Exception):
    """The page was closed; what it had asked for is done, but there is no page to show it on."""


class Unavailable(CallerError):
    """The database does not answer, or not in time."""

    status = 503


class Work:
    """The work of one page, made while the page is built; errors stand at the foot of the window."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._client = ui.context.client
        self._turn = asyncio.Lock()
        self._wrong: dict[object, str] = {}  # the part of the page -> why it could not be refreshed
        with box("page-errors"):
            self._acted, self._looked = _error_line(), _error_line()

    async def call(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """What ``function(*arguments)`` returns, called in one of the pages' threads.

        Raises
        ------
        CallerError
            As the function raised it; ``Unavailable`` when the database did not answer.
        PageClosed
            The page was closed meanwhile: there is nothing to be drawn on.
        """
        try:
            result = await self._threads.run(function, *arguments)
        except CallerError:
            self._check_open()
            raise
        except SQLAlchemyError as error:
            _complaints.say("the database does not do what a page asks", f": {reason(error)}")
            self._check_open()
            raise Unavailable(f"{failure_of(error).told}: try again in a moment") from None
        self._check_open()
        return result

    def _check_open(self) -> None:
        if self._client.is_deleted:
            raise PageClosed

    def act(self, handler: _Handler) -> _Handler:
        """Make a click's handler: a double click acts once, clicks on different buttons one after another."""
        busy = False

        async def clicked() -> None:
            nonlocal busy
            if busy:
                _say(self._acted, ONE_AT_A_TIME)
                return
            busy = True
            try:
                async with self._turn:
                    words = await _wrong_with(handler)
                if words is not None:
                    _say(self._acted, words)
            finally:
                busy = False

        return clicked

    def look(self, handler: _Handler) -> _Handler:
        """Make a timer's handler; an error stays on the page until the handler succeeds again.

        A page has several timers: an error goes away only when the part that it came from succeeds.
        """
        part: object = getattr(handler, "__self__", handler)

        async def looked() -> None:
            words = await _wrong_with(handler)
            if words is None:
                return
            self._wrong[part] = words
            _say(self._looked, next(filter(None, self._wrong.values()), ""))

        return looked


async def _wrong_with(handler: _Handler) -> str | None:
    """Run a handler; returns the error in words, "" for none, None when the page was closed."""
    try:
        await handler()
    except PageClosed:
        return None
    except CallerError as error:
        return sentence(error)
    except Exception as error:  # noqa: BLE001  a timer would write its traceback ten times a second
        _complaints.failed("a page failed", error)
        return DEFECT
    return ""


def sentence(error: CallerError) -> str:
    """An error as people read it."""
    words = str(error)
    return f"{words[:1].upper()}{words[1:]}."


def _error_line() -> Text:
    line = Text("", "page-error", "div")
    line.props["role"] = "alert"
    line.set_visibility(False)
    return line


def _say(line: Text, words: str) -> None:
    line.set_text(words)
    line.set_visibility(bool(words))
