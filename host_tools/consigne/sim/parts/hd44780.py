"""An HD44780 character display behind a PCF8574, down to the nibbles on its pins.

What stands on the glass follows from the controller's memories only: DDRAM, CGRAM, the address
counter, shift and on/off (Hitachi ADE-207-272).  The backpack is the common one: P0 RS, P1 R/W,
P2 E, P3 backlight, P4..P7 D4..D7.
"""

from ..board.board import Board
from .i2cpart import I2CPart

RS, RW, E, LIGHT = 0x01, 0x02, 0x04, 0x08

BYTE_US = 22.5  # nine bits at 400 kHz: the shortest that a byte takes on the bus
BUSY_US = 37.0
BUSY_CLEAR_US = 1520.0
WAKE_US = 15_000  # at 5 V, before the controller takes any instruction

# ROM A00: where it differs from ASCII and Latin-1, for the characters used here.
ROM_A00 = {
    0x5C: "¥", 0x7E: "→", 0x7F: "←", 0xA5: "·", 0xDF: "°", 0xE1: "ä", 0xE2: "ß", 0xE4: "µ",
    0xED: "£", 0xEE: "ñ", 0xEF: "ö", 0xF4: "Ω", 0xF5: "ü", 0xF7: "π", 0xFD: "÷", 0xFE: " ", 0xFF: "█",
}  # fmt: skip

_ACCENTS = {"acute": (0x02, 0x04), "grave": (0x08, 0x04), "roof": (0x04, 0x0A), "dots": (0x0A, 0x00)}
_BODIES = {
    "a": (0x0E, 0x01, 0x0F, 0x11, 0x0F), "c": (0x0E, 0x10, 0x10, 0x11, 0x0E),
    "e": (0x0E, 0x11, 0x1F, 0x10, 0x0E), "i": (0x0C, 0x04, 0x04, 0x04, 0x0E),
    "o": (0x0E, 0x11, 0x11, 0x11, 0x0E), "u": (0x11, 0x11, 0x11, 0x13, 0x0D),
    "A": (0x0E, 0x11, 0x1F, 0x11, 0x11), "E": (0x1F, 0x10, 0x1E, 0x10, 0x1F),
    "O": (0x11, 0x11, 0x11, 0x11, 0x0E), "U": (0x11, 0x11, 0x11, 0x11, 0x0E),
    "C": (0x10, 0x10, 0x11, 0x0E, 0x04),
}  # fmt: skip


def _drawings() -> dict[bytes, str]:
    """The letters that a person reads in dot patterns: a body with an accent above it or a hook below."""
    composed = {}
    for char, base, accent in (
        ("é", "e", "acute"), ("è", "e", "grave"), ("ê", "e", "roof"), ("ë", "e", "dots"),
        ("à", "a", "grave"), ("â", "a", "roof"),
        ("î", "i", "roof"), ("ï", "i", "dots"), ("ô", "o", "roof"), ("ù", "u", "grave"), ("û", "u", "roof"),
        ("Ä", "A", "dots"), ("À", "A", "grave"), ("É", "E", "acute"), ("È", "E", "grave"), ("Ê", "E", "roof"),
    ):  # fmt: skip
        composed[bytes((*_ACCENTS[accent], *_BODIES[base], 0))] = char
    composed[bytes((0, 0, *_BODIES["c"], 0x04))] = "ç"
    composed[bytes((0x0A, 0x0E, *_BODIES["O"], 0))] = "Ö"
    composed[bytes((0x0A, 0x11, *_BODIES["U"], 0))] = "Ü"
    composed[bytes((0x0E, 0x11, *_BODIES["C"], 0))] = "Ç"
    composed[bytes(8)] = " "
    return composed


DRAWINGS = _drawings()


class CharacterDisplay(I2CPart):
    """The module: controller, glass and backpack.

    Attributes
    ----------
    violations
        Instructions that came while the controller was busy, or before its power-up was complete.
    characters
        Characters written to the glass since power-up, to count what a change costs.
    """

    def __init__(self, board: Board, bus: int, address: int, columns: int = 20, rows: int = 4) -> None:
        super().__init__(board, bus, address)
        self.columns = columns
        self.rows = rows
        self.violations = 0
        self.characters = 0
        self._port = 0xFF  # a PCF8574 powers up with all pins high
        self._bus_free_us = 0.0
        self._reset()

    def power_on(self) -> None:
        self._port = 0xFF
        self._reset()

    def _reset(self) -> None:
        self._ddram = bytearray(b" " * 80)
        self._cgram = bytearray(64)
        self._address = 0
        self._in_cgram = False
        self._step = 1
        self._shift = 0
        self._on = False
        self._eight_bits = True
        self._two_lines = False
        self._high: int | None = None
        self._busy_until_us = float(self.clock.now_us() + WAKE_US)

    def lose_nibble(self) -> None:
        """Fault, a relay nearby: a spike on E counts as a nibble, and all later bytes are out of step."""
        self._high = 0x0 if self._high is None else None

    def garble(self) -> None:
        """Fault, a relay nearby: some of its memory changes, and the shift of its window."""
        self._ddram[3:7] = b"\x13\xf2\xa0\x00"
        self._shift += 2

    # --- the backpack -----------------------------------------------------------------------------------
    def taken(self, data: bytes) -> None:
        at_us = max(float(self.clock.now_us()), self._bus_free_us) + BYTE_US  # the address byte
        for value in data:
            at_us += BYTE_US
            falling = self._port & E and not value & E
            rising = value & E and not self._port & E
            if rising and at_us < self._busy_until_us:
                self.violations += 1
            before, self._port = self._port, value
            if falling and not before & RW:
                self._nibble(before >> 4, bool(before & RS), at_us)
        self._bus_free_us = at_us

    def given(self, count: int) -> bytes:
        return bytes((self._port,)) * count

    @property
    def light(self) -> bool:
        """Is the backlight on?"""
        return self.board.powered and bool(self._port & LIGHT)

    # --- the controller ---------------------------------------------------------------------------------
    def _nibble(self, nibble: int, is_data: bool, at_us: float) -> None:
        if self._eight_bits:  # D0..D3 are not connected and read as low
            self._execute(nibble << 4, is_data, at_us)
        elif self._high is None:
            self._high = nibble
        else:
            value, self._high = self._high << 4 | nibble, None
            self._execute(value, is_data, at_us)

    def _execute(self, value: int, is_data: bool, at_us: float) -> None:
        self._busy_until_us = at_us + BUSY_US
        if is_data:
            self._store(value)
        elif value & 0x80:
            self._address, self._in_cgram = value & 0x7F, False
        elif value & 0x40:
            self._address, self._in_cgram = value & 0x3F, True
        elif value & 0x20:
            self._eight_bits, self._two_lines = bool(value & 0x10), bool(value & 0x08)
            self._high = None
        elif value & 0x10:
            self._move(display=bool(value & 0x08), step=1 if value & 0x04 else -1)
        elif value & 0x08:
            self._on = bool(value & 0x04)
        elif value & 0x04:
            self._step = 1 if value & 0x02 else -1
        else:
            self._home(clear=bool(value & 0x01), at_us=at_us)

    def _move(self, display: bool, step: int) -> None:
        if display:
            self._shift -= step  # the text goes right when the window goes left
        else:
            self._address += step

    def _home(self, clear: bool, at_us: float) -> None:
        if clear:
            self._ddram = bytearray(b" " * 80)
            self._step = 1
        self._address, self._in_cgram, self._shift = 0, False, 0
        self._busy_until_us = at_us + BUSY_CLEAR_US

    def _store(self, value: int) -> None:
        if self._in_cgram:
            self._cgram[self._address & 0x3F] = value & 0x1F
            self._address = self._address + self._step & 0x3F
            return
        cell = self._cell(self._address)
        if cell is not None:
            self._ddram[cell] = value
        self.characters += 1
        self._address += self._step
        if self._two_lines:
            self._address = {0x28: 0x40, 0x68: 0x00, 0x3F: 0x27, -1: 0x67}.get(self._address, self._address)
        else:
            self._address %= 80

    def _cell(self, address: int) -> int | None:
        """DDRAM addresses 00..27 and 40..67 in two-line mode, 00..4F in one-line mode."""
        if not self._two_lines:
            return address if address < 80 else None
        column = address & 0x3F
        return column + (40 if address & 0x40 else 0) if column < 40 else None

    # --- the glass ---------------------------------------------------------------------------------------
    def codes(self) -> list[bytes]:
        """The character codes of each row, as wired in modules of 1, 2 and 4 rows."""
        rows = []
        for row in range(self.rows):
            line = self._ddram[40:] if row & 1 else self._ddram[:40]
            start = (self.columns if row & 2 else 0) + self._shift
            rows.append(bytes(line[(start + column) % 40] for column in range(self.columns)))
        return rows

    def lines(self) -> list[str]:
        """What a person reads; blank while the display is off or has no supply.

        A drawn character counts as what it looks like; one that looks like nothing known is ``▒``.
        """
        if not self._on or not self.board.powered:
            return [" " * self.columns] * self.rows
        return ["".join(self._looks_like(code) for code in row) for row in self.codes()]

    def _looks_like(self, code: int) -> str:
        if code < 16:
            return DRAWINGS.get(bytes(self._cgram[8 * (code & 7) : 8 * (code & 7) + 8]), "▒")
        if code in ROM_A00:
            return ROM_A00[code]
        return chr(code) if 0x20 <= code < 0x7E else "▒"

    def dots(self, row: int, column: int) -> bytes | None:
        """The eight rows of dots of a drawn character at a place, None for a character of the ROM."""
        code = self.codes()[row][column]
        return bytes(self._cgram[8 * (code & 7) : 8 * (code & 7) + 8]) if code < 16 else None
