"""The TCA9554 port expander (TI SCPS233, chapter 8): four registers, and a pointer that does not advance."""

from ..board.board import Board
from ..board.nets import Net
from .i2cpart import I2CChip

PINS = 8
INPUT, OUTPUT, POLARITY, DIRECTION = range(4)


class Tca9554(I2CChip):
    """One chip: ``nets`` are P0..P7, ``interrupt`` its INT, an open drain."""

    def __init__(self, board: Board, bus: int, address: int) -> None:
        super().__init__(board, bus, address)
        self.nets = [Net(f"tca{address:02x}.P{number}") for number in range(PINS)]
        self.interrupt = Net(f"tca{address:02x}.INT")
        self._pointer = INPUT
        self._known = 0xFF  # the pins when the input register was read last
        self._values = [0xFF, 0xFF, 0x00, 0xFF]
        for net in self.nets:
            net.on_change(lambda level: self._compare())
        self.reset()

    def reset(self) -> None:
        self._values = [0xFF, 0xFF, 0x00, 0xFF]
        self._pointer = INPUT
        self._apply()
        self._known = self._levels()
        self._compare()

    def taken(self, data: bytes) -> None:
        if not data:
            return
        self._pointer = data[0]
        for value in data[1:]:  # all bytes go to the same register
            if OUTPUT <= self._pointer <= DIRECTION:
                self._values[self._pointer] = value
        self._apply()
        self._compare()

    def given(self, count: int) -> bytes:
        """Every byte is the same register; reading the input register releases INT."""
        if self._pointer == INPUT:
            self._known = self._levels()
            self._compare()
            return bytes([self._known ^ self._values[POLARITY]]) * count
        return bytes([self._values[self._pointer] if self._pointer <= DIRECTION else 0xFF]) * count

    def _apply(self) -> None:
        for number, net in enumerate(self.nets):
            is_input = self._values[DIRECTION] >> number & 1
            net.pull(self, 1)  # 100 kOhm, at every pin and always
            net.drive(self, None if is_input else self._values[OUTPUT] >> number & 1)

    def _levels(self) -> int:
        return sum(net.level << number for number, net in enumerate(self.nets))

    def _compare(self) -> None:
        """INT is low while an input differs from what was read last; outputs never raise it."""
        differs = (self._levels() ^ self._known) & self._values[DIRECTION]
        self.interrupt.drive(self, 0 if differs else None)
