"""The set of grants at a locker becomes the host's, whatever delta it starts from."""

import json

import pytest
from consigne.protocol import messages as protocol
from consigne.server.access import grants
from consigne.server.parcels.parcels import Parcels
from consigne.server.storage.models import lockers
from consigne.server.storage.secret import Secret
from host_kit import T0, database_at
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from locker.net import messages
from sqlalchemy import select


@pytest.fixture
def database(tmp_path):
    with database_at(tmp_path / "host.db") as opened:
        yield opened


def add(connection, n=0, **fields):
    values = {"not_before": 0, "not_after": T0 + 1000, "role": 0, "action": 0, "holder": 0}
    values |= {"door": 65535, "uses": 1, "parcel": f"P{n}", **fields}
    return grants.add(connection, "L1", grants.Grant(tag=Secret(bytes([n % 256]) * 16), **values))


def version_of(connection):
    return connection.execute(select(lockers.c.grants_version)).scalar_one()


def take(connection, held, have, now_s=T0):
    """Bring a locker's set up to date, delta by delta, as a locker would."""
    version, turns = version_of(connection), 0
    while have != version:
        delta = grants.delta(connection, "L1", have, version, now_s)
        body = protocol.command_body("0" * 16, T0, T0, "grants", delta)
        messages.parse_command(body)  # the locker takes it
        assert delta["from"] == have and have < delta["to"] <= version
        held.update({row[0]: row for row in delta["add"]})
        for id_ in delta["drop"]:
            held.pop(id_, None)
        have, turns = delta["to"], turns + 1
    return have, turns


class LockerAndHost(RuleBasedStateMachine):
    """Grants come and go at the host; now and then the locker catches up, or forgets everything."""

    def __init__(self):
        super().__init__()
        import tempfile
        from pathlib import Path

        self.directory = tempfile.TemporaryDirectory()
        self.context = database_at(Path(self.directory.name) / "host.db")
        self.database = self.context.__enter__()
        self.truth, self.held, self.have = {}, {}, 0

    def teardown(self):
        self.context.__exit__(None, None, None)
        self.directory.cleanup()

    @rule(count=st.integers(1, 70))
    def grant(self, count):
        with self.database.write() as connection:
            for _ in range(count):
                id_ = add(connection, len(self.truth))
                self.truth[id_] = f"P{len(self.truth)}"

    @rule(data=st.data())
    def withdraw(self, data):
        if self.truth:
            id_ = data.draw(st.sampled_from(sorted(self.truth)))
            with self.database.write() as connection:
                grants.drop(connection, "L1", id_)
                grants.drop(connection, "L1", id_)  # twice is once
            del self.truth[id_]

    @rule()
    def catch_up(self):
        with self.database.read() as connection:
            self.have, _ = take(connection, self.held, self.have)
        assert sorted(self.held) == sorted(self.truth)

    @rule()
    def lose_the_journal(self):
        self.held, self.have = {}, 0

    @invariant()
    def ids_are_never_given_twice(self):
        assert len(set(self.truth)) == len(self.truth)


LockerAndHost.TestCase.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
test_the_locker_ends_with_the_hosts_set_from_wherever_it_starts = LockerAndHost.TestCase


def test_a_grant_withdrawn_after_the_locker_had_it_is_dropped_there(database):
    with database.write() as connection:
        kept, gone = add(connection, 1), add(connection, 2)
        held = {}
        have, _ = take(connection, held, 0)
        assert sorted(held) == [kept, gone]
        grants.drop(connection, "L1", gone)
        assert version_of(connection) == have + 1
        take(connection, held, have)
    assert list(held) == [kept]


def test_two_hundred_grants_travel_in_pieces_a_locker_can_read(database):
    with database.write() as connection:
        for n in range(200):
            add(connection, n, parcel="P" * 37 + f"{n:03}")
        held = {}
        _, turns = take(connection, held, 0)
    assert len(held) == 200 and turns > 1


def test_what_has_ended_is_not_sent_any_more(database):
    with database.write() as connection:
        add(connection, 1, not_after=T0 - 1)
        alive = add(connection, 2)
        held = {}
        take(connection, held, 0)
    assert list(held) == [alive]


def test_a_locker_ahead_of_a_restored_host_gets_everything_again(database):
    Parcels(database).announce("EXPECTED", "L1")
    with database.write() as connection:
        first, second = add(connection, 1), add(connection, 2)
        grants.drop(connection, "L1", second)
        grants.adopt(connection, "L1", 50)
        assert version_of(connection) > 50
        delta = grants.delta(connection, "L1", 50, version_of(connection), T0)
    assert [row[0] for row in delta["add"]] == [first]
    assert [row[0] for row in delta["expect"]] == ["EXPECTED"]


def test_an_expected_parcel_travels_with_its_size_and_wish_for_a_low_door(database):
    Parcels(database).announce("P", "L1", size=1, low=True)
    with database.read() as connection:
        delta = grants.delta(connection, "L1", 0, version_of(connection), T0)
    assert delta["expect"][0][:2] == ["P", 17]
    assert len(json.dumps(delta)) < grants.DELTA_BYTES_MAX
