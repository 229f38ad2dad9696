"""What lock boards say on the wire, byte for byte: only a whole reply of this very board is taken for one."""

from locker.drivers.boards import codec
from locker.drivers.rs485board import Board

# kind -> (address, request for everything or for lock 0, command that opens the first lock, a reply, its
# inputs from channel 0 on).  Frames of makers' documents, checks worked out by hand.
FRAMES = {
    "8a": (1, "80 01 00 33 B2", "8A 01 01 11 9B", "80 01 05 00 80 33 37", (1, 0, 1, 0, 0, 0, 0, 0)),
    "cu48": (0, "02 00 00 50 03 55", "02 00 00 51 03 56", "02 00 00 65 05 00 00 00 00 80 03 EF", (1, 0, 1)),
    "cu16": (0, "02 00 30 03 35", "02 00 31 03 36", "02 00 35 05 80 00 00 03 BF", (1, 0, 1)),
    "winnsen": (2, "90 06 12 02 01 03", "90 06 05 02 01 03", "90 07 92 02 01 01 03", (1,)),
    "wkly": (
        0,
        "57 4B 4C 59 08 00 84 85",
        "57 4B 4C 59 09 00 82 01 83",
        "57 4B 4C 59 0C 00 84 03 01 00 01 82",
        (1, 0, 1),
    ),
    "modbus": (1, "01 02 00 00 00 08 79 CC", "01 05 02 00 00 07 8D B0", "01 02 01 05 61 8B", (1, 0, 1)),
}
INPUTS = {"8a": 24, "cu48": 48, "cu16": 16, "winnsen": 24, "wkly": 3, "modbus": 8}
LOCKS = {"8a": 24, "cu48": 48, "cu16": 16, "winnsen": 24, "wkly": 24, "modbus": 8}


def made(kind, address=None, coil_ms=1000, is_reversed=False):
    return codec(
        kind, FRAMES[kind][0] if address is None else address, LOCKS[kind], INPUTS[kind], coil_ms, is_reversed
    )


def frame(text):
    return bytes(int(byte, 16) for byte in text.split())


def heard(board, data, bits=None):
    """Where the reply in ``data`` ends, 0 when there is none; in a buffer as long as the driver's."""
    buffer = bytearray(160)
    buffer[: len(data)] = data
    return board.reply(0, buffer, len(data), bytearray(6) if bits is None else bits)


def first(bits, count):
    return tuple(bits[channel >> 3] >> (channel & 7) & 1 for channel in range(count))


def test_requests_and_commands_are_those_of_the_makers():
    out = bytearray(16)
    for kind, (_, request, command, _, _) in FRAMES.items():
        board = made(kind)
        assert bytes(out[: board.request(0, out)]) == frame(request), kind
        assert bytes(out[: board.open(0, 700, out)]) == frame(command), kind


def test_a_reply_is_read_wherever_it_lies_in_what_was_heard():
    for kind, (_, _, _, reply, wanted) in FRAMES.items():
        for before in (b"", b"\x00", frame(reply)[:-1], b"\xff\x57\x80\x02\x90"):
            bits = bytearray(6)
            data = before + frame(reply)
            assert heard(made(kind), data, bits) == len(data), (kind, before)
            assert first(bits, len(wanted)) == wanted, (kind, before)
            assert heard(made(kind), data + b"\x90\x80\x02") == len(data), kind


def test_a_reply_of_which_one_bit_is_wrong_is_none():
    for kind, (_, _, _, reply, _) in FRAMES.items():
        whole = frame(reply)
        for at in range(len(whole)):
            for bit in range(8):
                if kind == "winnsen" and (at, bit) == (5, 0):
                    continue  # the state itself, and no checksum: two replies must say so, see below
                wrong = bytearray(whole)
                wrong[at] ^= 1 << bit
                assert heard(made(kind), wrong) == 0, (kind, at, bit)


def test_a_reply_that_was_cut_off_is_none():
    for kind, (_, _, _, reply, _) in FRAMES.items():
        whole = frame(reply)
        for length in range(len(whole)):
            assert heard(made(kind), whole[:length]) == 0, (kind, length)
        for start in range(1, len(whole)):
            assert heard(made(kind), whole[start:]) == 0, (kind, start)


def test_what_another_board_answers_is_not_mine():
    for kind, (address, _, _, reply, _) in FRAMES.items():
        assert heard(made(kind, address + 1), frame(reply)) == 0, kind


def test_the_echo_of_any_request_or_command_is_no_reply():
    out = bytearray(16)
    for kind in FRAMES:
        board = made(kind)
        for echo in (board.request(0, out), board.open(2, 700, out), board.all_off(out)):
            assert heard(made(kind), bytes(out[:echo])) == 0, kind


def test_the_answer_for_another_lock_is_not_for_this_one():
    board = made("winnsen")
    whole = frame(FRAMES["winnsen"][3])
    bits = bytearray(6)
    assert board.reply(1, whole, len(whole), bits) == 0 and not any(bits)


def test_no_command_opens_all_locks_or_one_that_is_not_there():
    out = bytearray(16)
    for kind in FRAMES:
        board = made(kind)
        commands = {bytes(out[: board.open(channel, 700, out)]) for channel in range(LOCKS[kind])}
        assert len(commands) == LOCKS[kind], kind
        for channel in (-1, LOCKS[kind], 0x30, 255):
            try:
                board.open(channel, 700, out)
            except ValueError:
                continue
            raise AssertionError((kind, channel))


def test_a_relay_is_told_the_shortest_of_what_is_asked_what_the_board_may_and_a_second():
    out = bytearray(16)
    for asked_ms, may_ms, told in (
        (700, 1000, 7),
        (700, 400, 4),
        (5000, 1000, 10),
        (5000, 9000, 10),
        (30, 1000, 1),
    ):
        board = made("modbus", coil_ms=may_ms)
        board.open(0, asked_ms, out)
        assert out[4] << 8 | out[5] == told and board.coil_ms(asked_ms) == 100 * told, (asked_ms, may_ms)
    assert made("8a", coil_ms=300).coil_ms(700) == 300  # its own timer, whatever is asked


def test_a_board_that_was_exchanged_for_a_longer_one_is_understood_after_a_miss():
    longer = {
        "8a": frame("80 01 05 00 80 00 00 33 37"),
        "wkly": frame("57 4B 4C 59 0D 00 84 04 01 00 01 01 85"),
    }
    for kind, reply in longer.items():
        board = made(kind)
        assert heard(board, frame(FRAMES[kind][3]))
        assert board.reply_bytes(0) == len(frame(FRAMES[kind][3])), kind
        board.missed()
        assert board.reply_bytes(0) == 0, kind
        assert heard(board, reply) == len(reply), kind
        assert board.reply_bytes(0) == len(reply), kind


def said(board, value):
    """A round of the bus in which the board says this; whether it wants to be asked again."""
    board.begin()
    board.bits[0] = value
    return board.end()


def test_nothing_that_a_board_says_is_believed_before_it_said_it_twice():
    board = Board("8a@1:1", made("8a"), 8)
    assert said(board, 5) and not board.known
    assert said(board, 4) and not board.known
    assert not said(board, 4) and board.known and board.picture[0] == 4
    assert said(board, 6) and board.picture[0] == 4
    assert not said(board, 4) and board.picture[0] == 4
    assert said(board, 6) and not said(board, 6) and board.picture[0] == 6
    board.lose()
    assert said(board, 6) and not board.known
