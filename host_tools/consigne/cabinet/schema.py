"""Every key of a cabinet file: its type, range, default and what it means.

The same tables check a file, fill in defaults and print the reference (``consigne cabinet keys``).
"""

from dataclasses import dataclass
from typing import Any

from locker.confignetwork import TLS_PORT
from locker.core import limits
from locker.core.labels import CODE_DIGITS_MAX, CODE_DIGITS_MIN

from consigne.protocol.names import SIZES


class _Required:
    def __repr__(self) -> str:
        return "required"


REQUIRED: Any = _Required()


@dataclass(frozen=True)
class Field:
    """One key.

    ``low`` and ``high`` bound a number, the length of a text or the entries of a list; ``choices``
    are all values allowed; ``each`` checks the entries of a list.  Text is one line, without control
    characters, unless it ``may_control``.
    """

    kind: type
    meaning: str
    default: Any = REQUIRED
    low: float = 0
    high: float = 0
    choices: tuple[Any, ...] = ()
    each: "Field | None" = None
    may_control: bool = False


Table = dict[str, Field]


def _pin(meaning: str, default: Any = REQUIRED) -> Field:
    return Field(int, meaning, default, 0 if default is REQUIRED else -1, 48)


SITE: Table = {
    "format": Field(int, "the version of this format", low=1, high=1),
    "board": Field(str, "controller board: the name of a profile", low=1, high=32),
    "revision": Field(str, "of this file, as it stands on its drawings", "-", 1, 8),
    "revised": Field(str, "the day of that revision, as 2026-11-29", "", 0, 10),
    "name": Field(str, "what the display greets with", "Consigne", 1, limits.NAME_CHARS_MAX),
    "language": Field(
        str, "language of the display until somebody chooses", "en", choices=("en", "fr", "de")
    ),
    "digits": Field(int, "digits of a code", 8, CODE_DIGITS_MIN, CODE_DIGITS_MAX),
    "duress": Field(bool, "accept duress codes", False),
    "service": Field(
        str,
        "who is served and how: firmware/locker/core/SERVICES.md",
        "locker",
        choices=("locker", "counter", "residence", "shop", "mall", "seller"),
    ),
    "hours": Field(str, 'when customers are served, "1-5 08:00-19:30, 6 09:00-13:00"', "", 0, 120),
    "psram": Field(bool, "the module has PSRAM; the board's profile says so already", None),
    "watchdog_ms": Field(
        int,
        "restart when nothing moves for so long",
        limits.WATCHDOG_MS,
        limits.WATCHDOG_MS_MIN,
        limits.WATCHDOG_MS_MAX,
    ),
}

TABLES: dict[str, Table] = {
    "locks": {
        "arm_pin": _pin("arming line in series with every coil the controller drives itself, -1: none", -1),
        "pulse_ms": Field(
            int, "how long a coil is energised", limits.PULSE_MS, limits.PULSE_MS_MIN, limits.PULSE_MS_MAX
        ),
        "rest_ms": Field(
            int, "between two pulses of one lock", limits.REST_MS, limits.REST_MS_MIN, limits.REST_MS_MAX
        ),
        "reopen_s": Field(
            int, "how long a person may ask for the door again", limits.REOPEN_S, 0, limits.REOPEN_S_MAX
        ),
        "volts": Field(float, "of the coils", 12.0, 5, 48),
        "amps": Field(float, "that one coil draws", 2.2, 0.1, 10),
    },
    "supply": {
        "volts": Field(float, "of the supply", 12.0, 5, 48),
        "amps": Field(float, "that it gives for as long as wanted", low=0.5, high=50),
        "sense_pin": _pin("ADC pin behind the divider of the supply, -1: not wired", -1),
        "upper_kohm": Field(float, "of the divider, from the supply to the pin", 100.0, 1, 1000),
        "lower_kohm": Field(float, "of the divider, from the pin to ground", 15.0, 1, 1000),
        "weak_volts": Field(float, "under a pulse, told below this; 0: 85 % of the coils'", 0.0, 0, 48),
    },
    "tamper": {
        "pin": _pin("switch of the service lid, closed to ground"),
        "open_level": Field(int, "what it reads while the lid is open", 1, 0, 1),
    },
    "mains": {
        "pin": _pin("tells that the mains are gone, while a battery bridges"),
        "lost_level": Field(int, "what it reads while they are gone", 1, 0, 1),
    },
    "strip": {
        "kind": Field(str, "lights that show the door", "ws2812", choices=("ws2812",)),
        "pin": _pin("their data line, through a level shifter to 5 V"),
        "per": Field(str, "one light for each of these", "door", choices=("door", "column")),
    },
    "keypad": {
        "kind": Field(str, "how it is read", "matrix", choices=("matrix", "wiegand")),
        "rows": Field(list, "pins of the rows, driven", low=1, high=4, each=_pin("a row")),
        "cols": Field(list, "pins of the columns, read", low=1, high=4, each=_pin("a column")),
        "keys": Field(str, "labels, row by row", "123456789*0#", 12, 16),
        "debounce_ms": Field(int, "a contact is quiet for so long", 20, 5, 100),
    },
    "scanner": {
        "kind": Field(str, "family", "gm65", choices=("gm65", "mhet", "line")),
        "uart": Field(int, "UART of the controller", low=0, high=2),
        "tx": _pin("pin that sends to it"),
        "rx": _pin("pin that hears it"),
        "baud": Field(int, "bits a second", 9600, 1200, 115_200),
        "terminator": Field(str, "what ends a code", "\r", 0, 2, may_control=True),
    },
    "display": {
        "kind": Field(str, "family", "hd44780", choices=("hd44780", "ssd1306")),
        "i2c": Field(int, "bus it is on", 0, 0, 1),
        "address": Field(int, "on that bus", 0x27, 8, 119),
        "volts": Field(float, "of its supply and its lines", 5.0, 3, 5.5),
        "shifter": Field(bool, "a level shifter stands between its lines and the bus of 3.3 V", False),
        "columns": Field(
            int,
            "characters of a line",
            limits.DISPLAY_COLUMNS,
            limits.DISPLAY_COLUMNS,
            limits.DISPLAY_COLUMNS,
        ),
        "rows": Field(int, "lines", limits.DISPLAY_ROWS, limits.DISPLAY_ROWS, limits.DISPLAY_ROWS),
    },
    "clock": {
        "kind": Field(str, "chip", "ds3231", choices=("ds3231",)),
        "i2c": Field(int, "bus it is on", 0, 0, 1),
        "address": Field(int, "on that bus", 0x68, 8, 119),
    },
    "buzzer": {"pin": _pin("drives its transistor")},
    "lamp": {"pin": _pin("drives its transistor")},
    "network": {
        "kind": Field(str, "how it is reached", "wifi", choices=("wifi", "ethernet")),
        "ssid": Field(str, "name of the Wi-Fi", "", 0, 32),
        "broker": Field(str, "host name or address of the MQTT broker", low=1, high=253),
        "port": Field(int, "of the broker", TLS_PORT, 1, 65_535),
        "tls": Field(bool, "speak TLS with it", True),
    },
    "ethernet": {
        "phy": Field(str, "chip of a module on the controller's SPI pins", "w5500", choices=("w5500",)),
        "spi": Field(int, "SPI bus of the controller, the module's alone", 1, 1, 2),
        "sck": _pin("its SCLK"),
        "mosi": _pin("its MOSI"),
        "miso": _pin("its MISO"),
        "cs": _pin("its SCSn"),
        "int": _pin("its INTn: without it the firmware hears of no packet"),
        "reset": _pin("its RSTn, -1: the module resets itself", -1),
    },
    "front": {
        "width_cm": Field(float, "of a compartment", 45.0, 10, 200),
        "terminal_column": Field(int, "where display, keypad and scanner are; 0: apart", 0, 0, 40),
        "terminal_cm": Field(float, "their lower edge above the floor", 90.0, 0, 300),
    },
}

LISTS: dict[str, tuple[int, Table]] = {
    "i2c": (
        2,
        {
            "id": Field(int, "number of the bus", low=0, high=1),
            "scl": _pin("clock"),
            "sda": _pin("data"),
            "freq_hz": Field(int, "clock rate", 100_000, 10_000, 400_000),
            "pull_up_ohm": Field(int, "all pull-ups of one line together", 4700, 900, 20_000),
            "cable_m": Field(float, "length of all cables on the bus", 0.5, 0, 10),
        },
    ),
    "expander": (
        16,
        {
            "name": Field(str, "how compartments call it", low=1, high=16),
            "kind": Field(str, "chip", "mcp23017", choices=("mcp23017", "pcf8574", "tca9554")),
            "i2c": Field(int, "bus it is on", 0, 0, 1),
            "address": Field(int, "on that bus", low=8, high=119),
            "int_pin": _pin("its INTA or INT, -1: not wired", -1),
        },
    ),
    "shift_register": (
        4,
        {
            "name": Field(str, "how compartments call the chain", low=1, high=16),
            "kind": Field(str, "chip", "74hc595", choices=("74hc595",)),
            "data": _pin("DS of the first chip"),
            "clock": _pin("SHCP of all"),
            "latch": _pin("STCP of all"),
            "enable": _pin("OE# of all, with a pull-up of 10 kOhm"),
            "back": _pin("Q7S of the last chip, to notice a broken chain; -1: not wired", -1),
            "chips": Field(int, "in the chain, eight relays each", 1, 1, 8),
        },
    ),
    "rs485": (
        2,
        {
            "uart": Field(int, "UART of the controller", low=0, high=2),
            "tx": _pin("to the transceiver"),
            "rx": _pin("from the transceiver"),
            "de": _pin("switches it to sending, -1: it does so by itself", -1),
            "baud": Field(int, "bits a second", 9600, 1200, 115_200),
        },
    ),
    "lock_board": (
        32,
        {
            "name": Field(str, "how compartments call it", low=1, high=16),
            "kind": Field(str, "family: 8a, cu48, cu16, winnsen, wkly, modbus", low=1, high=16),
            "uart": Field(int, "UART of its wire", low=0, high=2),
            "address": Field(int, "as its switches say", low=0, high=254),
            "reversed": Field(bool, "sends its last locks first", False),
            "pulse_ms": Field(int, "how long it energises a lock by itself", 500, 100, 1000),
        },
    ),
    "holder": (
        limits.HOLDERS_MAX,
        {
            "role": Field(str, "who", choices=("courier", "clerk", "technician", "merchant", "partner")),
            "action": Field(
                str, "may do", choices=("collect", "deposit", "return", "recall", "service", "handover")
            ),
            "number": Field(int, "number of that holder", low=0, high=limits.HOLDER_MAX),
        },
    ),
    "compartment": (
        limits.DOORS_MAX,
        {
            "number": Field(str, "as it stands on the door", low=1, high=limits.DOOR_NAME_CHARS_MAX),
            "size": Field(str, "S, M, L or XL", choices=tuple(SIZES.values())),
            "column": Field(int, "of the front, from the left", low=1, high=40),
            "bottom_cm": Field(float, "lower edge above the floor", low=0, high=300),
            "on": Field(str, 'expander or lock board, or "gpio"', "gpio", 1, 16),
            "reed_on": Field(str, "what the sensor is on, when not the same as the lock", "", 0, 16),
            "lock": Field(int, "pin or channel of the lock", low=0, high=255),
            "reed": Field(int, "pin or channel of the door's sensor", low=0, high=255),
            "closed_level": Field(int, "what the sensor reads behind a closed door", 0, 0, 1),
            "pull_up": Field(bool, "the sensor's line has a pull-up resistor of its own", False),
            "neighbours": Field(
                list,
                "doors that touch it",
                (),
                0,
                8,
                each=Field(str, "a door", "", 1, limits.DOOR_NAME_CHARS_MAX),
            ),
        },
    ),
}

_SCANNER = TABLES["scanner"]
_DISPLAY = TABLES["display"]

VARIANTS: dict[str, dict[str, Table]] = {
    "keypad": {
        "wiegand": {
            "kind": TABLES["keypad"]["kind"],
            "d0": _pin("line of the zeros, open collector"),
            "d1": _pin("line of the ones, open collector"),
            "bits": Field(int, "of a key: 8 shows a bit that was lost, 4 may not", 4, choices=(4, 8)),
            "gap_ms": Field(int, "quiet for so long ends a key or card", 40, 21, 100),
        }
    },
    "scanner": {
        "mhet": {key: field for key, field in _SCANNER.items() if key != "terminator"},
        "line": _SCANNER,
    },
    "display": {
        "ssd1306": {
            "kind": _DISPLAY["kind"],
            "i2c": _DISPLAY["i2c"],
            "address": Field(int, "on that bus", 0x3C, 0x3C, 0x3D),
        }
    },
}
"""Table -> kind -> its keys, if they differ from those of ``TABLES``."""


def table_of(name: str, given: dict[str, object]) -> Table:
    """The keys of a table of that name, for its kind."""
    kind = given.get("kind")
    return VARIANTS.get(name, {}).get(kind, TABLES[name]) if isinstance(kind, str) else TABLES[name]


NEEDED = ("locks", "supply", "keypad", "scanner", "display", "buzzer", "lamp", "compartment")
"""Tables without which the firmware does not start."""

HEIGHTS_CM = {"S": 12.0, "M": 20.0, "L": 30.0, "XL": 45.0}
REACH_CM = 120.0
"""Highest handle that can be reached from a wheelchair (ISO 21542: 80 to 110, at most 120 cm)."""
