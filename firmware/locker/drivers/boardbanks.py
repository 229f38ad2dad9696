"""From the configuration's ``rs485`` and ``boards`` to the wires, boards, locks and sensors they make.

A bank is ``"<kind>@<uart>:<address>"``; its channels are counted from 0 for locks and inputs alike.
"""

from .boardlocks import BoardLocks, BoardReeds, MixedLocks
from .boards import codec
from .rs485 import Board, Bus


def board_name(entry) -> str:
    """The bank that an entry of the configuration's ``boards`` makes."""
    return "{}@{}:{}".format(entry["kind"], entry["uart"], entry["address"])


class BoardBanks:
    """``buses``: each an ``rs485.Bus``; ``reeds``: sources for ``reeds.Reeds``; ``locks``: for all doors."""

    def __init__(self, doors, wires, entries, relays, report):
        """``doors``, ``wires`` and ``entries`` as in the configuration (``doors``, ``rs485``, ``boards``).

        ``relays``: the ``ports.Locks`` of the doors on no board, None when there are none.
        """
        self.buses = []
        self.reeds = []
        by_door: list = [relays] * len(doors)
        sorts = [] if relays is None else [relays]
        for i in range(len(wires)):
            boards = {}
            for entry in entries:
                if entry["uart"] == wires[i]["uart"]:
                    boards[board_name(entry)] = _board(doors, entry)
            # Channel 0 of the RMT arms the relays.
            bus = Bus(wires[i], boards.values(), i + 1, report)
            self.buses.append(bus)
            wired = {}
            for number in range(len(doors)):
                lock = doors[number]["lock"]
                if lock["bank"] in boards:
                    wired[number] = (boards[lock["bank"]], lock["channel"])
            locks = BoardLocks(bus, wired)
            sorts.append(locks)
            for number in wired:
                by_door[number] = locks
            for name in boards:
                on_board = _inputs(doors, name)
                if on_board:
                    self.reeds.append(BoardReeds(boards[name], on_board))
        self.locks = MixedLocks(by_door, sorts)


def _board(doors, entry):
    name = board_name(entry)
    locks = max([d["lock"]["channel"] for d in doors if d["lock"]["bank"] == name] + [0]) + 1
    inputs = max([channel for _, channel, _ in _inputs(doors, name)] + [0]) + 1
    made = codec(entry["kind"], entry["address"], locks, inputs, entry["pulse_ms"], entry["reversed"])
    return Board(name, made, inputs)


def _inputs(doors, name):
    """``(door, channel, closed_level)`` of the sensors on one board."""
    return tuple(
        (number, doors[number]["reed"]["channel"], doors[number]["closed_level"])
        for number in range(len(doors))
        if doors[number]["reed"]["bank"] == name
    )
