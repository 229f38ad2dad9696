"""The wizard's code on the controller, sent through its REPL: wires, expanders, pins.

No pulse needs the laptop to end it.  A coil draws current only while the arming line is high, which the RMT
times; lock boards time their own pulses.  If this code is interrupted between two lines, by the cable or by
Ctrl+C, the relay's line is released.  The watchdog restarts a board that has got no command for ten minutes,
so that it serves again by itself.

Answers are printed, one line for each call.
"""

import time

from esp32 import RMT
from machine import I2C, UART, WDT, Pin

# 80 MHz / 255, the slowest that the RMT can; an item has 15 bits: 104 ms.
CLOCK_DIV = 255
ITEM_TICKS_MAX = 32767
PULSE_MS_MAX = 1000
REPLY_MS = 80  # from the end of a request to the first byte of the reply, as in the firmware
QUIET_MS = 20  # without a byte: the frame has ended
STEADY_TRIES = 10
WATCHDOG_MS = 600000
IODIR, GPPU, GPIO, OLAT = 0x00, 0x0C, 0x12, 0x14  # registers of an MCP23017, IOCON.BANK = 0
TCA_OUTPUT, TCA_DIRECTION = 0x01, 0x03  # of a TCA9554

for channel in globals().get("held", ()):
    channel.wait_done(timeout=PULSE_MS_MAX)  # an ESP32 panics when a long running pulse is stopped
    channel.deinit()
held = []  # RMT channels: freed when this code is sent again
ticks_per_s = RMT.source_freq() // CLOCK_DIV
wires = {}  # uart -> [UART, baud, settings, RMT of the driver's enable or None]
buses = {}
banks = {}  # name -> the bank's object
arm = []  # the RMT of the arming line, once ``begin`` was called
dog = WDT(timeout=WATCHDOG_MS)


def begin(arm_pin):
    """Take the arming line, low."""
    arm[:] = [timer(0, arm_pin)]


def timer(channel, pin):
    """An RMT channel on a pin, low."""
    held.append(RMT(channel, pin=Pin(pin, Pin.OUT, value=0), clock_div=CLOCK_DIV))
    return held[-1]


def items(duration_us):
    """A duration as RMT items of equal length, rounded down in sum."""
    ticks = ticks_per_s * duration_us // 1000000
    count = (ticks + ITEM_TICKS_MAX - 1) // ITEM_TICKS_MAX
    each = ticks // count
    return (each,) * (count - 1) + (ticks - each * (count - 1),)


def open_wire(uart, tx, rx, de, channel):
    """A pair to lock boards; an RMT channel enables its driver for the length of a frame."""
    enable = timer(channel, de) if de >= 0 else None
    wires[uart] = [None, 0, {"tx": tx, "rx": rx, "rxbuf": 256, "timeout": 0}, enable]


def exchange(uart, baud, frame):
    """Send a frame in hexadecimal; prints the bytes received until the wire was quiet."""
    wire = wires[uart]
    if wire[1] != baud:
        wire[0] = UART(uart, baudrate=baud, **wire[2])
        wire[1] = baud
    port = wire[0]
    while port.any():
        port.read()
    data = bytes(int(frame[i : i + 2], 16) for i in range(0, len(frame), 2))
    sending_us = len(data) * 10000000 // baud
    if wire[3]:
        durations = items(sending_us + 1000000 // baud)
        wire[3].write_pulses(durations, (True,) * len(durations))
    port.write(data)
    time.sleep_us(sending_us)
    heard = b""
    since = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), since) < (QUIET_MS if heard else REPLY_MS):
        if port.any():
            heard += port.read()
            since = time.ticks_ms()
        time.sleep_ms(2)
    print("".join("{:02x}".format(value) for value in heard))


def eight(bus, address):
    """Which of the two: an untouched TCA9554 reads 0xFF as direction; a PCF8574 pulls P2 to P7 low."""
    return "tca9554" if bus.readfrom_mem(address, TCA_DIRECTION, 1) == b"\xff" else "pcf8574"


def scan(bus, scl, sda, freq):
    """Prints (address, kind) of everything on an I2C bus; kind is "" where it cannot be told."""
    buses[bus] = I2C(bus, scl=Pin(scl), sda=Pin(sda), freq=freq)
    found = []
    for address in buses[bus].scan():
        kind = "ds3231" if address == 0x68 else ""
        if 0x20 <= address < 0x28:
            # An untouched MCP23017 has all pins as inputs and its other registers at 0; a PCF8574 has no
            # registers, it repeats the levels of its pins.
            registers = buses[bus].readfrom_mem(address, IODIR, 4)
            kind = eight(buses[bus], address) if registers == bytes(registers[:1]) * 4 else "mcp23017"
        elif 0x38 <= address < 0x40:
            kind = eight(buses[bus], address)  # a display at such an address is in the wiring
        found.append((address, kind))
    print(found)


class Pins:
    """The controller's own pins: inputs with pull-ups, except ``bare`` ones, which have none.

    ``driven``: those that may carry a lock; no other is ever driven.
    """

    def __init__(self, pulled, bare, driven):
        self._driven = driven
        for number in pulled:
            Pin(number, Pin.IN, Pin.PULL_UP)
        for number in bare:
            Pin(number, Pin.IN)
        self._all = pulled + bare

    def levels(self):
        return sum(Pin(number).value() << number for number in self._all)

    def may_lock(self):
        """A lock's line is held low by its off-state resistor, and rises when it is driven.

        A line that reads high has no such resistor; one that stays low is held by a closed contact, and is
        released within a millisecond.  The arming line is low meanwhile.
        """
        levels = self.levels()
        return [n for n in self._channels() if not levels >> n & 1 and self._gives_way(n)]

    def _channels(self):
        return self._driven

    def _gives_way(self, channel):
        try:  # not ``with``: an interrupt inside ``drive`` itself must release the line too
            self.drive(channel)
            return self.levels() >> channel & 1
        finally:
            self.release(channel)

    def drive(self, channel):
        Pin(channel, Pin.OUT, value=1)

    def release(self, channel):
        Pin(channel, Pin.IN, Pin.PULL_UP)


class Mcp23017(Pins):
    """All pins inputs with pull-ups; the latch is cleared first, so that no output rises."""

    def __init__(self, bus, address):
        self._bus, self._address = buses[bus], address
        self._set_up()

    def _set_up(self):
        for register, value in ((OLAT, 0), (IODIR, 0xFF), (GPPU, 0xFF)):
            self._put(register, value << 8 | value)

    def _put(self, register, word):
        self._bus.writeto_mem(self._address, register, bytes((word & 0xFF, word >> 8)))

    def _channels(self):
        return range(16)

    def levels(self):
        if self._bus.readfrom_mem(self._address, GPPU, 2) != b"\xff\xff":
            self._set_up()  # a dip of its supply took the pull-ups away
        two = self._bus.readfrom_mem(self._address, GPIO, 2)
        return two[0] | two[1] << 8

    def drive(self, channel):
        self._put(OLAT, 1 << channel)
        self._put(IODIR, 0xFFFF & ~(1 << channel))

    def release(self, _channel):
        self._put(OLAT, 0)
        self._put(IODIR, 0xFFFF)


class Pcf8574:
    """All pins high, so all inputs; a relay there is active low, and its module pulls its pin up."""

    def __init__(self, bus, address):
        self._bus, self._address = buses[bus], address
        self.release(0)

    def levels(self):
        return self._bus.readfrom(self._address, 1)[0]

    def may_lock(self):
        """All pins that no closed contact holds low."""
        levels = self.levels()
        return [n for n in range(8) if levels >> n & 1]

    def drive(self, channel):
        self._bus.writeto(self._address, bytes((0xFF & ~(1 << channel),)))

    def release(self, _channel):
        self._bus.writeto(self._address, b"\xff")


class Tca9554(Mcp23017):
    """Eight pins, all inputs; the level is cleared first, so that no output rises."""

    def _set_up(self):
        for register, value in ((TCA_OUTPUT, 0), (TCA_DIRECTION, 0xFF)):
            self._put(register, value)

    def _put(self, register, value):
        self._bus.writeto_mem(self._address, register, bytes((value,)))

    def _channels(self):
        return range(8)

    def levels(self):
        return self._bus.readfrom_mem(self._address, 0, 1)[0]

    def drive(self, channel):
        self._put(TCA_OUTPUT, 1 << channel)
        self._put(TCA_DIRECTION, 0xFF & ~(1 << channel))

    def release(self, _channel):
        self._put(TCA_OUTPUT, 0)
        self._put(TCA_DIRECTION, 0xFF)


class Chain:
    """Shift registers: outputs that are on only while OE# is low, and no inputs."""

    def __init__(self, data, clock, latch, enable, chips):
        self._enable = Pin(enable, Pin.OUT, value=1)  # before anything moves
        self._data, self._clock, self._latch = [Pin(n, Pin.OUT, value=0) for n in (data, clock, latch)]
        self._count = 8 * chips
        self.release(0)

    def levels(self):
        return 0

    def may_lock(self):
        return list(range(self._count))

    def _shift(self, word):
        for channel in range(self._count - 1, -1, -1):
            self._data.value(word >> channel & 1)
            self._clock.value(1)
            self._clock.value(0)
        self._latch.value(1)
        self._latch.value(0)

    def drive(self, channel):
        self._shift(1 << channel)
        self._enable.value(0)

    def release(self, _channel):
        self._enable.value(1)
        self._shift(0)


KINDS = {"gpio": Pins, "mcp23017": Mcp23017, "pcf8574": Pcf8574, "tca9554": Tca9554, "74hc595": Chain}


def open_bank(name, *settings):
    """Open one bank with all lines released, by the device's name of it and its address or pins."""
    banks[name] = KINDS[name.split("@")[0]](*settings)
    print(len(banks))


def look():
    return {name: bank.levels() for name, bank in banks.items()}


def levels():
    """Prints the inputs of all banks once two readings in a row agree, since contacts bounce."""
    before = look()
    for _ in range(STEADY_TRIES):
        time.sleep_ms(5)
        now = look()
        if now == before:
            break
        before = now
    print(now)


def candidates():
    """Prints the channels of each bank that may carry a lock."""
    print({name: bank.may_lock() for name, bank in banks.items()})


def pulse(name, channel, duration_ms):
    """Energise the coil on one line; the RMT ends the pulse, this only waits for it."""
    if not 1 <= duration_ms <= PULSE_MS_MAX:
        raise ValueError("pulse of {} ms".format(duration_ms))
    if not arm[0].wait_done():
        raise RuntimeError("a pulse is running")
    durations = items(duration_ms * 1000)
    try:
        banks[name].drive(channel)
        arm[0].write_pulses(durations, (True,) * len(durations))
        while not arm[0].wait_done():
            time.sleep_ms(5)
    finally:
        try:
            arm[0].wait_done(timeout=PULSE_MS_MAX)  # also after Ctrl+C: a soft reset would stop it
        finally:
            banks[name].release(channel)  # last, so that the relay's contacts never switch the coil's current
    print("done")


def rest(duration_ms):
    """Let time pass, and feed the watchdog."""
    time.sleep_ms(duration_ms)
    dog.feed()
    print("rested")
