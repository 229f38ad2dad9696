"""What a driver must offer the controller.  For the type checker only: never imported on a device.

``sink`` is a plain function that takes one event tuple (``core/events.py``).  ``run`` methods are
coroutines that never return while healthy; when one ends, normally or not, that is a fault and
reaches the supervisor.  Methods that are not coroutines return at once: nobody waits for hardware
while a customer stands there.
"""

from collections.abc import Callable
from typing import Protocol

Event = tuple
Sink = Callable[[Event], None]


class Locks(Protocol):
    """The strikes of all doors.  One coil at a time; hardware ends the pulse."""

    def start(self, door: int, pulse_ms: int) -> None:
        """Energise one coil; the arming hardware ends it after ``pulse_ms`` (1..1000).

        Raises ``OSError`` when the board that drives the door does not answer, ``ValueError``
        for a door or a duration out of range, ``RuntimeError`` while a pulse is running.
        """

    def busy(self) -> bool:
        """True from ``start`` until the coil is off and its line released.

        Raises ``OSError`` once, instead of saying False, when a board on a wire got the order and
        has not answered since: the pulse failed, as far as anybody can know.
        """
        ...

    def off(self) -> None:
        """Release every line now."""


class Sensors(Protocol):
    """The reed switches of all doors, debounced."""

    turns: int  # changes every few seconds while run lives

    async def run(self, sink: Sink) -> None:
        """Report ``(EV_DOOR, door, is_open)`` for every door once, then at each change."""


class Keypad(Protocol):
    turns: int  # changes every few seconds while run lives

    async def run(self, sink: Sink) -> None:
        """Report ``(EV_KEY, key)`` once per press and ``(EV_KEYS_TOGETHER,)`` for mashing.

        One with a card reader also ``(EV_CARD, text)``, and ``(EV_SCAN_GARBLED,)`` for a card read badly.
        """

    def is_receiving(self) -> bool:
        """Whether a key or a card is arriving: a standstill now would break it."""
        ...

    def standstill(self, is_over: bool) -> None:
        """The interpreter is about to stand still for many milliseconds, or did: something may be lost."""


class Scanner(Protocol):
    async def run(self, sink: Sink) -> None:
        """Report ``(EV_SCAN, text)`` and ``(EV_SCAN_GARBLED,)``."""

    def is_receiving(self) -> bool:
        """Whether a code is arriving."""
        ...


class Display(Protocol):
    columns: int
    rows: int

    def show(self, lines: tuple[str, ...]) -> None:
        """Want these lines; ``run`` brings them to the glass, changed characters only."""

    async def run(self) -> None: ...


class Buzzer(Protocol):
    def play(self, pattern: int) -> None:
        """Start one of the ``BEEP_`` patterns, ending the one that plays."""

    async def run(self) -> None: ...


class Lamp(Protocol):
    def set(self, state: int) -> None:
        """Show one of the ``LED_`` states."""

    async def run(self) -> None: ...


class Watchdog(Protocol):
    def feed(self) -> None: ...


class Flash(Protocol):
    """A MicroPython block device with byte offsets, as ``esp32.Partition`` is."""

    def readblocks(self, block: int, buf: bytearray | memoryview, offset: int = 0) -> None: ...

    def writeblocks(self, block: int, buf: bytes | bytearray | memoryview, offset: int = 0) -> None:
        """With an offset given, program without erasing: bits go from 1 to 0 only."""

    def ioctl(self, op: int, arg: int) -> int | None:
        """4: number of blocks, 5: bytes in a block, 6: erase block ``arg``."""


class Link(Protocol):
    """The network interface."""

    async def run(self) -> None:
        """Keep it up; jittered back-off between tries."""

    def is_up(self) -> bool: ...

    def rssi(self) -> int:
        """How strong the access point is heard, in dBm; 0 while there is no link, or no radio."""
        ...

    def name_server(self) -> str:
        """The address of the name server that DHCP gave; "" while there is none."""
        ...


class Interface(Protocol):
    """What ``network.LAN`` offers (docs.micropython.org, "class LAN")."""

    def active(self, is_active: bool) -> bool: ...

    def isconnected(self) -> bool: ...

    def ifconfig(self) -> tuple[str, str, str, str]: ...
