"""How parcels are shown: one, or a page of them, and under which id they are known."""

import time
from dataclasses import dataclass

from locker.core.timekeeping import DAY_S
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from ..errors import NotFound
from ..storage.database import columns_of
from ..storage.lookup import canonical_id
from ..storage.models import ENDED, IN_A_LOCKER, parcels
from ..storage.secret import Secret

PAGE_MAX = 500
LABEL_CHARACTERS_MAX = 100
LABEL_PATTERN = r"^[\t\r\n\x1d -~]*$"
"""Longest label as scanned or typed; its id is shorter, see ``canonical_id``."""
_NEWEST_FIRST = (func.coalesce(parcels.c.announced_at, 0).desc(), parcels.c.id)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel.  Times are Unix seconds; ``collect_by`` is known once it lies in a locker."""

    id: str
    locker: str
    state: str
    size: int
    low: bool
    code: str
    revoked: bool
    door: int | None
    announced_at: int | None
    expected_until: int | None
    deposited_at: int | None
    collect_by: int | None
    overdue: bool
    ended_at: int | None
    carrier: int | None


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """A parcel as the database has it, without how its customer is told."""

    id: str
    locker: str
    state: str
    size: int
    low: bool
    code: str
    digits: Secret | None
    grant: int | None
    announced_at: int | None
    expected_until: int | None
    deadline_days: int
    revoked: bool
    door: int | None
    deposited_at: int | None
    ended_at: int | None
    carrier: int | None


COLUMNS = columns_of(ParcelRow, parcels)


def page(
    connection: Connection,
    locker: str | None,
    *,
    open_only: bool,
    overdue: bool,
    carrier: int | None,
    after: str,
    limit: int,
) -> list[Parcel]:
    """Parcels, the newest announcement first; see ``Parcels.list``."""
    wanted = select(*COLUMNS).order_by(*_NEWEST_FIRST)
    if locker is not None:
        wanted = wanted.where(parcels.c.locker == locker)
    if carrier is not None:
        wanted = wanted.where(parcels.c.carrier == carrier)
    if open_only:
        wanted = wanted.where(parcels.c.state.not_in(ENDED))
    if overdue:
        end_s = parcels.c.deposited_at + parcels.c.deadline_days * DAY_S
        there = parcels.c.state.in_(IN_A_LOCKER) & (parcels.c.deadline_days > 0)
        wanted = wanted.where(there, end_s < int(time.time()))
    if after:
        last = row_of(connection, after)
        at = func.coalesce(parcels.c.announced_at, 0)
        same = (at == (last.announced_at or 0)) & (parcels.c.id > last.id)
        wanted = wanted.where((at < (last.announced_at or 0)) | same)
    return [parcel_of(ParcelRow(*row)) for row in connection.execute(wanted.limit(min(limit, PAGE_MAX)))]


def find(connection: Connection, canonical: str) -> ParcelRow | None:
    """The row of a parcel with this id in its canonical form; None when nobody knows it."""
    row = connection.execute(select(*COLUMNS).where(parcels.c.id == canonical)).first()
    return ParcelRow(*row) if row is not None else None


def row_of(connection: Connection, id_: str) -> ParcelRow:
    """A parcel's row.  Raises ``NotFound``."""
    row = find(connection, canonical_id(id_))
    if row is None:
        raise NotFound(f"no parcel {id_} is known")
    return row


def parcel_of(row: ParcelRow) -> Parcel:
    """A parcel as its row says it."""
    collect_by = None
    if row.state in IN_A_LOCKER and row.deposited_at is not None and row.deadline_days:
        collect_by = row.deposited_at + row.deadline_days * DAY_S
    return Parcel(
        id=row.id,
        locker=row.locker,
        state=row.state,
        size=row.size,
        low=row.low,
        code=row.code,
        revoked=row.revoked,
        door=row.door if row.state != "announced" else None,
        announced_at=row.announced_at,
        expected_until=row.expected_until,
        deposited_at=row.deposited_at,
        collect_by=collect_by,
        overdue=collect_by is not None and collect_by < time.time(),
        ended_at=row.ended_at,
        carrier=row.carrier,
    )
