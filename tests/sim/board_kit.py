"""A cabinet whose doors hang on lock boards, and a firmware of their drivers that pulses on request.

The test asks for a pulse by pulling a spare pin: door after door of ``config["pulses"]``.
"""

from typing import Any

from driver_rig import VirtualRig

POLARITY = {"8a": 1, "cu48": 1, "cu16": 1, "winnsen": 0, "wkly": 1, "modbus": 1}  # a bit when closed
ADDRESS = {"8a": 3, "cu48": 4, "cu16": 5, "winnsen": 2, "wkly": 7, "modbus": 9}

BOARDS = """
from locker.drivers.boardbanks import BoardBanks
from locker.drivers.reeds import Reeds
from locker.drivers.relays import RelayLocks
from machine import Pin

relays = None
reeds = []
if config["arm_pin"] >= 0:
    banks = make_banks()
    relays = RelayLocks(banks.relays, banks.chips, config["arm_pin"])
    reeds = banks.pin_reeds + banks.chip_reeds
made = BoardBanks(config["doors"], config["rs485"], config["boards"], relays, report)
locks = made.locks
asked = asyncio.ThreadSafeFlag()
ask = Pin(33, Pin.IN, Pin.PULL_UP)
ask.irq(lambda pin: asked.set(), Pin.IRQ_FALLING)


async def pulses():
    for door in config["pulses"]:
        await asked.wait()
        try:
            locks.start(door, 400)
            while locks.busy():
                await asyncio.sleep_ms(5)
            sink(("pulsed", door))
        except OSError:
            sink(("failed", door))


async def main():
    tasks = [asyncio.create_task(bus.run()) for bus in made.buses]
    tasks.append(asyncio.create_task(pulses()))
    await Reeds(len(config["doors"]), reeds + made.reeds).run(sink)


asyncio.run(main())
"""


def board(kind: str, address: int | None = None, **more: Any) -> dict[str, Any]:
    """An entry of the configuration's ``boards``, all defaults filled in as ``config`` does."""
    pulse_ms = 300 if kind == "8a" else 400
    return {
        "kind": kind,
        "uart": 1,
        "address": ADDRESS[kind] if address is None else address,
        "reversed": False,
        "pulse_ms": pulse_ms,
        **more,
    }


def cabinet(
    *boards: dict[str, Any], doors: int = 8, baud: int = 9600, de: int = 21, pulses: tuple[int, ...] = ()
) -> dict[str, Any]:
    """``doors`` on each board, in the order of the boards."""
    return {
        "board": "esp32",
        "arm_pin": -1,
        "i2c": [],
        "expanders": [],
        "rs485": [{"uart": 1, "tx": 18, "rx": 19, "de": de, "baud": baud}],
        "boards": list(boards),
        "doors": [
            {
                "name": f"{number}.{channel}",
                "lock": {"bank": f"{entry['kind']}@1:{entry['address']}", "channel": channel},
                "reed": {"bank": f"{entry['kind']}@1:{entry['address']}", "channel": channel},
                "closed_level": POLARITY[entry["kind"]],
            }
            for number, entry in enumerate(boards)
            for channel in range(doors)
        ],
        "pulses": list(pulses),
    }


def ask_pulse(rig: VirtualRig) -> None:
    """Let the firmware give its next pulse."""
    pin = rig.board.pin(33)
    pin.drive("test", 0)
    rig.run(20)
    pin.drive("test", None)
    rig.run(10)
