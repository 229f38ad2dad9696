"""The buzzer and the status LED, as a person hears and sees them."""

from ..board import Board, Part
from ..nets import Net

HISTORY = 400  # the newest tones and changes kept


class Buzzer(Part):
    """A piezo on a PWM pin.

    ``tone_hz`` is what sounds now, 0 for silence; ``heard`` the newest tones as
    ``(start_us, freq_hz, length_us)``.
    """

    def __init__(self, board: Board, pin: Net) -> None:
        super().__init__(board)
        self.tone_hz = 0
        self.heard: list[tuple[int, int, int]] = []
        self._since_us = 0
        pin.on_tone(self._changed)

    def power_off(self) -> None:
        self._changed(0, 0)

    def _changed(self, freq_hz: int, duty_u16: int) -> None:
        sounding = freq_hz if duty_u16 else 0
        if sounding == self.tone_hz:
            return
        now_us = self.clock.now_us()
        if self.tone_hz:
            self.heard.append((self._since_us, self.tone_hz, now_us - self._since_us))
            del self.heard[:-HISTORY]
        if sounding:
            self.board.note("buzzer", f"{sounding} Hz")
        self.tone_hz, self._since_us = sounding, now_us


class Lamp(Part):
    """An LED from a pin to ground; ``changes`` are the newest ``(at_us, lit)``."""

    def __init__(self, board: Board, pin: Net) -> None:
        super().__init__(board)
        self.lit = False
        self.changes: list[tuple[int, bool]] = []
        self._pin = pin
        pin.pull("resistor", 0)
        pin.on_change(self._changed)

    def power_on(self) -> None:
        self._changed(self._pin.level)

    def power_off(self) -> None:
        self._changed(0)

    def _changed(self, level: int) -> None:
        lit = bool(level and self.board.powered)
        if lit != self.lit:
            self.lit = lit
            self.changes.append((self.clock.now_us(), lit))
            del self.changes[:-HISTORY]
