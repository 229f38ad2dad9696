"""The strikes: exact pulses, one coil at a time, no click, and what a silent expander costs."""

import pytest
from driver_rig import CONFIG, Rig, VirtualRig

DOORS = len(CONFIG["doors"])

# Pulses each door once, tells when each pulse was over, and what a wrong order raises.
PULSE_ALL = """
from locker.drivers.relays import RelayLocks
from time import ticks_diff, ticks_ms

banks = make_banks()
locks = RelayLocks(banks.relays, banks.chips, config["arm_pin"])


async def main():
    await asyncio.sleep_ms(500)
    for door in range(len(config["doors"])):
        started_ms = ticks_ms()
        locks.start(door, config["pulse_ms"])
        while locks.busy():
            await asyncio.sleep_ms(1)
        sink(("pulsed", door, ticks_diff(ticks_ms(), started_ms)))
        await asyncio.sleep_ms(100)
    while True:
        await asyncio.sleep_ms(1000)


asyncio.run(main())
"""


def rig_with(tmp_path, program, pulse_ms=400, seed=1) -> Rig:
    return VirtualRig(tmp_path, program, {**CONFIG, "pulse_ms": pulse_ms}, seed)


@pytest.mark.parametrize("pulse_ms", [1, 104, 105, 400, 1000])
def test_each_coil_is_on_for_the_pulse_ordered_and_no_microsecond_longer(tmp_path, pulse_ms):
    rig = rig_with(tmp_path, PULSE_ALL, pulse_ms)
    rig.run(500 + DOORS * (pulse_ms + 150))
    told = rig.taken()
    assert [event[1] for event in told] == list(range(DOORS))
    assert all(pulse_ms - 1 <= event[2] <= pulse_ms + 5 for event in told)
    supply = rig.cabinet.supply
    assert supply.pulses == DOORS
    assert pulse_ms * 1000 - 50 <= supply.coil_on_max_us <= pulse_ms * 1000
    assert supply.coils_on_max == 1
    assert supply.coils_on == 0


def test_a_pulse_opens_its_own_door_and_no_other(tmp_path):
    rig = rig_with(tmp_path, PULSE_ALL)
    for opened in range(DOORS):
        rig.run_until(lambda opened=opened: len(rig.events) > opened)
        assert [door.is_open for door in rig.cabinet.doors] == [n <= opened for n in range(DOORS)]


def test_no_relay_clicks_at_power_up_and_none_switches_under_current(tmp_path):
    rig = rig_with(tmp_path, PULSE_ALL)
    edges = []
    for number, door in enumerate(rig.cabinet.doors):
        door.strike.line.on_change(lambda level, number=number: edges.append((number, level)))
    rig.run(400)
    assert edges == []
    rig.run(DOORS * 600)
    assert edges == [(door, level) for door in range(DOORS) for level in (1, 0)]
    assert rig.cabinet.supply.edges_before_armed == 0
    assert rig.cabinet.supply.hot_switches == 0


REFUSALS = """
from locker.drivers.relays import RelayLocks

banks = make_banks()
locks = RelayLocks(banks.relays, banks.chips, config["arm_pin"])


def refused(door, pulse_ms):
    try:
        locks.start(door, pulse_ms)
    except Exception as error:
        sink((type(error).__name__, door))
    else:
        sink(("started", door))


async def main():
    for door, pulse_ms in ((-1, 400), (len(config["doors"]), 400), (0, 0), (0, 1001)):
        refused(door, pulse_ms)
    refused(0, 1000)
    refused(1, 400)
    await asyncio.sleep_ms(999)
    refused(1, 400)
    await asyncio.sleep_ms(2)
    refused(1, 400)
    await asyncio.sleep_ms(100)
    locks.off()
    await asyncio.sleep_ms(1000)


asyncio.run(main())
"""


def test_a_wrong_door_a_wrong_length_and_a_second_pulse_are_refused(tmp_path):
    rig = rig_with(tmp_path, REFUSALS)
    rig.run(1090)
    assert rig.taken() == [
        ["ValueError", -1],
        ["ValueError", DOORS],
        ["ValueError", 0],
        ["ValueError", 0],
        ["started", 0],
        ["RuntimeError", 1],
        ["RuntimeError", 1],
        ["started", 1],
    ]
    assert rig.cabinet.supply.coils_on == 1
    rig.run(60)  # off() falls into the second pulse
    assert rig.cabinet.supply.coils_on == 0
    assert rig.cabinet.supply.coils_on_max == 1


STOPPED = """
from locker.drivers.relays import RelayLocks

lines = make_banks()
locks = RelayLocks(lines.relays, lines.chips, config["arm_pin"])
for door in (6, 1):
    locks.start(door, 1000)
    asyncio.run(asyncio.sleep_ms(50))
    locks.off()
    sink(("off", door))
    asyncio.run(asyncio.sleep_ms(1000))
asyncio.run(asyncio.sleep_ms(100_000))
"""


def test_off_ends_a_pulse_on_a_pin_and_on_the_expander_at_once(tmp_path):
    rig = rig_with(tmp_path, STOPPED)
    for door in (6, 1):
        rig.run_until(lambda door=door: ["off", door] in rig.events_seen())
        assert rig.cabinet.supply.coils_on == 0
        assert rig.cabinet.doors[door].strike.line.level == 0
    assert rig.cabinet.supply.coil_on_max_us < 60_000


# Pulses a door of the expander every second, whatever happens, and a door on a pin in between.
STUBBORN = """
from locker.drivers.relays import RelayLocks

banks = make_banks()
locks = RelayLocks(banks.relays, banks.chips, config["arm_pin"])


async def pulse(door):
    try:
        locks.start(door, 300)
    except OSError:
        sink(("refused", door))
        return
    while locks.busy():
        await asyncio.sleep_ms(5)
    sink(("pulsed", door))


async def main():
    while True:
        await pulse(4)
        await asyncio.sleep_ms(200)
        await pulse(0)
        await asyncio.sleep_ms(200)


asyncio.run(main())
"""


def test_a_silent_expander_takes_its_own_doors_out_of_service_and_no_others(tmp_path):
    rig = rig_with(tmp_path, STUBBORN)
    chip = rig.cabinet.expanders["mcp23017@0:32"]
    chip.silent = True
    rig.run(1500)
    assert ["pulsed", 0] in rig.events_seen() and ["pulsed", 4] not in rig.events_seen()
    assert rig.cabinet.doors[0].is_open
    rig.taken()
    chip.silent = False
    rig.run(1500)
    assert ["pulsed", 4] in rig.taken()
    assert rig.cabinet.doors[4].is_open
    assert rig.cabinet.supply.edges_before_armed == 0


def test_no_pulse_while_a_line_may_still_be_selected(tmp_path):
    """The expander falls silent while its relay is on: the next pulse would open that door too."""
    rig = rig_with(tmp_path, STUBBORN)
    chip = rig.cabinet.expanders["mcp23017@0:32"]
    rig.run(150)
    assert rig.cabinet.doors[4].strike.current
    chip.silent = True
    rig.run(2000)
    assert ["refused", 0] in rig.taken()
    assert rig.cabinet.doors[4].strike.line.level == 1
    assert rig.cabinet.supply.pulses == 1
    chip.silent = False
    rig.run(2000)
    told = rig.taken()
    assert ["pulsed", 0] in told and ["pulsed", 4] in told
    assert rig.cabinet.supply.coils_on_max == 1


def test_a_release_that_got_lost_is_said_again_at_once(tmp_path):
    """Else the relay would stay on until the next customer."""
    rig = rig_with(tmp_path, STUBBORN)
    chip, strike = rig.cabinet.expanders["mcp23017@0:32"], rig.cabinet.doors[4].strike
    rig.run(150)
    assert strike.current
    chip.silent = True
    rig.run_until(lambda: not strike.current, 400)
    rig.run(6)  # the first release falls into this
    chip.silent = False
    rig.run(12)
    assert strike.line.level == 0 and ["pulsed", 4] in rig.events_seen()


def test_a_relay_that_went_on_although_the_order_failed_is_let_go_before_another_door_is_pulsed(tmp_path):
    rig = rig_with(tmp_path, STUBBORN)
    rig.run_until(lambda: ["pulsed", 0] in rig.events_seen(), 2000)
    rig.cabinet.doors[4].push_shut()
    rig.cabinet.doors[0].push_shut()
    rig.taken()
    rig.cabinet.expanders["mcp23017@0:32"].unconfirmed = 2
    rig.run_until(lambda: ["refused", 4] in rig.events_seen(), 2000)
    rig.run(5)
    assert rig.cabinet.doors[4].strike.line.level == 0, "only the arming line keeps it shut"
    rig.run_until(lambda: ["pulsed", 0] in rig.events_seen(), 2000)
    assert rig.taken() == [["refused", 4], ["pulsed", 0]]
    assert rig.cabinet.supply.coils_on_max == 1
    assert rig.cabinet.doors[0].is_open and not rig.cabinet.doors[4].is_open


# Everything off in the middle of a pulse on the expander; then pulses on a pin, whatever happens.
STOPPED_DEAF = """
from locker.drivers.relays import RelayLocks

lines = make_banks()
locks = RelayLocks(lines.relays, lines.chips, config["arm_pin"])
locks.start(6, 1000)
sink(("on",))
asyncio.run(asyncio.sleep_ms(50))
locks.off()
sink(("off",))
while True:
    asyncio.run(asyncio.sleep_ms(1500))
    try:
        locks.start(1, 300)
        sink(("started", 1))
    except OSError:
        sink(("refused", 1))
"""


def test_an_expander_that_did_not_hear_that_all_is_off_is_told_before_the_next_pulse(tmp_path):
    rig = rig_with(tmp_path, STOPPED_DEAF)
    rig.run_until(lambda: ["on"] in rig.events_seen())
    chip = rig.cabinet.expanders["mcp23017@0:32"]
    chip.silent = True
    rig.run(1700)
    assert rig.taken() == [["on"], ["off"], ["refused", 1]]
    chip.silent = False
    rig.run(1700)
    assert rig.taken() == [["started", 1]]
    assert rig.cabinet.doors[6].strike.line.level == 0
    assert rig.cabinet.supply.coils_on_max == 1


def test_an_expander_that_lost_its_settings_is_set_up_before_the_next_pulse(tmp_path):
    rig = rig_with(tmp_path, STUBBORN)
    chip = rig.cabinet.expanders["mcp23017@0:32"]
    rig.run(150)
    chip.brown_out()  # its outputs let go in the middle of the pulse
    assert not rig.cabinet.doors[4].strike.current
    rig.cabinet.doors[4].push_shut()
    rig.run(1200)
    assert rig.cabinet.doors[4].is_open
    assert rig.cabinet.supply.coils_on_max == 1


def test_a_reset_in_the_middle_of_a_pulse_ends_it_and_the_next_start_clicks_nothing(tmp_path):
    rig = rig_with(tmp_path, PULSE_ALL, pulse_ms=1000)
    rig.run(700 + 4 * 1101)
    line = rig.cabinet.doors[4].strike.line
    assert rig.cabinet.supply.coils_on == 1 and line.level == 1
    rig.reset()
    assert rig.cabinet.supply.coils_on == 0
    assert line.level == 1  # the expander knows nothing of the reset
    rig.run(300)
    assert line.level == 0
    assert rig.cabinet.supply.coils_on_max == 1
    assert rig.cabinet.supply.edges_before_armed == 0


def test_a_jammed_latch_stays_shut_until_it_is_pulsed_again(tmp_path):
    rig = rig_with(tmp_path, STUBBORN)
    door = rig.cabinet.doors[0]
    door.strike.jams = 2
    rig.run(2400)
    assert not door.is_open
    rig.run(1000)
    assert door.is_open
