"""Relays on a PCF8574, a TCA9554 and 74HC595 shift registers: no click before a pulse, and none beside it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from consigne.sim.board.board import HARD, SOFT, WATCHDOG
from consigne.sim.parts.hc595 import Hc595
from consigne.sim.parts.pcf8574 import Pcf8574
from consigne.sim.parts.tca9554 import Tca9554
from driver_rig import MicroPythonRig, VirtualRig, at_each_step, watched

PCF, CHAIN = "pcf8574@0:32", "74hc595@18"
BANKS = {"pcf8574": PCF, "tca9554": "tca9554@0:32", "74hc595": CHAIN}


def config(kind: str, back: int = -1) -> dict[str, Any]:
    """A door on a pin, and four on the chip; the PCF8574 reads their sensors too, beside a chain pins do."""
    bank = BANKS[kind]
    on_chip = [
        {
            "name": str(number + 2),
            "lock": {"bank": bank, "channel": 5 * number if kind == "74hc595" else number},
            "reed": {"bank": "gpio", "channel": (34, 35, 36, 39)[number]}
            if kind == "74hc595"
            else {"bank": bank, "channel": number + 4},
            "closed_level": 0,
        }
        for number in range(4)
    ]
    on_pin = {"lock": {"bank": "gpio", "channel": 4}, "reed": {"bank": "gpio", "channel": 15}}
    chain = {"kind": "74hc595", "data": 13, "clock": 19, "latch": 18, "enable": 23, "chips": 2, "back": back}
    return {
        "board": "esp32",
        "arm_pin": 25,
        "i2c": [{"id": 0, "scl": 22, "sda": 21, "freq_hz": 100_000}],
        "expanders": [{"kind": kind, "i2c": 0, "address": 32, "int_pin": 32}] if kind != "74hc595" else [],
        "shifts": [chain] if kind == "74hc595" else [],
        "doors": [{"name": "1", "closed_level": 0, **on_pin}, *on_chip],
        "doors_to_pulse": [2, 0, 4],
    }


# Pulses of the longest kind, one after the other; then the sensors run on.
PULSES = """
from locker.drivers.banks import Banks
from locker.drivers.board import buses
from locker.drivers.reeds import Reeds
from locker.drivers.relays import RelayLocks

banks = Banks(
    config["doors"], config["expanders"], buses(config["i2c"]), config["board"], config["shifts"]
)
locks = RelayLocks(banks.relays, banks.chips, config["arm_pin"])


async def pulse(door):
    try:
        locks.start(door, 1000)
    except OSError:
        sink(("refused", door))
        return
    while locks.busy():
        await asyncio.sleep_ms(50)
    sink(("pulsed", door))


async def main():
    reeds = Reeds(len(config["doors"]), banks.pin_reeds + banks.chip_reeds)
    asyncio.create_task(reeds.run(sink))
    await asyncio.sleep_ms(200)
    for door in config["doors_to_pulse"]:
        await pulse(door)
    sink(("done",))
    await asyncio.sleep_ms(1_000_000)


asyncio.run(main())
"""


def rig_with(tmp_path: Path, kind: str, seed: int = 1, **changes: Any) -> VirtualRig:
    back = changes.pop("back", -1)
    rig = VirtualRig(tmp_path, PULSES, {**config(kind, back), **changes}, seed)
    rig.rises = watched(rig)
    return rig


@pytest.mark.parametrize("kind", BANKS)
@pytest.mark.parametrize("seed", range(4))
def test_each_pulse_moves_its_relay_once_and_no_other_whatever_the_chip_woke_with(
    tmp_path: Path, kind: str, seed: int
) -> None:
    rig = rig_with(tmp_path, kind, seed)
    rig.run(5_000)
    assert rig.rises == [1, 0, 1, 0, 1]
    assert [door.is_open for door in rig.cabinet.doors] == [True, False, True, False, True]
    assert rig.doors_told() == dict(enumerate([True, False, True, False, True]))
    supply = rig.cabinet.supply
    assert (supply.edges_before_armed, supply.hot_switches, supply.coils_on_max) == (0, 0, 1)
    assert 990_000 <= supply.coil_on_max_us <= 1_000_000


def test_without_the_resistor_at_its_enable_a_shift_register_clicks_at_power_up(tmp_path: Path) -> None:
    """What the resistor is for; and that the simulation would see a click."""
    rig = rig_with(tmp_path, "74hc595")
    rig.ground.kill()
    rig.board.power_off()
    rig.board.pin(23).pull("resistor", None)
    rig.board.pin(23).pull("leak", 0)
    rig.board.power_on()
    rig.ground.start()
    rig.run(150)
    assert rig.cabinet.supply.edges_before_armed > 0


@pytest.mark.parametrize("kind", BANKS)
def test_edges_before_armed_are_zero_over_power_cuts_resets_and_the_watchdog(
    tmp_path: Path, kind: str
) -> None:
    rig = rig_with(tmp_path, kind, doors_to_pulse=[])
    for cause in (HARD, SOFT, WATCHDOG) * 3:
        for wait_ms in (1, 3, 20, 150):
            rig.run(wait_ms)
            rig.board.reset(cause)
        rig.run(300)
        rig.ground.kill()
        rig.board.power_off()
        rig.run(50)
        rig.board.power_on()
        rig.ground.start()
    rig.run(400)
    assert sum(rig.rises) == 0
    assert rig.cabinet.supply.edges_before_armed == 0
    assert len(rig.doors_told()) == 5


def at_steps(
    tmp_path: Path, kind: str, happen: Callable[[VirtualRig], object]
) -> Iterator[tuple[int, VirtualRig]]:
    """A rig for each step of boot and a pulse on the chip; bit by bit a chain takes hundreds."""
    stride = 13 if kind == "74hc595" else 2
    return at_each_step(
        tmp_path, lambda path: rig_with(path, kind, doors_to_pulse=[2]), happen, 1_600, 20, stride
    )


@pytest.mark.parametrize("kind", BANKS)
def test_wherever_the_processor_stops_no_coil_burns(tmp_path: Path, kind: str) -> None:
    for step, rig in at_steps(tmp_path, kind, lambda rig: rig.ground.kill()):
        rig.run(2_000)
        supply = rig.cabinet.supply
        assert supply.coils_on == 0 and supply.coil_on_max_us <= 1_000_000, f"step {step}"
        assert sum(rig.rises) == rig.rises[2] <= 1, f"step {step}"


@pytest.mark.parametrize("kind", BANKS)
def test_wherever_the_chip_is_reset_no_other_relay_moves(tmp_path: Path, kind: str) -> None:
    for step, rig in at_steps(tmp_path, kind, lambda rig: rig.reset()):
        rig.run(1_600)
        assert ["done"] in rig.events_seen(), f"step {step}"
        assert sum(rig.rises) == rig.rises[2] <= 2, f"step {step}"
        supply = rig.cabinet.supply
        assert supply.coil_on_max_us <= 1_000_000 and supply.coils_on_max == 1, f"step {step}"


@pytest.mark.parametrize("kind", BANKS)
def test_a_dip_of_the_supply_between_pulses_opens_nothing(tmp_path: Path, kind: str) -> None:
    rig = rig_with(tmp_path, kind)
    rig.run(1_250)  # the first pulse is over
    for _ in range(5):
        chip_of(rig).brown_out()
        rig.run(10)
    rig.run(4_000)
    assert rig.rises == [1, 0, 1, 0, 1]
    assert rig.cabinet.supply.edges_before_armed == 0


@pytest.mark.parametrize("kind", BANKS)
def test_a_dip_in_the_middle_of_a_pulse_ends_with_it(tmp_path: Path, kind: str) -> None:
    rig = rig_with(tmp_path, kind, doors_to_pulse=[2])
    rig.run(700)
    chip_of(rig).brown_out()
    rig.run(1_000)
    assert rig.cabinet.supply.coils_on == 0
    assert [door.strike.line.level for door in rig.cabinet.doors] == [0] * 5


def chip_of(rig: VirtualRig) -> Any:
    (chip,) = rig.cabinet.expanders.values()
    return chip


@pytest.mark.parametrize(("kind", "part"), [("pcf8574", Pcf8574), ("tca9554", Tca9554)])
def test_a_silent_chip_takes_its_own_doors_out_of_service_and_no_others(
    tmp_path: Path, kind: str, part: type
) -> None:
    rig = rig_with(tmp_path, kind)
    chip = chip_of(rig)
    assert isinstance(chip, part)
    chip.silent = True
    rig.run(4_000)
    told = rig.events_seen()
    assert ["refused", 2] in told and ["pulsed", 0] in told and ["refused", 4] in told
    assert {event[1] for event in told if event[0] == 6} == {1, 2, 3, 4}
    chip.silent = False
    rig.run(2_500)
    assert rig.doors_told() == {0: True, 1: False, 2: False, 3: False, 4: False}


def test_while_a_relay_line_is_shorted_to_ground_nothing_is_pulsed(tmp_path: Path) -> None:
    """Its door would spring open with that of whoever is served."""
    rig = rig_with(tmp_path, "pcf8574", doors_to_pulse=[2, 0])
    chip_of(rig).nets[3].drive("solder", 0)
    rig.run(3_000)
    told = rig.events_seen()
    assert ["refused", 2] in told and ["refused", 0] in told
    assert not any(door.is_open for door in rig.cabinet.doors)


@pytest.mark.parametrize("kind", ["pcf8574", "tca9554"])
def test_a_door_opened_by_hand_is_known_by_the_interrupt_of_its_chip(tmp_path: Path, kind: str) -> None:
    rig = rig_with(tmp_path, kind, doors_to_pulse=[])
    rig.run(400)
    for number in (1, 4):
        rig.taken()
        rig.cabinet.doors[number].force_open()
        rig.run(100)
        assert rig.taken() == [[5, number, True]]


def test_a_broken_chain_is_noticed_where_its_end_is_wired_back(tmp_path: Path) -> None:
    rig = rig_with(tmp_path, "74hc595", back=33)
    rig.run(300)
    chip = chip_of(rig)
    assert isinstance(chip, Hc595)
    chip.broken_at = 1
    rig.run(5_000)
    told = rig.events_seen()
    assert ["pulsed", 2] in told and ["pulsed", 0] in told and ["refused", 4] in told
    assert rig.rises[4] == 0


@pytest.mark.parametrize("kind", BANKS)
def test_the_chips_run_on_micropython(tmp_path: Path, kind: str) -> None:
    with MicroPythonRig(tmp_path, PULSES, {**config(kind), "doors_to_pulse": [2]}) as rig:
        rig.wait_for(lambda: ["done"] in rig.events_seen())
        rig.wait_for(lambda: rig.doors_told().get(2) is True)
        assert rig.cabinet.supply.coils_on_max == 1
        assert rig.cabinet.supply.edges_before_armed == 0
