"""A PostgreSQL cluster of its own in a temporary directory: for measurements, soaks and tests.

It listens only on a Unix socket, so it needs no port and is not reachable from outside.  PostgreSQL does not
run as root; started by root it runs as the user ``postgres`` that its package brings.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

USER = "consigne"
START_TIMEOUT_S = 30
_LOOK_S = 0.05
_PROGRAMS = "/usr/lib/postgresql"  # where Debian keeps them, one directory per version


class PostgresError(RuntimeError):
    """PostgreSQL is missing or did not start; the text has its output."""


def _programs() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = [path for path in Path(_PROGRAMS).glob("*/bin") if (path / "initdb").exists()]
    if not versions:
        raise PostgresError("PostgreSQL is not installed: apt install postgresql")
    return max(versions, key=lambda path: int(path.parent.name))


class Postgres:
    """One cluster.

    Parameters
    ----------
    settings
        Lines of ``postgresql.conf``.  By default a commit waits for the disk, as it must where
        anything is acknowledged.
    """

    def __init__(self, settings: str = "") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="consigne-postgres-"))
        self._bin = _programs()
        self._settings = settings
        self._as_user: list[str] = []
        self._count = 0
        if os.getuid() == 0:
            shutil.chown(self.directory, "postgres", "postgres")
            self._as_user = ["runuser", "-u", "postgres", "--"]

    def start(self) -> None:
        """Make the cluster and start it; returns once it accepts connections.

        Raises
        ------
        PostgresError
            It cannot be made or started.
        """
        data = str(self.directory / "data")
        self._run("initdb", "-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "-N")
        settings = f"listen_addresses = ''\nunix_socket_directories = '{self.directory}'\n{self._settings}\n"
        with (self.directory / "data" / "postgresql.conf").open("a") as file:
            file.write(settings)
        log = str(self.directory / "log")
        self._run("pg_ctl", "-D", data, "-w", "-t", str(START_TIMEOUT_S), "-l", log, "start")

    def stop(self) -> None:
        """End it, unless it has ended, and remove its files."""
        if (self.directory / "data" / "postmaster.pid").exists():
            self.fail()
        shutil.rmtree(self.directory, ignore_errors=True)

    def fail(self) -> None:
        """End it as a power cut would."""
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-m", "immediate", "-w", "stop")

    def standby(self) -> "Standby":
        """A cluster that will follow this one."""
        return Standby(self)

    def wait_for_standby(self) -> None:
        """From now on a commit waits for the standby; returns once it follows.  Raises ``PostgresError``."""
        self._execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self._execute("SELECT pg_reload_conf()")
        until_s = time.monotonic() + START_TIMEOUT_S
        while not self._query("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"):
            if time.monotonic() > until_s:
                raise PostgresError("the standby does not follow")
            time.sleep(_LOOK_S)

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases, as ``server.database.Database`` takes it."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self.directory}"

    def new_database(self) -> str:
        """Make an empty database; returns its name."""
        self._count += 1
        name = f"host{self._count}"
        self._execute(f"CREATE DATABASE {name}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, even with open connections."""
        self._execute(f"DROP DATABASE {database} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._where(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _query(self, statement: str) -> object:
        with psycopg.connect(self._where(), autocommit=True) as connection:
            row = connection.execute(statement.encode()).fetchone()
            return row[0] if row is not None else None

    def _where(self) -> str:
        return f"host={self.directory} user={USER} dbname=postgres"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._bin / program), *arguments]
        printed = self.directory / "printed"
        with printed.open("wb") as output:  # not a pipe: the server inherits it and would keep it open
            done = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, cwd=self.directory, check=False
            )
        if done.returncode:
            text = printed.read_text(errors="replace")[-1_000:].strip()
            raise PostgresError(f"{program} ended with {done.returncode}: {text}")


class Standby(Postgres):
    """A copy of another cluster that follows it by streaming, until it is promoted."""

    def __init__(self, primary: Postgres) -> None:
        super().__init__()
        self._primary = primary

    def start(self) -> None:
        """Copy the primary and follow it.  Raises ``PostgresError``."""
        data = str(self.directory / "data")
        source = ("-h", str(self._primary.directory), "-U", USER)
        self._run("pg_basebackup", *source, "-D", data, "-R", "-X", "stream", "--checkpoint=fast")
        with (self.directory / "data" / "postgresql.conf").open("a") as file:
            file.write(f"unix_socket_directories = '{self.directory}'\n")
        self._run(
            "pg_ctl", "-D", data, "-w", "-t", str(START_TIMEOUT_S), "-l", str(self.directory / "log"), "start"
        )

    def promote(self) -> None:
        """From now on this one is written; it waits for no standby of its own."""
        self._run("pg_ctl", "-D", str(self.directory / "data"), "-w", "promote")
        self._execute("ALTER SYSTEM RESET synchronous_standby_names")
        self._execute("SELECT pg_reload_conf()")
