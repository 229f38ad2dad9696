"""The same drivers on MicroPython: that they run there at all, and what they cost."""

from driver_rig import CONFIG, MicroPythonRig

KEY, SCAN, DOOR = 1, 3, 5

# Every driver at once.  A digit opens the door of that number, a scanned text goes to the display.
ALL = """
import gc

from locker.core import events
from locker.drivers.buzzer import Buzzer
from locker.drivers.display import CharacterDisplay
from locker.drivers.keypad import MatrixKeypad
from locker.drivers.lamp import Lamp
from locker.drivers.mcp23017 import Mcp23017
from locker.drivers.reeds import Reeds
from locker.drivers.relays import RelayLocks
from locker.drivers.gm65scanner import Gm65Scanner

gc.collect()
before = gc.mem_alloc()
lines = make_banks()
locks = RelayLocks(lines.relays, lines.chips, config["arm_pin"])
reeds = Reeds(len(config["doors"]), lines.pin_reeds + lines.chip_reeds)
part = config["keypad"]
keypad = MatrixKeypad(part["rows"], part["cols"], part["keys"], 20)
part = config["scanner"]
scanner = Gm65Scanner(part["uart"], part["tx"], part["rx"], part["baud"], "\\r", "continuous", report)
part = config["display"]
display = CharacterDisplay(buses(config["i2c"])[0], part["address"], part["columns"], part["rows"], report)
buzzer = Buzzer(config["buzzer"]["pin"])
lamp = Lamp(config["led"]["pin"])


def follow(event):
    sink(event)
    if event[0] == events.EV_KEY:
        buzzer.play(events.BEEP_KEY)
        if "1" <= event[1] <= "9" and not locks.busy():
            locks.start(int(event[1]) - 1, config["pulse_ms"])
    elif event[0] == events.EV_SCAN:
        display.show(("Bonjour à tous", event[1]))
        lamp.set(events.LED_BUSY)


async def main():
    runs = reeds.run(follow), keypad.run(follow), scanner.run(follow), display.run(), buzzer.run(), lamp.run()
    tasks = [asyncio.create_task(run) for run in runs]
    await asyncio.sleep_ms(700)
    gc.collect()
    print("heap", gc.mem_alloc() - before)
    while True:
        await asyncio.sleep_ms(5)
        locks.busy()
        for task in tasks:
            if task.done():
                await task


asyncio.run(main())
"""


def started(rig):
    rig.wait_for(lambda: any(line.startswith("heap ") for line in rig.prints))
    rig.call(rig.taken)
    return rig


def test_every_driver_runs_on_micropython(tmp_path):
    with MicroPythonRig(tmp_path, ALL, {**CONFIG, "pulse_ms": 200}) as rig:
        started(rig)
        cabinet = rig.cabinet
        assert cabinet.scanner.zones[0x0003] == 0x02
        for key, door in (("1", 0), ("7", 6)):
            rig.call(lambda key=key: cabinet.keypad.press(key))
            rig.wait_for(lambda door=door: [DOOR, door, True] in rig.events_seen())
            rig.wait_for(lambda: cabinet.supply.coils_on == 0)
            rig.wait_for(lambda door=door: cabinet.doors[door].strike.line.level == 0)
        rig.call(lambda: cabinet.scanner.show("RR123456785FR"))
        rig.wait_for(lambda: [SCAN, "RR123456785FR"] in rig.events_seen())
        rig.wait_for(
            lambda: (
                [line.rstrip() for line in cabinet.display.lines()[:2]] == ["Bonjour à tous", "RR123456785FR"]
            )
        )
        rig.wait_for(lambda: [tone[1] for tone in cabinet.buzzer.heard] == [2400, 2400])
        rig.wait_for(lambda: len(cabinet.lamp.changes) > 4)
        assert cabinet.supply.coils_on_max == 1
        assert cabinet.supply.edges_before_armed == 0
        assert cabinet.supply.hot_switches == 0
        assert cabinet.display.violations == 0


def test_digits_typed_on_micropython_all_arrive(tmp_path):
    digits = "9021041755#"
    with MicroPythonRig(tmp_path, ALL, {**CONFIG, "pulse_ms": 100}) as rig:
        started(rig)
        rig.cabinet.keypad.noise_per_s = 10
        rig.call(lambda: rig.cabinet.keypad.type(digits, keys_per_s=4, hold_share=0.5))
        rig.wait_for(lambda: "".join(e[1] for e in rig.events_seen() if e[0] == KEY) == digits)


def test_a_processor_that_stands_still_in_a_pulse_burns_no_coil(tmp_path):
    """The interpreter is stopped dead a few moments into the longest pulse, and stays stopped."""
    with MicroPythonRig(tmp_path, ALL, {**CONFIG, "pulse_ms": 1000}) as rig:
        started(rig)
        supply = rig.cabinet.supply
        rig.call(lambda: rig.cabinet.keypad.press("5", 400))
        rig.wait_for(lambda: supply.coils_on == 1)
        rig.call(rig.ground.freeze)
        rig.wait_for(lambda: supply.coils_on == 0)
        assert 999_000 <= supply.coil_on_max_us <= 1_000_000
        rig.call(rig.ground.thaw)
        rig.wait_for(lambda: rig.cabinet.doors[4].strike.line.level == 0)


def test_drivers_of_48_doors_take_less_than_32_kb_of_heap(tmp_path):
    doors, expanders = [], []
    for chip, int_pin in enumerate((14, 13, 18, 19, 23, 0)):
        expanders.append({"kind": "mcp23017", "i2c": 0, "address": 32 + chip, "int_pin": int_pin})
        bank = f"mcp23017@0:{32 + chip}"
        doors += [
            {
                "name": str(8 * chip + n + 1),
                "lock": {"bank": bank, "channel": n},
                "reed": {"bank": bank, "channel": n + 8},
                "closed_level": 0,
            }
            for n in range(8)
        ]
    with MicroPythonRig(
        tmp_path, ALL, {**CONFIG, "expanders": expanders, "doors": doors, "pulse_ms": 300}
    ) as rig:
        rig.wait_for(lambda: any(line.startswith("heap ") for line in rig.prints))
        (heap,) = (int(line[5:]) for line in rig.prints if line.startswith("heap "))
        assert 4_000 < heap < 32_000
        assert len(rig.call(rig.doors_told)) == 48
