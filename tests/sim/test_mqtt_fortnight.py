"""Two weeks without a network, the whole firmware under virtual time; then everything is told."""

from pathlib import Path

from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host

KEY = bytes(range(32))
EPOCH_S = 1_800_000_000
DAY_S = 86_400
DAYS = 14
EVENTS_PER_DAY = 400
VISITS_PER_DAY = 4
BURGLARIES = EVENTS_PER_DAY // VISITS_PER_DAY // 2  # doors forced and pushed shut; 5 an hour of each count
BURGLARY_S = 3
VISIT_S = DAY_S // VISITS_PER_DAY


def a_visit(locker: SimLocker) -> None:
    """A burglar comes with the power and leaves with it: a locker that idles is only slow to simulate."""
    locker.run_for(5)
    for number in range(BURGLARIES):
        door = number % len(locker.doors)
        locker.force_open(door)
        locker.run_for(BURGLARY_S / 2)
        locker.push_shut(door)
        locker.run_for(BURGLARY_S / 2)
    locker.cut_power()
    locker.run_for(VISIT_S - BURGLARIES * BURGLARY_S - 5)


def test_a_fortnight_offline_at_four_hundred_events_a_day_is_all_there_after_reconnecting(
    tmp_path: Path,
) -> None:
    clock = VirtualClock()
    host = Host(clock, KEY)
    identity = {"locker": "L0001", "device_key": KEY.hex(), "mqtt_user": "", "mqtt_password": ""}
    locker = SimLocker(
        reference.config(1883), {**identity, "wifi_password": ""}, tmp_path, "virtual",
        clock=clock, network=host.network,
    )  # fmt: skip
    host.know_time(EPOCH_S)
    locker.start()
    locker.wait_for(lambda: host.status.get("trust") == 1, 60)
    locker.network("cut")
    for _ in range(DAYS * VISITS_PER_DAY):
        a_visit(locker)
        locker.restore_power()
    assert len(host.events) < 10, "the network was up"
    locker.network("up")
    locker.wait_for(lambda: host.status.get("up") and host.status["seq"] > DAYS * EVENTS_PER_DAY, 600)
    newest = host.status["seq"] - 1
    locker.wait_for(lambda: len(host.events) >= newest, 60)
    assert sorted(host.events)[:newest] == list(range(1, newest + 1)) and host.changed == 0
    kinds = host.kinds()
    assert kinds.count("forced") == DAYS * VISITS_PER_DAY * BURGLARIES, "each is there, and once"
    assert kinds.count("boot") == DAYS * VISITS_PER_DAY + 1 and "lost" not in kinds
    locker.wait_for(lambda: host.status["ack"] >= newest, 1000)  # its next status comes within 15 minutes
    locker.stop()
