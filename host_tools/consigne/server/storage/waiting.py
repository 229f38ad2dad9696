"""Waits for a database that is not there yet, says so, and knows what no waiting mends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import DBAPIError

from ..complaints import Complaints
from ..failures import Failure, failure_of, reason
from .database import NO_ANSWER, Database
from .migrations import OtherSchema

PAUSE_S, PAUSE_S_MAX = 0.5, 15.0
"""After the first attempt in vain; each further pause is twice as long, up to the longest."""
LOCK_WAIT_MS = 1_000
"""How long an attempt waits for SQLite's lock: the next one comes soon, and meanwhile it is told."""
log = logging.getLogger(__name__)


async def until_done(
    database: Database,
    attempt: Callable[[], Awaitable[None]],
    told: Callable[[Failure], None],
    *,
    for_ever: bool = False,
) -> None:
    """Make an attempt again and again until the database does what it asks; ``told`` hears why not yet.

    Raises what waiting cannot mend, such as a wrong password, unless ``for_ever``.
    """
    complaints, pause_s = Complaints(log), PAUSE_S
    while True:
        try:
            await attempt()
        except (*NO_ANSWER, DBAPIError, OtherSchema) as error:
            failure = failure_of(error)
            if not for_ever and not (isinstance(error, NO_ANSWER) and failure.can_pass):
                raise
            complaints.say(
                f"waiting for the database: {failure.told}", f" ({database.name}: {reason(error)})"
            )
            told(failure)
        else:
            complaints.over("the database is there")
            return
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, PAUSE_S_MAX)
