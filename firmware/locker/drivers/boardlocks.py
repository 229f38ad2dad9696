"""Locks and sensors on lock boards, as ``relays`` and ``reeds`` know them, and locks of several sorts."""

import errno

from .reeds import MISSES_MAX
from .rs485 import CONFIRMED, FAILED, NO_ORDER


class BoardLocks:
    """The strikes on the boards of one wire (``ports.Locks``, doors numbered as in ``wired``).

    A board ends its pulses by its own timer, so frozen firmware cannot hold a coil.
    """

    def __init__(self, bus, wired):
        """``bus``: an ``rs485.Bus``; ``wired``: door -> ``(board, channel)``."""
        self._bus = bus
        self._wired = wired

    def start(self, door: int, pulse_ms: int) -> None:
        """As in ``ports.Locks``; a board with a fixed time ignores ``pulse_ms``."""
        board, channel = self._wired[door]
        if self._bus.order_state != NO_ORDER or self._bus.coil_is_on():
            raise RuntimeError("a pulse is running")
        if board.silent or not board.known:
            raise OSError(errno.ETIMEDOUT)
        self._bus.order(board, channel, pulse_ms)

    def busy(self) -> bool:
        """As in ``ports.Locks``; raises ``OSError`` once when the board has stopped answering."""
        state = self._bus.order_state
        if state == NO_ORDER:
            return self._bus.coil_is_on()
        if self._bus.coil_is_on() or state not in (CONFIRMED, FAILED):
            return True
        self._bus.withdraw()
        if state == FAILED:
            raise OSError(errno.ETIMEDOUT)
        return False

    def off(self) -> None:
        """Send nothing more; a coil that is on is switched off by the board's timer."""
        self._bus.withdraw()


class MixedLocks:
    """The strikes of a cabinet with several sorts of them (``ports.Locks``): one coil at a time over all."""

    def __init__(self, by_door, sorts):
        """``by_door``: for each door the ``ports.Locks`` it belongs to; ``sorts``: all of those."""
        self._by_door = by_door
        self._sorts = sorts
        self._running = None

    def start(self, door: int, pulse_ms: int) -> None:
        if not 0 <= door < len(self._by_door):
            raise ValueError("no door {}".format(door))
        if self._running is not None and self.busy():
            raise RuntimeError("a pulse is running")
        self._by_door[door].start(door, pulse_ms)
        self._running = self._by_door[door]

    def busy(self) -> bool:
        """Raises ``OSError`` once when the pulse failed after all."""
        if self._running is None:
            return False
        try:
            if self._running.busy():
                return True
        except OSError:
            self._running = None
            raise
        self._running = None
        return False

    def off(self) -> None:
        for locks in self._sorts:
            locks.off()


class BoardReeds:
    """All sensors on one board, for ``reeds.Reeds``."""

    interrupts = True  # no polling: the bus sets the flag, and asks often enough

    def __init__(self, board, wired):
        """``wired``: tuples ``(door, channel, closed_level)``."""
        self._board = board
        self._wired = wired
        self.doors = tuple(door for door, _, _ in wired)
        self.misses = 0

    def listen(self, flag) -> None:
        self._board.flag = flag

    def sample(self, note) -> None:
        """Tell ``note(door, is_open, moved)`` for each; raises ``OSError`` while the board is silent.

        Before the board's first reply nothing is told.
        """
        board = self._board
        if board.silent:
            # The bus has retried already: the sensors are silent at once, without the expanders' number of
            # polls.
            self.misses = max(self.misses, MISSES_MAX - 1)
            raise OSError(errno.ETIMEDOUT)
        if not board.known:
            return
        for door, channel, closed_level in self._wired:
            at, shift = channel >> 3, channel & 7
            level = board.picture[at] >> shift & 1
            moved = bool(board.moved[at] >> shift & 1)
            # A state that has stopped moving is reliable already: two replies agreed on it.
            note(door, 1 if level != closed_level else 0, moved, not moved)
        for at in range(len(board.moved)):
            board.moved[at] = 0

    def check(self) -> None:
        """Nothing to do: the bus checks its boards."""
