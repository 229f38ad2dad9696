"""A pulse cut anywhere: the processor stops, or is reset, at every single step of it."""

from driver_rig import CONFIG, VirtualRig

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


def at_each_step(tmp_path, happen):
    """Yield a rig per step; ``happen(rig)`` has been called instead of letting that step return."""
    step = 0
    while True:
        directory = tmp_path / str(step)
        directory.mkdir()
        rig = VirtualRig(directory, TWO_PULSES)
        rig.rises = watched(rig)
        port = rig.ground.interpreter.port
        handle, left = port.handle, [step]

        def counted(op, number, payload, rig=rig, handle=handle, left=left):
            answer = handle(op, number, payload)
            left[0] -= 1
            if left[0] == -1:
                happen(rig)
            return answer

        port.handle = counted
        rig.run(RUN_MS)
        if left[0] >= 0:
            assert step > 40, "boot and two pulses take more steps than that"
            return
        yield step, rig
        step += 1


def watched(rig):
    """Count rising edges of every relay line by door."""
    rises = [0] * len(rig.cabinet.doors)

    def watch(number):
        def changed(level):
            rises[number] += level

        return changed

    for number, door in enumerate(rig.cabinet.doors):
        door.strike.line.on_change(watch(number))
    return rises


def test_no_coil_burns_wherever_the_processor_stops(tmp_path):
    for step, rig in at_each_step(tmp_path, lambda rig: rig.ground.kill()):
        rig.run(5000)
        supply = rig.cabinet.supply
        assert supply.coils_on == 0, f"step {step}"
        assert supply.coil_on_max_us <= 1_000_000, f"step {step}"
        assert supply.coils_on_max <= 1, f"step {step}"


def test_a_reset_at_any_step_clicks_no_relay_and_opens_no_other_door(tmp_path):
    for step, rig in at_each_step(tmp_path, lambda rig: rig.reset()):
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
