"""The panel, wired as the configuration says; and models of its small parts, buzzer and LED."""

from consigne.cabinet import document
from consigne.cabinet.deviceconfig import DeviceDisplay

from ..board.board import Board, Part
from ..board.nets import Net
from .gm65 import Gm65
from .hd44780 import CharacterDisplay
from .keypad import MatrixKeypad
from .scanners import MhEt, Scanner
from .ssd1306 import GraphicDisplay
from .wiegand import WiegandKeypad

Keypad = MatrixKeypad | WiegandKeypad
AnyScanner = Gm65 | Scanner
Display = CharacterDisplay | GraphicDisplay

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


def keypad(board: Board, part: document.MatrixKeypad | document.WiegandKeypad, seed: int) -> Keypad:
    """The keypad of a configuration.  Raises ValueError for a kind that has no model."""
    if part["kind"] == "wiegand":
        return WiegandKeypad(
            board, board.pin(part["d0"]), board.pin(part["d1"]), part.get("bits", 4), seed=seed
        )
    if part["kind"] != "matrix":
        raise ValueError(f"no model of a keypad {part['kind']!r}")
    rows = [board.pin(pin) for pin in part["rows"]]
    cols = [board.pin(pin) for pin in part["cols"]]
    return MatrixKeypad(board, rows, cols, part["keys"], seed)


def scanner(board: Board, part: document.Scanner, seed: int) -> AnyScanner:
    """The scanner of a configuration.  Raises ValueError for a kind that has no model."""
    uart, baud = part["uart"], part.get("baud", 9600)
    board.uart(uart).wire(tx=part["tx"], rx=part["rx"])
    if part["kind"] == "gm65":
        return Gm65(board, uart, baud, seed)
    if part["kind"] == "mhet":
        return MhEt(board, uart, baud, seed)
    if part["kind"] != "line":
        raise ValueError(f"no model of a scanner {part['kind']!r}")
    return Scanner(board, uart, baud, part.get("terminator", "\r").encode(), seed)


def display(board: Board, part: DeviceDisplay, seed: int) -> Display:
    """The display of a configuration.  Raises ValueError for a kind that has no model."""
    if part["kind"] == "ssd1306":
        return GraphicDisplay(board, part["i2c"], part.get("address", 0x3C), seed)
    if part["kind"] != "hd44780":
        raise ValueError(f"no model of a display {part['kind']!r}")
    return CharacterDisplay(board, part["i2c"], part["address"], part["columns"], part["rows"])
