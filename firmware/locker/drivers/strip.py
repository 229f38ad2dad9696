"""A strip of WS2812 lights that shows people which door: one light for each door, or a column of them.

Green from the pulse until the door is shut again, or for half a minute if it does not open; blinking red at a
door that opened without an order.
"""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

from machine import Pin, bitstream
from micropython import const

from .waiting import flag_or_ms

NO_LIGHT = const(255)

_TIMING_NS = (400, 850, 800, 450)  # high and low of a 0, high and low of a 1 (Worldsemi's data sheet)
_BLINK_MS = const(500)
_WAIT_MS = const(30_000)  # for a door that was pulsed
# Green, red, blue, as the light wants them; a fifth of full is seen from afar and draws 12 mA.
_DARK = b"\0\0\0"
_GO = b"\x33\0\0"
_ALARM = b"\0\x33\0"

_IDLE, _PULSED, _OPEN, _FORCED = range(4)


class Strip:
    """``lights``: for each door the number of its light from 0, ``NO_LIGHT`` for one without."""

    def __init__(self, pin: int, lights: bytes):
        """Dark when this returns: after a reset the lights still show what they did before."""
        self._pin = Pin(pin, Pin.OUT, value=0)
        self._lights = lights
        self._states = bytearray(len(lights))
        self._until: dict = {}  # door -> tick until which its light waits for it to open
        count = max([light + 1 for light in lights if light != NO_LIGHT] + [0])
        self._shown = bytearray(3 * count)
        self._wanted = bytearray(3 * count)
        self._flag = asyncio.Event()
        self._blink = False
        self._saving = False
        self._send()

    def pulsed(self, door: int) -> None:
        """The door is about to open for somebody."""
        if self._states[door] != _OPEN:
            self._states[door] = _PULSED
            self._until[door] = ticks_add(ticks_ms(), _WAIT_MS)
        self._flag.set()

    def seen(self, door: int, is_open: bool) -> None:
        """A report of its sensor."""
        state = self._states[door]
        if is_open:
            self._states[door] = _OPEN if state in (_PULSED, _OPEN) else _FORCED
            self._until.pop(door, None)
        elif state != _PULSED:
            self._states[door] = _IDLE
        self._flag.set()

    def save(self, saving: bool) -> None:
        """Keep it dark while the locker runs on its battery."""
        self._saving = saving
        self._flag.set()

    async def run(self) -> None:
        """Show what is wanted, for ever; dark when it is cancelled."""
        try:
            while True:
                self._expire()
                self._blink = not self._blink
                if self._paint():
                    self._shown[:] = self._wanted
                    self._send()
                if self._until or max(self._states) == _FORCED:
                    await flag_or_ms(self._flag, _BLINK_MS)
                else:
                    await self._flag.wait()
                self._flag.clear()
        finally:
            for at in range(len(self._shown)):
                self._shown[at] = 0
            self._send()

    def _expire(self) -> None:
        now_ms = ticks_ms()
        for door in [d for d, until in self._until.items() if ticks_diff(until, now_ms) <= 0]:
            self._until.pop(door)
            self._states[door] = _IDLE

    def _paint(self) -> bool:
        """Colours from states; a shared light shows the most urgent.  True if any changed."""
        wanted = self._wanted
        for at in range(len(wanted)):
            wanted[at] = 0
        if not self._saving:
            worst = bytearray(len(wanted) // 3)
            for door in range(len(self._lights)):
                light = self._lights[door]
                if light != NO_LIGHT and self._states[door] > worst[light]:
                    worst[light] = self._states[door]
            for light in range(len(worst)):
                wanted[3 * light : 3 * light + 3] = self._colour(worst[light])
        return wanted != self._shown

    def _colour(self, state: int) -> bytes:
        if state == _FORCED:
            return _ALARM if self._blink else _DARK
        return _DARK if state == _IDLE else _GO

    def _send(self) -> None:
        bitstream(self._pin, 0, _TIMING_NS, self._shown)
