"""What tasks wait with: events, locks, flags, timeouts and gatherings, for one ``Kernel`` each.

Classes here have no kernel; ``bound`` makes the ones that an interpreter's firmware sees.
"""

from collections import deque
from typing import Any

from .kernel import CancelledError, Coro, Kernel, Task, TimeoutError

Awaitable = Any  # a coroutine or a Task, as MicroPython takes either


class _Waited:
    """Something that tasks queue up for."""

    kernel: Kernel

    def __init__(self) -> None:
        self._state = False
        self._waiting: deque[Task] = deque()


class Event(_Waited):
    """Set once, seen by all who wait."""

    def is_set(self) -> bool:
        return self._state

    def set(self) -> None:
        self._state = True
        self.kernel.release_all(self._waiting)

    def clear(self) -> None:
        self._state = False

    async def wait(self) -> bool:
        if not self._state:
            await self.kernel.wait_in(self._waiting)
        return True


class ThreadSafeFlag(_Waited):
    """Set by an interrupt, waited for by one task; waiting clears it."""

    def set(self) -> None:
        self._state = True
        self.kernel.release_all(self._waiting)

    def clear(self) -> None:
        self._state = False

    async def wait(self) -> None:
        while not self._state:
            await self.kernel.wait_in(self._waiting)
        self._state = False


class Lock(_Waited):
    """Mutual exclusion, first come first served."""

    def locked(self) -> bool:
        return self._state

    async def acquire(self) -> bool:
        while self._state:
            await self.kernel.wait_in(self._waiting)
        self._state = True
        return True

    def release(self) -> None:
        if not self._state:
            raise RuntimeError("Lock not acquired")
        self._state = False
        if self._waiting:
            self.kernel.make_ready(self._waiting.popleft())

    async def __aenter__(self) -> bool:
        return await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


class Combinators:
    """``wait_for`` and ``gather``."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def promote(self, awaitable: Awaitable) -> Task:
        """The task itself, or a new one that runs the coroutine."""
        return awaitable if isinstance(awaitable, Task) else self._kernel.create_task(awaitable)

    def wait_for(self, awaitable: Awaitable, timeout: float | None) -> Coro:
        return self._wait_for(awaitable, None if timeout is None else round(timeout * 1_000_000))

    def wait_for_ms(self, awaitable: Awaitable, timeout: int | None) -> Coro:
        return self._wait_for(awaitable, None if timeout is None else timeout * 1000)

    async def _wait_for(self, awaitable: Awaitable, duration_us: int | None) -> Any:
        if duration_us is None:
            return await awaitable
        task = self.promote(awaitable)
        task.awaited = True
        try:
            overdue = not task.finished and await self._kernel.wait_in_for(task.waiters, duration_us)
        except CancelledError:
            task.cancel()
            raise
        if not overdue:
            return await task
        task.cancel()
        try:
            await task
        except CancelledError:
            pass  # it is the cancellation just requested
        raise TimeoutError

    async def gather(self, *awaitables: Awaitable, return_exceptions: bool = False) -> list[Any]:
        tasks = [self.promote(one) for one in awaitables]
        queue: deque[Task] = deque()

        def look(task: Task) -> None:
            failed = task.error is not None and not return_exceptions
            if failed or all(one.finished for one in tasks):
                self._kernel.release_all(queue)

        for task in tasks:
            task.awaited = True
            task.callbacks.append(look)
        if not all(task.finished for task in tasks):
            try:
                await self._kernel.wait_in(queue)
            except CancelledError:
                for task in tasks:
                    task.cancel()
                raise
        errors = [task.error for task in tasks if task.error is not None]
        if errors and not return_exceptions:
            raise errors[0]
        return [task.value if task.error is None else task.error for task in tasks]


def bound(kernel: Kernel) -> dict[str, object]:
    """The names of this module as one interpreter's ``asyncio`` has them."""
    together = Combinators(kernel)
    classes = {
        one.__name__: type(one.__name__, (one,), {"kernel": kernel}) for one in (Event, ThreadSafeFlag, Lock)
    }
    functions = {name: getattr(together, name) for name in ("wait_for", "wait_for_ms", "gather")}
    return {**classes, **functions}
