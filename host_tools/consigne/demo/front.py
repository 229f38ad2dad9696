"""The front of a simulated cabinet: the view that the page draws, and the hands that act on it.

Only this module knows what lies in a compartment: no sensor of a real cabinet sees a parcel.
"""

from collections import deque
from collections.abc import Sequence

from consigne.cabinet.draw.front import Places
from consigne.sim import reference
from consigne.sim.locker import Line, SimLocker
from consigne.sim.network.memory import CUT, UP
from consigne.sim.parts.panel import Display

from .pages.front import DoorPlate, DoorView, Drawn, FrontView, Place

KEY_HOLD_MS = 140
KEY_HOLD_MS_MAX = 1_000  # how long a finger waits for the tone, which may be late on a busy machine
KEY_LOOK_MS = 20
KEY_GAP_MS = 120  # a slow finger: keys requested faster than this are queued


def plates(places: Places, sizes: Sequence[int]) -> tuple[DoorPlate, ...]:
    """The doors as they stand on a front."""
    return tuple(
        DoorPlate(door.number, size, Place(door.column, door.bottom, door.top))
        for door, size in zip(places.doors, sizes, strict=True)
    )


def terminal(places: Places) -> Place | None:
    """Where the terminal stands among the doors."""
    return Place(*places.terminal) if places.terminal else None


class LockerFront:
    """Eyes and hands before a ``SimLocker``; implements ``pages.front.Front``.

    Attributes
    ----------
    locker
        The simulated locker.
    key_period_s
        Seconds from one key to the next when keys are asked for faster than a finger moves.
    scanned
        How many times something was held to the scanner.
    is_typing
        Whether a key is down, or others are queued.
    is_told
        Whether the buzzer has sounded since the newest key went down.
    """

    def __init__(self, locker: SimLocker) -> None:
        display, keypad = locker.cabinet.display, locker.cabinet.keypad
        if display is None or keypad is None:
            raise ValueError("the demo's cabinet has a display and a keypad")
        self.locker = locker
        self.plates = plates(reference.PLACES, reference.SIZES)
        self.terminal = terminal(reference.PLACES)
        self.keys = reference.KEYS
        self.columns, self.rows = display.columns, display.rows
        self.key_period_s = (KEY_HOLD_MS + KEY_GAP_MS) / 1e3
        self.scanned = 0
        self._display: Display = display
        self._keypad = keypad
        self._parcels = [False] * len(self.plates)
        self._networked = True
        self._keys: deque[str] = deque()
        self.is_typing = False
        self.is_told = False
        locker.listeners.append(self._heard)

    def view(self) -> FrontView:
        """The visible state now; taken on the board's thread, so nothing changes meanwhile."""
        return self.locker.call(self._view)

    def _view(self) -> FrontView:
        parts = self.locker.cabinet
        return FrontView(
            powered=self.locker.powered,
            networked=self._networked,
            lit=self._display.light,
            lines=tuple(self._display.lines()),
            drawn=self._drawn(),
            lamp=bool(parts.lamp and parts.lamp.lit),
            horn=bool(parts.buzzer and parts.buzzer.tone_hz),
            scanned=self.scanned,
            doors=tuple(
                DoorView(door.is_open, door.strike.current, parcel)
                for door, parcel in zip(parts.doors, self._parcels, strict=True)
            ),
            last_words=self.locker.last_words,
        )

    def _drawn(self) -> tuple[Drawn, ...]:
        places = ((row, column) for row in range(self.rows) for column in range(self.columns))
        found = ((row, column, self._display.dots(row, column)) for row, column in places)
        return tuple(Drawn(row, column, dots) for row, column, dots in found if dots is not None)

    # --- hands ------------------------------------------------------------------------------------------
    def press(self, key: str) -> None:
        """Press and release a key; an earlier key that is still down is released first."""
        self.locker.call(lambda: self._press(key))

    def _press(self, key: str) -> None:
        self._keys.append(key)
        if not self.is_typing:
            self._next_key()

    @property
    def has_keys(self) -> bool:
        """Whether keys are queued that are not pressed yet."""
        return bool(self._keys)

    def _next_key(self) -> None:
        self.is_typing = bool(self._keys)
        if self._keys:
            key = self._keys.popleft()
            self.is_told = False
            self._keypad.down(key)
            self.locker.clock.call_in(KEY_HOLD_MS * 1000, self._hold, key, KEY_HOLD_MS)

    def _hold(self, key: str, held_ms: int) -> None:
        if self.is_told or held_ms >= KEY_HOLD_MS_MAX or not self.locker.powered:
            self._keypad.up(key)
            self.locker.clock.call_in(KEY_GAP_MS * 1000, self._next_key)  # counted from its real release
        else:
            self.locker.clock.call_in(KEY_LOOK_MS * 1000, self._hold, key, held_ms + KEY_LOOK_MS)

    def _heard(self, line: Line) -> None:
        if line[1] == "buzzer":
            self.is_told = True

    def type_code(self, digits: str) -> None:
        """Press the digits one after another, then ``#``."""
        for key in digits + "#":
            self.press(key)

    def scan(self, text: str) -> None:
        """Hold a code to the scanner; without power, or before it is set up, it does not read."""
        self.scanned += 1
        self.locker.scan(text)

    def push_shut(self, door: int) -> None:
        self.locker.push_shut(door)

    def pry(self, door: int) -> None:
        self.locker.force_open(door)

    def move_parcel(self, door: int) -> None:
        """Put a parcel into an open compartment, or take out the one that lies there."""
        if self.locker.doors[door].is_open:
            self._parcels[door] = not self._parcels[door]

    # --- switches -----------------------------------------------------------------------------------------
    def set_power(self, on: bool) -> None:
        """Cut the cabinet's supply, or bring it back."""
        if on and not self.locker.powered:
            self.locker.restore_power()
        elif not on:
            self.locker.cut_power()

    @property
    def is_heard(self) -> bool:
        """Whether events can reach the host."""
        return self._networked and self.locker.powered

    def set_network(self, on: bool) -> None:
        """Unplug the network, Wi-Fi and all, or plug it in again."""
        self._networked = on
        self.locker.network(UP if on else CUT)
