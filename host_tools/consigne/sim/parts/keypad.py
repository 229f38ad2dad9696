"""A matrix keypad: only contacts between row and column wires, which bounce.

Three closed contacts at the corners of a rectangle join the fourth corner's wires too: the ghost
key is a consequence, not a feature.
"""

import random
from collections.abc import Sequence

from ..board.board import Board
from ..board.nets import Net, Switch
from .keys import Keypad

BOUNCE_US = 5_000
BOUNCE_EDGES_MAX = 8
GLITCH_US = 200, 2_500


class MatrixKeypad(Keypad):
    """Keys by their labels.

    ``noise_per_s`` is the mean rate of contact interruptions of each held key and of spikes that
    pull a random column low, for as long as keys are being pressed.  ``settled_us`` says for each key
    when, by the board's clock, its contact stops bouncing after it was pressed last.
    """

    def __init__(
        self, board: Board, rows: Sequence[Net], cols: Sequence[Net], keys: str, seed: int = 0
    ) -> None:
        super().__init__(board)
        self.noise_per_s = 0.0
        self._random = random.Random(seed)
        self._cols = list(cols)
        self._switches = {
            label: Switch(rows[index // len(cols)], cols[index % len(cols)])
            for index, label in enumerate(keys)
        }
        self._held: set[str] = set()
        self._bounces: dict[str, int] = {}
        self.settled_us: dict[str, int] = {}

    def down(self, key: str) -> None:
        """Press a key and keep it down; KeyError when the keypad has no such key."""
        switch = self._switches[key]
        if key in self._held:
            return
        self._held.add(key)
        self.board.note("key", f"{key} down")
        self._bounce(key, switch, True)
        self._next_glitch(key)

    def up(self, key: str) -> None:
        """Let go of a key."""
        switch = self._switches[key]
        if key not in self._held:
            return
        self._held.discard(key)
        self.board.note("key", f"{key} up")
        self._bounce(key, switch, False)

    def _bounce(self, key: str, switch: Switch, closed: bool) -> None:
        """Change the contact at once, then bounce for up to ``BOUNCE_US`` and end in the new state."""
        turn = self._bounces[key] = self._bounces.get(key, 0) + 1
        switch.set(closed)
        pairs = self._random.randint(0, BOUNCE_EDGES_MAX // 2)
        times = sorted(self._random.randint(50, BOUNCE_US) for _ in range(2 * pairs))
        if closed:
            self.settled_us[key] = self.clock.now_us() + (times[-1] if times else 0)
        state = closed
        for at_us in times:
            state = not state
            self.clock.call_in(at_us, self._set, key, turn, state)

    def _set(self, key: str, turn: int, closed: bool) -> None:
        if self._bounces[key] == turn:
            self._switches[key].set(closed)

    # --- noise -----------------------------------------------------------------------------------------
    def _next_glitch(self, key: str) -> None:
        if self.noise_per_s > 0:
            wait_us = BOUNCE_US + round(self._random.expovariate(self.noise_per_s) * 1_000_000)
            self.clock.call_in(wait_us, self._glitch, key, self._bounces[key])

    def _glitch(self, key: str, turn: int) -> None:
        """A held contact opens for a moment, or a spike pulls some column low."""
        if key not in self._held or self._bounces[key] != turn:
            return
        length_us = self._random.randint(*GLITCH_US)
        if self._random.getrandbits(1):
            self._switches[key].set(False)
            self.clock.call_in(length_us, self._set, key, turn, True)
        else:
            column = self._random.choice(self._cols)
            column.drive("spike", 0)
            self.clock.call_in(length_us, column.drive, "spike", None)
        self._next_glitch(key)
