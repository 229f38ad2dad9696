"""The status LED: steady, or blinking in patterns that can be distinguished from afar (``ports.Lamp``)."""

import asyncio

from machine import Pin

from ..core.events import LED_ATTENTION, LED_BUSY, LED_FAULT, LED_READY
from .waiting import flag_or_ms

# state -> durations in ms, lit first, then dark, and so on round; none: lit all the time
_PATTERNS = {
    LED_READY: (),
    LED_BUSY: (250, 250),
    LED_ATTENTION: (100, 900),
    LED_FAULT: (100, 150, 100, 650),
}


class Lamp:
    """An LED on a pin, lit when the pin is high."""

    def __init__(self, pin: int):
        """Dark until ``run`` runs: a board that hangs at start shows no light."""
        self._pin = Pin(pin, Pin.OUT, value=0)
        self._flag = asyncio.Event()
        self._state = LED_READY

    def set(self, state: int) -> None:
        """Show one of the ``LED_`` states.  Raises ``KeyError`` for an unknown one."""
        if state not in _PATTERNS:
            raise KeyError(state)
        if state != self._state:
            self._state = state
            self._flag.set()

    async def run(self) -> None:
        """Blink for ever; dark when it is cancelled."""
        try:
            while True:
                pattern = _PATTERNS[self._state]
                if not pattern:
                    self._pin.value(1)
                    await self._flag.wait()
                    self._flag.clear()
                for index in range(len(pattern)):
                    self._pin.value(1 - index % 2)
                    if await flag_or_ms(self._flag, pattern[index]):
                        self._flag.clear()
                        break
        finally:
            self._pin.value(0)
