"""Threads that carry out one kind of blocking calls for the event loop.

The loop carries MQTT and acknowledgements, so nothing may wait for the database in it.  Each purpose has
threads of its own: pages that wait for a lock do not use up those of the ingest or the API.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .errors import CallerError

_Result = TypeVar("_Result")


async def in_passing(function: Callable[[], None]) -> None:
    """Call a function in a thread that the end of the process does not wait for: nobody can interrupt it."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def end(error: BaseException | None) -> None:
        if ended.cancelled():
            return
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)

    def call() -> None:
        found: BaseException | None = None
        try:
            function()
        except BaseException as error:  # noqa: BLE001  it is raised where this is awaited
            found = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(end, found)

    threading.Thread(target=call, daemon=True).start()
    await ended


class Busy(CallerError):
    """Too many calls wait already."""

    status = 503


class Threads:
    """At most ``count`` calls at a time, and ``waiting_max`` that wait for their turn.

    A call whose caller was cancelled before its turn is not made at all.
    """

    def __init__(self, name: str, count: int, waiting_max: int) -> None:
        self._pool = ThreadPoolExecutor(count, name)
        self._asked, self._asked_max = 0, count + waiting_max

    async def run(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """What ``function(*arguments)`` returns or raises, called in one of the threads.

        Raises ``Busy`` at once when ``waiting_max`` calls wait already.
        """
        if self._asked >= self._asked_max:
            raise Busy("too many wait for the database: try again in a moment")
        self._asked += 1
        try:
            return await asyncio.wrap_future(self._pool.submit(function, *arguments))
        finally:
            self._asked -= 1

    async def stop(self) -> None:
        """Finish what is under way, drop what waits."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
