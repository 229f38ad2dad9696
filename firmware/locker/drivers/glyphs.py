"""What a character display can show: its ROM, eight characters of our own, and plain letters.

The HD44780's ROM A00 holds ASCII (with a yen sign for the backslash and an arrow for the tilde),
some letters of German and Spanish, and no other accents.  Eight more can be drawn at a time
(CGRAM); which eight follows from the text that is wanted, and what finds no place loses its
accent.
"""

from micropython import const

SLOTS = const(8)

_ROM = {
    "ä": 0xE1, "ö": 0xEF, "ü": 0xF5, "ß": 0xE2, "ñ": 0xEE, "µ": 0xE4, "°": 0xDF, "÷": 0xFD,
    "£": 0xED, "¥": 0x5C, "→": 0x7E, "←": 0x7F, "·": 0xA5,
}  # fmt: skip

# Eight rows of five dots, bit 4 is the left one; the letter beside it stands in without a slot.
_DRAWN = {
    "é": (b"\x02\x04\x0e\x11\x1f\x10\x0e\x00", "e"),
    "è": (b"\x08\x04\x0e\x11\x1f\x10\x0e\x00", "e"),
    "ê": (b"\x04\x0a\x0e\x11\x1f\x10\x0e\x00", "e"),
    "ë": (b"\x0a\x00\x0e\x11\x1f\x10\x0e\x00", "e"),
    "à": (b"\x08\x04\x0e\x01\x0f\x11\x0f\x00", "a"),
    "â": (b"\x04\x0a\x0e\x01\x0f\x11\x0f\x00", "a"),
    "ç": (b"\x00\x00\x0e\x10\x10\x11\x0e\x04", "c"),
    "î": (b"\x04\x0a\x0c\x04\x04\x04\x0e\x00", "i"),
    "ï": (b"\x0a\x00\x0c\x04\x04\x04\x0e\x00", "i"),
    "ô": (b"\x04\x0a\x0e\x11\x11\x11\x0e\x00", "o"),
    "ù": (b"\x08\x04\x11\x11\x11\x13\x0d\x00", "u"),
    "û": (b"\x04\x0a\x11\x11\x11\x13\x0d\x00", "u"),
    "Ä": (b"\x0a\x00\x0e\x11\x1f\x11\x11\x00", "A"),
    "Ö": (b"\x0a\x0e\x11\x11\x11\x11\x0e\x00", "O"),
    "Ü": (b"\x0a\x11\x11\x11\x11\x11\x0e\x00", "U"),
    "À": (b"\x08\x04\x0e\x11\x1f\x11\x11\x00", "A"),
    "É": (b"\x02\x04\x1f\x10\x1e\x10\x1f\x00", "E"),
    "È": (b"\x08\x04\x1f\x10\x1e\x10\x1f\x00", "E"),
    "Ê": (b"\x04\x0a\x1f\x10\x1e\x10\x1f\x00", "E"),
    "Ç": (b"\x0e\x11\x10\x10\x11\x0e\x04\x00", "C"),
}

_PLAIN = {
    "\\": "/", "~": "-", "\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-",
    "\u2014": "-", "\u2026": ".", "\u20ac": "E", "\u0153": "o", "\u00d7": "x", "\u00a0": " ",
}  # fmt: skip


def bitmap(char: str) -> bytes:
    """The eight rows of a drawn character."""
    return _DRAWN[char][0]


class Encoder:
    """Text to character codes, and which character is drawn in which of the eight slots."""

    def __init__(self):
        self.slots = [""] * SLOTS
        # Bits 2n and 2n+1: the upper and lower half of slot n are not yet drawn on the display.
        self.stale = 0

    def forget(self) -> None:
        """The display lost its drawings: all have to be drawn again."""
        self.stale = 0
        for slot in range(SLOTS):
            if self.slots[slot]:
                self.stale |= 3 << 2 * slot

    def encode(self, lines, columns: int, out) -> None:
        """Fill ``out`` row by row with the codes of ``lines``, cut or padded to ``columns``.

        Rows that are missing are blank.  A character that cannot be shown becomes ``?``.
        """
        self._assign(lines, columns)
        for index in range(len(out)):
            out[index] = 32
        for row in range(min(len(lines), len(out) // columns)):
            line = lines[row]
            for column in range(min(len(line), columns)):
                out[row * columns + column] = self._code(line[column])

    def _assign(self, lines, columns: int) -> None:
        """Give slots to the drawn characters of the text, first come, first served."""
        needed = []
        for line in lines:
            for char in line[:columns]:
                if char in _DRAWN and char not in needed and len(needed) < SLOTS:
                    needed.append(char)
        for char in needed:
            if char in self.slots:
                continue
            for slot in range(SLOTS):
                if self.slots[slot] not in needed:
                    self.slots[slot] = char
                    self.stale |= 3 << 2 * slot
                    break

    def _code(self, char: str) -> int:
        if char in _ROM:
            return _ROM[char]
        if char in self.slots:
            return self.slots.index(char)
        if char in _DRAWN:
            char = _DRAWN[char][1]
        elif char in _PLAIN:
            char = _PLAIN[char]
        code = ord(char)
        return code if 32 <= code < 0x7E else 63
