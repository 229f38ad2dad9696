"""Makes a cabinet file from the learned data, and the wizard's prior knowledge from a cabinet file."""

import json
import tomllib
from pathlib import Path
from typing import Any, cast

from consigne.cabinet.document import Document, Expander, ExpanderKind, Rs485
from consigne.cabinet.form import check_form
from consigne.cabinet.newfile import Place, compartments, new_file
from consigne.cabinet.problems import CabinetError
from consigne.cabinet.profiles import Profile, profiles
from consigne.cabinet.reading import Sheet, TomlTable, read
from consigne.cabinet.schema import LISTS, REQUIRED, SITE, TABLES, Field, Table, table_of

from .learned import FoundBoard, FoundChip, FoundDoor, NotOurs, Progress


def wiring_of(file: Path) -> Document:
    """The controller's own wiring in a cabinet file: its buses, pins and panel, without its doors.

    Expanders keep their names and interrupt lines if they are found.  Raises ``CabinetError``.
    """
    sheet = read(file)
    sheet.data.setdefault("compartment", [])
    data, problems = check_form(sheet)
    problems = [problem for problem in problems if problem.place.key[:1] != ("compartment",)]
    if problems:
        raise CabinetError(problems)
    return {**data, "compartment": [], "lock_board": []}


def usual_wiring(board: Profile) -> Document:
    """The wiring that ``consigne cabinet new`` proposes for a controller with lock boards."""
    sheet = Sheet(Path(f"{board.name}.toml"), tomllib.loads(new_file(board, 1, "8a", 1)))
    data, _ = check_form(sheet)
    return {**data, "expander": [], "lock_board": [], "compartment": []}


def learned_text(progress: Progress) -> str:
    """The text of the cabinet file; sizes and places of the doors are guesses.

    Raises ``NotOurs`` when boards of different speeds share a wire.
    """
    wiring, doors = progress.wiring, progress.doors()
    names = {"gpio": "gpio"} | _board_names(progress.boards or []) | _chip_names(progress)
    data: Document = {**wiring}
    data["rs485"] = [{**wire, "baud": _baud(progress.boards or [], wire)} for wire in wiring["rs485"]]
    data["lock_board"] = [
        {
            "name": names[board.name],
            "kind": board.kind,
            "uart": board.uart,
            "address": board.address,
            "reversed": progress.is_reversed(board.name),
            "pulse_ms": LISTS["lock_board"][1]["pulse_ms"].default,
        }
        for board in progress.boards or []
    ]
    used = {spot[0] for door in doors for spot in (door.lock, door.reed)}
    data["expander"] = [_expander(wiring, c, names[c.name]) for c in progress.chips if c.name in used]
    terminal = max(1, -(-len(doors) // 8) // 2 + 1)
    width_cm = TABLES["front"]["width_cm"].default
    data["front"] = {"width_cm": width_cm, "terminal_column": terminal, "terminal_cm": 85.0}
    troubles = "".join(f"# {text}\n" for text in progress.troubles())
    board = profiles()[wiring["board"]]
    places = [_place(door, names, board) for door in doors]
    return "\n".join([troubles + to_toml(data), *compartments(places, terminal)])


def _board_names(boards: list[FoundBoard]) -> dict[str, str]:
    return {board.name: f"board {number}" for number, board in enumerate(boards, 1)}


def _chip_names(progress: Progress) -> dict[str, str]:
    """The wiring's name of an expander or a chain, else letters."""
    wiring = progress.wiring
    out = {f"{e['kind']}@{e['i2c']}:{e['address']}": str(e["name"]) for e in wiring["expander"]}
    out |= {f"{e['kind']}@{e['latch']}": str(e["name"]) for e in wiring["shift_register"]}
    free = (letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in out.values())
    return out | {chip.name: next(free) for chip in progress.chips if chip.name not in out}


def _expander(wiring: Document, chip: FoundChip, name: str) -> Expander:
    for entry in wiring["expander"]:
        if (entry["kind"], entry["i2c"], entry["address"]) == (chip.kind, chip.bus, chip.address):
            return entry
    return {
        "name": name,
        "kind": cast(ExpanderKind, chip.kind),
        "i2c": chip.bus,
        "address": chip.address,
        "int_pin": -1,
    }


def _baud(boards: list[FoundBoard], wire: Rs485) -> int:
    bauds = {board.baud for board in boards if board.uart == wire["uart"]}
    if len(bauds) > 1:
        raise NotOurs(
            f"boards of {' and '.join(str(baud) for baud in sorted(bauds))} baud are on the wire of UART "
            f"{wire['uart']}: the firmware speaks one speed on a wire, put them on two"
        )
    return bauds.pop() if bauds else int(wire["baud"])


def _place(door: FoundDoor, names: dict[str, str], board: Profile) -> Place:
    on, reed_on = names[door.lock[0]], names[door.reed[0]]
    is_bare = reed_on == "gpio" and door.reed[1] in board.chip.input_only
    elsewhere = "" if reed_on == on else reed_on
    return Place(door.number, on, door.lock[1], door.reed[1], door.closed_level, elsewhere, is_bare)


# --- writing TOML -------------------------------------------------------------------------------------
def to_toml(document: Document) -> str:
    """The tables of a cabinet file, without keys that have their default; doors are not written."""
    data = cast(TomlTable, document)
    parts = [_table({key: data[key] for key in SITE if key in data}, SITE)]
    for name in TABLES:
        if name in data:
            entry = cast(TomlTable, data[name])
            parts.append(f"[{name}]\n{_table(entry, table_of(name, entry))}")
    for name, (_, table) in LISTS.items():
        if name != "compartment":
            entries = cast(list[TomlTable], data.get(name, []))
            parts += [f"[[{name}]]\n{_table(entry, table)}" for entry in entries]
    return "\n".join(parts)


def _table(entry: TomlTable, table: Table) -> str:
    return "".join(
        f"{key} = {_value(entry[key], field)}\n"
        for key, field in table.items()
        if key in entry and (field.default is REQUIRED or entry[key] != field.default)
    )


def _value(value: Any, field: Field) -> str:
    """JSON's texts, numbers and lists are valid TOML; addresses are written as on their switches."""
    if field.kind is float:
        return f"{value:g}" if value % 1 else str(int(value))
    return json.dumps(value, ensure_ascii=False)
