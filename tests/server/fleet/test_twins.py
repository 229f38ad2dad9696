"""Two boards under one identity, and lockers that come and go, noticed from their statuses alone."""

import random

import pytest
from consigne.server.fleet.alarms import Alarms
from consigne.server.fleet.overview import Overview
from consigne.server.fleet.thresholds import Thresholds
from consigne.server.fleet.twins import LOOK_S, Twins
from consigne.server.pages.wording import wording
from host_kit import T0, status

THRESHOLDS = Thresholds()


class Leader:
    """A host that hears statuses, in a time of its own."""

    def __init__(self, database):
        self.database, self.twins, self.at_s = database, Twins(THRESHOLDS), 0.0

    def hear(self, epoch, seq=1, *, locker="L1", up=True, after_s=1.0):
        self.at_s += after_s
        told = status(locker, epoch, seq=seq, up=up, fw="1.2") if up else status(locker, epoch, up=False)
        self.twins.hear(locker, told.content, self.at_s)

    def connect(self, epoch, seq=1, after_s=2.0, locker="L1"):
        self.hear(epoch, up=False, after_s=after_s / 2, locker=locker)
        self.hear(epoch, seq, after_s=after_s / 2, locker=locker)

    def look(self, after_s=LOOK_S):
        self.at_s += after_s
        with self.database.write() as connection:
            self.twins.look(connection, T0 + int(self.at_s), self.at_s)
        return {(one.locker, one.kind) for one in Alarms(self.database).open()}


@pytest.fixture
def leader(databases):
    with databases.opened("L1", "L2") as database:
        yield Leader(database)


def test_two_boards_that_push_one_another_off_are_one_alarm_that_names_both(leader):
    for turn in range(30):
        leader.connect((0xAAAA, 0xBBBB)[turn % 2], seq=5 + turn)
        leader.connect(7, locker="L2", after_s=400)
        if turn < 3:
            assert leader.look() == set()
    assert leader.look() == {("L1", "two_boards")}, "and the other locker, nine times an hour, is well"
    (alarm,) = Alarms(leader.database).open()
    words = wording(alarm.data, []).more
    for told in ("0000aaaa", "0000bbbb", "32 events", "33 events", "firmware 1.2", "--renew"):
        assert told in words
    assert "two boards under one name" in dict(Overview(leader.database).lines()[0].needs).values()


def test_two_boards_with_copies_of_one_flash_are_told_apart_by_their_numbers(leader):
    for turn in range(5):
        leader.connect(7, seq=(500, 351)[turn % 2] + turn)
    assert leader.look() == {("L1", "two_boards")}
    (alarm,) = Alarms(leader.database).open()
    assert "503 events" in str(alarm.data["one"]) + str(alarm.data["other"])


def test_a_swapped_board_and_the_former_one_put_back_for_a_moment_are_no_two_boards(leader):
    for epoch in (1, 1, 2, 2, 1, 2):
        leader.connect(epoch, after_s=300)
    assert leader.look() == set()


def test_a_locker_that_comes_and_goes_flaps_and_the_alarm_clears_itself(leader):
    for turn in range(THRESHOLDS.connections - 1):
        leader.connect(1, seq=turn)
    assert leader.look() == set()
    leader.connect(1, seq=90)
    assert leader.look() == {("L1", "flapping")}
    (alarm,) = Alarms(leader.database).open()
    assert wording(alarm.data, []).more.startswith("20 connections within an hour")
    for turn in range(THRESHOLDS.connections):
        leader.connect(1, seq=100 + turn)
    leader.look()
    assert Alarms(leader.database).open()[0].data["count"] == 40, "a much larger number is told"
    for _ in range(3):
        leader.hear(1, seq=200, after_s=900)
    assert leader.look() == set(), "statuses of a connection that lasts are none"


def test_an_alarm_goes_on_after_a_takeover_and_clears_itself_there(leader):
    for turn in range(6):
        leader.connect(1 + turn % 2)
    leader.look()
    leader.twins = Twins(THRESHOLDS)  # the next leader
    assert leader.look() == {("L1", "two_boards")}
    assert leader.look(THRESHOLDS.calm_s - 60) == {("L1", "two_boards")}
    assert leader.look(120) == set()
    for turn in range(6):
        leader.connect(1 + turn % 2)
    assert leader.look() == {("L1", "two_boards")}


def test_whom_somebody_has_dealt_with_is_alarmed_anew_only_by_what_comes_then(leader):
    for turn in range(6):
        leader.connect(1 + turn % 2)
    leader.look()
    Alarms(leader.database).clear(Alarms(leader.database).open()[0].id, "Ada")
    assert leader.look() == set()
    leader.connect(1)
    assert leader.look() == set()
    for turn in range(5):
        leader.connect(1 + turn % 2)
    assert leader.look() == {("L1", "two_boards")}


def test_a_locker_that_says_another_epoch_each_time_takes_no_memory_and_costs_itself_alone(leader):
    rng = random.Random(14)
    for _ in range(2_000):
        leader.connect(rng.getrandbits(32), seq=rng.getrandbits(32), after_s=5)
    assert leader.look() == {("L1", "flapping")}
    seen = leader.twins._seen["L1"]
    assert len(seen.boards) <= 4 and len(seen.returns) <= THRESHOLDS.returns
    assert len(seen.connections) <= 14 and set(leader.twins._seen) == {"L1"}
