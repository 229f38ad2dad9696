"""A strip of WS2812B lights: each takes the first 24 bits it sees and passes on what follows."""

from collections.abc import Sequence

from ..board.board import Board, Part
from ..board.nets import Net

# Worldsemi's data sheet of the WS2812B: how long the line is high for a 0 and for a 1, in ns.
ZERO_NS, ONE_NS = (220, 450), (580, 1000)
LOW_NS = 220, 5_000  # between two bits; longer is the end
COLOUR_BITS = 24


class Strip(Part):
    """``colours`` are what the lights show now, ``(red, green, blue)``, the nearest to the controller first.

    Attributes
    ----------
    broken_at
        Fault: this light and all after it get no data and keep their colours.
    misread
        Pulses that were neither a 0 nor a 1.
    """

    def __init__(self, board: Board, pin: Net, lights: int) -> None:
        super().__init__(board)
        self.colours = [(0, 0, 0)] * lights
        self.broken_at: int | None = None
        self.misread = 0
        pin.on_burst(self._take)

    def power_off(self) -> None:
        self.colours = [(0, 0, 0)] * len(self.colours)

    def _take(self, pulses: Sequence[tuple[int, int]]) -> None:
        if not self.board.powered:
            return
        bits = []
        for high_ns, low_ns in pulses:
            one = ONE_NS[0] <= high_ns <= ONE_NS[1]
            if not (one or ZERO_NS[0] <= high_ns <= ZERO_NS[1]) or not LOW_NS[0] <= low_ns <= LOW_NS[1]:
                self.misread += 1
            bits.append(int(one))
        whole = len(bits) // COLOUR_BITS
        reached = len(self.colours) if self.broken_at is None else self.broken_at
        for light in range(min(whole, reached)):
            value = 0
            for bit in bits[light * COLOUR_BITS : (light + 1) * COLOUR_BITS]:
                value = value << 1 | bit
            self.colours[light] = (value >> 8 & 0xFF, value >> 16, value & 0xFF)
