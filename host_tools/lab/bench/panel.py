"""Keys pressed while the display is being written: how many are lost, and how late they are reported.

On both grounds, since they differ just here: on CPython virtual time makes every run the same, on
MicroPython interrupts come between two bytecodes.  The display is repainted without a pause, all 80
characters; the delay is counted from the earliest moment at which a driver could know.
"""

import random
import tempfile
from pathlib import Path
from typing import TypedDict

from consigne import firmware_dir
from consigne.cabinet.deviceconfig import DeviceDisplay, WiredConfig
from consigne.cabinet.document import WiegandKeypad
from consigne.sim import reference
from consigne.sim.locker import SimLocker
from consigne.sim.parts.keypad import MatrixKeypad

from .doors import in_order
from .machine import undisturbed

GOALS = {
    "panel.lost_keys": "== 0",
    "panel.invented_keys": "== 0",
    "panel.late_ms_max": "<= 40",
    "panel.lost_keys_micropython": "== 0",
    "panel.invented_keys_micropython": "== 0",
}

KEYS_PER_S = 15
VIRTUAL_KEYS = 300
REAL_KEYS, REAL_KEYS_PER_S = 40, 5
WIEGAND_GAP_MS = 40
_PROGRAM = """
import asyncio
import json

from locker.drivers.board import buses
from locker.panel import Panel

with open("config.json") as file:
    config = json.load(file)
panel = Panel(config, buses(config["i2c"]), print)


def sink(event):
    print("event", json.dumps(event))


async def repaint():
    turn = 0
    while True:
        turn += 1
        panel.display.show([chr(97 + (turn + row) % 26) * 20 for row in range(4)])
        await asyncio.sleep_ms(20)


async def main():
    asyncio.create_task(panel.display.run())
    asyncio.create_task(repaint())
    print("ready")
    await panel.keypad.run(sink)


asyncio.run(main())
"""
_WIEGAND: WiegandKeypad = {"kind": "wiegand", "d0": 39, "d1": 40, "bits": 8, "gap_ms": WIEGAND_GAP_MS}
_OLED: DeviceDisplay = {"kind": "ssd1306", "i2c": 0, "address": 0x3C}


class Parts(TypedDict, total=False):
    """The parts of a panel in a device's configuration."""

    keypad: WiegandKeypad
    display: DeviceDisplay


PANELS: dict[str, Parts] = {
    "matrix hd44780": {},
    "matrix ssd1306": {"display": _OLED},
    "wiegand hd44780": {"keypad": _WIEGAND},
    "wiegand ssd1306": {"keypad": _WIEGAND, "display": _OLED},
}
"""Those that are not the reference's."""


def run() -> dict[str, float]:
    """Every keypad with every display under virtual time; the usual pairs on MicroPython (25 s)."""
    virtual = [typed(panel, "virtual", VIRTUAL_KEYS, KEYS_PER_S) for panel in PANELS.values()]
    with undisturbed():
        real = [
            typed(PANELS[panel], "micropython", REAL_KEYS, REAL_KEYS_PER_S)
            for panel in ("matrix hd44780", "wiegand ssd1306")
        ]
    return {
        "panel.lost_keys": float(sum(lost for lost, _, _ in virtual)),
        "panel.invented_keys": float(sum(invented for _, invented, _ in virtual)),
        "panel.late_ms_max": max(late_ms for _, _, late_ms in virtual),
        "panel.lost_keys_micropython": float(sum(lost for lost, _, _ in real)),
        "panel.invented_keys_micropython": float(sum(invented for _, invented, _ in real)),
        "panel.late_ms_max_micropython": max(late_ms for _, _, late_ms in real),
    }


def typed(panel: Parts, ground: str, count: int, keys_per_s: float) -> tuple[int, int, float]:
    """Keys lost, keys invented, and the longest delay beyond the driver's necessary wait (ms)."""
    given = reference.config(1)
    del given["network"]
    config: WiredConfig = {**given, **panel}
    keys = "".join(random.Random(count).choices("0123456789*#", k=count))
    with tempfile.TemporaryDirectory() as folder:
        firmware = Path(folder, "firmware")
        firmware.mkdir()
        (firmware / "locker").symlink_to(firmware_dir() / "locker")
        (firmware / "main.py").write_text(_PROGRAM, encoding="utf-8")
        locker = SimLocker(config, reference.identity(), Path(folder, "device"), ground, firmware=firmware)
        try:
            locker.start()
            locker.wait_for(lambda: "ready" in locker.output(), 10)
            locker.wait_for(lambda: "a" <= locker.display()[0][0] <= "z", 10)
            return _judge(locker, keys, keys_per_s)
        finally:
            locker.stop()


def _judge(locker: SimLocker, keys: str, keys_per_s: float) -> tuple[int, int, float]:
    keypad = locker.cabinet.keypad
    if keypad is None:
        raise RuntimeError("a cabinet without a keypad")
    least_ms = 20 if isinstance(keypad, MatrixKeypad) else WIEGAND_GAP_MS
    told: list[str] = []
    waits: list[float] = []

    def hear(line: tuple[int, str, str]) -> None:
        at_us, what, detail = line
        if what == "stdout" and detail.startswith('event [1, "'):
            told.append(detail[11])
            since_us = keypad.settled_us.get(told[-1], at_us)
            waits.append((at_us - since_us) / 1000 - least_ms)

    locker.listeners.append(hear)
    seconds = locker.type(keys, keys_per_s)
    end_us = locker.clock.now_us() + round((seconds + 1) * 1_000_000)
    locker.wait_for(lambda: locker.clock.now_us() >= end_us, seconds + 2)
    common = in_order(keys, "".join(told))
    return len(keys) - common, len(told) - common, max(waits, default=0.0)
