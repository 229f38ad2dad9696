"""The host's orders over the wire to the whole firmware, under virtual time."""

from pathlib import Path

from consigne.sim.network.host import Host
from lab.bench.replay import Thief
from sim_kit import EPOCH_S, connected_locker


def results(host: Host) -> dict[str, int]:
    """Each command's result by its id, as the journal told it."""
    return {event["id"]: event["result"] for event in host.events.values() if event["kind"] == "command"}


def test_a_restart_ordered_from_afar_happens_once_and_no_order_is_forgotten(tmp_path: Path) -> None:
    locker, host = connected_locker(tmp_path)
    try:
        host.command("block", door=2)
        host.command("configure", set=[["language", "fr"]])
        host.command("reserve", door=0, until=EPOCH_S + 86_400, parcel="RR123456785FR")
        host.command("reboot")
        locker.wait_for(lambda: locker.output().count("stopped by host") == 1, 60)
        locker.wait_for(lambda: locker.output().count("ready") == 2, 60)
        locker.wait_for(lambda: host.kinds().count("boot") == 2, 120)
        locker.run_for(60)
        assert locker.output().count("ready") == 2
        assert [results(host)[f"c{n}"] for n in range(2, 6)] == [0, 0, 0, 0]
        assert any("Tapez votre code" in line for line in locker.display())
    finally:
        locker.stop()


def test_no_door_opens_for_ten_thousand_commands_that_somebody_recorded_or_made_up(tmp_path: Path) -> None:
    thief = Thief(tmp_path, seed=7)
    assert thief.opens(10_000) == 0
    assert thief.refused() == 10_000
