"""Which of several hosts on one database leads: a lease that it renews, with a number that rises.

The leader speaks with the lockers: it signs commands, sends notices, keeps presence.  Another host stands by,
and takes the lease over when it has not been renewed for ``EXPIRES_S``.  No clock is compared with another:
the row has a ``beat`` that the leader raises, and who stands by measures how long it stays the same.

A leader may be stopped for a minute and go on without knowing that it was deposed.  So whoever signs calls
``check`` in the very transaction: the *fence*, a number that rises with each change of the leader, must still
be its own.  On PostgreSQL the row is locked until the commit: no takeover comes between.
"""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ..threads import Threads
from .database import Database, insert
from .models import leases

log = logging.getLogger(__name__)

RENEW_S = 1.0
EXPIRES_S = 5.0
"""Longer than a renewal may take on a busy database; a takeover follows within this and ``RENEW_S``."""
HOST = "host"
_WAITING_CALLS_MAX = 4
_DEPOSED = "this host did not renew its lease in time and another one leads now: started again it stands by"


Check = Callable[[Connection], None]
"""Called in the transaction of what only the leader may do.  Raises ``LeadershipLost``."""


def anybody(connection: Connection) -> None:
    """The ``Check`` of who has no lease, such as a worker, which signs nothing."""


class LeadershipLost(RuntimeError):
    """Another host leads now: this one must end, or be started again to stand by."""


class _Row(NamedTuple):
    holder: str
    fence: int
    beat: int


class Lease:
    """The lease of one host process.

    ``holder`` is its name in the row, for people: machine, process, and a random part.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads = Threads("lease", 1, _WAITING_CALLS_MAX)
        self.holder = f"{socket.gethostname()[:60]}/{os.getpid()}/{secrets.token_hex(4)}"
        self._fence = 0
        self.standing_by = False  # another host leads, and this one waits
        self._seen: _Row | None = None
        self._seen_at_s = 0.0

    async def acquire(self) -> None:
        """Wait until this process leads, however long another one does."""
        while True:
            try:
                other = await self._threads.run(self.attempt)
            except SQLAlchemyError as error:
                self._database.complain(error)
                other = None
            if self._fence:
                self.standing_by = False
                log.info("this host leads (%s, fence %d)", self.holder, self._fence)
                return
            if other is not None and not self.standing_by:
                self.standing_by = True
                log.warning("standing by: %s leads; this host takes over when it stops", other)
            await asyncio.sleep(RENEW_S)

    async def keep(self) -> None:
        """Renew for ever.  Raises ``LeadershipLost``.

        A database that does not answer ends nothing: nobody else can take over in it meanwhile.
        """
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._threads.run(self.renew)
            except SQLAlchemyError as error:
                self._database.complain(error)

    async def release(self) -> None:
        """Let another host lead at once."""
        if self._fence:
            try:
                await self._threads.run(self.give_up)
            except SQLAlchemyError as error:
                self._database.complain(error)  # it expires
        await self._threads.stop()

    def check(self, connection: Connection) -> None:
        """A ``Check``: this process leads, and does until the transaction ends."""
        mine = select(leases.c.fence).where(leases.c.name == HOST).with_for_update(read=True)
        if not self._fence or connection.execute(mine).scalar() != self._fence:
            raise LeadershipLost(_DEPOSED)

    # --- blocking ------------------------------------------------------------------------------------------

    def attempt(self) -> str | None:
        """Take the lease if it is free or has expired; else returns who holds it."""
        with self._database.read() as connection:
            row = _read(connection)
        if row is None:
            with self._database.write() as connection:
                first = {"name": HOST, "holder": "", "fence": 0, "beat": 0}
                connection.execute(insert(connection, leases).on_conflict_do_nothing(), [first])
                row = _read(connection)
        now_s = time.monotonic()
        if row != self._seen:
            self._seen, self._seen_at_s = row, now_s
        if row is None or (row.holder and now_s - self._seen_at_s < EXPIRES_S):
            return row.holder if row is not None else None
        unchanged = (leases.c.fence == row.fence) & (leases.c.beat == row.beat)
        values = {"holder": self.holder, "fence": row.fence + 1, "beat": row.beat + 1}
        with self._database.write() as connection:
            here = update(leases).where(leases.c.name == HOST, unchanged).values(**values)
            if connection.execute(here).rowcount:
                self._fence = row.fence + 1
        return row.holder

    def renew(self) -> None:
        """Say that this process is alive.  Raises ``LeadershipLost``."""
        mine = (leases.c.name == HOST) & (leases.c.fence == self._fence)
        with self._database.write() as connection:
            if not connection.execute(update(leases).where(mine).values(beat=leases.c.beat + 1)).rowcount:
                raise LeadershipLost(_DEPOSED)

    def give_up(self) -> None:
        """Hold the lease no longer; does nothing where it is another's."""
        mine = (leases.c.name == HOST) & (leases.c.fence == self._fence)
        with self._database.write() as connection:
            connection.execute(update(leases).where(mine).values(holder=""))
        self._fence = 0


def _read(connection: Connection) -> _Row | None:
    wanted = select(leases.c.holder, leases.c.fence, leases.c.beat).where(leases.c.name == HOST)
    row = connection.execute(wanted).first()
    return _Row(*row) if row is not None else None
