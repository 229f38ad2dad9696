"""The fleet at a glance: what needs attention first, in words, found and paged, fast with 3,000 lockers."""

import random
import time

import pytest
from consigne.protocol.telemetry import Telemetry
from consigne.server.errors import Conflict, NotFound
from consigne.server.fleet import alarms as alarm_rows
from consigne.server.fleet import condition, overview
from consigne.server.fleet.alarms import Alarms
from consigne.server.fleet.condition import Condition
from consigne.server.fleet.fleet import Fleet
from consigne.server.fleet.overview import PAGE, Overview
from consigne.server.ingest.store import Store
from consigne.server.people.audit import trail
from consigne.server.storage.ages import Ages
from consigne.server.storage.documents import Door, Place
from consigne.server.storage.models import alarms, samples
from consigne.words import counted
from host_kit import T0, device_key, event, events, occupancy, status
from lab.bench.fleet import fill
from locker.core.timekeeping import EARLIEST_S
from locker.journal import report
from sqlalchemy import select

WEAK = {"taken": 1, "samples": [], "latches": [[4, 86, 190, 120, 128], [5, 86, 90, 0, 0]]}


@pytest.fixture
def database(databases):
    with databases.opened("L1", "L2", "L3") as opened:
        yield opened


def needs(database, find=""):
    return {line.id: line.needs for line in Overview(database).page(find).lines}


def test_every_trouble_of_a_locker_is_said_the_most_urgent_first(database):
    faults = ["display: ENODEV"]
    told = status("L1", 1, seq=9, trust=0, journal="repaired", faults=faults, health=WEAK)
    pried = event(2, "forced", door=3, parcel="")
    lost = event(8, "lost", first=3, last=6)
    doors = [[1, 0, "P"], [4, 0, None], [1, 0, "Q"]]
    Store(database).commit([events("L1", 1, event(1), pried, lost), told, occupancy("L1", 1, 9, doors)])
    assert needs(database)["L1"] == [
        ("alarm", "2 alarms"), ("latch", "1 weak latch"), ("blocked", "1 out of use"),
        ("journal", "journal repaired"), ("lost", "4 events lost"), ("clock", "clock not set"),
        ("fault", "display: ENODEV"), ("full", "full"),
    ]  # fmt: skip
    Store(database).commit([status("L1", 1, up=False)])
    assert ("offline", "offline") in needs(database)["L1"]


def test_one_of_a_thing_is_told_as_one(database):
    health = {**WEAK, "latches": WEAK["latches"][:1]}
    rows = [event(1), event(2), event(4, "lost", first=3, last=3)]
    told = [events("L1", 1, *rows), status("L1", 1, health=health), occupancy("L1", 1, 4, [[0, 2, None]])]
    Store(database).commit(told)
    words = {words for _, words in needs(database)["L1"]}
    assert words >= {"1 alarm", "1 weak latch", "1 silent sensor", "1 event lost"}
    assert counted(0, "locker") == "0 lockers" and counted(3_000, "latch", "latches") == "3,000 latches"


def test_a_locker_that_is_well_needs_nothing_and_stands_last(database):
    Store(database).commit([status("L2", 1, journal="clean"), occupancy("L2", 1, 1, [[0, 0, None]])])
    Store(database).commit([events("L3", 1, event(1), event(5)), status("L3", 1)])
    told = needs(database)
    assert list(told) == ["L3", "L1", "L2"]
    assert told == {"L3": [("gap", "events missing")], "L1": [("new", "never connected")], "L2": []}


def test_compartments_with_silent_sensors_are_not_offered_as_free(database):
    Fleet(database).register("L1", device_key("L1"), doors=[Door("1", 1), Door("2", 1), Door("3", 1)])
    doors = [[0, 2, None], [0, 2, None], [0, 0, None]]
    Store(database).commit([status("L1", 1), occupancy("L1", 1, 1, doors)])
    view = Overview(database)
    assert [(line.free, line.needs) for line in view.page("L1").lines] == [
        (1, [("sensor", "2 silent sensors")])
    ]
    assert view.points("L1")[0].free == {"S": 1}


def test_lockers_are_found_by_name_and_place_and_by_what_they_need(database):
    Fleet(database).register_counter("shop", 5, Place("Librairie du Port", "3 quai des Brumes"))
    view = Overview(database)
    assert [line.id for line in view.page("PORT").lines] == ["shop"]
    assert [line.id for line in view.page("l2").lines] == ["L2"]
    assert {line.id for line in view.page(only="new").lines} == {"L1", "L2", "L3"}
    assert view.page(only="offline").lines == [] and view.page("nowhere").total == 0
    assert [point.id for point in view.points("brumes")] == ["shop"]


def test_where_parcels_can_go_is_told_with_the_free_compartments_by_size(database):
    Store(database).commit([occupancy("L1", 1, 1, [[0, 0, None], [1, 0, "P"], [0, 0, None], [0, 0, None]])])
    (point,) = Overview(database).points("L1")
    assert point.free == {"S": 2, "M": 1} and point.connected


def test_a_fleet_of_3000_is_listed_page_by_page(database):
    fill(database, 3_000)
    view = Overview(database)
    shown, last = view.page(), view.page("place", page=60)
    assert (shown.fleet, shown.total, len(shown.lines)) == (3_003, 3_003, PAGE)
    assert len(last.lines) == PAGE and last.total == 3_000


def test_the_list_is_read_anew_once_it_is_a_few_seconds_old(database, monkeypatch):
    at = [100.0]
    monkeypatch.setattr(overview.time, "monotonic", lambda: at[0])
    view = Overview(database)
    assert view.page().counts["new"] == 3
    Store(database).commit([status("L1", 1)])
    assert view.page().counts["new"] == 3, "who looks at the same time is shown the same"
    at[0] += overview.FRESH_S
    assert view.page().counts["new"] == 2


def test_an_alarm_stands_until_somebody_dealt_with_it_and_who_did_is_known(database):
    store, view = Store(database), Alarms(database)
    pried = event(1, "forced", door=3, parcel="")
    store.commit([events("L1", 1, pried)])
    store.commit([events("L1", 1, pried)])
    (alarm,) = view.open("L1")
    assert (alarm.kind, alarm.data["door"]) == ("forced", 3) and view.open("L2") == []
    assert view.clear(alarm.id, "Ada", "door adjusted").cleared_by == "Ada"
    assert view.open() == []
    with database.read() as connection:
        assert trail(connection, "L1")[0].detail == "forced, event 1: door adjusted"
    with pytest.raises(Conflict, match="Ada has dealt with"):
        view.clear(alarm.id, "Bob")
    with pytest.raises(NotFound):
        view.clear(999, "Bob")
    store.commit([events("L1", 1, pried)])
    assert view.open() == [], "an event that comes again raises no second alarm"


def test_a_latchs_trend_has_one_point_a_day_and_the_next_to_fail_stands_first(database):
    for day in range(3):
        told = {"taken": 1, "samples": [], "latches": [[1, 80, 80, 0, 0], [4, 86, 90 + 50 * day, 9 * day, 0]]}
        parsed = status("L1", 1, health=told).content.health
        for minutes in (0, 15):
            with database.write() as connection:
                condition.keep(connection, [("L1", parsed)], T0 + day * 86_400 + minutes * 60)
    worst, well = Condition(database).latches("L1")
    assert (worst.door, [ms for _, ms in worst.trend]) == (4, [90, 140, 190])
    assert worst.slower > 2 and well.slower == 1.0
    assert len(well.trend) == 3


def test_samples_are_kept_once_told_from_floor_times_not_and_forgotten_after_two_weeks(database):
    now_s = int(time.time())
    rows = [[now_s - 900, 900, 61_000, -58, 12_100], [now_s, 1800, -1, 0], [1000, 5, 61_000, -58]]
    health = Telemetry(3, [tuple(row) for row in rows], [])
    for _ in range(2):
        with database.write() as connection:
            condition.keep(connection, [("L1", health)], now_s)
    told = Condition(database).samples("L1")
    assert [one.time_s for one in told] == [now_s - 900, now_s]
    assert (told[0].supply_mv, told[1].supply_mv, told[1].free_bytes) == (12_100, None, None)
    kept_s = Ages().samples * 86_400
    for later_s, rows_left in ((kept_s - 100, 1), (kept_s + 1, 0)):
        condition.forget(database, now_s + later_s, Ages())
        with database.read() as connection:
            assert len(connection.execute(samples.select()).all()) == rows_left


def test_what_a_locker_measured_before_it_had_a_clock_is_no_point_of_a_curve(database):
    told = {"taken": 2, "samples": [[EARLIEST_S - 1, 9, 50_000, -60], [EARLIEST_S, 9, 50_000, -60]]}
    parsed = status("L1", 1, health={**told, "latches": []}).content.health
    with database.write() as connection:
        condition.keep(connection, [("L1", parsed)], T0)
        assert [row.time_s for row in connection.execute(select(samples))] == [EARLIEST_S]


@pytest.mark.parametrize("state", report.STATE_NAMES)
def test_a_journal_that_is_not_in_order_needs_somebody(database, state):
    Store(database).commit([status("L1", 1, journal=state), status("L2", 1)])
    lines = {line.id: dict(line.needs) for line in Overview(database).page().lines}
    assert ("journal" in lines["L1"]) == (state not in ("fresh", "clean"))
    assert "journal" not in lines["L2"], "it said nothing of it"


def test_lockers_of_any_layout_are_shown(database):
    Fleet(database).register("L4", random.Random(4).randbytes(32), doors=[Door("A", 9)])
    Store(database).commit([occupancy("L4", 1, 1, [[0, 0, None]])])
    assert Overview(database).points("L4")[0].free == {"?": 1}


def test_alarms_of_before_a_year_are_forgotten_once_dealt_with(database):
    Store(database).commit(
        [events("L1", 1, event(1, "forced", door=3, parcel=""), event(3, "lost", first=2, last=2))]
    )
    Alarms(database).clear(Alarms(database).open()[0].id, "Ada")
    alarm_rows.forget(database, int(time.time()) + Ages().alarms * 86_400 + 9, Ages())
    with database.read() as connection:
        assert [row.cleared_at for row in connection.execute(alarms.select())] == [None]
