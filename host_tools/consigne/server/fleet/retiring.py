"""A locker or counter that is taken down: it serves nobody any more, and what happened there stays known.

Its name is never given again, so its events, parcels, alarms and trail cannot be taken for another's.  The
host forgets its key, so no code can be made that opens it and nothing it says is believed; the key in the
locker itself is erased there (``consigne device erase``).
"""

import secrets
from collections.abc import Sequence

from locker.core import doors
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from consigne.words import counted

from ..access import grants
from ..errors import Conflict
from ..people import audit
from ..storage import lookup
from ..storage.models import IN_A_LOCKER, accounts, compartments, lockers, parcels, sessions, streams
from ..storage.models import commands as commands_table
from ..storage.models import grants as grants_table
from ..storage.secret import Secret
from .answers import EXPIRED, SENT, SUPERSEDED, WAITING

_NAMED = 3  # parcels in a refusal


def retire(connection: Connection, locker: str, by: str, at_s: int) -> None:
    """Take a locker out of service in the caller's transaction.

    Raises
    ------
    NotFound, Conflict
        It is not registered; it was retired before; a parcel lies in it, or is announced to it.
    """
    _stop_events(connection, locker)
    lookup.in_service(connection, locker)
    _refuse_while_used(connection, locker)
    live = (grants_table.c.locker == locker) & grants_table.c.dropped.is_(None)
    ids = connection.execute(select(grants_table.c.id).where(live)).scalars().all()
    grants.drop_all(connection, [(locker, id_) for id_ in ids])
    open_ = commands_table.c.state.in_((WAITING, SENT))
    waiting = update(commands_table).where(commands_table.c.locker == locker, open_)
    connection.execute(waiting.values(state=EXPIRED, result=SUPERSEDED))
    _close_accounts(connection, locker)
    values = {"retired_at": at_s, "up": False, "device_key": Secret(secrets.token_bytes(32))}
    connection.execute(update(lockers).where(lockers.c.id == locker).values(**values))
    audit.note(connection, by, "retire", locker=locker, detail=f"{counted(len(ids), 'grant')} withdrawn")


def _stop_events(connection: Connection, locker: str) -> None:
    """Keep workers from storing its events until this transaction ends."""
    for table, column in ((lockers, lockers.c.id), (streams, streams.c.locker)):  # as ``storage.locks`` says
        connection.execute(select(column).select_from(table).where(column == locker).with_for_update()).all()


def _refuse_while_used(connection: Connection, locker: str) -> None:
    here = parcels.c.locker == locker
    inside = select(parcels.c.id).where(here, parcels.c.state.in_(IN_A_LOCKER))
    ids = connection.execute(inside.order_by(parcels.c.id)).scalars().all()
    if ids:
        raise Conflict(f"{locker} still holds {_count(ids)}: have them collected or taken back first")
    full = compartments.c.content.in_((doors.PARCEL, doors.FILLING)) & (compartments.c.locker == locker)
    filled = connection.execute(select(compartments.c.door).where(full)).scalars().all()
    if filled:
        raise Conflict(
            f"{locker} says that something lies in {len(filled)} of its compartments: have them emptied first"
        )
    announced = select(parcels.c.id).where(here, parcels.c.state == "announced").order_by(parcels.c.id)
    ids = connection.execute(announced).scalars().all()
    if ids:
        raise Conflict(f"{_count(ids)} still to come to {locker}: make what is announced worthless first")


def _count(ids: Sequence[str]) -> str:
    """``2 parcels (A, B)``."""
    names = ", ".join(ids[:_NAMED]) + (", .." if len(ids) > _NAMED else "")
    return f"{counted(len(ids), 'parcel')} ({names})"


def _close_accounts(connection: Connection, locker: str) -> None:
    """Disable the accounts of people whose place it was."""
    names = connection.execute(select(accounts.c.name).where(accounts.c.locker == locker)).scalars().all()
    connection.execute(sessions.delete().where(sessions.c.account.in_(names)))
    connection.execute(update(accounts).where(accounts.c.locker == locker).values(disabled=True))
