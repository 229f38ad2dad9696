"""Mains, supply and lid: what the cabinet measures of itself."""

import random

from ..board.board import Board, Part
from ..board.nets import Net
from .doors import Supply

COIL_A = 2.2
IDLE_A = 0.3


class Rail(Part):
    """The supply's voltage behind a divider at an ADC pin; it sags with the current that is drawn.

    Attributes
    ----------
    volts, ohms
        The supply's voltage without load, and its series resistance: a weak supply, a thin cable.
    noise_v
        Random error of single readings.
    wired
        Whether the divider's wire holds; without it the pin reads 0.
    """

    def __init__(self, board: Board, pin: Net, ratio: float, coils: Supply, seed: int = 0) -> None:
        super().__init__(board)
        self.volts = 12.2
        self.ohms = 0.05
        self.noise_v = 0.0
        self.wired = True
        self._ratio = ratio
        self._coils = coils
        self._random = random.Random(seed)
        pin.set_source(self._at_pin)

    @property
    def now_v(self) -> float:
        """The voltage at the coils now."""
        return self.volts - self.ohms * (IDLE_A + COIL_A * self._coils.coils_on)

    def _at_pin(self) -> float:
        if not self.wired or not self.board.powered:
            return 0.0
        return max(0.0, min(3.3, (self.now_v + self._random.uniform(-1, 1) * self.noise_v) / self._ratio))


class Contact(Part):
    """A switch to ground or an opto-coupler: its line is low while it is closed, else pulled up."""

    def __init__(self, board: Board, line: Net, closed: bool, pull_up: bool) -> None:
        """``pull_up``: the wiring has the resistor; else the chip's own does it."""
        super().__init__(board)
        self._line = line
        if pull_up:
            line.pull("resistor", 1)
        self.set(closed)

    def set(self, closed: bool) -> None:
        """Close or open it."""
        self.closed = closed
        self._line.drive("contact", 0 if closed else None)
