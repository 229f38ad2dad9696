"""The wired network: it comes up, is told when it goes, and mends what can be mended."""

from pathlib import Path
from typing import Any

import pytest
from board_kit import board, cabinet
from consigne.sim.clock import VirtualClock
from consigne.sim.host import Host
from consigne.sim.locker import SimLocker
from driver_rig import MicroPythonRig, VirtualRig
from sim_kit import IDENTITY, KEY
from sim_kit import config as demo_config

LAN = {
    "kind": "ethernet",
    "phy": "lan8720",
    "phy_addr": 0,
    "mdc": 23,
    "mdio": 18,
    "power": 12,
    "ref_clk": 17,
    "ref_clk_out": True,
}
CONFIG: dict[str, Any] = {"arm_pin": -1, "doors": [], "network": LAN}

WATCHED = """
from locker.net.link_lan import LanLink

link = LanLink(config["network"], "consigne-L0001", report)


async def main():
    asyncio.create_task(link.run())
    was = None
    while True:
        now = link.is_up()
        if now != was:
            was = now
            sink(("link", now, link.name_server(), link.rssi()))
        await asyncio.sleep_ms(100)


asyncio.run(main())
"""
DOWN, UP = ["link", False, "", 0], ["link", True, "192.168.4.1", 0]


def phy_of(rig: VirtualRig):
    assert rig.cabinet.phy is not None
    return rig.cabinet.phy


def started(tmp_path: Path, **wiring: Any) -> VirtualRig:
    """A rig whose firmware believes in ``wiring`` where it differs from what is soldered."""
    rig = VirtualRig(tmp_path, WATCHED, CONFIG)
    for key, value in wiring.items():
        phy_of(rig).wiring = {**LAN, key: value}
    return rig


def test_the_link_comes_up_and_a_pulled_cable_is_known_within_three_seconds(tmp_path: Path) -> None:
    rig = started(tmp_path)
    rig.run(4_000)
    assert rig.taken() == [DOWN, UP]
    phy_of(rig).cable = False
    rig.run(3_000)
    assert rig.taken() == [DOWN]
    rig.run(700_000)  # as long as it likes
    assert rig.taken() == []
    phy_of(rig).cable = True
    rig.run(4_500)
    assert rig.taken() == [UP]


def test_a_link_without_an_address_is_no_link(tmp_path: Path) -> None:
    rig = started(tmp_path)
    phy_of(rig).dhcp = False
    rig.run(120_000)
    assert rig.taken() == [DOWN]
    phy_of(rig).dhcp = True
    rig.run(5_000)
    assert rig.taken() == [UP]


def test_a_negotiation_that_broke_off_is_begun_anew_after_half_a_minute(tmp_path: Path) -> None:
    rig = started(tmp_path)
    rig.run(10_000)
    rig.taken()
    phy_of(rig).deadlocked = True
    rig.run(10_000)
    assert rig.taken() == [DOWN]
    rig.run(30_000)
    assert rig.taken() == [UP]


def test_a_phy_that_does_not_answer_is_told_once_and_looked_for_again(tmp_path: Path) -> None:
    rig = started(tmp_path)
    phy_of(rig).dead = True
    rig.run(2_000_000)
    assert rig.taken() == [["report", "ethernet: no answer from the lan8720"], DOWN]
    phy_of(rig).dead = False
    rig.run(3_700_000)
    assert rig.taken() == [["report", "ethernet answers"], UP]


@pytest.mark.parametrize(
    ("key", "value"), [("mdc", 16), ("mdio", 5), ("phy_addr", 1), ("ref_clk", 0), ("ref_clk_out", False)]
)
def test_a_board_wired_otherwise_than_configured_has_no_link(tmp_path: Path, key: str, value: Any) -> None:
    rig = started(tmp_path, **{key: value})
    rig.run(60_000)
    assert UP not in rig.taken()


def test_a_relay_on_a_pin_of_the_ethernet_port_ends_the_link(tmp_path: Path) -> None:
    """Why the configuration refuses it: 22 is TXD1."""
    rig = VirtualRig(tmp_path, "from machine import Pin\n" + WATCHED.replace(
        "    was = None\n", "    was = None\n    await asyncio.sleep(5)\n    Pin(22, Pin.OUT, value=0)\n"
    ), CONFIG)  # fmt: skip
    rig.run(60_000)
    assert rig.events_seen()[-1] == DOWN


def test_a_reset_takes_the_link_down_and_the_next_start_brings_it_up(tmp_path: Path) -> None:
    rig = started(tmp_path)
    rig.run(4_000)
    rig.taken()
    rig.reset()
    assert not rig.board.ethernet.connected
    rig.run(4_000)
    assert rig.taken() == [DOWN, UP]


def test_the_link_comes_up_on_micropython(tmp_path: Path) -> None:
    with MicroPythonRig(tmp_path, WATCHED, CONFIG) as rig:
        rig.wait_for(lambda: rig.events_seen() == [DOWN, UP])


def test_a_locker_on_ethernet_reaches_its_host_again_when_the_cable_is_back(tmp_path: Path) -> None:
    clock = VirtualClock()
    host = Host(clock, KEY)
    on_boards = cabinet(board("8a"), doors=2, de=-1)
    for key in ("pulses", "i2c"):
        del on_boards[key]
    for door in on_boards["doors"]:
        door["size"] = 1
    config = demo_config(
        **on_boards,
        i2c=[{"id": 0, "scl": 16, "sda": 0}],
        keypad={"kind": "matrix", "rows": [2, 4, 13, 14], "cols": [15, 32, 33], "keys": "123456789*0#"},
        scanner={},
        buzzer={"pin": 1},
        led={"pin": 3},
        network={**LAN, "broker": "10.0.0.2", "port": 1883, "tls": False},
    )
    config["rs485"][0].update(tx=5, rx=36)
    locker = SimLocker(config, IDENTITY, tmp_path, "virtual", clock=clock, network=host.network)
    locker.start()
    locker.wait_for(lambda: host.status.get("up"), 60)
    assert locker.cabinet.phy is not None
    locker.network("cut")
    locker.run_for(120)
    assert not host.status.get("up")
    locker.network("up")
    locker.wait_for(lambda: host.status.get("up"), 60)
    locker.stop()
