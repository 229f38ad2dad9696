"""The MCP23017 port expander, register by register (Microchip DS20001952, chapter 3)."""

from collections.abc import Callable

from ..board.board import Board
from ..board.nets import Net
from .i2cpart import I2CChip

# Register numbers with IOCON.BANK = 0; port A is even, port B odd.
IODIR, IPOL, GPINTEN, DEFVAL, INTCON, IOCON, GPPU, INTF, INTCAP, GPIO, OLAT = range(0, 22, 2)
REGISTERS = 22
BANK, MIRROR, SEQOP, DISSLW, HAEN, ODR, INTPOL = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02


class Mcp23017(I2CChip):
    """One chip on a bus.

    ``nets[0..7]`` are GPA0..7, ``nets[8..15]`` GPB0..7; ``inta`` and ``intb`` are its interrupt
    pins.
    """

    def __init__(self, board: Board, bus: int, address: int) -> None:
        super().__init__(board, bus, address)
        self.nets = [Net(f"mcp{address:02x}.{'AB'[n >> 3]}{n & 7}") for n in range(16)]
        self.inta = Net(f"mcp{address:02x}.INTA")
        self.intb = Net(f"mcp{address:02x}.INTB")
        self._pointer = 0
        self._values = bytearray(REGISTERS)
        self._before = 0
        for number, net in enumerate(self.nets):
            net.on_change(self._watcher(number))
        self.reset()

    def _watcher(self, number: int) -> Callable[[int], None]:
        return lambda level: self._pin_changed(number)

    def reset(self) -> None:
        self._values = bytearray(REGISTERS)
        self._values[IODIR] = self._values[IODIR + 1] = 0xFF
        self._pointer = 0
        self._apply_pins()
        self._before = self._levels()
        self._apply_interrupt()

    # --- the bus --------------------------------------------------------------------------------------
    def taken(self, data: bytes) -> None:
        if data:
            self._pointer = data[0]
            for value in data[1:]:
                self._store(self._register(), value)
                self._advance()

    def given(self, count: int) -> bytes:
        out = bytearray()
        for _ in range(count):
            out.append(self._fetch(self._register()))
            self._advance()
        return bytes(out)

    def _register(self) -> int:
        """The register the pointer names, counted as with BANK = 0; 255 for none."""
        if not self._values[IOCON] & BANK:
            return self._pointer if self._pointer < REGISTERS else 255
        port, index = self._pointer >> 4, self._pointer & 0x0F
        return 2 * index + port if port < 2 and index < REGISTERS // 2 else 255

    def _advance(self) -> None:
        if self._values[IOCON] & SEQOP:
            if not self._values[IOCON] & BANK:
                self._pointer ^= 1  # toggles between the two registers of a pair
        elif self._values[IOCON] & BANK:
            self._pointer = (self._pointer + 1) & 0x1F
        else:
            self._pointer = (self._pointer + 1) % REGISTERS

    def _fetch(self, register: int) -> int:
        if register == 255:
            return 0
        port = register & 1
        if register - port == GPIO:
            value = self._levels() >> 8 * port & 0xFF
            self._clear_interrupt(port)
            return value
        if register - port == INTCAP:
            value = self._values[register]
            self._clear_interrupt(port)
            return value
        return self._values[register]

    def _store(self, register: int, value: int) -> None:
        if register == 255:
            return
        port = register & 1
        kind = register - port
        if kind in (INTF, INTCAP):
            return  # read only
        if kind == GPIO:
            kind, register = OLAT, OLAT + port
        if kind == IOCON:
            self._values[IOCON] = self._values[IOCON + 1] = value & 0xFE
            self._apply_interrupt()
            return
        self._values[register] = value
        if kind in (IODIR, GPPU, OLAT):
            self._apply_pins()
        if kind in (GPINTEN, DEFVAL, INTCON, IODIR):
            self._before = self._levels()
            self._look_for_interrupts()

    # --- the pins -------------------------------------------------------------------------------------
    def _pair(self, register: int) -> int:
        return self._values[register] | self._values[register + 1] << 8

    def _apply_pins(self) -> None:
        direction, latch, pull_ups = self._pair(IODIR), self._pair(OLAT), self._pair(GPPU)
        for number, net in enumerate(self.nets):
            bit = 1 << number
            is_input = bool(direction & bit)
            net.pull(self, 1 if is_input and pull_ups & bit else None)
            net.drive(self, None if is_input else int(bool(latch & bit)))

    def _levels(self) -> int:
        """What GPIO reads: the pins, inverted where IPOL says so (outputs read back their pin)."""
        levels = 0
        for number, net in enumerate(self.nets):
            levels |= net.level << number
        return levels ^ self._pair(IPOL)

    # --- interrupts -----------------------------------------------------------------------------------
    def _pin_changed(self, number: int) -> None:
        self._look_for_interrupts()

    def _look_for_interrupts(self) -> None:
        levels = self._levels()
        enabled = self._pair(GPINTEN) & self._pair(IODIR)
        against = self._pair(INTCON)
        # INTCON 0: changed against the value before; 1: differs from DEFVAL (compared unpolarised).
        differs = (levels ^ self._before) & ~against | (levels ^ self._pair(DEFVAL)) & against
        self._before = levels
        for port in (0, 1):
            fresh = (differs & enabled) >> 8 * port & 0xFF
            if fresh and not self._values[INTF + port]:  # a pending interrupt freezes INTCAP
                self._values[INTF + port] = fresh
                self._values[INTCAP + port] = levels >> 8 * port & 0xFF
        self._apply_interrupt()

    def _clear_interrupt(self, port: int) -> None:
        self._values[INTF + port] = 0
        self._before = self._levels()
        self._apply_interrupt()
        self._look_for_interrupts()  # compared with DEFVAL, the condition may still be true

    def _apply_interrupt(self) -> None:
        control = self._values[IOCON]
        pending = [bool(self._values[INTF]), bool(self._values[INTF + 1])]
        if control & MIRROR:
            pending = [any(pending)] * 2
        for net, active in zip((self.inta, self.intb), pending, strict=True):
            if control & ODR:
                net.drive(self, 0 if active else None)
            else:
                net.drive(self, int(active == bool(control & INTPOL)))
