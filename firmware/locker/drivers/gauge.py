"""The supply's voltage behind a divider, and how far it falls while a coil draws its current."""

from machine import ADC, Pin

from ..core.events import EV_SUPPLY


class Gauge:
    """A divider on a pin of ADC1; the converter's own calibration makes microvolts of it."""

    def __init__(self, pin: int, ratio_milli: int):
        """``ratio_milli``: volts of the supply for each volt at the pin, in thousandths."""
        self._adc = ADC(Pin(pin), atten=ADC.ATTN_11DB)
        self._ratio_milli = ratio_milli

    def read_mv(self) -> int:
        """The supply in millivolts: the median of three readings, since single ones can be far off."""
        a, b, c = self._one(), self._one(), self._one()
        return max(min(a, b), min(max(a, b), c))

    def _one(self) -> int:
        return self._adc.read_uv() // 1000 * self._ratio_milli // 1000


class WatchedLocks:
    """The strikes of all doors (``ports.Locks``), watched: the supply under each pulse, a light at each door.

    ``sink``, once somebody has set it, hears ``(EV_SUPPLY, door, idle_mv, lowest_mv)`` after each pulse.
    """

    def __init__(self, locks, gauge, strip):
        """``gauge``: a ``Gauge`` or None; ``strip``: a ``strip.Strip`` or None."""
        self._locks = locks
        self._gauge = gauge
        self._strip = strip
        self._door = -1  # of the pulse that is being measured
        self._idle_mv = self._lowest_mv = 0
        self.sink = None

    def start(self, door: int, pulse_ms: int) -> None:
        """As in ``ports.Locks``."""
        if self._gauge is not None:
            self._idle_mv = self._lowest_mv = self._gauge.read_mv()
        self._locks.start(door, pulse_ms)
        self._door = door
        if self._strip is not None:
            self._strip.pulsed(door)

    def busy(self) -> bool:
        """As in ``ports.Locks``; each call while the coil is on measures once."""
        try:
            is_busy = self._locks.busy()
        except OSError:
            self._door = -1
            raise
        if self._door < 0 or self._gauge is None:
            return is_busy
        if is_busy:
            self._lowest_mv = min(self._lowest_mv, self._gauge.read_mv())
        else:
            door, self._door = self._door, -1
            if self.sink is not None:
                self.sink((EV_SUPPLY, door, self._idle_mv, self._lowest_mv))
        return is_busy

    def off(self) -> None:
        self._locks.off()
