"""The LAN8720 Ethernet PHY and the cable in its socket (Microchip DS00002165)."""

from collections.abc import Mapping
from typing import Any

from ..board import Board, Part
from ..ethernet import RmiiWires, Wires


class Lan8720(Part):
    """One PHY, wired where the configuration's ``network`` says.

    Attributes
    ----------
    cable
        Whether the cable is in, with a switch at its other end.
    dhcp
        Whether somebody on that network gives addresses.
    dead
        Fault: it does not answer on its management pins.
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
        power = wiring["power"]
        self._power = board.pin(power) if power >= 0 else None
        if self._power is not None:
            self._power.pull("resistor", 0)
        board.ethernet.phy = self

    def _powered(self) -> bool:
        return self.board.powered and (self._power is None or self._power.level == 1)

    def answers(self, wires: Wires) -> bool:
        if not isinstance(wires, RmiiWires) or not self._powered() or self.dead:
            return False
        wired = tuple(self.wiring[key] for key in ("phy_addr", "mdc", "mdio"))
        return wired == (wires.address, wires.mdc, wires.mdio)

    def clocked(self, wires: Wires) -> bool:
        wired = self.wiring["ref_clk"], self.wiring["ref_clk_out"]
        return isinstance(wires, RmiiWires) and wired == (wires.ref_clk, wires.from_chip)

    def negotiate(self) -> None:
        self.deadlocked = False

    @property
    def linked(self) -> bool:
        return self._powered() and self.cable and not self.dead and not self.deadlocked
