"""One host leads, whatever happens to clocks, processes and the database between two of its steps."""

import threading
import time
from types import SimpleNamespace

import pytest
from consigne.server.storage import lease as lease_module
from consigne.server.storage.lease import EXPIRES_S, LeadershipLost, Lease
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

HOSTS = st.integers(0, 2)


@pytest.fixture
def clocks(monkeypatch):
    """Each host's own clock: they have nothing to do with one another."""
    told = SimpleNamespace(now_s=0.0)
    monkeypatch.setattr(lease_module, "time", SimpleNamespace(monotonic=lambda: told.now_s))
    return told


@pytest.fixture
def database(databases):
    with databases.opened() as opened:
        yield opened


def leads(one, database):
    try:
        with database.write() as connection:
            one.check(connection)
    except LeadershipLost:
        return False
    return True


def test_one_leads_and_the_other_stands_by_until_it_has_ended(database, clocks):
    first, second = Lease(database), Lease(database)
    first.attempt()
    assert second.attempt() == first.holder
    assert leads(first, database) and not leads(second, database)
    first.give_up()
    second.attempt()
    assert leads(second, database) and not leads(first, database)


def test_a_leader_that_is_no_more_is_followed_when_its_lease_has_not_moved_for_long_enough(database, clocks):
    first, second = Lease(database), Lease(database)
    first.attempt()
    second.attempt()
    clocks.now_s += EXPIRES_S - 1
    first.renew()
    second.attempt()
    clocks.now_s += EXPIRES_S - 1
    second.attempt()
    assert leads(first, database), "it was renewed meanwhile"
    clocks.now_s += 1
    second.attempt()
    assert leads(second, database)
    with pytest.raises(LeadershipLost):
        first.renew()
    first.give_up()
    assert leads(second, database), "what another one holds is not given up"


def test_clocks_an_hour_apart_make_no_second_leader(database, clocks):
    first, second = Lease(database), Lease(database)
    first.attempt()
    for _ in range(50):
        clocks.now_s = 3_600.0
        second.attempt()
        clocks.now_s = 0.0
        first.renew()
    assert leads(first, database) and not leads(second, database)


def test_no_takeover_comes_between_a_check_and_its_commit(databases):
    if databases.backend == "sqlite":
        return  # there a writer is alone
    with databases.opened() as database:
        first, second = Lease(database), Lease(database)
        first.attempt()
        second._seen, second._seen_at_s = lease_module._Row(first.holder, 1, 1), time.monotonic() - EXPIRES_S
        order = []
        taking = threading.Thread(target=lambda: (second.attempt(), order.append("taken over")))
        with database.write() as connection:
            first.check(connection)
            taking.start()
            wait_until_blocked(database, connection.exec_driver_sql("SELECT pg_backend_pid()").scalar())
            order.append("signed")
        taking.join(180)
        assert order == ["signed", "taken over"] and leads(second, database)


def wait_until_blocked(database, pid):
    """Until another connection waits for a lock that the one of this process id holds."""
    asked = text("SELECT count(*) FROM pg_stat_activity WHERE :pid = ANY(pg_blocking_pids(pid))")
    until_s = time.monotonic() + 180
    while True:
        with database.read() as connection:
            if connection.execute(asked, {"pid": pid}).scalar():
                return
        assert time.monotonic() < until_s
        time.sleep(0.01)


class Hosts(RuleBasedStateMachine):
    """Hosts stop for a while and go on, end, come back, and time passes, in any order."""

    databases = monkeypatch = None  # of the test

    @initialize()
    def begin(self):
        self.opened = self.databases.opened()
        self.database = self.opened.__enter__()
        self.now_s = 0.0
        self.monkeypatch.setattr(lease_module, "time", SimpleNamespace(monotonic=lambda: self.now_s))
        self.hosts = [Lease(self.database) for _ in range(3)]
        self.fences = [0]

    @rule(host=HOSTS)
    def attempts(self, host):
        if not self.hosts[host]._fence:
            self.hosts[host].attempt()

    @rule(host=HOSTS)
    def renews(self, host):
        if self.hosts[host]._fence:
            try:
                self.hosts[host].renew()
            except LeadershipLost:
                self.hosts[host] = Lease(self.database)

    @rule(host=HOSTS)
    def ends(self, host):
        self.hosts[host].give_up()

    @rule(host=HOSTS)
    def is_killed(self, host):
        self.hosts[host] = Lease(self.database)

    @rule(seconds=st.sampled_from([0.5, 2.0, EXPIRES_S]))
    def passes(self, seconds):
        self.now_s += seconds

    @invariant()
    def one_leads(self):
        leading = [one._fence for one in self.hosts if leads(one, self.database)]
        assert len(leading) <= 1
        for fence in leading:
            assert fence >= self.fences[-1]
            self.fences.append(fence)

    def teardown(self):
        for one in self.hosts:
            one._threads._pool.shutdown()
        self.opened.__exit__(None, None, None)


def test_at_most_one_leads_at_any_moment_and_the_fence_rises(databases, monkeypatch):
    class Bound(Hosts):
        pass

    Bound.databases, Bound.monkeypatch = databases, monkeypatch
    run_state_machine_as_test(
        Bound, settings=settings(max_examples=15, stateful_step_count=30, deadline=None)
    )
