"""A cabinet file after the check of its form: a type for each table, every default filled in.

``schema`` has the meaning and range of each key; a test compares the two.
"""

from typing import Literal, NotRequired, TypedDict

Language = Literal["en", "fr", "de"]
ExpanderKind = Literal["mcp23017", "pcf8574", "tca9554"]
Service = Literal["locker", "counter", "residence", "shop", "mall", "seller"]


class Locks(TypedDict):
    arm_pin: int
    pulse_ms: int
    rest_ms: int
    reopen_s: int
    volts: float
    amps: float


class Supply(TypedDict):
    volts: float
    amps: float
    sense_pin: int
    upper_kohm: float
    lower_kohm: float
    weak_volts: float


class Tamper(TypedDict):
    pin: int
    open_level: int


class Mains(TypedDict):
    pin: int
    lost_level: int


class Strip(TypedDict):
    kind: Literal["ws2812"]
    pin: int
    per: Literal["door", "column"]


class MatrixKeypad(TypedDict):
    kind: Literal["matrix"]
    rows: list[int]
    cols: list[int]
    keys: str
    debounce_ms: int


class WiegandKeypad(TypedDict):
    kind: Literal["wiegand"]
    d0: int
    d1: int
    bits: int
    gap_ms: int


class Scanner(TypedDict):
    kind: Literal["gm65", "mhet", "line"]
    uart: int
    tx: int
    rx: int
    baud: int
    terminator: NotRequired[str]


class CharacterDisplay(TypedDict):
    kind: Literal["hd44780"]
    i2c: int
    address: int
    volts: float
    shifter: bool
    columns: int
    rows: int


class GraphicDisplay(TypedDict):
    kind: Literal["ssd1306"]
    i2c: int
    address: int


class Clock(TypedDict):
    kind: Literal["ds3231"]
    i2c: int
    address: int


class OnPin(TypedDict):
    pin: int


class Network(TypedDict):
    kind: Literal["wifi", "ethernet"]
    ssid: str
    broker: str
    port: int
    tls: bool


class SpiWiring(TypedDict):
    phy: str
    spi: int
    sck: int
    mosi: int
    miso: int
    cs: int
    int: int
    reset: int


"""An Ethernet controller on SPI, on the board or on a module that the file wires to it."""


class RmiiWiring(TypedDict):
    """A PHY on the controller's own Ethernet port, as a board has it."""

    phy: str
    phy_addr: NotRequired[int]
    mdc: int
    mdio: int
    power: NotRequired[int]
    ref_clk: int
    ref_clk_out: NotRequired[bool]


EthernetWiring = SpiWiring | RmiiWiring
EthernetPin = Literal["sck", "mosi", "miso", "cs", "int", "reset"]


class Front(TypedDict):
    width_cm: float
    terminal_column: int
    terminal_cm: float


class I2c(TypedDict):
    id: int
    scl: int
    sda: int
    freq_hz: int
    pull_up_ohm: int
    cable_m: float


class Expander(TypedDict):
    name: str
    kind: ExpanderKind
    i2c: int
    address: int
    int_pin: int


class ShiftRegister(TypedDict):
    name: str
    kind: Literal["74hc595"]
    data: int
    clock: int
    latch: int
    enable: int
    back: int
    chips: int


class Rs485(TypedDict):
    uart: int
    tx: int
    rx: int
    de: int
    baud: int


class LockBoard(TypedDict):
    name: str
    kind: str
    uart: int
    address: int
    reversed: bool
    pulse_ms: int


class Holder(TypedDict):
    role: str
    action: str
    number: int


class Compartment(TypedDict):
    number: str
    size: Literal["S", "M", "L", "XL"]
    column: int
    bottom_cm: float
    on: str
    reed_on: str
    lock: int
    reed: int
    closed_level: int
    pull_up: bool
    neighbours: list[str]


class Document(TypedDict):
    """A whole cabinet file, with all that it includes."""

    format: int
    board: str
    revision: str
    revised: str
    name: str
    language: Language
    digits: int
    duress: bool
    service: Service
    hours: str
    psram: bool | None
    watchdog_ms: int
    locks: Locks
    supply: Supply
    keypad: MatrixKeypad | WiegandKeypad
    scanner: Scanner
    display: CharacterDisplay | GraphicDisplay
    buzzer: OnPin
    lamp: OnPin
    tamper: NotRequired[Tamper]
    mains: NotRequired[Mains]
    strip: NotRequired[Strip]
    clock: NotRequired[Clock]
    network: NotRequired[Network]
    ethernet: NotRequired[SpiWiring]
    front: NotRequired[Front]
    i2c: list[I2c]
    expander: list[Expander]
    shift_register: list[ShiftRegister]
    rs485: list[Rs485]
    lock_board: list[LockBoard]
    holder: list[Holder]
    compartment: list[Compartment]
