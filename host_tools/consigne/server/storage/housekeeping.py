"""Deletes expired data once an hour, in the leader only."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ..clock import now_s
from ..failures import reason
from .database import Database

log = logging.getLogger(__name__)

EVERY_S = 3_600.0

Forget = Callable[[Connection, int], None]
"""Deletes the old rows of one kind, in the caller's transaction."""


def tidy(database: Database, forgetting: Sequence[Forget], at_s: int) -> None:
    """Delete everything that has expired, each kind in a short transaction of its own."""
    for forget in forgetting:
        with database.write() as connection:
            forget(connection, at_s)


async def run(database: Database, forgetting: Sequence[Forget]) -> None:
    """Tidy now and then every hour; never returns."""
    while True:
        try:
            await asyncio.to_thread(tidy, database, forgetting, now_s())
        except SQLAlchemyError as error:
            log.error("could not tidy the database, trying again in an hour: %s", reason(error))
        await asyncio.sleep(EVERY_S)
