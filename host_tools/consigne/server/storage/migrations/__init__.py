"""The schema of the host's database, version by version, and how a database gets to the newest.

Each version is an Alembic script in ``versions/`` that never changes once it was released; ``models``
is what the last of them leaves, which a test compares.  Databases of before Alembic carry their number
in the table ``about``.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

BASELINE = "0001"
_BASELINE_ABOUT = 1  # what the table ``about`` of databases made before Alembic says
_LOCK = 0x434F4E53  # key of a PostgreSQL advisory lock; any number that nobody else uses


class NoWayBack(RuntimeError):
    """A database cannot be brought to an older version; the text says what to do."""


class OtherSchema(RuntimeError):
    """The database was made by another version of Consigne, one that this does not know."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """The version this Consigne works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("no migration is installed")
    return head


def known() -> set[str]:
    """Every version that this Consigne can bring to the newest."""
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def version_of(connection: Connection) -> str | None:
    """The version of a database; None when it is empty.

    Raises
    ------
    OtherSchema
        It has tables of a version that is not known here; nothing was changed.
    """
    version = MigrationContext.configure(connection).get_current_revision()
    if version is not None:
        if version not in known():
            raise OtherSchema(
                f"this database has schema {version}, newer than {newest()}, "
                "the newest this Consigne knows: install the Consigne that made it, or a later one"
            )
        return version
    found = inspect(connection).get_table_names()
    if "about" in found:
        made = connection.execute(text("SELECT schema FROM about")).scalar()
        if made != _BASELINE_ABOUT:
            raise OtherSchema(f"this database has schema {made} of before {BASELINE}: nothing knows it")
        return BASELINE
    if "lockers" in found:
        raise OtherSchema("this database has a table lockers and no schema number: Consigne did not make it")
    return None


def upgrade(connection: Connection) -> bool:
    """Bring a database to the newest version inside the caller's transaction: wholly or not at all.

    Returns whether it was of another version before.

    Two processes that start together take turns.  Raises ``OtherSchema``, see ``version_of``.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    version = version_of(connection)
    if version == newest():
        return False
    config = _config(connection)
    if version == BASELINE and MigrationContext.configure(connection).get_current_revision() is None:
        command.stamp(config, BASELINE)
    command.upgrade(config, "head")
    return True


def downgrade(connection: Connection, to: str) -> list[str]:
    """Bring a database to an older version inside the caller's transaction, with all it holds.

    Returns a sentence for each thing that an older version cannot hold and that is lost.

    Raises
    ------
    NoWayBack, OtherSchema
        It is no older version, or one from which on there is no way back; nothing was changed.
    """
    version = version_of(connection)
    scripts = ScriptDirectory.from_config(_config())
    between = list(scripts.iterate_revisions(version, "base")) if version else []
    names = [one.revision for one in between]
    if to not in names[1:]:
        older = ", ".join(names[1:]) or "none"
        raise NoWayBack(f"it has schema {version or 'none'}; {to} is not one of the older ones, {older}")
    undone = between[: names.index(to)]
    stuck = [one.revision for one in undone if not hasattr(one.module, "downgrade")]
    if stuck:
        raise NoWayBack(
            f"schema {stuck[0]} cannot be taken back: put back the backup that was made before the upgrade"
        )
    command.downgrade(_config(connection), to)
    return [lost for one in undone if (lost := getattr(one.module, "LOST", None))]
