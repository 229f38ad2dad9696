"""Contacts that are polled: the switch of the service lid, the mains' opto-coupler."""

from time import ticks_diff

from machine import Pin


class Switch:
    """A contact whose new state counts once it has held for a while."""

    def __init__(self, pin: int, active_level: int, pulled: bool, hold_ms: int):
        """``pulled``: use the pin's own pull-up; otherwise the wiring has one."""
        self._pin = Pin(pin, Pin.IN, Pin.PULL_UP) if pulled else Pin(pin, Pin.IN)
        self._active_level = active_level
        self._hold_ms = hold_ms
        self._moving_ms = None  # since when it has differed from the reported state
        self.active = False

    def look(self, now_ms: int) -> bool:
        """Whether ``active`` has just changed."""
        active = self._pin.value() == self._active_level
        if active == self.active:
            self._moving_ms = None
        elif self._moving_ms is None:
            self._moving_ms = now_ms
        elif ticks_diff(now_ms, self._moving_ms) >= self._hold_ms:
            self._moving_ms = None
            self.active = active
            return True
        return False
