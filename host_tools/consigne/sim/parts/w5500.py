"""The W5500 Ethernet controller on an SPI bus, and the cable in its socket (WIZnet, "W5500 Datasheet")."""

from collections.abc import Mapping
from typing import Any

from ..board import Board, Part
from ..ethernet import SpiWires, Wires


class W5500(Part):
    """One chip, wired where the configuration's ``network`` says.

    Attributes
    ----------
    cable
        Whether the cable is in, with a switch at its other end.
    dhcp
        Whether somebody on that network gives addresses.
    dead
        Fault: it does not answer on its bus.
    deadlocked
        Fault: its negotiation broke off, and it stays without a link until it is told to begin anew.
    """

    def __init__(self, board: Board, wiring: Mapping[str, Any]) -> None:
        super().__init__(board)
        self.cable = True
        self.dhcp = True
        self.dead = False
        self.deadlocked = False
        self.wiring = wiring
        reset = wiring["reset"]
        self._reset = board.pin(reset) if reset >= 0 else None
        if self._reset is not None:
            self._reset.pull("inside", 1)  # RSTn has a pull-up
        board.pin(wiring["int"]).drive("W5500", 1)  # INTn at rest
        board.ethernet.phy = self

    def power_on(self) -> None:
        self.board.pin(self.wiring["int"]).drive("W5500", 1)

    def power_off(self) -> None:
        self.board.pin(self.wiring["int"]).drive("W5500", None)

    def _runs(self) -> bool:
        return self.board.powered and not self.dead and (self._reset is None or self._reset.level == 1)

    def answers(self, wires: Wires) -> bool:
        keys = ("sck", "mosi", "miso", "cs", "int", "reset")
        return self._runs() and wires == SpiWires(*(self.wiring[key] for key in keys))

    def clocked(self, wires: Wires) -> bool:
        return True  # it has a crystal of its own

    def negotiate(self) -> None:
        self.deadlocked = False

    @property
    def linked(self) -> bool:
        return self._runs() and self.cable and not self.deadlocked
