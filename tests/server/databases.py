"""Fixtures: a host's database on SQLite and on a real PostgreSQL, for the tests that must hold on both."""

import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from consigne.server.storage import models
from consigne.server.storage.database import Database
from host_kit import new_file, register
from lab.rig.postgres import Postgres

# A test's database need not outlive a power cut; what outlives a kill does not depend on these.
_FAST = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off"


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL cluster of this test process."""
    cluster = Postgres(_FAST)
    cluster.start()
    yield cluster
    cluster.stop()


class Databases:
    """Databases of one kind."""

    def __init__(self, backend, cluster):
        self.backend = backend
        self._cluster = cluster
        self._used = None

    @contextmanager
    def url(self):
        """Of a new, empty database."""
        if self.backend == "postgresql":
            name = self._cluster.new_database()
            yield self._cluster.url(name)
            self._cluster.drop(name)
        else:
            with tempfile.TemporaryDirectory() as directory:
                yield f"sqlite:///{Path(directory) / 'host.db'}"

    @contextmanager
    def opened(self, *lockers):
        """A migrated database that holds these lockers and nothing else."""
        with ExitStack() as stack:
            if self.backend == "postgresql":
                url = self._emptied()
            else:
                url = stack.enter_context(self.url())
                Path(url.removeprefix("sqlite:///")).write_bytes(new_file())
            database = Database(url)
            stack.callback(database.close)
            register(database, lockers or ("L1",))
            yield database

    def _emptied(self):
        """One PostgreSQL database is used again and again: to make one takes longer than most tests."""
        if self._used is None:
            self._used = Database(self._cluster.url(self._cluster.new_database()))
        with self._used.write() as connection:
            names = ", ".join(models.metadata.tables)
            connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
        return self._used.engine.url.render_as_string(hide_password=False)

    def close(self):
        """Let go of what the next database would have used again."""
        if self._used is not None:
            self._used.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def databases(request):
    """``Databases`` of each kind in turn."""
    cluster = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    kind = Databases(request.param, cluster)
    yield kind
    kind.close()
