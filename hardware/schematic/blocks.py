"""The blocks of the carrier board: each takes nets and connects its parts to them."""

import builtins
import functools
from dataclasses import dataclass

from skidl import Net, Part
from skidl.pin import pin_drives
from templates import (
    BATTERY,
    BUZZER,
    CAPACITOR,
    CLOCK,
    CONVERTER,
    DIODE,
    EXPANDER,
    FUSE,
    JUMPER,
    LED,
    MOSFET,
    POWER_MOSFET,
    RESISTOR,
    TRANSCEIVER,
    terminal,
)  # fmt: skip

NC = builtins.NC  # where SKiDL puts it, and the circuit it belongs to
MADE: list[tuple[str, list[Part]]] = []
"""(function, the parts it made) of each block, in the order in which they were built: for the drawing."""


def block(build):
    """Note which parts a function makes."""

    @functools.wraps(build)
    def noting(*given):
        parts = builtins.default_circuit.parts
        before = len(parts)
        made = build(*given)
        MADE.append((build.__name__.lstrip("_"), parts[before:]))
        return made

    return noting


@dataclass
class Rails:
    """``supply`` is behind the fuse; ``armed`` has voltage only while the arming line is high."""

    supply: Net
    armed: Net
    five: Net
    three: Net
    ground: Net


def between(part, value: str, first: Net, second: Net) -> None:
    """A part with two pins from one net to another."""
    made = part(value=value)
    made[1] += first
    made[2] += second


def surge(volts: float) -> str:
    """The one-way suppressor that stands off a supply of so many volts and 15 % more."""
    return f"SMBJ{next(stand for stand in (13, 15, 16, 28, 33, 58) if stand >= 1.15 * volts)}A"


@block
def power_input(cabinet_volts: float, fuse: str) -> Rails:
    """Terminal, fuse, protection against a reversed supply and against surges, 5 V.

    The P-channel MOSFET has its drain at the inlet: its own diode lets the supply in, which then turns the
    whole switch on.  Reversed, its gate is at the level of its source and nothing flows: neither fuse nor
    suppressor has to give way.
    """
    rails = Rails(Net("SUPPLY"), Net("ARMED"), Net("5V"), Net("3V3"), Net("GND"))
    rails.supply.drive = pin_drives.POWER
    rails.ground.drive = pin_drives.POWER
    source = terminal(f"Supply {cabinet_volts:g} V", "+", "-")
    inlet, fused, gate = Net("INLET"), Net("FUSED"), Net("POLARITY_GATE")
    inlet += source["+"]
    rails.ground += source["-"]
    between(FUSE, fuse, inlet, fused)
    switch = POWER_MOSFET(value="IRF4905")
    switch["D"] += fused
    switch["S"] += rails.supply
    switch["G"] += gate
    between(RESISTOR, "100k", gate, rails.ground)
    between(DIODE, "BZX84C12", rails.supply, gate)  # the gate stands 20 V
    between(DIODE, surge(cabinet_volts), rails.supply, rails.ground)
    between(CAPACITOR, "1000u 35V", rails.supply, rails.ground)
    converter = CONVERTER(value="TSR 2-2450")
    converter["VIN"] += rails.supply
    converter["GND"] += rails.ground
    converter["VOUT"] += rails.five
    between(CAPACITOR, "10u 35V", rails.supply, rails.ground)
    between(CAPACITOR, "22u 10V", rails.five, rails.ground)
    return rails


def low_side(gate: Net, load: Net, rails: Rails, kind: str) -> None:
    """A MOSFET to ground; 10 kOhm hold it off while the pin that drives it floats."""
    switch = MOSFET(value=kind)
    driven = Net(f"{gate.name}_GATE")
    between(RESISTOR, "100", gate, driven)
    switch["G"] += driven
    switch["D"] += load
    switch["S"] += rails.ground
    between(RESISTOR, "10k", gate, rails.ground)


@block
def arming(gate: Net, rails: Rails) -> None:
    """A P-channel MOSFET in series with every coil; off unless the arming line is high."""
    switch = MOSFET(value="IRLML9301")
    pull = Net("ARM_PULL")
    low_side(gate, pull, rails, "2N7002")
    middle = Net("ARM_P_GATE")
    between(RESISTOR, "470", pull, middle)
    switch["G"] += middle
    switch["S"] += rails.supply
    switch["D"] += rails.armed
    between(RESISTOR, "4.7k", middle, rails.supply)
    between(DIODE, "BZX84C12", rails.supply, middle)  # the gate stands 20 V


@block
def door(name: str, lock: Net, reed: Net, rails: Rails) -> None:
    """Driver, flyback diode and sensor of one door."""
    plug = terminal(f"Door {name}", "ARMED", "COIL", "REED", "GND")
    coil = Net(f"COIL_{name}")
    coil += plug["COIL"]
    rails.armed += plug["ARMED"]
    rails.ground += plug["GND"]
    low_side(lock, coil, rails, "IRLML6344")
    between(DIODE, "1N5408", rails.armed, coil)
    outside = Net(f"REED_{name}_OUT")
    outside += plug["REED"]
    switch_input(outside, reed, rails)


def switch_input(outside: Net, line: Net, rails: Rails) -> None:
    """A contact to ground: pulled up, and kept from bringing surges to the chip."""
    between(RESISTOR, "10k", rails.three, outside)
    between(RESISTOR, "1k", outside, line)
    between(CAPACITOR, "10n", line, rails.ground)


def bypass(rails: Rails) -> None:
    between(CAPACITOR, "100n", rails.three, rails.ground)


@block
def expander(
    address: int, bus: tuple[Net, Net], interrupt: Net | None, lines: dict[int, Net], rails: Rails
) -> None:
    """One MCP23017; ``lines`` by channel, 0 is GPA0 and 8 is GPB0."""
    chip = EXPANDER(value="MCP23017-E/SP")
    chip["SCL"] += bus[0]
    chip["SDA"] += bus[1]
    chip["VDD"] += rails.three
    chip["VSS"] += rails.ground
    for bit in range(3):
        level = rails.three if address >> bit & 1 else rails.ground
        chip[f"A{bit}"] += level
    reset = Net(f"RESET_{address:02X}")
    reset += chip["RESET"]
    between(RESISTOR, "10k", rails.three, reset)
    if interrupt is None:
        chip["INTA"] += NC
    else:
        chip["INTA"] += interrupt
    chip["INTB"] += NC
    for channel in range(16):
        pin = chip[f"GP{'AB'[channel // 8]}{channel % 8}"]
        pin += lines.get(channel, NC)
    bypass(rails)


@block
def clock(bus: tuple[Net, Net], rails: Rails) -> None:
    """DS3231 with its battery; pins 5 to 12 go to ground, as the data sheet wants."""
    chip = CLOCK(value="DS3231SN")
    cell = BATTERY(value="CR2032")
    chip["SCL"] += bus[0]
    chip["SDA"] += bus[1]
    chip["VCC"] += rails.three
    chip["GND"] += rails.ground
    for number in range(5, 13):
        chip[f"N{number}"] += rails.ground
    backup = Net("VBAT")
    backup += chip["VBAT"], cell["+"]
    rails.ground += cell["-"]
    for unused in ("32KHZ", "INT", "RST"):
        chip[unused] += NC
    bypass(rails)


@block
def rs485(number: int, send: Net, hear: Net, direction: Net | None, rails: Rails) -> None:
    """Transceiver that listens unless it is told to send; termination by a jumper; line protection."""
    chip = TRANSCEIVER(value="THVD1450")
    chip["VCC"] += rails.three
    chip["GND"] += rails.ground
    chip["D"] += send
    chip["R"] += hear
    between(RESISTOR, "10k", rails.three, hear)  # idle while the receiver is off
    if direction is None:
        raise ValueError("the carrier's transceiver needs a pin for its direction: de")
    chip["DE"] += direction
    chip["RE"] += direction
    between(RESISTOR, "10k", direction, rails.ground)
    plug = terminal(f"RS-485 {number}", "A", "B", "GND")
    a, b, end = Net(f"RS485_{number}_A"), Net(f"RS485_{number}_B"), Net(f"RS485_{number}_END")
    a += chip["A"], plug["A"]
    b += chip["B"], plug["B"]
    rails.ground += plug["GND"]
    between(RESISTOR, "120", a, end)
    between(JUMPER, "termination", end, b)
    between(RESISTOR, "680", rails.three, a)  # a silent wire reads as idle
    between(RESISTOR, "680", b, rails.ground)
    between(DIODE, "SMAJ12CA", a, rails.ground)
    between(DIODE, "SMAJ12CA", b, rails.ground)
    bypass(rails)


@block
def sense(line: Net, rails: Rails) -> None:
    """12 V to 1.6 V and 20 V to 2.6 V: within what ADC1 measures straight."""
    between(RESISTOR, "100k", rails.supply, line)
    between(RESISTOR, "15k", line, rails.ground)
    between(CAPACITOR, "100n", line, rails.ground)


@block
def tamper(line: Net, rails: Rails) -> None:
    plug = terminal("Lid switch", "1", "2")
    outside = Net("LID")
    outside += plug["1"]
    rails.ground += plug["2"]
    switch_input(outside, line, rails)


@block
def shifter(lines: tuple[Net, Net], rails: Rails) -> tuple[Net, Net]:
    """The bus at 5 V, for a display whose PCF8574 has its supply there and wants 3.5 V for a high."""
    out = []
    for line, name in zip(lines, ("SCL_5V", "SDA_5V"), strict=True):
        high = Net(name)
        switch = MOSFET(value="BSS138")
        switch["G"] += rails.three
        switch["S"] += line
        switch["D"] += high
        between(RESISTOR, "10k", rails.five, high)
        out.append(high)
    return out[0], out[1]


@block
def buzzer(gate: Net, rails: Rails) -> None:
    load = Net("BUZZER")
    low_side(gate, load, rails, "2N7002")
    between(BUZZER, "5 V passive", rails.five, load)
    between(DIODE, "1N4148", rails.five, load)


@block
def lamp(gate: Net, rails: Rails) -> None:
    load, middle = Net("LAMP"), Net("LAMP_R")
    low_side(gate, load, rails, "2N7002")
    between(RESISTOR, "150", rails.five, middle)
    between(LED, "20 mA", load, middle)
