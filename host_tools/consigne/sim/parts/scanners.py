"""Barcode scanners other than the GM65: the MH-ET LIVE module, and any that only sends.

The MH-ET module's answers follow the only public description (the README of a
driver for it), not from our driver.
"""

import random
from dataclasses import dataclass

from ..board.board import Board, Part

ACK, NAK, ENQ = b"\x06", b"\x15", b"\x05"
SAVE = "A5F0506A"


class Scanner(Part):
    """Base of all: a barcode held before it is read, and sent with a terminator.

    Attributes
    ----------
    silent
        Fault: it neither answers nor scans (a cable out).
    tail
        What it sends after each payload.
    keep
        Fault: at most this many bytes of a payload arrive, without the terminator; None: all arrive.
    times
        Fault: how often it sends each payload.
    """

    def __init__(self, board: Board, uart: int, baud: int, tail: bytes = b"\r", seed: int = 0) -> None:
        super().__init__(board)
        self.uart = board.uart(uart)
        self.baud = baud
        self.silent = False
        self.tail = tail
        self.keep: int | None = None
        self.times = 1
        self._random = random.Random(seed)

    @property
    def _lives(self) -> bool:
        return self.board.powered and not self.silent

    def _looks(self) -> bool:
        return self._lives

    def show(self, code: "str | bytes | SetupCode") -> bool:
        """Hold a barcode before it; False when it does not read at all."""
        if not self._looks():
            return False
        self.board.note("scan", repr(code))
        if isinstance(code, SetupCode):
            self._set_up(code)
            return True
        payload = code.encode("latin-1") if isinstance(code, str) else code
        sent = payload + self.tail if self.keep is None else payload[: self.keep]
        self.clock.call_in(self._random.randint(60_000, 200_000), self.raw, sent * self.times)
        return True

    def noise(self, count: int) -> None:
        """Random bytes on the wire: a bad ground, a plug half out."""
        self.raw(self._random.randbytes(count))

    def raw(self, data: bytes) -> None:
        """Exactly these bytes on the wire, back to back with what was sent just before."""
        if self._lives:
            self.uart.send(data, self.baud)

    def _set_up(self, code: "SetupCode") -> None:
        """Obey a setup barcode; this scanner has no setting that forbids it."""
        if code.command.startswith("baud "):
            self.baud = int(code.command[5:])


@dataclass(frozen=True)
class SetupCode:
    """A barcode of the maker's manual: an MH-ET command such as ``~M00210000.``, or ``baud 115200``."""

    command: str


class MhEt(Scanner):
    """The MH-ET LIVE module.

    ``options`` are the settings in force, by their four digits; lost at power-off unless saved.
    ``asks_in_setup``: whether it answers questions only in its setup mode, which the source does not say.
    """

    FACTORY = {"0021": "0000", "0091": "0000", "0092": "0001"}

    def __init__(self, board: Board, uart: int, baud: int = 9600, seed: int = 0) -> None:
        super().__init__(board, uart, baud, b"\r\n", seed)
        self.asks_in_setup = False
        self.split_us = 0  # fault: a pause of this length in the middle of each answer
        self.commands: list[str] = []
        self._saved = dict(self.FACTORY)
        self.options = dict(self.FACTORY)
        self._heard = ""
        self.uart.on_bytes(self._hear)

    def power_on(self) -> None:
        self.options = dict(self._saved)
        self._heard = ""

    def _looks(self) -> bool:
        return super()._looks() and self.options["0021"] in ("0001", "0002")

    def factory_reset(self) -> None:
        """The state of a new scanner that replaces the old one."""
        self._saved, self.options = dict(self.FACTORY), dict(self.FACTORY)

    def _set_up(self, code: SetupCode) -> None:
        """A setup barcode is a command on paper, such as the one that enters the setup mode."""
        if code.command.startswith("~M"):
            self._modify(code.command[2:-1])
        else:
            super()._set_up(code)

    # --- the wire ---------------------------------------------------------------------------------------
    def _hear(self, data: bytes) -> None:
        if not self._lives or self.uart.baud != self.baud:
            return
        self._heard += data.decode("latin-1")
        while "." in self._heard:
            command, self._heard = self._heard.split(".", 1)
            start = command.rfind("~")
            if start >= 0:
                self._obey(command[start:])

    def _obey(self, command: str) -> None:
        self.commands.append(command)
        if command.startswith("~M"):
            self._answer(self._modify(command[2:]))
        elif command.startswith("~Q"):
            closed = self.asks_in_setup and self.options["0091"] != "0001"
            value = None if closed else self.options.get(command[2:])
            self._answer(ENQ if value is None else (command[2:] + value).encode() + ACK)
        else:  # a trigger finds no barcode to read
            self._answer(b"T" + NAK if command == "~T" else ENQ)

    def _modify(self, setting: str) -> bytes:
        """The answer: ACK; NAK for an invalid value; ENQ for a command it does not take now."""
        option, value = setting[:4], setting[4:]
        if len(setting) != 8 or any(digit not in "0123456789ABCDEF" for digit in setting):
            return ENQ
        if option != "0091" and self.options["0091"] != "0001":
            return ENQ
        if setting == SAVE:
            self._saved = {**self.options, "0091": "0000"}
            return ACK
        if option not in self.options:
            return ENQ
        if int(value, 16) > 3:
            return NAK
        self.options[option] = value
        return ACK

    def _answer(self, reply: bytes) -> None:
        delay_us = self._random.randint(2_000, 15_000)
        cut = len(reply) // 2 if self.split_us else len(reply)
        self.clock.call_in(delay_us, self.raw, reply[:cut])
        if cut < len(reply):
            self.clock.call_in(delay_us + self.split_us, self.raw, reply[cut:])
