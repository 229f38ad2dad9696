"""Rules about the controller board itself: its PSRAM, its own wiring, and the doors it can serve."""

from collections.abc import Iterator

from ..model import Cabinet
from ..problems import Key
from ..profiles import profiles

Finding = tuple[Key, str, str]

DOORS_OFFLINE = 48
"""Doors, measured without PSRAM and without a network (firmware/README.md, "Heap")."""


def psram_said(cabinet: Cabinet) -> Iterator[Finding]:
    said, board = cabinet.data["psram"], cabinet.board
    if said is None or said == bool(board.psram):
        return
    with_it = [other.name for other in profiles().values() if other.chip is board.chip and other.psram]
    if not said:
        yield ("psram",), f"{board.title} has PSRAM ({board.module})", "remove this line: the profile says it"
    elif with_it:
        text = f"{board.title} carries {board.module}, which has no PSRAM"
        yield ("psram",), text, f"name the board that you have: {' or '.join(with_it)}"
    else:
        yield ("psram",), f"there is no {board.chip.name} with PSRAM", "remove this line"


def board_pins(cabinet: Cabinet) -> Iterator[Finding]:
    """The board's own wiring is checked like the file's, if the file uses it."""
    board = cabinet.board
    if cabinet.data.get("network", {}).get("kind") != "ethernet":
        return
    known = board.chip.image_pins(cabinet.psram) - board.chip.flash
    for pin, what in board.own_pins.items():
        if pin not in known:
            text = f"{what} of {board.title} is pin {pin}, which MicroPython for PSRAM does not know"
            yield ("network", "kind"), text, 'take a board made for PSRAM, or write kind = "wifi"'


def memory(cabinet: Cabinet) -> Iterator[Finding]:
    """Without PSRAM, Wi-Fi, TLS and the firmware share some 300 kB, which is not enough for all."""
    if cabinet.psram:
        return
    board, doors = cabinet.board, len(cabinet.compartments)
    with_it = [other.name for other in profiles().values() if other.psram]
    take = f"take a board with PSRAM ({', '.join(with_it)})"
    if "network" in cabinet.data:
        text = f"{board.title} has no PSRAM: there is no room for doors and a network with TLS at once"
        yield ("board",), text, f"{take}, or leave [network] out: a locker serves without"
    elif doors > DOORS_OFFLINE:
        text = f"{board.title} has no PSRAM: {doors} doors were never seen to fit, {DOORS_OFFLINE} were"
        yield ("board",), text, take
