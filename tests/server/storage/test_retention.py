"""What is over is deleted by its age, what is open never, and nobody waits for it."""

import sqlite3
import time
from contextlib import closing

import pytest
from consigne.cli import app
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.store import Store
from consigne.server.service import FORGETTING
from consigne.server.storage import ages as all_ages
from consigne.server.storage import backup, history, housekeeping, migrations, months, restore
from consigne.server.storage import database as all_of_database
from consigne.server.storage.ages import Ages
from consigne.server.storage.database import Database
from consigne.server.storage.models import compartments, events, parcels
from host_kit import collected, deposited, event, occupancy, register
from host_kit import events as message
from lab.soak import retention as years
from sqlalchemy import create_engine, false, func, select, text, update
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import IntegrityError
from typer.testing import CliRunner

DAY_S = 86_400
SHORT = Ages(parcels=40, events=60, trail=40, alarms=40)


@pytest.fixture
def url(databases):
    with databases.url() as made:
        yield made


@pytest.fixture
def database(databases):
    with databases.opened("L1", "L2") as made:
        yield made


def tidy(database, at_s, ages=SHORT):
    housekeeping.tidy(database, FORGETTING, int(at_s), ages)


def numbers(database, locker="L1"):
    with database.read() as connection:
        wanted = select(events.c.seq).where(events.c.locker == locker).order_by(events.c.seq)
        return connection.execute(wanted).scalars().all()


def test_months_of_housekeeping_lose_nothing_open_and_end_the_growth(url, caplog):
    found = years.years(url, 7, SHORT, count=0.6, step_days=10, parcels=3)
    assert found["size_ratio"] < 1.25
    assert found["rows"] < found["events"] / 2
    assert not [told for told in caplog.messages if "could not tidy" in told]


def test_a_soak_whose_housekeeping_deletes_what_is_open_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "_kept", lambda of: false())
    monkeypatch.setattr(years, "NEVER_COLLECTED", 0.5)
    with pytest.raises(AssertionError, match="were deleted"):
        years.years(f"sqlite:///{tmp_path}/host.db", 7, SHORT, count=0.3, step_days=15, parcels=2)


def test_a_parcel_that_a_wrong_clock_ended_long_ago_stays_until_its_events_are_old(database):
    """A locker without a clock told 1970: counted from there the parcel was deleted an hour later."""
    store = Store(database)
    store.commit([message("L1", 1, deposited(1, "WRONG", time_s=9), collected(2, "WRONG", time_s=10))])
    tidy(database, time.time() + 39 * DAY_S)
    with database.read() as connection:
        assert connection.execute(select(parcels.c.id)).scalars().all() == ["WRONG"]
    tidy(database, time.time() + 41 * DAY_S)
    with database.read() as connection:
        assert connection.execute(select(parcels.c.id)).all() == []


def test_a_parcel_that_a_compartment_is_said_to_hold_stays(database):
    store = Store(database)
    store.commit([message("L1", 1, deposited(1, "HELD"), collected(2, "HELD"))])
    store.commit([occupancy("L1", 1, 3, [[1, 0, "HELD"]])])
    tidy(database, time.time() + 500 * DAY_S)
    with database.write() as connection:
        assert connection.execute(select(parcels.c.id)).scalars().all() == ["HELD"]
        connection.execute(compartments.delete())
    tidy(database, time.time() + 500 * DAY_S)
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(parcels)).scalar_one() == 0


def test_events_that_were_deleted_are_still_held_and_acknowledged(database):
    store = Store(database)
    store.commit([message("L1", 1, event(1), event(2)), message("L2", 1, event(1), event(3))])
    tidy(database, time.time() + 100 * DAY_S)
    assert numbers(database) == []
    assert numbers(database, "L2") == [3], "number 2 of L2 is missing: what follows is still needed"
    outcome = store.commit([message("L1", 1, event(1), event(2), event(3))])
    assert outcome.held["L1", 1].contiguous == 3 and [one.event.seq for one in outcome.stored] == [3]
    assert outcome.conflicts == {}


def test_a_large_deletion_is_many_short_transactions(tmp_path):
    """SQLite has one writer at a time: each acknowledgement would wait for the whole of it."""
    with closing(Database(f"sqlite:///{tmp_path}/host.db")) as database:
        register(database, ["L1"])
        for first in range(1, 4_001, 500):
            Store(database).commit([message("L1", 1, *(event(seq) for seq in range(first, first + 500)))])
        deleted = [0]

        def counts(_connection, cursor, statement, *_):
            if statement.startswith("DELETE FROM events"):
                deleted[-1] += cursor.rowcount

        sqlalchemy_event.listen(database.engine, "after_cursor_execute", counts)
        sqlalchemy_event.listen(database.engine, "commit", lambda _: deleted.append(0))
        tidy(database, time.time() + 100 * DAY_S)
        assert sum(deleted) == 4_000 and numbers(database) == []
        assert max(deleted) <= 1_000


def test_a_file_of_sqlites_gives_back_what_was_deleted(tmp_path):
    path = tmp_path / "host.db"
    with closing(Database(f"sqlite:///{path}")) as database:
        register(database, ["L1"])
        for first in range(1, 10_001, 500):
            Store(database).commit([message("L1", 1, *(event(seq) for seq in range(first, first + 500)))])
        size = pages(database)
        tidy(database, time.time() + 100 * DAY_S)
        assert pages(database) < size * 0.75


def of_before(path):
    """A file of SQLite's as an older release made it, with a locker's events."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA auto_vacuum=NONE")
        connection.execute("VACUUM")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrations.command.upgrade(migrations._config(connection), "0004")
    engine.dispose()
    return f"sqlite:///{path}"


def test_a_file_of_before_shrinks_too_after_the_upgrade_or_when_it_is_large_after_a_restore(
    tmp_path, monkeypatch, caplog
):
    with closing(Database(of_before(tmp_path / "small.db"))) as database:
        assert auto_vacuum(database) == 2
    monkeypatch.setattr(all_of_database, "REWRITTEN_BYTES_MAX", 0)
    url = of_before(tmp_path / "large.db")
    with closing(Database(url)) as database:
        assert auto_vacuum(database) == 0
    assert sum("to have it shrink, stop the host" in told for told in caplog.messages) == 1
    backup.write(url, tmp_path / "host.backup")
    restore.restore(url, tmp_path / "host.backup", replace=True)
    with closing(Database(url)) as database:
        assert auto_vacuum(database) == 2


def auto_vacuum(database):
    with database.read() as connection:
        return connection.execute(text("PRAGMA auto_vacuum")).scalar_one()


def pages(database):
    with database.read() as connection:
        return connection.execute(text("PRAGMA page_count")).scalar_one()


def test_ages_are_given_by_name_and_what_is_none_is_told(monkeypatch):
    assert all_ages.given(["events=500", "samples=7"]) == Ages(events=500, samples=7)
    assert all_ages.given([]) == Ages()
    for wrong in ("events", "events=0", "events=36501", "event=5", "events=-3", "events=1_0", "="):
        done = CliRunner().invoke(app, ["serve", "--keep", wrong])
        told = " ".join(done.output.replace("│", " ").split())
        assert done.exit_code == 2 and "is no age: give NAME=DAYS" in told and "latches" in told, wrong
    monkeypatch.setenv("CONSIGNE_KEEP", "events=500 parcels=none")
    done = CliRunner().invoke(app, ["serve"])
    assert done.exit_code == 2 and "'parcels=none' is no age" in " ".join(done.output.split())


# --- PostgreSQL's months ---------------------------------------------------------------------------------


@pytest.fixture
def monthly(postgres):
    """An empty host's database of PostgreSQL."""
    name = postgres.new_database()
    database = Database(postgres.url(name))
    register(database, ["L1"])
    yield database
    database.close()
    postgres.drop(name)


def parts(database):
    with database.read() as connection:
        return set(months.uppers(connection))


def count_in(database, name):
    with database.read() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()


def test_months_are_made_ahead_and_each_refuses_an_event_that_it_has(monthly):
    now = int(time.time())
    assert parts(monthly) == set(months.ahead(now))
    later = now + 62 * DAY_S
    tidy(monthly, later, Ages())
    assert parts(monthly) >= set(months.ahead(later))
    Store(monthly).commit([message("L1", 1, event(1))])
    assert count_in(monthly, months.name_of(now)) == 1
    again = text("INSERT INTO events (locker, epoch, seq, time_s, kind, data, arrived_at)"
                 " SELECT locker, epoch, seq, time_s, kind, data, arrived_at FROM events")  # fmt: skip
    with pytest.raises(IntegrityError), monthly.write() as connection:
        connection.execute(again)


def test_events_of_several_months_are_stored_once_read_in_order_and_survive_a_restart(monthly):
    store, now = Store(monthly), int(time.time())
    store.commit([message("L1", 1, event(1), event(2))])
    with monthly.write() as connection:
        connection.execute(update(events).values(arrived_at=months.bounds(months.ahead(now)[2])[0]))
    again = store.commit([message("L1", 1, event(2), event(3))])
    assert (again.repeated, again.held["L1", 1].contiguous) == (1, 3)
    assert count_in(monthly, months.name_of(now)) == 1
    with closing(Database(monthly.engine.url.render_as_string(hide_password=False))) as reopened:
        assert [row.seq for row in Fleet(reopened).events("L1")] == [1, 2, 3]


def test_what_arrived_before_its_month_was_made_finds_its_place(monthly):
    """A host that was off for half a year starts with a full minute of events."""
    later = int(time.time()) + 200 * DAY_S
    Store(monthly).commit([message("L1", 1, event(1), event(2))])
    with monthly.write() as connection:
        connection.execute(update(events).values(arrived_at=later))
    assert count_in(monthly, months.REST) == 2
    tidy(monthly, later, Ages())
    assert count_in(monthly, months.REST) == 0
    assert count_in(monthly, months.name_of(later)) == 2


def test_a_month_that_is_over_goes_whole_and_what_is_open_of_it_is_kept(monthly):
    store, now = Store(monthly), int(time.time())
    rows = [deposited(1, "GONE"), collected(2, "GONE"), deposited(3, "OPEN"), event(4)]
    store.commit([message("L1", 1, *rows)])
    tidy(monthly, now + 100 * DAY_S)
    assert months.name_of(now) not in parts(monthly)
    assert numbers(monthly) == [3] and count_in(monthly, months.REST) == 1
    store.commit([message("L1", 1, collected(5, "OPEN"))])
    tidy(monthly, time.time() + 300 * DAY_S)
    assert numbers(monthly) == []


def test_an_end_between_taking_a_month_off_and_deleting_it_loses_nothing(monthly, monkeypatch):
    store, now = Store(monthly), int(time.time())
    store.commit([message("L1", 1, deposited(1, "OPEN"), event(2))])

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(history, "_drop", killed)
        with pytest.raises(KeyboardInterrupt):
            tidy(monthly, now + 100 * DAY_S)
    assert months.name_of(now) not in parts(monthly) and numbers(monthly) == []
    tidy(monthly, now + 100 * DAY_S)
    assert numbers(monthly) == [1]
    with monthly.read() as connection:
        assert months.taken_off(connection) == []


def test_a_reader_of_hours_puts_the_months_off_and_holds_up_no_event(monthly, monkeypatch, caplog):
    """A backup reads the table for hours: who waits for its lock would have every commit wait behind."""
    monkeypatch.setattr(months, "LOCK_WAIT_MS", 100)
    store, now = Store(monthly), int(time.time())
    store.commit([message("L1", 1, event(1))])
    with monthly.read() as reading:
        reading.execute(select(func.count()).select_from(events))
        tidy(monthly, now + 100 * DAY_S)
        assert any("could not tidy the database (history)" in told for told in caplog.messages)
        assert store.commit([message("L1", 1, event(2))]).stored
    assert months.name_of(now) in parts(monthly)
    tidy(monthly, now + 100 * DAY_S)
    assert months.name_of(now) not in parts(monthly)
