"""The controller behind its console: the wizard's code runs there, and its answers are read here.

``Console`` is the interface to what runs that code: a real board's REPL (``ReplConsole``), or the simulator
(``learn.ground``).
"""

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from locker.configlines import EXPANDERS
from mpremote.transport import TransportError

from consigne.cabinet.document import Document, I2c, ShiftRegister
from consigne.device.board import Board
from consigne.device.errors import DeviceError

from .learned import FoundChip, Spot
from .wizard import Gone

ONBOARD = Path(__file__).with_name("onboard.py")
PULSE_MS = 400
SPRING_MS = 400  # after a pulse: time for the door on its spring, the bouncing contact


class Console(Protocol):
    """Executes code on the board; names stay from one call to the next."""

    def exec(self, code: str) -> str:
        """The code's output.  ``Forgotten`` when the board has restarted since it was set up,
        ``wizard.Gone`` when it cannot be reached, ``OSError`` when the code failed (a chip is silent)."""


class Forgotten(Exception):
    """The board has restarted: all definitions are gone, and nothing was done."""


class ReplConsole:
    """A board on a serial port, by mpremote's raw REPL; use it as a context manager.

    Entering it starts the board for service: without the application, so every pin is at rest.  Leaving it
    resets the board, which then serves again.  ``code``: a technician's, for a board in production.
    """

    def __init__(self, port: str, code: str | None = None) -> None:
        self._board = Board(port, code)

    def __enter__(self) -> "ReplConsole":
        try:
            self._board.__enter__()
            self._board.enter_service()
        except DeviceError as error:
            self._board.close()
            raise OSError(str(error)) from None
        except BaseException as error:
            self._board.close(error)
            raise
        return self

    def __exit__(self, *_reason: object) -> None:
        self._board.close()

    def exec(self, code: str) -> str:
        try:
            printed, wrong = self._board.transport.exec_raw(code)
        except (DeviceError, TransportError, OSError):
            self._enter_again()
            raise Forgotten("the board has restarted") from None
        if wrong:
            text = wrong.decode("utf-8", "replace").strip().splitlines()[-1]
            if text.startswith("NameError"):
                raise Forgotten(text)
            raise OSError(f"the controller says {text}")
        return str(printed.decode("utf-8", "replace").strip())

    def _enter_again(self) -> None:
        """Enter the prompt of a board that has restarted; ``Gone`` when there is none."""
        try:
            self._board.enter_service()
        except (DeviceError, OSError) as error:
            raise Gone(f"{error}. Nothing stays energised, and what was learned is kept") from None


class Controller:
    """The controller's wires, buses and pins as its cabinet file has them (``wiring``), by its console."""

    def __init__(self, console: Console, wiring: Document) -> None:
        self._console = console
        self._wiring = wiring
        self._banks: dict[str, str] = {}  # name -> the settings of its ``open_bank``
        self._set_up()

    @property
    def has_arming_line(self) -> bool:
        """Without one no lock on the controller's own pins and expanders may be opened."""
        return bool(self._wiring["locks"]["arm_pin"] >= 0)

    def _set_up(self) -> None:
        """Send the board's code, and open its wires and banks there."""
        self._console.exec(ONBOARD.read_text(encoding="utf-8"))
        if self.has_arming_line:
            self._console.exec(f"begin({self._wiring['locks']['arm_pin']})")
        for number, wire in enumerate(self._wiring["rs485"]):
            given = f"{wire['uart']}, {wire['tx']}, {wire['rx']}, {wire['de']}"
            self._console.exec(f"open_wire({given}, {number + 1})")
        self._scanned = {bus["id"]: self._scan(bus) for bus in self._wiring["i2c"]}
        for name, settings in self._banks.items():
            self._console.exec(f"open_bank({name!r}, {settings})")

    def ask(self, call: str) -> str:
        """One call; a board that has restarted meanwhile is set up again first."""
        try:
            return self._console.exec(call)
        except Forgotten:
            self._set_up()
            return self._console.exec(call)

    def _scan(self, bus: I2c) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = ast.literal_eval(
            self._console.exec(f"scan({bus['id']}, {bus['scl']}, {bus['sda']}, {bus['freq_hz']})")
        )
        return found

    def expanders(self) -> list[FoundChip]:
        """Expanders that may carry locks or sensors: all on the buses except parts that the wiring names."""
        display, clock = self._wiring["display"], self._wiring.get("clock")
        taken = {(display["i2c"], display["address"])}
        if clock is not None:
            taken.add((clock["i2c"], clock["address"]))
        return [
            FoundChip(kind, bus, address)
            for bus, found in self._scanned.items()
            for address, kind in found
            if kind in EXPANDERS and (bus, address) not in taken
        ]

    def take(self, name: str, settings: str) -> None:
        """Open a bank with all lines released; ``settings`` as its class in ``onboard.py`` takes them."""
        self.ask(f"open_bank({name!r}, {settings})")
        self._banks[name] = settings

    def rest(self, duration_ms: int) -> None:
        self.ask(f"rest({duration_ms})")


class ConsoleWire:
    """One of the controller's own pairs (``boards.Wire``)."""

    def __init__(self, controller: Controller, uart: int) -> None:
        self.uart = uart
        self.rest = controller.rest
        self._ask = controller.ask

    def exchange(self, frame: bytes, baud: int) -> bytes:
        return bytes.fromhex(self._ask(f"exchange({self.uart}, {baud}, '{frame.hex()}')"))


@dataclass(frozen=True)
class FreePins:
    """Pins of the controller that its wiring leaves free, with the chip's pull-ups and without.

    All may carry a sensor; ``driven`` are those of ``pulled`` that may carry a lock.
    """

    pulled: list[int] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)
    driven: list[int] = field(default_factory=list)


class ChipGroup:
    """The controller's expanders, shift registers and pins, read together (``wizard.Group``)."""

    name = "the controller's expanders and pins"

    def __init__(
        self,
        controller: Controller,
        chips: list[FoundChip],
        chains: list[ShiftRegister],
        pins: FreePins,
    ) -> None:
        self._controller = controller
        self._channels: dict[str, list[int]] = {"gpio": [*pins.pulled, *pins.bare]}
        controller.take("gpio", f"{pins.pulled}, {pins.bare}, {pins.driven}")
        for chip in chips:
            controller.take(chip.name, f"{chip.bus}, {chip.address}")
            self._channels[chip.name] = list(range(EXPANDERS[chip.kind][0]))
        for chain in chains:
            name = f"{chain['kind']}@{chain['latch']}"
            lines = (chain["data"], chain["clock"], chain["latch"], chain["enable"], chain["chips"])
            given = ", ".join(str(number) for number in lines)
            controller.take(name, given)
            self._channels[name] = []  # nothing to read

    @property
    def banks(self) -> set[str]:
        return set(self._channels)

    def locks(self) -> list[Spot]:
        found: dict[str, list[int]] = ast.literal_eval(self._controller.ask("candidates()"))
        return [(name, channel) for name in self._channels for channel in found[name]]

    def levels(self) -> list[dict[Spot, int]]:
        masks: dict[str, int] = ast.literal_eval(self._controller.ask("levels()"))
        return [{(name, n): masks[name] >> n & 1 for name, all_ in self._channels.items() for n in all_}]

    def pulse(self, lock: Spot) -> None:
        self._controller.ask(f"pulse({lock[0]!r}, {lock[1]}, {PULSE_MS})")
        self._controller.rest(SPRING_MS)
