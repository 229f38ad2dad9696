"""What the wizard runs on the controller, sent through its REPL: the wires, the expanders, the pins.

Nothing here needs the laptop to end a pulse.  A coil draws current only while the RMT raises the
arming line, which times itself; lock boards time their own.  Whatever is interrupted between two lines,
by the cable or by Ctrl+C, leaves the line of the relay released.  The watchdog restarts a board that
nobody has talked to for ten minutes, so that it goes back to its customers by itself.

Answers are printed, one line for each call.
"""

import time

from esp32 import RMT
from machine import I2C, UART, WDT, Pin

# 80 MHz / 255, the slowest that the RMT can; an item has 15 bits: 104 ms.
CLOCK_DIV = 255
ITEM_TICKS_MAX = 32767
PULSE_MS_MAX = 1000
REPLY_MS = 100  # from the end of a request to the first byte of the reply, at most
QUIET_MS = 20  # without a byte: the frame has ended
STEADY_TRIES = 10
WATCHDOG_MS = 600000
IODIR, GPPU, GPIO, OLAT = 0x00, 0x0C, 0x12, 0x14  # registers of an MCP23017, IOCON.BANK = 0

ticks_per_s = RMT.source_freq() // CLOCK_DIV
wires = {}  # uart -> [UART, baud, settings, RMT of the driver's enable or None]
buses = {}
chips = []  # (bus, address)
pins = {}  # number -> Pin, all inputs
arm = []  # the RMT of the arming line, once ``begin`` was called
dog = WDT(timeout=WATCHDOG_MS)


def begin(arm_pin):
    """Take the arming line over, low."""
    arm[:] = [RMT(0, pin=Pin(arm_pin, Pin.OUT, value=0), clock_div=CLOCK_DIV)]


def items(duration_us):
    """A duration as RMT items of equal length, rounded down in sum."""
    ticks = ticks_per_s * duration_us // 1000000
    count = (ticks + ITEM_TICKS_MAX - 1) // ITEM_TICKS_MAX
    each = ticks // count
    return (each,) * (count - 1) + (ticks - each * (count - 1),)


def open_wire(uart, tx, rx, de, channel):
    """A pair to lock boards; an RMT channel switches its driver on for as long as a frame takes."""
    enable = RMT(channel, pin=Pin(de, Pin.OUT, value=0), clock_div=CLOCK_DIV) if de >= 0 else None
    wires[uart] = [None, 0, {"tx": tx, "rx": rx, "rxbuf": 256, "timeout": 0}, enable]


def exchange(uart, baud, frame):
    """Send a frame in hexadecimal; prints what was heard until the wire was quiet."""
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


def scan(bus, scl, sda, freq):
    """Prints (address, kind) of everything on an I2C bus; kind is "" where it cannot be told."""
    buses[bus] = I2C(bus, scl=Pin(scl), sda=Pin(sda), freq=freq)
    found = []
    for address in buses[bus].scan():
        kind = "ds3231" if address == 0x68 else ""
        if 0x20 <= address < 0x28:
            # An MCP23017 that nobody has set up has all pins inputs and its other registers at 0; a
            # PCF8574 has no registers, it says the levels of its pins again and again.
            registers = buses[bus].readfrom_mem(address, IODIR, 4)
            kind = "pcf8574" if registers == bytes(registers[:1]) * 4 else "mcp23017"
        found.append((address, kind))
    print(found)


def open_chip(bus, address):
    """All pins inputs with pull-ups; the latch is cleared first, so that no output rises."""
    for register, value in ((OLAT, 0), (IODIR, 0xFF), (GPPU, 0xFF)):
        buses[bus].writeto_mem(address, register, bytes((value, value)))
    chips.append((bus, address))
    print(len(chips))


def open_pins(pulled, bare):
    """Pins that may be locks or sensors: inputs with the chip's pull-ups, or without where it has none."""
    for number in pulled:
        pins[number] = Pin(number, Pin.IN, Pin.PULL_UP)
    for number in bare:
        pins[number] = Pin(number, Pin.IN)
    print(len(pins))


def look():
    """All inputs: [mask of pins, mask of each chip ..]."""
    out = [0]
    for number, pin in pins.items():
        out[0] |= pin.value() << number
    for bus, address in chips:
        two = buses[bus].readfrom_mem(address, GPIO, 2)
        out.append(two[0] | two[1] << 8)
    return out


def levels():
    """Prints ``look`` when two in a row agree; contacts bounce, and nobody is in a hurry."""
    before = look()
    for _ in range(STEADY_TRIES):
        time.sleep_ms(5)
        now = look()
        if now == before:
            break
        before = now
    print(now)


class Line:
    """One pin of the controller (``bus`` -1) or of an expander, driven for as long as the ``with`` lasts."""

    def __init__(self, bus, address, channel):
        self.bus, self.address, self.channel = bus, address, channel

    def __enter__(self):
        if self.bus < 0:
            Pin(self.channel, Pin.OUT, value=1)
        else:
            self._chip(1 << self.channel)
        return self

    def _chip(self, driven):
        write = buses[self.bus].writeto_mem
        write(self.address, OLAT, bytes((driven & 0xFF, driven >> 8)))
        write(self.address, IODIR, bytes((0xFF & ~driven, 0xFF & ~(driven >> 8))))

    def __exit__(self, kind, error, trace):
        if self.bus < 0:
            pins[self.channel] = Pin(self.channel, Pin.IN, Pin.PULL_UP)
        else:
            self._chip(0)

    def level(self):
        if self.bus < 0:
            return Pin(self.channel).value()
        return (
            buses[self.bus].readfrom_mem(self.address, GPIO + self.channel // 8, 1)[0] >> self.channel % 8 & 1
        )


def gives_way(bus, address, channel):
    """Prints 1 when a line rises while it is driven, 0 when a closed contact holds it to ground.

    The arming line is low meanwhile, and a contact to ground is released within a millisecond.
    """
    with Line(bus, address, channel) as line:
        level = line.level()
    print(level)


def pulse(bus, address, channel, duration_ms):
    """Energise the coil behind one line; the RMT ends it, here is only waited for that."""
    if not 1 <= duration_ms <= PULSE_MS_MAX:
        raise ValueError("pulse of {} ms".format(duration_ms))
    if not arm[0].wait_done():
        raise RuntimeError("a pulse is running")
    durations = items(duration_ms * 1000)
    with Line(bus, address, channel):
        arm[0].write_pulses(durations, (True,) * len(durations))
        while not arm[0].wait_done():
            time.sleep_ms(5)
    print("done")


def rest(duration_ms):
    """Let time pass, and tell the watchdog that the laptop is there."""
    time.sleep_ms(duration_ms)
    dog.feed()
    print("rested")
