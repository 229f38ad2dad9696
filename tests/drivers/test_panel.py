"""Buzzer, lamp, watchdog and the journal's partition: the small drivers."""

from itertools import pairwise

from consigne.sim.board.flash import NorFlash
from driver_rig import CONFIG, VirtualRig

PANEL = """
from locker.core import events
from locker.drivers.buzzer import Buzzer
from locker.drivers.lamp import Lamp

buzzer = Buzzer(config["buzzer"]["pin"])
lamp = Lamp(config["led"]["pin"])


async def follow():
    for name, delay_ms in config["steps"]:
        value = getattr(events, name)
        buzzer.play(value) if name[0] == "B" else lamp.set(value)
        await asyncio.sleep_ms(delay_ms)


async def main():
    asyncio.create_task(buzzer.run())
    asyncio.create_task(lamp.run())
    await asyncio.sleep_ms(100)
    await follow()
    await asyncio.sleep_ms(60_000)


asyncio.run(main())
"""


def rig_with(tmp_path, *steps):
    return VirtualRig(tmp_path, PANEL, {**CONFIG, "steps": steps})


def heard(rig):
    return [(freq_hz, round(length_us / 1000)) for _, freq_hz, length_us in rig.cabinet.buzzer.heard]


def test_each_pattern_sounds_as_it_should_and_ends(tmp_path):
    rig = rig_with(tmp_path, ["BEEP_KEY", 500], ["BEEP_OK", 500], ["BEEP_ERROR", 1000])
    rig.run(3000)
    assert heard(rig) == [(2400, 30), (2000, 80), (2700, 120), (700, 180), (700, 180)]
    assert rig.cabinet.buzzer.tone_hz == 0


def test_the_newest_pattern_wins(tmp_path):
    rig = rig_with(tmp_path, ["BEEP_ERROR", 50], ["BEEP_OK", 500])
    rig.run(1000)
    assert heard(rig) == [(700, 50), (2000, 80), (2700, 120)]


def test_a_key_click_does_not_cut_an_alarm(tmp_path):
    rig = rig_with(tmp_path, ["BEEP_ALARM", 1000], ["BEEP_KEY", 10_000])
    rig.run(8000)
    assert sum(length_ms for _, length_ms in heard(rig)) == 6000


def test_silence_follows_a_reset_in_the_middle_of_an_alarm(tmp_path):
    rig = rig_with(tmp_path, ["BEEP_ALARM", 10_000])
    rig.run(1000)
    assert rig.cabinet.buzzer.tone_hz
    rig.reset()
    assert rig.cabinet.buzzer.tone_hz == 0


def blinks(rig, from_ms, until_ms):
    """(lit, for how long in ms) within a span; whole durations only."""
    changes = [(at_us // 1000, lit) for at_us, lit in rig.cabinet.lamp.changes]
    within = [change for change in changes if from_ms <= change[0] < until_ms]
    return [(lit, after_ms - at_ms) for (at_ms, lit), (after_ms, _) in pairwise(within)]


def test_each_state_of_the_lamp_can_be_told_from_the_others(tmp_path):
    rig = rig_with(
        tmp_path, ["LED_READY", 5000], ["LED_BUSY", 5000], ["LED_ATTENTION", 5000], ["LED_FAULT", 5000]
    )
    rig.run(21_000)
    assert blinks(rig, 200, 5000) == []
    assert set(blinks(rig, 5300, 10_000)) == {(True, 250), (False, 250)}
    assert set(blinks(rig, 10_300, 15_000)) == {(True, 100), (False, 900)}
    assert set(blinks(rig, 15_300, 20_000)) == {(True, 100), (False, 150), (False, 650)}


def test_the_lamp_is_lit_when_ready_and_dark_after_a_reset(tmp_path):
    rig = rig_with(tmp_path, ["LED_READY", 1000])
    rig.run(500)
    assert rig.cabinet.lamp.lit
    rig.reset()
    assert not rig.cabinet.lamp.lit
    rig.run(500)
    assert rig.cabinet.lamp.lit


WATCHDOG = """
from locker.drivers.watchdog import Watchdog

watchdog = Watchdog(2000)


async def main():
    for _ in range(20):
        watchdog.feed()
        await asyncio.sleep_ms(1500)
    await asyncio.sleep_ms(60_000)


asyncio.run(main())
"""


def test_the_watchdog_resets_the_board_2_s_after_the_last_feed_and_not_before(tmp_path):
    rig = VirtualRig(tmp_path, WATCHDOG)
    rig.run(19 * 1500 + 1990)
    assert rig.resets == 0
    rig.run(20)
    assert rig.resets == 1


PARTITION = """
from locker.drivers.flash import journal_partition

try:
    partition = journal_partition()
except OSError as error:
    sink(("none", str(error)))
else:
    sink(("found", partition.ioctl(4, 0), partition.ioctl(5, 0)))
asyncio.run(asyncio.sleep_ms(10_000))
"""


def test_the_journal_lies_in_the_partition_of_that_name(tmp_path):
    rig = VirtualRig(tmp_path, PARTITION)
    rig.board.flash["journal"] = NorFlash(1 << 20)
    rig.run(100)
    assert rig.taken() == [["found", 256, 4096]]


def test_a_board_without_the_partition_says_which_one_is_missing(tmp_path):
    rig = VirtualRig(tmp_path, PARTITION)
    rig.run(100)
    assert rig.taken() == [["none", "no data partition labelled journal"]]
