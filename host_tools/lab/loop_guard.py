"""Makes a database raise when it is used in the thread of a running event loop, which must not wait."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

_MOMENT = "before_cursor_execute"


class AskedInLoop(RuntimeError):
    """The database was used in the event loop, which carries MQTT and acknowledgements."""


def _refuse(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # no loop runs in this thread
        return
    raise AskedInLoop(f"asked in an event loop: {statement}")


@contextmanager
def guarded() -> Iterator[None]:
    """Guard every database of this process until the block ends."""
    event.listen(Engine, _MOMENT, _refuse)
    try:
        yield
    finally:
        event.remove(Engine, _MOMENT, _refuse)
