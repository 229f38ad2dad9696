"""Whether the database can be written, found out without waiting for it."""

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from ..failures import Failure, failure_of
from .database import Database

PATIENCE_S = 0.7
FRESH_S = 1.0
"""How long a result is used again: whoever asks more often has nothing written for it."""


@dataclass(frozen=True)
class Answer:
    """What a test write came to."""

    failure: Failure | None = None
    """Why it failed; None where it did not, or not yet."""
    is_slow: bool = False
    """It had not ended after ``PATIENCE_S``."""


class Probe:
    """Makes one test write at a time, in a thread of its own; callers who come meanwhile share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pool = ThreadPoolExecutor(1, "probe")
        self._question: Future[Failure | None] | None = None
        self._ended_s = 0.0

    async def ask(self) -> Answer:
        """Return after ``PATIENCE_S`` seconds at most."""
        question = self._question
        if question is None or (question.done() and time.monotonic() - self._ended_s >= FRESH_S):
            question = self._question = self._pool.submit(self._ask)
        if not question.done():
            await asyncio.wait({asyncio.wrap_future(question)}, timeout=PATIENCE_S)
        return Answer(question.result()) if question.done() else Answer(is_slow=True)

    def _ask(self) -> Failure | None:
        try:
            self._database.check_writable()
        except (SQLAlchemyError, OSError) as error:
            self._database.complain(error)
            return failure_of(error)
        finally:
            self._ended_s = time.monotonic()
        self._database.worked()
        return None

    async def stop(self) -> None:
        """Wait for a write that is still under way."""
        await asyncio.to_thread(self._pool.shutdown)
