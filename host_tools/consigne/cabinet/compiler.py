"""From a cabinet file to the device's ``config.json``.

Form first, then the rules, then the device's own check of what comes out: nothing is compiled that
the firmware would refuse.
"""

import json
from pathlib import Path
from typing import Any

from locker import config as _config
from locker.core import events

from .draw.front import cells
from .form import check_form
from .model import Cabinet, reed_bank
from .problems import CabinetError, Place, Problem, nearest
from .profiles import profiles
from .reading import Sheet, read
from .rules.service import week
from .rules.table import judge
from .schema import SIZES
from .senses import device_senses


def open_cabinet(file: Path) -> Cabinet:
    """The cabinet in ``file``, its form checked; ``CabinetError`` with every problem of the form."""
    return from_sheet(read(file))


def from_sheet(sheet: Sheet) -> Cabinet:
    """The cabinet that a sheet tells of; ``CabinetError`` when its form is wrong."""
    data, problems = check_form(sheet)
    board = profiles().get(data.get("board", ""))
    if board is None and "board" in data:
        advice = nearest(data["board"], list(profiles()))
        problems.append(Problem(sheet.place("board"), f"no profile of a board '{data['board']}'", advice))
    if problems or board is None:
        raise CabinetError(problems)
    return Cabinet(sheet, data, board)


def compile_file(file: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The device's configuration and the warnings; ``CabinetError`` with every problem found."""
    return compile_cabinet(open_cabinet(file))


def compile_cabinet(cabinet: Cabinet) -> tuple[dict[str, Any], list[Problem]]:
    """As ``compile_file``, for a cabinet that was opened."""
    problems = judge(cabinet)
    if any(not problem.is_warning for problem in problems):
        raise CabinetError(problems)
    config = device_config(cabinet)
    try:
        _config.checked(json.loads(json.dumps(config)), "config.json")
    except _config.ConfigError as error:
        place = Place(cabinet.sheet.file, 0)
        raise CabinetError(
            [Problem(place, f"the firmware refuses it: {error}", "correct the key of that name", "device")]
        ) from None
    return config, problems


def device_json(config: dict[str, Any]) -> str:
    """The text of ``config.json``, as short as JSON can be."""
    return json.dumps(config, separators=(",", ":"), ensure_ascii=False)


def device_config(cabinet: Cabinet) -> dict[str, Any]:
    """What the device reads; what has the device's default anyway is left out of the doors."""
    data = cabinet.data
    locks = data["locks"]
    config: dict[str, Any] = {
        "format": 1,
        "board": cabinet.board.chip.name,
        **{key: data[key] for key in ("name", "language", "digits", "duress", "watchdog_ms")},
        **{key: locks[key] for key in ("pulse_ms", "rest_ms", "reopen_s", "arm_pin")},
        "i2c": [_only(bus, "id", "scl", "sda", "freq_hz") for bus in data["i2c"]],
        "expanders": [_only(entry, "kind", "i2c", "address", "int_pin") for entry in data["expander"]],
        "shifts": [
            _only(chain, "kind", "data", "clock", "latch", "enable", "back", "chips")
            for chain in data["shift_register"]
        ],
        "rs485": data["rs485"],
        "boards": [_only(b, "kind", "uart", "address", "reversed", "pulse_ms") for b in data["lock_board"]],
        "doors": _doors(cabinet),
        "keypad": data["keypad"],
        "scanner": data["scanner"],
        "display": {key: value for key, value in data["display"].items() if key not in ("volts", "shifter")},
        "buzzer": data["buzzer"],
        "led": data["lamp"],
        "holders": [_holder(entry) for entry in data["holder"]],
    }
    if data["service"] != "locker":
        config["service"] = data["service"]
    if data["hours"]:
        config["hours"] = week(data["hours"])
    senses = device_senses(cabinet)
    if senses:
        config["senses"] = senses
    if "network" in data:
        config["network"] = _network(cabinet)
    return config


def _network(cabinet: Cabinet) -> dict[str, Any]:
    """How the host is reached; how an Ethernet chip is wired, its profile or the file knows."""
    network = cabinet.data["network"]
    host = _only(network, "kind", "broker", "port", "tls")
    if network["kind"] == "ethernet":
        return {**host, **cabinet.ethernet}
    return {**host, "ssid": network["ssid"]}


def _only(entry: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: entry[key] for key in keys}


def _holder(entry: dict[str, Any]) -> list[int]:
    role: int = getattr(events, entry["role"].upper())
    action: int = getattr(events, entry["action"].upper())
    return [role, action, entry["number"]]


def _doors(cabinet: Cabinet) -> list[dict[str, Any]]:
    numbers = {bank.name: i for i, bank in enumerate(cabinet.banks)}
    doors = []
    for door, cell in zip(cabinet.compartments, cells(cabinet.compartments), strict=True):
        entry = {
            "name": door["number"],
            "size": SIZES.index(door["size"]) + 1,
            "lock": [numbers[door["on"]], door["lock"]],
            "reed": [numbers[reed_bank(door)], door["reed"]],
        }
        if cell.is_low:
            entry["low"] = True
        if door["closed_level"]:
            entry["closed_level"] = door["closed_level"]
        doors.append(entry)
    return doors


def spelled_out(cabinet: Cabinet, config: dict[str, Any]) -> dict[str, Any]:
    """The same configuration with every channel by the name of its bank, as the simulator wires it."""
    names = [bank.device_name for bank in cabinet.banks]
    doors = [
        {
            **door,
            **{line: {"bank": names[door[line][0]], "channel": door[line][1]} for line in ("lock", "reed")},
        }
        for door in config["doors"]
    ]
    return {**config, "doors": [{"low": False, "closed_level": 0, **door} for door in doors]}
