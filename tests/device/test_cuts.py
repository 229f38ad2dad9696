"""An update may be cut at any byte and at any operation of the flash: a whole application always starts.

A seed in a test's name replays all of its cuts.
"""

import random

import pytest
from consigne.device import plan, push
from consigne.device.errors import DeviceError
from consigne.firmware import application, rom, slots
from consigne.sim.board.flash import DONE, DROPPED, HALF_ERASED, NOT_DONE, TORN
from script_kit import ScriptBoard, Wire, booted

CUTS_AT_BYTES = 100
CUTS_AT_FLASH = 100
AFTERMATHS = (NOT_DONE, DONE, TORN, HALF_ERASED, DROPPED)


def made(files):
    return application.Application(rom.pack(files), {"boot.py": b"boot", "main.py": b"main"})


def versions(rng, count):
    """Applications that follow one another: files change, grow, appear and go."""
    files = {f"locker/part{i}.mpy": rng.randbytes(rng.randrange(40, 2000)) for i in range(6)}
    for _ in range(count):
        for name in rng.sample(sorted(files), 2):
            files[name] = rng.randbytes(rng.randrange(40, 2500))
        if rng.random() < 0.3:
            files[f"locker/new{rng.randrange(99)}.mpy"] = rng.randbytes(rng.randrange(1, 3000))
        if rng.random() < 0.3 and len(files) > 5:
            del files[rng.choice(sorted(files))]
        yield made(files)


def running(board):
    """The image that the next start runs, by ``boot.py``; also as the host's half sees it."""
    slot, generation = booted(board)
    assert slot >= 0, "no whole application is left"
    found = slots.newest(board.slots())
    assert found is not None and (found[0], found[1].generation) == (slot, generation)
    data = board.slots()[slot]
    return data[slots.SEAL_BYTES : slots.SEAL_BYTES + found[1].length]


def ends_well(board, before, application_):
    """After a cut: what ran or what was to run starts; and the same command again ends well."""
    board.power_on()
    assert running(board) in (before, application_.image)
    push.push(board, application_)
    board.power_on()
    assert running(board) == application_.image


def rehearsed(board, application_):
    """A whole push onto a copy of this board: how many bytes it sends, how many flash operations it takes."""
    copy = ScriptBoard()
    copy.flash.data[:] = board.flash.data
    copy.files = dict(board.files)
    push.push(copy, application_)
    return copy.wire.sent, copy.flash.operations


@pytest.mark.parametrize("seed", [1, 2])
def test_an_update_cut_at_any_byte_leaves_a_locker_that_starts(seed):
    rng = random.Random(seed)
    board = ScriptBoard()
    before, *later = versions(rng, CUTS_AT_BYTES // 2 + 1)
    push.push(board, before)
    board.power_on()
    for wanted in later:
        board.wire.cut_at = rng.randrange(rehearsed(board, wanted)[0])
        with pytest.raises(DeviceError, match="same command again"):
            push.push(board, wanted)
        ends_well(board, before.image, wanted)
        before = wanted


@pytest.mark.parametrize("seed", [3, 4])
def test_power_cut_at_any_operation_of_the_flash_leaves_a_locker_that_starts(seed):
    rng = random.Random(seed)
    board = ScriptBoard()
    before, *later = versions(rng, CUTS_AT_FLASH // 2 + 1)
    push.push(board, before)
    board.power_on()
    for wanted in later:
        operation = rng.randrange(rehearsed(board, wanted)[1])
        board.flash.cut(operation, rng.choice(AFTERMATHS), rng.randrange(256))
        with pytest.raises(DeviceError, match="same command again"):
            push.push(board, wanted)
        ends_well(board, before.image, wanted)
        before = wanted


def test_the_first_application_cut_at_any_operation_is_whole_or_not_there():
    rng = random.Random(3)
    wanted = next(versions(rng, 1))
    for operation in range(0, rehearsed(ScriptBoard(), wanted)[1], 3):
        board = ScriptBoard()
        board.flash.cut(operation, rng.choice(AFTERMATHS), rng.randrange(256))
        with pytest.raises(DeviceError):
            push.push(board, wanted)
        board.power_on()
        started = booted(board)
        assert started in ((-1, 0), (0, 1))
        assert started == (-1, 0) or running(board) == wanted.image
        push.push(board, wanted)
        board.power_on()
        assert running(board) == wanted.image


def test_an_update_that_broke_off_goes_on_behind_what_is_right_already():
    rng = random.Random(4)
    first = next(versions(rng, 1))
    board = ScriptBoard()
    push.push(board, first)
    board.power_on()
    everything = made({f"locker/part{i}.mpy": rng.randbytes(4000) for i in range(30)})
    total = push.push(board, everything).sent_bytes
    board = ScriptBoard()
    push.push(board, first)
    board.power_on()
    board.wire.cut_at = total // 2
    with pytest.raises(DeviceError):
        push.push(board, everything)
    board.power_on()
    assert push.push(board, everything).sent_bytes < 0.6 * total


@pytest.mark.parametrize("seed", [6, 7])
def test_pushes_without_a_start_between_them_never_write_what_runs(seed):
    """A push given again before the board has started: the last one that ran stays until a newer is whole."""
    rng = random.Random(seed)
    board = ScriptBoard()
    ran, second, third = versions(rng, 3)
    push.push(board, ran)
    board.power_on()
    mounted = board.mounted
    held = board.slots()[mounted]
    push.push(board, second)
    assert running(board) == second.image
    board.wire = Wire()
    board.wire.cut_at = rng.randrange(100, 2000)
    with pytest.raises(DeviceError, match="same command again"):
        push.push(board, third)
    assert board.slots()[mounted] == held
    board.power_on()
    assert running(board) == ran.image
    push.push(board, third)
    for again in (second, ran, third, third):
        board.wire = Wire()
        done = push.push(board, again)
        assert running(board) == again.image and board.slots()[mounted] == held
        assert done.slot != mounted
    board.power_on()
    assert running(board) == third.image and push.push(board, third).sent_bytes == 0


def test_only_what_changed_is_sent():
    rng = random.Random(5)
    files = {f"locker/part{i}.mpy": rng.randbytes(3000) for i in range(40)}
    board = ScriptBoard()
    push.push(board, made(files))
    board.power_on()
    files["locker/part7.mpy"] = rng.randbytes(3100)
    done = push.push(board, made(files))
    assert 3100 < done.sent_bytes < 3100 + 40 * 60
    board.power_on()
    assert push.push(board, made(files)).sent_bytes == 0


def test_a_file_that_grows_a_little_moves_nothing_behind_it():
    rng = random.Random(9)
    files = {f"locker/part{i:02}.mpy": rng.randbytes(3000) for i in range(40)}
    board = ScriptBoard()
    for length in (3000, 3010, 3020, 3030):
        files["locker/part03.mpy"] = rng.randbytes(length)
        done = push.push(board, made(files))
        board.power_on()
    assert done.sectors <= 3  # two that it lies in, and the first, which says how long the folder is


def test_a_slot_with_one_wrong_bit_anywhere_does_not_start():
    rng = random.Random(6)
    first, second = versions(rng, 2)
    board = ScriptBoard()
    push.push(board, first)
    board.power_on()
    slot = push.push(board, second).slot
    board.power_on()
    start = slot * 0x4_0000
    used = slots.SEAL_BYTES + len(second.image)
    sealed = len(slots.seal(second.image, 2).binary())
    for at in [*range(0, sealed, 7), *rng.sample(range(slots.SEAL_BYTES, used), 60)]:
        board.flash.rot(start + at, 1 << rng.randrange(8))
        if at not in range(20, 24):  # bytes 20..21 count files, 22..23 are spare but under the CRC
            assert running(board) == first.image, f"bit at {at} went unnoticed"
        board.flash.overwrite(start, slots.slot_image(second.image, 2))
    assert running(board) == second.image


def test_flash_that_keeps_nothing_is_told_in_a_sentence_and_what_ran_goes_on():
    rng = random.Random(7)
    first, second = versions(rng, 2)
    board = ScriptBoard()
    push.push(board, first)
    board.power_on()
    board.flash.weak = {0x4_0000 // 4096 + 2}
    with pytest.raises(DeviceError, match="sector 2 does not keep what is written; its flash is worn"):
        push.push(board, second)
    board.power_on()
    assert running(board) == first.image


def test_a_plan_puts_together_exactly_the_new_image():
    rng = random.Random(8)
    previous = None
    for wanted in versions(rng, 30):
        old = slots.seal(previous.image, 1) if previous else None
        source = previous.image if previous else b""
        out = bytearray(b"\xff" * (len(plan.sectors_of(wanted.image)) * 4096))
        for step in plan.plan(wanted.image, old, []):
            at = (step.sector - 1) * 4096
            for piece in step.pieces:
                data = piece.data
                if piece.source == plan.ERASED:
                    data = b"\xff" * piece.length
                elif piece.source is not None:
                    data = source[piece.source : piece.source + piece.length]
                out[at : at + piece.length] = data
                at += piece.length
        assert bytes(out[: len(wanted.image)]) == wanted.image
        previous = wanted
