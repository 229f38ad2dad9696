"""The shop's cabinet (Wiegand keypad, MH-ET scanner, SSD1306) as a locker that a test can stand before."""

from pathlib import Path
from typing import Any

from consigne.cabinet.compiler import compile_cabinet, open_cabinet, spelled_out
from consigne.cabinet.profiles import hardware_dir
from consigne.protocol import codes
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host
from consigne.sim.parts.ssd1306 import GraphicDisplay
from consigne.sim.parts.wiegand import WiegandKeypad
from sim_kit import EPOCH_S, IDENTITY, KEY


def shop_config(**changes: Any) -> dict[str, Any]:
    """``config.json`` of ``hardware/cabinets/shop-6.toml``; without a network unless one is asked for."""
    cabinet = open_cabinet(hardware_dir() / "cabinets" / "shop-6.toml")
    config = spelled_out(cabinet, compile_cabinet(cabinet)[0])
    return {**config, "network": {}, **changes}


def shop(tmp_path: Path, **changes: Any) -> tuple[SimLocker, Host]:
    """The shop's locker under virtual time, connected, its clock set; see ``sim_kit.connected_locker``."""
    clock = VirtualClock()
    host = Host(clock, KEY)
    network = {"kind": "wifi", "ssid": "shop", "broker": "127.0.0.1", "port": 1883, "tls": False}
    config = shop_config(network=network, **changes)
    locker = SimLocker(config, IDENTITY, tmp_path / "device", "virtual", clock=clock, network=host.network)
    locker.start()
    locker.wait_for(lambda: host.status.get("up"), 60)
    host.know_time(EPOCH_S, offset_s=3600)  # a Friday, nine o'clock: the shop is open
    locker.wait_for(lambda: host.status.get("trust") == 1, 60)
    return locker, host


def window_code(role: int, action: int) -> str:
    """Today's code of holder 1 in a role: courier 1 deposits (1), partner 6 takes along (5)."""
    return codes.window_code(KEY, role, action, 1, EPOCH_S, 8)


def keypad(locker: SimLocker) -> WiegandKeypad:
    assert isinstance(locker.cabinet.keypad, WiegandKeypad)
    return locker.cabinet.keypad


def oled(locker: SimLocker) -> GraphicDisplay:
    assert isinstance(locker.cabinet.display, GraphicDisplay)
    return locker.cabinet.display
