"""The connection to the database: how it is opened and what a transaction promises.

SQLite by default, in WAL mode with ``synchronous=FULL``: a commit is on the disk before the host
acknowledges anything, and readers never wait for the writer.  PostgreSQL by URL.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from sqlalchemy import create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import Column, Table

from consigne.protocol.untrusted import clean

from ..complaints import Complaints
from ..failures import NO_RIGHTS, Failure, failure_of, reason
from . import migrations

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from sqlalchemy.engine.interfaces import DBAPICursor

BUSY_TIMEOUT_MS = 15_000
_WAL_PAUSE_S = 0.01
CONNECT_TIMEOUT_S = 10
CONNECTIONS_KEPT, CONNECTIONS_MAX = 5, 64
"""Of one process: more than it has threads that ask (40 of the API, 8 of the pages, those of ingest, notices,
housekeeping and probe), so that a thread never waits for a connection that is held by a thread waiting for a
lock."""
SHRINK_PAGES, RESERVE_PAGES = 500, 128
REWRITTEN_BYTES_MAX = 256_000_000
"""A file of SQLite's is written anew during an upgrade up to this size: some seconds."""
IN_LIST_MAX = 400
"""Values in one IN list: what both databases plan well, far below what either allows."""
NO_ANSWER = (OperationalError, InterfaceError, InternalError, NoConnection)
"""The database is locked, full, gone or read-only: the same statement may succeed later."""
MET_TRIES = 5
"""How often a transaction that met another one is tried: each time one of them is done, so few meet again."""
Insert = sqlite.Insert | postgresql.Insert
TAKEN = "sqlite:///consigne.db or postgresql://user:password@host/name"
_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
ROOM_BYTES = 512 * 1024
"""A batch of the ingest, about."""
_VERSIONS = 2**31
_HIDDEN = "***"
_SECRET = ("pass", "secret")
"""In the names of libpq's parameters that hold one: password, passfile, sslpassword, oauth_client_secret."""
_One = TypeVar("_One")
_WRITES = "consigne_writes"
log = logging.getLogger(__name__)


class Database:
    """One database, brought to the newest schema when it is opened.

    Parameters
    ----------
    url
        As SQLAlchemy writes it: ``sqlite:////var/lib/consigne/consigne.db``,
        ``postgresql://user:password@host/name``.  SQLite in memory is refused: it cannot
        keep the promise behind an acknowledgement.
    is_opened
        Whether it is opened at once; otherwise ``open`` is to be called before anything else.

    Raises
    ------
    ValueError
        The URL names a database that is not supported.
    consigne.server.storage.migrations.OtherSchema
        It was made by a version of Consigne that this does not know; it is left alone.
    sqlalchemy.exc.DatabaseError
        The database cannot be opened, or the file is none.
    FileNotFoundError
        There is no such folder for SQLite's file.
    """

    def __init__(self, url: str, *, is_opened: bool = True) -> None:
        parsed = parsed_url(url)
        self.name = shown(url)
        self.is_open = False
        self.met = 0  # transactions tried again, see transact
        self._lock_wait_ms: int | None = None  # while it is opened
        self._complaints = Complaints(log)
        self.backend = parsed.get_backend_name()
        if self.backend == "sqlite":
            _make_private(sqlite_file(parsed, url))
        # hide_parameters: a failing statement must not print a device key
        ping = self.backend != "sqlite"
        self.engine: Engine = create_engine(
            parsed,
            hide_parameters=True,
            pool_pre_ping=ping,
            pool_size=CONNECTIONS_KEPT,
            max_overflow=CONNECTIONS_MAX - CONNECTIONS_KEPT,
            connect_args=_connect_arguments(parsed),
            **({} if self.backend == "sqlite" else {"isolation_level": "READ COMMITTED"}),  # see locks
        )
        event.listen(self.engine, "handle_error", _as_no_answer, retval=True)
        if self.backend == "sqlite":
            event.listen(self.engine, "connect", self._prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writing = self.engine.execution_options(**{_WRITES: True})
        if is_opened:
            self.open()

    def open(self, lock_wait_ms: int | None = None) -> None:
        """Bring it to the newest schema; ``lock_wait_ms``: how long SQLite's lock is waited for meanwhile."""
        self._lock_wait_ms = lock_wait_ms
        try:
            with self.write() as connection:
                is_upgraded = migrations.upgrade(connection)
            if is_upgraded and self.backend == "sqlite":
                self._let_shrink(sqlite_file(self.engine.url, ""))
        finally:
            self._lock_wait_ms = None
            if lock_wait_ms is not None:
                self.engine.dispose()  # its connections would go on to wait so long
        self.is_open = True

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; nothing is written in it."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable when the block ends and void when it raises.

        On SQLite it takes the write lock at its beginning, so that what is read in it stays true
        until the commit; on PostgreSQL the rows that matter are locked by who reads them.
        """
        with self._writing.begin() as connection:
            yield connection

    def transact(self, work: Callable[[Connection], _One]) -> _One:
        """``work`` in such a transaction; tried again at once when it met another one and was ended.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError
            Nothing was written.  Another one met it ``MET_TRIES`` times in a row, or the database fails.
        """
        for _ in range(MET_TRIES - 1):
            try:
                with self.write() as connection:
                    return work(connection)
            except DBAPIError as error:
                if failure_of(error) is not Failure.MET:
                    raise
                self.met += 1
        with self.write() as connection:
            return work(connection)

    def insert(self, table: Table) -> Insert:
        """An INSERT that can say ``on_conflict_do_nothing`` or ``..._do_update``."""
        return sqlite.insert(table) if self.backend == "sqlite" else postgresql.insert(table)

    def complain(self, error: Exception) -> None:
        """Log an error of the database, in one sentence and rarely."""
        self._complaints.say(failure_of(error).told, f": {reason(error)}")

    def worked(self) -> None:
        """Log, rarely, that it does again what is asked, if it did not."""
        self._complaints.over("the database does again what is asked of it")

    def check_writable(self) -> None:
        """Write something that changes nothing, durably, as a commit of events would.

        On SQLite there must also be room for a batch of events, which its log of writes may have without the
        disk: it is used again and again.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError
            It cannot be written now.
        OSError
            SQLite's file system has no room.
        """
        with self.write() as connection:
            if self.backend == "sqlite":  # a number in its header that it leaves to its users
                number = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
                connection.exec_driver_sql(f"PRAGMA user_version = {(number + 1) % _VERSIONS}")
            else:  # to the same value: PostgreSQL writes the row all the same
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
        if self.backend == "sqlite":
            with TemporaryFile(dir=sqlite_file(self.engine.url, "").parent) as file:
                file.write(bytes(ROOM_BYTES))

    def _prepare_sqlite(self, dbapi_connection: sqlite3.Connection, _record: object) -> None:
        _prepare(dbapi_connection, BUSY_TIMEOUT_MS if self._lock_wait_ms is None else self._lock_wait_ms)

    def _let_shrink(self, file: Path) -> None:
        """Turn ``auto_vacuum`` on in a file of before; for that SQLite writes the whole of it anew."""
        size = file.stat().st_size
        with closing(self.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            if _pragma(cursor, "auto_vacuum"):
                return
            if size <= REWRITTEN_BYTES_MAX:
                cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
                cursor.execute("VACUUM")
                return
        log.warning(
            "%s (%d MB) keeps its size when rows are deleted, and uses the room again; to have it shrink, "
            "stop the host, and give consigne restore --replace a backup that was made after that",
            file, size // 1_000_000,
        )  # fmt: skip

    def shrink(self) -> None:
        """Give the disk back what deleted rows left in SQLite's file, all but a reserve for new ones.

        A few megabytes in a step, each a short transaction of its own.  A file that was made without
        ``auto_vacuum`` keeps its size; its free pages are used again.
        """
        if self.backend != "sqlite":
            return
        with closing(self.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            pages = _pragma(cursor, "page_count")
            while (free := _pragma(cursor, "freelist_count")) > max(pages // 50, RESERVE_PAGES):
                cursor.execute(f"PRAGMA incremental_vacuum({SHRINK_PAGES})")
                cursor.fetchall()
                if _pragma(cursor, "freelist_count") == free:
                    return

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def parsed_url(url: str) -> URL:
    """The URL with our driver.  Raises ``ValueError``; the text does not repeat the URL."""
    is_file = url.startswith("sqlite")  # its name may be any bytes
    if not is_file and clean(url) != url:
        raise ValueError("the database's URL is no text in UTF-8")
    if not is_file and url.count("@") > 1:
        # The first @ would end the password and the rest of it be taken for the host, which errors name.
        raise ValueError("the database's URL has more than one @: write @ in a password as %40")
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ValueError(f"that is no URL of a database: give {TAKEN}") from None
    except ValueError:  # from int(): in an URL without @ the password stands where the port is looked for
        raise ValueError(f"the port in the database's URL is no number: give {TAKEN}") from None
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise ValueError(f"a database of {parsed.drivername} is not taken: give {TAKEN}")
    return parsed.set(drivername=driver)


def sqlite_file(url: URL, text: str) -> Path:
    """SQLite's file.  Raises ``ValueError`` where there is none, or settings that are the host's own."""
    if not url.database or url.database == ":memory:" or url.query.get("mode") == "memory":
        raise ValueError("SQLite needs a file: what is acknowledged must be on a disk")
    if "?" in text:
        raise ValueError("SQLite's URL ends with the name of its file: leave out ? and what follows")
    return Path(url.database)


@contextmanager
def as_it_is(url: str, *, writes: bool = False) -> Iterator[Connection]:
    """A connection to a database that is there, which is not brought to another schema.

    With ``writes`` what is done in it is one transaction on SQLite too, changes of tables included.

    Raises
    ------
    ValueError, FileNotFoundError, sqlalchemy.exc.DatabaseError
        As ``Database``; a file of SQLite's that is not there is not made.
    """
    parsed = parsed_url(url)
    if parsed.get_backend_name() == "sqlite" and not sqlite_file(parsed, url).exists():
        raise FileNotFoundError(f"there is no file {parsed.database}")
    engine = create_engine(parsed, hide_parameters=True, poolclass=NullPool)
    if writes and parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", lambda connection, _: _prepare(connection, BUSY_TIMEOUT_MS))
        event.listen(engine, "begin", _begin_sqlite)
    try:
        with engine.connect().execution_options(**{_WRITES: writes}) as connection:
            yield connection
    finally:
        engine.dispose()


def shown(url: str) -> str:
    """A URL as it may be printed: without what is secret, also in its query.  Raises as ``Database``."""
    parsed = parsed_url(url).set(drivername=make_url(url).drivername)
    secret = {name: _HIDDEN for name in parsed.query if any(part in name.lower() for part in _SECRET)}
    text = parsed.update_query_dict(secret).render_as_string(hide_password=True)
    return text.replace(quote(_HIDDEN), _HIDDEN)


def insert(connection: Connection, table: Table) -> Insert:
    """As ``Database.insert``, for whoever has only the connection."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def columns_of(kind: "type[DataclassInstance]", *tables: Table) -> "list[Column[Any]]":
    """The columns that the fields of a dataclass are read from, in their order: ``kind(*row)`` is the row.

    Each is the column of its name in the first table that has one.
    """
    return [next(table.c[one.name] for table in tables if one.name in table.c) for one in fields(kind)]


def chunks(wanted: Sequence[_One], count_max: int = IN_LIST_MAX) -> Iterator[Sequence[_One]]:
    """Parts of a sequence, in order; each is short enough for an IN list."""
    for start in range(0, len(wanted), count_max):
        yield wanted[start : start + count_max]


def insert_rows(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert many rows at once, as tuples in the order of the columns ``names``, of plain types alone.

    On PostgreSQL it is a COPY: 6 us a row against 38 us for an INSERT executed for each (4,000 events, both
    sides together, measured).

    Raises
    ------
    sqlalchemy.exc.DBAPIError
        As for any other statement, on both databases.
    """
    columns = ", ".join(names)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", list(rows))
        return
    statement = f"COPY {table.name} ({columns}) FROM STDIN"
    driver = connection.dialect.loaded_dbapi
    try:
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except driver.Error as error:
        raise DBAPIError.instance(
            statement, None, error, driver.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


def _make_private(path: Path) -> None:
    """The file holds device keys: make it, if it is not there, readable by its owner alone.

    Its folder is not made: a misspelt one would silently give another, empty database.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}; make it first, or mend the URL")
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _connect_arguments(url: URL) -> dict[str, int]:
    """What the driver is given with the URL: a server whose machine is away is not waited for for minutes."""
    is_set = url.get_backend_name() == "sqlite" or "connect_timeout" in url.query
    return {} if is_set else {"connect_timeout": CONNECT_TIMEOUT_S}


def _pragma(cursor: "DBAPICursor | sqlite3.Cursor", name: str) -> int:
    cursor.execute(f"PRAGMA {name}")
    return int(cursor.fetchall()[0][0])


def _prepare(dbapi_connection: sqlite3.Connection, wait_ms: int) -> None:
    dbapi_connection.isolation_level = None  # SQLAlchemy's BEGIN is the only one
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={wait_ms}")
    if not _pragma(cursor, "page_count"):  # of a new file alone: on others it would wait for a writer's lock
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
    _use_wal(cursor, wait_ms)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _as_no_answer(context: ExceptionContext) -> BaseException | None:
    """Rights that were taken away while the host runs are no fault of the statement, as its driver says."""
    original = context.original_exception
    if getattr(original, "sqlstate", None) != NO_RIGHTS:
        return None
    return OperationalError(context.statement, None, original, hide_parameters=True)


def _use_wal(cursor: sqlite3.Cursor, wait_ms: int) -> None:
    """Turn on WAL; a new file is in it from its first connection on.

    SQLite does not wait, whatever its timeout, where another connection writes into a file that is not in WAL
    yet: both would wait for one another.  This one holds nothing, so it tries again.
    """
    until_s = time.monotonic() + wait_ms / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until_s:
                raise
            time.sleep(_WAL_PAUSE_S)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that first reads and then writes fails with "database is locked" when another
    # wrote in between, however long it waits; taking the lock first cannot fail so.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
