"""An unknown cabinet for the wizard: the physics of a cabinet file under virtual time, and a simulated
technician.

Code that the wizard sends to a console runs on the simulated board as on a real one.
"""

import types
from collections.abc import Callable
from typing import Any

from consigne.cabinet.deviceconfig import WiredConfig
from consigne.sim.board.board import Board
from consigne.sim.board.wire import Port
from consigne.sim.clock import VirtualClock
from consigne.sim.grounds import modules as device
from consigne.sim.grounds.modulegraph import SHIM, ModuleGraph
from consigne.sim.parts.cabinet import Cabinet
from consigne.sim.parts.doors import Door

from .console import Forgotten
from .wizard import NONE, TWO

HAND_S = 1.0  # time a person needs to push doors shut
LOOK_S = 2.0  # and to find the door that opened
AT_ONCE_US = 500_000  # doors that open within this time were opened by one pulse


class SimConsole:
    """The prompt of a simulated board (``cabinet.console.Console``)."""

    def __init__(self, board: Board, clock: VirtualClock) -> None:
        self.calls = 0
        self._clock = clock
        self._port = Port(board, self._push)
        self._handlers: dict[int, Callable[[int, int], Any]] = {}
        self._printed: list[str] = []
        board.on_reset = lambda cause: self._start()
        self._start()

    def _start(self) -> None:
        """Start an interpreter without definitions."""
        self._handlers.clear()
        given: dict[str, types.ModuleType] = {
            "time": device.time_module(self._clock.now_us, self._clock.spend, self._sleep_us),
            "micropython": device.micropython_module(lambda function, argument: None),
            "_link": device.module("_link", ask=self._ask, post=self._ask, subscribe=self._subscribe),
        }
        self._graph = ModuleGraph(given, [SHIM], {"print": self._print})

    def exec(self, code: str) -> str:
        """As a REPL: returns the output, or raises as ``ReplConsole`` does."""
        self.calls += 1
        self._printed.clear()
        try:
            self._graph.run_text(code)
        except NameError as error:
            raise Forgotten(str(error)) from None
        except Exception as error:  # noqa: BLE001 - as a REPL says it
            raise OSError(f"the controller says {type(error).__name__}: {error}") from None
        return "\n".join(self._printed)

    def _print(self, *items: object) -> None:
        self._printed.append(" ".join(str(item) for item in items))

    def _sleep_us(self, duration_us: int) -> None:
        self._clock.run_for(duration_us / 1_000_000)

    def _subscribe(self, op: int, handler: Callable[[int, int], Any]) -> None:
        self._handlers[op] = handler

    def _push(self, op: int, number: int, value: int) -> None:
        if op in self._handlers:  # without ``machine`` no handler is installed
            self._handlers[op](number, value)

    def _ask(self, op: int, number: int, payload: bytes = b"", into: Any = None) -> bytes | None:
        answer = self._port.handle(op, number, payload)
        if self._port.busy_us:
            self._sleep_us(self._port.busy_us)
        if into is None:
            return answer
        into[:] = answer
        return None


class UnknownCabinet:
    """The physics of a device's configuration, with names for the banks (``compiler.spelled_out``).

    ``psram`` as in ``Board.of``.
    """

    def __init__(self, config: WiredConfig, seed: int = 0, psram: str | None = None) -> None:
        self.clock = VirtualClock()
        self.board = Board.of(config, self.clock, psram)
        self.cabinet = Cabinet(self.board, config, seed)
        self.opened_us: dict[str, int] = {}  # when each door opened last
        for door in self.cabinet.doors:
            door.on_move = self._moved
        self.board.power_on()
        self.clock.run_for(1)
        self.console = SimConsole(self.board, self.clock)

    def _moved(self, door: Door) -> None:
        if door.is_open:
            self.opened_us[door.name] = self.clock.now_us()

    def open_doors(self) -> set[str]:
        return {door.name for door in self.cabinet.doors if door.is_open}

    def shut_doors(self) -> None:
        for door in self.cabinet.doors:
            door.push_shut()
        self.clock.run_for(HAND_S)


class SimTechnician:
    """Answers by the doors' movements (``wizard.Technician``), without knowing the wiring.

    ``said`` has everything that he was told or asked to do, oldest first.
    """

    def __init__(self, site: UnknownCabinet) -> None:
        self.said: list[str] = []
        self._site = site
        self._known: set[str] = set()  # doors that were open already, or are named

    def which_opened(self, place: str, note: str) -> str:
        self._site.clock.run_for(LOOK_S)
        self._known &= self._site.open_doors()
        new = self._site.open_doors() - self._known
        last_us = max((self._site.opened_us[name] for name in new), default=0)
        just = {name for name in new if self._site.opened_us[name] > last_us - AT_ONCE_US}
        self._known |= just
        return TWO if len(just) > 1 else just.pop() if just else NONE

    def number_before(self, place: str, number: str) -> str:
        return number

    def is_earlier_wrong(self, number: str, place: str) -> bool:
        return True  # this time he reads the right number on the door

    def unnamed(self, where: str) -> str:
        return min(self._site.open_doors() - self._known, default="")

    def please(self, text: str) -> bool:
        """Shut all open doors, whatever the request."""
        self.said.append(text)
        self._site.shut_doors()
        self._known.clear()
        return True

    def tell(self, text: str) -> None:
        self.said.append(text)
