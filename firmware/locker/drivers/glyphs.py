"""What a character display can show: its ROM, eight characters of our own, and plain letters.

The HD44780's ROM A00 holds ASCII (with a yen sign for the backslash and an arrow for the tilde), some letters
of German and Spanish, and no other accents.  Eight more can be drawn at a time (CGRAM); the text decides
which eight, and a letter without a place loses its accent.
"""

from micropython import const

SLOTS = const(8)

# As strings and bytes they stay in flash; tables of them would take 3 kB of heap.
_ROM = "äöüßñµ°÷£¥→←·"
_ROM_CODES = b"\xe1\xef\xf5\xe2\xee\xe4\xdf\xfd\xed\x5c\x7e\x7f\xa5"

_DRAWN = "éèêëàâçîïôùûÄÖÜÀÉÈÊÇ"  # eight rows of five dots each, bit 4 is the left one
_BARE = "eeeeaaciiouuAOUAEEEC"  # the plain letter for each that has no slot
_DOTS = (
    b"\x02\x04\x0e\x11\x1f\x10\x0e\x00"  # é
    b"\x08\x04\x0e\x11\x1f\x10\x0e\x00"  # è
    b"\x04\x0a\x0e\x11\x1f\x10\x0e\x00"  # ê
    b"\x0a\x00\x0e\x11\x1f\x10\x0e\x00"  # ë
    b"\x08\x04\x0e\x01\x0f\x11\x0f\x00"  # à
    b"\x04\x0a\x0e\x01\x0f\x11\x0f\x00"  # â
    b"\x00\x00\x0e\x10\x10\x11\x0e\x04"  # ç
    b"\x04\x0a\x0c\x04\x04\x04\x0e\x00"  # î
    b"\x0a\x00\x0c\x04\x04\x04\x0e\x00"  # ï
    b"\x04\x0a\x0e\x11\x11\x11\x0e\x00"  # ô
    b"\x08\x04\x11\x11\x11\x13\x0d\x00"  # ù
    b"\x04\x0a\x11\x11\x11\x13\x0d\x00"  # û
    b"\x0a\x00\x0e\x11\x1f\x11\x11\x00"  # Ä
    b"\x0a\x0e\x11\x11\x11\x11\x0e\x00"  # Ö
    b"\x0a\x11\x11\x11\x11\x11\x0e\x00"  # Ü
    b"\x08\x04\x0e\x11\x1f\x11\x11\x00"  # À
    b"\x02\x04\x1f\x10\x1e\x10\x1f\x00"  # É
    b"\x08\x04\x1f\x10\x1e\x10\x1f\x00"  # È
    b"\x04\x0a\x1f\x10\x1e\x10\x1f\x00"  # Ê
    b"\x0e\x11\x10\x10\x11\x0e\x04\x00"  # Ç
)

# A character, and its replacement.
_PLAIN = "\\/~-\u2019'\u2018'\u201c\"\u201d\"\u2013-\u2014-\u2026.\u20acEœo\u00d7x\u00a0 "


def bitmap(char: str) -> bytes:
    """The eight rows of a drawn character."""
    at = 8 * _DRAWN.find(char)
    return _DOTS[at : at + 8]


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
        at = _ROM.find(char)
        if at >= 0:
            return _ROM_CODES[at]
        if char in self.slots:
            return self.slots.index(char)
        at = _DRAWN.find(char)
        if at >= 0:
            char = _BARE[at]
        at = _PLAIN.find(char)
        if at >= 0 and not at & 1:
            char = _PLAIN[at + 1]
        code = ord(char)
        return code if 32 <= code < 0x7E else 63
