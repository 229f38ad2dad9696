"""The controller behind its console: the wizard's code runs there, and its answers are read here.

``Console`` is all that is asked of whoever runs that code: a real board's REPL (``ReplConsole``), or
the simulator (``sim.learnground``).
"""

import ast
from pathlib import Path
from typing import Any, Protocol

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from .learn import Gone
from .learned import Spot

ONBOARD = Path(__file__).with_name("onboard.py")
PULSE_MS = 400
SPRING_MS = 400  # after a pulse: the door on its spring, the contact that bounces
_MCP_ADDRESSES = range(0x20, 0x28)


class Console(Protocol):
    """Executes code on the board; names stay from one call to the next."""

    def exec(self, code: str) -> str:
        """What the code printed.  ``Forgotten`` when the board has restarted since it was set up,
        ``learn.Gone`` when it cannot be reached, ``OSError`` when the code failed (a chip is silent)."""


class Forgotten(Exception):
    """The board has restarted: what was defined is gone, and nothing was done."""


class ReplConsole:
    """A board on a serial port, by mpremote's raw REPL; use it as a context manager.

    Entering it stops the firmware and resets the interpreter, so every pin lets go.  Leaving it resets
    the board, which goes back to its customers.
    """

    def __init__(self, port: str) -> None:
        try:
            self._transport = SerialTransport(port, timeout=10)
        except (TransportError, OSError) as error:
            raise OSError(f"cannot open {port}: {error}") from None

    def __enter__(self) -> "ReplConsole":
        try:
            self._transport.enter_raw_repl(soft_reset=True)
        except (TransportError, OSError) as error:
            self._transport.close()
            raise OSError(f"no MicroPython answers on {self._transport.device_name}: {error}") from None
        return self

    def __exit__(self, *_reason: object) -> None:
        try:
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")
            self._transport.close()
        except (TransportError, OSError):
            # The cable is out: the board's watchdog resets it, and a port that is gone has no lines to set.
            self._transport.serial.close()

    def exec(self, code: str) -> str:
        try:
            printed: bytes = self._transport.exec(code)
        except TransportExecError as error:
            text = str(error.error_output).strip().splitlines()[-1]
            if text.startswith("NameError"):
                raise Forgotten(text) from None
            raise OSError(f"the controller says {text}") from None
        except (TransportError, OSError) as error:
            self._enter_again(error)
            raise Forgotten("the board has restarted") from None
        return printed.decode("utf-8", "replace").strip()

    def _enter_again(self, error: Exception) -> None:
        """The prompt of a board that has restarted; ``Gone`` when there is none."""
        try:
            self._transport.enter_raw_repl(soft_reset=True)
        except (TransportError, OSError):
            raise Gone(
                f"the controller's console is gone ({error}); nothing stays energised. Plug it in and begin "
                "again: what was learned is kept"
            ) from None


class Controller:
    """The controller's wires, buses and pins as its cabinet file has them (``wiring``), by its console."""

    def __init__(self, console: Console, wiring: dict[str, Any]) -> None:
        self._console = console
        self._wiring = wiring
        self._chips: list[tuple[int, int]] = []
        self._pins: tuple[list[int], list[int]] = ([], [])
        self._set_up()

    def _set_up(self) -> None:
        """Define what runs there, and have it take its wires and pins."""
        self._console.exec(ONBOARD.read_text(encoding="utf-8"))
        self._console.exec(f"begin({self._wiring['locks']['arm_pin']})")
        for number, wire in enumerate(self._wiring["rs485"]):
            given = ", ".join(str(wire[key]) for key in ("uart", "tx", "rx", "de"))
            self._console.exec(f"open_wire({given}, {number + 1})")
        self._scanned = {bus["id"]: self._scan(bus) for bus in self._wiring["i2c"]}
        for bus, address in self._chips:
            self._console.exec(f"open_chip({bus}, {address})")
        self._console.exec(f"open_pins({self._pins[0]}, {self._pins[1]})")

    def ask(self, call: str) -> str:
        """One call; a board that has restarted meanwhile is set up again first."""
        try:
            return self._console.exec(call)
        except Forgotten:
            self._set_up()
            return self._console.exec(call)

    def _scan(self, bus: dict[str, Any]) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = ast.literal_eval(
            self._console.exec(f"scan({bus['id']}, {bus['scl']}, {bus['sda']}, {bus['freq_hz']})")
        )
        return found

    def on_i2c(self) -> list[tuple[int, int, str]]:
        """(bus, address, kind) of everything that answers; kind "" where it cannot be told."""
        return [(bus, address, kind) for bus, found in self._scanned.items() for address, kind in found]

    def take(self, chips: list[tuple[int, int]], pulled: list[int], bare: list[int]) -> None:
        """Make these expanders and pins inputs; those of ``bare`` have no pull-ups inside."""
        for bus, address in chips:
            self.ask(f"open_chip({bus}, {address})")
            self._chips.append((bus, address))
        self._pins = pulled, bare
        self.ask(f"open_pins({pulled}, {bare})")

    def rest(self, duration_ms: int) -> None:
        self.ask(f"rest({duration_ms})")


class ConsoleWire:
    """One of the controller's own pairs (``learnboards.Wire``)."""

    def __init__(self, controller: Controller, uart: int) -> None:
        self.uart = uart
        self.rest = controller.rest
        self._ask = controller.ask

    def exchange(self, frame: bytes, baud: int) -> bytes:
        return bytes.fromhex(self._ask(f"exchange({self.uart}, {baud}, '{frame.hex()}')"))


class ChipGroup:
    """The expanders and pins of the controller, looked at together (``learn.Group``)."""

    name = "the controller's expanders and pins"

    def __init__(
        self, controller: Controller, chips: list[tuple[int, int]], pulled: list[int], bare: list[int]
    ) -> None:
        self._controller = controller
        self._chips = chips
        self._pulled, self._bare = pulled, bare
        controller.take(chips, pulled, bare)

    def _places(self) -> list[tuple[Spot, int, int]]:
        """(spot, bus, address) of everything that can be driven."""
        out = [(("gpio", pin), -1, 0) for pin in self._pulled]
        for bus, address in self._chips:
            out += [((f"mcp23017@{bus}:{address}", n), bus, address) for n in range(16)]
        return out

    def locks(self) -> list[Spot]:
        """What may be a lock: a line that its off-state resistor holds low and that rises when driven.

        A line that reads high has no such resistor; one that stays low is held by a closed contact.
        """
        (levels,) = self.levels()
        return [
            spot for spot, bus, address in self._places()
            if not levels[spot] and self._controller.ask(f"gives_way({bus}, {address}, {spot[1]})") == "1"
        ]  # fmt: skip

    def levels(self) -> list[dict[Spot, int]]:
        masks = ast.literal_eval(self._controller.ask("levels()"))
        out: dict[Spot, int] = {("gpio", pin): masks[0] >> pin & 1 for pin in (*self._pulled, *self._bare)}
        for (bus, address), mask in zip(self._chips, masks[1:], strict=True):
            out |= {(f"mcp23017@{bus}:{address}", n): mask >> n & 1 for n in range(16)}
        return [out]

    def pulse(self, lock: Spot) -> None:
        bus, address = next((bus, address) for spot, bus, address in self._places() if spot == lock)
        self._controller.ask(f"pulse({bus}, {address}, {lock[1]}, {PULSE_MS})")
        self._controller.rest(SPRING_MS)


def expanders(controller: Controller, wiring: dict[str, Any]) -> list[tuple[int, int]]:
    """The MCP23017 on the buses, without what the wiring knows to be something else."""
    taken = {
        (wiring[part]["i2c"], wiring[part]["address"]) for part in ("display", "clock") if part in wiring
    }
    return [
        (bus, address)
        for bus, address, kind in controller.on_i2c()
        if kind == "mcp23017" and address in _MCP_ADDRESSES and (bus, address) not in taken
    ]
