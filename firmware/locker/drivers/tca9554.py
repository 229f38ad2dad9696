"""The TCA9554 (and PCA9554) port expander on I2C: eight pins that are relay outputs or reed inputs.

Four registers, and a pointer that does not advance (TI's SCPS233, chapter 8).  At power-up every pin is an
input with a pull-up of 100 kOhm, and the output register is all ones: making a pin an output before its level
is written would close every relay for a moment.
"""

from micropython import const

_INPUT = const(0x00)
_OUTPUT = const(0x01)
_POLARITY = const(0x02)
_DIRECTION = const(0x03)  # a 1 is an input


class Tca9554:
    """One chip, as ``relays.ExpanderRelay`` and ``reeds.ChipReeds`` know it.

    Every method raises ``OSError`` while the chip does not answer.  A chip that was reset by a dip of its
    supply answers with every pin an input: each use that matters compares the direction first.
    """

    def __init__(self, i2c, address: int, inputs: int, outputs: int):
        """``inputs`` and ``outputs``: masks of eight bits, bit 0 is P0.  Nothing is sent yet."""
        if inputs & outputs:
            raise ValueError("tca9554 {}: pins {:02x} in both directions".format(address, inputs & outputs))
        self._i2c = i2c
        self.address = address
        self._direction = 0xFF & ~outputs
        self._selected = 0
        self._one = bytearray(1)
        self._levels = 0xFF
        self.changed = 0
        self.ready = False

    def set_up(self) -> None:
        """Every relay off, without an edge on any output: the level first, the direction last."""
        self.ready = False
        self.all_low()
        self._put(_POLARITY, 0)
        self._put(_DIRECTION, self._direction)
        self.ready = True

    def check(self) -> None:
        """Set the chip up again if it lost its settings."""
        if not self.ready or self._get(_DIRECTION) != self._direction:
            self.set_up()

    def write(self, channel: int, level: int) -> None:
        """Drive one output.  The bit is kept only if the chip took it."""
        selected = self._selected | 1 << channel if level else self._selected & ~(1 << channel)
        self._put(_OUTPUT, selected)
        self._selected = selected

    def all_low(self) -> None:
        """Drive every output low, whatever was believed before."""
        self._selected = 0
        self._put(_OUTPUT, 0)

    def read(self) -> int:
        """The level of all eight pins; also clears the chip's interrupt.

        ``changed`` then has the bits that differ from the read before.
        """
        levels = self._get(_INPUT)
        self.changed = levels ^ self._levels
        self._levels = levels
        return levels

    def _put(self, register: int, value: int) -> None:
        self._one[0] = value
        self._i2c.writeto_mem(self.address, register, self._one)

    def _get(self, register: int) -> int:
        self._i2c.readfrom_mem_into(self.address, register, self._one)
        return self._one[0]
