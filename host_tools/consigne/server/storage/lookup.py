"""The row of a locker or counter that a caller named, or the sentence that says why there is none."""

import time
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ..errors import Conflict, NotFound
from .models import lockers


def row_of(connection: Connection, locker: str) -> Any:
    """Its row, of one that was retired too: its history stays.  Raises ``NotFound``."""
    row = connection.execute(select(lockers).where(lockers.c.id == locker)).first()
    if row is None:
        raise NotFound(f"no locker {locker} is registered")
    return row


def in_service(connection: Connection, locker: str) -> Any:
    """The row of one that serves.  Raises ``NotFound``, and ``Conflict`` when it was retired."""
    row = row_of(connection, locker)
    if row.retired_at is not None:
        day = time.strftime("%Y-%m-%d", time.gmtime(row.retired_at))
        raise Conflict(f"{locker} was retired on {day}: it serves nobody any more")
    return row
