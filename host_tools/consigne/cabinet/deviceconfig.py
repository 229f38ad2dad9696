"""The device's ``config.json`` as it is compiled from a cabinet file; the firmware's own tables are in
``locker/config.py``, and every configuration is checked by them before it leaves this package.
"""

from collections.abc import Sequence
from typing import NotRequired, Required

from typing_extensions import ReadOnly, TypedDict

from .document import (
    Clock,
    Mains,
    MatrixKeypad,
    OnPin,
    Rs485,
    Scanner,
    Tamper,
    WiegandKeypad,
)


class DeviceBus(TypedDict):
    """An I2C bus."""

    id: int
    scl: int
    sda: int
    freq_hz: int


class DeviceExpander(TypedDict):
    kind: str
    i2c: int
    address: int
    int_pin: int


class DeviceChain(TypedDict):
    """Shift registers in a chain."""

    kind: str
    data: int
    clock: int
    latch: int
    enable: int
    back: int
    chips: int


class DeviceLockBoard(TypedDict):
    kind: str
    uart: int
    address: int
    reversed: bool
    pulse_ms: int


class DeviceDoor(TypedDict):
    """``size``: 1 S to 4 XL; ``lock`` and ``reed``: number of the bank, and the channel there."""

    name: str
    size: int
    lock: list[int]
    reed: list[int]
    low: NotRequired[bool]
    closed_level: NotRequired[int]


class Channel(TypedDict):
    """A channel with the name of its bank, for the simulator."""

    bank: str
    channel: int


class DoorWires(TypedDict):
    """A door's lock and sensor, each on a channel of a bank."""

    name: str
    lock: Channel
    reed: Channel
    closed_level: int


class WiredDoor(DoorWires):
    """A door with its channels by name and nothing left out."""

    size: int
    low: bool


class DeviceSupply(TypedDict):
    pin: int
    ratio_milli: int
    weak_mv: int


class DeviceStrip(TypedDict):
    kind: str
    pin: int
    lights: list[int]


class DeviceSenses(TypedDict, total=False):
    clock: Clock
    tamper: Tamper
    mains: Mains
    supply: DeviceSupply
    strip: DeviceStrip


class DeviceNetwork(TypedDict):
    kind: str
    broker: str
    port: int
    tls: bool
    ssid: NotRequired[str]
    phy: NotRequired[str]
    phy_addr: NotRequired[int]
    mdc: NotRequired[int]
    mdio: NotRequired[int]
    power: NotRequired[int]
    ref_clk: NotRequired[int]
    ref_clk_out: NotRequired[bool]
    spi: NotRequired[int]
    sck: NotRequired[int]
    mosi: NotRequired[int]
    miso: NotRequired[int]
    cs: NotRequired[int]
    int: NotRequired[int]
    reset: NotRequired[int]


"""How the host is reached: by Wi-Fi, or by an Ethernet chip that is wired so."""


class DeviceDisplay(TypedDict):
    kind: str
    i2c: int
    address: int
    columns: NotRequired[int]
    rows: NotRequired[int]


class DeviceSite(TypedDict):
    """A configuration without its doors."""

    format: int
    board: str
    name: str
    language: str
    digits: int
    duress: bool
    watchdog_ms: int
    pulse_ms: int
    rest_ms: int
    reopen_s: int
    arm_pin: int
    i2c: list[DeviceBus]
    expanders: list[DeviceExpander]
    shifts: list[DeviceChain]
    rs485: list[Rs485]
    boards: list[DeviceLockBoard]
    keypad: MatrixKeypad | WiegandKeypad
    scanner: Scanner
    display: DeviceDisplay
    buzzer: OnPin
    led: OnPin
    holders: list[list[int]]
    service: NotRequired[str]
    hours: NotRequired[list[tuple[int, int]]]
    senses: NotRequired[DeviceSenses]
    network: NotRequired[DeviceNetwork]


class DeviceConfig(DeviceSite):
    """The firmware's configuration; keys of doors with the device's default are left out."""

    doors: list[DeviceDoor]


class WiredConfig(DeviceSite):
    """The same with the bank's name in every channel, for the simulator."""

    doors: list[WiredDoor]


class Wiring(TypedDict, total=False):
    """The part of a ``WiredConfig`` that the simulator reads; a bench wired by hand may leave keys out."""

    board: ReadOnly[str]
    arm_pin: ReadOnly[int]
    i2c: ReadOnly[Sequence[DeviceBus]]
    expanders: ReadOnly[Sequence[DeviceExpander]]
    shifts: ReadOnly[Sequence[DeviceChain]]
    rs485: ReadOnly[Sequence[Rs485]]
    boards: ReadOnly[Sequence[DeviceLockBoard]]
    doors: ReadOnly[Required[Sequence[DoorWires]]]
    keypad: ReadOnly[MatrixKeypad | WiegandKeypad]
    scanner: ReadOnly[Scanner]
    display: ReadOnly[DeviceDisplay]
    buzzer: ReadOnly[OnPin]
    led: ReadOnly[OnPin]
    senses: ReadOnly[DeviceSenses]
    network: ReadOnly[DeviceNetwork]


class DoorLayout(TypedDict):
    """A door's description for the host."""

    name: str
    size: int
    low: bool


class Identity(TypedDict):
    """The device's ``identity.json``: the locker's name and its secrets; keys in hex."""

    locker: str
    device_key: str
    mqtt_user: str
    mqtt_password: str
    wifi_password: str


WIEGAND_KEYS = "123456789*0#"


def keys_of(keypad: MatrixKeypad | WiegandKeypad) -> str:
    """The labels of the keys; a Wiegand keypad has the usual ones."""
    return keypad["keys"] if keypad["kind"] == "matrix" else WIEGAND_KEYS
