"""A chain of 74HC595 shift registers (Nexperia data sheet), edge by edge."""

import random
from collections.abc import Sequence

from ..board.board import Board, Part
from ..board.nets import Net


class Hc595(Part):
    """``nets`` are the outputs: Q0..Q7 of the first chip, then of the next.

    Attributes
    ----------
    broken_at
        Fault: the wire between two chips is broken; chips from this one on see a high data line.
    """

    def __init__(self, board: Board, pins: Sequence[Net], chips: int, seed: int, pulled: bool = True) -> None:
        """``pins``: DS, SHCP, STCP, OE#, and Q7S of the last chip if it is wired back.

        ``pulled``: OE# has its pull-up resistor; a board without one is a fault of the wiring.
        """
        super().__init__(board)
        self._data, self._clock, self._latch, self._enable = pins[:4]
        self._back = pins[4] if len(pins) > 4 else None
        self.nets = [Net(f"595.{number // 8}.Q{number % 8}") for number in range(8 * chips)]
        self.broken_at: int | None = None
        self._random = random.Random(seed)
        self._shifted: list[int] = []
        self._stored: list[int] = []
        if pulled:
            self._enable.pull("resistor", 1)
        self._garbage()
        self._clock.on_change(self._on_clock)
        self._latch.on_change(self._on_latch)
        self._enable.on_change(lambda level: self._apply())

    def power_on(self) -> None:
        self._garbage()

    def power_off(self) -> None:
        self._apply()

    def brown_out(self) -> None:
        """A dip of the supply: both registers hold anything."""
        self._garbage()

    def _garbage(self) -> None:
        self._shifted = [self._random.getrandbits(1) for _ in self.nets]
        self._stored = [self._random.getrandbits(1) for _ in self.nets]
        self._apply()

    def _on_clock(self, level: int) -> None:
        if not level or not self.board.powered:
            return
        self._shifted = [self._data.level, *self._shifted[:-1]]
        if self.broken_at is not None:
            self._shifted[8 * self.broken_at] = 1
        self._show_back()

    def _on_latch(self, level: int) -> None:
        if level and self.board.powered:
            self._stored = list(self._shifted)
            self._apply()

    def _show_back(self) -> None:
        if self._back is not None:
            self._back.drive(self, self._shifted[-1] if self.board.powered else None)

    def _apply(self) -> None:
        driven = self.board.powered and self._enable.level == 0
        for net, bit in zip(self.nets, self._stored, strict=True):
            net.drive(self, bit if driven else None)
        self._show_back()
