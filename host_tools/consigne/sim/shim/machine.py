"""``machine`` of the simulated ESP32: the part of MicroPython's API that drivers use.

Signatures, values and errors are those of the ESP32 port as documented in "machine --- functions
related to the hardware" (docs.micropython.org).
"""

import struct

import _link
import _ops
from _calendar import RTC  # noqa: F401 - part of this module's face
from _ops import LEAVE
from _signals import ADC, bitstream  # noqa: F401 - the same

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5

_READS_MAX = 100  # so that a loop that polls a level without yielding to asyncio ends


class Pin:
    """One GPIO.  Reading several inputs after one another costs one question: levels are kept
    until something is written or the board says that an input changed."""

    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP = 1, 2
    IRQ_RISING, IRQ_FALLING = 1, 2
    _handlers = {}
    _levels = 0
    _fresh = False
    _reads = 0

    def __init__(self, id, mode=None, pull=-1, *, value=None, drive=None, hold=None):
        self._id = id._id if isinstance(id, Pin) else id
        if not isinstance(self._id, int) or not 0 <= self._id < LEAVE:
            raise ValueError("invalid pin")
        self.init(mode, pull, value=value)

    def init(self, mode=None, pull=-1, *, value=None, drive=None, hold=None):
        Pin._fresh = False
        code = LEAVE if pull == -1 else pull or 0
        _link.ask(
            _ops.PIN_SETUP,
            self._id,
            bytes((LEAVE if mode is None else mode, code, LEAVE if value is None else int(bool(value)))),
        )

    def value(self, level=None):
        if level is None:
            Pin._reads += 1
            if not Pin._fresh or Pin._reads > _READS_MAX:
                Pin._reads = 0
                Pin._fresh = True  # set before asking: a change that arrives before the answer clears it
                Pin._levels = struct.unpack("<Q", _link.ask(_ops.LEVELS, 0))[0]
            return (Pin._levels >> self._id) & 1
        Pin._fresh = False
        _link.post(_ops.PIN_WRITE, self._id, b"\x01" if level else b"\x00")
        return None

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(not self.value())

    def irq(self, handler=None, trigger=3, wake=None):
        """Call ``handler(pin)`` at the edges in ``trigger``; None switches it off."""
        if handler is None:
            Pin._handlers.pop(self._id, None)
            trigger = 0
        else:
            Pin._handlers[self._id] = handler, self
        _link.post(_ops.PIN_IRQ, self._id, bytes((trigger,)))
        return self  # in the place of the interrupt's object


def _pin_interrupt(number, level):
    Pin._fresh = False
    entry = Pin._handlers.get(number)
    if entry:
        entry[0](entry[1])


def _levels_changed(number, value):
    Pin._fresh = False


_link.subscribe(_ops.PUSH_PIN, _pin_interrupt)
_link.subscribe(_ops.PUSH_LEVELS, _levels_changed)


def _number(pin):
    """As ``machine_pin_get_id``: a number is looked up, and refused, as a Pin is."""
    return (pin if isinstance(pin, Pin) else Pin(pin))._id


class Signal:
    """A pin with a sense of what "on" means."""

    def __init__(self, pin, *args, invert=False, **kwargs):
        self._pin = pin if isinstance(pin, Pin) else Pin(pin, *args, **kwargs)
        self._invert = bool(invert)

    def value(self, level=None):
        if level is None:
            return self._pin.value() ^ self._invert
        self._pin.value(bool(level) ^ self._invert)
        return None

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class SoftI2C:
    """An I2C controller on any two pins."""

    def __init__(self, scl, sda, *, freq=400000, timeout=50000):
        self._bus = struct.pack("<BBH", _number(scl), _number(sda), freq // 1000)
        for wire in self._bus[:2]:
            Pin(wire, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)

    def scan(self):
        return list(_link.ask(_ops.I2C_SCAN, 0, self._bus))

    def writeto(self, addr, buf, stop=True):
        _link.ask(_ops.I2C_WRITE, addr, self._bus + bytes(buf))
        return len(buf)

    def readfrom_into(self, addr, buf, stop=True):
        self._read(addr, b"", buf)

    def readfrom(self, addr, nbytes, stop=True):
        buf = bytearray(nbytes)
        self._read(addr, b"", buf)
        return bytes(buf)

    def _read(self, addr, first, buf):
        _link.ask(_ops.I2C_READ, addr, self._bus + struct.pack("<H", len(buf)) + first, buf)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self.writeto(addr, self._memory(memaddr, addrsize) + bytes(buf))

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        self._read(addr, self._memory(memaddr, addrsize), buf)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        buf = bytearray(nbytes)
        self.readfrom_mem_into(addr, memaddr, buf, addrsize=addrsize)
        return bytes(buf)

    @staticmethod
    def _memory(memaddr, addrsize):
        if addrsize & 7 or addrsize > 32:
            raise ValueError("invalid addrsize")
        return memaddr.to_bytes(addrsize // 8, "big")


class I2C(SoftI2C):
    """A hardware controller; the defaults of its pins are those of the ESP32 port."""

    _PINS = ((18, 19), (25, 26))

    def __init__(self, id, *, scl=None, sda=None, freq=400000, timeout=50000):
        if id not in (0, 1):
            raise ValueError("I2C({}) doesn't exist".format(id))
        scl = self._PINS[id][0] if scl is None else scl
        sda = self._PINS[id][1] if sda is None else sda
        super().__init__(scl, sda, freq=freq, timeout=timeout)


class UART:
    """A serial port, no stream that ``asyncio`` could poll: read it when ``irq`` with ``IRQ_RXIDLE`` tells
    that a burst has ended, or when ``any`` says that there is something.
    """

    IRQ_RXIDLE = 0x1000
    _PINS = ((1, 3), (10, 9), (17, 16))
    _KNOWN = 0x1003  # IRQ_RX, IRQ_BREAK and IRQ_RXIDLE
    _handlers = {}

    def __init__(self, id, *args, **settings):
        if not 0 <= id <= 2:
            raise ValueError("UART({}) does not exist".format(id))
        self._id = id
        self._tx, self._rx = self._PINS[id]
        self._rxbuf = 256
        self.init(*args, **settings)

    def init(
        self,
        baudrate=115200,
        bits=8,
        parity=None,
        stop=1,
        *,
        tx=None,
        rx=None,
        rxbuf=None,
        txbuf=None,
        timeout=0,
        timeout_char=0,
    ):
        if not 5 <= bits <= 8:
            raise ValueError("invalid data bits")
        if stop not in (1, 2):
            raise ValueError("invalid stop bits")
        if tx is not None:
            self._tx = _number(tx)
        if rx is not None:
            self._rx = _number(rx)
        if rxbuf is not None:
            if rxbuf <= 128:  # not larger than the hardware's FIFO
                raise OSError(1, "ESP_FAIL")
            self._rxbuf = rxbuf
        frame = 1 + bits + (parity is not None) + stop
        _link.ask(
            _ops.UART_OPEN,
            self._id,
            struct.pack("<IBBHB", baudrate, self._tx, self._rx, self._rxbuf, frame),
        )

    def any(self):
        return struct.unpack("<H", _link.ask(_ops.UART_ANY, self._id))[0]

    def read(self, nbytes=-1):
        """Up to ``nbytes`` received bytes, None when there are none."""
        count = 65535 if nbytes is None or nbytes < 0 else nbytes
        return _link.ask(_ops.UART_READ, self._id, struct.pack("<H", count)) or None

    def readinto(self, buf, nbytes=None):
        data = self.read(len(buf) if nbytes is None else min(nbytes, len(buf)))
        if data is None:
            return None
        buf[: len(data)] = data
        return len(data)

    def write(self, buf):
        _link.post(_ops.UART_WRITE, self._id, bytes(buf))
        return len(buf)

    def irq(self, handler=None, trigger=0, hard=False):
        if trigger & ~self._KNOWN:
            raise ValueError("trigger 0x{:04x} unsupported".format(trigger & ~self._KNOWN))
        if hard:
            raise ValueError("hard IRQ is not supported")
        if handler is not None and trigger != self.IRQ_RXIDLE:
            raise NotImplementedError("the simulated UART has IRQ_RXIDLE alone")
        UART._handlers[self._id] = handler, self
        _link.post(_ops.UART_IRQ, self._id, b"\x01" if handler else b"\x00")
        return self  # in the place of the interrupt's object


def _uart_interrupt(number, value):
    handler, uart = UART._handlers.get(number, (None, None))
    if handler:
        handler(uart)


_link.subscribe(_ops.PUSH_UART, _uart_interrupt)


class PWM:
    """A square wave on a pin."""

    def __init__(self, dest, freq=-1, *, duty_u16=-1):
        self._pin = _number(dest)
        self._freq, self._duty = 5000, 32768
        self.init(freq, duty_u16=duty_u16)

    def init(self, freq=-1, *, duty_u16=-1):
        self._set(self._freq if freq == -1 else freq, self._duty if duty_u16 == -1 else duty_u16)

    def _set(self, freq, duty_u16):
        if not 1 <= freq <= 40000000:
            raise ValueError("frequency must be from 1Hz to 40MHz")
        if not 0 <= duty_u16 <= 65535:
            raise ValueError("duty_u16 must be from 0 to 65535")
        self._freq, self._duty = freq, duty_u16
        _link.ask(_ops.PWM_SET, self._pin, struct.pack("<IH", self._freq, self._duty))

    def freq(self, value=None):
        if value is None:
            return self._freq
        self._set(value, self._duty)
        return None

    def duty_u16(self, value=None):
        if value is None:
            return self._duty
        self._set(self._freq, value)
        return None

    def deinit(self):
        _link.ask(_ops.PWM_SET, self._pin, struct.pack("<IH", 0, 0))


class WDT:
    """The watchdog: once started it can only be fed."""

    def __init__(self, id=0, timeout=5000):
        if id != 0:
            raise ValueError
        if timeout <= 0:
            raise ValueError("WDT timeout too short")
        _link.ask(_ops.WDT_START, 0, struct.pack("<I", timeout))

    def feed(self):
        _link.post(_ops.WDT_FEED, 0)


def reset():
    """Reset the chip; does not return."""
    _link.post(_ops.RESET, 0)
    while True:
        _link.ask(_ops.INFO, 0)


def soft_reset():
    """End the program and start the interpreter anew."""
    raise SystemExit


def reset_cause():
    return _link.ask(_ops.INFO, 0)[0]


def unique_id():
    return _link.ask(_ops.INFO, 0)[1:]


def __getattr__(name):
    """``SPI``, loaded only when used: it costs heap that only boards with an Ethernet chip need to spend."""
    if name == "SPI":
        from _spi import SPI

        return SPI
    raise AttributeError(name)
