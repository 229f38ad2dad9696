"""Whether the database answers, found out without waiting for it."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum, auto

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .database import Database

PATIENCE_S = 0.7


class Answer(Enum):
    """The result of a test query."""

    GIVEN = auto()
    SLOW = auto()  # no answer yet after ``PATIENCE_S``
    FAILED = auto()


class Probe:
    """Runs one test query at a time, in a thread of its own; callers that come meanwhile share its result."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pool = ThreadPoolExecutor(1, "probe")
        self._question: Future[bool] | None = None

    async def ask(self) -> Answer:
        """Return after ``PATIENCE_S`` seconds at most."""
        if self._question is None or self._question.done():
            self._question = self._pool.submit(self._ask)
        answer = asyncio.wrap_future(self._question)
        try:
            await asyncio.wait_for(asyncio.shield(answer), PATIENCE_S)
        except TimeoutError:
            return Answer.SLOW
        return Answer.GIVEN if answer.result() else Answer.FAILED

    def _ask(self) -> bool:
        try:
            with self._database.read() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    async def stop(self) -> None:
        """Wait for a query that is still running."""
        await asyncio.to_thread(self._pool.shutdown)
