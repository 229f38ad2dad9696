"""A locker's page looks again when its own locker has news, and leaves nothing behind when it is closed."""

import json
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from consigne.protocol import frames, topics
from consigne.server.ingest.decode import Decoder, KeyRing
from consigne.server.ingest.store import Store
from consigne.server.pages.control import Control
from consigne.server.pages.desk import RETIRED, Desk
from consigne.server.people.accounts import Account
from consigne.server.people.roles import Role
from consigne.server.service import HostService
from consigne.server.storage.documents import Door, Place
from consigne.server.storage.models import lockers
from host_kit import T0, device_key, event, events, occupancy, register, status
from locker.core import labels
from sqlalchemy import update


@pytest.fixture
def host(tmp_path):
    made = HostService(f"sqlite:///{tmp_path}/host.db", broker_port=1)
    register(made.database, ["L1", "L2"])
    yield made
    made.database.close()


def arrived(host, message):
    """A message is stored, and whoever listens to the ingest hears what came of it."""
    outcome = Store(host.database).commit([message])
    for listener in tuple(host.ingest.listeners):
        listener(outcome)


def test_a_busy_fleet_makes_no_work_for_a_page_that_shows_another_locker(host):
    desk = Desk(host, "L1")
    for message, looks in (
        (events("L2", 1, event(1)), 0), (status("L2", 1), 0), (events("L1", 1, event(1)), 1),
        (status("L1", 1), 2),
    ):  # fmt: skip
        arrived(host, message)
        assert desk.revision == looks


def test_a_closed_page_is_told_nothing_any_more(host):
    desk, other = Desk(host, "L1"), Desk(host, "L1")
    desk.close()
    arrived(host, status("L1", 1))
    assert (desk.revision, other.revision, len(host.ingest.listeners)) == (0, 1, 1)


def test_a_locker_is_retired_on_its_page_only_by_who_types_its_name(host):
    control = Control(host, "L1", lambda: Account("Ada", Role.OPERATOR))
    control.retire("L2")
    assert control.answer() == ("bad", "Type L1 beside the button to retire it: nothing was done.")
    assert host.fleet.locker("L1").retired_at is None
    control.retire("L1")
    assert control.answer().tone == "good" and "L1 is retired" in control.answer().words
    assert host.fleet.locker("L1").retired_at
    assert control.trail()[0].did.startswith("retire")
    control.open(0)
    assert control.answer().tone == "bad" and "L1 was retired on" in control.answer().words


def test_a_page_says_whether_it_shows_a_locker_that_serves_a_counter_or_what_was_retired(host):
    for counter in ("C1", "C2"):
        host.fleet.register_counter(counter, 5, Place("Shop"))
    for gone in ("L2", "C2"):
        host.fleet.retire(gone)
    names = ("L1", "L2", "C1", "C2")
    assert [Desk(host, name).locker_line().kind for name in names] == ["", RETIRED, "counter", RETIRED]
    told = [Control(host, name, lambda: Account("Ada", Role.OPERATOR)).no_orders for name in names]
    assert (told[0], told[2]) == ("", "C1 is a counter: people serve there, it takes no orders.")
    for name, words in (("L2", told[1]), ("C2", told[3])):
        assert words.startswith(f"{name} was retired on ") and words.endswith(": it serves nobody any more.")


def test_who_retires_a_counter_on_its_page_is_sent_to_no_broker_and_no_key(host):
    host.fleet.register_counter("C1", 5, Place("Shop"))
    control = Control(host, "C1", lambda: Account("Ada", Role.OPERATOR))
    control.retire("C1")
    assert control.answer() == ("good", "C1 is retired, and the accounts of its clerks are closed.")
    assert control.no_orders.startswith("C1 was retired on ")


def test_events_are_told_in_the_locker_s_own_time_and_one_without_a_clock_says_so(host):
    host.fleet.register("L1", device_key("L1"), timezone="Asia/Tokyo")
    arrived(host, events("L1", 1, event(1, time_s=0), event(2, time_s=37), event(3, time_s=T0)))
    (told, _) = Desk(host, "L1").arrived(0)
    tokyo = datetime.fromtimestamp(T0, ZoneInfo("Asia/Tokyo")).strftime("%H:%M:%S")
    assert [one.at for one in told] == ["no clock", "no clock", tokyo]


def test_the_number_that_is_suggested_for_a_parcel_is_one_that_scanners_and_lockers_take(monkeypatch):
    for now_s in range(1_790_000_000, 1_790_000_100):
        monkeypatch.setattr(time, "time", lambda now_s=now_s: now_s)
        number = Desk.suggest()
        assert labels.parcel_id(number) == (0, number) and labels.s10_ok(number)


def test_an_order_s_event_says_what_was_ordered_and_what_came_of_it(host):
    host.fleet.register("L1", device_key("L1"), doors=[Door("A-1", 1), Door("A-2", 2)])
    arrived(host, status("L1", 1))
    order = host.orders.block("L1", 1)
    done = event(1, "command", counter=7, result=0, id=order)
    arrived(host, events("L1", 1, done, event(2, "command", counter=8, result=1, id="2593ed9d50678e26")))
    (told, _) = Desk(host, "L1").arrived(0)
    assert [one.words.more for one in told] == [
        "block door A-2: done", "unknown here: the locker has no such compartment",
    ]  # fmt: skip


def test_events_that_are_not_as_this_host_knows_them_are_told_with_the_others(host):
    arrived(host, events("L1", 1,
        event(1, "command", result=0), event(2, "opened", door="left"), event(3, "moved_in", colour="red"),
        event(4, "command", id=["x"], result=0), event(5, "left_open", door=1, after_s=90),
    ))  # fmt: skip
    (told, last) = Desk(host, "L1").arrived(0)
    assert (len(told), last) == (5, 5)
    assert [(one.words.headline, one.words.more) for one in told] == [
        ("Order", "unknown here: done"), ("Opened", "door left"), ("Moved in", "colour red"),
        ("Order", "unknown here: done"), ("Left open", "door 2 for 90 s"),
    ]  # fmt: skip


def test_equal_alarms_of_a_door_are_one_line_and_one_click(host):
    faults = [event(seq, "door_fault", time_s=37, door=seq % 2, fault=2) for seq in range(1, 7)]
    arrived(host, events("L1", 1, *faults))
    control = Control(host, "L1", lambda: Account("Ada", Role.OPERATOR))
    first, second = control.alarms()
    assert (first.at, first.words, len(first.ids)) == ("no clock", "Door fault: door 1: sensor silent", 3)
    control.clear(first.ids)
    assert control.alarms() == [second]


def test_a_locker_in_a_time_zone_that_nobody_knows_is_shown_with_times_in_utc(host):
    with host.database.write() as connection:
        connection.execute(update(lockers).values(timezone="Mars/Base"))
    arrived(host, events("L1", 1, event(1, "door_fault", time_s=T0, door=0, fault=2)))
    told, _ = Desk(host, "L1").arrived(0)
    at = datetime.fromtimestamp(T0, UTC)
    (alarm,) = Control(host, "L1", lambda: Account("Ada", Role.OPERATOR)).alarms()
    assert (told[0].at, alarm.at) == (f"{at:%H:%M:%S}", f"{at:%d %b %H:%M:%S}")


def test_a_compartment_whose_sensor_is_silent_is_not_shown_as_empty(host):
    arrived(host, occupancy("L1", 1, 1, [[0, 2, None], [0, 0, None], [1, 2, "P"]]))
    assert [one.content for one in Desk(host, "L1").believed()[:3]] == ["not known", "empty", "parcel"]


ODD = (
    {"kind": "deposited", "parcel": "X1"},
    {"kind": "deposited", "parcel": "X1", "door": -500, "holder": 7, "role": 1},
    {"kind": "command", "result": [], "id": {"a": 1}},
    {"kind": "command"},
    {"kind": "fault", "code": 1, "what": None},
    {"kind": "alarm", "door": "B", "alarm": 1e300},
    {"door": 3},
)


def test_an_event_that_is_not_sound_is_shown_as_far_as_it_is_and_those_after_it_too(host):
    """As it arrives: signed by its locker."""
    topic = topics.topic("L2", topics.EVENTS)
    rows = [[seq, T0 + seq, what] for seq, what in enumerate(ODD, 1)]
    rows.append(event(len(ODD) + 1, "deposited", door=4, holder=7, role=1, parcel="X2"))
    body = json.dumps({"epoch": 1, "events": rows}).encode()
    frame = frames.frame(device_key("L2"), frames.LABEL_EVENT, topic, body)
    decoder = Decoder(KeyRing(host.database))
    Store(host.database).commit(decoder.decode_all([(topic, frame, False)]))
    (told, _) = Desk(host, "L2").arrived(0)
    assert [one.words.headline for one in told] == [
        "Deposited", "Deposited", "Order", "Order", "Fault", "Alarm", "Unknown", "Deposited",
    ]  # fmt: skip
    assert "X1" in told[0].words.more and "-500" in told[1].words.more
    assert told[-1].words.more == "X2 in door 5"
