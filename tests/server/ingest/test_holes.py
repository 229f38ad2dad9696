"""What no journal has any more is gone past, written down and told, and taken back if it comes after all."""

import random

import pytest
from consigne.protocol.events import WHY_CHARACTERS_MAX, parse_events
from consigne.protocol.untrusted import ProtocolError, dump
from consigne.server.fleet.alarms import Alarms
from consigne.server.fleet.fleet import Fleet
from consigne.server.fleet.overview import Overview
from consigne.server.ingest.store import Store
from consigne.server.pages.wording import wording
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage.models import events as events_table
from consigne.server.storage.models import holes as holes_table
from consigne.server.storage.models import streams
from host_kit import T0, deposited, event, events, status
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

NO_NUMBER = 2**32 - 1


@pytest.fixture
def database(databases):
    with databases.opened("L1", "L2") as opened:
        yield opened


@pytest.fixture
def store(database):
    return Store(database)


def holes_of(database, locker="L1"):
    return [(one.epoch, one.first, one.last, one.why) for one in reversed(Fleet(database).holes(locker))]


def counts(database, epoch=1):
    wanted = select(streams.c.contiguous, streams.c.stored, streams.c.lost)
    with database.read() as connection:
        return tuple(connection.execute(wanted.where(streams.c.epoch == epoch)).one())


def test_a_hole_is_gone_past_written_down_and_told_once(database, store):
    store.commit([events("L1", 1, event(1))])
    outcome = store.commit(
        [events("L1", 1, [2, 504, "unreadable"], event(505), [506, 506, "given up"], event(507))]
    )
    assert outcome.held["L1", 1].contiguous == 507
    assert holes_of(database) == [(1, 2, 504, "unreadable"), (1, 506, 506, "given up")]
    assert counts(database) == (507, 3, 504)
    (alarm,) = Alarms(database).open("L1")
    assert wording(alarm.data, []).more == (
        "504 events (2 to 506): the flash was full, and the flash is damaged there"
    )
    assert ("lost", "504 events lost") in Overview(database).lines()[0].needs
    store.commit([events("L1", 1, [2, 504, "unreadable"], event(505))])
    assert counts(database) == (507, 3, 504) and len(Alarms(database).open("L1")) == 1
    Alarms(database).clear(alarm.id, "Ada")
    assert "lost" not in dict(Overview(database).lines()[0].needs), "somebody has dealt with it"


def test_of_a_hole_over_what_was_stored_only_the_rest_is_lost(database, store):
    store.commit([events("L1", 1, event(1), event(2), event(5), event(6), event(9))])
    outcome = store.commit([events("L1", 1, [1, 8, "given up"], event(9))])
    assert outcome.held["L1", 1].contiguous == 9
    assert holes_of(database) == [(1, 3, 4, "given up"), (1, 7, 8, "given up")]
    assert counts(database) == (9, 5, 4)


def test_what_comes_after_all_is_stored_and_acts_like_any_event(database, store):
    store.commit([events("L1", 1, [1, 9, "unreadable"], event(10))])
    late = deposited(4, "P1")
    outcome = store.commit([events("L1", 1, late, late, event(9))])
    assert [one.event.seq for one in outcome.stored] == [4, 9] and outcome.conflicts == {}
    assert Parcels(database).get("P1").state == "in_locker"
    assert holes_of(database) == [(1, 1, 3, "unreadable"), (1, 5, 8, "unreadable")]
    assert counts(database) == (10, 3, 7)
    changed = [4, late[1], {**late[2], "door": 5}]
    assert store.commit([events("L1", 1, changed)]).conflicts == {("L1", 1): [4]}, "only the first counts"


@pytest.mark.parametrize("told", [[1, 7, "x"], [2, NO_NUMBER, "x"], [7, 7, "x"], [6, 5, "x"], [7, 6, "x"]])
def test_a_hole_that_no_event_stands_behind_is_not_believed(database, store, told):
    store.commit([events("L1", 1, event(1))])
    outcome = store.commit([events("L1", 1, told, event(7))])
    assert outcome.held["L1", 1].missing() == [(2, 6)]
    assert holes_of(database) == [] and counts(database) == (1, 2, 0)


def test_a_locker_that_claims_four_billion_lost_harms_itself_alone_and_loses_no_event(database, store):
    store.commit(
        [events("L1", 1, [1, NO_NUMBER - 1, "x"], event(NO_NUMBER, time_s=T0)), events("L2", 1, event(1))]
    )
    outcome = store.commit([events("L1", 1, event(1), event(2)), events("L2", 1, event(2))])
    assert outcome.held["L2", 1].contiguous == 2
    with database.read() as connection:
        here = select(events_table.c.seq).where(events_table.c.locker == "L1")
        assert sorted(connection.execute(here).scalars()) == [1, 2, NO_NUMBER]
    assert holes_of(database) == [(1, 3, NO_NUMBER - 1, "x")]


@pytest.mark.parametrize(
    "entry",
    [
        [0, 2, "x"],
        [1, 0, "x"],
        [1, NO_NUMBER + 1, "x"],
        [1.5, 2, "x"],
        [1, 2, "x" * (WHY_CHARACTERS_MAX + 1)],
    ],
)
def test_what_is_no_hole_is_malformed(entry):
    with pytest.raises(ProtocolError):
        parse_events(dump({"epoch": 1, "events": [entry]}))


def test_holes_of_one_epoch_and_of_one_locker_are_no_others(database, store):
    store.commit([events("L1", 1, event(1), event(9)), events("L2", 1, event(1), event(9))])
    store.commit([events("L1", 2, [1, 8, "given up"], event(9))])
    assert counts(database, 2) == (9, 1, 8)
    with database.read() as connection:
        rows = connection.execute(
            select(holes_table.c.locker, holes_table.c.epoch, holes_table.c.first)
        ).all()
    assert ("L2", 1, 2) not in rows and ("L1", 2, 1) in rows


def test_a_host_that_knows_less_than_it_acknowledged_asks_for_the_rest(database, store):
    store.commit([events("L1", 1, event(1), event(2))])
    assert store.commit([status("L1", 1, seq=9, ack=2, oldest=1)]).behind == {("L1", 1): 3}
    assert store.commit([status("L1", 1, seq=3, ack=2, oldest=1)]).behind == {}
    assert store.commit([status("L1", 1, seq=3, ack=2)]).behind == {}
    assert store.commit([status("L2", 7, seq=9, ack=8, oldest=4)]).behind == {("L2", 7): 1}


def test_what_a_former_journal_had_and_never_sent_is_lost_when_another_takes_its_place(database, store):
    store.commit([events("L1", 1, event(1), event(2), event(5)), status("L1", 1, seq=8, ack=2)])
    store.commit([status("L1", 2, seq=2, ack=0)])
    assert holes_of(database) == [(1, 3, 4, "journal replaced"), (1, 6, 7, "journal replaced")]
    assert store.open_gaps() == {}
    store.commit([events("L1", 2, event(1))])
    assert counts(database) == (7, 3, 4)
    words = {wording(one.data, []).headline for one in Alarms(database).open("L1")}
    assert words == {"Events lost", "Another journal"} and len(Alarms(database).open("L1")) == 2
    store.commit([events("L1", 1, event(6), event(8))])  # the board came back
    assert holes_of(database) == [(1, 3, 4, "journal replaced"), (1, 7, 7, "journal replaced")]
    assert counts(database) == (8, 5, 3)


def test_a_new_journal_of_which_no_status_came_takes_the_place_as_well(database, store):
    store.commit([events("L1", 1, event(1), event(4))])
    store.commit([events("L1", 2, event(1))])
    assert holes_of(database) == [(1, 2, 3, "journal replaced")]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_each_number_that_is_acknowledged_is_stored_or_told_as_lost_and_never_both(databases, seed, rounds):
    """The locker tells of events and holes as it likes, also wrongly, in any order."""
    rng = random.Random(seed)
    with databases.opened() as database:
        store = Store(database)
        for _ in range(rounds):
            entries = []
            for _ in range(rng.randint(1, 5)):
                first = rng.randint(1, 30)
                is_hole = rng.random() < 0.4
                entries.append([first, first + rng.randint(0, 9), "x"] if is_hole else event(first))
            store.commit([events("L1", 1, *entries)])
        contiguous, stored, lost = counts(database)
        with database.read() as connection:
            rows = connection.execute(select(events_table.c.seq)).scalars().all()
        gone = [seq for _, first, last, _ in holes_of(database) for seq in range(first, last + 1)]
        assert len(rows) == len(set(rows)) == stored and len(gone) == len(set(gone)) == lost
        assert not set(rows) & set(gone)
        assert set(range(1, contiguous + 1)) <= set(rows) | set(gone)
