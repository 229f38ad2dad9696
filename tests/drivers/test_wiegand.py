"""The Wiegand keypad: no key lost, none invented, a card read whole or refused."""

import random

import pytest
from consigne.sim.board.flash import NorFlash
from consigne.sim.parts.wiegand import CODES, card_bits, key_bits
from driver_rig import CONFIG, MicroPythonRig, VirtualRig

KEY, TOGETHER, GARBLED, CARD = 1, 2, 4, 21
KEYS = "0123456789*#"

KEYPAD = """
from locker.drivers.wiegand import WiegandKeypad

part = config["keypad"]
keypad = WiegandKeypad(part["d0"], part["d1"], part["bits"], part["gap_ms"], report)


async def stall():
    while True:
        await asyncio.sleep_ms(1)
        for at_ms, length_ms in config.get("stalls", ()):
            if at_ms <= time.ticks_diff(time.ticks_ms(), started_ms) < at_ms + 2:
                time.sleep_ms(length_ms)


import time

started_ms = time.ticks_ms()


async def main():
    asyncio.create_task(stall())
    await keypad.run(sink)


asyncio.run(main())
"""


def rig_with(tmp_path, bits=4, seed=1, **more):
    part = {"kind": "wiegand", "d0": 26, "d1": 27, "bits": bits, "gap_ms": 40}
    rig = VirtualRig(tmp_path, KEYPAD, {**CONFIG, "keypad": part, **more}, seed)
    rig.run(50)
    return rig


@pytest.fixture
def rig(tmp_path):
    return rig_with(tmp_path)


def typed(rig):
    return "".join(event[1] for event in rig.taken() if event[0] == KEY)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bits", [4, 8])
def test_no_key_is_lost_or_doubled_at_15_a_second(tmp_path, bits, seed):
    rig = rig_with(tmp_path, bits, seed)
    keys = "".join(random.Random(seed).choices(KEYS, k=200)) + "1111#00000*"
    length_us = rig.cabinet.keypad.type(keys, keys_per_s=15)
    rig.run(length_us / 1000 + 200)
    assert rig.events_seen() == [[KEY, key] for key in keys]


@pytest.mark.parametrize("interval_us", [200, 1_000, 2_000, 5_000])
def test_bits_may_follow_one_another_as_fast_and_as_slowly_as_keypads_send_them(tmp_path, interval_us):
    rig = rig_with(tmp_path)
    rig.cabinet.keypad.interval_us = interval_us
    length_us = rig.cabinet.keypad.type(KEYS * 3, keys_per_s=10)
    rig.run(length_us / 1000 + 200)
    assert typed(rig) == KEYS * 3


def test_a_key_is_told_40_ms_after_its_last_bit(rig):
    for key in KEYS:
        rig.cabinet.keypad.press(key)
        rig.run(200)
        ((told_ms, event),) = rig.events
        rig.events.clear()
        assert event == [KEY, key]
        assert 40 <= told_ms - rig.cabinet.keypad.settled_us[key] / 1000 <= 43


@pytest.mark.parametrize(("bits", "facility", "number"), [
    (26, 12, 34567), (26, 0, 0), (26, 255, 65535), (34, 0, 1), (34, 4711, 815), (34, 65535, 65535),
    (37, 0, 524287), (37, 513, 99), (37, 65535, 0),
])  # fmt: skip
def test_a_card_is_told_by_facility_and_number(rig, bits, facility, number):
    rig.cabinet.keypad.present(bits, facility, number)
    rig.run(300)
    assert rig.taken() == [[CARD, f"W{bits}:{facility}:{number}"]]


@pytest.mark.parametrize("bits", [26, 34, 37])
def test_a_card_with_any_bit_turned_or_lost_is_refused(rig, bits):
    frame = card_bits(bits, 173, 21845)
    for at in range(bits):
        turned = frame[:at] + "10"[int(frame[at])] + frame[at + 1 :]
        for broken in (turned, frame[:at] + frame[at + 1 :]):
            rig.cabinet.keypad.raw(broken)
            rig.run(2300)
            assert rig.taken() == [[GARBLED]], (at, broken)


def test_a_key_of_8_bits_with_any_bit_turned_lost_or_added_is_refused(tmp_path):
    rig = rig_with(tmp_path, bits=8)
    for key in "07#":
        frame = key_bits(key, 8)
        for at in range(8):
            turned = frame[:at] + "10"[int(frame[at])] + frame[at + 1 :]
            for broken in (turned, frame[:at] + frame[at + 1 :], frame[:at] + "0" + frame[at:]):
                rig.cabinet.keypad.raw(broken)
                rig.run(2300)
                assert rig.taken() == [[TOGETHER]], (key, at, broken)


@pytest.mark.parametrize("seed", range(4))
def test_lost_bits_never_make_another_key_of_8_bits(tmp_path, seed):
    rig = rig_with(tmp_path, bits=8, seed=seed)
    rig.cabinet.keypad.lose = 0.05
    keys = "".join(random.Random(seed).choices(KEYS, k=60))
    told = []
    for key in keys:
        rig.cabinet.keypad.press(key)
        rig.run(2300)
        told.append(rig.taken())
    for key, events in zip(keys, told, strict=True):
        assert events in ([[KEY, key]], [[TOGETHER]]), (key, events)
    assert [[TOGETHER]] in told


def test_a_spike_alone_is_nothing_and_a_spark_on_both_lines_is_told_once(rig):
    for line in (0, 1):
        rig.cabinet.keypad.spike(line)
        rig.run(100)
    assert rig.taken() == []
    for _ in range(5):
        rig.cabinet.keypad.both()
        rig.run(300)
    assert rig.taken() == [[TOGETHER]]


def test_a_spark_in_the_middle_of_a_key_spoils_it_and_the_next_one_counts(rig):
    rig.cabinet.keypad.press("5")
    rig.run(15)
    rig.cabinet.keypad.both()
    rig.run(200)
    rig.cabinet.keypad.press("7")
    rig.run(200)
    assert rig.taken() == [[TOGETHER], [KEY, "7"]]


def test_two_keys_whose_frames_follow_without_a_gap_are_two(rig):
    rig.cabinet.keypad.pause_us = 0
    rig.cabinet.keypad.down("4")
    rig.cabinet.keypad.down("2")
    rig.run(300)
    assert typed(rig) == "42"


def test_a_held_key_that_repeats_floods_nobody(rig):
    rig.cabinet.keypad.repeat_us = 100_000
    rig.cabinet.keypad.down("5")
    rig.run(30_000)
    events = rig.taken()
    assert events[:16] == [[KEY, "5"]] * 16
    assert events[16:] == [[TOGETHER]]
    rig.cabinet.keypad.up("5")
    rig.run(500)
    rig.cabinet.keypad.press("5")
    rig.run(200)
    assert rig.taken() == [[KEY, "5"]]


@pytest.mark.parametrize("line", [0, 1])
def test_a_line_that_is_held_low_is_told_once_and_its_freedom_once(rig, line):
    rig.cabinet.keypad.stick(line)
    rig.run(30_000)
    told = [event for event in rig.taken() if event[0] == "report"]
    assert told == [["report", f"keypad line D{line} is low: check its cable"]]
    rig.cabinet.keypad.stick(line, False)
    rig.run(10_000)
    assert rig.taken() == [["report", f"keypad line D{line} is free again"]]
    rig.cabinet.keypad.press("3")
    rig.run(200)
    assert rig.taken() == [[KEY, "3"]]


def test_noise_by_the_thousand_ends_and_the_next_key_counts(rig):
    generator = random.Random(7)
    for _ in range(3000):
        rig.cabinet.keypad.spike(generator.getrandbits(1))
        rig.run(generator.choice((0.1, 0.3, 1)))
    rig.run(2500)
    assert rig.taken() == [[GARBLED]]
    rig.cabinet.keypad.press("9")
    rig.run(200)
    assert rig.taken() == [[KEY, "9"]]


@pytest.mark.parametrize("length_ms", [10, 30, 70])
def test_a_standstill_between_two_keys_loses_none(tmp_path, length_ms):
    """Something else holds the processor while the second key is sent; its bits wait for it."""
    rig = rig_with(tmp_path, stalls=[[90, length_ms]])
    rig.board.clock.call_in(20_000, rig.cabinet.keypad.press, "1")
    rig.board.clock.call_in(90_000, rig.cabinet.keypad.press, "2")
    rig.run(600)
    assert typed(rig) == "12"


def test_every_key_has_one_code_and_there_are_no_others(rig):
    for value in range(16):
        rig.cabinet.keypad.raw(f"{value:04b}")
        rig.run(2300)
        key = {code: key for key, code in CODES.items()}.get(value)
        assert rig.taken() == ([[KEY, key]] if key else [[TOGETHER]])


def test_a_keypad_without_power_says_nothing(rig):
    rig.cabinet.keypad.power_off()
    rig.board.powered = False
    rig.cabinet.keypad.down("5")
    rig.board.powered = True
    rig.run(500)
    assert rig.taken() == []


HANDLERS = """
import micropython

from locker.drivers.wiegand import WiegandKeypad

keypad = WiegandKeypad(26, 27, 8, 40, report)
turns = range(200)
micropython.heap_lock()
for _ in turns:
    keypad._on_zero(None)
    keypad._on_one(None)
micropython.heap_unlock()
print("kept", keypad._put, keypad._spilled)
asyncio.run(asyncio.sleep_ms(10_000))
"""


@pytest.mark.waits
def test_on_the_devices_interpreter_the_interrupt_handlers_allocate_nothing(tmp_path):
    """With the heap locked an allocation raises; a ring that is full says so and takes no more."""
    with MicroPythonRig(tmp_path, HANDLERS) as rig:
        rig.wait_for(lambda: any(line.startswith("kept") for line in rig.prints))
        assert [line for line in rig.prints if line.startswith("kept")] == ["kept 127 True"]


WAITING = """
import micropython
from locker.drivers.wiegand import WiegandKeypad

part = config["keypad"]
keypad = WiegandKeypad(part["d0"], part["d1"], part["bits"], part["gap_ms"], report)
edges = [keypad._on_one if bit == "1" else keypad._on_zero for bit in config["bits"]]
edges.reverse()


def edge(waiting):
    edges.pop()(None)
    if waiting:  # the interpreter runs one of those that wait at each jump, as it does here
        micropython.schedule(edge, waiting - 1)


keypad.standstill(False)
micropython.schedule(edge, 7)
keypad.standstill(True)
while edges:
    edge(0)
asyncio.run(keypad.run(sink))
"""


@pytest.mark.waits
def test_on_the_devices_interpreter_a_card_that_lost_its_middle_in_a_standstill_is_not_read_as_a_shorter_one(
    tmp_path,
):
    """Of the 34 bits of a card 8 were kept and 8 lost: what is left has the length and parity of another."""
    left = "".join(str(bit) for bit in card_bits(26, 17, 4711))
    part = {"kind": "wiegand", "d0": 26, "d1": 27, "bits": 4, "gap_ms": 40}
    with MicroPythonRig(tmp_path, WAITING, {**CONFIG, "keypad": part, "bits": left}) as rig:
        rig.wait_for(lambda: bool(rig.events_seen()))
        assert rig.events_seen() == [[GARBLED]]


ERASING = """
from esp32 import Partition
from locker.drivers.wiegand import WiegandKeypad

part = config["keypad"]
keypad = WiegandKeypad(part["d0"], part["d1"], part["bits"], part["gap_ms"], report)
flash = Partition.find(Partition.TYPE_DATA, label="journal")[0]


async def main():
    asyncio.create_task(keypad.run(sink))
    await asyncio.sleep_ms(100)
    flash.ioctl(6, 0)
    print("kept", keypad._put)
    await asyncio.sleep_ms(10_000)


asyncio.run(main())
"""


def test_while_flash_is_erased_as_many_bits_wait_as_a_chip_keeps(tmp_path):
    """The interpreter is within the port's C code: a handler runs when that has returned."""
    part = {"kind": "wiegand", "d0": 26, "d1": 27, "bits": 4, "gap_ms": 40}
    rig = VirtualRig(tmp_path, ERASING, {**CONFIG, "keypad": part})
    rig.board.flash["journal"] = NorFlash(64 * 1024)
    rig.board.clock.call_in(105_000, rig.cabinet.keypad.raw, card_bits(34, 17, 4711))
    rig.run(1_000)
    assert rig.prints == ["kept 8"]
