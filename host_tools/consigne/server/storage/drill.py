"""A copy tried out: restored into a scratch database, compared with its manifest and the live database."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool

from ..failures import reason
from . import backup, migrations
from .backup import BackupError, Manifest, Told, silent
from .database import Database, as_it_is, parsed_url, sqlite_file
from .restore import damage, extract, into_postgresql

_SCRATCH = "consigne_drill_"


@dataclass
class Drill:
    """What a drill found: how many rows each table has, and in a sentence each what is wrong.

    ``live`` is None where there is no database to compare with.
    """

    manifest: Manifest
    restored: dict[str, int]
    live: dict[str, int] | None
    problems: list[str]


def drill(url: str, file: Path, told: Told = silent) -> Drill:
    """Restore a copy into a scratch database, compare it with its manifest and with the live database.

    The scratch database is brought to this Consigne's schema as a host would at its start, and then removed.
    Nothing is written into the live database; the host may run.

    Raises
    ------
    BackupError
        The copy is damaged, newer, or cannot be restored; PostgreSQL's role may not make a database.
    consigne.server.storage.postgrestools.ToolError, OSError, sqlalchemy.exc.DatabaseError
        As for ``restore``.
    """
    found = backup.manifest(file)
    parsed = parsed_url(url)
    if found.database == "postgresql" and parsed.get_backend_name() == "sqlite":
        raise BackupError(
            f"{file} is of PostgreSQL: give --database one, the scratch database is made beside it"
        )
    found = backup.check(file, told)
    scratch = (
        _scratch_file(file, found)
        if found.database == "sqlite"
        else _scratch_postgresql(url, file, found, told)
    )
    problems = []
    with scratch as at:
        with as_it_is(at) as connection:
            restored = backup.counts(connection)
            known = _known(connection)
        problems += _differences(found.tables, restored)
        Database(at).close()
    live = None
    if found.database == parsed.get_backend_name() and _is_there(url):
        with as_it_is(url) as connection:
            if migrations.version_of(connection) is not None:
                live = backup.counts(connection)
                problems += _not_earlier(known, _known(connection))
    return Drill(found, restored, live, problems)


def _is_there(url: str) -> bool:
    parsed = parsed_url(url)
    return parsed.get_backend_name() != "sqlite" or sqlite_file(parsed, url).exists()


def _differences(said: dict[str, int], restored: dict[str, int]) -> list[str]:
    return [
        f"{name} has {restored.get(name, 0):,} rows, and the manifest says {said.get(name, 0):,}"
        for name in sorted({*said, *restored})
        if said.get(name) != restored.get(name)
    ]


@dataclass(frozen=True, slots=True)
class _Known:
    """What only grows or stays: the keys of lockers, and how far each journal is held."""

    keys: dict[str, bytes]
    held: dict[tuple[str, int], int]


def _known(connection: Connection) -> _Known:
    """The columns are the same in every version of the schema."""
    keys = connection.execute(text("SELECT id, device_key FROM lockers"))
    held = connection.execute(text("SELECT locker, epoch, contiguous FROM streams"))
    return _Known(
        {row.id: bytes(row.device_key) for row in keys},
        {(row.locker, int(row.epoch)): int(row.contiguous) for row in held},
    )


def _not_earlier(copy: _Known, live: _Known) -> list[str]:
    """Why a copy is not an earlier state of the live database."""
    strange = sorted(copy.keys.keys() - live.keys.keys())
    both = copy.keys.keys() & live.keys.keys()
    same = [name for name in both if copy.keys[name] == live.keys[name]]  # others: retired or replaced since
    held = copy.held.items()
    ahead = sorted({stream[0] for stream, upto in held if upto > live.held.get(stream, 0)})
    problems = []
    if strange:
        problems.append(f"{_few(strange)} of the backup are unknown to the live database: another host's?")
    if both and not same:
        problems.append("no locker of the backup has the key of the live database: another host's?")
    if ahead:
        problems.append(
            f"the live database lacks events of {_few(ahead)} that the backup has: was it restored?"
        )
    return problems


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" .." if len(names) > 3 else "")


@contextmanager
def _scratch_file(file: Path, found: Manifest) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="consigne-drill-") as directory:
        scratch = Path(directory) / "host.db"
        extract(file, found, scratch)
        wrong = damage(scratch)
        if wrong:
            raise BackupError(f"the database in {file} is damaged: {wrong}")
        yield f"sqlite:///{scratch}"


@contextmanager
def _scratch_postgresql(url: str, file: Path, found: Manifest, told: Told) -> Iterator[str]:
    engine = create_engine(
        parsed_url(url), isolation_level="AUTOCOMMIT", poolclass=NullPool, hide_parameters=True
    )
    name = _SCRATCH + secrets.token_hex(4)
    try:
        with engine.connect() as connection:
            _drop_abandoned(connection)
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    except ProgrammingError as error:
        engine.dispose()
        raise BackupError(
            f"no scratch database can be made ({reason(error)}): let the role of the host make one, "
            f"as PostgreSQL's own user: ALTER ROLE {parsed_url(url).username or 'consigne'} CREATEDB"
        ) from None
    try:
        scratch = parsed_url(url).set(database=name).render_as_string(hide_password=False)
        into_postgresql(scratch, file, found, [], told)
        yield scratch
    finally:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()


def _drop_abandoned(connection: Connection) -> None:
    """Remove the scratch databases of drills that were killed: those that nobody is connected to."""
    wanted = text(
        "SELECT datname FROM pg_database"
        " WHERE datname LIKE :like AND datdba = to_regrole(current_user::text) "
        "AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pg_stat_activity.datname = pg_database.datname)"
    )
    like = _SCRATCH.replace("_", r"\_") + "%"
    for name in connection.execute(wanted, {"like": like}).scalars().all():
        connection.exec_driver_sql(f'DROP DATABASE "{name}"')
