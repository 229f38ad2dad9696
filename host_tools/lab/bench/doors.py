"""Coils, relays, keys and lock boards in numbers: what must hold whatever the software does.

Everything is read from the simulated physics (``sim/parts/doors.Supply``, the wire of the lock
boards), outside the firmware.  The firmware is stopped, or reset, at every single step of its boot
and of its pulses; the keypad bounces and its wires catch noise.
"""

import random
import tempfile
from pathlib import Path

from consigne.cabinet.deviceconfig import (
    DeviceChain,
    DeviceExpander,
    DoorWires,
    WiredConfig,
    WiredDoor,
    Wiring,
)
from consigne.cabinet.document import WiegandKeypad
from consigne.sim import reference
from consigne.sim.board.board import HARD, SOFT, WATCHDOG
from consigne.sim.clock import VirtualClock
from consigne.sim.ground import RESTART_US
from consigne.sim.locker import SimLocker

from . import hands
from .stand import Stand, StandConfig

GOALS = {
    "doors.max_coil_on_ms": "<= 1000",
    "doors.concurrent_coils_max": "== 1",
    "doors.edges_before_armed": "== 0",
    "keypad.lost_keys": "== 0",
    "keypad.invented_keys": "== 0",
    "bus.status_poll_ratio": "<= 1.3",
    "bus.door_known_ms_max": "<= 500",
    **hands.GOALS,
}

BOARDS = 5
DOORS_PER_BOARD = 40
KEY_SEEDS = 10
KEYS_PER_S = 15

# Two pulses of a second, the longest allowed: on a pin, then on the expander or a lock board.
PULSES = """
from locker.drivers.banks import Banks
from locker.drivers.board import buses
from locker.drivers.boardbanks import BoardBanks
from locker.drivers.relays import RelayLocks

banks = Banks(
    config["doors"], config["expanders"], buses(config["i2c"]), config["board"], config["shifts"]
)
relays = RelayLocks(banks.relays, banks.chips, config["arm_pin"])
made = BoardBanks(config["doors"], config["rs485"], config["boards"], relays, report)


async def main():
    for bus in made.buses:
        asyncio.create_task(bus.run())
    await asyncio.sleep_ms(500)
    while True:
        for door in config["pulses"]:
            made.locks.start(door, 1000)
            refused = 0
            for other in range(len(config["doors"])):
                try:
                    made.locks.start(other, 1000)
                except RuntimeError:
                    refused += 1
            sink(("refused", refused))
            while made.locks.busy():
                await asyncio.sleep_ms(50)
        if not config["forever"]:
            break
    sink(("done",))
    await asyncio.sleep_ms(1_000_000)


asyncio.run(main())
"""

SENSORS = """
from locker.drivers.boardbanks import BoardBanks
from locker.drivers.reeds import Reeds

made = BoardBanks(config["doors"], config["rs485"], config["boards"], None, report)


async def main():
    for bus in made.buses:
        asyncio.create_task(bus.run())
    await Reeds(len(config["doors"]), made.reeds).run(sink)


asyncio.run(main())
"""

KEYPAD = """
from locker.panel import _keypad

asyncio.run(_keypad(config["keypad"], report).run(sink))
"""
WIEGAND: WiegandKeypad = {"kind": "wiegand", "d0": 39, "d1": 40, "bits": 8, "gap_ms": 40}


def with_boards(boards: int, doors: int) -> StandConfig:
    """A cabinet of "8A" boards alone."""
    return {
        "rs485": [{"uart": 1, "tx": 18, "rx": 19, "de": 21, "baud": 9600}],
        "boards": [
            {"kind": "8a", "uart": 1, "address": n + 1, "reversed": False, "pulse_ms": 300}
            for n in range(boards)
        ],
        "doors": [
            {
                "name": f"{n + 1}.{channel + 1}",
                "closed_level": 1,
                "lock": {"bank": f"8a@1:{n + 1}", "channel": channel},
                "reed": {"bank": f"8a@1:{n + 1}", "channel": channel},
            }
            for n in range(boards)
            for channel in range(doors)
        ],
    }


CHAIN: DeviceChain = {
    "kind": "74hc595",
    "data": 39,
    "clock": 40,
    "latch": 41,
    "enable": 42,
    "back": -1,
    "chips": 2,
}
PCF: DeviceExpander = {"kind": "pcf8574", "i2c": 0, "address": 0x21, "int_pin": -1}


def on_chips(chain: str, count: int) -> list[DoorWires]:
    """Doors on a chain of shift registers, their sensors on the PCF8574, and one with both on that."""
    pcf = "pcf8574@0:33"
    doors = [(chain, 3 * n, n) for n in range(count)] + [(pcf, 7, 6)]
    return [
        {
            "name": f"C{n}",
            "closed_level": 0,
            "lock": {"bank": bank, "channel": lock},
            "reed": {"bank": pcf, "channel": reed},
        }
        for n, (bank, lock, reed) in enumerate(doors)
    ]


def _plain(door: WiredDoor) -> DoorWires:
    return {
        "name": door["name"],
        "closed_level": door["closed_level"],
        "lock": door["lock"],
        "reed": door["reed"],
    }


def mixed(pulses: tuple[int, ...], forever: bool) -> StandConfig:
    """The demo's twelve doors on pins and an expander, two more on a lock board, three on other chips."""
    demo = reference.config(1)
    boards = with_boards(1, 2)
    boards["rs485"][0].update({"tx": 11, "rx": 12, "de": 13})
    return {
        **boards,
        "board": demo["board"],
        "arm_pin": demo["arm_pin"],
        "i2c": demo["i2c"],
        "expanders": [*demo["expanders"], PCF],
        "shifts": [CHAIN],
        "doors": [*(_plain(door) for door in demo["doors"]), *boards["doors"], *on_chips("74hc595@41", 2)],
        "pulses": list(pulses),
        "forever": forever,
    }


def frozen_pulses() -> dict[str, float]:
    """Stop the processor at each step of boot and pulses, on every kind of relay line."""
    return worst(_frozen((1, 6)), _frozen((15, 16)))


def _frozen(doors: tuple[int, ...]) -> dict[str, float]:
    """The coils must go off by themselves."""
    longest_us = 0
    most = 0
    steps = 0
    reached = True
    while reached:
        with Stand(PULSES, mixed(doors, False)) as stand:
            came = stand.at_step(steps, stand.ground.kill)
            stand.clock.run_for(8)
            reached = came()
            supply = stand.cabinet.supply
            longest_us = max(longest_us, supply.coil_on_max_us)
            most = max(most, supply.coils_on_max)
        # Close to each other where something happens; the bus goes on asking for ever.
        steps += 1 if steps < 150 else 17
        reached = reached and steps < 600
    return {
        "doors.max_coil_on_ms": longest_us / 1000,
        "doors.concurrent_coils_max": float(most),
        "doors.steps_frozen": float(steps),
    }


def crowded_pulses() -> dict[str, float]:
    """Orders for every door while a coil is on, on pins, chips and board alike."""
    with Stand(PULSES, mixed((12, 0, 7, 13, 15, 3, 16), True)) as stand:
        stand.run(60_000)
        refusals = [event[1] for _, event in stand.events if event[0] == "refused"]
        if not refusals or min(refusals) != len(stand.cabinet.doors):
            raise RuntimeError(f"a second coil was ordered: {refusals}")
        supply = stand.cabinet.supply
        return {
            "doors.concurrent_coils_max": float(supply.coils_on_max),
            "doors.max_coil_on_ms": supply.coil_on_max_us / 1000,
        }


def boots() -> dict[str, float]:
    """Power cuts and resets of every kind at all moments of the start of the whole firmware."""
    demo = reference.config(1)
    del demo["network"]
    chain: DeviceChain = {**CHAIN, "data": 4, "clock": 5, "latch": 6, "enable": 7}
    doors: list[WiredDoor] = [{**door, "size": 1, "low": False} for door in on_chips("74hc595@6", 4)]
    others: WiredConfig = {**demo, "expanders": [PCF], "shifts": [chain], "doors": doors}
    return worst(_boots(demo), _boots(others))


def _boots(config: Wiring) -> dict[str, float]:
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as directory:
        sim = SimLocker(config, reference.identity(), Path(directory), "virtual", clock=VirtualClock())
        sim.start()
        for _ in range(10):
            for cause in (HARD, SOFT, WATCHDOG):
                sim.run_for(RESTART_US / 1e6 + chance.uniform(0.001, 1.5))
                sim.board.reset(cause)
            sim.run_for(RESTART_US / 1e6 + chance.uniform(0.001, 1.5))
            sim.cut_power()
            sim.run_for(0.5)
            sim.restore_power()
        sim.run_for(5)
        sim.stop()
        return {"doors.edges_before_armed": float(sim.cabinet.supply.edges_before_armed)}


def keys() -> dict[str, float]:
    """Keys at 15 a second: what was typed, and what was told.

    A matrix has bounce and noise.  A Wiegand keypad debounces by itself, and a spike in one of its frames
    spoils that key for good (it is told, not mended): it is typed without.
    """
    lost = invented = 0
    for part, noise_per_s in ((reference.config(1)["keypad"], 10), (WIEGAND, 0)):
        for seed in range(KEY_SEEDS):
            given: StandConfig = {
                "board": reference.config(1)["board"],
                "arm_pin": -1,
                "doors": [],
                "keypad": part,
            }
            with Stand(KEYPAD, given, seed) as stand:
                stand.run(50)
                keypad = stand.cabinet.keypad
                if keypad is None:
                    raise RuntimeError("a cabinet without a keypad")
                keypad.noise_per_s = noise_per_s
                typed = "".join(random.Random(seed).choices("123456789*0#", k=300))
                stand.run(keypad.type(typed, KEYS_PER_S) / 1000 + 100)
                told = "".join(event[1] for _, event in stand.events if event[0] == 1)
            common = in_order(typed, told)
            lost += len(typed) - common
            invented += len(told) - common
    return {"keypad.lost_keys": float(lost), "keypad.invented_keys": float(invented)}


def in_order(one: str, other: str) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for a in one:
        before = 0
        for at, b in enumerate(other, start=1):
            before, row[at] = row[at], before + 1 if a == b else max(row[at], row[at - 1])
    return row[-1]


def bus() -> dict[str, float]:
    """200 doors on five boards: how close polling comes to the wire, and how soon a door is known."""
    chance = random.Random(2)
    known_ms = []
    with Stand(SENSORS, with_boards(BOARDS, DOORS_PER_BOARD)) as stand:
        stand.run(5_000)
        boards = list(stand.cabinet.boards.values())
        wire = boards[0].wire
        wire.heard.clear()
        stand.run(20_000)
        spent_us = wire.heard[-1][0] - wire.heard[0][0]
        reply_bytes = 4 + (DOORS_PER_BOARD + 7) // 8
        limit_us = sum(
            (len(request) + reply_bytes) * wire.byte_us + boards[0].reply_us for _, request in wire.heard[1:]
        )
        for number in chance.sample(range(BOARDS * DOORS_PER_BOARD), 100):
            stand.run(chance.uniform(0, 150))
            stand.events.clear()
            opened_us = stand.clock.now_us()
            stand.cabinet.doors[number].force_open()
            stand.run(1_000)
            told = [at_us for at_us, event in stand.events if event == [5, number, True]]
            known_ms.append((told[0] - opened_us) / 1000 if told else 1_000.0)
    return {"bus.status_poll_ratio": spent_us / limit_us, "bus.door_known_ms_max": max(known_ms)}


def worst(*scenes: dict[str, float]) -> dict[str, float]:
    """The largest of each number."""
    out: dict[str, float] = {}
    for scene in scenes:
        for key, value in scene.items():
            out[key] = max(out.get(key, value), value)
    return out


def run() -> dict[str, float]:
    """All numbers of this module; the worst where two scenes give the same number."""
    return worst(frozen_pulses(), crowded_pulses(), boots(), keys(), bus(), hands.run())
