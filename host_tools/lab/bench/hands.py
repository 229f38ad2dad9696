"""How soon the firmware knows of a door opened by hand, for every kind of wiring at its largest.

A full lock board of each family alone on its wire, and the sensors on pins and on each expander, with and
without its interrupt line.  For a board that is asked lock by lock, the time of its wire alone is printed
too: the firmware cannot be faster.
"""

import random
from typing import TypedDict

from consigne.cabinet.deviceconfig import DeviceBus, DeviceExpander, DeviceLockBoard, DoorWires
from consigne.cabinet.document import Rs485

from .stand import Stand, StandConfig

# family -> locks, baud, level of an input while its door is shut
BOARDS = {
    "8a": (50, 9600, 1),
    "cu48": (48, 19200, 1),
    "cu16": (16, 19200, 1),
    "winnsen": (24, 9600, 0),
    "wkly": (50, 9600, 1),
    "modbus": (64, 9600, 1),
}
EXPANDERS = {"mcp23017": (16, 0x20), "pcf8574": (8, 0x21)}
DOORS = 24
WINNSEN_BYTES = 13
WARM_UP_MS = 6_000

KEY = "doors.hand_opened_known_ms_max"
GOALS = {
    **{f"{KEY}.{kind}": "<= 500" for kind in (*BOARDS, *EXPANDERS, "gpio")},
    f"{KEY}.mcp23017_no_int": "<= 500",
    f"{KEY}.pcf8574_no_int": "<= 500",
    KEY: "<= 500",
}

SENSORS = """
from locker.drivers.banks import Banks
from locker.drivers.board import buses
from locker.drivers.boardbanks import BoardBanks
from locker.drivers.reeds import Reeds

banks = Banks(config["doors"], config["expanders"], buses(config["i2c"]), config["board"])
made = BoardBanks(config["doors"], config["rs485"], config["boards"], None, report)


async def main():
    for bus in made.buses:
        asyncio.create_task(bus.run())
    await Reeds(len(config["doors"]), banks.pin_reeds + banks.chip_reeds + made.reeds).run(sink)


asyncio.run(main())
"""


class Banks(TypedDict, total=False):
    """The parts of a device's configuration with channels."""

    i2c: list[DeviceBus]
    expanders: list[DeviceExpander]
    rs485: list[Rs485]
    boards: list[DeviceLockBoard]


def _config(bank: str, count: int, closed_level: int, more: Banks) -> StandConfig:
    """``count`` sensors on one bank; their locks are never pulsed, and are on a bank that does not exist."""
    doors: list[DoorWires] = [
        {
            "name": str(n),
            "closed_level": closed_level,
            "lock": {"bank": bank if "rs485" in more else "gpio", "channel": n if "rs485" in more else 13},
            "reed": {"bank": bank, "channel": n},
        }
        for n in range(count)
    ]
    given: StandConfig = {
        "board": "esp32",
        "arm_pin": -1,
        "i2c": [],
        "expanders": [],
        "rs485": [],
        "boards": [],
        "doors": doors,
    }
    return {**given, **more}


def on_board(kind: str) -> StandConfig:
    """A full board of one family."""
    locks, baud, closed_level = BOARDS[kind]
    return _config(
        f"{kind}@1:1",
        locks,
        closed_level,
        {
            "rs485": [{"uart": 1, "tx": 18, "rx": 19, "de": 21, "baud": baud}],
            "boards": [{"kind": kind, "uart": 1, "address": 1, "reversed": False, "pulse_ms": 300}],
        },
    )


def on_expander(kind: str, interrupts: bool) -> StandConfig:
    """A chip with nothing but sensors."""
    count, address = EXPANDERS[kind]
    return _config(
        f"{kind}@0:{address}",
        count,
        0,
        {
            "i2c": [{"id": 0, "scl": 22, "sda": 21, "freq_hz": 100_000}],
            "expanders": [{"kind": kind, "i2c": 0, "address": address, "int_pin": 14 if interrupts else -1}],
        },
    )


def on_pins() -> StandConfig:
    made = _config("gpio", 4, 0, {})
    for door, pin in zip(made["doors"], (34, 35, 36, 39), strict=True):
        door["reed"]["channel"] = pin
    return made


def known_ms(config: StandConfig) -> float:
    """The longest time from a door opened by hand to the event, over random moments."""
    chance = random.Random(3)
    longest_ms = 0.0
    with Stand(SENSORS, config) as stand:
        stand.run(WARM_UP_MS)
        doors = stand.cabinet.doors
        for number in (chance.sample(range(len(doors)), len(doors)) * DOORS)[:DOORS]:
            stand.run(chance.uniform(0, 600))
            stand.events.clear()
            opened_us = stand.clock.now_us()
            doors[number].force_open()
            stand.run(2_000)
            told_us = [at_us for at_us, event in stand.events if event == [5, number, True]]
            if len(told_us) != 1:
                raise RuntimeError(f"door {number} was told {len(told_us)} times: {stand.events[-5:]}")
            longest_ms = max(longest_ms, (told_us[0] - opened_us) / 1000)
            doors[number].push_shut()
            stand.run(1_500)
    return longest_ms


def wire_limit_ms() -> float:
    """One round of a station of 24 locks, asked lock by lock: its bytes, and its delays."""
    with Stand(SENSORS, on_board("winnsen")) as stand:
        (station,) = stand.cabinet.boards.values()
        return station.locks * (WINNSEN_BYTES * station.wire.byte_us + station.reply_us) / 1000


def run() -> dict[str, float]:
    out = {f"{KEY}.{kind}": known_ms(on_board(kind)) for kind in BOARDS}
    for kind in EXPANDERS:
        out[f"{KEY}.{kind}"] = known_ms(on_expander(kind, True))
        out[f"{KEY}.{kind}_no_int"] = known_ms(on_expander(kind, False))
    out[f"{KEY}.gpio"] = known_ms(on_pins())
    out[KEY] = max(out.values())
    out["doors.winnsen_wire_limit_ms"] = wire_limit_ms()
    return out
