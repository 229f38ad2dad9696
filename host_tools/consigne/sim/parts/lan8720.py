"""The LAN8720 Ethernet PHY and the cable in its socket (Microchip DS00002165)."""

from collections.abc import Mapping
from typing import Any

from ..board.board import Board
from ..board.ethernet import RmiiWires, Wires
from .ethernetchip import EthernetChip


class Lan8720(EthernetChip):
    """One PHY; its supply may be switched by a pin."""

    def __init__(self, board: Board, wiring: Mapping[str, Any]) -> None:
        super().__init__(board, wiring)
        power = wiring["power"]
        self._power = board.pin(power) if power >= 0 else None
        if self._power is not None:
            self._power.pull("resistor", 0)
        board.ethernet.phy = self

    def runs(self) -> bool:
        return super().runs() and (self._power is None or self._power.level == 1)

    def answers(self, wires: Wires) -> bool:
        if not isinstance(wires, RmiiWires) or not self.runs():
            return False
        wired = tuple(self.wiring[key] for key in ("phy_addr", "mdc", "mdio"))
        return wired == (wires.address, wires.mdc, wires.mdio)

    def clocked(self, wires: Wires) -> bool:
        wired = self.wiring["ref_clk"], self.wiring["ref_clk_out"]
        return isinstance(wires, RmiiWires) and wired == (wires.ref_clk, wires.from_chip)
