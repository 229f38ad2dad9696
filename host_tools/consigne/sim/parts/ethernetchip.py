"""What a PHY and a chip with a controller of its own have in common: a socket, a cable, and their faults."""

from collections.abc import Mapping
from typing import Any

from ..board.board import Board, Part


class EthernetChip(Part):
    """One chip, wired where the configuration's ``network`` says.

    Attributes
    ----------
    cable
        Whether the cable is in, with a switch at its other end.
    dhcp
        Whether somebody on that network gives addresses.
    dead
        Fault: it does not answer.
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

    def runs(self) -> bool:
        """Whether it has its supply, is not held in reset, and answers."""
        return self.board.powered and not self.dead

    def negotiate(self) -> None:
        self.deadlocked = False

    @property
    def linked(self) -> bool:
        return self.runs() and self.cable and not self.deadlocked
