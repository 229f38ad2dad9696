"""A cabinet with a valid form: its parts, its board and the use of each pin."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from locker.configlines import EXPANDERS
from locker.drivers.boards import KINDS as _BOARD_KINDS

from .document import Compartment, Document, EthernetPin, EthernetWiring
from .problems import Key
from .profiles import Profile
from .reading import Sheet

# From the makers' documents; a Modbus board can be set to several rates.
_BAUDS = {"8a": 9600, "cu48": 19200, "cu16": 19200, "winnsen": 9600, "wkly": 9600}


class BoardKind(NamedTuple):
    """A family of lock boards: lowest and highest address, channels; ``baud`` None when it can be set."""

    addresses: tuple[int, int]
    locks: int
    inputs: int
    baud: int | None


"""Port expanders that the firmware drives: their channels, and the addresses they can have."""

KINDS = {
    kind: BoardKind((low, high), locks, inputs, _BAUDS.get(kind))
    for kind, (_, _, low, high, locks, inputs) in _BOARD_KINDS.items()
}
"""Families of lock boards, as the firmware has them."""


@dataclass(frozen=True)
class PinRole:
    """The function of a pin.

    ``rest``: the level at which its wiring holds it before the firmware runs: "low", "high", "open" (nothing
    holds it) or "unknown" (a door, a switch, another chip decides).  ``coil``: a wrong level opens a door.
    """

    words: str
    output: bool = False
    rest: str = "open"
    coil: bool = False
    pulled: bool = False
    analog: bool = False


RELAY = PinRole("a lock's relay", output=True, rest="low", coil=True)
ARM = PinRole("the arming line", output=True, rest="low", coil=True)
REED = PinRole("a door's sensor", rest="unknown", pulled=True)
I2C = PinRole("an I2C line", output=True, rest="high")
INTERRUPT = PinRole("an interrupt line", rest="high", pulled=True)
ROW = PinRole("a keypad row", output=True)
COLUMN = PinRole("a keypad column", pulled=True)
WIEGAND = PinRole("a Wiegand line", rest="high", pulled=True)
SEND = PinRole("a UART's TX", output=True, rest="high")
HEAR = PinRole("a UART's RX", rest="unknown")
DIRECTION = PinRole("an RS-485 driver's enable", output=True, rest="low")
PANEL = PinRole("a lamp or buzzer", output=True, rest="low")
SENSE = PinRole("the measurement of the supply", rest="unknown", analog=True)
TAMPER = PinRole("the lid's switch", rest="unknown", pulled=True)
MAINS = PinRole("the mains' sensor", rest="unknown")
SHIFT = PinRole("a shift register's line", output=True)
ENABLE = PinRole("the shift registers' enable", output=True, rest="high")
BACK = PinRole("the shift registers' end", rest="unknown")
STRIP = PinRole("the lights' data line", output=True)
SPI = PinRole("an SPI line", output=True)
SELECT = PinRole("the Ethernet module's select", output=True, rest="high")
MISO = PinRole("the Ethernet module's MISO")
RESET = PinRole("the Ethernet module's reset", output=True, rest="high")


_ETHERNET: dict[EthernetPin, PinRole] = {
    "sck": SPI,
    "mosi": SPI,
    "miso": MISO,
    "cs": SELECT,
    "int": INTERRUPT,
    "reset": RESET,
}


@dataclass(frozen=True)
class Use:
    """A pin of the board that one key of the file claims."""

    pin: int
    role: PinRole
    key: Key
    pull_up: bool = False


@dataclass(frozen=True)
class Bank:
    """Channels for locks and sensors: the board's pins, an expander or a lock board.

    ``locks`` and ``inputs``: how many channels; on an expander (``is_shared``) both are the same ones.
    """

    name: str
    device_name: str
    key: Key
    locks: int
    inputs: int
    is_shared: bool


class Cabinet:
    """``data`` is the checked file with its defaults; ``board`` the profile of its controller."""

    def __init__(self, sheet: Sheet, data: Document, board: Profile) -> None:
        self.sheet = sheet
        self.data = data
        self.board = board

    @property
    def ethernet(self) -> EthernetWiring | None:
        """How the Ethernet chip is wired, in the words of the device's ``network``; None without one.

        The chip is the board's own, or on a module that the file wires to the board.
        """
        return self.data.get("ethernet") or self.board.ethernet

    @property
    def compartments(self) -> list[Compartment]:
        return self.data["compartment"]

    @property
    def psram(self) -> str:
        """How PSRAM is wired, "" for none: by the profile, or else by the file."""
        said = self.data.get("psram")
        if said and not self.board.psram:
            return self.board.chip.most_psram
        return self.board.psram

    @property
    def psram_pins(self) -> frozenset[int]:
        """Pins of the PSRAM, which MicroPython images for it do not offer."""
        return self.board.chip.psram.get(self.psram, frozenset())

    @cached_property
    def banks(self) -> list[Bank]:
        """In the order in which the device counts them: pins, expanders, shift registers, lock boards."""
        banks = [Bank("gpio", "gpio", (), 49, 49, True)]
        for i, chip in enumerate(self.data["expander"]):
            name = f"{chip['kind']}@{chip['i2c']}:{chip['address']}"
            channels = EXPANDERS[chip["kind"]][0]
            banks.append(Bank(chip["name"], name, ("expander", i), channels, channels, True))
        for i, chain in enumerate(self.data["shift_register"]):
            name = f"{chain['kind']}@{chain['latch']}"
            banks.append(Bank(chain["name"], name, ("shift_register", i), 8 * chain["chips"], 0, True))
        for i, board in enumerate(self.data["lock_board"]):
            name = f"{board['kind']}@{board['uart']}:{board['address']}"
            kind = KINDS.get(board["kind"])
            locks, inputs = (kind.locks, kind.inputs) if kind else (0, 0)
            banks.append(Bank(board["name"], name, ("lock_board", i), locks, inputs, False))
        return banks

    def bank(self, name: str) -> Bank | None:
        return next((bank for bank in self.banks if bank.name == name), None)

    @cached_property
    def uses(self) -> list[Use]:
        """Every pin that the file claims, in the order of its tables."""
        return [use for use in self._uses() if use.pin >= 0]

    def _uses(self) -> Iterator[Use]:
        data = self.data
        yield Use(data["locks"]["arm_pin"], ARM, ("locks", "arm_pin"))
        for i, bus in enumerate(data["i2c"]):
            yield Use(bus["scl"], I2C, ("i2c", i, "scl"))
            yield Use(bus["sda"], I2C, ("i2c", i, "sda"))
        for i, entry in enumerate(data["expander"]):
            yield Use(entry["int_pin"], INTERRUPT, ("expander", i, "int_pin"))
        yield from self._chain_uses()
        for i, wire in enumerate(data["rs485"]):
            yield Use(wire["tx"], SEND, ("rs485", i, "tx"))
            yield Use(wire["rx"], HEAR, ("rs485", i, "rx"))
            yield Use(wire["de"], DIRECTION, ("rs485", i, "de"))
        yield from self._panel_uses()
        if "ethernet" in data:
            for line, role in _ETHERNET.items():
                yield Use(data["ethernet"][line], role, ("ethernet", line))
        yield from self._door_uses()

    def _chain_uses(self) -> Iterator[Use]:
        for i, chain in enumerate(self.data["shift_register"]):
            for line in ("data", "clock", "latch"):
                yield Use(chain[line], SHIFT, ("shift_register", i, line))
            yield Use(chain["enable"], ENABLE, ("shift_register", i, "enable"))
            yield Use(chain["back"], BACK, ("shift_register", i, "back"))

    def _panel_uses(self) -> Iterator[Use]:
        data = self.data
        keypad = data["keypad"]
        if keypad["kind"] == "wiegand":
            yield Use(keypad["d0"], WIEGAND, ("keypad", "d0"))
            yield Use(keypad["d1"], WIEGAND, ("keypad", "d1"))
        else:
            for side, pins, role in (("rows", keypad["rows"], ROW), ("cols", keypad["cols"], COLUMN)):
                for i, pin in enumerate(pins):
                    yield Use(pin, role, ("keypad", side, i))
        yield Use(data["scanner"]["tx"], SEND, ("scanner", "tx"))
        yield Use(data["scanner"]["rx"], HEAR, ("scanner", "rx"))
        yield Use(data["buzzer"]["pin"], PANEL, ("buzzer", "pin"))
        yield Use(data["lamp"]["pin"], PANEL, ("lamp", "pin"))
        yield Use(data["supply"]["sense_pin"], SENSE, ("supply", "sense_pin"))
        if "tamper" in data:
            yield Use(data["tamper"]["pin"], TAMPER, ("tamper", "pin"))
        if "mains" in data:
            yield Use(data["mains"]["pin"], MAINS, ("mains", "pin"))
        if "strip" in data:
            yield Use(data["strip"]["pin"], STRIP, ("strip", "pin"))

    def _door_uses(self) -> Iterator[Use]:
        for i, door in enumerate(self.compartments):
            if door["on"] == "gpio":
                yield Use(door["lock"], RELAY, ("compartment", i, "lock"))
            if reed_bank(door) == "gpio":
                yield Use(door["reed"], REED, ("compartment", i, "reed"), door["pull_up"])


def reed_bank(door: Compartment) -> str:
    """The bank of a door's sensor."""
    return door["reed_on"] or door["on"]
