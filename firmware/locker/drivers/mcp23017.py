"""The MCP23017 port expander on I2C: sixteen pins that are relay outputs or reed inputs.

Registers and their order are those of Microchip's DS20001952, IOCON.BANK = 0.  One chip may carry
locks and sensors together; ``relays.py`` and ``reeds.py`` share the object that lives here.
"""

from micropython import const

_IODIR = const(0x00)  # IODIR A/B, then IPOL, GPINTEN, DEFVAL, INTCON: ten registers in a row
_IOCON = const(0x0A)
_GPPU = const(0x0C)
_INTF = const(0x0E)
_OLAT = const(0x14)

# INTA and INTB mirrored, open drain (so that several chips share a wire).
_IOCON_MIRROR_ODR = const(0x44)


class Mcp23017:
    """One chip.  Every method raises ``OSError`` while the chip does not answer.

    A chip that was reset by a dip of its supply answers, but with every pin an input: each use
    that matters first compares the direction register with what was written and sets the chip
    up again when they differ.
    """

    def __init__(self, i2c, address: int, inputs: int, outputs: int):
        """``inputs`` and ``outputs``: masks of 16 bits, bit 0 is GPA0, bit 8 is GPB0.

        Inputs get the chip's pull-up (100 kOhm) and report changes on INT; pins in neither mask stay inputs
        with pull-up and report nothing.  Nothing is sent yet: ``set_up`` does it, so that a chip that is
        missing at start affects only its own doors.
        """
        if inputs & outputs:
            raise ValueError(f"mcp23017 {address}: pins {inputs & outputs:04x} in both directions")
        self._i2c = i2c
        self.address = address
        self._direction = 0xFFFF & ~outputs
        self._inputs = inputs
        self._latch = 0
        self._two = bytearray(2)
        self._one = bytearray(1)
        self._six = bytearray(6)
        self.changed = 0
        self.ready = False

    def set_up(self) -> None:
        """Bring the chip into the state wanted, all outputs low, without an edge on any output.

        The output latch is written first, while the pins are still inputs.  If only this controller was
        reset, they are still outputs, and go off at that moment.
        """
        self.ready = False
        self._latch = 0
        write = self._i2c.writeto_mem
        write(self.address, _OLAT, b"\x00\x00")
        write(self.address, _IOCON, bytes((_IOCON_MIRROR_ODR,)))
        pull_ups = self._direction
        write(self.address, _GPPU, bytes((pull_ups & 0xFF, pull_ups >> 8)))
        registers = bytearray(10)
        registers[0] = self._direction & 0xFF
        registers[1] = self._direction >> 8
        registers[4] = self._inputs & 0xFF  # GPINTEN; INTCON 0: any change against the last value
        registers[5] = self._inputs >> 8
        write(self.address, _IODIR, registers)
        self.ready = True

    def check(self) -> None:
        """Set the chip up again if it lost its settings."""
        if self.ready:
            self._i2c.readfrom_mem_into(self.address, _IODIR, self._two)
            if self._two[0] | self._two[1] << 8 == self._direction:
                return
        self.set_up()

    def write(self, channel: int, level: int) -> None:
        """Drive one output; ``channel`` is 0..15.  The bit is kept only if the chip took it."""
        latch = self._latch | 1 << channel if level else self._latch & ~(1 << channel)
        port = channel >> 3
        self._one[0] = latch >> 8 if port else latch & 0xFF
        self._i2c.writeto_mem(self.address, _OLAT + port, self._one)
        self._latch = latch

    def all_low(self) -> None:
        """Drive every output low, whatever was believed of the latch before."""
        self._latch = 0
        self._i2c.writeto_mem(self.address, _OLAT, b"\x00\x00")

    def read(self) -> int:
        """The level of all sixteen pins; also clears the chip's interrupt.

        ``changed`` then has the bits of the pins that raised it since the read before, even of pins that have
        changed back.  Only the first to change is sure to be among them.
        """
        six = self._six  # INTF, INTCAP, GPIO, each A and B
        self._i2c.readfrom_mem_into(self.address, _INTF, six)
        self.changed = six[0] | six[1] << 8
        return six[4] | six[5] << 8
