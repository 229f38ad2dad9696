"""A locker's page looks again when its own locker has news, and leaves nothing behind when it is closed."""

import pytest
from consigne.server.pages.desk import Desk
from consigne.server.service import HostService
from consigne.server.store import Store
from host_kit import event, events, register, status


@pytest.fixture
def host(tmp_path):
    made = HostService(f"sqlite:///{tmp_path}/host.db", broker_port=1)
    register(made.database, ["L1", "L2"])
    yield made
    made.database.close()


def test_a_busy_fleet_makes_no_work_for_a_page_that_shows_another_locker(host):
    desk, store = Desk(host, "L1"), Store(host.database)
    for message, looks in (
        (events("L2", 1, event(1)), 0), (status("L2", 1), 0), (events("L1", 1, event(1)), 1),
        (status("L1", 1), 2),
    ):  # fmt: skip
        host.ingest._tell(store.commit([message]))
        assert desk.revision == looks


def test_a_closed_page_is_told_nothing_any_more(host):
    desk, other = Desk(host, "L1"), Desk(host, "L1")
    desk.close()
    host.ingest._tell(Store(host.database).commit([status("L1", 1)]))
    assert (desk.revision, other.revision, len(host.ingest.listeners)) == (0, 1, 1)
