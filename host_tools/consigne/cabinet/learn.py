"""Learns an unknown cabinet over RS-485: which boards there are, and which door hangs on which channel.

Every address of every family is asked for its state. Then each lock is opened once: the sensor that
moves is that door's, what it read before is its closed level, and a person says the door's number.
The firmware's own codecs make and read the frames, so what is found is what the firmware can drive.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from consigne.firmware_path import import_locker

from .model import KINDS

_codec: Callable[[str, int, int, int, int, bool], Any] = import_locker("drivers.boards").codec

PULSE_MS = 400
BAUD_OF_MODBUS = 9600
_TRIES = 3
_INPUT_COUNTS = {"modbus": (64, 48, 32, 24, 16, 12, 8, 4), "winnsen": tuple(range(24, 0, -1))}


class Wire(Protocol):
    """The pair to the boards."""

    def exchange(self, frame: bytes, baud: int) -> bytes:
        """Send, and return everything heard until the wire is quiet; empty when nobody answers."""

    def rest(self, duration_ms: int) -> None:
        """Let time pass: a lock springs, a door moves."""


@dataclass(frozen=True)
class FoundBoard:
    kind: str
    address: int
    inputs: int

    @property
    def baud(self) -> int:
        return KINDS[self.kind].baud or BAUD_OF_MODBUS


@dataclass(frozen=True)
class FoundDoor:
    """``number`` as the person said; ``reed`` in the order that the board has with ``is_reversed``."""

    number: str
    lock: int
    reed: int
    closed_level: int


@dataclass(frozen=True)
class Learned:
    board: FoundBoard
    is_reversed: bool
    doors: tuple[FoundDoor, ...]


def find_boards(wire: Wire, addresses_max: int = 32) -> Iterator[FoundBoard]:
    """Every board that answers at an address up to ``addresses_max``."""
    for kind, known in KINDS.items():
        low, high = known.addresses
        for address in range(low, min(high, addresses_max) + 1):
            found = _find(wire, kind, address)
            if found is not None:
                yield found


def _find(wire: Wire, kind: str, address: int) -> FoundBoard | None:
    """The board at one address, with as many inputs as it owns up to."""
    counts = _INPUT_COUNTS.get(kind, (KINDS[kind].inputs,))
    if kind == "winnsen":  # asked for one lock at a time
        first = FoundBoard(kind, address, 1)
        if _ask(wire, first, _probe(first), 0) is None:
            return None
    for inputs in counts:
        board = FoundBoard(kind, address, inputs)
        number = inputs - 1 if kind == "winnsen" else 0
        codec = _probe(board)
        if _ask(wire, board, codec, number) is not None:
            return board
    return None


def _probe(board: FoundBoard, is_reversed: bool = False) -> Any:
    return _codec(board.kind, board.address, KINDS[board.kind].locks, board.inputs, PULSE_MS, is_reversed)


def _ask(wire: Wire, board: FoundBoard, codec: Any, number: int) -> bytes | None:
    """One request; the bytes of a good reply, None when none came."""
    out = bytearray(32)
    heard = wire.exchange(bytes(out[: codec.request(number, out)]), board.baud)
    return heard if codec.reply(number, heard, len(heard), bytearray(8)) else None


def _state(wire: Wire, board: FoundBoard) -> tuple[list[int], list[int]]:
    """The inputs, read in both orders of the bytes; ``OSError`` when the board falls silent."""
    codecs = [_probe(board), _probe(board, is_reversed=True)]
    maps = [bytearray(8), bytearray(8)]
    for number in range(codecs[0].polls):
        for _ in range(_TRIES):
            heard = _ask(wire, board, codecs[0], number)
            if heard is not None:
                break
        else:
            raise OSError(f"{board.kind} at address {board.address} does not answer any more")
        for codec, bits in zip(codecs, maps, strict=True):
            codec.reply(number, heard, len(heard), bits)
    first, second = ([bits[n // 8] >> n % 8 & 1 for n in range(board.inputs)] for bits in maps)
    return first, second


def learn_board(wire: Wire, board: FoundBoard, which_opened: Callable[[FoundBoard, int], str]) -> Learned:
    """Open every lock of a board once.

    ``which_opened(board, channel)`` is asked only when a sensor moved, and returns the number on the
    door.  A channel at which no sensor moves has no door.
    """
    seen: list[tuple[str, int, list[int], list[int], int]] = []
    for channel in range(min(KINDS[board.kind].locks, board.inputs)):
        before = _state(wire, board)
        out = bytearray(32)
        wire.exchange(bytes(out[: _probe(board).open(channel, PULSE_MS, out)]), board.baud)
        wire.rest(2 * PULSE_MS)
        after = _state(wire, board)
        moved = [
            [n for n in range(board.inputs) if old[n] != new[n]]
            for old, new in zip(before, after, strict=True)
        ]
        if moved[0] or moved[1]:
            if len(moved[0]) > 1 and len(moved[1]) > 1:
                raise ValueError(f"lock {channel}: several sensors moved; shut every door that nobody opened")
            level = before[0][moved[0][0]] if moved[0] else before[1][moved[1][0]]
            seen.append((which_opened(board, channel), channel, moved[0], moved[1], level))
    is_reversed = any(straight != [channel] for _, channel, straight, _, _ in seen) and all(
        turned == [channel] for _, channel, _, turned, _ in seen
    )
    doors = tuple(
        FoundDoor(number, channel, (turned if is_reversed else straight)[0], level)
        for number, channel, straight, turned, level in seen
    )
    return Learned(board, is_reversed, doors)
