"""Supervises the tasks: each has a name, and its end, normal or not, is a fault.

A *critical* task (sensors, keypad, pulses, timers) that ends leaves an unknown state: the locks are released,
the fault is journaled, and the watchdog, no longer fed, restarts the board.  A task that hangs is treated the
same: each counts its turns, and the watchdog is fed only while all counts change.  Any other task is started
again after a pause; the locker serves without it.

A fault that cannot be recorded restarts the locker, whichever task had it: only a new start, which reads the
journal, shows whether it still takes records.
"""

import asyncio
import sys

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .ports import Make, Turns, Watchdog


_FEED_MS = const(1_000)
_RESTART_MS = const(5_000)
_STILL_MAX = const(5)  # feeds in a row without a turn of some critical task
_NAMES_MAX = const(16)
# Arguments of ``end`` for an ordered restart without a fault.
HOST = "host"
SERVICE = "service"


class Supervisor:
    """``report(name, text)`` is called once for each fault; ``watchdog`` is a ``ports.Watchdog``."""

    def __init__(
        self, watchdog: "Watchdog", report: "Callable[[str, str], None]", stop: "Callable[[str], None]"
    ) -> None:
        self._watchdog = watchdog
        self._report = report
        self._stop = stop
        self._tasks: list[tuple[str, Make, bool]] = []
        self._turns: list[tuple[str, Turns]] = []  # of critical tasks, and of each in the same order:
        self._last: list[int | None] = []  # .. last result of turns()
        self._still: list[int] = []  # .. how many feeds since that changed
        self._stopped = asyncio.Event()
        self._why = ""
        self.faults: list[str] = []  # names of tasks that ended, newest last
        self.last = ""  # the newest in words

    def critical(self, name: str, make: "Make", turns: "Turns") -> None:
        """Run the coroutine that ``make()`` returns; if it ends or hangs, the locker stops.

        ``turns()`` is a number that changes at least every few seconds while the task lives, or None
        while it has nothing to do.
        """
        self._tasks.append((name, make, True))
        self._turns.append((name, turns))
        self._last.append(None)
        self._still.append(0)

    def spare(self, name: str, make: "Make") -> None:
        """Run it too, and start it again when it ends."""
        self._tasks.append((name, make, False))

    async def run(self) -> str:
        """Run all tasks and feed the watchdog until a critical one ends or ``end`` is called; say which."""
        running = [
            asyncio.create_task(self._guard(*task))  # pyright: ignore[reportUnknownMemberType] - its stub
            for task in self._tasks
        ]
        while not self._stopped.is_set():
            self._watchdog.feed()
            await asyncio.sleep_ms(_FEED_MS)
            self._look_for_rest()
        for task in running:
            task.cancel()
        return self._why

    def _look_for_rest(self) -> None:
        for i, (name, turns) in enumerate(self._turns):
            now = turns()
            self._still[i] = self._still[i] + 1 if now is not None and now == self._last[i] else 0
            self._last[i] = now
            if self._still[i] >= _STILL_MAX and not self._stopped.is_set():
                self._recorded(name, "stands still")
                self._give_up(name, "stands still")

    def end(self, why: str) -> None:
        """Let ``run`` return ``why``, for the board to be restarted; the first reason counts."""
        if not self._stopped.is_set():
            self._why = why
            self._stopped.set()

    async def _guard(self, name: str, make: "Make", is_critical: bool) -> None:
        while True:
            text = "ended"
            try:
                await make()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of this task
                sys.print_exception(error)
                text = "{}: {}".format(type(error).__name__, error)
            if not self._recorded(name, text) or is_critical:
                self._give_up(name, text)
                return
            await asyncio.sleep_ms(_RESTART_MS)

    def _give_up(self, name: str, text: str) -> None:
        self.end(name)  # first, so that the board restarts even if the next line fails
        try:
            self._stop("{} {}".format(name, text))
        except Exception as error:  # noqa: BLE001 - a part that cannot be switched off: the restart does
            sys.print_exception(error)

    def _recorded(self, name: str, text: str) -> bool:
        """Count and report a fault; false when it could not be reported."""
        if name in self.faults:
            self.faults.remove(name)
        self.faults.append(name)
        if len(self.faults) > _NAMES_MAX:
            self.faults.pop(0)
        self.last = "{}: {}".format(name, text)
        try:
            self._report(name, text)
        except Exception as error:  # noqa: BLE001 - otherwise the guard of this task would end silently
            sys.print_exception(error)
            return False
        return True
