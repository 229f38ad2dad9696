"""One finger at any keypad: it presses the next key only after the last one was released."""

from ..board.board import Part


class Keypad(Part):
    """Base of keypads, which implement ``down`` and ``up`` for one key."""

    def down(self, key: str) -> None:
        """Press a key and hold it."""
        raise NotImplementedError

    def up(self, key: str) -> None:
        """Let go of a key."""
        raise NotImplementedError

    def press(self, key: str, hold_ms: float = 70) -> None:
        """Press a key and let go of it after ``hold_ms``."""
        self.down(key)
        self.clock.call_in(round(hold_ms * 1000), self.up, key)

    def type(self, keys: str, keys_per_s: float = 5, hold_share: float = 0.6) -> int:
        """Press one key after another; returns how long (us) until the last one is released.

        Each key is held, and each pause lasts, for its full time, even if the simulation is late.
        """
        period_us = round(1_000_000 / keys_per_s)
        hold_us = round(hold_share * period_us)
        self.clock.call_in(0, self._type, keys, hold_us, period_us - hold_us)
        return (len(keys) - 1) * period_us + hold_us

    def _type(self, keys: str, hold_us: int, pause_us: int) -> None:
        if keys:
            self.down(keys[0])
            self.clock.call_in(hold_us, self._lift, keys, hold_us, pause_us)

    def _lift(self, keys: str, hold_us: int, pause_us: int) -> None:
        self.up(keys[0])
        self.clock.call_in(pause_us, self._type, keys[1:], hold_us, pause_us)
