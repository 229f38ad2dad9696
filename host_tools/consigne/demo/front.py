"""The front of a simulated cabinet: what the page draws of it, and hands that act on it.

What lies in a compartment is known here alone: no sensor of a real cabinet sees a parcel.
"""

from collections.abc import Sequence

from consigne.cabinet.front import Places
from consigne.server.pages.front import DoorPlate, DoorView, Drawn, FrontView, Place
from consigne.sim.locker import SimLocker
from consigne.sim.netmemory import CUT, UP
from consigne.sim.parts.panel import Display

from . import cabinet

KEY_HOLD_MS = 140  # long enough for a machine that has much else to do
KEY_PERIOD_US = 220_000  # a calm finger; keys asked for faster than this wait their turn


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
        How often something was held to the scanner.
    """

    def __init__(self, locker: SimLocker) -> None:
        display, keypad = locker.cabinet.display, locker.cabinet.keypad
        if display is None or keypad is None:
            raise ValueError("the demo's cabinet has a display and a keypad")
        self.locker = locker
        self.plates = plates(cabinet.PLACES, cabinet.SIZES)
        self.terminal = terminal(cabinet.PLACES)
        self.keys = cabinet.KEYS
        self.columns, self.rows = display.columns, display.rows
        self.key_period_s = KEY_PERIOD_US / 1e6
        self.scanned = 0
        self._display: Display = display
        self._keypad = keypad
        self._parcels = [False] * len(self.plates)
        self._networked = True
        self._finger_free_us = 0

    def view(self) -> FrontView:
        """What an eye sees now; taken on the board's thread, so nothing moves meanwhile."""
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
        """Press and release a key; a key before it that is still down is let go of first."""
        self.locker.call(lambda: self._press(key))

    def _press(self, key: str) -> None:
        clock = self.locker.clock
        start_us = max(clock.now_us(), self._finger_free_us)
        self._finger_free_us = start_us + KEY_PERIOD_US
        clock.call_at(start_us, self._keypad.press, key, KEY_HOLD_MS)

    def type_code(self, digits: str) -> None:
        """Press the digits one after another, then ``#``."""
        for key in digits + "#":
            self.press(key)

    def scan(self, text: str) -> None:
        """Hold a code to the scanner; without power, or before it is set up, it does not look."""
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

    def set_network(self, on: bool) -> None:
        """Unplug the network, Wi-Fi and all, or plug it in again."""
        self._networked = on
        self.locker.network(UP if on else CUT)
