"""What is committed: every event once, the run that may be acknowledged, where the parcels are."""

import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from consigne.server.fleet.alarms import Alarms
from consigne.server.fleet.condition import Condition
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.store import Store
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage.contiguity import said_epoch
from consigne.server.storage.database import Database
from consigne.server.storage.models import events as events_table
from consigne.server.storage.models import lockers, streams
from consigne.server.storage.secret import Secret
from host_kit import T0, collected, database_at, deposited, device_key, event, events, occupancy, status
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError


@pytest.fixture
def database(databases):
    with databases.opened("L1", "L2") as opened:
        yield opened


def rows_of(database, locker="L1", epoch=1):
    wanted = select(events_table).where(events_table.c.locker == locker, events_table.c.epoch == epoch)
    with database.read() as connection:
        return connection.execute(wanted.order_by(events_table.c.seq)).all()


def seqs_of(database, locker="L1", epoch=1):
    return [row.seq for row in rows_of(database, locker, epoch)]


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 40),
    seed=st.integers(0, 2**32),
    lost=st.sets(st.integers(1, 40), max_size=5),
)
def test_every_event_is_there_once_however_often_and_in_whatever_order_it_comes(databases, count, seed, lost):
    rng = random.Random(seed)
    numbers = [n for n in range(1, count + 1) if n not in lost] * 2
    rng.shuffle(numbers)
    with databases.opened() as database:
        store = Store(database)
        arrived = set()
        while numbers:
            messages = []
            for _ in range(rng.randint(1, 3)):
                size = rng.randint(1, 6)
                taken, numbers = numbers[:size], numbers[size:]
                arrived |= set(taken)
                messages.append(events("L1", 1, *[event(n) for n in taken]))
            outcome = store.commit(messages)
            assert len(outcome.stored) + outcome.repeated == sum(len(one.content.events) for one in messages)
            assert outcome.deferred == 0
            run = 0
            while run + 1 in arrived:
                run += 1
            assert outcome.held["L1", 1].contiguous == run, "acknowledged is what is held without a gap"
            assert seqs_of(database) == sorted(arrived)


def test_streams_of_two_lockers_and_of_two_lives_of_a_journal_do_not_mix(database):
    store = Store(database)
    store.commit([events("L1", 1, event(1), event(2)), events("L2", 1, event(1)), events("L1", 9, event(1))])
    assert seqs_of(database, "L1", 1) == [1, 2]
    assert seqs_of(database, "L2", 1) == [1]
    assert seqs_of(database, "L1", 9) == [1]


def test_what_the_locker_says_is_lost_does_not_hold_up_what_follows(database):
    store = Store(database)
    outcome = store.commit([events("L1", 1, event(1), event(401), event(402))])
    assert outcome.held["L1", 1].contiguous == 1
    outcome = store.commit([events("L1", 1, event(403, "lost", first=1, last=400))])
    assert outcome.held["L1", 1].contiguous == 403
    with database.read() as connection:
        row = connection.execute(select(streams)).one()
    assert (row.lost, row.stored) == (399, 4), "number 1 had been stored, it is not lost"


@pytest.mark.parametrize("first,last", [(0, 4), (4, 2), (2, 5), (2, 2**32 - 1)])
def test_an_impossible_range_of_lost_events_explains_nothing(database, first, last):
    outcome = Store(database).commit([events("L1", 1, event(5, "lost", first=first, last=last))])
    assert outcome.held["L1", 1].contiguous == 0
    assert outcome.held["L1", 1].missing() == [(1, 4)]


def test_a_number_that_comes_again_with_other_content_is_counted_and_both_events_stay(database):
    store = Store(database)
    first = event(1, "opened", door=3, purpose=1, after_ms=120, ref=0, parcel="P")
    store.commit([events("L1", 1, first, event(2))])
    turned = [1, first[1], dict(reversed(first[2].items()))]
    assert store.commit([events("L1", 1, turned, event(2))]).conflicts == {}, "order is not content"
    other_time, other_door = [1, first[1] + 1, first[2]], [1, first[1], {**first[2], "door": 4}]
    for changed in (other_time, other_door):
        outcome = store.commit([events("L1", 1, changed, event(2))])
        (stream,) = outcome.held
        assert said_epoch(stream[1]) == 1 and outcome.held[stream].contiguous == 2, "it is acknowledged"
        assert len(outcome.stored) == outcome.repeated == 1, "what both have is stored once"
        assert [*outcome.conflicts.values()] == [[1]]
        again = store.commit([events("L1", 1, changed, event(2))])
        assert again.conflicts == {} and again.repeated == 2 and again.stored == []
    told = Fleet(database)
    assert [(one.data["door"], one.time_s) for one in told.events("L1") if one.seq == 1] == [
        (3, first[1]), (3, first[1] + 1), (4, first[1]),
    ]  # fmt: skip
    (alarm,) = [one for one in Alarms(database).open("L1") if one.kind == "conflict"]
    assert (alarm.data["first"], alarm.data["count"], alarm.data["dropped"]) == (1, 2, 0)
    store.commit([status("L1", 1)])
    assert told.locker("L1").events.conflicts == 2
    within = store.commit([events("L2", 1, event(1)), events("L2", 1, event(1, door=9))])
    assert within.conflicts == {("L2", 1): [1]}, "in one batch too"


def test_a_number_said_to_be_lost_that_comes_after_all_is_no_conflict(database):
    store = Store(database)
    store.commit([events("L1", 1, event(3, "lost", first=1, last=2))])
    assert store.commit([events("L1", 1, event(1))]).conflicts == {}


def test_what_comes_again_is_acknowledged_and_no_more_than_was_shown(database):
    """The journal may be an older copy: its numbers that follow may stand for events that nobody has seen."""
    store = Store(database)
    store.commit([events("L1", 1, event(1), event(2), event(3))])
    assert store.commit([status("L1", 1, seq=4, ack=1)]).held == {}
    assert store.commit([events("L1", 1, event(1), event(2))]).shown == {("L1", 1): 2}
    assert store.commit([events("L1", 1, event(3), event(4))]).shown == {}


def test_a_status_with_a_sample_beyond_every_column_is_stored_without_it(database):
    good, odd = [T0, 5, 61_000, -60, 12_100], [T0 + 1, 5, 2**32 - 1, -60, 12_100]
    health = {"taken": 2, "samples": [good, odd], "latches": []}
    Store(database).commit([status("L1", 1, fw="9", health=health)])
    assert [one.time_s for one in Condition(database).samples("L1")] == [T0]
    assert Fleet(database).locker("L1").status.firmware == "9"


def test_a_status_that_knows_of_more_events_shows_what_is_missing(database):
    store = Store(database)
    store.commit([events("L1", 1, event(1))])
    assert store.commit([status("L1", 1, seq=2, ack=1)]).behind == {}
    assert store.commit([status("L1", 1, seq=9, ack=1)]).behind == {("L1", 1): 2}
    assert store.commit([status("L2", 5, seq=2, ack=0)]).behind == {("L2", 5): 1}


CUSTODY = [
    deposited(1, "RR123456785FR", door=3),
    event(2, "deposit_undone", door=3, parcel="RR123456785FR"),
    deposited(3, "RR123456785FR", door=5),
    collected(4, "RR123456785FR", door=5),
    deposited(5, "A", door=1),
    event(6, "returned", door=1, holder=7, role=1, parcel="A"),
    deposited(7, "B", door=2),
    event(8, "forced", door=2, parcel="B"),
]


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(len(CUSTODY))), st.integers(1, 8))
def test_the_state_of_a_parcel_does_not_depend_on_the_order_of_arrival(databases, order, size):
    with databases.opened() as database:
        Parcels(database).announce("RR123456785FR", "L1")
        store = Store(database)
        for start in range(0, len(order), size):
            store.commit([events("L1", 1, *[CUSTODY[i] for i in order[start : start + size]])])
        parcels = {parcel.id: parcel for parcel in Parcels(database).list()}
        assert {name: parcel.state for name, parcel in parcels.items()} == {
            "RR123456785FR": "collected",
            "A": "returned",
            "B": "forced",
        }


def test_a_deposit_undone_leaves_an_announced_parcel_expected_and_a_strange_one_forgotten(database):
    Parcels(database).announce("KNOWN", "L1")
    store = Store(database)
    for first, parcel in ((1, "KNOWN"), (3, "STRANGE")):
        undone = event(first + 1, "deposit_undone", door=3, parcel=parcel)
        store.commit([events("L1", 1, deposited(first, parcel), undone)])
    states = {parcel.id: parcel.state for parcel in Parcels(database).list()}
    assert states == {"KNOWN": "announced", "STRANGE": "cancelled"}


def test_a_parcel_deposited_at_another_locker_is_where_it_is(database):
    Parcels(database).announce("P", "L1")
    Store(database).commit([events("L2", 1, deposited(1, "P", door=6))])
    parcel = Parcels(database).get("P")
    assert (parcel.locker, parcel.state, parcel.door) == ("L2", "in_locker", 6)


def test_occupancy_overtaken_by_a_newer_one_changes_nothing(database):
    store, fleet = Store(database), Fleet(database)
    store.commit([events("L1", 1, event(1))])
    store.commit([occupancy("L1", 1, 9, [[1, 0, "P"], [0, 0, None]])])
    store.commit([occupancy("L1", 1, 8, [[0, 1, None], [0, 0, None]])])
    first = fleet.compartments("L1")[0]
    assert (first.content, first.parcel) == ("parcel", "P")
    store.commit([occupancy("L1", 1, 10, [[0, 1, None], [0, 0, None]])])
    first = fleet.compartments("L1")[0]
    assert (first.content, first.seen, first.parcel) == ("empty", "open", None)


def test_a_journal_that_was_lost_begins_a_new_life_and_the_old_one_speaks_no_more(database):
    store, fleet = Store(database), Fleet(database)
    store.commit([events("L1", 5, event(1), event(2)), status("L1", 5, seq=3, ack=2)])
    store.commit([occupancy("L1", 5, 2, [[1, 0, "OLD"]])])
    store.commit([events("L1", 6, event(1)), occupancy("L1", 6, 1, [[1, 0, "NEW"]])])
    store.commit([occupancy("L1", 5, 99, [[1, 0, "OLD"]]), status("L1", 5, up=False)])
    assert fleet.compartments("L1")[0].parcel == "NEW"
    assert fleet.locker("L1").connected
    assert fleet.locker("L1").events.epoch == 6
    assert seqs_of(database, "L1", 5) == [1, 2]


def test_an_event_this_host_does_not_know_is_stored_and_acknowledged(database):
    outcome = Store(database).commit([events("L1", 1, event(1, "sprouted_wings", feathers=9))])
    assert outcome.held["L1", 1].contiguous == 1
    assert Fleet(database).events("L1")[0].data == {"kind": "sprouted_wings", "feathers": 9}


REFUSES_NUMBER_2 = {
    "sqlite": [
        "CREATE TRIGGER full_ BEFORE INSERT ON events WHEN new.seq = 2 "
        "BEGIN SELECT RAISE(ABORT, 'no room for number 2'); END"
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE 'no room for number 2'; END $$",
        "CREATE TRIGGER full_ BEFORE INSERT ON events FOR EACH ROW WHEN (new.seq = 2) "
        "EXECUTE FUNCTION refuse()",
    ],
}


@pytest.mark.parametrize("parcel", ["P" * 1_000, 7, True, None, "P1"], ids=lambda one: str(one)[:4])
def test_a_parcel_in_an_event_that_tells_of_none_is_kept_and_holds_up_nothing(database, parcel):
    """A newer firmware may add any field; what is no text of ours would not fit the column of parcels."""
    message = events("L1", 1, event(1, "attempt", via=1, parcel=parcel), deposited(2, "P2"))
    outcome = Store(database).commit([message])
    assert outcome.held["L1", 1].contiguous == 2
    assert [row.parcel for row in rows_of(database)] == [None, "P2"]
    assert Fleet(database).events("L1")[0].data == {"kind": "attempt", "via": 1, "parcel": parcel}


def test_a_failing_commit_leaves_nothing_behind(database):
    store = Store(database)
    with database.write() as connection:
        for statement in REFUSES_NUMBER_2[database.backend]:
            connection.exec_driver_sql(statement)
    with pytest.raises(SQLAlchemyError, match="no room for number 2"):
        store.commit([events("L1", 1, event(1), event(2))])
    with database.write() as connection:
        on_table = " ON events" if database.backend == "postgresql" else ""
        connection.exec_driver_sql(f"DROP TRIGGER full_{on_table}")
    assert seqs_of(database) == []
    assert store.open_gaps() == {}
    with database.read() as connection:
        assert connection.execute(select(func.count()).select_from(streams)).scalar_one() == 0


KILLED = """
import os, signal, sys
sys.path.insert(0, {kit!r})
from host_kit import event, events
from consigne.server.storage.database import Database
from consigne.server.ingest.store import Store
store = Store(Database(sys.argv[1]))
n = 1
while True:
    outcome = store.commit([events("L1", 1, *[event(n + i) for i in range(20)])])
    n += 20
    sys.stdout.write(f"{{outcome.held['L1', 1].contiguous}}\\n")
    sys.stdout.flush()
"""


def test_what_was_acknowledged_is_there_after_the_host_was_killed(database):
    url = database.engine.url.render_as_string(hide_password=False)
    script = KILLED.format(kit=str(Path(__file__).parents[1]))
    for turn in range(3):
        process = subprocess.Popen([sys.executable, "-c", script, url], stdout=subprocess.PIPE)
        acknowledged = 0
        for line in process.stdout:
            acknowledged = int(line)
            if acknowledged >= 200 * (turn + 1):
                break
        process.kill()
        process.wait()
        process.stdout.close()
        stored = seqs_of(database)
        with database.read() as connection:
            held = connection.execute(select(streams)).one()
        assert acknowledged >= 200 * (turn + 1), "it was killed before it did anything"
        assert stored == list(range(1, len(stored) + 1)) and len(stored) >= acknowledged
        assert held.contiguous == len(stored) == held.stored, "run and rows are one transaction"


def test_api_and_ingest_write_at_the_same_time_without_failing(database):
    """On SQLite a transaction that reads first and then writes fails unless it takes the lock at once."""
    store, parcels = Store(database), Parcels(database)
    together = threading.Barrier(2)

    def ingest():
        together.wait()
        for n in range(1, 101):
            store.commit([events("L1", 1, event(n)), status("L1", 1, seq=n + 1, ack=0, grants=0)])

    def announce():
        together.wait()
        for n in range(100):
            parcels.announce(f"P{n}", "L1")

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(ingest), pool.submit(announce)]:
            done.result()
    assert seqs_of(database) == list(range(1, 101))
    assert Fleet(database).locker("L1").grants.version == 100


def test_sqlite_is_opened_so_that_a_commit_is_on_the_disk(tmp_path):
    with database_at(tmp_path / "host.db") as database, database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_a_database_that_cannot_keep_its_promise_is_refused():
    for url in ("sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true", "mysql://h/x"):
        with pytest.raises(ValueError, match=r"sqlite|SQLite"):
            Database(url)


def test_the_file_with_the_device_keys_is_private_and_no_key_is_printed(tmp_path, caplog):
    path = tmp_path / "host.db"
    Database(f"sqlite:///{path}").close()
    assert path.stat().st_mode & 0o077 == 0
    with database_at(path) as database:
        key = device_key("L1")
        with database.read() as connection:
            row = connection.exec_driver_sql("SELECT device_key FROM lockers").one()
        assert bytes(row.device_key) == key, "the test looks at the right thing"
        with database.write() as connection, pytest.raises(Exception) as caught:  # the same id twice
            connection.execute(
                _again(key),
            )
        shown = str(caught.value) + repr(Fleet(database).locker("L1")) + caplog.text
        assert key.hex() not in shown and repr(key)[2:-1] not in shown


def _again(key):
    values = {"id": "L1", "device_key": Secret(key), "digits": 8, "timezone": "UTC", "layout": ()}
    values |= {"registered_at": 0, "grants_version": 0, "next_grant": 1, "command_counter": 0}
    return lockers.insert().values(**values)
