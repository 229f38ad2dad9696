"""The serial protocol of MH-ET LIVE barcode scanners: commands out, answers and texts separated.

Nothing here touches hardware.  A command is ``~M`` + option + value + ``.``, a question ``~Q`` + option +
``.``, each number four hexadecimal digits.  The answer to a command is ACK (06), NAK (15: not that value) or
ENQ (05: no such command); to a question, option and value, then ACK.  From one source only, the README of a
driver for the module; the meaning of most options is not documented well enough to rely on.
"""

from micropython import const

from . import scantext

ACK = const(0x06)
NAK = const(0x15)
ENQ = const(0x05)

OPTION_MODE = const(0x0021)
OPTION_SETUP = const(0x0091)  # 1: takes settings, from the wire and from barcodes
OPTION_STORE = const(0xA5F0)
STORE_SAVE = const(0x506A)
MODES = ("manual", "continuous", "induction", "command")

_REPLY_DIGITS = const(8)


def question(option: int) -> bytes:
    """Ask for one setting."""
    return "~Q{:04X}.".format(option).encode()


def command(option: int, value: int) -> bytes:
    """Change one setting."""
    return "~M{:04X}{:04X}.".format(option, value).encode()


class Splitter(scantext.Splitter):
    """A burst's texts; ``reply`` is the value asked for, -1 for ACK alone, -2 for NAK and ENQ.

    An unexpected answer (``reply`` was taken already) is garbage.
    """

    def __init__(self):
        super().__init__()
        self.reply = -1
        self.asked = -1  # the option of the question under way; -1: a command

    @property
    def in_reply(self) -> bool:
        """An answer is expected: a pause now does not end the burst."""
        return self.reply is None

    def end(self):
        """The wire is quiet: returns the texts of the burst, and whether it held garbage."""
        if self.reply is None and self._length:  # part of an answer must not count as a text
            self._length = 0
            self.garbled = True
        return super().end()

    def _take(self, value: int) -> None:
        if value in (ACK, NAK, ENQ):
            if self.reply is not None:
                self.garbled = True
            else:
                self.reply = self._answer() if value == ACK else -2
        else:
            super()._take(value)

    def _answer(self) -> int:
        """The value at the end of what came just before an ACK; a text may stand before it."""
        if self.asked < 0:
            return -1
        start = self._length - _REPLY_DIGITS
        if start < 0:
            return -2
        try:
            number = int(str(memoryview(self._text)[start : self._length], "utf-8"), 16)
        except ValueError:
            return -2
        if number >> 16 != self.asked:
            return -2
        self._length = start
        self._end_text()
        return number & 0xFFFF
