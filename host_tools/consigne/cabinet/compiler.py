"""From a cabinet file to the device's ``config.json``.

First the form is checked, then the rules, then the result by the device's own check, so that nothing is
compiled that the firmware would refuse.
"""

import json
from pathlib import Path
from typing import cast

from locker import config as _config
from locker.core import events

from consigne.protocol.names import SIZES

from .deviceconfig import (
    Channel,
    DeviceBus,
    DeviceChain,
    DeviceConfig,
    DeviceDisplay,
    DeviceDoor,
    DeviceExpander,
    DeviceLockBoard,
    DeviceNetwork,
    WiredConfig,
    WiredDoor,
)
from .document import (
    CharacterDisplay,
    Expander,
    GraphicDisplay,
    Holder,
    I2c,
    LockBoard,
    Network,
    ShiftRegister,
)
from .draw.front import cells
from .form import check_form
from .model import Cabinet, reed_bank
from .problems import CabinetError, Place, Problem, nearest
from .profiles import is_profile, profiles
from .reading import Sheet, read
from .rules.service import week
from .rules.table import judge
from .senses import device_senses
from .shipped import found

_SIZE_NUMBERS = {name: number for number, name in SIZES.items()}


def open_cabinet(file: Path) -> Cabinet:
    """The cabinet in ``file``, or in the shipped one of that name, its form checked.

    ``CabinetError`` with every problem of the form.
    """
    return from_sheet(read(found(file)))


def from_sheet(sheet: Sheet) -> Cabinet:
    """The cabinet of a sheet; ``CabinetError`` when its form is wrong."""
    if is_profile(sheet.data):
        advice = (
            f'a cabinet file names it: board = "{sheet.file.stem}"; begin one with `consigne cabinet new`'
        )
        raise CabinetError([Problem(Place(sheet.file, 0), "this is a board profile, not a cabinet", advice)])
    data, problems = check_form(sheet)
    board = profiles().get(data.get("board", ""))
    if board is None and "board" in data:
        advice = nearest(data["board"], list(profiles()))
        problems.append(Problem(sheet.place("board"), f"no profile of a board '{data['board']}'", advice))
    if problems or board is None:
        raise CabinetError(problems)
    return Cabinet(sheet, data, board)


def compile_file(file: Path) -> tuple[DeviceConfig, list[Problem]]:
    """The device's configuration and the warnings; ``CabinetError`` with every problem found."""
    return compile_cabinet(open_cabinet(file))


def compile_cabinet(cabinet: Cabinet) -> tuple[DeviceConfig, list[Problem]]:
    """As ``compile_file``, for a cabinet from ``open_cabinet``."""
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


def device_json(config: DeviceConfig) -> str:
    """The text of ``config.json``, as short as JSON can be."""
    return json.dumps(config, separators=(",", ":"), ensure_ascii=False)


def device_config(cabinet: Cabinet) -> DeviceConfig:
    """The device's configuration; keys of doors with the device's default are left out."""
    data, locks = cabinet.data, cabinet.data["locks"]
    config: DeviceConfig = {
        "format": 1,
        "board": cabinet.board.chip.name,
        "name": data["name"],
        "language": data["language"],
        "digits": data["digits"],
        "duress": data["duress"],
        "watchdog_ms": data["watchdog_ms"],
        "pulse_ms": locks["pulse_ms"],
        "rest_ms": locks["rest_ms"],
        "reopen_s": locks["reopen_s"],
        "arm_pin": locks["arm_pin"],
        "i2c": [_bus(bus) for bus in data["i2c"]],
        "expanders": [_expander(chip) for chip in data["expander"]],
        "shifts": [_chain(chain) for chain in data["shift_register"]],
        "rs485": data["rs485"],
        "boards": [_lock_board(board) for board in data["lock_board"]],
        "doors": _doors(cabinet),
        "keypad": data["keypad"],
        "scanner": data["scanner"],
        "display": _display(data["display"]),
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
        config["network"] = _network(cabinet, data["network"])
    return config


def _bus(bus: I2c) -> DeviceBus:
    return {"id": bus["id"], "scl": bus["scl"], "sda": bus["sda"], "freq_hz": bus["freq_hz"]}


def _expander(chip: Expander) -> DeviceExpander:
    return {
        "kind": chip["kind"],
        "i2c": chip["i2c"],
        "address": chip["address"],
        "int_pin": chip["int_pin"],
    }


def _chain(chain: ShiftRegister) -> DeviceChain:
    return {
        "kind": chain["kind"],
        "data": chain["data"],
        "clock": chain["clock"],
        "latch": chain["latch"],
        "enable": chain["enable"],
        "back": chain["back"],
        "chips": chain["chips"],
    }


def _lock_board(board: LockBoard) -> DeviceLockBoard:
    return {
        "kind": board["kind"],
        "uart": board["uart"],
        "address": board["address"],
        "reversed": board["reversed"],
        "pulse_ms": board["pulse_ms"],
    }


def _display(display: CharacterDisplay | GraphicDisplay) -> DeviceDisplay:
    """The display without its voltages, which matter only for the wiring."""
    out: DeviceDisplay = {
        "kind": display["kind"],
        "i2c": display["i2c"],
        "address": display["address"],
    }
    if display["kind"] == "hd44780":
        out["columns"], out["rows"] = display["columns"], display["rows"]
    return out


def _network(cabinet: Cabinet, network: Network) -> DeviceNetwork:
    """How the host is reached; the wiring of an Ethernet chip comes from the profile or the file."""
    out: DeviceNetwork = {
        "kind": network["kind"],
        "broker": network["broker"],
        "port": network["port"],
        "tls": network["tls"],
    }
    if network["kind"] == "ethernet":
        return cast(DeviceNetwork, {**out, **(cabinet.ethernet or {})})
    out["ssid"] = network["ssid"]
    return out


def _holder(entry: Holder) -> list[int]:
    role: int = getattr(events, entry["role"].upper())
    action: int = getattr(events, entry["action"].upper())
    return [role, action, entry["number"]]


def _doors(cabinet: Cabinet) -> list[DeviceDoor]:
    numbers = {bank.name: i for i, bank in enumerate(cabinet.banks)}
    doors = []
    for door, cell in zip(cabinet.compartments, cells(cabinet.compartments), strict=True):
        entry: DeviceDoor = {
            "name": door["number"],
            "size": _SIZE_NUMBERS[door["size"]],
            "lock": [numbers[door["on"]], door["lock"]],
            "reed": [numbers[reed_bank(door)], door["reed"]],
        }
        if cell.is_low:
            entry["low"] = True
        if door["closed_level"]:
            entry["closed_level"] = door["closed_level"]
        doors.append(entry)
    return doors


def spelled_out(cabinet: Cabinet, config: DeviceConfig) -> WiredConfig:
    """The same configuration with the bank's name in every channel, for the simulator."""
    names = [bank.device_name for bank in cabinet.banks]

    def channel(at: list[int]) -> Channel:
        return {"bank": names[at[0]], "channel": at[1]}

    doors: list[WiredDoor] = [
        {
            "name": door["name"],
            "size": door["size"],
            "lock": channel(door["lock"]),
            "reed": channel(door["reed"]),
            "low": door.get("low", False),
            "closed_level": door.get("closed_level", 0),
        }
        for door in config["doors"]
    ]
    return cast(WiredConfig, {**config, "doors": doors})
