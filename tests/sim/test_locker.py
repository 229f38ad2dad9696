"""The whole locker, firmware and all: from a key's contact to the host, on both grounds."""

from pathlib import Path

import pytest
from consigne.protocol import codes
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.broker import Faults
from consigne.sim.network.memory import BLACKHOLE, CUT, UP
from locker import texts
from sim_kit import EPOCH_S, GROUNDS, IDENTITY, KEY, Host, config, connected_locker

PARCEL = "RR123456785FR"
COURIER = codes.window_code(KEY, role=1, action=1, holder=7, epoch_s=EPOCH_S)


def type_all(locker: SimLocker, keys: str) -> None:
    locker.run_for(locker.type(keys) + 0.3)


def opened_door(locker: SimLocker) -> int:
    locker.wait_for(lambda: any(door.is_open for door in locker.doors))
    return next(index for index, door in enumerate(locker.doors) if door.is_open)


def deposit(locker: SimLocker, parcel: str = PARCEL) -> int:
    """A courier comes, scans a parcel, puts it in, goes; returns the door."""
    type_all(locker, COURIER + "#")
    locker.run_for(1)
    assert locker.scan(parcel)
    door = opened_door(locker)
    locker.run_for(3)
    locker.push_shut(door)
    locker.run_for(2)
    type_all(locker, "#")
    locker.run_for(30)
    return door


def collect(locker: SimLocker, parcel: str = PARCEL) -> int:
    type_all(locker, codes.derived_code(KEY, parcel) + "#")
    door = opened_door(locker)
    locker.run_for(3)
    locker.push_shut(door)
    locker.run_for(5)
    return door


def announce(host: Host, parcel: str = PARCEL) -> None:
    host.command(
        "grants",
        **{"from": 0, "to": 1, "more": 0, "add": [], "drop": [], "expect": [[parcel, 1, EPOCH_S + 10**6]]},
    )


@pytest.mark.parametrize("ground", GROUNDS)
def test_an_unknown_code_is_refused_with_words_and_a_sound_and_nothing_moves(
    tmp_path: Path, ground: str
) -> None:
    locker = SimLocker(config(), IDENTITY, tmp_path / "device", ground)
    locker.start()
    try:
        locker.wait_for(lambda: "Type your code" in "".join(locker.display()))
        locker.type("90210417#")
        words = ["This code is not", "known here."]
        locker.wait_for(lambda: [line.strip() for line in locker.display()][:2] == words, 15)
        assert not [line for line in locker.log if line[1] in ("relay", "coil", "door")]
        assert "700 Hz" in [detail for _, what, detail in locker.log if what == "buzzer"]
        assert not locker.failures and not locker.ends
    finally:
        locker.stop()


def test_star_leads_through_all_three_languages(tmp_path: Path) -> None:
    locker = SimLocker(config(), IDENTITY, tmp_path / "device", "virtual")
    locker.start()
    shown = []
    try:
        locker.wait_for(lambda: "Type your code" in "".join(locker.display()))
        for _ in texts.LANGUAGES:
            type_all(locker, "*")
            shown.append("".join(locker.display()))
    finally:
        locker.stop()
    for words, display in zip(("Tapez votre code", "Code eingeben", "Type your code"), shown, strict=True):
        assert words in display


def test_a_parcel_goes_in_and_out_and_the_host_learns_every_step(tmp_path: Path) -> None:
    locker, host = connected_locker(tmp_path)
    announce(host)
    locker.run_for(2)
    door = deposit(locker)
    assert collect(locker) == door
    locker.run_for(10)
    kinds = host.kinds()
    for first, then in (("deposited", "collected"), ("accepted", "pulse"), ("pulse", "opened")):
        assert kinds.index(first) < len(kinds) - 1 - kinds[::-1].index(then), kinds
    assert sorted(host.events) == list(range(1, len(host.events) + 1))
    locker.stop()


def test_without_a_network_a_code_opens_all_the_same_and_the_events_come_later(tmp_path: Path) -> None:
    locker, host = connected_locker(tmp_path)
    announce(host)
    locker.run_for(2)
    door = deposit(locker)
    locker.network(CUT)
    locker.run_for(120)
    assert host.status["up"] is False
    assert collect(locker) == door
    assert "collected" not in host.kinds()
    locker.network(UP)
    locker.run_for(400)
    assert host.status["up"] is True and "collected" in host.kinds()
    locker.stop()


def test_power_cut_with_a_door_open_leaves_everything_true(tmp_path: Path) -> None:
    locker, host = connected_locker(tmp_path)
    announce(host)
    locker.run_for(2)
    door = deposit(locker)
    type_all(locker, codes.derived_code(KEY, PARCEL) + "#")
    assert opened_door(locker) == door
    locker.cut_power()
    locker.run_for(60)
    locker.push_shut(door)
    locker.restore_power()
    locker.run_for(300)
    kinds = host.kinds()
    assert kinds.count("boot") == 2
    assert sorted(host.events) == list(range(1, len(host.events) + 1))
    assert not locker.ends and not locker.failures
    locker.stop()


@pytest.mark.parametrize("seed", range(3))
def test_a_broker_that_loses_doubles_and_delays_costs_no_event(tmp_path: Path, seed: int) -> None:
    locker, host = connected_locker(tmp_path, seed=seed)
    announce(host)
    locker.run_for(2)
    host.broker.faults = Faults(seed, lose=0.2, double=0.2, delay_us=500_000)
    deposit(locker)
    host.network.set_mode(BLACKHOLE)
    collect(locker)
    host.network.set_mode(UP)
    host.broker.faults = Faults()
    locker.cut_power()
    locker.restore_power()
    locker.run_for(400)
    kinds = host.kinds()
    assert kinds.count("deposited") == kinds.count("collected") == 1
    assert sorted(host.events) == list(range(1, len(host.events) + 1)), f"seed {seed}"
    locker.stop()


def test_the_same_seed_is_the_same_run_to_the_microsecond(tmp_path: Path) -> None:
    logs = []
    for name in "ab":
        locker, host = connected_locker(tmp_path / name, seed=5)
        announce(host)
        locker.run_for(2)
        deposit(locker)
        logs.append(list(locker.log))
        locker.stop()
    assert logs[0] == logs[1] and len(logs[0]) > 30


def test_many_lockers_live_on_one_clock_and_die_alone(tmp_path: Path) -> None:
    clock = VirtualClock()
    fleet: list[tuple[SimLocker, Host]] = []
    for number in range(5):
        identity = {**IDENTITY, "locker": f"L{number}"}
        host = Host(clock, KEY, locker=f"L{number}")
        locker = SimLocker(
            reference.config(1883),
            identity,
            tmp_path / f"L{number}",
            "virtual",
            clock=clock,
            network=host.network,
            seed=number,
        )
        locker.start()
        fleet.append((locker, host))
    clock.run_for(60)
    assert [host.status.get("up") for _, host in fleet] == [True] * 5
    fleet[2][0].cut_power()
    clock.run_for(300)
    assert [host.status["up"] for _, host in fleet] == [True, True, False, True, True]
    fleet[2][0].restore_power()
    clock.run_for(300)
    assert [host.status["up"] for _, host in fleet] == [True] * 5
    for locker, _ in fleet:
        assert not locker.ends
        locker.stop()
