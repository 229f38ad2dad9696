"""The LAN8720 Ethernet PHY and the cable in its socket (Microchip DS00002165)."""

from collections.abc import Mapping
from typing import Any

from ..board import Board, Part


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

    def answers(self, address: int, mdc: int, mdio: int) -> bool:
        wired = tuple(self.wiring[key] for key in ("phy_addr", "mdc", "mdio"))
        return self._powered() and not self.dead and wired == (address, mdc, mdio)

    def clocked(self, ref_clk: int, from_chip: bool) -> bool:
        return (ref_clk, from_chip) == (self.wiring["ref_clk"], self.wiring["ref_clk_out"])

    def negotiate(self) -> None:
        self.deadlocked = False

    @property
    def linked(self) -> bool:
        return self._powered() and self.cable and not self.dead and not self.deadlocked
