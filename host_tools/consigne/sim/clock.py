"""Simulated time: a heap of callbacks, driven by a virtual clock or by one that is paced (``pacedclock.py``).

All times are integers in microseconds since the clock was made.  Callbacks due at the same time run in the
order in which they were requested, so the same inputs give the same run.
"""

import heapq
from collections.abc import Callable
from typing import Any


class Timer:
    """One pending callback; ``cancel`` makes it never run."""

    __slots__ = ("args", "at_us", "function")

    def __init__(self, at_us: int, function: Callable[..., Any] | None, args: tuple[Any, ...]) -> None:
        self.at_us = at_us
        self.function = function
        self.args = args

    def cancel(self) -> None:
        self.function = None
        self.args = ()

    @property
    def pending(self) -> bool:
        return self.function is not None


class Clock:
    """What the simulated parts use: the time, and a call at a time."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._asked = 0

    def now_us(self) -> int:
        raise NotImplementedError

    def call_at(self, at_us: int, function: Callable[..., Any], *args: Any) -> Timer:
        """Call ``function(*args)`` at ``at_us``; a time that has passed means as soon as possible."""
        timer = Timer(at_us, function, args)
        self._asked += 1
        heapq.heappush(self._heap, (at_us, self._asked, timer))
        return timer

    def call_in(self, delay_us: int, function: Callable[..., Any], *args: Any) -> Timer:
        return self.call_at(self.now_us() + delay_us, function, *args)

    def next_due_us(self) -> int | None:
        """When the next callback is due; None when nothing is pending."""
        heap = self._heap
        while heap and heap[0][2].function is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def _run_next(self) -> None:
        timer = heapq.heappop(self._heap)[2]
        function, args = timer.function, timer.args
        if function is not None:
            timer.cancel()
            function(*args)


class VirtualClock(Clock):
    """Time that jumps from callback to callback; nothing ever sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self._now_us = 0
        self._until_us = 0

    def now_us(self) -> int:
        return self._now_us

    def spend(self, duration_us: int) -> None:
        """The current work takes this long; callbacks due meanwhile run late, in order."""
        self._now_us += duration_us

    def skip_to(self, at_us: int) -> bool:
        """Jump to ``at_us`` at once if nothing is due before and the run goes that far.

        It saves a callback that would only schedule itself for then and return.
        """
        due_us = self.next_due_us()
        if at_us > self._until_us or (due_us is not None and due_us <= at_us):
            return False
        self._now_us = max(self._now_us, at_us)
        return True

    def run_until(self, at_us: int) -> None:
        """Run everything due up to and including ``at_us``, then stand there."""
        heap = self._heap
        self._until_us = at_us
        while heap and heap[0][0] <= at_us:
            if heap[0][0] > self._now_us:
                self._now_us = heap[0][0]
            self._run_next()
        self._now_us = max(self._now_us, at_us)

    def run_for(self, seconds: float) -> None:
        self.run_until(self._now_us + round(seconds * 1_000_000))
