"""The sheet of the doors: from drivers and lock boards to each lock and sensor.

Doors of one expander or lock board are one connector; where a lock board's cores go to doors, each core
in the drawing is a cable of its own.
"""

from typing import Any

from .cores import Harness, board_name, title
from .model import CHAINS, Bank, Cabinet, reed_bank


def own_banks(cabinet: Cabinet) -> list[Bank]:
    """Banks with doors whose coils the controller or an expander switches."""
    return [bank for bank in cabinet.banks if bank.key[:1] != ("lock_board",) and _doors(cabinet, bank)]


def door_sheet(cabinet: Cabinet) -> dict[str, Any]:
    made = Harness(cabinet.data["supply"]["volts"])
    own = own_banks(cabinet)
    if own:
        power = made.connector("Supply", f"{cabinet.data['supply']['volts']:g} V")
        arming = made.connector("Arming", "switch in series with every coil")
        for bank in own:
            _driven(made, cabinet, bank, power, arming)
    for entry in cabinet.data["lock_board"]:
        bank = next(bank for bank in cabinet.banks if bank.name == entry["name"])
        doors = _doors(cabinet, bank)
        if doors:
            name = made.connector(board_name(entry), f"family {entry['kind']}, address {entry['address']}")
            behind = made.connector(_doors_name(doors), "lock and contact of each")
            channels = [(f"channel {door['lock']}", f"door {door['number']}") for door in doors]
            made.cable("4 x 0.5 mm2 for each door", name, behind, channels)
    _sensors_elsewhere(made, cabinet)
    return made.document(title(cabinet, "doors"))


def _doors(cabinet: Cabinet, bank: Bank) -> list[dict[str, Any]]:
    return [door for door in cabinet.compartments if door["on"] == bank.name]


def _doors_name(doors: list[dict[str, Any]]) -> str:
    first, last = doors[0]["number"], doors[-1]["number"]
    return f"Door {first}" if first == last else f"Doors {first} to {last}"


def _place(cabinet: Cabinet, bank: Bank) -> tuple[str, str]:
    """Name and type of the connector of what a bank is."""
    if bank.name == "gpio":
        return "Controller", cabinet.board.title
    entry = cabinet.data[str(bank.key[0])][bank.key[1]]
    if bank.key[0] == "lock_board":
        return board_name(entry), f"family {entry['kind']}, address {entry['address']}"
    if bank.key[0] == "shift_register":
        return f"Chain {bank.name}", f"{entry['chips']} x {entry['kind'].upper()}"
    return f"Expander {bank.name}", f"{entry['kind'].upper()} at 0x{entry['address']:02x}"


def _driven(made: Harness, cabinet: Cabinet, bank: Bank, power: str, arming: str) -> None:
    """Doors whose coils the controller or an expander switches, through drivers or the board's own relays."""
    doors = _doors(cabinet, bank)
    suffix = "" if bank.name == "gpio" else f" {bank.name}"
    is_aboard = bank.device_name.partition("@")[0] in cabinet.board.aboard
    if is_aboard:
        source = drivers = made.connector(
            f"Relays{suffix}", f"of {cabinet.board.title}", "COM of each to GND, NO to the coil"
        )
    else:
        source = made.connector(*_place(cabinet, bank))
        drivers = made.connector(
            f"Drivers{suffix}", "one for each coil", "each input has a resistor that holds it off"
        )
    behind = made.connector(
        _doors_name(doors),
        "lock and reed contact of each",
        "a flyback diode at each coil; reeds close to GND",
    )
    if not is_aboard:
        cores = [(_line(cabinet, bank, door["lock"]), f"IN {door['number']}") for door in doors]
        made.cable("signal", source, drivers, cores)
    made.cable("1.5 mm2", power, drivers, [("GND", "GND")])
    made.cable("1.5 mm2", arming, behind, [("ARMED", "coils ARMED")])
    outputs = [f"NO {door['lock'] + 1}" if is_aboard else f"OUT {door['number']}" for door in doors]
    coils = [f"{door['number']} coil" for door in doors]
    made.cable("0.75 mm2", drivers, behind, list(zip(outputs, coils, strict=True)))
    reeds = _reeds(cabinet, bank, [door for door in doors if reed_bank(door) == bank.name])
    if reeds:
        made.cable("signal", source, behind, [*reeds, ("GND", "reeds GND")])


def _reeds(cabinet: Cabinet, bank: Bank, doors: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The cores from sensors to what reads them."""
    return [
        (
            _line(cabinet, bank, door["reed"]) + (" 10k up" if door["pull_up"] else ""),
            f"{door['number']} reed",
        )
        for door in doors
    ]


def _sensors_elsewhere(made: Harness, cabinet: Cabinet) -> None:
    """Sensors that are on another bank than the locks of their doors."""
    for bank in cabinet.banks:
        for lock_bank in cabinet.banks:
            doors = [door for door in _doors(cabinet, lock_bank) if reed_bank(door) == bank.name]
            if not doors or bank is lock_bank:
                continue
            name, kind = _place(cabinet, bank)
            source = name if made.has(name) else made.connector(name, kind)
            behind = _doors_name(_doors(cabinet, lock_bank))
            made.cable("signal", source, behind, [*_reeds(cabinet, bank, doors), ("GND", "reeds GND")])


def _line(cabinet: Cabinet, bank: Bank, channel: int) -> str:
    """What a channel is called where it is screwed on."""
    if bank.name == "gpio":
        return cabinet.board.terminals.get(channel, f"GPIO{channel}")
    kind = bank.device_name.partition("@")[0]
    if kind == "mcp23017":
        return f"GP{'AB'[channel // 8]}{channel % 8}"
    return (
        f"channel {channel}" if bank.key[0] == "lock_board" else f"{'Q' if kind in CHAINS else 'P'}{channel}"
    )
