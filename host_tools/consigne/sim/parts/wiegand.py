"""A Wiegand keypad with a card reader: two open-collector lines, and a small processor that clocks bits out.

Bits and times are those of SIA AC-01 (a pulse of 20 to 100 us, one every 0.2 to 20 ms) and of makers' data
sheets, implemented here independently of the driver.
"""

import random

from ..board.board import Board
from ..board.nets import Net
from .keys import Keypad

PULSE_US = 50
SCAN_US = 12_000  # from the key press to the first bit: the keypad debounces
CODES = {"*": 10, "#": 11, **{str(digit): digit for digit in range(10)}}


def key_bits(key: str, bits: int) -> str:
    """The frame of a key; KeyError for one that a Wiegand keypad has not."""
    low = f"{CODES[key]:04b}"
    return low if bits == 4 else f"{CODES[key] ^ 0xF:04b}" + low


def card_bits(bits: int, facility: int, number: int) -> str:
    """The frame of a card of 26, 34 or 37 bits: parity, facility, number, parity."""
    facility_bits = {26: 8, 34: 16, 37: 16}[bits]
    data = f"{facility:0{facility_bits}b}{number:0{bits - 2 - facility_bits}b}"
    if len(data) != bits - 2:
        raise ValueError(f"{facility}:{number} does not fit into {bits} bits")
    covered = bits // 2 if bits == 37 else bits // 2 - 1  # of 37, the middle bit by both
    first, last = data[:covered], data[-covered:]
    return f"{first.count('1') % 2}{data}{1 - last.count('1') % 2}"


class WiegandKeypad(Keypad):
    """Hands as on a matrix keypad: ``press``, ``type``, ``down``, ``up``; and ``present`` for cards.

    Attributes
    ----------
    interval_us
        From one bit to the next.
    pause_us
        Fault when short: between two frames that follow one another.
    lose
        Fault: the share of pulses that are lost.
    noise_per_s
        Fault: mean rate of spikes on either line for as long as keys are being pressed.
    repeat_us
        Fault when not 0: a key held down sends its frame again and again.
    settled_us
        For each key when, by the board's clock, the last bit of its frame began.
    """

    def __init__(self, board: Board, d0: Net, d1: Net, bits: int = 4, seed: int = 0) -> None:
        super().__init__(board)
        self.interval_us = 2_000
        self.pause_us = 15_000
        self.lose = 0.0
        self.noise_per_s = 0.0
        self.repeat_us = 0
        self.settled_us: dict[str, int] = {}
        self._lines = d0, d1
        self._bits = bits
        self._random = random.Random(seed)
        self._held: dict[str, int] = {}
        self._presses = 0
        self._free_us = 0

    def power_off(self) -> None:
        self._held.clear()

    # --- hands ------------------------------------------------------------------------------------------
    def down(self, key: str) -> None:
        """Press a key and keep it down; KeyError when the keypad has no such key."""
        frame = key_bits(key, self._bits)
        if key in self._held or not self.board.powered:
            return
        self._presses += 1
        turn = self._held[key] = self._presses
        self.board.note("key", f"{key} down")
        self.settled_us[key] = self._send(frame, SCAN_US)
        if self.repeat_us:
            self.clock.call_in(self.repeat_us, self._repeat, key, turn)
        self._next_spike(key, turn)

    def up(self, key: str) -> None:
        """Let go of a key."""
        if key not in CODES:
            raise KeyError(key)
        if self._held.pop(key, None) is not None:
            self.board.note("key", f"{key} up")

    def present(self, bits: int, facility: int, number: int) -> None:
        """Hold a card before the reader."""
        if self.board.powered:
            self.board.note("card", f"{bits} bits {facility}:{number}")
            self._send(card_bits(bits, facility, number), SCAN_US)

    def raw(self, frame: str) -> None:
        """Exactly these bits, after the frames that are under way."""
        self._send(frame, 0)

    def _repeat(self, key: str, turn: int) -> None:
        if self._held.get(key) == turn:
            self._send(key_bits(key, self._bits), 0)
            self.clock.call_in(self.repeat_us, self._repeat, key, turn)

    # --- the lines ----------------------------------------------------------------------------------------
    def _send(self, frame: str, delay_us: int) -> int:
        """Send a frame bit by bit once the line is free; returns when its last bit begins."""
        start_us = max(self.clock.now_us() + delay_us, self._free_us)
        for index, bit in enumerate(frame):
            if self._random.random() >= self.lose:
                self._pulse(int(bit), start_us + index * self.interval_us)
        last_us = start_us + (len(frame) - 1) * self.interval_us
        self._free_us = last_us + max(self.pause_us, self.interval_us)
        return last_us

    def _pulse(self, line: int, at_us: int, source: str = "keypad") -> None:
        """Schedule both edges separately, so that there are two even if the clock runs late."""
        self.clock.call_at(at_us, self._drive, line, source, 0)
        self.clock.call_at(at_us + PULSE_US, self._drive, line, source, None)

    def _drive(self, line: int, source: str, level: int | None) -> None:
        if self.board.powered or level is None:
            self._lines[line].drive(source, level)

    def spike(self, line: int) -> None:
        """Pull a line low for the length of a pulse, whatever the keypad does meanwhile."""
        self._pulse(line, self.clock.now_us(), "spike")

    def both(self) -> None:
        """Fault: both lines together, as when a relay's spark reaches the cable."""
        self.spike(0)
        self.spike(1)

    def stick(self, line: int, stuck: bool = True) -> None:
        """Fault: a line is held low (a crushed cable), or free again."""
        self._lines[line].drive("short", 0 if stuck else None)

    def _next_spike(self, key: str, turn: int) -> None:
        if self.noise_per_s > 0:
            wait_us = round(self._random.expovariate(self.noise_per_s) * 1_000_000)
            self.clock.call_in(wait_us, self._spike, key, turn)

    def _spike(self, key: str, turn: int) -> None:
        if self._held.get(key) == turn:
            self.spike(self._random.getrandbits(1))
            self._next_spike(key, turn)
