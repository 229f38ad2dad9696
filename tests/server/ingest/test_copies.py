"""An older flash image put back, and boards with copies of one: nothing is lost, nothing is stored twice."""

import pytest
from consigne.server.fleet.alarms import Alarms
from consigne.server.fleet.fleet import Fleet
from consigne.server.fleet.overview import Overview
from consigne.server.ingest.copies import COPIES_MAX
from consigne.server.ingest.store import Store
from consigne.server.pages.wording import wording
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage.contiguity import COPY, said_epoch
from host_kit import T0, collected, deposited, event, events, occupancy, status

LATER = T0 + 10_000


@pytest.fixture
def database(databases):
    with databases.opened("L1", "L2") as opened:
        yield opened


@pytest.fixture
def store(database):
    """The host has 60 events; the image that is put back had 40, of which 30 were acknowledged."""
    made = Store(database)
    made.commit([status("L1", 1, seq=61, ack=60), events("L1", 1, *[event(n) for n in range(1, 61)])])
    made.commit([occupancy("L1", 1, 60, [[1, 0, "OLD"]])])
    return made


def anew(*numbers):
    return [event(n, time_s=LATER + n) for n in numbers]


def stored(database):
    return [(one.seq, one.time_s) for one in Fleet(database).events("L1", limit=1_000)]


def test_a_locker_whose_older_image_was_put_back_loses_nothing_and_stores_nothing_twice(database, store):
    store.commit([status("L1", 1, seq=51, ack=30), occupancy("L1", 1, 50, [[0, 0, None]])])
    assert Fleet(database).compartments("L1")[0].content == "empty", "its status says where its numbers are"
    same = store.commit([events("L1", 1, *[event(n) for n in range(31, 41)])])
    assert same.shown == {("L1", 1): 40}, "no more is acknowledged than it has shown: 41 may be another"
    outcome = store.commit([events("L1", 1, *anew(*range(41, 51)))])
    assert outcome.held["L1", 1 + COPY].first_missing == 31 and len(outcome.stored) == 10
    again = store.commit([events("L1", 1, *[event(n) for n in range(31, 41)])])
    assert again.held["L1", 1 + COPY].contiguous == 50 and again.stored == []
    outcome = store.commit([events("L1", 1, *anew(51)), events("L1", 1, *anew(*range(52, 70)))])
    assert outcome.held["L1", 1 + COPY].contiguous == 69 and outcome.conflicts == {}
    seen = stored(database)
    assert len(seen) == len(set(seen)) == 60 + 29
    assert store.open_gaps() == {} and store.commit([status("L1", 1, seq=70, ack=69)]).behind == {}
    known = Fleet(database).locker("L1")
    assert known.connected and (known.events.complete_to, known.events.conflicts) == (69, 10)
    (alarm,) = Alarms(database).open("L1")
    assert "10 event numbers came with other content, from 41 on" in wording(alarm.data, []).more
    assert ("conflict", "10 event numbers came with other content") in Overview(database).lines()[0].needs


def test_what_was_lost_on_the_way_when_the_copy_began_is_asked_for(database, store):
    store.commit([status("L1", 1, seq=51, ack=30)])
    outcome = store.commit([events("L1", 1, *anew(*range(46, 51)))])
    assert outcome.held["L1", 1 + COPY].first_missing == 31
    again = [event(n) for n in range(31, 41)]
    outcome = store.commit([events("L1", 1, *again, *anew(*range(41, 46)))])
    assert outcome.held["L1", 1 + COPY].contiguous == 50
    assert [one.event.seq for one in outcome.stored] == [*range(41, 46)], "what both have is stored once"


@pytest.mark.parametrize("together", [False, True])
def test_a_later_batch_of_a_copy_that_is_stored_first_hides_no_earlier_one(database, store, together):
    """Two workers take what one locker sends in any order, and the last status may be the other board's."""
    batches = [events("L1", 1, *anew(*range(46, 51))), events("L1", 1, *anew(*range(41, 46)))]
    for some in [batches] if together else [[one] for one in batches]:
        outcome = store.commit(some)
    assert outcome.held["L1", 1 + COPY].contiguous == 50
    assert len(stored(database)) == len(set(stored(database))) == 70
    again = store.commit([events("L1", 1, *anew(*range(41, 51)))])
    assert again.stored == [] and len(stored(database)) == 70


def test_a_parcel_follows_the_events_of_the_copy(database, store):
    store.commit([events("L1", 1, deposited(61, "P"))])
    store.commit([status("L1", 1, seq=45, ack=40)])
    store.commit([events("L1", 1, *anew(41), collected(42, "P", time_s=LATER + 42))])
    assert Parcels(database).get("P").state == "collected"


def test_two_boards_with_copies_of_one_flash_are_both_kept(database, store):
    for turn in range(4):
        mine = [event(61 + turn)]
        its = anew(41 + turn)
        outcome = store.commit(
            [events("L1", 1, *mine), events("L1", 1, *its), events("L2", 1, event(turn + 1))]
        )
        assert [one.event.seq for one in outcome.stored if one.locker == "L1"] == [61 + turn, 41 + turn]
    assert len(set(stored(database))) == 68
    assert {one.kind for one in Alarms(database).open()} == {"conflict"}, "and no journal was replaced"


def test_a_locker_that_makes_up_other_events_for_ever_fills_no_database(database, store):
    for turn in range(COPIES_MAX + 5):
        outcome = store.commit([events("L1", 1, event(7, time_s=LATER + turn))])
        assert {said_epoch(one[1]) for one in outcome.held} == {1}
    assert len(stored(database)) == 60 + COPIES_MAX - 1
    (alarm,) = Alarms(database).open("L1")
    assert (alarm.data["count"], alarm.data["dropped"]) == (COPIES_MAX + 5, 6)
    assert "6 of them are not stored" in wording(alarm.data, []).more
