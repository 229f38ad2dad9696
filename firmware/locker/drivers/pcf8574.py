"""The PCF8574 port expander on I2C: eight pins that are relay outputs or reed inputs.

It has no registers: a write sets the pins, and a read returns them.  A pin
written 1 is pulled up by 100 uA only, so it is an input as well; at power-up all eight are.  That is
why a relay on this chip is active low: its module pulls the pin up, and it is off until the pin is
driven low (NXP's data sheet of the PCF8574, rev. 5, sections 7.2 and 8.1).
"""


class Pcf8574:
    """One chip, as ``relays.ExpanderRelay`` and ``reeds.ChipReeds`` know it.

    Every method raises ``OSError`` while the chip does not answer.  A dip of its supply does no harm: it
    powers up with every relay off and every input an input.
    """

    def __init__(self, i2c, address: int, inputs: int, outputs: int):
        """``inputs`` and ``outputs``: masks of eight bits, bit 0 is P0.  Nothing is sent yet."""
        if inputs & outputs:
            raise ValueError("pcf8574 {}: pins {:02x} in both directions".format(address, inputs & outputs))
        self._i2c = i2c
        self.address = address
        self._outputs = outputs
        self._selected = 0
        self._one = bytearray(1)
        self._levels = 0xFF
        self.changed = 0
        self.ready = False

    def set_up(self) -> None:
        """Every relay off.  After a reset of the controller alone, a relay that was on goes off here."""
        self.ready = False
        self.all_low()
        self.ready = True

    def check(self) -> None:
        """Set up a chip that was absent at start; there are no settings that it could lose."""
        if not self.ready:
            self.set_up()

    def write(self, channel: int, level: int) -> None:
        """Select (1) or release (0) the relay on one pin."""
        selected = self._selected | 1 << channel if level else self._selected & ~(1 << channel)
        self._put(selected)
        self._selected = selected

    def stray(self) -> bool:
        """Whether a relay's pin differs from its set level, for example by a short circuit to ground.

        The next pulse, for any door, would open its door too.  False if the chip does not answer.
        """
        try:
            return ~self._pins() & self._outputs != self._selected
        except OSError:
            return False

    def all_low(self) -> None:
        """Release every relay, whatever the driver assumed before."""
        self._selected = 0
        self._put(0)

    def read(self) -> int:
        """The level of all eight pins; also clears the chip's interrupt.

        ``changed`` then has the bits that differ from the read before.
        """
        levels = self._pins()
        self.changed = levels ^ self._levels
        self._levels = levels
        return levels

    def _put(self, selected: int) -> None:
        self._one[0] = ~selected & 0xFF
        self._i2c.writeto(self.address, self._one)

    def _pins(self) -> int:
        self._i2c.readfrom_into(self.address, self._one)
        return self._one[0]
