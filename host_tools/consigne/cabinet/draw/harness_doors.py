"""The sheets of the doors: from drivers and lock boards to each lock and sensor, a cable for each door.

The door's cable has four cores, in the order of ``cores.DOOR_CORES``.  Where the controller or an expander
switches the coil it begins at a row of terminals, else at the lock board's plug for that lock.
"""

from locker.configlines import CHAINS

from ..document import Compartment
from ..model import Bank, Cabinet, reed_bank
from . import lengths
from .cores import DOOR_CORES, Harness, board_name

DOORS_MAX = 12
"""Doors on one sheet: with more a printed page is not readable."""


_TERMINALS = ("ARMED", "coil", "reed", "GND")


_BOARD_ENDS = ("lock +", "lock -", "sensor", "sensor GND")


def own_banks(cabinet: Cabinet) -> list[Bank]:
    """Banks with doors whose coils the controller or an expander switches."""
    return [bank for bank in cabinet.banks if not _is_board(bank) and _doors(cabinet, bank)]


def door_sheets(cabinet: Cabinet, begun: int) -> dict[str, Harness]:
    """``doors``, or ``doors-1`` and so on where there are more than fit; ``begun`` as of ``Harness``."""
    groups: list[list[tuple[Bank, list[Compartment]]]] = []
    room = 0
    for bank in cabinet.banks:
        doors = _doors(cabinet, bank)
        while doors:
            if room == 0 or (groups and len(doors) > room):
                groups.append([])
                room = DOORS_MAX
            groups[-1].append((bank, doors[:room]))
            taken = len(doors[:room])
            doors, room = doors[taken:], room - taken
    out: dict[str, Harness] = {}
    for number, group in enumerate(groups, 1):
        name, words = (
            ("doors", "doors")
            if len(groups) == 1
            else (f"doors-{number}", f"doors, {number} of {len(groups)}")
        )
        out[name] = _sheet(cabinet, group, words, begun)
        begun += sum(cable.name.startswith("W") for cable in out[name].cables)
    return out


def _sheet(cabinet: Cabinet, group: list[tuple[Bank, list[Compartment]]], words: str, begun: int) -> Harness:
    made = Harness(cabinet, words, begun)
    for bank, doors in group:
        if not _is_board(bank):
            _driven(made, cabinet, bank, doors)
        for door in doors:
            _cable(made, cabinet, bank, door)
    return made


def _is_board(bank: Bank) -> bool:
    return bank.key[:1] == ("lock_board",)


def _doors(cabinet: Cabinet, bank: Bank) -> list[Compartment]:
    return [door for door in cabinet.compartments if door["on"] == bank.name]


def _place(cabinet: Cabinet, bank: Bank) -> tuple[str, str]:
    """Name and type of a bank's connector."""
    if bank.name == "gpio":
        return "Controller", cabinet.board.title
    table, number = bank.key[0], int(bank.key[1])
    if table == "lock_board":
        board = cabinet.data["lock_board"][number]
        return board_name(board), f"family {board['kind']}, address {board['address']}"
    if table == "shift_register":
        chain = cabinet.data["shift_register"][number]
        return f"Chain {bank.name}", f"{chain['chips']} x {chain['kind'].upper()}"
    chip = cabinet.data["expander"][number]
    return f"Expander {bank.name}", f"{chip['kind'].upper()} at 0x{chip['address']:02x}"


def _source(made: Harness, cabinet: Cabinet, bank: Bank) -> str:
    name, kind = _place(cabinet, bank)
    return name if made.has(name) else made.connector(name, kind)


def _terminals(bank: Bank) -> str:
    return "Terminals" if bank.name == "gpio" else f"Terminals {bank.name}"


def _driven(made: Harness, cabinet: Cabinet, bank: Bank, doors: list[Compartment]) -> None:
    """The connectors before the terminals of doors whose coils the controller or an expander switches."""
    volts = cabinet.data["supply"]["volts"]
    for name, kind, note in (
        ("Input", f"{volts:g} V, behind fuse and protection", ""),
        ("Arming", "switch in series with every coil", ""),
    ):
        if not made.has(name):
            made.connector(name, kind, note)
    suffix = "" if bank.name == "gpio" else f" {bank.name}"
    is_aboard = bank.device_name.partition("@")[0] in cabinet.board.aboard
    if is_aboard:
        note = "COM of each to GND, NO to the coil"
        drivers = made.connector(f"Relays{suffix}", f"of {cabinet.board.title}", note)
    else:
        note = "each input has a resistor that holds it off"
        drivers = made.connector(f"Drivers{suffix}", "one for each coil", note)
    row = made.connector(
        _terminals(bank),
        "four for each door",
        "all ARMED bridged, all GND bridged; a flyback diode at each coil",
    )
    # In the order of the doors, not in that in which they are wired: no core crosses another door's.
    for door in doors:
        _row(made, row, door["number"], _TERMINALS)
    first = doors[0]["number"]
    if not is_aboard:
        lines = [(_line(cabinet, bank, d["lock"]), f"IN {d['number']}") for d in doors]
        made.cable("signal", _source(made, cabinet, bank), drivers, lines)
    made.cable("supply", "Input", drivers, [("GND", "GND")])
    made.cable("supply", "Arming", row, [("ARMED", f"{first} ARMED")])
    outputs = [f"NO {d['lock'] + 1}" if is_aboard else f"OUT {d['number']}" for d in doors]
    coils = [f"{d['number']} coil" for d in doors]
    made.cable("power", drivers, row, list(zip(outputs, coils, strict=True)))
    for other in cabinet.banks:
        reeds = [door for door in doors if reed_bank(door) == other.name and not _is_board(other)]
        if reeds:
            begin = _source(made, cabinet, other)
            lines = [(_reed(cabinet, other, door), f"{door['number']} reed") for door in reeds]
            made.cable("signal", begin, row, [*lines, ("GND", f"{first} GND")])


def _row(made: Harness, connector: str, group: str, ends: tuple[str, ...]) -> list[str]:
    """The pins of one door's or channel's terminals, numbered within it."""
    entry = made.connectors[connector]
    pins = [f"{group} {end}" for end in ends]
    for number, pin in enumerate(pins, 1):
        if pin not in entry.places:
            entry.places[pin] = f"{group}.{number}"
            entry.pins.append(pin)
    return pins


def _reed(cabinet: Cabinet, bank: Bank, door: Compartment) -> str:
    return _line(cabinet, bank, door["reed"]) + (" 10k up" if door["pull_up"] else "")


def _cable(made: Harness, cabinet: Cabinet, bank: Bank, door: Compartment) -> None:
    """Four cores to one door, wherever its lock and its sensor begin."""
    number = door["number"]
    behind = made.connector(f"Door {number}", "lock and reed contact", plug=True)
    reeds = next(other for other in cabinet.banks if other.name == reed_bank(door))
    row = _terminals(bank)
    if _is_board(bank):
        board = _source(made, cabinet, bank)
        starts = [(board, pin) for pin in _row(made, board, str(door["lock"]), _BOARD_ENDS)[:2]]
    else:
        starts = [(row, f"{number} ARMED"), (row, f"{number} coil")]
    if _is_board(reeds):
        board = _source(made, cabinet, reeds)
        starts += [(board, pin) for pin in _row(made, board, str(door["reed"]), _BOARD_ENDS)[2:]]
    elif _is_board(bank):
        begin = _source(made, cabinet, reeds)
        starts += [(begin, _reed(cabinet, reeds, door)), (begin, "GND")]
    else:
        starts += [(row, f"{number} reed"), (row, f"{number} GND")]
    way = lengths.length_m(lengths.bank(cabinet, bank.name), lengths.door(cabinet, door))
    cores = [(*start, behind, end) for start, end in zip(starts, DOOR_CORES, strict=True)]
    made.cable_of("door", cores, way, f"D{number}", DOOR_CORES)


def _line(cabinet: Cabinet, bank: Bank, channel: int) -> str:
    """A channel's name at its screw terminal."""
    if bank.name == "gpio":
        return cabinet.board.terminals.get(channel, f"GPIO{channel}")
    kind = bank.device_name.partition("@")[0]
    if kind == "mcp23017":
        return f"GP{'AB'[channel // 8]}{channel % 8}"
    return f"{'Q' if kind in CHAINS else 'P'}{channel}"
