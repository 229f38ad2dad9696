"""How a database comes to the newest schema, whatever state it is found in."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from consigne.cli import app
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.store import Store
from consigne.server.storage import migrations, models
from consigne.server.storage.database import Database, _prepare, as_it_is
from consigne.server.storage.migrations import OtherSchema
from host_kit import deposited, device_key, event, events, register
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner


def differences(connection, **opts):
    """What the database and the models have not in common, without PostgreSQL's months of events."""
    dialect = connection.dialect.name

    def is_of(thing, name, kind, reflected, other):
        return kind != "unique_constraint" or thing._ddl_if is None or thing._ddl_if.dialect == dialect

    opts["include_name"] = lambda name, kind, _: kind != "table" or not name.startswith("events_")
    context = MigrationContext.configure(connection, opts={**opts, "include_object": is_of})
    return compare_metadata(context, models.metadata)


@pytest.fixture
def url(databases):
    with databases.url() as made:
        yield made


def run(url, *statements):
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def baseline(url):
    """A database as the host made it before Alembic, with a locker and two events."""
    engine = create_engine(url)
    with engine.begin() as connection:
        migrations.command.upgrade(migrations._config(connection), migrations.BASELINE)
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(
            text(
                "INSERT INTO lockers (id, device_key, digits, timezone, layout, registered_at,"
                " grants_version, next_grant, command_counter)"
                " VALUES ('L1', :key, 8, 'UTC', '[]', 1, 0, 1, 0)"
            ),
            {"key": device_key("L1")},
        )
        connection.execute(text("INSERT INTO streams VALUES ('L1', 1, 0, 2, '[]', 2, 0, 1)"))
        for seq in (1, 2):
            connection.execute(
                text(
                    "INSERT INTO events (locker, epoch, seq, time_s, kind, data)"
                    " VALUES ('L1', 1, :seq, 5, 'closed', '{\"kind\":\"closed\"}')"
                ),
                {"seq": seq},
            )
    engine.dispose()


def test_the_migrations_make_of_nothing_what_the_models_say(url):
    database = Database(url)
    with database.read() as connection:
        assert differences(connection, compare_server_default=True) == []
        assert migrations.version_of(connection) == migrations.newest()
    database.close()


def test_a_database_of_before_is_brought_up_to_date_and_goes_on_where_it_stood(url):
    baseline(url)
    database = Database(url)
    with database.read() as connection:
        assert differences(connection) == []
    outcome = Store(database).commit([events("L1", 1, event(3))])
    assert (outcome.held["L1", 1].contiguous, outcome.repeated) == (3, 0)
    assert len(Fleet(database).events("L1")) == 3
    database.close()


def test_a_newer_database_is_left_alone_and_the_person_told_what_to_do(url):
    Database(url).close()
    run(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(OtherSchema, match=r"schema 9999, newer than .* install"):
        Database(url)


@pytest.mark.parametrize(
    "statements,told",
    [
        (["CREATE TABLE lockers (id INTEGER)"], "no schema number"),
        (["CREATE TABLE about (schema INTEGER)", "INSERT INTO about VALUES (99)"], "schema 99"),
    ],
)
def test_tables_that_are_not_ours_are_left_alone(url, statements, told):
    run(url, *statements)
    engine = create_engine(url)
    before = inspect(engine).get_table_names()
    with pytest.raises(OtherSchema, match=told):
        Database(url)
    assert inspect(engine).get_table_names() == before
    engine.dispose()


def test_an_upgrade_that_fails_half_way_changes_nothing(url):
    baseline(url)
    run(url, "CREATE INDEX streams_with_gaps ON streams (epoch)")  # in the way of 0002, after its column
    with pytest.raises(Exception, match="streams_with_gaps"):
        Database(url)
    engine = create_engine(url)
    assert "conflicts" not in {column["name"] for column in inspect(engine).get_columns("streams")}
    engine.dispose()
    run(url, "DROP INDEX streams_with_gaps")
    Database(url).close()


def test_hosts_that_start_together_migrate_once(url):
    with ThreadPoolExecutor(4) as pool:
        for database in list(pool.map(lambda _: Database(url), range(4))):
            database.close()


def test_a_host_that_opens_a_new_file_while_another_one_writes_waits_for_it(tmp_path):
    """SQLite refuses WAL at once then, whatever its timeout."""
    file = tmp_path / "host.db"
    first = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    first.execute("CREATE TABLE its_first_page (a)")
    first.execute("BEGIN IMMEDIATE")
    tries, is_told = [], threading.Event()

    def trace(statement):
        tries.extend([statement] if "journal_mode=WAL" in statement else [])
        if len(tries) == 2:
            is_told.set()

    def opens():
        with closing(sqlite3.connect(file)) as second:
            second.set_trace_callback(trace)
            _prepare(second, 15_000)
            return second.execute("PRAGMA journal_mode").fetchone()[0]

    with closing(first), ThreadPoolExecutor(1) as pool:
        opened = pool.submit(opens)
        opened.add_done_callback(lambda _: is_told.set())
        assert is_told.wait(10)
        first.execute("COMMIT")
        assert opened.result(10) == "wal"


def last_two():
    """The schemas that the last two migrations lead from."""
    newest_first = list(ScriptDirectory.from_config(migrations._config()).walk_revisions())
    return [one.down_revision for one in newest_first[:2]]


@pytest.mark.parametrize("schema", last_two())
def test_a_release_can_be_taken_back_and_installed_again_with_all_that_was_stored(url, schema):
    database = Database(url)
    register(database, ["L1"])
    store = Store(database)
    store.commit([events("L1", 1, deposited(1, "KEPT"), event(2), event(4))])
    before = Fleet(database).events("L1")
    database.close()
    done = CliRunner().invoke(app, ["downgrade", schema, "--database", url])
    assert done.exit_code == 0 and f"has schema {schema} now" in done.output, done.output
    with as_it_is(url) as connection:
        assert migrations.version_of(connection) == schema
        rows = connection.execute(text("SELECT locker, epoch, seq FROM events ORDER BY id")).all()
        assert [tuple(row) for row in rows] == [("L1", 1, seq) for seq in (1, 2, 4)]
    run(
        url,
        "INSERT INTO events (locker, epoch, seq, time_s, kind, data) VALUES ('L1', 1, 3, 5, 'closed', '{}')",
    )
    with pytest.raises(IntegrityError):  # as the older release had it: one table, one unique key
        run(
            url,
            "INSERT INTO events (locker, epoch, seq, time_s, kind, data) VALUES ('L1', 1, 3, 5, 'x', '{}')",
        )
    run(url, "DELETE FROM events WHERE seq = 3")
    database = Database(url)
    with database.read() as connection:
        assert differences(connection) == []
    assert Fleet(database).events("L1") == before
    outcome = Store(database).commit([events("L1", 1, event(3), event(4), event(5))])
    assert (outcome.held["L1", 1].contiguous, outcome.repeated) == (5, 1)
    ids = [one.id for one in Fleet(database).events("L1")]
    assert len(ids) == 5 and ids == sorted(ids)
    database.close()


def test_there_is_no_way_back_where_none_was_made_or_while_a_host_runs(url):
    database = Database(url)
    for schema, told in (
        ("0002", "put back the backup"),
        ("9999", "is not one"),
        (migrations.newest(), "is not one"),
    ):
        database.close()
        done = CliRunner().invoke(app, ["downgrade", schema, "--database", url])
        assert done.exit_code == 2 and told in " ".join(done.output.replace("│", " ").split()), done.output
    with database.read() as connection:
        assert migrations.version_of(connection) == migrations.newest()
    done = CliRunner().invoke(app, ["downgrade", "0004", "--database", url])
    assert done.exit_code == 2 and "in use" in " ".join(done.output.split())
    database.close()


def test_there_is_no_way_back_while_a_locker_writes_a_copy_of_its_journal(url):
    """The release before would acknowledge the events of the copy unread."""
    database = Database(url)
    register(database, ["L1"])
    store = Store(database)
    store.commit([events("L1", 1, event(1), event(2))])
    store.commit([events("L1", 1, event(2, time_s=1))])
    database.close()
    with as_it_is(url, writes=True) as connection, pytest.raises(migrations.NoWayBack, match="locker L1"):
        migrations.downgrade(connection, "0009")
    with as_it_is(url) as connection:
        assert migrations.version_of(connection) == migrations.newest(), "nothing was changed"
        assert connection.execute(text("SELECT count(*) FROM streams")).scalar() == 2


def test_serve_says_in_one_line_why_it_does_not_start(url):
    Database(url).close()
    run(url, "UPDATE alembic_version SET version_num = '9999'")
    done = CliRunner().invoke(app, ["serve", "--database", url])
    assert done.exit_code == 2 and "schema 9999" in " ".join(done.output.split())
