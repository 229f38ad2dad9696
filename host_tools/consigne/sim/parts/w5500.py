"""The W5500 Ethernet controller on an SPI bus, and the cable in its socket (WIZnet, "W5500 Datasheet")."""

from collections.abc import Mapping
from typing import Any

from ..board.board import Board
from ..board.ethernet import SpiWires, Wires
from .ethernetchip import EthernetChip


class W5500(EthernetChip):
    """One chip; a pin may hold it in reset."""

    def __init__(self, board: Board, wiring: Mapping[str, Any]) -> None:
        super().__init__(board, wiring)
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

    def runs(self) -> bool:
        return super().runs() and (self._reset is None or self._reset.level == 1)

    def answers(self, wires: Wires) -> bool:
        keys = ("sck", "mosi", "miso", "cs", "int", "reset")
        return self.runs() and wires == SpiWires(*(self.wiring[key] for key in keys))

    def clocked(self, wires: Wires) -> bool:
        return True  # it has a crystal of its own
