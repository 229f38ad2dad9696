"""The table of rules: each has a name, a sentence and a check; a test breaks each of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import rules_board, rules_buses, rules_doors, rules_pins, rules_service, rules_supply
from .model import Cabinet
from .problems import Key, Problem

Finding = tuple[Key, str, str]
"""The key that is wrong, what is wrong with it, what to do."""


@dataclass(frozen=True)
class Rule:
    name: str
    says: str
    check: Callable[[Cabinet], Iterator[Finding]]
    is_warning: bool = False


RULES = (
    Rule("pin_exists", "A pin is on the board's headers.", rules_pins.exists),
    Rule("pin_flash", "No pin is one of the flash memory's.", rules_pins.flash),
    Rule("pin_psram", "No pin is one of the PSRAM's, if there is one.", rules_pins.psram),
    Rule("psram_said", "What a file says of PSRAM is what its board has.", rules_board.psram_said),
    Rule("board_pins", "The board's own wiring is on pins that MicroPython knows.", rules_board.board_pins),
    Rule("pin_wired", "A pin that the board has wired to a part serves that part.", rules_pins.wired),
    Rule("pin_taken", "No pin is one that the board itself uses.", rules_pins.taken),
    Rule("pin_once", "A pin has one use.", rules_pins.once),
    Rule("pin_input_only", "Nothing is driven by a pin that only reads.", rules_pins.input_only),
    Rule("pin_pull_up", "A switch on a pin without pull-ups has a resistor.", rules_pins.pull_up),
    Rule("pin_strapping", "Wiring does not change how the chip boots.", rules_pins.strapping),
    Rule("coil_strapping", "No coil hangs on a strapping pin.", rules_pins.coil_strapping),
    Rule(
        "coil_glitch", "No coil hangs on a pin that moves before the firmware runs.", rules_pins.coil_glitch
    ),
    Rule("coil_armed", "Relays of the controller are behind an arming line.", rules_pins.armed),
    Rule("adc_pin", "The supply is measured at a pin that can.", rules_pins.adc),
    Rule("adc2_wifi", "Nothing is measured by ADC2, which Wi-Fi takes.", rules_pins.adc2),
    Rule(
        "i2c_bus", "Every I2C part is on a bus that is declared and that the chip has.", rules_buses.i2c_bus
    ),
    Rule("i2c_address", "Two parts of a bus have two addresses.", rules_buses.i2c_address),
    Rule("i2c_range", "A part has an address it can be set to.", rules_buses.i2c_range),
    Rule("i2c_rise", "Pull-ups are strong enough for clock rate and cables.", rules_buses.i2c_rise),
    Rule(
        "display_level",
        "The bus is high enough for the display, or a level shifter makes it so.",
        rules_buses.display_level,
    ),
    Rule("uart_exists", "A UART is one that the chip has free.", rules_buses.uart_exists),
    Rule("uart_once", "A UART serves one wire.", rules_buses.uart_once),
    Rule("board_kind", "A lock board is of a family that the firmware speaks with.", rules_buses.board_kind),
    Rule("board_wire", "A lock board is on a wire that is declared.", rules_buses.board_wire),
    Rule("board_address", "Two lock boards of a wire have two addresses.", rules_buses.board_address),
    Rule("board_range", "A lock board has an address it can be set to.", rules_buses.board_range),
    Rule("wire_baud", "A wire runs at the speed of its lock boards.", rules_buses.wire_baud),
    Rule(
        "rmt_channels",
        "The chip has a timer for each line that must end by itself.",
        rules_buses.rmt_channels,
    ),
    Rule("network", "The network is one that the board and the firmware have.", rules_buses.network),
    Rule(
        "ethernet",
        "An Ethernet module is on a bus that the chip has, and is what is used.",
        rules_buses.ethernet,
    ),
    Rule("door_bank", "A door is wired to something that is declared.", rules_doors.bank),
    Rule("bank_name", "Two expanders or lock boards have two names.", rules_doors.bank_name),
    Rule("door_channel", "A channel is one that the board or expander has.", rules_doors.channel),
    Rule("channel_once", "A channel serves one lock or one sensor.", rules_doors.channel_once),
    Rule("door_number", "Two doors have two numbers.", rules_doors.number),
    Rule("door_overlap", "Two doors of a column do not overlap.", rules_doors.overlap),
    Rule("door_neighbours", "Doors that are said to touch do touch.", rules_doors.neighbours),
    Rule("revision", "The revision on the drawings has a day.", rules_doors.revised),
    Rule("keypad_keys", "Every crossing of the keypad has a key, and a code can be typed.", rules_doors.keys),
    Rule("service_hours", "Opening hours can be read, where there are any.", rules_service.hours),
    Rule(
        "service_holder",
        "Whoever the service needs has codes made from the date.",
        rules_service.holder,
        is_warning=True,
    ),
    Rule("coil_volts", "The supply has the voltage of the coils.", rules_supply.volts),
    Rule("sense_range", "The pin that measures the supply stays in its range.", rules_supply.sense),
    Rule("power_budget", "The supply carries one coil and everything else.", rules_supply.budget),
    Rule(
        "board_memory",
        "The board has room for the doors and the network at once.",
        rules_board.memory,
        is_warning=True,
    ),
    Rule(
        "expander_inputs",
        "An MCP23017 reads nothing at GPA7 and GPB7, which are outputs by its newer data sheet.",
        rules_doors.expander_inputs,
        is_warning=True,
    ),
    Rule(
        "hand_opened",
        "A door that is opened by hand is known in half a second.",
        rules_buses.hand_opened,
        is_warning=True,
    ),
)


def judge(cabinet: Cabinet) -> list[Problem]:
    """Everything that the rules find, in the order of the table."""
    return [
        Problem(cabinet.sheet.place(*key), text, advice, rule.name, rule.is_warning)
        for rule in RULES
        for key, text, advice in rule.check(cabinet)
    ]
