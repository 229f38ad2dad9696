"""Shift registers 74HC595 in a chain: relay outputs on four pins of the controller.

Their content at power-up is random, so OE# is pulled up by a resistor and driven low only during a pulse: at
any other time every output is off, whatever a dip of the supply or a glitch on the clock did to the
registers.  The whole chain is shifted anew before each pulse.

Timing is uncritical: a pin takes microseconds to change, the chip some 20 ns (Nexperia's data sheet).
A chain of 32 relays takes a third of a millisecond.
"""

import errno

from machine import Pin

_PATTERN = b"\x55"


class Hc595:
    """One chain, as ``relays.ExpanderRelay`` knows a chip.  Channel 0 is Q0 of the first."""

    def __init__(self, data: int, clock: int, latch: int, enable: int, chips: int, back: int = -1):
        """Pins: DS, SHCP, STCP and OE#; ``back`` is Q7S of the last chip, -1 when it is not wired.

        With ``back`` every use checks that the chain is whole.  Outputs are off when this returns.
        """
        self._enable = Pin(enable, Pin.OUT, value=1)  # before anything moves
        self._data = Pin(data, Pin.OUT, value=0)
        self._clock = Pin(clock, Pin.OUT, value=0)
        self._latch = Pin(latch, Pin.OUT, value=0)
        self._back = None if back < 0 else Pin(back, Pin.IN)
        self._image = bytearray(chips)  # bit 0 of byte 0 is channel 0
        self._pattern = _PATTERN * chips

    def set_up(self) -> None:
        """All outputs off, and zeros behind them.  Raises ``OSError`` when the chain is broken."""
        self.all_low()
        self.check()

    def check(self) -> None:
        """Shift a pattern through: raises ``OSError`` when it does not come back.  Moves no output.

        Without ``back`` the chain cannot be checked, and nothing is done.
        """
        if self._back is None:
            return
        self._shift(self._pattern)
        if not self._shift(self._image, _PATTERN[0]):
            raise OSError(errno.EIO)

    def write(self, channel: int, level: int) -> None:
        """Select (1) or release (0) one relay; the outputs are on only while one is selected."""
        at, mask = channel >> 3, 1 << (channel & 7)
        if level:
            self._image[at] |= mask
        else:
            self._enable.value(1)
            self._image[at] &= ~mask & 0xFF
        self._load()
        if any(self._image):
            self._enable.value(0)

    def all_low(self) -> None:
        """All outputs off."""
        self._enable.value(1)
        for at in range(len(self._image)):
            self._image[at] = 0
        self._load()

    def _load(self) -> None:
        self._shift(self._image)
        self._latch.value(1)
        self._latch.value(0)

    def _shift(self, source, expected: int = 0) -> bool:
        """Shift ``source`` in, the last output first; whether each byte that came out was ``expected``."""
        good = True
        for chip in range(len(source) - 1, -1, -1):
            byte = source[chip]
            came = 0
            for bit in range(7, -1, -1):
                if self._back is not None:
                    came = came << 1 | self._back.value()
                self._data.value(byte >> bit & 1)
                self._clock.value(1)
                self._clock.value(0)
            good = good and came == expected
        return good
