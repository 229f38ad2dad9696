"""Lock boards on RS-485 for the wizard: the boards that answer, and one board's locks and inputs.

The firmware's own codecs make and read the frames, so every board found can be driven by the firmware.
"""

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from locker.drivers.boards import codec as device_codec

from consigne.cabinet.model import KINDS

from .learned import FoundBoard, Spot

PULSE_MS = 400
REST_MS = 2 * PULSE_MS  # time for pulse, latch, the door on its spring, the bouncing contact
_TRIES = 3
_MODBUS_INPUTS = (4, 64, 48, 32, 24, 16, 12, 8)  # every board has the first; then as many as it reports
_HEAD_8A, _HEAD_WKLY = 4, 9  # bytes of a state reply that are not states


class Wire(Protocol):
    """The pair to the boards.  Both raise ``OSError`` when it cannot be reached any longer."""

    uart: int

    def exchange(self, frame: bytes, baud: int) -> bytes:
        """Send, and return all bytes received until the wire is quiet; empty without an answer."""

    def rest(self, duration_ms: int) -> None:
        """Let time pass, for a latch to open or a door to move."""


class Garbled(ValueError):
    """Something answers at an address, but no codec can read it."""


def find_boards(
    wire: Wire, addresses_max: int, on_step: Callable[[str, int], None], on_garbled: Callable[[str], None]
) -> Iterator[FoundBoard]:
    """Every board that answers at an address up to ``addresses_max``.

    ``on_step(kind, address)`` before each question; ``on_garbled(text)`` when two seem to answer.
    """
    for kind, known in sorted(KINDS.items(), key=lambda item: item[1].baud or 0):
        low, high = known.addresses
        for address in range(low, min(high, addresses_max) + 1):
            on_step(kind, address)
            try:
                found = _find(wire, kind, address)
            except Garbled as error:
                on_garbled(str(error))
                continue
            if found is not None:
                yield found


def _find(wire: Wire, kind: str, address: int) -> FoundBoard | None:
    """The board at one address, with as many inputs as it reports."""
    smallest = {"modbus": _MODBUS_INPUTS[0], "winnsen": 1}.get(kind, KINDS[kind].inputs)
    first = FoundBoard(kind, wire.uart, address, smallest)
    codec = _probe(first)
    for _ in range(_TRIES):
        heard = _heard(wire, first, codec, 0)
        if _is_reply(codec, 0, heard):
            return FoundBoard(kind, wire.uart, address, _inputs(wire, first, codec))
        if not heard:
            return None
    raise Garbled(
        f"a {kind} board at address {address} answers, but nobody can make it out: two boards with one "
        "address? Unplug one of them and set its switches to another"
    )


def _inputs(wire: Wire, first: FoundBoard, codec: Any) -> int:
    """How many inputs a board has, from the length of its answer, or from the first one it refuses."""
    if first.kind == "8a":
        return min(first.inputs, 8 * (int(codec.reply_bytes(0)) - _HEAD_8A))
    if first.kind == "wkly":
        return min(first.inputs, int(codec.reply_bytes(0)) - _HEAD_WKLY)
    if first.kind not in ("winnsen", "modbus"):
        return first.inputs
    is_single = first.kind == "winnsen"  # asked for one lock at a time
    counts = range(KINDS["winnsen"].inputs, 1, -1) if is_single else _MODBUS_INPUTS[1:]
    for inputs in counts:
        board = FoundBoard(first.kind, first.uart, first.address, inputs)
        codec = _probe(board)
        last = inputs - 1 if is_single else 0
        if _is_reply(codec, last, _heard(wire, board, codec, last)):
            return inputs
    return first.inputs


def _probe(board: FoundBoard, is_reversed: bool = False) -> Any:
    return device_codec(
        board.kind, board.address, KINDS[board.kind].locks, board.inputs, PULSE_MS, is_reversed
    )


def _heard(wire: Wire, board: FoundBoard, codec: Any, number: int) -> bytes:
    out = bytearray(32)
    return wire.exchange(bytes(out[: codec.request(number, out)]), board.baud)


def _is_reply(codec: Any, number: int, heard: bytes) -> bool:
    return bool(codec.reply(number, heard, len(heard), bytearray(8)))


class BoardGroup:
    """One lock board (``wizard.Group``); its inputs are read in both possible orders."""

    def __init__(self, wire: Wire, board: FoundBoard) -> None:
        self.board = board
        self.name = f"the {board.kind} board at address {board.address}"
        self._wire = wire
        self._codecs = [_probe(board), _probe(board, is_reversed=True)]

    def locks(self) -> list[Spot]:
        return [(self.board.name, channel) for channel in range(self.board.locks)]

    def levels(self) -> list[dict[Spot, int]]:
        """All inputs, straight and reversed; ``OSError`` when the board does not answer."""
        maps = [bytearray(8), bytearray(8)]
        for number in range(self._codecs[0].polls):
            heard = self._reply(number)
            for codec, bits in zip(self._codecs, maps, strict=True):
                codec.reply(number, heard, len(heard), bits)
        return [
            {(self.board.name, n): bits[n // 8] >> n % 8 & 1 for n in range(self.board.inputs)}
            for bits in maps
        ]

    def _reply(self, number: int) -> bytes:
        for _ in range(_TRIES):
            heard = _heard(self._wire, self.board, self._codecs[0], number)
            if _is_reply(self._codecs[0], number, heard):
                return heard
        raise OSError(f"{self.name} does not answer any more")

    def pulse(self, lock: Spot) -> None:
        """Open one lock, and wait until its door has moved and its coil is off."""
        out = bytearray(32)
        length = self._codecs[0].open(lock[1], PULSE_MS, out)
        self._wire.exchange(bytes(out[:length]), self.board.baud)
        self._wire.rest(REST_MS)
