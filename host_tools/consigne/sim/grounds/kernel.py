"""``asyncio`` as MicroPython has it, on a virtual clock: tasks, events, locks, flags, timeouts.

CPython's own asyncio cannot be thrown away in the middle of a step, cannot share one clock among
many lockers, and has hundreds of names that a device has not.  The semantics are those of
MicroPython's documentation ("asyncio --- asynchronous I/O scheduler"): a cancelled task is
cancelled at the innermost thing it awaits, ``gather`` leaves the others running when one fails,
an exception nobody awaits goes to the loop's handler.
"""

import heapq
import inspect
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from ..ground import PowerLost

Coro = Coroutine[Any, Any, Any]


class CancelledError(BaseException):
    """As in MicroPython, not an ``Exception``."""


class TimeoutError(Exception):
    """Raised by ``wait_for`` when the time is up; not the builtin on MicroPython either."""


@types.coroutine
def _park() -> Generator[None, None, None]:
    """Suspend the running task, which has put itself into a queue before."""
    yield


class Task:
    """One coroutine being run."""

    __slots__ = (
        "_kernel",
        "awaited",
        "callbacks",
        "child",
        "coro",
        "entry",
        "error",
        "finished",
        "overdue",
        "queue",
        "throw",
        "value",
        "waiters",
    )

    def __init__(self, kernel: "Kernel", coro: Coro) -> None:
        self._kernel = kernel
        self.coro = coro
        self.value: Any = None
        self.error: BaseException | None = None
        self.finished = False
        self.awaited = False
        self.throw: BaseException | None = None
        self.waiters: deque[Task] = deque()
        self.callbacks: list[Callable[[Task], None]] = []
        self.entry: list[Any] | None = None  # its entry in the heap of timed tasks
        self.queue: deque[Task] | None = None  # the queue it waits in
        self.overdue = False  # it was resumed by its time limit, not by the event it waited for
        self.child: Task | None = None  # the task it awaits

    def done(self) -> bool:
        return self.finished

    def cancel(self) -> bool:
        if self.finished:
            return False
        if self is self._kernel.current:
            raise RuntimeError("can't cancel self")
        task = self
        while task.child is not None:
            task = task.child
        self._kernel.interrupt(task, CancelledError())
        return True

    def __await__(self) -> Generator[None, None, Any]:
        self.awaited = True
        if not self.finished:
            me = self._kernel.running()
            me.child = self
            try:
                yield from self._kernel.wait_in(self.waiters).__await__()
            finally:
                me.child = None
        if self.error is not None:
            raise self.error
        return self.value


class Kernel:
    """The scheduler of one interpreter.

    ``now_us()`` reads the clock; ``idle(until_us)`` lets time pass until then (None: until
    something happens); ``alarm()`` ends an ``idle`` from outside.
    """

    def __init__(
        self,
        now_us: Callable[[], int],
        idle: Callable[[int | None], None],
        alarm: Callable[[], None],
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._now_us = now_us
        self._idle = idle
        self._alarm = alarm
        self._report = report
        self.handler: Callable[[Any, dict[str, object]], Any] | None = None
        self.dead = False
        self._tasks: dict[Task, None] = {}
        self.reset()

    def reset(self) -> None:
        """Forget all tasks (``new_event_loop``)."""
        for task in self._tasks:
            if inspect.getcoroutinestate(task.coro) == inspect.CORO_CREATED:
                task.coro.close()  # or CPython warns that it was never awaited
        self.current: Task | None = None
        self._due: list[list[Any]] = []  # a heap of [time in us, order, task or None, is a time limit]
        self._order = 0
        self._tasks = {}

    def running(self) -> Task:
        if self.dead:
            raise PowerLost
        if self.current is None:
            raise RuntimeError("no running task")
        return self.current

    # --- what primitives are made of ---------------------------------------------------------------
    def create_task(self, coro: Coro) -> Task:
        if not hasattr(coro, "send"):
            raise TypeError("coroutine expected")
        task = Task(self, coro)
        self._tasks[task] = None
        self.make_ready(task)
        return task

    def make_ready(self, task: Task) -> None:
        """Let a parked task go on."""
        task.queue = None
        if task.entry is not None and task.entry[0] <= self._now_us():
            return  # its time limit passed earlier: it is resumed as timed out
        self._schedule(task, self._now_us())
        if self.current is None:
            self._alarm()

    def _schedule(self, task: Task, at_us: int, is_limit: bool = False) -> None:
        """As on MicroPython, one queue holds all tasks, ordered by time, then by arrival."""
        if task.entry is not None:
            task.entry[2] = None
        self._order += 1
        task.entry = [at_us, self._order, task, is_limit]
        heapq.heappush(self._due, task.entry)

    async def wait_in(self, queue: "deque[Task]") -> None:
        """Park in a queue until somebody takes the task out with ``make_ready``."""
        task = self.running()
        task.queue = queue
        queue.append(task)
        await _park()

    def release_all(self, queue: "deque[Task]") -> None:
        while queue:
            self.make_ready(queue.popleft())

    async def sleep_us(self, duration_us: int) -> None:
        self._schedule(self.running(), self._now_us() + max(0, duration_us))
        await _park()

    async def wait_in_for(self, queue: "deque[Task]", duration_us: int) -> bool:
        """Park in a queue for at most ``duration_us``; True on timeout."""
        task = self.running()
        task.queue = queue
        queue.append(task)
        self._schedule(task, self._now_us() + duration_us, is_limit=True)
        await _park()
        return task.overdue

    def interrupt(self, task: Task, error: BaseException) -> None:
        """Raise ``error`` in a task where it waits."""
        task.throw = error
        if task.queue is not None:
            task.queue.remove(task)
            self.make_ready(task)
        elif task.entry is not None and task.entry[0] > self._now_us():
            self._schedule(task, self._now_us())

    # --- running ---------------------------------------------------------------------------------------
    def run_until_complete(self, main: Task) -> Any:
        main.awaited = True
        while not main.finished:
            task = self._next()
            if task is not None:
                self._step(task)
        if main.error is not None:
            raise main.error
        return main.value

    def _next(self) -> Task | None:
        """Take the next task that is due; if there is none, idle until one may be."""
        due = self._due
        while due and due[0][2] is None:
            heapq.heappop(due)
        if not due:
            self._idle(None)
            return None
        if due[0][0] > self._now_us():
            self._idle(due[0][0])
            return None
        entry = heapq.heappop(due)
        task: Task = entry[2]
        task.entry = None
        task.overdue = entry[3]
        if task.queue is not None:
            task.queue.remove(task)
            task.queue = None
        return task

    def _step(self, task: Task) -> None:
        if task.finished:  # scheduled once more to see whether anybody awaits its error
            if not task.awaited and task.error is not None:
                self._unawaited(task, task.error)
            return
        self.current = task
        error, task.throw = task.throw, None
        try:
            if error is None:
                task.coro.send(None)
            else:
                task.coro.throw(error)
        except StopIteration as stop:
            self._finish(task, stop.value, None)
        except (Exception, CancelledError) as failure:  # noqa: BLE001 - kept for whoever awaits it
            self._finish(task, None, failure)
        finally:
            self.current = None

    def _finish(self, task: Task, value: Any, error: BaseException | None) -> None:
        task.value, task.error, task.finished = value, error, True
        self._tasks.pop(task, None)
        self.release_all(task.waiters)
        for callback in task.callbacks:
            callback(task)
        if error is not None and not task.awaited and not isinstance(error, CancelledError):
            self._schedule(task, self._now_us())

    def _unawaited(self, task: Task, error: BaseException) -> None:
        context = {"message": "Task exception wasn't retrieved", "exception": error, "future": task}
        if self.handler is not None:
            self.handler(self, context)
        else:
            self._report(str(context["message"]), error)

    def drop_all(self) -> None:
        """Drop every task, as a reset does; their ``finally`` blocks have no effect on the board."""
        self.dead = True
        for task in list(self._tasks):
            try:
                task.coro.close()
            except (PowerLost, Exception) as last_words:  # noqa: BLE001 - of a machine that is dead
                task.error = last_words
        self.reset()
