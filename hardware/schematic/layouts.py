"""Where each block of the carrier board stands on its sheet; what stands there comes from the netlist."""

from collections.abc import Callable

from sheet import Block, Point, Sheet

Blocks = dict[str, list[Block]]


def _gate_of(block: Block, load: str) -> str:
    """The low-side switch whose drain is at ``load``."""
    return block.part("Q", load, "GND")


def low_side(sheet: Sheet, block: Block, at: Point, load: str) -> Point:
    """Line, gate resistor, off-state resistor, MOSFET; where its drain is."""
    x, y = at
    switch = _gate_of(block, load)
    gate = sheet.netlist.net(switch, "G")
    line = gate.removesuffix("_GATE")
    sheet.name(line, (x, y))
    sheet.wire((x, y), (x + 1.5, y))
    sheet.two(block.part("R", line, gate), (x + 1.5, y), (x + 3.3, y))
    down = (x + 0.8, y)
    sheet.two(block.part("R", line, "GND"), down, (down[0], y - 1.8))
    sheet.name("GND", (down[0], y - 1.8))
    drain, source = sheet.fet(switch, (x + 3.8, y))
    sheet.wire((x + 3.3, y), (x + 3.8, y))
    sheet.wire(source, (source[0], y - 1.8))
    sheet.name("GND", (source[0], y - 1.8))
    return drain


def contact(sheet: Sheet, block: Block, at: Point, outside: str, line: str) -> None:
    """From a plug's pin to the right: pull-up, series resistor, capacitor, and the line's name."""
    x, y = at
    sheet.wire((x, y), (x + 2.2, y))
    sheet.two(block.part("R", "3V3", outside), (x + 1.2, y + 1.8), (x + 1.2, y))
    sheet.name("3V3", (x + 1.2, y + 1.8))
    sheet.two(block.part("R", outside, line), (x + 2.2, y), (x + 4.0, y))
    sheet.wire((x + 4.0, y), (x + 6.2, y))
    sheet.two(block.part("C", line, "GND"), (x + 4.8, y), (x + 4.8, y - 1.8))
    sheet.name("GND", (x + 4.8, y - 1.8))
    sheet.name(line, (x + 6.2, y), "right")


def power(sheet: Sheet, blocks: Blocks) -> None:
    """Terminal, fuse, protection, converter; below it the measurement of the supply."""
    (block,) = blocks["power_input"]
    pins = sheet.chip(block.part("J", "INLET"), (0, -1.5), 1.6, right=("+", "-"))
    x, y = pins["+"]
    sheet.two(block.part("F"), (x + 0.8, y), (x + 2.8, y))
    sheet.wire((x, y), (x + 0.8, y))
    sheet.wire(pins["-"], (x + 0.4, pins["-"][1]), (x + 0.4, y - 2.2))
    sheet.name("GND", (x + 0.4, y - 2.2))
    x = _polarity(sheet, block, (x + 2.8, y)) - 3.6
    sheet.wire((x + 3.6, y), (x + 14.2, y))
    sheet.name("SUPPLY", (x + 4.4, y))
    surge = block.part("D", "SUPPLY", "GND")
    sheet.two(surge, (x + 5.6, y), (x + 5.6, y - 2.2), "K")
    sheet.name("GND", (x + 5.6, y - 2.2))
    for column in (8.4, 11.4):
        sheet.two(block.part("C", "SUPPLY", "GND"), (x + column, y), (x + column, y - 2.2))
        sheet.name("GND", (x + column, y - 2.2))
    chip = block.part("U")
    pins = sheet.chip(chip, (x + 14.8, y - 1), 2.6, left=("VIN",), right=("VOUT",), bottom=("GND",))
    sheet.name("GND", pins["GND"])
    out = pins["VOUT"]
    sheet.wire(out, (out[0] + 2.4, y))
    sheet.two(block.part("C", "5V", "GND"), (out[0] + 1.0, y), (out[0] + 1.0, y - 2.2))
    sheet.name("GND", (out[0] + 1.0, y - 2.2))
    sheet.name("5V", (out[0] + 2.4, y))
    _sense(sheet, blocks["sense"][0], (x + 5.6, y - 5.2))


def _polarity(sheet: Sheet, block: Block, at: Point) -> float:
    """The switch that only a supply with the right polarity turns on; the x where SUPPLY begins."""
    x, y = at
    switch = block.part("Q")
    gate_at = (x + 1.6, y - 2.6)
    sheet.wire((x, y), (x + 0.8, y), (x + 0.8, y - 4.6))
    drain, source = sheet.fet(switch, gate_at)
    sheet.wire((x + 0.8, y - 4.6), (drain[0], y - 4.6), drain)
    sheet.wire(source, (source[0], y), (source[0] + 4.4, y))
    gate = sheet.netlist.net(switch, "G")
    bend = (gate_at[0] - 0.3, gate_at[1])
    sheet.wire(gate_at, bend, (bend[0], y - 6.0), (source[0] + 2.4, y - 6.0))
    sheet.two(block.part("D", gate), (source[0] + 2.4, y), (source[0] + 2.4, y - 6.0), "K")
    sheet.two(block.part("R", gate), (source[0] + 2.4, y - 6.0), (source[0] + 2.4, y - 7.8))
    sheet.name("GND", (source[0] + 2.4, y - 7.8))
    return source[0] + 4.4


def _sense(sheet: Sheet, block: Block, at: Point) -> None:
    x, y = at
    upper = block.part("R", "SUPPLY")
    line = next(net for net in sheet.netlist.ends(upper) if net != "SUPPLY")
    sheet.two(upper, (x, y), (x, y - 1.8))
    sheet.name("SUPPLY", (x, y))
    sheet.two(block.part("R", line, "GND"), (x, y - 1.8), (x, y - 3.6))
    sheet.name("GND", (x, y - 3.6))
    sheet.wire((x, y - 1.8), (x + 4.0, y - 1.8))
    sheet.two(block.part("C", line, "GND"), (x + 2.2, y - 1.8), (x + 2.2, y - 3.6))
    sheet.name("GND", (x + 2.2, y - 3.6))
    sheet.name(line, (x + 4.0, y - 1.8), "right")


def arming(sheet: Sheet, blocks: Blocks) -> None:
    """The switch in series with every coil, and what holds it off."""
    (block,) = blocks["arming"]
    x, y = low_side(sheet, block, (0, 0), "ARM_PULL")
    sheet.wire((x, y), (x, 1.6))
    sheet.two(block.part("R", "ARM_PULL"), (x, 1.6), (x, 3.4))
    sheet.wire((x, 3.4), (x, 4.0), (x + 4.4, 4.0))
    high = 6.2
    sheet.two(block.part("R", "SUPPLY"), (x, high), (x, 4.0), "2")
    sheet.two(block.part("D"), (x + 2.2, high), (x + 2.2, 4.0), "K")
    drain, source = sheet.fet(block.part("Q"), (x + 4.4, 4.0))
    sheet.wire((x, high), (source[0], high), source)
    sheet.name("SUPPLY", (x + 1.1, high))
    sheet.wire(drain, (drain[0], 2.4), (drain[0] + 1.2, 2.4))
    sheet.name("ARMED", (drain[0] + 1.2, 2.4))


def doors(sheet: Sheet, blocks: Blocks) -> None:
    """Driver, flyback diode, plug and sensor of each door."""
    for number, block in enumerate(blocks["door"]):
        column, row = divmod(number, 4)
        _door(sheet, block, (column * 21.0, -row * 7.4))


def _door(sheet: Sheet, block: Block, at: Point) -> None:
    plug = block.part("J")
    coil, outside = sheet.netlist.net(plug, "COIL"), sheet.netlist.net(plug, "REED")
    x, y = low_side(sheet, block, at, coil)
    pins = sheet.chip(
        plug, (x + 4.0, at[1] - 0.6), 2.2, left=("ARMED", "COIL", "GND"), right=("REED",), spacing=1.4
    )
    _, coil_y = pins["COIL"]
    armed_y = pins["ARMED"][1]
    sheet.wire((x, y), (x, coil_y), pins["COIL"])
    diode = block.part("D", coil, "ARMED")
    sheet.two(diode, (x + 1.4, armed_y), (x + 1.4, coil_y), "K")
    sheet.wire((x + 0.4, armed_y), pins["ARMED"])
    sheet.name("ARMED", (x + 0.4, armed_y))
    sheet.name("GND", pins["GND"])
    line = next(
        net for ref in block.refs if ref.startswith("C") for net in sheet.netlist.ends(ref) if net != "GND"
    )
    contact(sheet, block, pins["REED"], outside, line)


def expander(sheet: Sheet, blocks: Blocks) -> None:
    """The expander, its reset, and the pull-ups of the bus."""
    (block,) = blocks["expander"]
    chip = block.part("U")
    left = ("SCL", "SDA", "RESET", "A0", "A1", "A2", "INTA", "INTB", "NC11", "NC14")
    right = tuple(f"GP{port}{bit}" for port in "AB" for bit in range(8))
    pins = sheet.chip(chip, (0, 0), 4.4, left, right, ("VDD",), ("VSS",), 0.9)
    sheet.name_pins(chip, pins, (left, "left"), (right, "right"))
    sheet.name("3V3", pins["VDD"])
    sheet.name("GND", pins["VSS"])
    reset = sheet.netlist.net(chip, "RESET")
    sheet.hang(block.part("R", reset), (-6.0, 13))
    sheet.hang(block.part("C"), (-6.0, 4))
    for number, ref in enumerate(blocks["bus"][0].refs):
        blocks["bus"][0].drawn.add(ref)
        sheet.hang(ref, (-6.0 - 3.2 * number, 8.6))


def rs485(sheet: Sheet, blocks: Blocks) -> None:
    """One pair: transceiver, bias, termination, protection, plug."""
    for number, block in enumerate(blocks["rs485"]):
        _pair(sheet, block, (0, -11.0 * number))


def _pair(sheet: Sheet, block: Block, at: Point) -> None:
    y = at[1]
    chip = block.part("U")
    pins = sheet.chip(
        chip, at, 3.0, ("D", "R", "DE", "RE"), ("A", "B"), top=("VCC",), bottom=("GND",), spacing=1.2
    )
    sheet.name("3V3", pins["VCC"])
    sheet.name("GND", pins["GND"])
    sheet.name(sheet.netlist.net(chip, "D"), pins["D"])
    hear, direction = sheet.netlist.net(chip, "R"), sheet.netlist.net(chip, "DE")
    left = pins["R"][0]
    sheet.wire((left - 4.4, pins["R"][1]), pins["R"])
    sheet.name(hear, (left - 4.4, pins["R"][1]))
    sheet.two(block.part("R", "3V3", hear), (left - 3.4, y + 6.4), (left - 3.4, pins["R"][1]))
    sheet.name("3V3", (left - 3.4, y + 6.4))
    sheet.wire((left - 3.4, pins["DE"][1]), pins["DE"])
    sheet.wire((left - 0.4, pins["DE"][1]), (left - 0.4, pins["RE"][1]), pins["RE"])
    sheet.name(direction, (left - 3.4, pins["DE"][1]))
    sheet.two(block.part("R", direction, "GND"), (left - 2.4, pins["DE"][1]), (left - 2.4, y - 0.4))
    sheet.name("GND", (left - 2.4, y - 0.4))
    _line(sheet, block, chip, pins, at)


def _line(sheet: Sheet, block: Block, chip: str, pins: dict[str, Point], at: Point) -> None:
    """What lies on A and B between transceiver and plug."""
    y = at[1]
    a, b = sheet.netlist.net(chip, "A"), sheet.netlist.net(chip, "B")
    high, low = y + 6.2, y + 0.8
    start = pins["A"][0]
    plug_x = start + 13.2
    sheet.wire(pins["A"], (start + 0.8, pins["A"][1]), (start + 0.8, high), (plug_x - 1.4, high))
    sheet.wire(pins["B"], (start + 0.8, pins["B"][1]), (start + 0.8, low), (plug_x - 1.4, low))
    end = next(
        net for ref in block.refs if ref.startswith("JP") for net in sheet.netlist.ends(ref) if net != b
    )
    sheet.two(block.part("R", a, end), (start + 2.0, high), (start + 2.0, high - 2.7))
    sheet.two(block.part("JP", end, b), (start + 2.0, high - 2.7), (start + 2.0, low))
    sheet.two(block.part("R", "3V3", a), (start + 4.4, high + 1.8), (start + 4.4, high))
    sheet.name("3V3", (start + 4.4, high + 1.8))
    sheet.two(block.part("D", a, "GND"), (start + 6.0, high), (start + 6.0, high - 2.2), "K")
    sheet.name("GND", (start + 6.0, high - 2.2))
    sheet.two(block.part("R", b, "GND"), (start + 5.0, low), (start + 5.0, low - 1.8))
    sheet.name("GND", (start + 5.0, low - 1.8))
    sheet.two(block.part("D", b, "GND"), (start + 8.0, low), (start + 8.0, low - 1.8), "K")
    sheet.name("GND", (start + 8.0, low - 1.8))
    plug = sheet.chip(block.part("J"), (plug_x, y + 1.6), 2.0, left=("A", "B", "GND"), spacing=1.0)
    sheet.wire((plug_x - 1.4, high), (plug_x - 1.4, plug["A"][1]), plug["A"])
    sheet.wire((plug_x - 1.4, low), (plug_x - 1.4, plug["B"][1]), plug["B"])
    sheet.name("GND", plug["GND"])
    sheet.hang(block.part("C"), (start + 10.2, high - 1.6))


def clock(sheet: Sheet, blocks: Blocks) -> None:
    """DS3231, its battery, its bypass."""
    (block,) = blocks["clock"]
    chip = block.part("U")
    left, right = ("SCL", "SDA"), ("VBAT", "32KHZ", "INT", "RST")
    grounds = ("GND", *(f"N{n}" for n in range(5, 13)))
    pins = sheet.chip(chip, (0, 0), 6.4, left, right, ("VCC",), grounds)
    sheet.name_pins(chip, pins, (left, "left"))
    sheet.name("3V3", pins["VCC"])
    bus_y = pins["GND"][1] - 0.4
    for pin in grounds:
        sheet.wire(pins[pin], (pins[pin][0], bus_y))
    sheet.wire((pins[grounds[0]][0], bus_y), (pins[grounds[-1]][0], bus_y))
    sheet.name("GND", (pins["N8"][0], bus_y))
    x, y = pins["VBAT"]
    sheet.wire((x, y), (x + 2.0, y))
    sheet.two(block.part("BT"), (x + 2.0, y), (x + 2.0, y - 2.2), "+")
    sheet.name("GND", (x + 2.0, y - 2.2))
    sheet.hang(block.part("C"), (x + 5.0, y))


def panel(sheet: Sheet, blocks: Blocks) -> None:
    """Buzzer, lamp and the lid's switch."""
    (block,) = blocks["buzzer"]
    x, y = low_side(sheet, block, (0, 0), "BUZZER")
    sheet.wire((x, y), (x, 1.8), (x + 3.6, 1.8))
    sheet.two(block.part("BZ"), (x, 3.8), (x, 1.8), "+")
    sheet.two(block.part("D"), (x + 3.6, 3.8), (x + 3.6, 1.8), "K")
    sheet.wire((x, 3.8), (x + 3.6, 3.8))
    sheet.name("5V", (x + 1.2, 3.8))
    (block,) = blocks["lamp"]
    x, y = low_side(sheet, block, (14, 0), "LAMP")
    sheet.wire((x, y), (x, 1.4))
    sheet.two(block.part("D", "LAMP"), (x, 1.4), (x, 3.0), "K")
    sheet.two(block.part("R", "5V"), (x, 4.8), (x, 3.0))
    sheet.name("5V", (x, 4.8))
    (block,) = blocks["tamper"]
    plug = block.part("J")
    pins = sheet.chip(plug, (0, -7.0), 2.2, right=("1", "2"))
    sheet.wire(pins["2"], (pins["2"][0] + 0.4, pins["2"][1]), (pins["2"][0] + 0.4, pins["2"][1] - 0.6))
    sheet.name("GND", (pins["2"][0] + 0.4, pins["2"][1] - 0.6))
    line = next(
        net for ref in block.refs if ref.startswith("C") for net in sheet.netlist.ends(ref) if net != "GND"
    )
    contact(sheet, block, pins["1"], sheet.netlist.net(plug, "1"), line)


def shifter(sheet: Sheet, blocks: Blocks) -> None:
    """The two lines of the bus from 3.3 V to the display's 5 V."""
    (block,) = blocks["shifter"]
    for number, high in enumerate(("SCL_5V", "SDA_5V")):
        x, y = 9.0 * number, 0.0
        switch = block.part("Q", high)
        drain, source = sheet.fet(switch, (x + 1.4, y))
        sheet.wire((x, y), (x + 1.4, y))
        sheet.name("3V3", (x, y))
        sheet.wire(source, (source[0], y - 1.6), (source[0] - 1.6, y - 1.6))
        sheet.name(sheet.netlist.net(switch, "S"), (source[0] - 1.6, y - 1.6))
        sheet.wire(drain, (drain[0], y + 1.6), (drain[0] + 2.2, y + 1.6))
        sheet.two(block.part("R", high), (drain[0], y + 3.4), (drain[0], y + 1.6))
        sheet.name("5V", (drain[0], y + 3.4))
        sheet.name(high, (drain[0] + 2.2, y + 1.6), "right")


def controller(sheet: Sheet, blocks: Blocks) -> None:
    """The controller board as it plugs in, and the plugs of display, scanner and keypad."""
    (block,) = blocks["controller"]
    chip = block.part("U")
    gpio = [pin for pin in sheet.netlist.parts[chip][2] if pin.startswith("GPIO")]
    half = (len(gpio) + 1) // 2
    left, right = tuple(gpio[:half]), tuple(gpio[half:])
    pins = sheet.chip(chip, (0, 0), 5.0, left, right, ("5V", "3V3"), ("GND",), 0.9)
    sheet.name_pins(chip, pins, (left, "left"), (right, "right"))
    for rail in ("5V", "3V3", "GND"):
        sheet.name(rail, pins[rail])
    (block,) = blocks["plugs"]
    for number, plug in enumerate(block.refs):
        block.drawn.add(plug)
        names = sheet.netlist.parts[plug][2]
        signals = tuple(name for name in names if name not in ("5V", "GND"))
        rails = [name for name in names if name in ("5V", "GND")]
        place = (13.0, (9.9, 4.3, -5.2)[number])
        pins = sheet.chip(
            plug, place, 2.4, right=signals, top=tuple(n for n in rails if n == "5V"),
            bottom=tuple(n for n in rails if n == "GND"), spacing=0.9,
        )  # fmt: skip
        sheet.name_pins(plug, pins, (signals, "right"))
        for rail in rails:
            sheet.name(rail, pins[rail])


SHEETS: dict[str, tuple[str, Callable[[Sheet, Blocks], None]]] = {
    "power": ("Input, 12 V to 5 V, measurement of the supply", power),
    "arming": ("Arming: the switch in series with every coil", arming),
    "doors": ("Drivers, flyback diodes and sensors of the doors", doors),
    "expander": ("Port expander and the pull-ups of its bus", expander),
    "rs485": ("RS-485 to lock boards", rs485),
    "clock": ("Clock with battery", clock),
    "panel": ("Buzzer, lamp, lid switch", panel),
    "shifter": ("Level shifter of the display's bus", shifter),
    "controller": ("Controller board and the plugs of the panel", controller),
}
