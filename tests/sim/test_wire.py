"""The wire between interpreter and board: however the stream is cut, every message counts once."""

import struct

import pytest
from consigne.sim.board.board import Board
from consigne.sim.board.flash import NorFlash
from consigne.sim.board.gpio import OUT
from consigne.sim.board.wire import ERASE_US, Framing, Port
from consigne.sim.clock import VirtualClock
from consigne.sim.shim import _ops as ops

Pushes = list[tuple[int, int, int]]


def message(op: int, number: int, payload: bytes = b"") -> bytes:
    return struct.pack("<BBH", op, number, len(payload)) + payload


def answer(status: int, payload: bytes = b"") -> bytes:
    return message(status, ops.ANSWER, payload)


@pytest.fixture
def board() -> Board:
    made = Board(VirtualClock())
    made.power_on()
    made.flash["journal"] = NorFlash(8192)
    return made


def connect(board: Board) -> tuple[Port, Framing, Pushes]:
    pushes: Pushes = []
    port = Port(board, lambda op, number, value: pushes.append((op, number, value)))
    return port, Framing(port), pushes


STREAM = (
    message(ops.PIN_SETUP, 13, bytes((OUT, 0, 0)))
    + message(ops.PIN_WRITE, 13, b"\x01")
    + message(ops.PIN_SETUP, 34, bytes((OUT, 0, 0)))
    + message(ops.PIN_WRITE, 13, b"\x00")
    + message(ops.FLASH_WRITE, 0, struct.pack("<IIB", 1, 8, 7) + b"journal" + b"content")
    + message(ops.FLASH_READ, 0, struct.pack("<III", 1, 7, 9) + b"journal")
    + message(ops.PARTITION, 0, b"other")
)
ANSWERS = (
    answer(0)
    + answer(ops.BAD_VALUE, b"pin can only be input")
    + answer(0)
    + answer(0, b"\xffcontent\xff")
    + answer(2)
)


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 1000])
def test_a_stream_cut_anywhere_means_the_same(board: Board, piece: int) -> None:
    edges: list[int] = []
    board.pin(13).on_change(edges.append)
    _, framing, _ = connect(board)
    out = b"".join(framing.feed(STREAM[at : at + piece]) for at in range(0, len(STREAM), piece))
    assert out == ANSWERS
    assert edges == [1, 0]


def test_a_message_the_board_does_not_know_is_told_and_does_not_repeat_what_came_before(board: Board) -> None:
    edges: list[int] = []
    board.pin(13).on_change(edges.append)
    _, framing, _ = connect(board)
    framing.feed(message(ops.PIN_SETUP, 13, bytes((OUT, 0, 0))))
    with pytest.raises(ValueError, match="unknown op 31"):
        framing.feed(message(ops.PIN_WRITE, 13, b"\x01") + message(31, 0))
    framing.feed(message(ops.PIN_WRITE, 13, b"\x00"))
    assert edges == [1, 0]


def test_after_its_end_nothing_an_interpreter_still_said_counts(board: Board) -> None:
    port, framing, _ = connect(board)
    framing.feed(message(ops.PIN_SETUP, 13, bytes((OUT, 0, 0))))
    board.on_reset = lambda cause: setattr(port, "closed", True)
    assert framing.feed(message(ops.RESET, 0) + message(ops.PIN_SETUP, 13, bytes((OUT, 0, 1)))) == b""
    assert board.pin(13).level == 0


def test_levels_are_pushed_stale_once_and_only_after_they_were_asked_for(board: Board) -> None:
    _, framing, pushes = connect(board)
    board.pin(4).drive("world", 1)
    assert pushes == []
    framing.feed(message(ops.LEVELS, 0))
    board.pin(4).drive("world", 0)
    board.pin(4).drive("world", 1)
    assert pushes == [(ops.PUSH_LEVELS, 0, 0)]


def test_only_the_edges_asked_for_are_interrupts(board: Board) -> None:
    _, framing, pushes = connect(board)
    framing.feed(message(ops.PIN_IRQ, 4, bytes((2,))))
    for level in (1, 0, 1):
        board.pin(4).drive("world", level)
    assert pushes == [(ops.PUSH_PIN, 4, 0)]


def test_flash_and_i2c_keep_the_processor_waiting_for_as_long_as_they_take(board: Board) -> None:
    port, framing, _ = connect(board)
    framing.feed(message(ops.FLASH_IOCTL, 6, struct.pack("<I", 0) + b"journal"))
    assert port.busy_us == ERASE_US
    place = struct.pack("<IIB", 0, 0, 7) + b"journal"
    framing.feed(message(ops.FLASH_WRITE, 0, place + bytes(64)))
    assert port.busy_us == pytest.approx(30 + 63 * 2.5, abs=1)
    board.i2c(0).wire(scl=22, sda=21)

    class Sink:
        def write(self, data: bytes) -> bool:
            return True

        def read(self, count: int) -> bytes:
            return bytes(count)

    board.i2c(0).attach(0x20, Sink())
    framing.feed(message(ops.I2C_WRITE, 0x20, struct.pack("<BBH", 22, 21, 400) + bytes(10)))
    assert port.busy_us == 11 * 9 * 1000 // 400
