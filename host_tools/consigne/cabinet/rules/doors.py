"""Rules about compartments, their wiring, and the keypad."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from ..document import Compartment
from ..draw.front import TERMINAL_HEIGHT_CM, cells
from ..model import Cabinet, reed_bank
from ..problems import Key, nearest, spell

Finding = tuple[Key, str, str]

_MCP_OUTPUTS = (7, 15)


def bank(cabinet: Cabinet) -> Iterator[Finding]:
    names = [bank.name for bank in cabinet.banks]
    for i, door in enumerate(cabinet.compartments):
        for key in ("on", "reed_on"):
            if door[key] and door[key] not in names:
                yield ("compartment", i, key), f"nothing is called '{door[key]}'", nearest(door[key], names)


def bank_name(cabinet: Cabinet) -> Iterator[Finding]:
    names: set[str] = set()
    for bank in cabinet.banks:
        if bank.name in names:
            yield (*bank.key, "name"), f"'{bank.name}' is taken", "give it another name"
        names.add(bank.name)


def _lines(door: Compartment) -> tuple[tuple[str, str, int], tuple[str, str, int]]:
    """(key, bank, channel) of a door's lock and of its sensor."""
    return ("lock", door["on"], door["lock"]), ("reed", reed_bank(door), door["reed"])


def channel(cabinet: Cabinet) -> Iterator[Finding]:
    for i, door in enumerate(cabinet.compartments):
        for line, name, number in _lines(door):
            bank = cabinet.bank(name)
            if bank is None or bank.name == "gpio":
                continue
            count = bank.locks if line == "lock" else bank.inputs
            if number >= count > 0:
                text = f"'{bank.name}' has no channel {number} for a {line}"
                yield ("compartment", i, line), text, f"take one of 0 to {count - 1}"
            elif not count and bank.key[0] == "shift_register":
                text = f"'{bank.name}' has outputs only"
                yield ("compartment", i, line), text, "say with reed_on what the sensor is on"


def channel_once(cabinet: Cabinet) -> Iterator[Finding]:
    first: dict[tuple[str, str, int], Key] = {}
    for i, door in enumerate(cabinet.compartments):
        for line, name, number in _lines(door):
            bank = cabinet.bank(name)
            if bank is None or bank.name == "gpio":
                continue
            place = (bank.name, "" if bank.is_shared else line, number)
            key: Key = ("compartment", i, line)
            other = first.setdefault(place, key)
            if other != key:
                text = f"channel {number} of '{bank.name}' is used already by {spell(other)}"
                yield key, text, "take a free channel, or correct the other"


def revised(cabinet: Cabinet) -> Iterator[Finding]:
    """The revision in the title block of every drawing: only the file itself can give it."""
    revision, day = cabinet.data["revision"], cabinet.data["revised"]
    if day:
        try:
            date.fromisoformat(day)
        except ValueError:
            yield ("revised",), f"'{day}' is no day", "write it as 2026-11-29"
    if (revision == "-") != (not day):
        yield (
            ("revised",),
            "a revision has a day, and a day is that of a revision",
            "write revision and revised",
        )


def number(cabinet: Cabinet) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for i, door in enumerate(cabinet.compartments):
        other = first.setdefault(door["number"], i)
        if other != i:
            text = f"'{door['number']}' is the number of compartment[{other}] too"
            yield ("compartment", i, "number"), text, "give each door a number of its own"


def overlap(cabinet: Cabinet) -> Iterator[Finding]:
    placed = cells(cabinet.compartments)
    for i, cell in enumerate(placed):
        for other in placed[:i]:
            if other.column == cell.column and other.bottom < cell.top and cell.bottom < other.top:
                text = f"'{cell.number}' ({_span(cell)}) overlaps '{other.number}' ({_span(other)})"
                yield (
                    ("compartment", i, "bottom_cm"),
                    text,
                    "correct the height, the size or the column of one",
                )
        front = cabinet.data.get("front")
        if front and cell.column == front["terminal_column"]:
            low, high = front["terminal_cm"], front["terminal_cm"] + TERMINAL_HEIGHT_CM
            if low < cell.top and cell.bottom < high:
                text = f"'{cell.number}' ({_span(cell)}) overlaps the terminal ({low:g} to {high:g} cm)"
                yield ("compartment", i, "bottom_cm"), text, "correct its place, or terminal_cm in [front]"


def _span(cell: Any) -> str:
    return f"{cell.bottom:g} to {cell.top:g} cm"


def neighbours(cabinet: Cabinet) -> Iterator[Finding]:
    placed = {cell.number: cell for cell in cells(cabinet.compartments)}
    for i, door in enumerate(cabinet.compartments):
        for n, name in enumerate(door["neighbours"]):
            key: Key = ("compartment", i, "neighbours", n)
            if name not in placed:
                yield key, f"there is no door '{name}'", nearest(name, list(placed))
            elif name == door["number"] or not placed[name].touches(placed[door["number"]]):
                text = f"by column and height '{name}' does not touch '{door['number']}'"
                yield key, text, "correct the list, or column and bottom_cm"


def keys(cabinet: Cabinet) -> Iterator[Finding]:
    keypad = cabinet.data["keypad"]
    if keypad["kind"] != "matrix":
        return
    rows, cols, found = len(keypad["rows"]), len(keypad["cols"]), len(keypad["keys"])
    if found != rows * cols:
        text = f"{rows} rows by {cols} columns have {rows * cols} keys, not {found}"
        yield ("keypad", "keys"), text, "write the labels row by row"
    missing = [key for key in "0123456789*#" if keypad["keys"].count(key) != 1]
    if missing:
        yield (
            ("keypad", "keys"),
            f"{' '.join(missing)} must be there once",
            "without them no code can be typed",
        )


def expander_inputs(cabinet: Cabinet) -> Iterator[Finding]:
    chips = {entry["name"] for entry in cabinet.data["expander"] if entry["kind"] == "mcp23017"}
    for i, door in enumerate(cabinet.compartments):
        if reed_bank(door) in chips and door["reed"] in _MCP_OUTPUTS:
            text = f"channel {door['reed']} is an output by the data sheet since 2022"
            yield ("compartment", i, "reed"), text, "put a lock there and the sensor elsewhere"
