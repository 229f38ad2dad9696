"""A compartment: the relay and arming lines, the coil, the latch, the door on its spring, the reed.

It models real locks and their faults.  ``Supply`` is the shared side: the arming line in series with every
coil, and a record of what the coils did, for the tests.
"""

import random
from collections.abc import Callable
from typing import Any

from ..board.board import Board, Part
from ..board.nets import Net
from ..clock import Timer

SPRING_US = 60_000, 120_000  # how long a coil pulls before its latch lets go
BOUNCE_US = 4_000  # how long a reed switch bounces
BOUNCE_EDGES = 5, 8


class Supply(Part):
    """The coil supply: an arming line that every coil's current passes, and a record of the currents.

    Attributes
    ----------
    coils_on_max
        Most coils that drew current at one moment.
    coil_on_max_us
        Longest time one coil drew current without a break (running pulses included).
    edges_before_armed
        Relay lines that rose and fell again without the arming line having risen meanwhile:
        clicks that no pulse asked for.
    hot_switches
        Relay lines that changed while the arming line was high.
    """

    def __init__(self, board: Board, arm: Net) -> None:
        """``arm``: the arming line's net; nothing drives it where no lock is on a relay."""
        super().__init__(board)
        self.arm = arm
        arm.pull("resistor", 0)
        self.coils_on_max = 0
        self.edges_before_armed = 0
        self.hot_switches = 0
        self.pulses = 0
        self._on_max_us = 0
        self._since_us: dict[Strike, int] = {}
        self._strikes: list[Strike] = []
        arm.on_change(self._armed)

    def add(self, strike: "Strike") -> None:
        self._strikes.append(strike)

    def _armed(self, level: int) -> None:
        self.pulses += level
        for strike in self._strikes:
            strike.update()

    @property
    def coil_on_max_us(self) -> int:
        now_us = self.clock.now_us()
        return max([self._on_max_us, *(now_us - since_us for since_us in self._since_us.values())])

    @property
    def coils_on(self) -> int:
        return len(self._since_us)

    def book(self, strike: "Strike", current: bool) -> None:
        if current:
            self._since_us[strike] = self.clock.now_us()
            self.coils_on_max = max(self.coils_on_max, len(self._since_us))
        else:
            self._on_max_us = max(self._on_max_us, self.clock.now_us() - self._since_us.pop(strike))


class Strike(Part):
    """A strike with a solenoid latch: it opens when its coil has drawn current for long enough.

    ``jams`` is how many times in a row it will fail to open (a parcel presses on the door);
    ``dead`` is a broken coil or wire.
    """

    def __init__(self, board: Board, name: str, line: Net, supply: Supply, seed: int) -> None:
        super().__init__(board)
        self.name = name
        self.line = line
        self.supply = supply
        self.jams = 0
        self.dead = False
        self.current = False
        self.on_spring: Callable[[], Any] = lambda: None
        self._random = random.Random(seed)
        self._spring: Timer | None = None
        self._rose_unarmed = False
        line.pull("resistor", 0)
        supply.add(self)
        line.on_change(self._selected)

    def power_on(self) -> None:
        self.update()

    def power_off(self) -> None:
        self.update()

    def _selected(self, level: int) -> None:
        if self.supply.arm.level:
            self.supply.hot_switches += 1
        elif level:
            self._rose_unarmed = True
        elif self._rose_unarmed:
            self._rose_unarmed = False
            self.supply.edges_before_armed += 1
        self.board.note("relay", f"{self.name} {'on' if level else 'off'}")
        self.update()

    def update(self) -> None:
        """Let the current follow the two lines and the supply."""
        if self.supply.arm.level:
            self._rose_unarmed = False
        self.drive_coil(
            bool(self.line.level and self.supply.arm.level and self.board.powered and not self.dead)
        )

    def drive_coil(self, current: bool) -> None:
        """Draw current or stop; the latch lets go when it has been drawn for long enough."""
        if current == self.current:
            return
        self.current = current
        self.supply.book(self, current)
        self.board.note("coil", f"{self.name} {'on' if current else 'off'}")
        if current:
            self._spring = self.clock.call_in(self._random.randint(*SPRING_US), self._springs)
        elif self._spring is not None:
            self._spring.cancel()

    def _springs(self) -> None:
        if self.jams:
            self.jams -= 1
        else:
            self.on_spring()


class Reed(Part):
    """A reed switch to ground, with a pull-up outside or inside the chip that reads it.

    ``closed_level`` is what the input reads while the door is shut: 0 for a contact that closes
    with the door, 1 for one that opens.  ``stuck`` holds the contact as if the door were
    ``"open"`` or ``"closed"``, whatever it does.
    """

    def __init__(self, board: Board, line: Net, closed_level: int, seed: int, pull_up: bool) -> None:
        super().__init__(board)
        self.line = line
        self.edges = 0
        self._closed_level = closed_level
        self._random = random.Random(seed)
        self._stuck: str | None = None
        self._door_open = False
        self._contact_open = False
        self._pending: list[Timer] = []
        self._chatter: Timer | None = None
        if pull_up:
            line.pull("resistor", 1)
        self._contact(False)

    @property
    def stuck(self) -> str | None:
        return self._stuck

    @stuck.setter
    def stuck(self, how: str | None) -> None:
        if how not in (None, "open", "closed"):
            raise ValueError(f"a reed does not stick {how!r}")
        self._stuck = how
        self._forget()
        self._contact(self._door_open)

    def follow(self, is_open: bool) -> None:
        """The door moved: the contact changes, after bouncing."""
        self._forget()
        self._door_open = is_open
        if self._contact_open == is_open:
            return
        edges = self._random.randint(*BOUNCE_EDGES) | 1  # an odd number of changes ends in the new state
        times = sorted(self._random.randint(1, BOUNCE_US) for _ in range(edges - 1))
        state = is_open
        self._contact(state)
        for at_us in times:
            state = not state
            self._pending.append(self.clock.call_in(at_us, self._contact, state))

    def chatter(self, duration_ms: int, period_us: int = 7_000) -> None:
        """Fault, a magnet too far away: the contact flutters for a while from now on."""
        if self._chatter is not None:
            self._chatter.cancel()
        end_us = self.clock.now_us() + duration_ms * 1000
        self._flutter(end_us, period_us)

    def _flutter(self, end_us: int, period_us: int) -> None:
        if self.clock.now_us() >= end_us:
            self._chatter = None
            self._contact(self._door_open)
            return
        self._contact(bool(self._random.getrandbits(1)))
        wait_us = self._random.randint(period_us // 2, period_us)
        self._chatter = self.clock.call_in(wait_us, self._flutter, end_us, period_us)

    def _forget(self) -> None:
        for timer in self._pending:
            timer.cancel()
        self._pending.clear()

    def _level(self, is_open: bool) -> int:
        return self._closed_level ^ int(is_open)

    def _contact(self, is_open: bool) -> None:
        if self._stuck is not None:
            is_open = self._stuck == "open"
        self.edges += 1
        self._contact_open = is_open
        self.line.drive("reed", 0 if self._level(is_open) == 0 else None)


class Door(Part):
    """A door: its strike, its reed, and the hands of whoever stands before it.

    ``held_shut`` keeps it closed when the latch springs (somebody leans on it): the latch snaps
    in again and the reed never opens.  ``on_move(door)`` is called after each movement.
    """

    def __init__(self, board: Board, name: str, strike: Strike, reed: Reed) -> None:
        super().__init__(board)
        self.name = name
        self.strike = strike
        self.reed = reed
        self.is_open = False
        self.held_shut = False
        self.springs = 0
        self.on_move: Callable[[Door], Any] = lambda door: None
        strike.on_spring = self._sprung

    def _sprung(self) -> None:
        self.springs += 1
        if self.held_shut or self.is_open:
            return
        self._move(True, "springs open")

    def push_shut(self) -> None:
        """Push the door until the latch snaps in; no effect on a shut door."""
        if self.is_open:
            self._move(False, "pushed shut")

    def force_open(self) -> None:
        """Open it with a crowbar: the reed switch opens without any coil current."""
        if not self.is_open:
            self._move(True, "forced open")

    def _move(self, is_open: bool, how: str) -> None:
        self.is_open = is_open
        self.board.note("door", f"{self.name} {how}")
        self.reed.follow(is_open)
        self.on_move(self)
