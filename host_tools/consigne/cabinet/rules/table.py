"""The table of rules: each has a name, a sentence and a check; a test breaks each of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..model import Cabinet
from ..problems import Key, Problem
from . import board, buses, doors, pins, service, supply

Finding = tuple[Key, str, str]
"""The wrong key, what is wrong with it, what to do."""


@dataclass(frozen=True)
class Rule:
    name: str
    says: str
    check: Callable[[Cabinet], Iterator[Finding]]
    is_warning: bool = False


RULES = (
    Rule("pin_exists", "A pin is on the board's headers.", pins.exists),
    Rule("pin_flash", "No pin is one of the flash memory's.", pins.flash),
    Rule("pin_psram", "No pin is one of the PSRAM's, if there is one.", pins.psram),
    Rule("psram_said", "What a file says of PSRAM is what its board has.", board.psram_said),
    Rule("board_pins", "The board's own wiring is on pins that MicroPython knows.", board.board_pins),
    Rule("pin_wired", "A pin that the board has wired to a part serves that part.", pins.wired),
    Rule("pin_taken", "No pin is one that the board itself uses.", pins.taken),
    Rule("pin_once", "A pin has one use.", pins.once),
    Rule("pin_input_only", "Nothing is driven by a pin that only reads.", pins.input_only),
    Rule("pin_pull_up", "A switch on a pin without pull-ups has a resistor.", pins.pull_up),
    Rule("pin_strapping", "Wiring does not change how the chip boots.", pins.strapping),
    Rule("coil_strapping", "No coil hangs on a strapping pin.", pins.coil_strapping),
    Rule("coil_glitch", "No coil hangs on a pin that moves before the firmware runs.", pins.coil_glitch),
    Rule("coil_armed", "Relays of the controller are behind an arming line.", pins.armed),
    Rule("adc_pin", "The supply is measured at a pin that can.", pins.adc),
    Rule("adc2_wifi", "Nothing is measured by ADC2, which Wi-Fi takes.", pins.adc2),
    Rule("i2c_bus", "Every I2C part is on a bus that is declared and that the chip has.", buses.i2c_bus),
    Rule("i2c_address", "Two parts of a bus have two addresses.", buses.i2c_address),
    Rule("i2c_range", "A part has an address it can be set to.", buses.i2c_range),
    Rule("i2c_rise", "Pull-ups are strong enough for clock rate and cables.", buses.i2c_rise),
    Rule(
        "display_level",
        "The bus is high enough for the display, or a level shifter makes it so.",
        buses.display_level,
    ),
    Rule("uart_exists", "A UART is one that the chip has free.", buses.uart_exists),
    Rule("uart_once", "A UART serves one wire.", buses.uart_once),
    Rule("board_kind", "A lock board is of a family that the firmware speaks with.", buses.board_kind),
    Rule("board_wire", "A lock board is on a wire that is declared.", buses.board_wire),
    Rule("board_address", "Two lock boards of a wire have two addresses.", buses.board_address),
    Rule("board_range", "A lock board has an address it can be set to.", buses.board_range),
    Rule("wire_baud", "A wire runs at the speed of its lock boards.", buses.wire_baud),
    Rule(
        "rmt_channels",
        "The chip has a timer for each line that must end by itself.",
        buses.rmt_channels,
    ),
    Rule("network", "The network is one that the board and the firmware have.", buses.network),
    Rule(
        "ethernet",
        "An Ethernet module is on a bus that the chip has, and is what is used.",
        buses.ethernet,
    ),
    Rule("door_bank", "A door is wired to something that is declared.", doors.bank),
    Rule("bank_name", "Two expanders or lock boards have two names.", doors.bank_name),
    Rule("door_channel", "A channel is one that the board or expander has.", doors.channel),
    Rule("channel_once", "A channel serves one lock or one sensor.", doors.channel_once),
    Rule("door_number", "Two doors have two numbers.", doors.number),
    Rule("door_overlap", "Two doors of a column do not overlap.", doors.overlap),
    Rule("door_neighbours", "Doors that are said to touch do touch.", doors.neighbours),
    Rule("revision", "The revision on the drawings has a day.", doors.revised),
    Rule("keypad_keys", "Every crossing of the keypad has a key, and a code can be typed.", doors.keys),
    Rule("service_hours", "Opening hours can be read, where there are any.", service.hours),
    Rule("holder_once", "A holder is named once for each thing it may do.", service.holder_once),
    Rule(
        "service_holder",
        "Whoever the service needs has codes made from the date.",
        service.holder,
        is_warning=True,
    ),
    Rule("coil_volts", "The supply has the voltage of the coils.", supply.volts),
    Rule("sense_range", "The pin that measures the supply stays in its range.", supply.sense),
    Rule("power_budget", "The supply carries one coil and everything else.", supply.budget),
    Rule(
        "board_memory",
        "The board has room for the doors and the network at once.",
        board.memory,
        is_warning=True,
    ),
    Rule(
        "expander_inputs",
        "An MCP23017 reads nothing at GPA7 and GPB7, which are outputs by its newer data sheet.",
        doors.expander_inputs,
        is_warning=True,
    ),
    Rule(
        "hand_opened",
        "A door that is opened by hand is known in half a second.",
        buses.hand_opened,
        is_warning=True,
    ),
)


def judge(cabinet: Cabinet) -> list[Problem]:
    """All problems that the rules find, in the order of the table."""
    return [
        Problem(cabinet.sheet.place(*key), text, advice, rule.name, rule.is_warning)
        for rule in RULES
        for key, text, advice in rule.check(cabinet)
    ]
