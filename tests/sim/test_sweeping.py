"""A sweep of the heap costs nobody a key, a card or a code, and comes before the heap is full."""

import random
from pathlib import Path

import pytest
from board_kit import BOARDS, board
from board_kit import cabinet as on_wire
from consigne.sim import reference
from consigne.sim.locker import SimLocker
from consigne.sim.parts.wiegand import card_bits
from driver_rig import CONFIG, VirtualRig
from lab.bench import locker as full

KEY, TOGETHER, SCAN, GARBLED, CARD = 1, 2, 3, 4, 21
SCAN_US = 35_000  # from a finger to what the driver sees of it
SWEEPS_US = (30_000, 100_000)
BUSY_BYTES_PER_S = 20_000  # a sweep is due every few seconds

PANEL = """
from locker.drivers.keypad import MatrixKeypad
from locker.drivers.scanner import line_scanner
from locker.drivers.wiegand import WiegandKeypad
from locker.sweeping import Sweeper

part = config["keypad"]
if part["kind"] == "wiegand":
    keypad = WiegandKeypad(part["d0"], part["d1"], part["bits"], part["gap_ms"], report)
else:
    keypad = MatrixKeypad(part["rows"], part["cols"], part["keys"])
wired = config["scanner"]
scanner = line_scanner(wired["uart"], wired["tx"], wired["rx"], wired["baud"], "cr", report)
sweeper = Sweeper(keypad, (scanner,))


def touched(event):
    sink(event)
    sweeper.behind(True)


async def main():
    asyncio.create_task(keypad.run(touched))
    asyncio.create_task(scanner.run(touched))
    while True:
        sweeper.turn()
        await asyncio.sleep_ms(100)


asyncio.run(main())
"""

# Flash is erased ahead of need every now and then, which stops the chip like a sweep, instead of sweeping.
HOUSE = PANEL.replace(
    "        sweeper.turn()\n        await asyncio.sleep_ms(100)",
    """
        sweeper.beside(gc.collect)
        await asyncio.sleep_ms(1_000)""",
).replace("from locker", "import gc\nfrom locker", 1)
STANDSTILLS = pytest.mark.parametrize("program", [PANEL, HOUSE], ids=["sweep", "erase"])


def rig_with(
    tmp_path: Path, sweep_us: int, bits: int = 4, wiegand: bool = True, baud: int = 9600, program: str = PANEL
) -> VirtualRig:
    config = {
        **CONFIG,
        "scanner": {"kind": "line", "uart": 2, "tx": 17, "rx": 16, "baud": baud, "terminator": "\r"},
    }
    if wiegand:
        config["keypad"] = {"kind": "wiegand", "d0": 26, "d1": 27, "bits": bits, "gap_ms": 40}
    rig = VirtualRig(tmp_path, program, config)
    rig.ground.heap.sweep_us = sweep_us
    rig.ground.heap.bytes_per_s = BUSY_BYTES_PER_S
    rig.run(1_000)
    return rig


def begun_within(rig: VirtualRig, from_us: int, to_us: int) -> list[int]:
    return [at_us for at_us in rig.ground.heap.sweeps if from_us < at_us <= to_us]


@STANDSTILLS
@pytest.mark.parametrize("sweep_us", SWEEPS_US)
@pytest.mark.parametrize("interval_us", [1_000, 2_000])
@pytest.mark.parametrize("bits", [26, 34, 37])
def test_no_sweep_begins_within_a_card_and_each_card_shown_beside_one_is_read(
    tmp_path: Path, bits: int, interval_us: int, sweep_us: int, program: str
) -> None:
    rig = rig_with(tmp_path, sweep_us, program=program)
    rig.cabinet.keypad.interval_us = interval_us
    draw = random.Random(bits * interval_us)
    read = 0
    for number in range(60):
        rig.run(draw.uniform(300, 2_600))
        first_us = rig.board.clock.now_us()
        last_us = first_us + (bits - 1) * interval_us
        rig.cabinet.keypad.raw(card_bits(bits, 200, number))
        under_way = [at_us for at_us in rig.ground.heap.sweeps if at_us <= first_us < at_us + sweep_us]
        rig.run(200 + sweep_us / 1_000)
        assert not begun_within(rig, first_us, last_us)
        if not under_way:
            assert rig.taken() == [[CARD, f"W{bits}:200:{number}"]]
            read += 1
        rig.taken()
    assert read > 40
    assert len(rig.ground.heap.sweeps) > 25


@STANDSTILLS
@pytest.mark.parametrize("sweep_us", SWEEPS_US)
@pytest.mark.parametrize("interval_us", [1_000, 2_000])
@pytest.mark.parametrize("bits", [26, 34, 37])
def test_a_card_shown_in_the_middle_of_a_sweep_is_refused_never_read_as_another_and_read_the_next_time(
    tmp_path: Path, bits: int, interval_us: int, sweep_us: int, program: str
) -> None:
    rig = rig_with(tmp_path, sweep_us, program=program)
    rig.cabinet.keypad.interval_us = interval_us
    sweeps = rig.ground.heap.sweeps
    refused = 0
    for before_ms in range(1, sweep_us // 1_000, 2 if sweep_us < 50_000 else 6):
        seen = len(sweeps)
        rig.run_until(lambda seen=seen: len(sweeps) > seen)
        rig.run(before_ms)
        number = before_ms * 97
        rig.cabinet.keypad.raw(card_bits(bits, 173, number))
        rig.run(2_500)
        events = rig.taken()
        assert events in ([[GARBLED]], [[TOGETHER]], [[CARD, f"W{bits}:173:{number}"]]), before_ms
        refused += events[0][0] != CARD
        if begun := [at_us for at_us in sweeps if at_us > rig.board.clock.now_us() - 400_000]:
            rig.run(400 + (begun[-1] - rig.board.clock.now_us()) / 1_000)
        rig.cabinet.keypad.raw(card_bits(bits, 173, number))
        rig.run(300)
        assert rig.taken() == [[CARD, f"W{bits}:173:{number}"]], before_ms
    assert refused


@pytest.mark.parametrize("sweep_us", SWEEPS_US)
@pytest.mark.parametrize("kind", ["matrix", "wiegand 4", "wiegand 8"])
def test_codes_typed_fast_arrive_whole_while_the_heap_fills_up_again_and_again(
    tmp_path: Path, kind: str, sweep_us: int
) -> None:
    rig = rig_with(tmp_path, sweep_us, int(kind[-1]) if kind[-1].isdigit() else 4, kind != "matrix")
    rig.ground.heap.bytes_per_s, rig.ground.heap.bytes_per_interrupt = 10_000, 40
    draw = random.Random(sweep_us)
    whole = 0
    for _ in range(40):
        rig.run(draw.uniform(500, 1_500))
        pressed_us = rig.board.clock.now_us()
        code = "".join(draw.choices("0123456789", k=8)) + "#"
        length_us = rig.cabinet.keypad.type(code, keys_per_s=8)
        rig.run(length_us / 1_000 + 200)
        events = rig.taken()
        # Shut out only who presses the first keys in the very milliseconds of a sweep.
        if not begun_within(rig, pressed_us - sweep_us, pressed_us + SCAN_US):
            assert events == [[KEY, key] for key in code]
            assert not begun_within(rig, pressed_us, pressed_us + length_us)
            whole += 1
        else:
            assert events[-7:] == [[KEY, key] for key in code[2:]]
    assert whole > 30
    assert len(rig.ground.heap.sweeps) > 10
    assert not rig.ground.heap.overrun


@pytest.mark.parametrize("kind", ["matrix", "wiegand 4", "wiegand 8"])
def test_who_never_stops_typing_neither_fills_the_heap_nor_loses_a_key(tmp_path: Path, kind: str) -> None:
    rig = rig_with(tmp_path, SWEEPS_US[0], int(kind[-1]) if kind[-1].isdigit() else 4, kind != "matrix")
    rig.ground.heap.bytes_per_s, rig.ground.heap.bytes_per_interrupt = 10_000, 60 if kind == "matrix" else 700
    keys = "".join(random.Random(1).choices("0123456789", k=500))
    length_us = rig.cabinet.keypad.type(keys, keys_per_s=8)
    rig.run(length_us / 1_000 + 300)
    assert "".join(event[1] for event in rig.taken() if event[0] == KEY) == keys
    assert len(rig.ground.heap.sweeps) > 10
    assert not rig.ground.heap.overrun


@pytest.mark.parametrize("baud", [9_600, 115_200])
@pytest.mark.parametrize("sweep_us", SWEEPS_US)
def test_scanned_codes_as_long_as_they_may_be_arrive_whole_beside_sweeps(
    tmp_path: Path, sweep_us: int, baud: int
) -> None:
    rig = rig_with(tmp_path, sweep_us, baud=baud)
    draw = random.Random(baud + sweep_us)
    for _ in range(40):
        rig.run(draw.uniform(200, 2_600))
        text = "".join(draw.choices("ABCDEFGH0123456789", k=draw.choice((1, 20, 256))))
        rig.cabinet.scanner.show(text)
        rig.run(800)
        assert rig.taken() == [[SCAN, text]]
        rig.run(2_500)
    assert len(rig.ground.heap.sweeps) > 40


WIRE = BOARDS.replace(
    "async def main():",
    """
class Still:
    def is_receiving(self):
        return False

    def standstill(self, is_over):
        pass


from locker.sweeping import Sweeper

sweeper = Sweeper(Still(), (), made.buses)
exchanging = [0]


def noted(collect=sweeper.sweep):
    exchanging[0] += any(bus.is_receiving() for bus in made.buses)
    sink(("swept", exchanging[0]))
    collect()


sweeper.sweep = noted
for bus in made.buses:
    bus.between = sweeper.turn


async def turns():
    while True:
        sweeper.turn()
        await asyncio.sleep_ms(7)


async def main():
    asyncio.create_task(turns())""",
)


@pytest.mark.parametrize("boards", [1, 3])
def test_no_sweep_falls_within_an_exchange_with_a_lock_board_and_none_is_lost(
    tmp_path: Path, boards: int
) -> None:
    """The boards are asked round and round: a sweep comes between two questions."""
    kinds = ("8a", "winnsen", "wkly")[:boards]
    rig = VirtualRig(tmp_path, WIRE, on_wire(*[board(kind) for kind in kinds]))
    rig.ground.heap.sweep_us = SWEEPS_US[1]
    rig.ground.heap.bytes_per_s = BUSY_BYTES_PER_S
    rig.run(60_000)
    events = rig.taken()
    swept = [event[1] for event in events if event[0] == "swept"]
    assert len(swept) > 10 and swept[-1] == 0
    assert not [event for event in events if event[0] == "report"], "a board did not answer, or garbled"


QUEUE = """
import gc
from machine import Pin

count = [0]


def edge(pin):
    count[0] += 1


pin = Pin(4, Pin.IN)
pin.irq(edge, Pin.IRQ_RISING)


async def main():
    await asyncio.sleep_ms(50)
    gc.collect()
    await asyncio.sleep_ms(50)
    sink(("counted", count[0]))
    await asyncio.sleep(60)


asyncio.run(main())
"""


@pytest.mark.parametrize(("edges", "kept"), [(3, 3), (8, 8), (20, 8)])
def test_the_simulated_interpreter_keeps_as_many_interrupts_through_a_sweep_as_an_esp32(
    tmp_path: Path, edges: int, kept: int
) -> None:
    rig = VirtualRig(tmp_path, QUEUE)
    rig.ground.heap.sweep_us = 100_000
    for number in range(edges):
        for level in (1, 0):
            rig.clock.call_in(70_000 + 2_000 * number - 1_000 * level, rig.board.pin(4).drive, "test", level)
    rig.run(400)
    assert rig.taken() == [["counted", kept]]


BABBLING = """
from locker.sweeping import Sweeper


class Part:
    def __init__(self, receives):
        self.receives = receives

    def is_receiving(self):
        return self.receives

    def standstill(self, is_over):
        pass


async def main():
    sweeper = Sweeper(Part(False), (), (Part(True),))
    while True:
        sweeper.turn()
        await asyncio.sleep_ms(100)


asyncio.run(main())
"""


def test_a_wire_on_which_something_is_always_heard_holds_a_sweep_up_for_ten_seconds_at_most(
    tmp_path: Path,
) -> None:
    rig = VirtualRig(tmp_path, BABBLING)
    rig.ground.heap.sweep_us = SWEEPS_US[0]
    rig.ground.heap.bytes_per_s = BUSY_BYTES_PER_S
    rig.run(60_000)
    later_us = rig.ground.heap.sweeps[2:]  # two measure how long one takes
    assert 3 <= len(later_us) <= 6


@pytest.mark.parametrize("sweep_us", [5_000, *SWEEPS_US])
def test_no_sweep_falls_between_the_last_key_and_the_relay(tmp_path: Path, sweep_us: int) -> None:
    identity = reference.identity()
    full.fill_journal(tmp_path / "journal.bin", bytes.fromhex(identity["device_key"]))
    sim = SimLocker(full.config(), identity, tmp_path, "virtual")
    heap = sim.ground.heap
    heap.sweep_us, heap.bytes_per_s = sweep_us, BUSY_BYTES_PER_S
    try:
        full.await_ready(sim)
        begun = len(heap.sweeps)
        for door in range(8):
            _, rest_us, relay_us = full.pick_up(sim, door)
            assert not [at_us for at_us in heap.sweeps if rest_us - 20_000 < at_us < relay_us]
            assert relay_us - rest_us < 25_000
        assert len(heap.sweeps) > begun + 6
        assert not heap.overrun
    finally:
        sim.stop()
