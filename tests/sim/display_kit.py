"""A board with one display, of either kind, that shows a list of screens and then nothing new."""

import json
from pathlib import Path
from typing import Any

from driver_rig import CONFIG, VirtualRig

_MADE = {
    "hd44780": """
from locker.drivers.display import CharacterDisplay

part = config["display"]
display = CharacterDisplay(
    buses(config["i2c"])[part["i2c"]], part["address"], part["columns"], part["rows"], report
)
""",
    "ssd1306": """
from locker.drivers.ssd1306 import OledDisplay

part = config["display"]
display = OledDisplay(buses(config["i2c"])[part["i2c"]], part["address"], report)
""",
}
_SHOWN = """

async def show():
    with open("screens.json") as file:
        for screen in json.load(file):
            display.show(tuple(screen))
            await asyncio.sleep_ms(config["screen_ms"])


async def main():
    asyncio.create_task(show())
    await display.run()


asyncio.run(main())
"""
_PARTS: dict[str, Any] = {
    "hd44780": CONFIG["display"],
    "ssd1306": {"kind": "ssd1306", "i2c": 0, "address": 0x3C},
}


def display_rig(
    kind: str, directory: Path, *screens: Any, screen_ms: int = 1000, seed: int = 1
) -> VirtualRig:
    """Each of ``screens`` (lines of text) stands for ``screen_ms``, the last one for ever."""
    (directory / "screens.json").write_text(json.dumps(screens), encoding="utf-8")
    config = {**CONFIG, "display": _PARTS[kind], "screen_ms": screen_ms}
    return VirtualRig(directory, _MADE[kind] + _SHOWN, config, seed)


def glass(rig: VirtualRig) -> list[str]:
    """What a person reads."""
    return [line.rstrip() for line in rig.cabinet.display.lines()]
