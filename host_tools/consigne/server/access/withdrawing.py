"""A parcel's code made worthless at the host: by whoever orders it, or since its locker says that it is.

Functions here run inside the caller's transaction.
"""

from locker.core.timekeeping import DAY_S
from sqlalchemy import update
from sqlalchemy.engine import Connection

from ..storage.models import ENDED, parcels
from . import grants
from .digits import EXPECTED_DAYS

DEADLINE_DAYS_MAX = 60
REVOKED_S = (EXPECTED_DAYS + DEADLINE_DAYS_MAX) * DAY_S
"""How long a locker refuses a parcel's code: as long as the parcel may be expected, and lie there."""


def withdraw(connection: Connection, id_: str, locker: str, state: str, grant: int | None, at_s: int) -> None:
    """Mark a parcel as revoked; one that has not come is cancelled, and a listed code granted no more."""
    values: dict[str, object] = {"revoked": True}
    if state == "announced":
        values |= {"state": "cancelled", "ended_at": at_s}
    if grant is not None and state not in ENDED:
        grants.drop(connection, locker, grant)
    connection.execute(update(parcels).where(parcels.c.id == id_).values(**values))
