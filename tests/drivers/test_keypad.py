"""The keypad: no key lost, none invented, ghosts refused."""

import random
import subprocess

import pytest
from consigne import firmware_dir
from consigne.sim.grounds.process import interpreter
from driver_rig import CONFIG, VirtualRig

KEY, TOGETHER = 1, 2
KEYS = CONFIG["keypad"]["keys"]

KEYPAD = """
from locker.drivers.keypad import MatrixKeypad

part = config["keypad"]
keypad = MatrixKeypad(part["rows"], part["cols"], part["keys"], 20)


asyncio.run(keypad.run(sink))
"""


@pytest.fixture
def rig(tmp_path):
    made = VirtualRig(tmp_path, KEYPAD)
    made.run(50)
    return made


def typed(rig):
    return "".join(event[1] for event in rig.taken() if event[0] == KEY)


@pytest.mark.parametrize("seed", range(10))
def test_no_key_is_lost_or_doubled_at_15_a_second_with_bounce_and_noise(tmp_path, seed):
    rig = VirtualRig(tmp_path, KEYPAD, seed=seed)
    rig.run(50)
    rig.cabinet.keypad.noise_per_s = 10
    digits = "".join(random.Random(seed).choices(KEYS, k=200)) + "1111#00000*"
    length_us = rig.cabinet.keypad.type(digits, keys_per_s=15)
    rig.run(length_us / 1000 + 100)
    assert rig.events_seen() == [[KEY, key] for key in digits]


@pytest.mark.parametrize("seed", range(5))
def test_one_key_hammered_15_times_a_second_counts_every_time(tmp_path, seed):
    """Down for three quarters of the time: less than the debounce time lies between two presses."""
    rig = VirtualRig(tmp_path, KEYPAD, seed=seed)
    rig.run(50)
    length_us = rig.cabinet.keypad.type("5" * 100, keys_per_s=15, hold_share=0.75)
    rig.run(length_us / 1000 + 100)
    assert typed(rig) == "5" * 100


def test_a_press_is_told_when_it_has_debounced_not_when_it_ends(rig):
    for key in KEYS:
        rig.cabinet.keypad.down(key)
        waited_ms = rig.run_until(lambda: bool(rig.events), 100)
        assert rig.taken() == [[KEY, key]]
        assert 19 <= waited_ms <= 20 + 5 + 4, "debounce, bounce, one scan"
        rig.cabinet.keypad.up(key)
        rig.run(100)
        assert rig.taken() == []


def test_a_clean_press_is_told_20_ms_after_it(tmp_path, monkeypatch):
    monkeypatch.setattr("consigne.sim.parts.keypad.BOUNCE_EDGES_MAX", 0)
    rig = VirtualRig(tmp_path, KEYPAD)
    rig.run(50)
    for key in KEYS:
        rig.run(13)
        pressed_ms = rig.clock.now_us() / 1000
        rig.cabinet.keypad.press(key)
        rig.run(150)
        ((told_ms, event),) = rig.events
        rig.events.clear()
        assert event == [KEY, key]
        assert 19.5 <= told_ms - pressed_ms <= 20.9


def test_a_held_key_is_one_press_and_does_not_silence_the_others(rig):
    rig.cabinet.keypad.down("5")
    rig.run(60_000)
    rig.cabinet.keypad.press("9", 80)
    rig.run(300)
    rig.cabinet.keypad.press("1", 80)
    rig.run(300)
    rig.cabinet.keypad.up("5")
    rig.run(100)
    assert typed(rig) == "591"


def test_a_key_that_is_down_at_start_does_not_deafen_its_column(tmp_path):
    rig = VirtualRig(tmp_path, KEYPAD)
    rig.cabinet.keypad.down("2")
    rig.run(500)
    rig.taken()
    rig.reset()
    rig.run(500)
    rig.cabinet.keypad.press("8", 80)
    rig.run(200)
    assert typed(rig) == "28"


def test_rolling_from_key_to_key_loses_none(rig):
    """The next key goes down before the last one is up, as quick fingers do."""
    keypad = rig.cabinet.keypad
    for step, key in enumerate("9021041758"):
        rig.board.clock.call_in(step * 66_000, keypad.press, key, 75)
    rig.run(1000)
    assert typed(rig) == "9021041758"


def test_three_keys_at_once_are_told_once_and_type_nothing(rig):
    """1, 2 and 4 down together close 5 as well: nobody can say which three are pressed."""
    for key in "124":
        rig.cabinet.keypad.down(key)
    rig.run(1000)
    for key in "124":
        rig.cabinet.keypad.up(key)
        rig.run(70)
    assert rig.taken() == [[TOGETHER]]
    rig.cabinet.keypad.press("7")
    rig.run(200)
    assert rig.taken() == [[KEY, "7"]]


def test_a_ghost_is_never_typed(tmp_path):
    """Any three keys of a rectangle, pressed one after another at any distance in time."""
    generator = random.Random(5)
    for trial in range(40):
        (tmp_path / str(trial)).mkdir()
        rig = VirtualRig(tmp_path / str(trial), KEYPAD, seed=trial)
        rig.run(30)
        top, bottom = sorted(generator.sample(range(4), 2))
        left, right = sorted(generator.sample(range(3), 2))
        corners = [KEYS[3 * row + col] for row in (top, bottom) for col in (left, right)]
        ghost = corners.pop(generator.randrange(4))
        for key in corners:
            rig.cabinet.keypad.down(key)
            rig.run(generator.randint(0, 60))
        rig.run(300)
        for key in corners:
            rig.cabinet.keypad.up(key)
            rig.run(generator.randint(0, 60))
        rig.run(200)
        told = rig.taken()
        assert [KEY, ghost] not in told, f"trial {trial}: {corners} with ghost {ghost} told {told}"
        assert told.count([TOGETHER]) == 1


def test_hands_flat_on_the_keypad_type_nothing(rig):
    for key in KEYS:
        rig.cabinet.keypad.down(key)
    rig.run(500)
    for key in KEYS:
        rig.cabinet.keypad.up(key)
    rig.run(200)
    assert rig.taken() == [[TOGETHER]]


def test_keys_held_together_never_short_two_rows(rig):
    """Rows are open drain: a row that is released must not be driven high into one that is low."""
    pins = CONFIG["keypad"]["rows"] + CONFIG["keypad"]["cols"]
    for key in "147*2580":
        rig.cabinet.keypad.down(key)
        rig.run(50)
    assert [rig.board.pin(pin).fights for pin in pins] == [0] * len(pins)


def test_spikes_on_a_column_type_nothing(rig):
    generator = random.Random(3)
    columns = [rig.board.pin(pin) for pin in CONFIG["keypad"]["cols"]]
    for _ in range(400):
        column = generator.choice(columns)
        column.drive("spike", 0)
        rig.run(generator.choice((0.05, 0.3, 1, 3)))
        column.drive("spike", None)
        rig.run(generator.randint(1, 30))
    assert rig.taken() == []


LATE = """
import time
from locker.drivers.waiting import flag_or_ms

flag = asyncio.ThreadSafeFlag()


async def interrupt(after_ms, busy_ms):
    await asyncio.sleep_ms(after_ms)
    flag.set()
    time.sleep_ms(busy_ms)  # and the processor is kept until after the time was up


async def main():
    for after_ms in (80, 85, 90, 95):
        asyncio.create_task(interrupt(after_ms, 25))
        sink(("in time", await flag_or_ms(flag, 100) or await flag_or_ms(flag, 100)))
        sink(("again", await flag_or_ms(flag, 100)))
    await asyncio.Event().wait()


asyncio.run(main())
"""


def test_a_key_pressed_just_before_a_rest_ends_wakes_the_keypad_however_busy_the_processor_was(tmp_path):
    """MicroPython's ``wait_for`` drops what it waited for when that is done and the time is up as well."""
    rig = VirtualRig(tmp_path, LATE)
    rig.run(2_000)
    assert rig.taken() == [["in time", True], ["again", False]] * 4


INTERPRETER = """
import asyncio
import time
from locker.drivers.waiting import flag_or_ms


async def interrupt(flag):
    await asyncio.sleep_ms(85)
    flag.set()
    time.sleep_ms(7)  # so that the loop hears of the flag and of the next task in one look


async def display():
    await asyncio.sleep_ms(90)
    time.sleep_ms(25)  # its turn is first, and lasts until after the time was up


async def main():
    flag = asyncio.ThreadSafeFlag()
    for _ in range(4):
        asyncio.create_task(interrupt(flag))
        asyncio.create_task(display())
        print(await flag_or_ms(flag, 100) or await flag_or_ms(flag, 100))


asyncio.run(main())
"""


def test_so_it_is_with_the_flag_of_the_interpreter_itself(tmp_path):
    """What a board has; the simulated board brings a flag of its own."""
    script = tmp_path / "flags.py"
    script.write_text(f"import sys\nsys.path.append({str(firmware_dir())!r})\n{INTERPRETER}")
    said = subprocess.run([interpreter(), script], capture_output=True, text=True, timeout=600, check=True)
    assert said.stdout.split() == ["True"] * 4


# Every half second the interpreter stands still, as it does while flash is erased.
STANDING = KEYPAD.replace(
    "asyncio.run(keypad.run(sink))",
    """
async def main():
    asyncio.create_task(keypad.run(sink))
    while True:
        await asyncio.sleep_ms(500)
        time.sleep_ms(100)


asyncio.run(main())
""",
).replace("from locker", "import time\n\nfrom locker", 1)


def test_a_spike_at_the_end_of_a_standstill_types_nothing_beside_the_key_that_is_held(tmp_path):
    """One look after 100 ms must not count for 100 ms."""
    rig = VirtualRig(tmp_path, STANDING)
    keypad = rig.cabinet.keypad
    for eighth_ms in range(160):  # wherever the standstill ends in them
        keypad.down("1")
        rig.run(590 + eighth_ms / 8)
        keypad.press("5", hold_ms=1.5)
        rig.run(20)
        keypad.up("1")
        rig.run(190)
    assert set(typed(rig)) == {"1"}


def test_nothing_is_read_while_nobody_presses(rig):
    asked = count_of_reads(rig)
    rig.run(60_000)
    assert asked() == 0


def test_a_scan_costs_four_reads_of_the_inputs(rig):
    """Each row is written, then all columns are read at once: a round trip on a slow wire."""
    asked = count_of_reads(rig)
    rig.cabinet.keypad.down("6")
    rig.run(500)
    scans = 500 / 3
    assert 4 * scans * 0.9 <= asked() <= 4 * scans * 1.1


def test_a_wedged_key_is_scanned_slowly_until_something_changes(rig):
    rig.cabinet.keypad.down("5")
    rig.run(10_000)
    asked = count_of_reads(rig)
    rig.run(10_000)
    assert asked() <= 4 * 10_000 / 25
    rig.taken()
    rig.cabinet.keypad.type("1379", keys_per_s=10)
    rig.run(500)
    assert typed(rig) == "1379"


def count_of_reads(rig):
    """A counter of the answers the board gave to "which pins are high"."""
    levels, count = rig.board.levels, [0]

    def counted():
        count[0] += 1
        return levels()

    rig.board.levels = counted
    return lambda: count[0]
