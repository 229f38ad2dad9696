"""The wired network: it comes up, is told when it goes, and mends what can be mended."""

from pathlib import Path
from typing import Any

import pytest
from board_kit import board, cabinet
from consigne.sim.board.gpio import OUT
from consigne.sim.board.nameserver import computers_name_server
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host
from consigne.sim.shim import _ops as ops
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
W5500 = {
    "kind": "ethernet",
    "phy": "w5500",
    "spi": 1,
    "sck": 14,
    "mosi": 13,
    "miso": 12,
    "cs": 15,
    "int": 34,
    "reset": 32,
}
CONFIG: dict[str, Any] = {"arm_pin": -1, "doors": [], "network": LAN}
SPI_CONFIG: dict[str, Any] = {**CONFIG, "network": W5500}
BOTH = pytest.mark.parametrize("config", [CONFIG, SPI_CONFIG], ids=["lan8720", "w5500"])

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
DOWN, UP = ["link", False, "", 0], ["link", True, computers_name_server(), 0]


def phy_of(rig: VirtualRig):
    assert rig.cabinet.phy is not None
    return rig.cabinet.phy


def started(tmp_path: Path, config: dict[str, Any] = CONFIG, **wiring: Any) -> VirtualRig:
    """A rig whose firmware believes in ``wiring`` where it differs from what is soldered."""
    rig = VirtualRig(tmp_path, WATCHED, config)
    for key, value in wiring.items():
        phy_of(rig).wiring = {**config["network"], key: value}
    return rig


def made(rig: VirtualRig) -> list[bytes]:
    """How often the interface is made from now on: a list that grows."""
    port, seen = rig.ground.interpreter.port, []
    handle = port.handle

    def watched(op: int, number: int, payload: bytes) -> bytes:
        if op == ops.LAN_OPEN:
            seen.append(payload)
        return handle(op, number, payload)

    port.handle = watched
    return seen


@BOTH
def test_the_link_comes_up_and_a_pulled_cable_is_known_within_three_seconds(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    rig = started(tmp_path, config)
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


@BOTH
def test_a_link_without_an_address_is_no_link_and_a_late_one_is_taken(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    rig = started(tmp_path, config)
    phy_of(rig).dhcp = False
    rig.run(42_000)
    assert rig.taken() == [DOWN]
    phy_of(rig).dhcp = True
    rig.run(5_000)
    assert rig.taken() == [UP]


@BOTH
def test_a_negotiation_that_broke_off_is_begun_anew_after_half_a_minute(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    rig = started(tmp_path, config)
    rig.run(10_000)
    rig.taken()
    phy_of(rig).deadlocked = True
    rig.run(10_000)
    assert rig.taken() == [DOWN]
    rig.run(30_000)
    assert rig.taken() == [UP]


@BOTH
def test_a_chip_that_does_not_answer_is_told_once_and_the_interface_is_never_made_again(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    """Made again, with the chip there after all, it would restart the board: the next test."""
    rig = started(tmp_path, config)
    phy_of(rig).dead = True
    openings = made(rig)
    rig.run(400_000)
    phy = config["network"]["phy"]
    assert rig.taken() == [["report", f"ethernet: no answer from the {phy}"], DOWN]
    phy_of(rig).dead = False
    rig.run(4_000_000)
    assert rig.taken() == []
    assert len(openings) == 1 and rig.resets == 0
    rig.reset()
    rig.run(4_000)
    assert rig.taken() == [DOWN, UP]


AGAIN = """
import asyncio
import network
from machine import SPI, Pin

wiring = config["network"]


def make():
    try:
        network.LAN(
            phy_type=network.PHY_W5500,
            phy_addr=0,
            cs=Pin(wiring["cs"]),
            int=INTERRUPT,
            reset=Pin(wiring["reset"]),
            spi=SPI(1, sck=Pin(wiring["sck"]), mosi=Pin(wiring["mosi"]), miso=Pin(wiring["miso"])),
        )
        sink(["made"])
    except (OSError, TypeError) as error:
        sink([type(error).__name__])


async def main():
    while True:
        make()
        await asyncio.sleep(10)


asyncio.run(main())
"""


def test_the_port_makes_its_netif_before_it_looks_so_that_a_second_interface_restarts_the_chip(
    tmp_path: Path,
) -> None:
    program = AGAIN.replace("INTERRUPT", 'Pin(wiring["int"])')
    rig = VirtualRig(tmp_path, program, SPI_CONFIG)
    phy_of(rig).dead = True
    rig.run(25_000)
    assert rig.taken() == [["OSError"]] * 3 and rig.resets == 0
    phy_of(rig).dead = False
    rig.run(25_000)
    assert rig.resets == 1
    assert rig.taken()[:2] == [["made"], ["made"]]  # by the next life


def test_the_port_drives_no_w5500_without_its_interrupt(tmp_path: Path) -> None:
    rig = VirtualRig(tmp_path, AGAIN.replace("INTERRUPT", "None"), SPI_CONFIG)
    rig.run(1_000)
    assert rig.taken() == [["OSError"]]


@BOTH
def test_a_soft_reset_finds_the_interface_that_the_life_before_has_made(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    rig = started(tmp_path, config)
    rig.run(4_000)
    rig.taken()
    rig.ground.kill()
    rig.board.soft_reset()
    rig.ground.start()
    openings = made(rig)
    rig.run(1_000)
    assert rig.taken() == [UP] and openings == []
    phy_of(rig).cable = False
    rig.run(3_000)
    assert rig.taken() == [DOWN]


def test_a_pin_that_the_board_has_not_is_told_in_a_sentence(tmp_path: Path) -> None:
    """16 and 17, where some boards have the clock, are the memory's with PSRAM."""
    program = WATCHED.replace("link = ", 'config["network"]["cs"] = 29\nlink = ')
    rig = VirtualRig(tmp_path, program, SPI_CONFIG)
    rig.run(60_000)
    assert rig.taken() == [["report", "ethernet: a pin is not on this board"], DOWN]
    assert "invalid pin" in rig.prints


def test_an_image_without_the_driver_is_told_in_a_sentence(tmp_path: Path) -> None:
    """Those for flash of 2 MiB have none of any wired network."""
    program = WATCHED.replace("link = ", "import network\n\ndel network.PHY_W5500\nlink = ")
    rig = VirtualRig(tmp_path, program, SPI_CONFIG)
    rig.run(10_000)
    assert rig.taken() == [["report", "ethernet: no w5500 in this image"], DOWN]


@pytest.mark.parametrize(
    ("key", "value"), [("mdc", 16), ("mdio", 5), ("phy_addr", 1), ("ref_clk", 0), ("ref_clk_out", False)]
)
def test_a_board_wired_otherwise_than_configured_has_no_link(tmp_path: Path, key: str, value: Any) -> None:
    rig = started(tmp_path, **{key: value})
    rig.run(60_000)
    assert UP not in rig.taken()


@pytest.mark.parametrize("key", ["sck", "mosi", "miso", "cs", "int", "reset"])
def test_a_w5500_wired_otherwise_than_configured_does_not_answer(tmp_path: Path, key: str) -> None:
    rig = started(tmp_path, SPI_CONFIG, **{key: 33})
    rig.run(60_000)
    assert rig.taken() == [["report", "ethernet: no answer from the w5500"], DOWN]


@pytest.mark.parametrize("pin", [14, 13, 12, 15])
def test_another_use_of_a_pin_of_its_bus_ends_the_link(tmp_path: Path, pin: int) -> None:
    rig = started(tmp_path, SPI_CONFIG)
    rig.run(4_000)
    assert rig.taken() == [DOWN, UP]
    rig.board.pad(pin).configure(OUT, None, 0)
    rig.run(10_000)
    assert rig.taken() == [DOWN]


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


@BOTH
def test_the_link_comes_up_on_micropython(tmp_path: Path, config: dict[str, Any]) -> None:
    with MicroPythonRig(tmp_path, WATCHED, config) as rig:
        rig.wait_for(lambda: rig.events_seen() == [DOWN, UP])


def locker_on(chip: dict[str, Any], host: Host, clock: VirtualClock, directory: Path) -> SimLocker:
    """A whole locker with this Ethernet chip, its doors on a lock board."""
    on_boards = cabinet(board("8a"), doors=2, de=-1)
    for key in ("pulses", "i2c"):
        del on_boards[key]
    for door in on_boards["doors"]:
        door["size"] = 1
    rows, cols = ([2, 4, 13, 14], [15, 32, 33]) if chip is LAN else ([2, 4, 18, 19], [21, 22, 33])
    config = demo_config(
        **on_boards,
        i2c=[{"id": 0, "scl": 16, "sda": 0}],
        keypad={"kind": "matrix", "rows": rows, "cols": cols, "keys": "123456789*0#"},
        scanner={},
        buzzer={"pin": 1},
        led={"pin": 3},
        network={**chip, "broker": "10.0.0.2", "port": 1883, "tls": False},
    )
    config["rs485"][0].update(tx=5, rx=36)
    return SimLocker(config, IDENTITY, directory, "virtual", clock=clock, network=host.network, psram="")


@pytest.mark.parametrize("chip", [LAN, W5500], ids=["lan8720", "w5500"])
def test_a_locker_on_ethernet_reaches_its_host_again_when_the_cable_is_back(
    tmp_path: Path, chip: dict[str, Any]
) -> None:
    clock = VirtualClock()
    host = Host(clock, KEY)
    locker = locker_on(chip, host, clock, tmp_path)
    locker.start()
    locker.wait_for(lambda: host.status.get("up"), 60)
    assert locker.cabinet.phy is not None
    locker.network("cut")
    locker.run_for(120)
    assert not host.status.get("up")
    locker.network("up")
    locker.wait_for(lambda: host.status.get("up"), 60)
    locker.stop()


def test_a_locker_on_a_w5500_is_back_after_half_an_hour_without_cable_and_of_a_cable_that_carries_nothing(
    tmp_path: Path,
) -> None:
    clock = VirtualClock()
    host = Host(clock, KEY)
    locker = locker_on(W5500, host, clock, tmp_path)
    locker.start()
    locker.wait_for(lambda: host.status.get("up"), 60)
    for outage in ("cut", "blackhole"):
        locker.network(outage)
        locker.run_for(1800)  # some tries at the longest pause between two
        assert not host.status.get("up")
        locker.network("up")
        locker.wait_for(lambda: host.status.get("up"), 400)  # that pause
    locker.stop()


def test_a_locker_whose_w5500_is_dead_serves_and_tells_it(tmp_path: Path) -> None:
    clock = VirtualClock()
    host = Host(clock, KEY)
    locker = locker_on(W5500, host, clock, tmp_path)
    assert locker.cabinet.phy is not None
    locker.cabinet.phy.dead = True
    seen: list[str] = []
    locker.board.log = lambda at_us, what, detail: seen.append(f"{what} {detail}")
    locker.start()
    locker.wait_for(lambda: "stdout ready" in seen, 10)
    locker.run_for(900)
    assert "stdout part: ethernet: no answer from the w5500" in seen
    assert not [line for line in seen if line.startswith(("reset", "panic"))]
    locker.stop()
