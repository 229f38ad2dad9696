"""A copy of the host's database in one file, taken while the host runs, and what such a file says of itself.

The file is a ZIP archive, so that it can be opened without Consigne, of two members: the database (SQLite's
file as it was at one moment, or what ``pg_dump --format=custom`` wrote) and ``manifest.json``, written last.
It holds device keys and customers' addresses in clear: it is as secret as the host.
"""

import hashlib
import json
import os
import sqlite3
import subprocess
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal
from urllib.parse import quote

from locker import VERSION
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from . import migrations, postgrestools
from .database import as_it_is, parsed_url, sqlite_file

FORMAT = 1
SUFFIX = ".backup"
MANIFEST = "manifest.json"
_MEMBERS = {"sqlite": "host.db", "postgresql": "host.dump"}
_PIECE = 1 << 20
_PAGES = 2_048
_MANIFEST_BYTES_MAX = 1 << 20
_PROGRAM = "consigne"

Told = Callable[[str], None]
"""Called now and then with how far something is, in words."""


class BackupError(RuntimeError):
    """A copy cannot be made, or is none that can be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class _Head:
    """What every manifest says, also that of a newer format."""

    program: str
    format: int
    version: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a copy says of itself.

    ``schema`` is the revision of ``migrations``, ``tables`` how many rows each table has, ``size`` and
    ``sha256`` are of the database in it, ``tool`` is the major version of PostgreSQL that wrote it, 0 for
    SQLite.
    """

    program: str
    format: int
    version: str
    database: Literal["sqlite", "postgresql"]
    schema: str
    taken_at: int
    tables: dict[str, int]
    size: int
    sha256: str
    tool: int

    @property
    def member(self) -> str:
        """The database's name in the archive."""
        return _MEMBERS[self.database]


_HEAD, _MANIFEST = TypeAdapter(_Head), TypeAdapter(Manifest)


def silent(_: str) -> None:
    """Tell nobody."""


def write(url: str, target: Path, told: Told = silent, at_s: int | None = None) -> Manifest:
    """Copy a database into the file ``target``, which is there when this returns and not when it raises.

    The copy is of one moment, whatever the host writes meanwhile; neither waits for the other.

    Raises
    ------
    BackupError, consigne.server.storage.postgrestools.ToolError
        The database is empty or damaged; PostgreSQL's program is missing or failed.
    consigne.server.storage.migrations.OtherSchema, ValueError, OSError, sqlalchemy.exc.DatabaseError
        As for ``database.as_it_is``; ``OSError`` also where the file cannot be written.
    """
    taken_at = int(time.time()) if at_s is None else at_s
    parsed = parsed_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    with _whole(target) as file, zipfile.ZipFile(file, "w") as archive:
        packed = _pack_sqlite if is_sqlite else _pack_postgresql
        schema, tables, size, sha256, tool = packed(url, archive, target.parent, told)
        kind: Literal["sqlite", "postgresql"] = "sqlite" if is_sqlite else "postgresql"
        made = Manifest(
            _PROGRAM, FORMAT, VERSION, kind, schema, taken_at, tables, size, sha256, tool
        )  # fmt: skip
        archive.writestr(MANIFEST, json.dumps(asdict(made), indent=1) + "\n")
    return made


_Packed = tuple[str, dict[str, int], int, str, int]


@contextmanager
def _whole(target: Path) -> Iterator[IO[bytes]]:
    """A file that gets its name when it is whole and on the disk, for its owner alone."""
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)  # left by one that was killed outright
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "wb+") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pack_sqlite(url: str, archive: zipfile.ZipFile, folder: Path, told: Told) -> _Packed:
    with tempfile.TemporaryDirectory(prefix=".consigne-", dir=folder) as directory:
        copy = Path(directory) / "host.db"
        copy_sqlite(sqlite_file(parsed_url(url), url), copy, told)
        with as_it_is(f"sqlite:///{copy}") as connection:
            schema, tables = _described(connection)
        size = copy.stat().st_size
        with copy.open("rb") as source:
            sha256 = _store(archive, _MEMBERS["sqlite"], source, zipfile.ZIP_DEFLATED, size, told)
    return schema, tables, size, sha256, 0


def copy_sqlite(source: Path, to: Path, told: Told = silent) -> None:
    """Copy SQLite's database as it is at this moment into one file, by its online backup.

    A read transaction is open from the first page to the last: without it each commit of the host would have
    the copy begin again.  The copy is looked over.  Raises ``BackupError``.
    """
    if not source.exists():
        raise BackupError(f"there is no database {source}")

    def progress(_status: int, left: int, of: int) -> None:
        told(f"copied {100 - 100 * left // max(of, 1)} %")

    reader = sqlite3.connect(f"file:{quote(str(source))}?mode=rw", uri=True, isolation_level=None)
    writer = sqlite3.connect(to, isolation_level=None)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reader.backup(writer, pages=_PAGES, progress=progress)
        writer.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
        found = writer.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{source} cannot be copied: {error}") from None
    finally:
        writer.close()
        reader.close()
    if found != "ok":
        raise BackupError(f"{source} is damaged ({found}): restore an older backup, this one was not written")


def _pack_postgresql(url: str, archive: zipfile.ZipFile, _folder: Path, told: Told) -> _Packed:
    parsed = parsed_url(url)
    with as_it_is(url) as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        major = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
        program = postgrestools.found("pg_dump", major, "the server")
        snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        schema, tables = _described(connection)
        command = [program, "--format=custom", f"--snapshot={snapshot}", postgrestools.CONNECTION]
        with postgrestools.reaching(parsed) as environment, tempfile.TemporaryFile() as said:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=environment) as dumping:
                if dumping.stdout is None:
                    raise RuntimeError("no pipe")
                counted = _Counted(dumping.stdout)
                sha256 = _store(archive, _MEMBERS["postgresql"], counted, zipfile.ZIP_STORED, 0, told)
            if dumping.returncode:
                said.seek(0)
                raise BackupError(f"pg_dump failed: {postgrestools.last_words(said.read())}")
    return schema, tables, counted.size, sha256, postgrestools.version(program)


class _Counted:
    """A stream that counts what was read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.size = 0

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self.size += len(piece)
        return piece


def _store(
    archive: zipfile.ZipFile, name: str, source: "IO[bytes] | _Counted", how: int, size: int, told: Told
) -> str:
    """Write a member; returns its SHA-256.  ``size`` is 0 where it is not known."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type, entry.external_attr = how, 0o600 << 16
    entry._compresslevel = 1  # type: ignore[attr-defined]  # no other way to give it with a ZipInfo in 3.11
    digest, done = hashlib.sha256(), 0
    with archive.open(entry, "w", force_zip64=True) as member:
        while piece := source.read(_PIECE):
            digest.update(piece)
            member.write(piece)
            done += len(piece)
            share = f" of {size / 1e6:,.0f}" if size else ""
            told(f"written {done / 1e6:,.0f}{share} MB")
    return digest.hexdigest()


def _described(connection: Connection) -> tuple[str, dict[str, int]]:
    schema = migrations.version_of(connection)
    if schema is None:
        raise BackupError("the database is empty: there is nothing to copy")
    return schema, counts(connection)


def counts(connection: Connection) -> dict[str, int]:
    """How many rows each table has; the parts of a partitioned one count as that."""
    return {
        name: int(connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one())
        for name in tables(connection)
    }


def tables(connection: Connection) -> list[str]:
    """The names of the tables, without the parts of a partitioned one."""
    names = inspect(connection).get_table_names()
    if connection.dialect.name == "postgresql":
        parts = connection.execute(text("SELECT relname FROM pg_class WHERE relispartition")).scalars()
        names = sorted({*names} - {*parts})
    return sorted(names)


# --- reading one -----------------------------------------------------------------------------------------


def manifest(file: Path) -> Manifest:
    """What a copy says of itself; the database in it is not looked at.

    Raises
    ------
    BackupError
        It is no copy of Consigne's, or made by a newer one.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            if archive.getinfo(MANIFEST).file_size > _MANIFEST_BYTES_MAX:
                raise ValueError
            told = archive.read(MANIFEST)
            head = _HEAD.validate_json(told)
    except FileNotFoundError:
        raise BackupError(f"there is no file {file}") from None
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, EOFError):
        raise BackupError(
            f"{file} is no backup of Consigne, or it is damaged or cut short: take another"
        ) from None
    if head.program != _PROGRAM:
        raise BackupError(f"{file} is no backup of Consigne")
    if head.format != FORMAT:
        raise BackupError(
            f"{file} was made by another Consigne ({head.version}): restore it with that one or later"
        )
    try:
        return _MANIFEST.validate_json(told, strict=True)
    except ValidationError:
        raise BackupError(f"the manifest of {file} is not as Consigne writes it: take another") from None


def check(file: Path, told: Told = silent) -> Manifest:
    """Read a copy to its end and compare its database with its manifest.

    Raises
    ------
    BackupError
        As ``manifest``; it is damaged; its schema is newer than this Consigne knows.
    """
    found = manifest(file)
    if found.schema not in migrations.known():
        raise BackupError(
            f"{file} has schema {found.schema}, newer than {migrations.newest()}, the newest this Consigne "
            f"knows: restore it with Consigne {found.version} or later"
        )
    digest, done = hashlib.sha256(), 0
    try:
        with zipfile.ZipFile(file) as archive, archive.open(found.member) as member:
            while piece := member.read(_PIECE):
                digest.update(piece)
                done += len(piece)
                told(f"checked {done / 1e6:,.0f} of {found.size / 1e6:,.0f} MB")
    except (zipfile.BadZipFile, KeyError, EOFError, OSError, zlib.error) as error:
        raise BackupError(f"{file} is damaged ({error}): take another") from None
    if (done, digest.hexdigest()) != (found.size, found.sha256):
        raise BackupError(f"{file} is damaged: its database is not what its manifest says; take another")
    return found


# --- a folder of them ------------------------------------------------------------------------------------


def name_of(at_s: int) -> str:
    """The name of a copy in a folder of copies: the time in UTC."""
    return f"consigne-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at_s))}{SUFFIX}"


def forget(folder: Path, keep: int) -> list[Path]:
    """Delete the oldest copies in a folder, those with names of ``name_of`` alone; returns what is gone."""
    copies = sorted(folder.glob(f"consigne-20*T*Z{SUFFIX}"))
    old = copies[: max(len(copies) - keep, 0)]
    for one in old:
        one.unlink()
    return old
