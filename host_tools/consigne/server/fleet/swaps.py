"""A locker begins a new journal: its board or its flash was replaced, or it is new.

What it is told first is in ``contents``.  The rest it gets in the ways it always did: the set of grants from
version 0, the time when it asks, and what people once ordered to last, which is ordered again here.
Runs inside the transaction that stores the locker's status.
"""

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.engine import Connection

from consigne.protocol.messages import Arguments

from ..access import grants
from ..storage.models import commands as table
from ..storage.models import grants as grants_table
from . import commands, contents
from .answers import DONE


def tell(connection: Connection, locker: str, epoch: int, now_s: int) -> None:
    """Answer a locker that asks what lies in it; once, however often it asks in the same moment."""
    if commands.is_telling(connection, locker, now_s):
        return
    _renew_grants(connection, locker)
    for cmd, arguments, subject in [*_lasting(connection, locker, now_s)]:
        commands.issue(connection, locker, cmd, arguments, now_s, subject=subject)
    commands.tell_contents(connection, locker, epoch, now_s)


def _lasting(connection: Connection, locker: str, now_s: int) -> Iterator[tuple[str, Arguments, str]]:
    """Settings, the message on the display and reservations, as they were ordered last and have not ended."""
    lasting = (commands.CONFIGURE, commands.MESSAGE, commands.RESERVE)
    done = (table.c.locker == locker) & (table.c.state == DONE) & table.c.cmd.in_(lasting)
    settings: dict[str, str] = {}
    newest: dict[str, tuple[str, Arguments]] = {}
    wanted = select(table.c.cmd, table.c.arguments).where(done).order_by(table.c.created_at)
    for cmd, arguments in connection.execute(wanted):
        if cmd == commands.CONFIGURE:
            settings.update(one for one in arguments.get("set", ()) if len(one) == 2)
        else:
            newest[f"reserve {arguments.get('door')}" if cmd == commands.RESERVE else cmd] = cmd, arguments
    settings = {name: value for name, value in settings.items() if value}
    if settings:
        yield commands.CONFIGURE, {"set": [[*one] for one in settings.items()]}, commands.CONFIGURE
    for subject, (cmd, arguments) in newest.items():
        if arguments.get("until", 0) > now_s and (cmd == commands.RESERVE or arguments.get("text")):
            yield cmd, arguments, subject


def _renew_grants(connection: Connection, locker: str) -> None:
    """A new journal counts no uses: a grant for so many is replaced by one for those that are left."""
    here = (grants_table.c.locker == locker) & grants_table.c.dropped.is_(None)
    counted = here & (grants_table.c.uses > 0) & (grants_table.c.parcel == "")
    ids = connection.execute(select(grants_table.c.id).where(counted)).scalars().all()
    used = contents.opened(connection, locker, ids) if ids else {}
    for id_, times in used.items():
        grant = grants.get(connection, locker, id_)
        grants.drop(connection, locker, id_)
        if grant.uses > times:
            grants.add(connection, locker, replace(grant, uses=grant.uses - times))
