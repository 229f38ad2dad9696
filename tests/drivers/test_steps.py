"""A pulse cut anywhere: the processor stops, or is reset, at every single step of it."""

from driver_rig import CONFIG, VirtualRig, at_each_step, watched

# Boot, a pulse on a pin, a pulse on the expander, then nothing more.
TWO_PULSES = """
from locker.drivers.relays import RelayLocks

lines = make_banks()
locks = RelayLocks(lines.relays, lines.chips, config["arm_pin"])


async def main():
    for door in (1, 6):
        locks.start(door, 1000)
        while locks.busy():
            await asyncio.sleep_ms(100)
    sink(("done",))
    await asyncio.sleep_ms(1_000_000)


asyncio.run(main())
"""
PULSED = (1, 6)
RUN_MS = 2500
LEAST_STEPS = 40  # of boot and two pulses


def two_pulses(directory):
    rig = VirtualRig(directory, TWO_PULSES)
    rig.rises = watched(rig)
    return rig


def test_no_coil_burns_wherever_the_processor_stops(tmp_path):
    for step, rig in at_each_step(tmp_path, two_pulses, lambda rig: rig.ground.kill(), RUN_MS, LEAST_STEPS):
        rig.run(5000)
        supply = rig.cabinet.supply
        assert supply.coils_on == 0, f"step {step}"
        assert supply.coil_on_max_us <= 1_000_000, f"step {step}"
        assert supply.coils_on_max <= 1, f"step {step}"


def test_a_reset_at_any_step_clicks_no_relay_and_opens_no_other_door(tmp_path):
    for step, rig in at_each_step(tmp_path, two_pulses, lambda rig: rig.reset(), RUN_MS, LEAST_STEPS):
        rig.run(RUN_MS)
        assert ["done"] in rig.events_seen(), f"step {step}"
        supply = rig.cabinet.supply
        assert supply.coil_on_max_us <= 1_000_000, f"step {step}"
        assert supply.coils_on_max == 1, f"step {step}"
        for number, door in enumerate(rig.cabinet.doors):
            assert door.is_open == (number in PULSED), f"step {step}"
            # One edge for each order: the one that was cut, and the one after it.
            assert rig.rises[number] <= 2 * (number in PULSED), f"step {step}, door {number}"


def test_edges_before_armed_are_zero_over_power_cuts_resets_and_the_watchdog(tmp_path):
    idle = "import machine\n    machine.WDT(timeout=5000)\n    for door in ():"
    program = TWO_PULSES.replace("for door in (1, 6):", idle)
    rig = VirtualRig(tmp_path, program, CONFIG)
    rises = watched(rig)
    for _ in range(5):
        rig.run(12_000)  # nobody feeds the watchdog
        rig.reset()
        rig.run(700)
        rig.ground.kill()
        rig.board.power_off()
        rig.run(50)
        rig.board.power_on()
        rig.ground.start()
    assert rig.resets >= 15
    assert sum(rises) == 0
    assert rig.cabinet.supply.edges_before_armed == 0
