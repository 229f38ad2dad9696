"""The PCF8574 port expander (NXP data sheet, sections 7 and 8), and relay modules on it."""

from ..board.board import Board, Part
from ..board.nets import Net
from .i2cpart import I2CChip

PINS = 8


class Pcf8574(I2CChip):
    """One chip: ``nets`` are P0..P7, ``interrupt`` its INT.

    Quasi-bidirectional: a bit that is 1 is a pull-up of 100 uA, one that is 0 a transistor to ground.
    """

    def __init__(self, board: Board, bus: int, address: int) -> None:
        super().__init__(board, bus, address)
        self.nets = [Net(f"pcf{address:02x}.P{number}") for number in range(PINS)]
        self.interrupt = Net(f"pcf{address:02x}.INT")
        self._latch = 0xFF
        self._known = 0xFF  # the pins at the last transfer: INT is low while they differ
        self._relays: dict[int, RelayModule] = {}
        for net in self.nets:
            net.on_change(lambda level: self._compare())
        self.reset()

    def relay(self, pin: int) -> Net:
        """The output of the relay module on a pin: high while the pin is low."""
        if pin not in self._relays:
            self._relays[pin] = RelayModule(self.board, self.nets[pin])
        return self._relays[pin].line

    def reset(self) -> None:
        self._latch = 0xFF
        self._apply()
        self._known = self._levels()
        self._compare()

    def taken(self, data: bytes) -> None:
        for value in data:
            self._latch = value
            self._apply()
        self._settle()

    def given(self, count: int) -> bytes:
        self._settle()
        return bytes([self._levels()]) * count

    def _settle(self) -> None:
        self._known = self._levels()
        self._compare()

    def _apply(self) -> None:
        for number, net in enumerate(self.nets):
            high = self._latch >> number & 1
            net.pull(self, 1 if high else None)
            net.drive(self, None if high else 0)

    def _levels(self) -> int:
        return sum(net.level << number for number, net in enumerate(self.nets))

    def _compare(self) -> None:
        """INT is open drain: low while the pins differ from what the last transfer saw."""
        self.interrupt.drive(self, 0 if self._levels() != self._known else None)


class RelayModule(Part):
    """An active-low relay module: its opto-coupler pulls the input up, a low input closes the relay."""

    def __init__(self, board: Board, pin: Net) -> None:
        super().__init__(board)
        self.line = Net(f"relay on {pin.name}")
        self._pin = pin
        pin.pull("module", 1)
        pin.on_change(lambda level: self._follow())
        self._follow()

    def power_on(self) -> None:
        self._follow()

    def power_off(self) -> None:
        self._follow()

    def _follow(self) -> None:
        self.line.drive(self, int(self.board.powered and not self._pin.level))
