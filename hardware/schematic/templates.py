"""The parts of the carrier board as SKiDL templates, with what each pin does electrically.

They are defined here rather than taken from a KiCad library, so that the check runs where no KiCad is.
Pin numbers are those of the package named in ``value``.
"""

from skidl import SKIDL, TEMPLATE, Part, Pin

IN, OUT, BIDIR = Pin.types.INPUT, Pin.types.OUTPUT, Pin.types.BIDIR
PASSIVE, OPEN, TRISTATE = Pin.types.PASSIVE, Pin.types.OPENCOLL, Pin.types.TRISTATE
POWER_IN, POWER_OUT, UNCONNECTED = Pin.types.PWRIN, Pin.types.PWROUT, Pin.types.NOCONNECT


def template(name: str, prefix: str, *pins: tuple[str, str, object]) -> Part:
    """A part of which instances are made by calling it; ``pins`` are (number, name, function)."""
    made = [Pin(num=number, name=label, func=kind) for number, label, kind in pins]
    return Part(name=name, tool=SKIDL, dest=TEMPLATE, ref_prefix=prefix, pins=made)


def two_pins(name: str, prefix: str, first: str = "1", second: str = "2") -> Part:
    return template(name, prefix, ("1", first, PASSIVE), ("2", second, PASSIVE))


RESISTOR = two_pins("R", "R")
CAPACITOR = two_pins("C", "C")
FUSE = two_pins("Fuse", "F")
DIODE = two_pins("Diode", "D", "K", "A")
LED = two_pins("LED", "D", "K", "A")
BATTERY = template("Battery", "BT", ("1", "+", POWER_OUT), ("2", "-", PASSIVE))
BUZZER = two_pins("Buzzer", "BZ", "+", "-")
JUMPER = two_pins("Jumper", "JP")

MOSFET = template("MOSFET", "Q", ("1", "G", IN), ("2", "S", PASSIVE), ("3", "D", PASSIVE))
"""SOT-23.  A gate must be driven, and held by a resistor while nobody drives it."""

POWER_MOSFET = template("MOSFET", "Q", ("1", "G", IN), ("2", "D", PASSIVE), ("3", "S", PASSIVE))
"""TO-220."""

CONVERTER = template(
    "Converter", "U", ("1", "VIN", POWER_IN), ("2", "GND", POWER_IN), ("3", "VOUT", POWER_OUT)
)  # TSR 2-2450 and the like: three pins

EXPANDER = template(
    "MCP23017", "U",
    *((str(21 + bit), f"GPA{bit}", BIDIR) for bit in range(8)),
    *((str(1 + bit), f"GPB{bit}", BIDIR) for bit in range(8)),
    ("9", "VDD", POWER_IN), ("10", "VSS", POWER_IN), ("12", "SCL", IN), ("13", "SDA", BIDIR),
    ("15", "A0", IN), ("16", "A1", IN), ("17", "A2", IN), ("18", "RESET", IN),
    ("19", "INTB", OUT), ("20", "INTA", OUT), ("11", "NC11", UNCONNECTED), ("14", "NC14", UNCONNECTED),
)  # fmt: skip

CLOCK = template(
    "DS3231", "U",
    ("1", "32KHZ", OPEN), ("2", "VCC", POWER_IN), ("3", "INT", OPEN), ("4", "RST", BIDIR),
    *((str(n), f"N{n}", POWER_IN) for n in range(5, 13)),
    ("13", "GND", POWER_IN), ("14", "VBAT", POWER_IN), ("15", "SDA", BIDIR), ("16", "SCL", IN),
)  # fmt: skip

TRANSCEIVER = template(
    "THVD1450", "U",
    ("1", "R", TRISTATE), ("2", "RE", IN), ("3", "DE", IN), ("4", "D", IN),
    ("5", "GND", POWER_IN), ("6", "A", BIDIR), ("7", "B", BIDIR), ("8", "VCC", POWER_IN),
)  # fmt: skip


def terminal(name: str, *labels: str) -> Part:
    """A connector with one pin for each label, placed at once."""
    pins = [Pin(num=str(n), name=label, func=PASSIVE) for n, label in enumerate(labels, 1)]
    return Part(name=name, tool=SKIDL, ref_prefix="J", pins=pins, value=name)
