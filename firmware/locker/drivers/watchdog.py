"""The hardware watchdog: once made it cannot be stopped, only fed."""

import machine

from ..core.limits import WATCHDOG_MS_MIN


class Watchdog:
    """Resets the controller when ``feed`` is not called for ``timeout_ms`` (``ports.Watchdog``)."""

    def __init__(self, timeout_ms: int):
        """Starts at once.  Raises ``ValueError`` below one second: a flash erase must fit in."""
        if timeout_ms < WATCHDOG_MS_MIN:
            raise ValueError(f"watchdog of {timeout_ms} ms")
        self._wdt = machine.WDT(timeout=timeout_ms)

    def feed(self) -> None:
        self._wdt.feed()
