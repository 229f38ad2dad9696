"""Back from a copy that ``backup`` wrote into the host's database.

A restore is whole or it is not: SQLite's new file takes the place of the old one in one step, PostgreSQL's
tables are replaced in one transaction.
"""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import IO
from urllib.parse import quote

from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from ..failures import reason
from . import backup, migrations, models, occupied, postgrestools
from .backup import BackupError, Manifest, Told, silent
from .database import as_it_is, parsed_url, sqlite_file

_OTHER_TABLES = {"alembic_version", "about"}
_PART = re.compile(r"events_(before|rest|\d{4}_\d\d)")  # of events, taken off and not yet dropped
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_WAIT_MS = 10_000
_PIECE = 1 << 20


def restore(url: str, file: Path, *, replace: bool = False, told: Told = silent) -> Manifest:
    """Put a copy into the database at ``url``, which is as before when this raises.

    Parameters
    ----------
    replace
        Also where that database holds something, which is lost then.

    Raises
    ------
    BackupError
        The copy is damaged, newer, or of another kind of database; the database is not empty, or not
        Consigne's.
    consigne.server.storage.occupied.Occupied
        The host is running.
    consigne.server.storage.postgrestools.ToolError, ValueError, OSError, sqlalchemy.exc.DatabaseError
        As for ``backup.write``.
    """
    parsed = parsed_url(url)
    found = _of_kind(file, parsed.get_backend_name(), told)
    if found.database == "sqlite":
        _into_file(sqlite_file(parsed, url), url, file, found, replace=replace)
        return found
    with as_it_is(url) as connection:
        occupied.check_others(connection)
        old = _replaceable(connection, replace=replace)
    into_postgresql(url, file, found, old, told)
    return found


def _of_kind(file: Path, kind: str, told: Told) -> Manifest:
    found = backup.manifest(file)
    if found.database != kind:
        raise BackupError(
            f"{file} is of {_NAMES[found.database]} and the database of {_NAMES[kind]}: "
            f"give --database one of {_NAMES[found.database]}, or take another backup"
        )
    return backup.check(file, told)


def _replaceable(connection: Connection, *, replace: bool) -> list[str]:
    """The tables there are now.  Raises ``BackupError`` where they must stay."""
    names = backup.tables(connection)
    try:
        migrations.version_of(connection)
    except migrations.OtherSchema as error:
        raise BackupError(f"{error}; nothing was restored") from None
    ours = {*models.metadata.tables} | _OTHER_TABLES
    foreign = [name for name in names if name not in ours and not _PART.fullmatch(name)]
    if foreign:
        raise BackupError(
            f"the database has tables that are not Consigne's ({', '.join(foreign[:3])}): give another one"
        )
    rows = {name: count for name, count in backup.counts(connection).items() if name not in _OTHER_TABLES}
    if any(rows.values()) and not replace:
        held = ", ".join(f"{rows.get(name, 0):,} {name}" for name in ("lockers", "parcels", "events"))
        raise BackupError(
            f"the database is not empty ({held}): give another one, or --replace, which deletes what it holds"
        )
    return names


# --- SQLite ----------------------------------------------------------------------------------------------


def _into_file(target: Path, url: str, file: Path, found: Manifest, *, replace: bool) -> None:
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent}; make it first, or mend the URL")
    with tempfile.TemporaryDirectory(prefix=".consigne-", dir=target.parent) as directory:
        new = Path(directory) / "host.db"
        extract(file, found, new)
        wrong = damage(new)
        if wrong:
            raise BackupError(f"the database in {file} is damaged ({wrong}): take another backup")
        let_shrink(new)
        if not target.exists():
            _take_place(new, target)
            return
        with occupied.alone(target):
            _check_file(target, replace=replace)
            _take_place(new, target)


def _check_file(target: Path, *, replace: bool) -> None:
    """Refuse to replace what must stay.  This program itself holds the lock, so it is read past that."""

    def reading() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(target))}?mode=ro&immutable=1", uri=True)

    engine = create_engine("sqlite://", creator=reading, poolclass=NullPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            _replaceable(connection, replace=replace)
    except DatabaseError as error:
        if not replace:
            raise BackupError(
                f"{target} is there and cannot be read ({reason(error)}): give --replace to replace it"
            ) from None
    finally:
        engine.dispose()


def _take_place(new: Path, target: Path) -> None:
    """One step, on the disk when it returns; what lay beside the old file belongs to that one."""
    for end in ("-wal", "-shm", "-journal"):
        target.with_name(target.name + end).unlink(missing_ok=True)
    new.replace(target)
    backup.sync_folder(target.parent)


def extract(file: Path, found: Manifest, to: Path) -> None:
    """Write the database of a checked copy into a new file, for its owner alone."""
    with (
        zipfile.ZipFile(file) as archive,
        archive.open(found.member) as member,
        os.fdopen(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out,
    ):
        shutil.copyfileobj(member, out, _PIECE)
        out.flush()
        os.fsync(out.fileno())


def let_shrink(file: Path) -> None:
    """Have a file of SQLite's that was made before ``auto_vacuum`` was turned on shrink from now on."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        if not connection.execute("PRAGMA auto_vacuum").fetchone()[0]:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("VACUUM")


def damage(file: Path) -> str | None:
    """What is wrong with a file of SQLite's; None when nothing is."""
    connection = sqlite3.connect(file)
    try:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            return str(found)
        orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
        return f"a row of {orphan[0]} belongs to a row of {orphan[2]} that is not there" if orphan else None
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.close()


# --- PostgreSQL ------------------------------------------------------------------------------------------


def into_postgresql(url: str, file: Path, found: Manifest, old: list[str], told: Told) -> None:
    """Delete the tables ``old`` and make those of the copy in one transaction, which psql carries out.

    pg_restore's own ``--single-transaction`` knows only the tables that are in the copy.  COMMIT is sent only
    when pg_restore has said that it wrote all, since psql would take what broke off for the whole.
    """
    reader = postgrestools.found("pg_restore", found.tool, str(file))
    writer = postgrestools.found("psql", found.tool, str(file))
    into_sql = [reader, "--file=-", "--no-owner", "--no-privileges", "--schema=public"]
    carry_out = [writer, "--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1"]
    begin = f"BEGIN;\nSET LOCAL lock_timeout = {_WAIT_MS};\n"
    if old:
        begin += f"DROP TABLE {', '.join(chr(34) + name + chr(34) for name in old)};\n"
    with (
        postgrestools.reaching(parsed_url(url)) as environment,
        _Program(into_sql, environment) as reading,
        _Program([*carry_out, postgrestools.CONNECTION], environment) as writing,
        zipfile.ZipFile(file) as archive,
        archive.open(found.member) as member,
    ):
        feeding = threading.Thread(target=reading.feed, args=(member,), name="copy to pg_restore")
        feeding.start()
        writing.write(begin.encode())
        done = 0
        while piece := reading.read():
            if not writing.write(piece):
                break
            done += len(piece)
            told(f"restored {done / 1e6:,.0f} MB")
        else:
            reading.ended("pg_restore")
            writing.write(b"COMMIT;\n")
        writing.close()
        writing.ended("psql")
        feeding.join()


class _Program:
    """A running program with pipes at both ends; it is ended at the end of the block."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, env=environment
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes")
        self._in, self._out = self._process.stdin, self._process.stdout

    def __enter__(self) -> "_Program":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self.close()
        self._out.close()
        self._said.close()

    def read(self) -> bytes:
        return self._out.read(_PIECE)

    def write(self, piece: bytes) -> bool:
        """False when it takes no more, because it has ended."""
        try:
            self._in.write(piece)
            self._in.flush()
        except BrokenPipeError:
            return False
        return True

    def feed(self, source: IO[bytes]) -> None:
        while (piece := source.read(_PIECE)) and self.write(piece):
            pass
        self.close()

    def close(self) -> None:
        """There is no more to take for it."""
        with contextlib.suppress(BrokenPipeError):
            self._in.close()

    def ended(self, name: str) -> None:
        """Wait for its end.  Raises ``BackupError`` with what it said, if it failed."""
        if self._process.wait():
            self._said.seek(0)
            raise BackupError(
                f"{name} failed, and nothing was changed: {postgrestools.last_words(self._said.read())}"
            )
