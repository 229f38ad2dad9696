"""What a caller names: the row of a locker or counter, a parcel's id; or the sentence that says why not."""

import time
from typing import Any

from locker.core import labels
from sqlalchemy import select
from sqlalchemy.engine import Connection

from ..errors import Conflict, Invalid, NotFound
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


def canonical_id(text: str) -> str:
    """A parcel's id as a locker knows it.  Raises ``Invalid`` for what no label can say."""
    reason, id_ = labels.parcel_id(text)
    if reason:
        explained = {
            labels.R_LABEL_LENGTH: "a parcel id has 1 to 40 characters",
            labels.R_LABEL_CHARS: "a parcel id is made of printable ASCII characters",
            labels.R_LABEL_CHECK: "the check digit of the parcel id is wrong: was it misread?",
        }
        raise Invalid(explained[reason])
    return str(id_)
