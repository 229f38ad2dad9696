"""What CLUSTER.md tells an operator to do to PostgreSQL is done here, on a real one."""

import re
from pathlib import Path

import pytest
from consigne.server import serving
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.store import Store
from consigne.server.storage.database import Database
from host_kit import event, events, register
from sqlalchemy import text

DOCUMENT = Path(serving.__file__).with_name("CLUSTER.md").read_text()


@pytest.fixture
def database(postgres):
    name = postgres.new_database()
    database = Database(postgres.url(name))
    register(database, ["L1"])
    yield database
    database.close()
    postgres.drop(name)


def test_events_partitioned_by_month_are_stored_once_read_in_order_and_survive_a_restart(database):
    recipe = "\n".join(re.findall(r"^    (.*)$", DOCUMENT, re.MULTILINE))
    statements = [part.strip() for part in recipe.split(";") if part.strip()]
    assert len(statements) == 6
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))
        year = "FOR VALUES FROM ('2020-01-01') TO ('2026-12-01')"
        connection.execute(text(f"CREATE TABLE events_before PARTITION OF events {year}"))
        rest = "FOR VALUES FROM ('2027-01-01') TO ('2100-01-01')"
        connection.execute(text(f"CREATE TABLE events_after PARTITION OF events {rest}"))
    store = Store(database)
    assert store.commit([events("L1", 1, event(1), event(2))]).held["L1", 1].contiguous == 2
    again = store.commit([events("L1", 1, event(2), event(3))])
    assert (again.repeated, again.held["L1", 1].contiguous) == (1, 3)
    reopened = Database(database.engine.url.render_as_string(hide_password=False))
    assert [row.seq for row in Fleet(reopened).events("L1")] == [1, 2, 3]
    reopened.close()
