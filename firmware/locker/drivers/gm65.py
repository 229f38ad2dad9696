"""The serial protocol of GM65-family scanners: command frames out, replies and payloads apart.

Nothing here touches hardware: ``Splitter`` takes bytes and hands out texts and replies.

A command is ``7E 00 type length address(2) data crc(2)``, a reply ``02 00 00 length data crc(2)``;
the CRC is CCITT (polynomial 1021, start 0) from the type on.  A payload is bare text, and a reply
may stand before it, or between two payloads, without a pause.
"""

from micropython import const

from . import scantext

MODES = ("manual", "command", "continuous", "induction")
TERMINATORS = ("\r", "\r\n", "\t", "")

ZONE_MODE = const(0x0000)  # bits 1..0: index into MODES
ZONE_SETUP_CODES = const(0x0003)
SETUP_CODES_FORBIDDEN = const(0x02)
ZONE_TERMINATOR = const(0x0060)  # bits 6..5: index into TERMINATORS; bit 0: send it

_READ = const(7)
_WRITE = const(8)
_SAVE = const(9)

_REPLY_HEAD = b"\x02\x00\x00"
_REPLY_DATA_MAX = const(16)


def crc16(data) -> int:
    """CRC-16/XMODEM of ``data``."""
    crc = 0
    for value in data:
        crc ^= value << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def _command(kind: int, zone: int, data: int) -> bytes:
    body = bytes((kind, 1, zone >> 8, zone & 0xFF, data))
    crc = crc16(body)
    return b"\x7e\x00" + body + bytes((crc >> 8, crc & 0xFF))


def read_zone(zone: int) -> bytes:
    """Ask for one setting; the reply's data is its value."""
    return _command(_READ, zone, 1)


def write_zone(zone: int, value: int) -> bytes:
    """Change one setting until the next power-up; the reply's data is 00."""
    return _command(_WRITE, zone, value)


def save_settings() -> bytes:
    """Keep the settings over power-up; the reply's data is 00."""
    return _command(_SAVE, 0, 0)


class Splitter(scantext.Splitter):
    """A burst's texts, and in ``reply`` the data of the newest reply, until the caller takes it."""

    def __init__(self):
        super().__init__()
        self.reply = None
        self._head = bytearray(4 + _REPLY_DATA_MAX + 2)
        self._head_length = 0

    @property
    def in_reply(self) -> bool:
        """A reply has begun and not ended: a pause now does not end it."""
        return self._head_length > 0

    def feed(self, data, count: int) -> None:
        """Take ``count`` bytes of ``data``."""
        for index in range(count):
            value = data[index]
            if self._head_length == 0 or not self._reply_goes_on(value):
                self._take(value)

    def end(self):
        """The wire is quiet: returns the texts of the burst, and whether it held garbage."""
        if self._head_length:
            self._head_length = 0
            self.garbled = True
        return super().end()

    def _take(self, value: int) -> None:
        if value == _REPLY_HEAD[0]:
            self._head[0] = value
            self._head_length = 1
        else:
            super()._take(value)

    def _reply_goes_on(self, value: int) -> bool:
        """Take ``value`` into the reply; False when it was no reply and ``value`` is a byte of its own."""
        length = self._head_length
        fits = value == _REPLY_HEAD[length] if length < 3 else length > 3 or 1 <= value <= _REPLY_DATA_MAX
        if not fits:
            self._head_length = 0
            self.garbled = True
            return False
        self._head[length] = value
        self._head_length = length = length + 1
        if length > 4 and length == 4 + self._head[3] + 2:
            self._head_length = 0
            body = memoryview(self._head)[2 : length - 2]
            if crc16(body) == self._head[length - 2] << 8 | self._head[length - 1]:
                self.reply = bytes(body[2:])
            else:
                self.garbled = True
        return True
