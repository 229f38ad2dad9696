"""Who is connected: by a last will, by the age of a kept status, and by how long ago a locker spoke."""

from dataclasses import replace

import pytest
from consigne.server.fleet import presence
from consigne.server.fleet.fleet import Fleet
from consigne.server.fleet.overview import Overview
from consigne.server.fleet.thresholds import Thresholds, given
from consigne.server.ingest import reports
from consigne.server.ingest import store as store_module
from consigne.server.ingest.store import Store
from host_kit import T0, event, events, occupancy, status

SILENT_S = Thresholds().silent_s


class Host:
    """A store with a clock of its own."""

    def __init__(self, database, monkeypatch):
        self.database, self.store, self.at_s = database, Store(database), T0
        for module in (store_module, reports):
            monkeypatch.setattr(module, "now_s", lambda: self.at_s)

    def commit(self, *messages, kept=False):
        return self.store.commit([replace(one, retained=kept) for one in messages])

    def age(self):
        with self.database.write() as connection:
            return presence.age(connection, self.at_s, SILENT_S)

    def known(self, locker="L1"):
        return Fleet(self.database).locker(locker)

    def is_missed(self, locker="L1"):
        (line,) = [line for line in Overview(self.database).lines() if line.id == locker]
        return "offline" in dict(line.needs)


@pytest.fixture
def host(databases, monkeypatch):
    with databases.opened("L1", "L2") as database:
        yield Host(database, monkeypatch)


def test_a_locker_that_falls_silent_is_missed_without_any_message_and_is_back_with_the_next(host):
    host.commit(status("L1", 1, seq=1, t=T0), status("L2", 1, seq=1, t=T0))
    host.at_s += SILENT_S
    host.commit(events("L2", 1, event(1)))
    assert host.age() == [] and host.known().connected
    host.at_s += 1
    assert host.age() == ["L1"] and host.age() == []
    assert not host.known().connected and host.known().heard_at == T0
    assert host.is_missed() and not host.is_missed("L2")
    outcome = host.commit(occupancy("L1", 1, 1, [[0, 0, None]]))
    assert outcome.is_due and "L1" in outcome.lockers
    assert host.known().connected and host.known().heard_at == host.at_s and not host.is_missed()


@pytest.mark.parametrize(
    ("trust", "t", "ahead", "believed"),
    [
        (1, T0 - 900, 0, True),
        (1, T0 - SILENT_S - 1, 0, False),
        (1, T0 + 60, 0, True),
        (1, T0 + presence.AHEAD_S + 1, 0, False),
        (1, 2**32 - 1, 0, False),
        (0, T0, 0, False),
        (1, T0, 86_401, True),
    ],
    ids=["fresh", "stale", "clocks differ", "future", "absurd", "no trust", "a new board"],
)
def test_a_status_that_the_broker_kept_is_believed_while_its_time_is_fresh(host, trust, t, ahead, believed):
    host.commit(status("L1", 1, seq=1, trust=trust, t=t, ahead=ahead), kept=True)
    known = host.known()
    assert known.connected is believed and not host.is_missed(), "it has not had time to say something"
    assert (known.heard_at or 0) <= T0


def test_a_locker_without_a_clock_is_connected_while_it_talks(host):
    host.commit(status("L1", 1, seq=1, trust=0, t=0), kept=True)
    assert not host.known().connected
    host.commit(events("L1", 1, event(1)))
    assert host.known().connected
    host.at_s += SILENT_S
    host.commit(status("L1", 1, seq=2, trust=0, t=5))
    host.at_s += SILENT_S
    assert host.age() == [] and host.known().connected


def test_a_host_that_starts_misses_nobody_before_it_has_listened_for_long_enough(host):
    host.commit(status("L1", 1, seq=1, t=T0), status("L2", 1, up=False))
    host.at_s += 7_200
    host.store.forget_presence()
    host.commit(status("L1", 1, seq=1, t=T0), kept=True)
    assert not host.known().connected and not host.is_missed()
    assert host.is_missed("L2"), "who had gone is not back"
    listening = presence.Listening()
    assert listening.lasted_s(50.0, 1_000.0) == 0 and listening.lasted_s(80.0, 1_030.0) == 30
    assert listening.lasted_s(90.0, 90_000.0) == 0, "the clock was set: the lockers' times are kept by it"
    listening.broken()
    assert listening.lasted_s(5_000.0, 95_000.0) == 0
    host.age()
    assert host.is_missed() and host.known().heard_at == T0


def test_a_time_of_a_host_that_was_wrong_keeps_nobody_connected(host):
    host.at_s = T0 + 86_400
    host.commit(status("L1", 1, seq=1, t=T0), status("L2", 1, seq=1, t=T0))
    host.at_s = T0 + 2_000
    host.commit(events("L2", 1, event(1)))
    assert host.age() == ["L1"] and host.known("L2").heard_at == T0 + 2_000


def test_a_last_will_counts_at_once_and_what_was_kept_of_it_too(host):
    host.commit(status("L1", 1, seq=1, t=T0))
    host.commit(status("L1", 1, up=False))
    assert host.is_missed() and host.known().heard_at == T0
    host.commit(status("L2", 1, up=False), kept=True)
    assert host.is_missed("L2")


def test_when_a_locker_spoke_is_written_once_a_minute(host):
    host.commit(events("L1", 1, event(1)))
    host.at_s += presence.WRITE_EVERY_S - 1
    host.commit(occupancy("L1", 1, 1, [[0, 0, None]]))
    assert host.known().heard_at == T0
    host.at_s += 1
    host.commit(events("L1", 1, event(2)))
    assert host.known().heard_at == host.at_s


def test_a_threshold_below_which_lockers_that_are_well_would_be_missed_is_refused():
    assert given(["silent=30", "returns=2"]) == Thresholds(silent=30, returns=2)
    for text, told in (("silent=15", "too short"), ("loud=3", "no threshold"), ("calm=0", "no threshold")):
        with pytest.raises(ValueError, match=told):
            given([text])
