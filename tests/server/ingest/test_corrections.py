"""Where events are lost the occupancy corrects its locker's parcels, and nothing else does."""

import pytest
from consigne.server.fleet.alarms import Alarms
from consigne.server.ingest.corrections import At, Standing, judge
from consigne.server.ingest.store import Store
from consigne.server.pages.wording import wording
from consigne.server.parcels.parcels import Parcels
from consigne.server.people import audit
from consigne.server.storage.models import GONE, IN_A_LOCKER
from host_kit import collected, deposited, event, events, occupancy, status
from hypothesis import given
from hypothesis import strategies as st
from locker.core import doors

EMPTY, LIES = [0, 0, None], 1
NOW = [9, 9, "unreadable"], event(10)  # an event is lost, the others are there


@pytest.fixture
def database(databases):
    with databases.opened("L1", "L2") as opened:
        yield opened


@pytest.fixture
def store(database):
    return Store(database)


def rows(**there):
    """What is told of twelve doors: those of ``there``, as ``d4="P1"``, have a parcel."""
    return [[LIES, 0, there[f"d{n}"]] if f"d{n}" in there else EMPTY for n in range(12)]


def lost(store, *before):
    """Events are stored, one is lost, and so the stream ends at number 10."""
    numbered = {row[0] for row in before}
    others = [event(n) for n in range(1, 9) if n not in numbered]
    store.commit([events("L1", 1, *sorted([*before, *others]), *NOW), status("L1", 1, seq=11)])


def state(database, id_):
    one = Parcels(database).get(id_)
    return one.state, one.door


def corrected(database):
    return [one.data for one in Alarms(database).open() if one.kind == "corrected"]


def test_a_parcel_that_is_not_there_any_more_is_gone_and_told_once(database, store):
    Parcels(database).announce("P1", "L1", code="listed")
    lost(store, deposited(1, "P1", door=4), deposited(2, "P2", door=5))
    store.commit([occupancy("L1", 1, 10, rows(d5="P2"))])
    assert state(database, "P1")[0] == "gone" and state(database, "P2") == ("in_locker", 5)
    (alarm,) = corrected(database)
    assert wording(alarm, []).more == "not in the locker any more: P1"
    with database.read() as connection:
        (entry,) = [one for one in audit.trail(connection, "L1") if one.action == "correct parcel"]
    assert (entry.parcel, entry.by) == ("P1", "host")
    store.commit([occupancy("L1", 1, 10, rows(d5="P2"))])
    assert len(corrected(database)) == 1
    store.commit([events("L1", 1, collected(9, "P1"))])
    assert state(database, "P1")[0] == "collected", "the event that was believed lost"


def test_a_parcel_that_is_there_is_found_and_one_that_nobody_knows_gets_no_sender(database, store):
    Parcels(database).announce("P1", "L1", carrier=None)
    lost(store)
    store.commit([occupancy("L1", 1, 10, rows(d4="P1", d5="P9"))])
    assert state(database, "P1") == ("in_locker", 4) and state(database, "P9") == ("in_locker", 5)
    strange = Parcels(database).get("P9")
    assert strange.carrier is None and strange.announced_at is None and not strange.overdue
    (alarm,) = corrected(database)
    assert (alarm["found"], alarm["unknown"]) == ("P1", "P9")


def test_what_came_first_of_occupancy_and_events_makes_no_difference(database, store):
    store.commit([events("L1", 1, deposited(1, "P1", door=4)), occupancy("L1", 1, 10, rows())])
    assert state(database, "P1") == ("in_locker", 4), "its collection may be on its way"
    lost(store, deposited(1, "P1", door=4))
    assert state(database, "P1")[0] == "gone"


def test_where_nothing_is_lost_events_alone_count(database, store):
    store.commit([events("L1", 1, deposited(1, "P1", door=4), event(2)), status("L1", 1, seq=3)])
    store.commit([occupancy("L1", 1, 2, rows(d5="P9"))])
    assert state(database, "P1") == ("in_locker", 4) and corrected(database) == []


@pytest.mark.parametrize(
    "lie",
    [
        occupancy("L1", 2, 10, rows()),  # of another epoch
        occupancy("L1", 1, 6, rows()),  # older than the deposit
        occupancy("L1", 1, 11, rows()),  # of an event that the host has not
        occupancy("L1", 1, 10, [[2, 0, None]] * 12),  # somebody is at each door
        occupancy("L1", 1, 10, [[1, 0, None]] * 12),  # it cannot say which
        occupancy("L2", 1, 10, rows()),
    ],
)
def test_an_occupancy_that_proves_nothing_changes_nothing(database, store, lie):
    lost(store, deposited(7, "P1", door=4))
    store.commit([lie])
    assert state(database, "P1") == ("in_locker", 4) and corrected(database) == []


def test_a_status_that_speaks_of_more_events_is_waited_for(database, store):
    lost(store, deposited(7, "P1", door=4))
    store.commit([status("L1", 1, seq=13), occupancy("L1", 1, 10, rows())])
    assert state(database, "P1") == ("in_locker", 4)


def test_another_lockers_parcel_is_told_and_stays_where_it_is(database, store):
    store.commit([events("L2", 1, deposited(1, "P1", door=4))])
    lost(store)
    store.commit([occupancy("L1", 1, 10, rows(d4="P1"))])
    assert Parcels(database).get("P1").locker == "L2" and state(database, "P1") == ("in_locker", 4)
    assert "nothing was changed: P1" in wording(corrected(database)[0], []).more


def test_doors_that_do_not_exist_hold_nothing(database, store):
    lost(store)
    store.commit([occupancy("L1", 1, 10, [*rows(), [LIES, 0, "P7"]] + [EMPTY] * 100)])
    assert Parcels(database).list("L1") == [] and corrected(database) == []


def test_a_swapped_board_corrects_what_the_former_one_did_after_the_copy(database, store):
    store.commit([events("L1", 1, deposited(1, "P1", door=4)), status("L1", 1, seq=2)])
    store.commit([events("L1", 2, event(1)), status("L1", 2, seq=2), occupancy("L1", 2, 1, rows())])
    assert state(database, "P1")[0] == "gone"


# --- for any occupancy ----------------------------------------------------------------------------------

ids = st.sampled_from(["P1", "P2", "P3", "P4"])
states = st.sampled_from(["announced", "in_locker", "forced", "collected", GONE])
known_rows = st.builds(
    Standing,
    id=ids,
    locker=st.sampled_from(["L1", "L2"]),
    state=states,
    door=st.none() | st.integers(0, 5),
    grant=st.none(),
    deposited_at=st.none(),
    from_epoch=st.sampled_from([None, 1, 2]),
    from_seq=st.integers(1, 20),
)
cells = st.tuples(st.integers(0, 5), st.none() | ids)


@given(st.lists(cells, max_size=6), st.lists(known_rows, unique_by=lambda row: row.id), st.integers(0, 6))
def test_only_this_lockers_parcels_and_never_against_a_newer_event(told, known, doors_max):
    at = At(1, 10, 0)
    found = judge("L1", told, at, known, doors_max)
    newer = {row.id for row in known if row.locker == "L1" and row.from_epoch == 1 and row.from_seq > 10}
    changed = [*found.gone, *(row for row, _ in found.found)]
    assert all(row.locker == "L1" and row.id not in newer for row in changed)
    assert len({row.id for row in changed}) == len(changed)
    for row in found.gone:
        assert row.state in IN_A_LOCKER and (doors.PARCEL, row.id) not in told[:doors_max]
        assert told[row.door][0] in (doors.EMPTY, doors.TOLD_BLOCKED, doors.PARCEL)
    for id_, door in [*((row.id, door) for row, door in found.found), *found.strange]:
        assert told[door] == (doors.PARCEL, id_) and door < doors_max
    assert not {id_ for id_, _ in found.strange} & {row.id for row in known}
    after = [
        row._replace(state=GONE) if row in found.gone else row
        for row in known
        if row.id not in {one.id for one, _ in found.found}
    ] + [row._replace(state="in_locker", door=door) for row, door in found.found]
    again = judge("L1", told, at, after, doors_max)
    assert not again.gone and not again.found, "corrected once, it agrees"
