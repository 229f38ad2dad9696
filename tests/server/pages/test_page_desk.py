"""A locker's page looks again when its own locker has news, and leaves nothing behind when it is closed."""

import pytest
from consigne.server.ingest.store import Store
from consigne.server.pages.control import Control
from consigne.server.pages.desk import Desk
from consigne.server.people.accounts import Account
from consigne.server.people.roles import Role
from consigne.server.service import HostService
from host_kit import event, events, register, status


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
