"""What the cabinet knows of itself: clock chip, lid, mains, supply and lights, with the faults of each."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from consigne.sim import reference as demo
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host
from driver_rig import CONFIG as RIG
from driver_rig import MicroPythonRig, VirtualRig
from locker import config as config_check
from sim_kit import EPOCH_S, IDENTITY, KEY
from sim_kit import config as demo_config

SENSES: dict[str, Any] = {
    "clock": {"kind": "ds3231", "i2c": 0, "address": 0x68},
    "tamper": {"pin": 5, "open_level": 1},
    "mains": {"pin": 39, "lost_level": 1},
    "supply": {"pin": 35, "ratio_milli": 5545, "weak_mv": 10_000},
    "strip": {"kind": "ws2812", "pin": 15, "lights": [0, 1, 2, -1, 0, 1, 2, 0]},
}
GREEN, RED, DARK = (0, 0x33, 0), (0x33, 0, 0), (0, 0, 0)


def config(senses: dict[str, Any] = SENSES) -> dict[str, Any]:
    """The eight doors on the rig's expander; what the demo has on pins leaves them to the senses."""
    given = {key: RIG[key] for key in ("arm_pin", "i2c", "expanders", "scanner", "display", "buzzer")}
    keypad = {"kind": "matrix", "rows": [26, 27, 32, 33], "cols": [4, 18, 19], "keys": "123456789*0#"}
    doors = [{**door, "size": 1} for door in RIG["doors"][4:]]
    network = demo.config(1883)["network"]
    given["scanner"] = {**RIG["scanner"], "tx": 13, "rx": 23}
    return demo_config(
        **given, board="esp32", doors=doors, keypad=keypad, led={"pin": 12}, senses=senses, network=network
    )


CONFIRMED_S = 3_700  # a first answer, and the same again an hour later


class Sensing:
    """A locker under virtual time with the whole firmware, and its host."""

    def __init__(self, directory: Path) -> None:
        clock = VirtualClock()
        self.host = Host(clock, KEY)
        self.locker = SimLocker(
            config(), IDENTITY, directory, "virtual", clock=clock, network=self.host.network
        )
        self.cabinet = self.locker.cabinet
        assert self.cabinet.clock_chip and self.cabinet.lid and self.cabinet.mains
        assert self.cabinet.rail and self.cabinet.strip
        self.chip, self.lid, self.mains = self.cabinet.clock_chip, self.cabinet.lid, self.cabinet.mains
        self.rail, self.strip = self.cabinet.rail, self.cabinet.strip

    def start(self) -> None:
        """Power on, and wait until the host has heard of it."""
        self.locker.start()
        self.locker.wait_for(lambda: "boot" in self.host.kinds() and self.host.status.get("up"), 60)
        self.locker.run_for(2)

    def start_timed(self) -> None:
        """``start``, with a clock chip that has never stopped."""
        self.chip.run_since(EPOCH_S)
        self.start()
        assert self.host.status["trust"] == 1

    def know_time(self) -> None:
        self.host.know_time(EPOCH_S)
        self.locker.wait_for(lambda: self.host.status.get("trust") == 1, 120)
        self.host.forget_time()

    def confirm_time(self) -> int:
        """Until the time is believed: asked again after an hour, the host says the same; returns it."""
        self.host.know_time(EPOCH_S)
        self.locker.wait_for(lambda: self.host.status.get("trust") == 1, 120)
        assert self.host.status["ahead"] and self.chip.epoch_s < EPOCH_S, "the chip must not repeat it yet"
        self.locker.run_for(CONFIRMED_S)
        told_s = self.host.now_s
        assert told_s is not None and not self.host.status["ahead"]
        self.host.forget_time()
        return told_s

    def restart(self, off_s: float = 1) -> None:
        self.locker.cut_power()
        self.locker.run_for(off_s)
        boots = self.host.kinds().count("boot")
        self.locker.restore_power()
        self.locker.wait_for(lambda: self.host.kinds().count("boot") > boots, 120)
        self.locker.run_for(5)

    def told(self, kind: str, key: str) -> list[Any]:
        """The values of one field in all events of a kind."""
        return [event[key] for _, event in sorted(self.host.events.items()) if event["kind"] == kind]

    def faults(self) -> list[str]:
        """What the newest status says is amiss."""
        self.locker.run_for(40)  # a status leaves at once, or when the last one is half a minute old
        faults: list[str] = self.host.status["faults"]
        return faults

    def open(self, door: int) -> None:
        """Have the host open a door, and push it shut again."""
        self.host.command("open", door=door)
        self.locker.wait_for(lambda: self.locker.doors[door].is_open, 30)
        self.locker.run_for(1)
        self.locker.push_shut(door)
        self.locker.run_for(1)


@pytest.fixture
def sensing(tmp_path: Path) -> Iterator[Sensing]:
    made = Sensing(tmp_path)
    yield made
    made.locker.stop()
    assert not made.locker.failures and not made.locker.ends


def test_every_sense_is_asked_for_in_one_configuration_and_the_firmware_takes_it() -> None:
    read = config_check.checked(json.loads(json.dumps(config())))
    assert read["senses"]["tamper"] == {"pin": 5, "open_level": 1}


@pytest.mark.parametrize(
    ("part", "key", "bad", "word"),
    [
        ("supply", "pin", 19, "ADC1"),
        ("clock", "i2c", 1, "no bus 1"),
        ("strip", "lights", [0], "1 entries for 8 doors"),
        ("tamper", "pin", 25, "used already by arm_pin"),
        ("strip", "kind", "apa102", "no driver"),
    ],
)
def test_a_sense_that_cannot_be_is_refused(part: str, key: str, bad: Any, word: str) -> None:
    given = json.loads(json.dumps(config()))
    given["senses"][part][key] = bad
    with pytest.raises(config_check.ConfigError, match=word):
        config_check.checked(given)


# --- the clock chip ----------------------------------------------------------------------------------


def test_a_locker_whose_clock_chip_never_stopped_knows_the_time_without_the_host(sensing: Sensing) -> None:
    sensing.chip.run_since(EPOCH_S)
    sensing.start()
    assert sensing.told("time_set", "source") == [2]
    assert sensing.host.status["trust"] == 1 and 0 <= sensing.host.status["t"] - EPOCH_S <= 10


def _stopped(sensing: Sensing) -> None:
    sensing.chip.stop_once()


def _garbled(sensing: Sensing) -> None:
    sensing.chip.garbled = True


def _absent(sensing: Sensing) -> None:
    sensing.chip.silent = True


def _factory_new(sensing: Sensing) -> None:
    sensing.chip.reset()


@pytest.mark.parametrize(
    ("happen", "word"),
    [(_stopped, "stopped"), (_garbled, "stopped"), (_absent, "no answer"), (_factory_new, "stopped")],
)
def test_a_clock_chip_that_cannot_be_believed_is_told_and_the_time_stays_a_floor(
    sensing: Sensing, happen: Callable[[Sensing], None], word: str
) -> None:
    sensing.chip.run_since(EPOCH_S)
    happen(sensing)
    sensing.start()
    assert sensing.host.status["trust"] == 0 and sensing.told("time_set", "source") == []
    assert len([what for what in sensing.told("fault", "what") if what.startswith("clock: " + word)]) == 1


def test_the_host_sets_the_chip_and_the_battery_keeps_the_time_over_a_power_cut(sensing: Sensing) -> None:
    sensing.start()
    assert sensing.host.status["trust"] == 0
    told_s = sensing.confirm_time()
    assert abs(sensing.chip.epoch_s - told_s) <= 2
    sensing.restart(off_s=86_400)
    assert sensing.host.status["trust"] == 1
    assert abs(sensing.host.status["t"] - told_s - 86_400) < 60
    assert sensing.told("time_set", "source") == [1, 1, 2]
    assert "clock: good again" in sensing.told("fault", "what")


def test_without_its_battery_the_chip_is_not_believed_after_a_power_cut(sensing: Sensing) -> None:
    sensing.chip.battery = False
    sensing.start()
    sensing.know_time()
    sensing.locker.run_for(10)
    sensing.restart()
    assert sensing.host.status["trust"] == 0


def test_a_chip_that_is_years_ahead_of_the_journal_cannot_turn_the_clock_forward_for_ever(
    sensing: Sensing,
) -> None:
    sensing.start()
    sensing.confirm_time()
    sensing.chip.run_since(EPOCH_S + 20 * 31_536_000)
    sensing.restart()
    assert sensing.host.status["trust"] == 0 and sensing.host.status["t"] < EPOCH_S + 86_400
    assert "clock: years ahead of the journal" in sensing.told("fault", "what")


def test_a_chip_that_answers_again_is_believed_from_then_on(sensing: Sensing) -> None:
    sensing.chip.run_since(EPOCH_S)
    sensing.chip.silent = True
    sensing.start()
    assert sensing.host.status["trust"] == 0
    sensing.chip.silent = False
    sensing.locker.run_for(70)
    sensing.faults()
    assert sensing.told("fault", "what") == ["clock: no answer", "clock: good again"]
    sensing.locker.run_for(900)
    assert sensing.host.status["trust"] == 1


def test_warmth_is_told_when_it_begins_and_when_it_is_over(sensing: Sensing) -> None:
    sensing.chip.run_since(EPOCH_S)
    sensing.start()
    for celsius in (64, 58, 63, 40, -22, 5):
        sensing.chip.celsius = celsius
        sensing.locker.run_for(65)
    assert sensing.told("fault", "what") == [
        "64 C inside",
        "40 C inside again",
        "-22 C inside",
        "5 C inside again",
    ]
    assert sensing.faults() == []


DIRECT = """
from locker.drivers.ds3231 import Ds3231

chip = Ds3231(buses(config["i2c"])[0])


async def main():
    while True:
        try:
            sink(("time", chip.read(), chip.degrees()))
        except OSError as error:
            sink(("error", error.errno))
        await asyncio.sleep(1)


asyncio.run(main())
"""


def test_a_bus_that_is_stuck_is_an_error_and_no_time(tmp_path: Path) -> None:
    rig = VirtualRig(tmp_path, DIRECT, {**RIG, "senses": SENSES})
    assert rig.cabinet.clock_chip
    rig.cabinet.clock_chip.run_since(EPOCH_S)
    rig.run(500)
    assert rig.taken() == [["time", EPOCH_S, 21]]
    rig.board.i2c(0).stuck = True
    rig.run(1_000)
    assert [event[0] for event in rig.taken()] == ["error"]
    rig.board.i2c(0).stuck = False
    rig.run(1_000)
    assert rig.taken() == [["time", EPOCH_S + 2, 21]]


# --- lid and mains -----------------------------------------------------------------------------------


def test_an_opened_lid_is_an_alarm_in_the_journal_in_the_status_and_in_everybodys_ears(
    sensing: Sensing,
) -> None:
    sensing.start_timed()
    assert sensing.cabinet.buzzer and not sensing.told("alarm", "alarm")
    sensing.cabinet.buzzer.heard.clear()
    sensing.lid.set(False)
    sensing.locker.run_for(8)
    assert sensing.told("alarm", "alarm") == [3]
    assert len(sensing.cabinet.buzzer.heard) == 24
    assert sensing.faults() == ["lid open"]
    sensing.lid.set(True)
    sensing.locker.run_for(1)
    assert sensing.faults() == []
    assert sensing.told("fault", "what") == ["lid closed"]


def test_a_lid_that_rattles_in_the_wind_is_no_alarm(sensing: Sensing) -> None:
    sensing.start_timed()
    for _ in range(40):
        sensing.lid.set(not sensing.lid.closed)
        sensing.locker.run_for(0.11)
    sensing.lid.set(True)
    sensing.locker.run_for(5)
    assert sensing.told("alarm", "alarm") == []


def test_lost_mains_are_told_once_darken_the_lights_and_doors_open_all_the_same(sensing: Sensing) -> None:
    sensing.start_timed()
    sensing.mains.set(False)
    sensing.locker.run_for(0.5)
    sensing.mains.set(True)
    sensing.locker.run_for(3)
    assert sensing.told("fault", "what") == []
    sensing.mains.set(False)
    sensing.locker.run_for(3)
    assert sensing.faults() == ["mains lost"]
    sensing.host.command("open", door=0)
    sensing.locker.wait_for(lambda: sensing.locker.doors[0].is_open, 30)
    assert sensing.strip.colours == [DARK] * 3
    sensing.mains.set(True)
    sensing.locker.run_for(3)
    assert sensing.strip.colours == [GREEN, DARK, DARK]
    assert sensing.told("fault", "what") == ["mains lost", "mains back"]
    assert sensing.faults() == []


# --- the supply --------------------------------------------------------------------------------------


def test_a_supply_that_sags_under_pulses_is_told_once_with_its_door_and_once_when_it_is_mended(
    sensing: Sensing,
) -> None:
    sensing.rail.noise_v = 0.05
    sensing.start_timed()
    sensing.open(0)
    (first,) = sensing.told("supply", "lowest_mv")
    assert abs(first - 12_080) < 150 and abs(sensing.told("supply", "idle_mv")[0] - 12_180) < 150
    sensing.rail.ohms = 1.3
    sensing.open(5)
    (weak,) = sensing.faults()
    assert weak.startswith("supply 8.") and weak.endswith(" V under door 5")
    assert len(sensing.told("fault", "what")) == 1
    sensing.restart()
    sensing.open(0)  # the other doors' weakness is not forgotten over a restart
    assert sensing.told("fault", "what") == [weak] * 2
    sensing.rail.ohms = 0.05
    for _ in range(3):
        for door in (5, 0, 5, 0):
            sensing.open(door)
        sensing.locker.run_for(601)  # ten remote opens in ten minutes
    assert sensing.told("fault", "what")[-1] == "supply good again"
    assert sensing.faults() == []


def test_a_supply_that_is_low_without_load_is_told_too(sensing: Sensing) -> None:
    sensing.rail.volts = 9.4
    sensing.start_timed()
    sensing.locker.run_for(15)
    assert sensing.faults() == ["supply 9.3 V without load"]


def test_pulses_that_all_find_the_same_supply_are_journaled_once_for_each_door(sensing: Sensing) -> None:
    sensing.rail.noise_v = 0.05
    sensing.start_timed()
    for door in (0, 1, 0, 1, 0, 1):
        sensing.open(door)
    assert sorted(sensing.told("supply", "door")) == [0, 1]


# --- lights ------------------------------------------------------------------------------------------


def test_the_light_of_a_door_shows_the_way_until_it_is_shut(sensing: Sensing) -> None:
    sensing.start_timed()
    strip = sensing.strip
    assert strip.colours == [DARK] * 3
    sensing.host.command("open", door=1)
    sensing.locker.wait_for(lambda: sensing.locker.doors[1].is_open, 30)
    sensing.locker.run_for(1)
    assert strip.colours == [DARK, GREEN, DARK]
    sensing.locker.push_shut(1)
    sensing.locker.run_for(1)
    assert strip.colours == [DARK] * 3 and strip.misread == 0


def test_a_forced_door_blinks_red_even_where_another_of_its_column_is_open(sensing: Sensing) -> None:
    sensing.start_timed()
    sensing.host.command("open", door=4)
    sensing.locker.wait_for(lambda: sensing.locker.doors[4].is_open, 30)
    sensing.locker.force_open(0)
    seen = set()
    for _ in range(20):
        sensing.locker.run_for(0.1)
        seen.add(sensing.strip.colours[0])
    assert seen - {GREEN} == {RED, DARK}
    sensing.locker.push_shut(0)
    sensing.locker.run_for(1)
    assert sensing.strip.colours[0] == GREEN


def test_a_light_that_broke_takes_those_behind_it_dark_and_no_door_with_them(sensing: Sensing) -> None:
    sensing.strip.broken_at = 1
    sensing.start_timed()
    sensing.open(1)
    sensing.open(0)
    assert sensing.strip.colours == [DARK] * 3


def test_a_door_that_never_opened_is_dark_again_after_half_a_minute(sensing: Sensing) -> None:
    sensing.start_timed()
    sensing.locker.doors[2].strike.dead = True
    sensing.host.command("open", door=2)
    sensing.locker.run_for(8)
    assert sensing.strip.colours[2] == GREEN
    sensing.locker.run_for(60)
    assert sensing.strip.colours[2] == DARK


# --- the real interpreter ----------------------------------------------------------------------------

ALL = """
from locker.drivers.banks import Banks
from locker.drivers.relays import RelayLocks
from locker.senses import Senses
from locker.core.timekeeping import Clock

banks = make_banks()
senses = Senses(config, buses(config["i2c"]), report)
locks = senses.watched(RelayLocks(banks.relays, banks.chips, config["arm_pin"]))
clock = Clock(0, 0)
senses.take_time(clock)


class Tasks:
    def spare(self, name, make):
        asyncio.create_task(make())


class Shell:
    sink = staticmethod(sink)

    def is_pulsing(self):
        return False


async def main():
    senses.join(Shell(), Tasks())
    senses.started()
    locks.start(5, 300)
    while locks.busy():
        await asyncio.sleep_ms(5)
    while True:
        await asyncio.sleep_ms(100)


asyncio.run(main())
"""


def test_every_sense_runs_on_micropython(tmp_path: Path) -> None:
    given = {**RIG, "senses": {**SENSES, "strip": {**SENSES["strip"], "pin": 2, "lights": [0] * 12}}}
    given["senses"]["tamper"] = {"pin": 14, "open_level": 1}
    given["expanders"] = [{**RIG["expanders"][0], "int_pin": -1}]
    with MicroPythonRig(tmp_path, ALL, given) as rig:
        assert rig.cabinet.lid and rig.cabinet.strip
        rig.wait_for(lambda: any(event[0] == 23 for event in rig.events_seen()))
        (supply,) = [event for event in rig.events_seen() if event[0] == 23]
        assert supply[1] == 5 and 11_000 < supply[3] <= supply[2] < 12_500
        rig.wait_for(lambda: rig.cabinet.strip.colours == [GREEN])
        rig.call(lambda: rig.cabinet.lid.set(False))
        rig.wait_for(lambda: [22, 1, True] in rig.events_seen())
        assert rig.cabinet.strip.misread == 0
