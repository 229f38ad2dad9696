"""The demo's cabinet: ``hardware/cabinets/demo.toml``, or the file that ``CONSIGNE_CABINET`` names.

Simulated board and firmware both use the configuration compiled from that file, so they cannot differ.
"""

import copy
import os
import secrets
from pathlib import Path

from consigne.cabinet.compiler import compile_cabinet, open_cabinet, spelled_out
from consigne.cabinet.deviceconfig import DoorLayout, Identity, WiredConfig, keys_of
from consigne.cabinet.draw.front import Places, places
from consigne.cabinet.profiles import hardware_dir

LOCKER = "L0001"
MQTT_USER = LOCKER
VARIABLE = "CONSIGNE_CABINET"
"""From the environment, read once when this module is imported."""

_CABINET = open_cabinet(Path(os.environ.get(VARIABLE, "") or hardware_dir() / "cabinets" / "demo.toml"))
_CONFIG = spelled_out(_CABINET, compile_cabinet(_CABINET)[0])

SIZES: tuple[int, ...] = tuple(
    door["size"] for door in _CONFIG["doors"]
)  # 1 S .. 4 XL, in the order of the doors
PLACES: Places = places(_CABINET)
PSRAM: str = _CABINET.psram  # how it hangs on the chip, "" for none
DIGITS: int = _CONFIG["digits"]
LANGUAGE: str = _CONFIG["language"]
KEYS: str = keys_of(_CONFIG["keypad"])
TIMEZONE = "Europe/Paris"  # of the locker's place
SERVICE: str = _CABINET.data["service"]
DOOR_NAMES: tuple[str, ...] = tuple(door["name"] for door in _CONFIG["doors"])


def holder(role: str, action: str) -> int | None:
    """The number of the first holder of this role and action in the file; None where it has none."""
    holders = _CABINET.data["holder"]
    return next((h["number"] for h in holders if (h["role"], h["action"]) == (role, action)), None)


COURIER_HOLDER: int = holder("courier", "deposit") or 0


def config(broker_port: int, always_open: bool = False) -> WiredConfig:
    """The device's ``config.json``; its broker listens on the loopback at ``broker_port``.

    ``always_open``: customers are served day and night, whatever hours the file has.
    """
    own = copy.deepcopy(_CONFIG)
    if always_open:
        own.pop("hours", None)
    network = own.setdefault("network", {"kind": "wifi", "broker": "", "port": 0, "tls": False})
    network["broker"], network["port"], network["tls"] = "127.0.0.1", broker_port, False
    if network["kind"] == "wifi":
        network.setdefault("ssid", "consigne")
    return own


def identity() -> Identity:
    """The device's ``identity.json``: keys and passwords drawn anew, as provisioning does."""
    return {
        "locker": LOCKER,
        "device_key": secrets.token_hex(32),
        "mqtt_user": MQTT_USER,
        "mqtt_password": secrets.token_urlsafe(18),
        "wifi_password": secrets.token_urlsafe(12),
    }


def layout() -> list[DoorLayout]:
    """The doors as the host is told of them: name, size and whether they are low."""
    return [{"name": door["name"], "size": door["size"], "low": door["low"]} for door in _CONFIG["doors"]]
