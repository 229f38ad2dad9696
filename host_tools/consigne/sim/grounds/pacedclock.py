"""The board's side of the time shared with an interpreter (``pace.py``); without one, machine time."""

import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ..clock import Clock
from .pace import ABSENT, ASKING, FAR_US, RUNNING, SLEEPING, STARTING, WAITING, mapped

LATE_US = 1_000  # a callback may run this late; time that passed beyond it does not count
STANDING_US = 200  # between two looks at a time that may have stopped


class PacedClock(Clock):
    """One thread owns the heap and calls everything but ``post``; ``now_us`` may be asked from any thread.

    ``descriptor`` is the page's file, for the interpreter's process.
    """

    def __init__(self) -> None:
        super().__init__()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - for as long as this object
        self.descriptor = self._file.fileno()
        os.ftruncate(self.descriptor, 4096)
        self._page = mapped(self.descriptor)
        self._page.limit_us = FAR_US
        self._pid = 0
        self._keeps_page = True
        self._floor_us: int = 0
        self._at_us: int | None = None  # while a callback runs: the time it was due
        self._flow: tuple[int, int] | None = None  # board time and machine clock when time began to flow
        self._owner = 0
        self._change(ABSENT, 0)
        self._posted: deque[Callable[[], Any]] = deque()
        self._bell_out, self._bell_in = os.pipe()
        os.set_blocking(self._bell_out, False)
        os.set_blocking(self._bell_in, False)
        self._lock = threading.Lock()

    # --- time --------------------------------------------------------------------------------------
    def now_us(self) -> int:
        if self._at_us is not None:
            return self._at_us
        owned = threading.get_ident() == self._owner
        due_us: int | None = self.next_due_us() if owned else self._page.limit_us
        now_us = self._reckoned()
        now_us = max(self._floor_us, now_us if due_us is None else min(now_us, due_us))
        if owned:
            self._floor_us = now_us  # time that the board has seen never goes back
        return now_us

    def _reckoned(self) -> int:
        """The time if nothing were due on the board."""
        page = self._page
        lost_us: int = page.lost_us
        if self._flow is not None:
            flow_us, ref_ns = self._flow
            return flow_us - lost_us + (time.monotonic_ns() - ref_ns) // 1000
        turn, state = page.turn, page.state
        start_ns: int = page.ref_ns
        start_us: int = page.base_us - lost_us
        until_us: int = page.until_us
        if turn & 1 or turn != page.turn:
            return self._floor_us  # a change is under way, or was stopped in the middle
        if page.held_turn == turn:
            held_us: int = page.held_us
            return held_us
        if state == RUNNING:
            return start_us + self._computed_us(start_ns)
        behind = page.sent_bytes != page.received_bytes
        if state in (STARTING, ASKING) or (behind and state != ABSENT):
            return start_us
        return min(start_us + (time.monotonic_ns() - start_ns) // 1000, until_us)

    def _computed_us(self, ref_ns: int) -> int:
        """Processor time the interpreter has used since it was ``ref_ns``."""
        try:  # the clock's number as in Linux's clock_getcpuclockid(3)
            return (time.clock_gettime_ns(~self._pid << 3 | 2) - ref_ns) // 1000
        except OSError:  # it has ended
            return 0

    def _change(self, state: int, now_us: int) -> None:
        """Write the page for an interpreter that does not."""
        page = self._page
        page.turn = (page.turn | 1) + 1
        page.state = state
        page.base_us = now_us + page.lost_us
        page.ref_ns = time.monotonic_ns()
        page.until_us = FAR_US

    def _stand_at(self, now_us: int) -> None:
        """Set the time to ``now_us``: fixed until a waiting interpreter wakes; else it runs on from there."""
        page = self._page
        turn, state = page.turn, page.state
        if state in (WAITING, ASKING):
            page.held_us = now_us
            page.held_turn = turn
        else:
            reckoned_us = self._reckoned()
            if page.turn == turn and not turn & 1:
                page.lost_us += reckoned_us - now_us

    # --- what the ground tells ---------------------------------------------------------------------
    def starts(self) -> None:
        """An interpreter is about to start: the board's time stops while this computer starts it."""
        self._flow = None
        self._page.sent_bytes = self._page.received_bytes = 0
        self._change(STARTING, self.now_us())

    def started(self, pid: int, keeps_page: bool = True) -> None:
        """The interpreter runs.  If it does not write the page, time is the machine's until it ends."""
        self._pid = pid
        self._keeps_page = keeps_page
        if not keeps_page:
            self.flows()

    def ended(self) -> None:
        """There is no interpreter any more."""
        now_us = self.now_us()
        self._flow = None
        self._change(ABSENT, now_us)

    def flows(self) -> None:
        """Let time run with the machine's clock: the interpreter is stopped, or a slow operation runs."""
        self._flow = (self.now_us() + self._page.lost_us, time.monotonic_ns())

    def paced(self) -> None:
        """The interpreter goes on: from now on its work determines the time."""
        if self._flow is None or not self._keeps_page:
            return
        now_us = self.now_us()
        self._flow = None
        self._stand_at(now_us)

    def sends(self) -> None:
        """Something is about to be sent: time stops until a waiting interpreter has woken."""
        if self._page.state in (WAITING, ASKING) and self._flow is None:
            self._stand_at(self.now_us())

    def received(self, count: int) -> None:
        """``count`` bytes were read and acted on, as of the time before the interpreter waited."""
        page = self._page
        turn, state = page.turn, page.state
        base_us: int = page.base_us
        ref_ns: int = page.ref_ns
        if page.sent_bytes == page.received_bytes + count and state in (WAITING, SLEEPING):
            now_us = self.now_us()
            late_us = (time.monotonic_ns() - ref_ns) // 1000
            # If the turn has changed, ``ref_ns`` may be processor time: the delay is unknown then.
            if late_us > LATE_US and page.held_turn != turn and page.turn == turn and not turn & 1:
                page.lost_us += base_us - page.lost_us + late_us - now_us
        page.received_bytes += count

    # --- the owning thread -------------------------------------------------------------------------
    def fileno(self) -> int:
        """Readable when something was posted: select on it together with the interpreter's socket."""
        return self._bell_out

    def post(self, function: Callable[[], Any]) -> None:
        """Have ``function`` called by the owning thread; may be called from any thread."""
        self._posted.append(function)
        with self._lock:
            if self._bell_in >= 0:
                try:
                    os.write(self._bell_in, b"!")
                except BlockingIOError:  # the pipe is full of wake-ups already
                    return

    def run_due(self) -> int | None:
        """Run what was posted and what is due; return microseconds to the next callback or None."""
        self._owner = threading.get_ident()
        try:
            os.read(self._bell_out, 4096)
        except BlockingIOError:
            pass
        while self._posted:
            self._posted.popleft()()
        while True:
            due_us = self.next_due_us()
            if due_us is None:
                self._page.limit_us = FAR_US
                return None
            now_us = max(self._reckoned(), self._floor_us)
            if now_us < due_us:
                self._floor_us = now_us
                self._page.limit_us = due_us
                return max(due_us - now_us, STANDING_US if self._page.state != ABSENT else 0)
            self._run_late(max(due_us, self._floor_us), now_us)

    def _run_late(self, due_us: int, now_us: int) -> None:
        """Run the next callback with ``due_us`` as its time, although it is ``now_us`` already."""
        if now_us - due_us > LATE_US:
            self._page.lost_us += now_us - due_us
        self._floor_us = self._at_us = due_us
        try:
            self._run_next()
        finally:
            self._at_us = None

    def close(self) -> None:
        with self._lock:
            os.close(self._bell_out)
            os.close(self._bell_in)
            self._bell_out = self._bell_in = -1
