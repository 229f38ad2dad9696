"""What the whole firmware tells of itself with its status, under virtual time."""

from pathlib import Path

from consigne.protocol import messages
from consigne.protocol.telemetry import Telemetry
from consigne.protocol.untrusted import dump
from consigne.sim.network.cut import CUT, UP
from sim_kit import connected_locker


def told(status: dict[str, object]) -> Telemetry:
    """The telemetry in a status as the host parses it."""
    health = messages.parse_status(dump(status)).health
    assert health is not None
    return health


def test_a_locker_tells_how_it_fares_and_counts_what_nobody_heard(tmp_path: Path) -> None:
    locker, host = connected_locker(tmp_path)
    try:
        first = told(host.status)
        assert first.taken == 1 and first.samples[0][3] in (0, -60)
        assert first.samples[0][2] > 0, "what the newest sweep of the heap left free"
        locker.network(CUT)
        locker.run_for(6 * 3600)
        locker.network(UP)
        locker.wait_for(lambda: host.status.get("up") and told(host.status).taken > 20, 3600)
        last = told(host.status)
        assert last.taken - first.taken > len(last.samples) == 8
        assert [row[3] for row in last.samples[:4]] == [0] * 4, "there was no link"
        assert last.samples == sorted(last.samples)
    finally:
        locker.stop()


def test_an_opened_door_leaves_its_latch_in_the_next_status(tmp_path: Path) -> None:
    locker, host = connected_locker(tmp_path)
    try:
        host.command("open", door=4)
        locker.wait_for(lambda: "opened" in host.kinds(), 30)
        locker.run_for(1000)
        (row,) = told(host.status).latches
        assert row[0] == 4 and 0 < row[1] < 2000 and row[1] == row[2]
    finally:
        locker.stop()
