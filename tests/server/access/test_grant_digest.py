"""A locker's set of grants that is not the host's, at the same version, is noticed and mended."""

import json
import time

import pytest
from consigne.protocol import frames
from consigne.protocol import messages as protocol
from consigne.protocol.untrusted import dump
from consigne.server.access import grants
from consigne.server.fleet import commands
from consigne.server.ingest.decode import Message
from consigne.server.ingest.store import Store
from consigne.server.storage.models import lockers
from consigne.server.storage.secret import Secret
from host_kit import database_at, device_key
from locker.core import access, events, records
from locker.net import messages
from sqlalchemy import select, update

LOCKERS = ("L1", "L2")

NOW_S = int(time.time())


class Locker:
    """What a locker does with the commands it gets, as far as grants go: with the firmware's own set."""

    def __init__(self, database):
        self.database, self.store = database, Store(database)
        self.access = access.Access(bytes(range(32)))
        self.seq = 1

    def tell(self, trust=1, **changes):
        body = {"up": True, "epoch": 7, "seq": self.seq, "ack": 0, "trust": trust, "t": int(time.time())}
        body |= {"grants": self.access.grants_version, "digest": self.access.grants_digest(NOW_S), **changes}
        self.store.commit([Message("L1", protocol.parse_status(dump(body)))])

    def hear(self):
        """Everything the host sends now, carried out and answered; returns how many commands that was."""
        with self.database.write() as connection:
            commands.repair_grants(connection, LOCKERS, NOW_S)
            sent = commands.send(connection, LOCKERS, NOW_S).outgoing
        for one in sent:
            body = frames.open_frame(device_key("L1"), frames.LABEL_COMMAND, one.topic, one.payload)
            self.carry_out(messages.parse_command(body))
            with self.database.write() as connection:
                commands.answered(connection, [("L1", one.id, "ok")])
        return len(sent)

    def fold(self, kind, *values):
        self.access.apply(kind, NOW_S, records.pack(kind, *values))

    def carry_out(self, body):
        (event,) = [e for e in messages.core_events(body) if e[0] == events.EV_GRANTS]
        _, first, last, added, dropped, more = event
        assert first in (0, self.access.grants_version)
        if not first:
            self.fold(records.GRANTS_RESET, last)
        for payload in added:
            self.access.apply(records.GRANT, NOW_S, payload)
        for id_ in (*dropped, *(() if more else self.access.stale_grants())):
            self.fold(records.GRANT_DROP, id_)
        self.fold(records.GRANTS_VERSION, last)

    def settle(self):
        while self.hear():
            pass


def add(database, count, not_after=NOW_S + 86_400):
    with database.write() as connection:
        for n in range(count):
            new = grants.Grant(
                tag=Secret(bytes([n]) * 16), not_before=0, not_after=not_after, role=0,
                action=0, holder=0, door=65535, uses=1, parcel=f"P{n}",
            )  # fmt: skip
            grants.add(connection, "L1", new)


def have(database):
    with database.read() as connection:
        return connection.execute(select(lockers.c.grants_have)).scalar_one()


@pytest.fixture
def database(tmp_path):
    with database_at(tmp_path / "host.db") as opened:
        yield opened


@pytest.fixture
def locker(database):
    made = Locker(database)
    made.tell()
    return made


def host_digest(database):
    with database.read() as connection:
        return grants.digests(connection, {"L1": NOW_S})["L1"]


def test_host_and_locker_reckon_the_same_digest_and_then_nothing_is_sent(database, locker):
    add(database, 150)
    locker.tell()
    locker.settle()
    assert locker.access.grants_digest(NOW_S) == host_digest(database) != 0
    locker.tell()
    assert locker.hear() == 0 and have(database) == 150


@pytest.mark.parametrize("wrong", ["one lost", "one too many", "one changed"])
def test_a_set_that_went_wrong_is_mended_at_the_next_status(database, locker, wrong):
    add(database, 150)
    locker.tell()
    locker.settle()
    if wrong == "one lost":
        locker.fold(records.GRANT_DROP, 70)
    elif wrong == "one too many":
        locker.fold(records.GRANT, 999, 0, NOW_S + 86_400, 0, 0, 0, 65535, 1, bytes(16), "P999")
    else:
        locker.fold(records.GRANT, 70, 0, NOW_S + 86_400, 0, 0, 0, 3, 0, bytes(16), "")
    assert locker.access.grants_digest(NOW_S) != host_digest(database)
    locker.tell()
    assert have(database) == 0
    locker.settle()
    assert locker.access.grants_digest(NOW_S) == host_digest(database) and have(database) == 150


def test_what_a_locker_keeps_refusing_is_not_sent_to_it_all_day(database, locker):
    add(database, 2)
    locker.tell()
    locker.settle()
    pieces = 0
    for _ in range(20):
        locker.fold(records.GRANT_DROP, 1)
        locker.tell()
        pieces += locker.hear()
    assert pieces == commands.WHOLE_SETS_PER_HOUR - 1  # the first time it got all was one too


BEYOND = 2**32 - 1


def versions(database):
    with database.read() as connection:
        return tuple(connection.execute(select(lockers.c.grants_version, lockers.c.grants_have)).one())


@pytest.mark.parametrize("before", [0, 3])
def test_a_locker_at_a_version_that_none_can_follow_is_given_the_whole_set_and_more_later(
    database, locker, before
):
    add(database, before)
    locker.fold(records.GRANT, 999, 0, NOW_S + 86_400, 0, 0, 0, 65535, 1, bytes(16), "P999")
    locker.fold(records.GRANTS_VERSION, BEYOND)
    locker.tell()
    locker.settle()
    assert locker.access.grants_digest(NOW_S) == host_digest(database)
    add(database, 2)
    locker.tell()
    locker.settle()
    assert locker.access.grants_digest(NOW_S) == host_digest(database) != 0
    assert locker.access.grants_version == have(database) <= before + 3


def test_a_host_that_took_over_such_a_version_begins_anew_with_one_that_a_locker_takes(database, locker):
    add(database, 3)
    with database.write() as connection:
        connection.execute(update(lockers).values(grants_version=BEYOND))
        grants.drop(connection, "L1", 1)
    add(database, 2)  # their versions are beyond what a locker takes
    locker.fold(records.GRANTS_VERSION, BEYOND)
    locker.tell()
    locker.settle()
    assert versions(database) == (4, 4) and locker.access.grants_version == 4
    assert locker.access.grants_digest(NOW_S) == host_digest(database) != 0
    with database.read() as connection:
        assert grants.delta(connection, "L1", 4, 5, NOW_S)["drop"] == [], "what went before is not told again"


def test_a_locker_that_keeps_telling_such_a_version_is_not_sent_its_set_all_day(database, locker):
    add(database, 2)
    sent = 0
    for _ in range(9):
        locker.tell(grants=BEYOND)
        locker.store.commit([Message("L1", protocol.Ask(BEYOND))])
        sent += locker.hear()
    assert sent == commands.WHOLE_SETS_PER_HOUR
    assert versions(database) == (2, 2)


def test_grants_that_ended_at_the_locker_first_are_no_difference(database, locker):
    add(database, 2)
    add(database, 2, not_after=NOW_S)
    with database.write() as connection:
        delta = grants.delta(connection, "L1", 0, 4, NOW_S - 10)
    locker.carry_out(json.loads(dump(delta | {"cmd": "grants", "n": 1, "id": "x"})))
    locker.tell()
    assert have(database) == 4 and locker.hear() == 0


@pytest.mark.parametrize("unknown", [{"trust": 0}, {"grants": 3}])
def test_a_locker_without_the_time_or_at_another_version_is_not_compared(database, locker, unknown):
    add(database, 4)
    locker.tell()
    locker.settle()
    locker.tell(digest=1, **unknown)
    assert have(database) == unknown.get("grants", 4)
