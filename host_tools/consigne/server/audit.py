"""Who did what and when, of what is no command to a locker: codes shown, parcels announced, accounts made.

Commands carry their own ``by``; together they are the trail that ``trail`` reads.
"""

import time
from typing import Any

from sqlalchemy import literal, null, select, union_all
from sqlalchemy.engine import Connection

from consigne.server.commands import HOST
from consigne.server.models import audit, commands

KEEP_S = 400 * 86_400
PAGE_MAX = 200


def note(
    connection: Connection,
    by: str,
    action: str,
    *,
    locker: str | None = None,
    parcel: str | None = None,
    detail: str = "",
) -> None:
    """Write down that somebody did something, in the transaction in which it is done."""
    values = {"at": int(time.time()), "by": by, "action": action, "detail": detail}
    connection.execute(audit.insert().values(locker=locker, parcel=parcel, **values))


def trail(connection: Connection, locker: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """What people did, the newest first.

    Each is a dict of ``at``, ``by``, ``action``, ``locker``, ``parcel``, ``detail`` and ``outcome``, which is
    ``(state, result)`` of a command and None of all else.
    """
    limit = min(limit, PAGE_MAX)
    did = select(
        audit.c.at, audit.c.by, audit.c.action, audit.c.locker, audit.c.parcel, audit.c.detail,
        null().label("state"), null().label("result"), literal(0).label("kind"), audit.c.id.label("number"),
    )  # fmt: skip
    ordered = select(
        commands.c.created_at, commands.c.by, commands.c.cmd, commands.c.locker, null(), commands.c.arguments,
        commands.c.state, commands.c.result, literal(1), literal(0),
    ).where(commands.c.by != HOST)  # fmt: skip
    if locker is not None:
        did = did.where(audit.c.locker == locker)
        ordered = ordered.where(commands.c.locker == locker)
    both = union_all(did, ordered).subquery()
    wanted = select(both).order_by(both.c.at.desc(), both.c.number.desc()).limit(limit)
    out = []
    for row in connection.execute(wanted):
        entry = {name: getattr(row, name) for name in ("at", "by", "action", "locker", "parcel", "detail")}
        out.append({**entry, "outcome": (row.state, row.result) if row.kind else None})
    return out


def forget(connection: Connection, now_s: int) -> None:
    """Let go of what is older than ``KEEP_S``."""
    connection.execute(audit.delete().where(audit.c.at < now_s - KEEP_S))
