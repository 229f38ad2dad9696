"""Keeps what has only a while to live in bounds: once an hour the leader lets go of what is old."""

import asyncio
import logging

from sqlalchemy.exc import SQLAlchemyError

from ..fleet import alarms, condition
from ..ingest.outcome import now_s
from ..notices import notices
from ..people import audit
from .database import Database

log = logging.getLogger(__name__)

EVERY_S = 3_600.0
_FORGETTING = (alarms.forget, audit.forget, condition.forget, notices.forget)


def tidy(database: Database, at_s: int) -> None:
    """Let go of everything whose time has passed, each kind in a short transaction of its own."""
    for forget in _FORGETTING:
        with database.write() as connection:
            forget(connection, at_s)


async def run(database: Database) -> None:
    """Tidy now and then every hour; never returns."""
    while True:
        try:
            await asyncio.to_thread(tidy, database, now_s())
        except SQLAlchemyError as error:
            log.error("could not tidy the database, trying again in an hour: %s", error)
        await asyncio.sleep(EVERY_S)
