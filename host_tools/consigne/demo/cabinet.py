"""The demo's cabinet: twelve doors on an ESP32, four of them on its own pins, eight on an expander.

The wiring is that of ``hardware/``: what is configured here is what the simulated board is built
from and what the firmware reads, so both cannot differ.
"""

import secrets
from typing import Any

LOCKER = "L0001"
SIZES = (1, 1, 2, 2, 3, 1, 2, 1, 1, 2, 3, 4)  # 1 S, 2 M, 3 L, 4 XL, in the order of the doors
LOW_DOORS = (4, 5, 10, 11)  # handles below 1.2 m, within reach from a wheelchair
GPIO_LOCKS = (13, 18, 19, 23)
GPIO_REEDS = (34, 35, 36, 39)  # input only: the reeds have pull-ups of their own
EXPANDER = "mcp23017@0:32"
DIGITS = 8
LANGUAGE = "en"
KEYS = "123456789*0#"
COURIER_HOLDER = 7
MQTT_USER = LOCKER


def door_config(door: int) -> dict[str, Any]:
    """The entry of one door, counted from 0."""
    if door < len(GPIO_LOCKS):
        lock = {"bank": "gpio", "channel": GPIO_LOCKS[door]}
        reed = {"bank": "gpio", "channel": GPIO_REEDS[door]}
    else:
        lock = {"bank": EXPANDER, "channel": door - len(GPIO_LOCKS)}
        reed = {"bank": EXPANDER, "channel": door - len(GPIO_LOCKS) + 8}
    return {
        "name": str(door + 1),
        "size": SIZES[door],
        "low": door in LOW_DOORS,
        "lock": lock,
        "reed": reed,
        "closed_level": 0,
    }


def config(broker_port: int) -> dict[str, Any]:
    """The device's ``config.json``; its broker listens on the loopback at ``broker_port``."""
    return {
        "format": 1,
        "board": "esp32",
        "language": LANGUAGE,
        "digits": DIGITS,
        "pulse_ms": 400,
        "rest_ms": 1500,
        "arm_pin": 25,
        "i2c": [{"id": 0, "scl": 22, "sda": 21, "freq_hz": 100_000}],
        "expanders": [{"kind": "mcp23017", "i2c": 0, "address": 32, "int_pin": 14}],
        "doors": [door_config(door) for door in range(len(SIZES))],
        "keypad": {
            "kind": "matrix",
            "rows": [26, 27, 32, 33],
            "cols": [4, 5, 15],
            "keys": KEYS,
            "debounce_ms": 20,
        },
        "scanner": {"kind": "gm65", "uart": 2, "tx": 17, "rx": 16, "baud": 9600, "terminator": "\r"},
        "display": {"kind": "hd44780", "i2c": 0, "address": 39, "columns": 20, "rows": 4},
        "buzzer": {"pin": 2},
        "led": {"pin": 12},
        "watchdog_ms": 8000,
        "holders": [[1, 1, COURIER_HOLDER]],
        "network": {
            "kind": "wifi",
            "ssid": "consigne",
            "broker": "127.0.0.1",
            "port": broker_port,
            "tls": False,
        },
    }


def identity() -> dict[str, Any]:
    """The device's ``identity.json``: keys and passwords drawn anew, as provisioning does."""
    return {
        "locker": LOCKER,
        "device_key": secrets.token_hex(32),
        "mqtt_user": MQTT_USER,
        "mqtt_password": secrets.token_urlsafe(18),
        "wifi_password": secrets.token_urlsafe(12),
    }


def layout() -> list[dict[str, Any]]:
    """The doors as the host is told of them: name, size and whether they are low."""
    return [
        {"name": str(door + 1), "size": size, "low": door in LOW_DOORS} for door, size in enumerate(SIZES)
    ]
