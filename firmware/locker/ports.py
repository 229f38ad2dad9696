"""The interfaces of the drivers, and the shapes of events, effects and records.

For the type checker only: never imported on a device.

``sink`` is a plain function that takes one event tuple (``core/events.py``).  ``run`` methods are coroutines
that never return while healthy; when one ends, normally or not, that is a fault and reaches the supervisor.
Methods that are not coroutines return at once: nothing waits for hardware while a customer is there.

A shape says which types an event, an effect or a record has, in order.  Its first part, the number of its
kind, is an ``int`` to a checker like any other, so it cannot tell two kinds of the same shape apart.
"""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Protocol, TypedDict, TypeVar

from _mpy_shed.time_mp import _TicksMs as Ticks

# --- values ---------------------------------------------------------------------------------------------

Now = tuple[Ticks, int, int]
"""``ticks_ms``, Unix seconds, one of ``events.TRUST_``."""

Bytes = bytes | bytearray | memoryview
Payload = bytes | memoryview
"""Of a record, as ``records.pack`` makes it."""
Value = Any
"""Of a field of a record: ``int``, ``str`` or ``bytes``, as ``records.spec`` says."""
Values = tuple[Any, ...]
"""All fields of a record, in the order of ``records.spec``."""
Members = Iterator[tuple[int, bytes]]
"""Kind and payload of each record of a snapshot."""
Fold = Callable[[int, int, memoryview, int], None]
"""Takes kind, epoch second, payload and seq of a record; the payload holds during the call."""
Frame = TypeVar("Frame", bytes, memoryview)

Holder = tuple[int, int, int]
"""Role, action, holder: whose window codes are taken."""
Verdict = tuple[int, int, int, int, int, int, str, bool]
"""Reason, role, action, holder, door, ref, parcel, duress (``core/access.py``)."""
Pads = tuple[bytes, bytes]
"""The two padded blocks of a key (``codes.pads``)."""
Row = tuple[bytearray, int]
"""A grant: its page and where it begins there (``core/grants.py``)."""
Screen = tuple[str, tuple[str | int, ...]]
"""One of ``core/screens.py`` and its arguments."""
TokenFields = tuple[int, int, int, int, int, int, int, bytes]
"""Kind, action, holder, door, not before, not after, nonce, parcel (``codes.token_fields``)."""
GrantFields = tuple[int, int, int, int, int, int, int, str]
"""Not before, not after, role, action, holder, door, uses, parcel."""
WindowCode = tuple[int, int, int, int, int]
"""Role, action, holder, not before, not after."""
Latch = tuple[int, int, int, int]
"""Usual and recent ms from pulse to open, trouble, pulses (``core/health.py``)."""
Header = tuple[int, int, int, int, int]
"""Of a sector: version, sectors, epoch, sector id, seed."""
Opening = tuple[int, int, int]
"""Of a sector: next seq, epoch second, acknowledged seq."""
Span = tuple[int, int, int, int]
"""Of a snapshot: begin sector, begin offset, end sector, end offset."""
Unsent = tuple[int, int, int, memoryview]
"""Seq, kind, epoch second, payload."""
Business = tuple[int, int, int, int, str]
"""Of an order to open: purpose, role, holder, ref, parcel."""

# --- events and effects ---------------------------------------------------------------------------------

BareEvent = tuple[int]
TextEvent = tuple[int, str]
NumberEvent = tuple[int, int]
DoorEvent = tuple[int, int, bool]
PairEvent = tuple[int, int, int]
SupplyEvent = tuple[int, int, int, int]
GrantsEvent = tuple[int, int, int, list[bytes], list[int] | tuple[int, ...], bool]
ExpectedEvent = tuple[int, str, int, int]
CommandEvent = tuple[int, int, int, str]
BootEvent = tuple[int, int, int, int, str]
RevokeEvent = tuple[int, int, bytes]
OrderEvent = tuple[int, "Order"]
Event = (
    BareEvent
    | TextEvent
    | NumberEvent
    | DoorEvent
    | PairEvent
    | SupplyEvent
    | GrantsEvent
    | ExpectedEvent
    | CommandEvent
    | BootEvent
    | RevokeEvent
    | OrderEvent
)
"""``(events.EV_.., ...)``."""
EventHandler = Callable[[Any, Any, Now], None]
"""A method of ``core.Core``: takes the core, an event of this kind's shape, and now."""
HostEvent = tuple[Any, ...]
"""An event, or for the shell ``("ack", epoch, seq)``, ``("time", body)``, ``("failed", n, id)``, ``("fault",
text)``."""

BareEffect = tuple[int]
NumberEffect = tuple[int, int]
PairEffect = tuple[int, int, int]
RecordEffect = tuple[int, int, Payload]
ShowEffect = tuple[int, str, tuple[str | int, ...], str]
ThenEffect = tuple[int, Event]
ReplyEffect = tuple[int, str, str]
Effect = BareEffect | NumberEffect | PairEffect | RecordEffect | ShowEffect | ThenEffect | ReplyEffect
"""``(events.FX_.., ...)``, as the core asks for it."""
Effects = list[tuple[Any, ...]]
"""Effects to carry out: the first part of each says which of the shapes above it has."""
EffectHandler = Callable[[Any, Any], None]
"""A method of ``controller.Controller``: takes the controller, and an effect of this kind's shape."""

Sink = Callable[[Event], None]
DoorFold = Callable[[Any, Any, int, Values], None]
"""A method of ``compartments.Compartments``: takes the compartments, a door, the epoch second, the values."""


# --- the host's orders (core/orders.py), as net/messages.py has verified them ------------------------------


class Order(TypedDict):
    """The fields of every command."""

    cmd: str
    n: int
    id: str
    exp: int


class DoorOrder(Order):
    door: int


class ReserveOrder(DoorOrder):
    parcel: str
    until: int


class ContentsOrder(Order):
    piece: int
    more: int
    tries: int
    first: int
    doors: list[tuple[int, int, str]]


class ConfigureOrder(Order):
    set: list[tuple[str, str]]


class MessageOrder(Order):
    text: list[tuple[str, str]]
    until: int


class IdentifyOrder(Order):
    seconds: int


class TimeOrder(Order):
    t: int
    offset_s: int
    next_s: int
    next_offset_s: int


OrderHandler = Callable[[Any, Any, Now], int]
"""A method of ``orders.Orders``: takes the orders, a command as above, and now; returns the result."""

# --- the other parts of the shell ----------------------------------------------------------------------


class Sync(Protocol):
    """The sync with the host; absent without a network."""

    def wake(self) -> None:
        """There is something new in the journal."""

    def occupancy_changed(self) -> None: ...

    def status_changed(self) -> None: ...

    def ask_grants(self, have_version: int) -> None: ...

    def reply(self, command_id: str, result: str) -> None: ...


class CodeChecks(Protocol):
    """The part of ``access.Access`` that the console uses."""

    def may_try(self, now: Now) -> tuple[int, int]: ...

    def throttle_due(self, now: Now) -> tuple[int, int] | None: ...

    def check_digits(self, text: str, now: Now, number: int = -1) -> Verdict: ...


class Folding(Protocol):
    """The part of ``core.Core`` that the console uses."""

    @property
    def access(self) -> CodeChecks: ...

    def apply(self, kind: int, time_s: int, payload: Payload, seq: int = 0) -> None: ...


class Serving(Protocol):
    """The part of ``controller.Controller`` that the console uses."""

    @property
    def core(self) -> Folding: ...

    @property
    def failed(self) -> str: ...

    def now(self) -> Now: ...

    def fact(self, kind: int, *values: Any) -> None: ...

    def stop(self, why: str) -> None: ...


class Ending(Protocol):
    """The part of ``supervisor.Supervisor`` that console and controller use."""

    @property
    def faults(self) -> Sequence[str]: ...

    @property
    def last(self) -> str: ...

    def end(self, why: str) -> None: ...


Make = Callable[[], Coroutine[Any, Any, None]]
"""Begins a task anew."""
Turns = Callable[[], int | None]


# --- parts ------------------------------------------------------------------------------------------------


class Locks(Protocol):
    """The strikes of all doors.  One coil at a time; hardware ends the pulse."""

    def start(self, door: int, pulse_ms: int) -> None:
        """Energise one coil; the arming hardware ends it after ``pulse_ms`` (1..1000).

        Raises ``OSError`` when the board that drives the door does not answer, ``ValueError``
        for a door or a duration out of range, ``RuntimeError`` while a pulse is running.
        """

    def busy(self) -> bool:
        """True from ``start`` until the coil is off and its line released.

        Raises ``OSError`` once, instead of returning False, when a board on a wire was sent the order and has
        not answered since: the pulse probably failed.
        """
        ...

    def off(self) -> None:
        """Release every line now."""


class Sensors(Protocol):
    """The reed switches of all doors, debounced."""

    turns: int  # changes every few seconds while run lives

    async def run(self, sink: Sink) -> None:
        """Report ``(EV_DOOR, door, is_open)`` for every door once, then at each change."""


class Receiving(Protocol):
    """Keypad, scanner, or a wire with lock boards."""

    def is_receiving(self) -> bool:
        """Whether input is arriving: blocking the interpreter now would break it."""
        ...


class Keypad(Receiving, Protocol):
    turns: int  # changes every few seconds while run lives

    async def run(self, sink: Sink) -> None:
        """Report ``(EV_KEY, key)`` once per press and ``(EV_KEYS_TOGETHER,)`` for mashing.

        One with a card reader also ``(EV_CARD, text)``, and ``(EV_SCAN_GARBLED,)`` for a card read badly.
        """

    def standstill(self, is_over: bool) -> None:
        """The interpreter is about to block for many milliseconds, or has done so: input may be lost."""


class Scanner(Receiving, Protocol):
    async def run(self, sink: Sink) -> None:
        """Report ``(EV_SCAN, text)`` and ``(EV_SCAN_GARBLED,)``."""


class Display(Protocol):
    columns: int
    rows: int

    def show(self, lines: Sequence[str]) -> None:
        """Set the wanted lines; ``run`` writes the changed characters to the glass."""

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
        """The access point's signal strength in dBm; 0 while there is no link, or no radio."""
        ...

    def name_server(self) -> str:
        """The address of the name server that DHCP gave; "" while there is none."""
        ...


class Interface(Protocol):
    """What ``network.LAN`` offers (docs.micropython.org, "class LAN")."""

    def active(self, is_active: bool) -> bool: ...

    def isconnected(self) -> bool: ...

    def ifconfig(self) -> tuple[str, str, str, str]: ...
