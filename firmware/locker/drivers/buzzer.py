"""A piezo buzzer on a PWM pin, and the patterns people hear (``ports.Buzzer``)."""

import asyncio

from machine import PWM, Pin

from ..core.events import BEEP_ALARM, BEEP_ERROR, BEEP_KEY, BEEP_OK, BEEP_REMIND
from .waiting import flag_or_ms

_DUTY_HALF = 32768  # a square wave: the loudest a piezo gets

# pattern -> (frequency in Hz or 0 for silence, duration in ms), ...
_PATTERNS = {
    BEEP_KEY: ((2400, 30),),
    BEEP_OK: ((2000, 80), (0, 30), (2700, 120)),
    BEEP_ERROR: ((700, 180), (0, 70), (700, 180)),
    BEEP_REMIND: ((2000, 150), (0, 150), (2000, 150), (0, 150), (2000, 150)),
    BEEP_ALARM: ((2700, 250), (1900, 250)) * 12,
}


class Buzzer:
    """One pattern at a time; the newest wins, except that a key's click never cuts an alarm."""

    def __init__(self, pin: int):
        """Silent from the start."""
        self._pwm = PWM(Pin(pin, Pin.OUT, value=0), freq=2000, duty_u16=0)
        self._flag = asyncio.Event()
        self._wanted = 0
        self._playing = 0

    def play(self, pattern: int) -> None:
        """Start one of the ``BEEP_`` patterns.  Raises ``KeyError`` for an unknown one."""
        if pattern not in _PATTERNS:
            raise KeyError(pattern)
        if pattern == BEEP_KEY and self._playing == BEEP_ALARM:
            return
        self._wanted = pattern
        self._flag.set()

    async def run(self) -> None:
        """Play what is wanted, for ever; silent when it is cancelled."""
        try:
            while True:
                await self._flag.wait()
                self._flag.clear()
                self._playing = self._wanted
                for freq_hz, duration_ms in _PATTERNS[self._playing]:
                    if freq_hz:
                        self._pwm.freq(freq_hz)
                    self._pwm.duty_u16(_DUTY_HALF if freq_hz else 0)
                    if await flag_or_ms(self._flag, duration_ms):
                        break  # another pattern was asked for
                self._playing = 0
                self._pwm.duty_u16(0)
        finally:
            self._pwm.duty_u16(0)
