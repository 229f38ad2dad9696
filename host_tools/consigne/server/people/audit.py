"""Who did what and when: commands to lockers, codes shown, parcels announced, accounts made."""

import time
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ..storage import retention
from ..storage.ages import Ages
from ..storage.database import Database
from ..storage.models import audit, commands

HOST = "host"
"""The name that stands for the host itself, where no person acts."""
PAGE_MAX = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that somebody did; ``outcome`` is ``(state, result)`` of a command, None of all else."""

    at: int
    by: str
    action: str
    locker: str | None
    parcel: str | None
    detail: str
    outcome: tuple[str, str | None] | None


def note(
    connection: Connection,
    by: str,
    action: str,
    *,
    locker: str | None = None,
    parcel: str | None = None,
    command: str | None = None,
    detail: str = "",
) -> None:
    """Write down that somebody did something, in the transaction in which it is done."""
    values = {"at": int(time.time()), "by": by, "action": action, "detail": detail, "command": command}
    connection.execute(audit.insert().values(locker=locker, parcel=parcel, **values))


def trail(connection: Connection, locker: str | None = None, limit: int = 50) -> list[Entry]:
    """What people did, the newest first."""
    fates = (commands.c.state, commands.c.result)
    wanted = select(audit, *fates).join(commands, commands.c.id == audit.c.command, isouter=True)
    if locker is not None:
        wanted = wanted.where(audit.c.locker == locker)
    rows = connection.execute(wanted.order_by(audit.c.id.desc()).limit(min(limit, PAGE_MAX)))
    return [
        Entry(
            at=row.at,
            by=row.by,
            action=row.action,
            locker=row.locker,
            parcel=row.parcel,
            detail=row.detail,
            outcome=(row.state, row.result) if row.state is not None else None,
        )
        for row in rows
    ]


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Delete old entries."""
    retention.delete_first(database, audit, audit.c.at < retention.before(at_s, ages.trail))
