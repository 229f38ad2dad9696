"""A board or its flash is replaced under a locker: the whole firmware with another journal, or with none."""

from pathlib import Path

import pytest
from consigne.protocol import codes
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host
from locker.core.codes import journal_tag
from locker.core.records import BOUND, pack
from locker.journal.log import Journal
from sim_kit import EPOCH_S, IDENTITY, KEY, config

PARCEL = "RR123456785FR"
COURIER = codes.window_code(KEY, role=1, action=1, holder=7, epoch_s=EPOCH_S)


def begun(folder: Path, telling: bool = True) -> tuple[SimLocker, Host]:
    """A locker with a blank journal, connected; the host knows the time."""
    clock = VirtualClock()
    host = Host(clock, KEY)
    host.telling = telling
    host.know_time(EPOCH_S)
    locker = SimLocker(reference.config(1883), IDENTITY, folder, "virtual", clock=clock, network=host.network)
    locker.start()
    locker.wait_for(lambda: host.status.get("trust") == 1, 60)
    return locker, host


def typed(locker: SimLocker, keys: str) -> list[str]:
    locker.run_for(locker.type(keys) + 1)
    return locker.display()


def test_a_new_locker_is_told_within_two_seconds_of_connecting(tmp_path: Path) -> None:
    locker, host = begun(tmp_path)
    try:
        locker.wait_for(lambda: not host.status["wants"], 2)
        locker.run_for(1)
        assert host.status["journal"] == "fresh"
        assert any("parcel" in line.lower() for line in typed(locker, COURIER + "#"))
    finally:
        locker.stop()


def test_a_swapped_board_serves_nobody_until_it_is_told_and_says_nothing_of_its_doors(tmp_path: Path) -> None:
    locker, host = begun(tmp_path, telling=False)
    said: list[bytes] = []
    host.broker.subscribe("+/+/+/occupancy", lambda topic, payload, retained: said.append(payload))
    try:
        locker.run_for(1300)  # one guess is there
        assert any("out of service" in line.lower() for line in typed(locker, COURIER + "#"))
        locker.cut_power()
        locker.start()
        locker.wait_for(lambda: host.kinds().count("boot") == 2, 60)
        assert host.status["wants"] and not said
        locker.wait_for(lambda: host.status["trust"] == 1, 60)
        host.command("contents", epoch=host.status["epoch"] ^ 1, **whole())
        locker.run_for(5)
        assert host.status["wants"], "of another journal: somebody recorded it"
        host.tell_contents([(1, 0, PARCEL)])
        locker.wait_for(lambda: not host.status["wants"], 5)
        locker.wait_for(lambda: said, 5)
        assert PARCEL.encode() in said[-1]
        typed(locker, codes.derived_code(KEY, PARCEL) + "#")
        locker.wait_for(lambda: locker.doors[0].is_open, 5)
    finally:
        locker.stop()


def whole() -> dict[str, object]:
    lists: dict[str, object] = {"parcels": [], "nonces": [], "used": [], "holders": []}
    return {"piece": 0, "more": 0, "tries": 20, "first": 0, "doors": [], **lists}


def test_a_locker_without_a_network_serves_at_once(tmp_path: Path) -> None:
    locker = SimLocker(config(), IDENTITY, tmp_path, "virtual")
    locker.start()
    try:
        locker.wait_for(lambda: "ready" in locker.output(), 5)
        locker.run_for(2)
        assert not any("out of service" in line.lower() for line in typed(locker, "12345678#"))
    finally:
        locker.stop()


@pytest.mark.parametrize("network", [True, False])
def test_anothers_journal_is_shown_and_told_and_nothing_of_it_is_believed(
    tmp_path: Path, network: bool
) -> None:
    clock = VirtualClock()
    host = Host(clock, KEY)
    wanted = reference.config(1883) if network else config()
    locker = SimLocker(wanted, IDENTITY, tmp_path, "virtual", clock=clock, network=host.network)
    journal = Journal(locker.flash)
    journal.open()
    theirs = journal_tag(bytes(reversed(KEY)), journal.epoch)
    journal.snapshot([(BOUND, pack(BOUND, theirs, False))], EPOCH_S)
    journal.append(4, pack(4, 1, 0, 0, 0, 0, PARCEL), EPOCH_S)
    before = bytes(locker.flash.data)
    said: list[bytes] = []
    host.broker.subscribe("+/+/+/occupancy", lambda topic, payload, retained: said.append(payload))
    locker.start()
    try:
        locker.run_for(30)
        assert any("out of service" in line.lower() for line in locker.display())
        assert [line for line in locker.output() if "foreign, of another locker" in line]
        if network:
            assert host.status["journal"].startswith("foreign, of another locker")
            assert host.status["epoch"] == 0 and not host.status["wants"]
        assert not host.events and not said and bytes(locker.flash.data) == before
    finally:
        locker.stop()
