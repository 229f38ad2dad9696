"""Whether somebody else has the host's database open, for commands that need it to themselves."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import text
from sqlalchemy.engine import Connection

from .database import as_it_is, parsed_url, sqlite_file

_STOP = "stop the host first (systemctl stop consigne-host), and whatever else has it open"


class Occupied(RuntimeError):
    """Another program has the database open; the text says what to do."""


def check(url: str) -> None:
    """Raises ``Occupied``; also what ``database.as_it_is`` raises."""
    parsed = parsed_url(url)
    if parsed.get_backend_name() == "sqlite":
        with alone(sqlite_file(parsed, url)):
            return
    with as_it_is(url) as connection:
        check_others(connection)


def check_others(connection: Connection) -> None:
    """Refuse when PostgreSQL has other connections to this database.  Raises ``Occupied``."""
    wanted = text(
        "SELECT coalesce(nullif(application_name, ''), 'a program without a name') FROM pg_stat_activity "
        "WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    names = sorted(connection.execute(wanted).scalars())
    if names:
        told = ", ".join(dict.fromkeys(names))
        raise Occupied(f"the database is in use ({len(names)} connections: {told}): {_STOP}")


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Hold SQLite's file for this program alone; what other connections had not yet written into it is in it.

    A file that is no database is let through: no host can be running on it.

    Raises
    ------
    Occupied
        Another connection is open, if only an idle one.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(file))}?mode=rw", uri=True, timeout=0, isolation_level=None
    )
    try:
        try:
            # Leaving WAL needs every other connection closed; a lock alone would miss a host that is idle.
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise Occupied(f"{file} is in use: {_STOP}") from None
            raise
        except sqlite3.DatabaseError:  # no database at all, or one that is damaged
            pass
        yield
    finally:
        connection.close()
