"""A GM65 barcode scanner: its command frames, settings, payloads and quirks.

The command set is that of the maker's manual as far as independent drivers confirm it
(``hardware/README.md``, "How sure this is"): frames ``7E 00 type length address(2) data crc(2)`` answered
with ``02 00 00 length data crc(2)``.
"""

import random
from dataclasses import dataclass

from ..board.board import Board, Part

READ, WRITE, SAVE = 7, 8, 9
NO_CHECK = b"\xab\xcd"  # used instead of the CRC, which the scanner does not verify

FACTORY = {0x0000: 0xD6, 0x0003: 0x00, 0x0006: 0x32, 0x002A: 0x39, 0x0060: 0x00}
TAILS = {0: b"\r", 1: b"\r\n", 2: b"\t", 3: b""}
MANUAL, COMMAND, CONTINUOUS, INDUCTION = range(4)


@dataclass(frozen=True)
class SetupCode:
    """A barcode of the manual that changes a setting of the scanner that reads it."""

    zone: int
    value: int


def crc(data: bytes) -> bytes:
    """CRC-CCITT with polynomial 0x1021 and start value 0, high byte first."""
    register = 0
    for bit_index in range(8 * len(data)):
        bit = data[bit_index // 8] >> (7 - bit_index % 8) & 1
        carry = register >> 15
        register = register << 1 & 0xFFFF
        if carry ^ bit:
            register ^= 0x1021
    return register.to_bytes(2, "big")


class Gm65(Part):
    """The scanner on a UART.

    Attributes
    ----------
    zones
        The settings in force, by address; lost at power-off unless saved.
    silent
        Fault: it neither answers nor scans (a cable out).
    split_us
        Fault: a pause of this length in the middle of each answer.
    tail
        Fault: bytes it sends after each payload whatever its settings say; None: as its settings say.
    """

    def __init__(self, board: Board, uart: int, baud: int = 9600, seed: int = 0) -> None:
        super().__init__(board)
        self.uart = board.uart(uart)
        self.baud = baud
        self.silent = False
        self.split_us = 0
        self.tail: bytes | None = None
        self.commands: list[bytes] = []
        self.refused = 0
        self._random = random.Random(seed)
        self._saved = dict(FACTORY)
        self.zones = dict(self._saved)
        self._heard = bytearray()
        self.uart.on_bytes(self._hear)

    def power_on(self) -> None:
        self.zones = dict(self._saved)
        self._heard.clear()

    def factory_reset(self) -> None:
        """The state of a new scanner that replaces the old one."""
        self._saved = dict(FACTORY)
        self.zones = dict(FACTORY)

    # --- what people hold before it ------------------------------------------------------------------
    def show(self, code: "str | bytes | SetupCode") -> bool:
        """Hold a barcode before it; False when it does not read at all (mode, fault, no supply).

        A setup barcode changes a setting, unless zone 0003 forbids setup barcodes: then it is
        ignored.
        """
        mode = self.zones[0x0000] & 3
        if self.silent or not self.board.powered or mode not in (CONTINUOUS, INDUCTION):
            return False
        self.board.note("scan", repr(code))
        decode_us = self._random.randint(60_000, 200_000)
        if isinstance(code, SetupCode):
            if not self.zones[0x0003] & 0x02:
                self.zones[code.zone] = code.value
                self._saved[code.zone] = code.value
            return True
        payload = code.encode("latin-1") if isinstance(code, str) else code
        self.clock.call_in(decode_us, self._send_payload, payload)
        return True

    def _send_payload(self, payload: bytes) -> None:
        setting = self.zones[0x0060]
        tail = TAILS[setting >> 5 & 3] if setting & 1 else b""
        self._send(payload + (tail if self.tail is None else self.tail))

    def noise(self, count: int) -> None:
        """Random bytes on the wire: a bad ground, a plug half out."""
        self._send(self._random.randbytes(count))

    def raw(self, data: bytes) -> None:
        """Exactly these bytes on the wire, back to back with what was sent just before."""
        self._send(data)

    # --- the wire -------------------------------------------------------------------------------------
    def _send(self, data: bytes) -> None:
        if self.board.powered and not self.silent:
            self.uart.send(data, self.baud)

    def _hear(self, data: bytes) -> None:
        if self.silent or not self.board.powered or self.uart.baud != self.baud:
            return
        self._heard += data
        while True:
            start = self._heard.find(b"\x7e\x00")
            if start < 0:
                del self._heard[: max(0, len(self._heard) - 1)]
                return
            del self._heard[:start]
            if len(self._heard) < 4 or len(self._heard) < 8 + self._heard[3]:
                return
            frame = bytes(self._heard[: 8 + self._heard[3]])
            del self._heard[: len(frame)]
            self._obey(frame)

    def _obey(self, frame: bytes) -> None:
        body, check = frame[2:-2], frame[-2:]
        if check not in (NO_CHECK, crc(body)):
            self.refused += 1
            return
        self.commands.append(frame)
        kind, zone, data = body[0], int.from_bytes(body[2:4], "big"), body[4:]
        if kind == READ:
            answer = bytes(self.zones.get(zone + n, 0) for n in range(data[0]))
        elif kind == WRITE:
            for offset, value in enumerate(data):
                self.zones[zone + offset] = value
            answer = b"\x00"
        elif kind == SAVE:
            self._saved = dict(self.zones)
            answer = b"\x00"
        else:
            self.refused += 1
            return
        content = b"\x00" + bytes((len(answer),)) + answer
        reply = b"\x02\x00" + content + crc(content)
        delay_us = self._random.randint(2_000, 15_000)
        if not self.split_us:
            self.clock.call_in(delay_us, self._send, reply)
            return
        cut = self._random.randint(1, len(reply) - 1)
        self.clock.call_in(delay_us, self._send, reply[:cut])
        self.clock.call_in(delay_us + self.split_us, self._send, reply[cut:])
