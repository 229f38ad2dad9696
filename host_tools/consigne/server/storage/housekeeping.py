"""Deletes what is over once an hour, in the leader only, and gives the disk back what that took."""

import asyncio
import logging
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from ..clock import now_s
from ..failures import reason
from . import history
from .ages import Ages
from .database import Database
from .retention import Forget

log = logging.getLogger(__name__)

EVERY_S = 3_600.0


def tidy(database: Database, forgetting: Sequence[Forget], at_s: int, ages: Ages) -> None:
    """Delete everything that has expired, each kind by itself: one that fails holds up no other.

    Parcels come before events: an event is kept while its parcel is.
    """
    for forget in (*forgetting, history.forget, _shrink):
        try:
            forget(database, at_s, ages)
        except SQLAlchemyError as error:
            what = forget.__module__.rpartition(".")[2]
            log.error("could not tidy the database (%s), trying again in an hour: %s", what, reason(error))


async def run(database: Database, forgetting: Sequence[Forget], ages: Ages) -> None:
    """Tidy now and then every hour; never returns."""
    while True:
        await asyncio.to_thread(tidy, database, forgetting, now_s(), ages)
        await asyncio.sleep(EVERY_S)


def _shrink(database: Database, _at_s: int, _ages: Ages) -> None:
    """Give back SQLite's free pages; PostgreSQL's vacuum does it by itself."""
    database.shrink()
