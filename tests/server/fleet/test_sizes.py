"""What a locker refuses is sent smaller, then set aside and told; the others pass."""

import time

import pytest
from consigne.protocol import frames
from consigne.server.access import aside, grants
from consigne.server.fleet import commands, sizes
from consigne.server.fleet.answers import REFUSED, answer
from consigne.server.fleet.fleet import Fleet
from consigne.server.fleet.orders import Orders
from consigne.server.fleet.overview import Overview
from consigne.server.ingest.store import Store
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage.ages import Ages
from consigne.server.storage.models import lockers
from host_kit import database_at, device_key, status
from locker.net import messages
from sqlalchemy import select, update


class Locker:
    """Takes what the host sends through the firmware's own table; ``fails`` says how it ends, "" well."""

    def __init__(self, database, fails=lambda body: ""):
        self.database, self.store, self.fails = database, Store(database), fails
        self.at_s = int(time.time())
        self.version, self.held, self.expected, self.revoked = 0, {}, set(), set()
        self.heard = []  # the body of each command, and how it ended
        self.tell()

    def tell(self, up=True, **more):
        self.store.commit([status("L1", 1, up=up, grants=self.version, **more)])

    def turn(self):
        """One look of the host; returns how many commands it sent."""
        with self.database.write() as connection:
            names = commands.due(connection, self.at_s)
            sent = commands.turn(connection, names, {}, self.at_s).outgoing
        self.at_s += 1 if sent else 10
        for one in sent:
            payload = frames.open_frame(device_key("L1"), frames.LABEL_COMMAND, one.topic, one.payload)
            body = messages.parse_command(payload)
            ended = self.fails(body)
            self.heard.append((body, len(payload), ended))
            if ended == "gone":
                self.tell(up=False)
                self.tell()
            elif ended == "":
                self.take(body)
                self.answer(one.id, "ok")
            elif ended != "silent":
                self.answer(one.id, ended)
        return len(sent)

    def take(self, body):
        if body["cmd"] == "revoke":
            self.revoked |= {row[0] for row in body["parcels"]}
        if body["cmd"] == "grants" and body["from"] in (0, self.version):
            for id_ in body["drop"]:
                self.held.pop(id_, None)
            self.held |= {row[0]: row[9] for row in body["add"]}
            self.expected |= {row[0] for row in body["expect"]}
            self.version = body["to"]

    def answer(self, id_, result):
        with self.database.write() as connection:
            commands.answered(connection, [("L1", id_, result)])

    def settle(self, turns=600):
        for _ in range(turns):
            self.turn()
            versions = Fleet(self.database).locker("L1").grants
            if versions.are_there and not self.turn():
                return
        raise AssertionError(f"not settled: {versions}, {self.heard[-3:]}")

    def deltas(self):
        return [row for row in self.heard if row[0]["cmd"] == "grants"]


@pytest.fixture
def database(tmp_path):
    with database_at(tmp_path / "host.db") as opened:
        yield opened


def announce(database, count, first=0):
    for n in range(first, first + count):
        Parcels(database).announce(f"P{n:03}", "L1", code="listed" if n % 2 else "derived")


def coded(body):
    return {row[9] for row in body["add"]}


def named(body):
    return coded(body) | {row[0] for row in body["expect"]}


@pytest.mark.parametrize("how", ["failed", "gone", "silent", "size"])
def test_what_is_too_much_is_halved_until_all_of_it_is_there(database, how):
    too_long = 500
    sizes_sent = []

    def fails(body):
        long = len(str(body)) > too_long
        if long:
            sizes_sent.append(tuple(sorted(named(body))))
        return how if long else ""

    locker = Locker(database, fails)
    announce(database, 24)
    locker.settle()
    assert locker.expected == {f"P{n:03}" for n in range(24)} and len(locker.held) == 12
    assert len(sizes_sent) == len(set(sizes_sent)) <= 6, "nothing that failed is sent again unchanged"
    assert Fleet(database).set_aside("L1") == []


def test_a_message_is_no_longer_than_the_locker_says_and_1200_bytes_where_it_does_not(database):
    locker = Locker(database)
    announce(database, 30)
    locker.settle()
    assert 900 < max(length for _, length, _ in locker.deltas()) <= sizes.UNSAID_BYTES
    locker.tell(takes=600)
    announce(database, 30, 30)
    before = len(locker.heard)
    locker.settle()
    assert max(length for _, length, _ in locker.heard[before:]) <= 600
    locker.tell(takes=4096)
    announce(database, 30, 60)
    locker.settle()
    assert max(length for _, length, _ in locker.deltas()) > 2_000


@pytest.mark.parametrize(("how", "words"), [("failed", "failed at it"), ("gone", "the connection broke")])
def test_the_one_that_it_does_not_take_is_set_aside_by_name_and_the_others_pass(database, how, words):
    locker = Locker(database, lambda body: how if "P007" in coded(body) else "")
    announce(database, 16)
    locker.settle()
    assert sorted(locker.held.values()) == [f"P{n:03}" for n in range(1, 16, 2) if n != 7]
    assert locker.expected == {f"P{n:03}" for n in range(16)}
    (one,) = Fleet(database).set_aside("L1")
    assert (one.what, one.parcel) == (aside.ADD, "P007")
    assert words in answer(REFUSED, one.why)
    (line,) = Overview(database).page().lines
    assert ("aside", "not taken: the code of parcel P007") in line.needs
    announce(database, 2, 16)
    locker.settle()
    assert "P017" in locker.held.values(), "and what comes later passes too"


def test_what_was_set_aside_is_tried_again_when_an_operator_says_so(database):
    broken = True
    locker = Locker(database, lambda body: "failed" if broken and "P001" in named(body) else "")
    announce(database, 3)
    locker.settle()
    assert {one.parcel for one in Fleet(database).set_aside("L1")} == {"P001"}
    broken = False
    those = Orders(database).try_again("L1", "Ada")
    assert {one.parcel for one in those} == {"P001"}
    locker.settle()
    assert Fleet(database).set_aside("L1") == []
    assert "P001" in locker.held.values() and "P001" in locker.expected


def test_a_connection_that_breaks_now_and_then_sets_nothing_aside(database):
    breaks = iter(["gone", "silent", "gone", "gone"])
    locker = Locker(database, lambda body: next(breaks, ""))
    announce(database, 1)
    locker.settle()
    assert locker.expected == {"P000"} and Fleet(database).set_aside("L1") == []


def test_one_that_is_never_answered_holds_the_others_up_for_minutes_and_not_for_ever(database):
    locker = Locker(database, lambda body: "silent" if "P002" in named(body) else "")
    announce(database, 4)
    locker.settle()
    assert locker.expected == {"P000", "P001", "P003"} and len(locker.held) == 2
    (one,) = Fleet(database).set_aside("L1")
    assert (one.what, one.parcel) == (aside.EXPECT, "P002")


def test_a_full_list_keeps_back_codes_alone_and_they_are_tried_once_an_hour(database):
    room = 5

    def fails(body):
        new = {row[0] for row in body["add"]} - set(locker.held)
        if len(locker.held) + len(new) <= room:
            return ""
        locker.held |= {row[0]: row[9] for row in body["add"][: room - len(locker.held)]}
        return "full"

    locker = Locker(database, fails)
    announce(database, 24)
    locker.settle()
    assert locker.expected == {f"P{n:03}" for n in range(24)} and len(locker.held) == room
    assert len(Fleet(database).set_aside("L1")) == 7
    assert "6 more" in dict(Overview(database).page().lines[0].needs)["aside"]
    sent = len(locker.heard)
    locker.settle()
    assert len(locker.heard) == sent
    room = 100
    locker.at_s += sizes.FULL_RETRY_S
    locker.settle()
    assert len(locker.held) == 12 and Fleet(database).set_aside("L1") == []


def test_a_locker_that_fails_at_everything_is_not_made_to_start_anew_all_day(database):
    locker = Locker(database, lambda body: "failed")
    announce(database, 12)
    for _ in range(60):  # ten minutes
        locker.turn()
    assert len(locker.heard) <= 8


@pytest.mark.parametrize("poison", ["P001", None])
def test_of_revocations_at_which_the_connection_breaks_the_one_is_found(database, poison):
    lost = iter(["gone"] * 3)

    def fails(body):
        if body["cmd"] != "revoke":
            return ""
        if poison is None:
            return next(lost, "")
        return "gone" if poison in {row[0] for row in body["parcels"]} else ""

    locker = Locker(database, fails)
    announce(database, 6)
    locker.settle()
    for n in range(6):
        Parcels(database).revoke(f"P{n:03}")
    for _ in range(30):
        locker.turn()
    assert locker.revoked == {f"P{n:03}" for n in range(6)} - {poison}
    told = Fleet(database).set_aside("L1")
    assert [(one.what, one.parcel) for one in told] == ([(aside.REVOKE, poison)] if poison else [])
    assert not poison or told[0].words == "that the code of parcel P001 was revoked"


def test_a_day_after_the_last_refusal_the_size_begins_to_grow_again(database):
    locker = Locker(database, lambda body: "failed" if len(body.get("expect", [])) > 4 else "")
    announce(database, 20)
    locker.settle()

    def limit():
        with database.read() as connection:
            return connection.execute(select(lockers.c.delta_bytes)).scalar_one()

    first = limit()
    assert first is not None
    with database.write() as connection:
        connection.execute(update(lockers).values(delta_at=lockers.c.delta_at - 86_400))
    announce(database, 1, 20)
    locker.settle()
    assert first < limit() < 1.5 * first


def test_what_is_set_aside_is_no_difference_between_the_sets_and_leaves_when_it_matters_no_more(database):
    now_s = int(time.time())
    locker = Locker(
        database, lambda body: "failed" if "P001" in {row[9] for row in body.get("add", [])} else ""
    )
    announce(database, 4)
    locker.settle()
    with database.read() as connection:
        apart = grants.digests(connection, {"L1": now_s})["L1"]
    Parcels(database).revoke("P001")
    with database.read() as connection:
        assert grants.digests(connection, {"L1": now_s})["L1"] == apart != 0
    aside.forget(database, now_s, Ages())
    assert Fleet(database).set_aside("L1") == []
