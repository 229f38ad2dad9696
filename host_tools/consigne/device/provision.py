"""``consigne device provision``: a board becomes one locker, on the board and at the host.

Board and host must end up with the same key, wherever this is interrupted.  So the key is drawn here, from
the system's random source, and lies on the board (``identity.new``) before the host hears of it; a host that
refuses leaves the board as it was.  The locker serves only once ``identity.json`` is there, which is written
last.  A board that takes another's place gets that one's key from the host, and with it the codes of the
parcels inside stay good; what lies where the host tells it when it connects.  A repeat finds the key on the
board and goes on with it: registering the same key again changes nothing.  The key is never printed, and
never written on this computer.
"""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from locker.confignetwork import TLS_PORT
from locker.core import events
from locker.core.codes import KEY_BYTES

from consigne.cabinet.deviceconfig import DeviceConfig, DoorLayout, Identity

from . import errors, interpreter, push
from .board import Board, Survey
from .brokerfiles import BrokerFiles
from .hostapi import CLOCK_OFF_MAX_S, Host, RefusedError, Registration

Say = Callable[[str], None]


@dataclass(frozen=True, repr=False)
class Wanted:
    """The locker that the board becomes.  ``config`` is a compiled cabinet."""

    locker: str
    config: DeviceConfig
    config_text: bytes
    timezone: str
    wifi_password: str
    broker: BrokerFiles
    production: bool
    replace: bool = False  # its locker has served before: the board gets that key from the host


def provision(board: Board, host: Host, wanted: Wanted, say: Say) -> bool:
    """Make the board that locker; True when the host did not know it before.

    ``Board.enter_service`` must have been called.  Leaves the board serving.
    """
    ahead_s = host.check_clock()
    found = board.survey()
    check(board.port, found, wanted)
    host.check_token()
    identity, is_drawn = _identity(board, host, found, wanted, say)
    try:
        new = host.register(registration(wanted, identity["device_key"]))
    except RefusedError:
        if is_drawn:  # the host does not know this key: the board belongs to no locker, as before
            board.remove_file("/identity.new")
        raise
    say("registered at the host" if new else "the host knows it")
    board.write_file("/config.json", wanted.config_text)
    _write_broker_files(board, wanted.broker)
    _set_clock(board, time.time() + ahead_s, say)
    board.write_file("/identity.json", json.dumps(identity).encode())
    board.remove_file("/identity.new")
    if wanted.production:
        board.write_file("/production", b"")
    else:
        board.remove_file("/production")
    board.restart()
    say("serves, console closed" if wanted.production else "serves, console open")
    return new


def _write_broker_files(board: Board, files: BrokerFiles) -> None:
    """Write them under the names that ``firmware/locker/online.py`` reads."""
    if files.ca is not None:
        board.write_file("/ca.der", files.ca)
    if files.client is not None:
        board.write_file("/client.der", files.client.certificate)
        board.write_file("/client_key.der", files.client.key)


def _set_clock(board: Board, now_s: float, say: Say) -> None:
    """Set the clock chip, if one is wired, to the host's time, so that window codes work at once."""
    shown = board.call("clockchip", f"put({round(now_s)})")[0]
    if shown is None:
        return
    if abs(shown - now_s) > CLOCK_OFF_MAX_S:
        raise errors.DeviceError(
            f"{board.port}: the clock chip of this cabinet does not keep the time set; check its wires "
            "and its battery, or take [clock] out of the cabinet file, then give the same command again"
        )
    say("clock set")


def check(port: str, found: Survey, wanted: Wanted) -> None:
    """Raise ``DeviceError`` if the board could not serve as this locker, before anything is changed."""
    interpreter.require(port, tuple(found["version"]))
    push.check_board(port, found)
    if not found["started"] or found["started"][2] < 0:
        raise errors.DeviceError(
            f"{port}: no application on this board yet; use `consigne device push` first"
        )
    chip = chip_of(found["machine"])
    if chip != wanted.config["board"]:
        raise errors.DeviceError(
            f"{port}: the cabinet file is for an {wanted.config['board']}, this board is an {chip}; "
            "take the file of this cabinet, or change its key 'board'"
        )
    check_wanted(wanted, bool(found["files"].get("ca.der")))


def check_wanted(wanted: Wanted, has_ca: bool = False) -> None:
    """Check what this cabinet needs, without its board; ``has_ca``: its board has the broker's authority.

    Raises ``DeviceError``.
    """
    network = wanted.config.get("network")
    if network and network["tls"] and wanted.broker.ca is None and not has_ca:
        raise errors.DeviceError("the cabinet speaks TLS with its broker: give its authority with --ca")
    if wanted.broker.client and not (network and network["tls"]):
        raise errors.DeviceError(
            "a client certificate is shown in TLS only, which the cabinet file does not ask for: "
            "set tls = true in its [network], or leave the certificate out"
        )
    if network and wanted.broker.ca is not None and not network["tls"]:
        raise errors.DeviceError(
            f"the cabinet file reaches its broker in clear, at port {network['port']}; --ca and --broker are "
            f"for TLS: set tls = true and the TLS port ({TLS_PORT}) in its [network], or give --credentials "
            "alone"
        )
    if network and network["kind"] == "wifi" and not wanted.wifi_password:
        raise errors.DeviceError("the cabinet is on Wi-Fi: give the password in CONSIGNE_WIFI_PASSWORD")
    holders = [tuple(holder[:2]) for holder in wanted.config["holders"]]
    if wanted.production and (events.TECHNICIAN, events.SERVICE) not in holders:
        raise errors.DeviceError(
            "in production the console opens to a technician's code only, and the cabinet file has no "
            "[[holder]] with role 'technician' and action 'service': add one"
        )


def chip_of(machine: str) -> str:
    """``esp32`` from ``sys.implementation._machine``, which reads ``<board> with ESP32``."""
    return machine.rpartition(" with ")[2].split()[0].lower().replace("-", "")


def _identity(board: Board, host: Host, found: Survey, wanted: Wanted, say: Say) -> tuple[Identity, bool]:
    """The identity to write: with the board's key, or with another, which is first put on the board.

    That is a new one, or the key of the locker whose board this one replaces.  The second value says whether
    it was put there just now.
    """
    held = None
    for name in ("identity.json", "identity.new"):
        if found["files"].get(name):
            held = _held(board, name)
            break
    if held is not None and held["locker"] != wanted.locker:
        raise errors.DeviceError(
            f"{board.port}: this board is {held['locker']} already; give that name, "
            "or take it out of service first with `consigne device erase`"
        )
    key = host.key_of(wanted.locker) if wanted.replace and not held else ""
    identity = identity_of(wanted, held, key)
    if not held:
        board.write_file("/identity.new", json.dumps(identity).encode())
        say("key of the former board is on this one" if key else "key drawn and on the board")
    else:
        say("the board has a key: going on with it")
    return identity, not held


def identity_of(wanted: Wanted, held: Identity | None, key: str = "") -> Identity:
    """The content of ``identity.json``: with the key of ``held``, else with ``key``, else with a new one."""
    password = wanted.broker.password or (held["mqtt_password"] if held else "")
    return {
        "locker": wanted.locker,
        "device_key": (held["device_key"] if held else key) or secrets.token_bytes(KEY_BYTES).hex(),
        "mqtt_user": wanted.locker if password else "",
        "mqtt_password": password,
        "wifi_password": wanted.wifi_password,
    }


def read_identity(text: bytes) -> Identity | None:
    """The content of an ``identity.json``; None when it is not readable."""
    try:
        value = json.loads(text)
        if len(bytes.fromhex(value["device_key"])) == KEY_BYTES and isinstance(value["locker"], str):
            return {
                "locker": value["locker"],
                "device_key": value["device_key"],
                "mqtt_user": str(value.get("mqtt_user", "")),
                "mqtt_password": str(value.get("mqtt_password", "")),
                "wifi_password": str(value.get("wifi_password", "")),
            }
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    return None


def _held(board: Board, name: str) -> Identity:
    value = read_identity(board.read_file("/" + name) or b"")
    if value is not None:
        return value
    raise errors.DeviceError(
        f"{board.port}: {name} on the board is not readable; if it never served, take it away with "
        f"`mpremote connect {board.port} fs rm :/{name}`, else `consigne device erase` and begin anew"
    )


def registration(wanted: Wanted, key: str) -> Registration:
    """What the host is told of the locker."""
    doors: list[DoorLayout] = [
        {"name": door["name"], "size": door["size"], "low": door.get("low", False)}
        for door in wanted.config["doors"]
    ]
    return {
        "id": wanted.locker,
        "device_key": key,
        "digits": wanted.config["digits"],
        "timezone": wanted.timezone,
        "doors": doors,
    }
