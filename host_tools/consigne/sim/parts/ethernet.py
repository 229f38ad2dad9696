"""Ethernet chips with the cable in their socket, and their faults: a PHY, and one with its own controller.

LAN8720: Microchip DS00002165.  W5500: WIZnet, "W5500 Datasheet".
"""

from consigne.cabinet.deviceconfig import DeviceNetwork

from ..board.board import Board, Part
from ..board.ethernet import RmiiWires, SpiWires, Wires


class EthernetChip(Part):
    """What both have in common.  One chip, wired where the configuration's ``network`` says.

    Attributes
    ----------
    cable
        Whether the cable is in, with a switch at its other end.
    dhcp
        Whether somebody on that network gives addresses.
    dead
        Fault: it does not answer.
    deadlocked
        Fault: its negotiation got stuck, and there is no link until it is told to negotiate again.
    """

    def __init__(self, board: Board, wiring: DeviceNetwork) -> None:
        super().__init__(board)
        self.cable = True
        self.dhcp = True
        self.dead = False
        self.deadlocked = False
        self.wiring = wiring

    def runs(self) -> bool:
        """Whether it is powered, not held in reset, and answers."""
        return self.board.powered and not self.dead

    def negotiate(self) -> None:
        self.deadlocked = False

    @property
    def linked(self) -> bool:
        return self.runs() and self.cable and not self.deadlocked


class Lan8720(EthernetChip):
    """The PHY; its supply may be switched by a pin."""

    def __init__(self, board: Board, wiring: DeviceNetwork) -> None:
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
        wiring = self.wiring
        return (wiring["phy_addr"], wiring["mdc"], wiring["mdio"]) == (wires.address, wires.mdc, wires.mdio)

    def clocked(self, wires: Wires) -> bool:
        wired = self.wiring["ref_clk"], self.wiring["ref_clk_out"]
        return isinstance(wires, RmiiWires) and wired == (wires.ref_clk, wires.from_chip)


class W5500(EthernetChip):
    """The controller on an SPI bus; a pin may hold it in reset."""

    def __init__(self, board: Board, wiring: DeviceNetwork) -> None:
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
        wiring = self.wiring
        wired = SpiWires(
            wiring["sck"], wiring["mosi"], wiring["miso"], wiring["cs"], wiring["int"], wiring["reset"]
        )
        return self.runs() and wires == wired

    def clocked(self, wires: Wires) -> bool:
        return True  # it has a crystal of its own
