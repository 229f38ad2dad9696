"""A host whose clock is wrong tells nobody the time, and says so; one that is right again does at once."""

import json
import time

import pytest
from consigne.protocol import frames, messages
from consigne.server.fleet import clocks, commands
from consigne.server.fleet.hostclock import VOICE_S, HostClock, kernel_synchronised
from consigne.server.fleet.orders import Orders
from consigne.server.ingest.decode import Message
from consigne.server.ingest.store import Store
from consigne.server.people import audit
from consigne.server.storage.models import commands as table
from consigne.server.storage.models import lockers
from host_kit import T0, database_at, device_key
from sqlalchemy import select, update

DAY_S = 86_400
YEAR_S = 365 * DAY_S


class Machine:
    """A host's clock with a kernel and an uptime of its own; ``off_s``: how wrong its time is."""

    def __init__(self, database):
        self.database, self.uptime_s, self.off_s, self.kernel = database, 1000.0, 0, None
        self.clock = HostClock(lambda: self.kernel, lambda: self.uptime_s)

    @property
    def true_s(self):
        return T0 + int(self.uptime_s)

    def says(self, locker, ahead_s=0, wrong_s=0, trust=1):
        time_s = self.true_s + wrong_s + ahead_s
        status = messages.Status(True, 1, trust=trust, time_s=time_s, ahead_s=ahead_s)
        self.clock.hear(locker, status)

    def believes(self):
        with self.database.write() as connection:
            return self.clock.is_believed(connection, self.true_s + self.off_s)


@pytest.fixture
def database(tmp_path):
    with database_at(tmp_path / "host.db", "L1", "L2") as opened:
        yield opened


@pytest.fixture
def machine(database):
    return Machine(database)


def test_a_new_host_in_a_container_that_nobody_can_ask_is_believed(machine):
    assert machine.believes()
    machine.kernel = False
    assert machine.believes(), "a kernel that has never said yes may never say it"


@pytest.mark.parametrize("off_s", [2 * DAY_S, YEAR_S, -2 * DAY_S, -YEAR_S, 3600])
def test_a_clock_that_jumps_is_not_believed_while_most_lockers_know_better(machine, off_s):
    for locker in ("L1", "L2", "L3"):
        machine.says(locker)
    assert machine.believes() and machine.clock.doubt == ""
    machine.off_s = off_s
    assert not machine.believes()
    assert machine.clock.doubt.startswith("3 of 3 lockers")
    machine.off_s = 0
    assert machine.believes() and machine.clock.doubt == ""


def test_one_liar_stops_nobody(machine):
    machine.says("L1", wrong_s=YEAR_S)
    assert machine.believes()
    machine.says("L2")
    machine.says("L3")
    machine.says("L4", wrong_s=4_294_967_295 - machine.true_s)
    assert machine.believes(), "two against two"
    machine.says("L5", wrong_s=-YEAR_S)
    assert not machine.believes(), "three against two"


def test_lockers_that_follow_a_wrong_host_provisionally_vouch_for_nothing(machine):
    machine.off_s = 2 * DAY_S
    for locker in ("L1", "L2"):
        machine.says(locker, ahead_s=2 * DAY_S)
    assert machine.believes(), "they do not know better either"
    machine.off_s = 0
    assert machine.believes(), "but what they had believed before agrees with the right time"


def test_what_lockers_said_long_ago_or_without_a_set_clock_does_not_count(machine):
    for locker in ("L1", "L2"):
        machine.says(locker, wrong_s=YEAR_S)
    machine.uptime_s += VOICE_S + 1
    assert machine.believes()
    for locker in ("L1", "L2"):
        machine.says(locker, wrong_s=YEAR_S)
        machine.says(locker, wrong_s=YEAR_S, trust=0)
    assert machine.believes()


def test_a_clock_behind_what_was_written_is_not_believed_unless_kernel_or_locker_vouch(database, machine):
    assert machine.believes()
    machine.uptime_s += 600
    assert machine.believes()
    started = Machine(database)
    started.off_s = -YEAR_S
    assert not started.believes() and "behind what this host has written" in started.clock.doubt
    started.kernel = False
    assert not started.believes()
    started.kernel = True
    assert started.believes()
    for way in ("kernel", "locker"):
        ahead = Machine(database)
        ahead.off_s = YEAR_S  # the database is written a year ahead
        assert ahead.believes()
        ahead.off_s = 0
        assert not ahead.believes(), way
        if way == "kernel":
            ahead.kernel = True
        else:
            ahead.says("L1")
        assert ahead.believes(), way
        assert Machine(database).believes(), "and that is kept"


def test_a_clock_that_was_synchronised_once_must_be_again_after_a_restart_of_the_machine(database, machine):
    machine.kernel = True
    assert machine.believes()
    again = Machine(database)
    again.kernel = False
    assert not again.believes() and "chrony" in again.clock.doubt
    again.says("L1")
    assert again.believes(), "a locker that has kept the time agrees"
    again = Machine(database)
    again.kernel = None
    assert again.believes(), "moved to where it cannot be told"


def test_the_kernel_answers_or_cannot_be_asked():
    assert kernel_synchronised() in (True, False, None)


# --- what is sent ------------------------------------------------------------------------------------------


@pytest.fixture
def store(database):
    with database.write() as connection:
        connection.execute(update(lockers).values(up=True, grants_have=0))
    return Store(database)


def sent(database, now_s=None, tells_time=True):
    out = []
    at_s = int(time.time()) if now_s is None else now_s
    with database.write() as connection:
        names = commands.due(connection, at_s, tells_time)
        for one in commands.turn(connection, names, {}, at_s, tells_time).outgoing:
            key = device_key(one.locker)
            body = frames.open_frame(key, frames.LABEL_COMMAND, one.topic, one.payload)
            out.append({"locker": one.locker, **json.loads(body)})
    return out


def state(database, id_):
    with database.read() as connection:
        return connection.execute(select(table.c.state).where(table.c.id == id_)).scalar_one()


def test_while_it_is_not_believed_questions_get_no_answer_and_orders_go_on(database, store):
    store.commit([Message("L1", messages.AskTime(7))])
    opened = Orders(database).open("L2", 0)
    assert [one["id"] for one in sent(database, tells_time=False)] == [opened]
    assert [one["cmd"] for one in sent(database)] == ["time"]


def test_an_order_for_the_clock_waits_for_a_question_and_answers_it_with_its_nonce(database, store):
    id_ = Orders(database).set_clock("L1", "Ada")
    assert sent(database) == []
    store.commit([Message("L2", messages.AskTime(6)), Message("L1", messages.AskTime(7))])
    by_locker = {one["locker"]: one for one in sent(database, tells_time=False)}
    assert set(by_locker) == {"L1"}, "an operator vouches for it, and only for this locker"
    assert (by_locker["L1"]["cmd"], by_locker["L1"]["id"], by_locker["L1"]["nonce"]) == ("clock", id_, 7)
    assert abs(by_locker["L1"]["t"] - time.time()) < 10
    store.commit([Message("L1", messages.Reply(id_, "not asked"))])
    assert state(database, id_) == "sent", "the answer came too late: the next question is answered again"
    store.commit([Message("L1", messages.AskTime(8))])
    (again,) = [one for one in sent(database) if one["locker"] == "L1"]
    assert (again["id"], again["nonce"]) == (id_, 8) and again["n"] > by_locker["L1"]["n"]
    store.commit([Message("L1", messages.Reply(id_, "ok"))])
    assert state(database, id_) == "done"
    store.commit([Message("L1", messages.AskTime(9))])
    assert [one["cmd"] for one in sent(database) if one["locker"] == "L1"] == ["time"]
    with database.read() as connection:
        (entry,) = audit.trail(connection, "L1")[:1]
    assert (entry.by, entry.action) == ("Ada", "clock")


def test_what_a_locker_with_another_time_calls_expired_is_sent_again(database, store):
    id_ = Orders(database).block("L1", 0, "Ada")
    (first,) = sent(database)
    store.commit([Message("L1", messages.Reply(id_, "expired"))])
    assert state(database, id_) == "sent"
    (again,) = sent(database, first["exp"] - 10)
    assert again["id"] == id_ and again["n"] > first["n"]
    opened = Orders(database).open("L1", 0)
    sent(database)
    store.commit([Message("L1", messages.Reply(opened, "expired"))])
    assert state(database, opened) == "refused", "a door is opened at once or not at all"


def test_counters_rise_by_one_after_a_host_that_was_ahead_and_have_room_after_2106(database, store):
    newest = 0
    for now_s in (T0, T0 + YEAR_S, T0 + 10, 2**32 - 1, 2**40, T0 + 20, T0 + 30):
        Orders(database).open("L1", 0)
        with database.write() as connection:
            (one,) = commands.send(connection, ["L1"], now_s).outgoing
        body = frames.open_frame(device_key("L1"), frames.LABEL_COMMAND, one.topic, one.payload)
        counter = json.loads(body)["n"]
        assert newest < counter <= max(newest + 1, commands.COUNTER_OF_CLOCK_MAX), now_s
        newest = counter
    assert newest < 2**32 - 2**30 + 10


# --- what is shown -----------------------------------------------------------------------------------------


def test_a_lockers_clock_is_told_in_words():
    def said(**more):
        return clocks.state(messages.Status(True, 1, **{"trust": 1, "time_s": T0, **more}), T0)

    assert clocks.state(None, None) == clocks.state(messages.Status(True, 1), T0) == "never told"
    assert said() == said(time_s=T0 - 900) == "set"
    assert said(trust=0) == "not set"
    assert said(lead_s=-YEAR_S, time_s=T0 + YEAR_S) == "365 days ahead"
    assert said(lead_s=7200) == "2 hours behind"
    assert said(time_s=T0 + 2 * DAY_S) == "2 days ahead", "even if it never asked"
    provisional = messages.Status(True, 1, trust=1, time_s=T0, ahead_s=90 * DAY_S)
    assert clocks.state(provisional, T0) == "set", "it agrees: nobody need act"
    assert clocks.told(provisional, T0).endswith("to be confirmed") and clocks.told(None, None) == ""
    assert said(time_s=4_294_967_295, lead_s=-1).endswith("days ahead")


def test_a_status_says_how_far_its_time_is_from_the_hosts():
    body = b'{"up":true,"epoch":1,"trust":1,"t":1790000000,"ahead":172800,"lead":-31536000}'
    status = messages.parse_status(body)
    assert (status.ahead_s, status.lead_s) == (172_800, -31_536_000)
    for wrong in (b'"ahead":-1', b'"lead":-4294967296', b'"lead":1.5', b'"ahead":true', b'"lead":"1"'):
        with pytest.raises(ValueError, match=r"ahead|lead"):
            messages.parse_status(b'{"up":true,"epoch":1,' + wrong + b"}")
