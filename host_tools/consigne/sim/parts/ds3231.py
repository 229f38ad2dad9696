"""The DS3231 clock chip with its battery, register by register (Maxim 19-5170)."""

import calendar
import time

from ..board.board import Board
from .i2cpart import I2CPart

CONTROL, STATUS, TEMPERATURE, COUNT = 0x0E, 0x0F, 0x11, 0x13
OSF, EOSC = 0x80, 0x80
_TIME_MASK = b"\x7f\x7f\x3f\x07\x3f\x1f\xff"
START_S = 946_684_800  # it starts at 2000-01-01, a Saturday, with day 1


class Ds3231(I2CPart):
    """One chip on a bus.

    Attributes
    ----------
    battery
        Whether the cell holds; without it the chip forgets the time with the supply.
    garbled
        Fault: register bits are wrong, as after a supply dip too short for a reset: the values read are no
        BCD.
    ppm
        How much too fast it runs; the data sheet allows 2 between 0 and 40 degrees.
    celsius
        How warm it is.
    """

    def __init__(self, board: Board, bus: int, address: int) -> None:
        super().__init__(board, bus, address)
        self.battery = True
        self.garbled = False
        self.ppm = 0.0
        self.celsius = 21.5
        self._pointer = 0
        self._registers = bytearray(COUNT)
        self.reset()

    # --- the oscillator -----------------------------------------------------------------------------
    def reset(self) -> None:
        """Its state from the factory, or after supply and battery both failed."""
        self._registers = bytearray(COUNT)
        self._registers[CONTROL] = 0x1C
        self._set_us, self._base_s = self.clock.now_us(), START_S
        self._registers[STATUS] = OSF | 0x08

    def stop_once(self) -> None:
        """The oscillator stopped for a moment: the time is wrong from now on, and OSF says so."""
        self._registers[STATUS] |= OSF

    def run_since(self, epoch_s: int) -> None:
        """Set it as if it had been set before and never stopped: it shows ``epoch_s`` now."""
        self._set_us, self._base_s = self.clock.now_us(), epoch_s
        self._registers[STATUS] &= ~OSF & 0xFF

    @property
    def epoch_s(self) -> int:
        """What it shows, in Unix seconds."""
        return int(self._base_s + (self.clock.now_us() - self._set_us) * (1 + self.ppm / 1e6) // 1_000_000)

    def power_off(self) -> None:
        if self._registers[CONTROL] & EOSC:
            self._registers[STATUS] |= OSF
        if not self.battery:
            self.reset()

    def power_on(self) -> None:
        if not self.battery:
            self.reset()

    # --- the bus ------------------------------------------------------------------------------------
    def _show(self) -> None:
        shown = time.gmtime(self.epoch_s)
        parts = (
            shown.tm_sec,
            shown.tm_min,
            shown.tm_hour,
            shown.tm_wday + 1,
            shown.tm_mday,
            shown.tm_mon,
            shown.tm_year % 100,
        )
        self._registers[:7] = bytes(value // 10 << 4 | value % 10 for value in parts)
        if self.garbled:
            self._registers[1] |= 0x0E
        quarters = round(self.celsius * 4)
        self._registers[TEMPERATURE] = quarters >> 2 & 0xFF
        self._registers[TEMPERATURE + 1] = (quarters & 3) << 6

    def taken(self, data: bytes) -> None:
        if data:
            self._pointer = data[0] % COUNT
            self._show()  # the buffered copies that a transfer reads and writes
            touched = False
            for value in data[1:]:
                touched |= self._pointer < 7
                self._store(value)
                self._pointer = (self._pointer + 1) % COUNT
            if touched:
                self._begin()

    def _store(self, value: int) -> None:
        if self._pointer == STATUS:
            # OSF can only be cleared; BSY and the alarm flags are not modelled.
            value = value & ~OSF | value & self._registers[STATUS] & OSF
        if self._pointer < TEMPERATURE:
            self._registers[self._pointer] = value

    def _begin(self) -> None:
        """Writing the time restarts the current second."""
        shown = [value & mask for value, mask in zip(self._registers[:7], _TIME_MASK, strict=True)]
        second, minute, hour, _, day, month, year = ((bcd >> 4) * 10 + (bcd & 15) for bcd in shown)
        self._base_s = calendar.timegm((2000 + year, month, day, hour, minute, second))
        self._set_us = self.clock.now_us()
        self.garbled = False

    def given(self, count: int) -> bytes:
        self._show()
        out = bytearray()
        for _ in range(count):
            out.append(self._registers[self._pointer])
            self._pointer = (self._pointer + 1) % COUNT
        return bytes(out)
