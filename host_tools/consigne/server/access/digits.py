"""The digits of parcels at one locker: which are taken, and new ones drawn at random.

Runs in the caller's transaction.
"""

from dataclasses import replace
from typing import TypedDict

from locker.core import events, records
from locker.core.timekeeping import DAY_S
from sqlalchemy import select
from sqlalchemy.engine import Connection

from consigne.protocol import codes

from ..errors import Conflict
from ..storage.lookup import LockerRow
from ..storage.models import ENDED, parcels
from ..storage.models import grants as grants_table
from ..storage.secret import Secret
from . import grants

DERIVED, LISTED = "derived", "listed"
EXPECTED_DAYS = 30
"""How long a locker expects an announced parcel that has not arrived."""
LISTED_TRIES = 100  # draws of digits before giving up; each collides with probability < 1e-4


class Taken:
    """The digits of every code that works, or will work, at a locker: ``digits in taken``."""

    def __init__(self, connection: Connection, where: LockerRow, now_s: int) -> None:
        self._key = where.signing_key()
        here = (parcels.c.locker == where.id) & parcels.c.state.not_in(ENDED)
        wanted = select(parcels.c.id, parcels.c.digits).where(here)
        self._digits = set()
        for row in connection.execute(wanted):
            if row.digits is not None:
                self._digits.add(row.digits.reveal().decode())
            self._digits.add(codes.derived_code(self._key, row.id, where.digits))
        live = (grants_table.c.locker == where.id) & grants_table.c.dropped.is_(None)
        ahead = select(grants_table.c.tag).where(live, grants_table.c.not_after > now_s)
        self._tags = {row.tag.reveal() for row in connection.execute(ahead)}

    def __contains__(self, digits: str) -> bool:
        return digits in self._digits or self.has_tag(codes.listed_tag(self._key, digits))

    def has_tag(self, tag: bytes) -> bool:
        """Whether a live grant carries this tag."""
        return tag in self._tags


def draw(where: LockerRow, taken: Taken) -> str:
    """New digits nobody else has at a locker.  Raises ``Conflict`` when there are none to be found."""
    for _ in range(LISTED_TRIES):
        digits = codes.new_digits(where.digits)
        if digits not in taken:
            return digits
    raise Conflict(f"no free digits at locker {where.id}")


class Listed(TypedDict):
    """The columns of a parcel with a listed code."""

    digits: Secret
    grant: int


def draw_listed(
    connection: Connection, where: LockerRow, id_: str, deadline_days: int, taken: Taken, now_s: int
) -> Listed:
    """Draw digits nobody else has there and grant them; returns the parcel's columns."""
    digits = draw(where, taken)
    new = grants.Grant(
        tag=Secret(codes.listed_tag(where.signing_key(), digits)),
        not_before=now_s - DAY_S,  # a clock that is behind must not turn the customer away
        not_after=now_s + (EXPECTED_DAYS + deadline_days) * DAY_S,
        role=events.CUSTOMER,
        action=events.COLLECT,
        holder=0,
        door=records.ANY_DOOR,
        uses=1,
        parcel=id_,
    )
    return {"digits": Secret(digits.encode()), "grant": grants.add(connection, where.id, new)}


def prolong(connection: Connection, locker: str, grant: int, days: int) -> int:
    """Have a listed code work some days longer; returns the grant that takes the old one's place."""
    old = grants.get(connection, locker, grant)
    grants.drop(connection, locker, grant)
    return grants.add(connection, locker, replace(old, not_after=old.not_after + days * DAY_S))
