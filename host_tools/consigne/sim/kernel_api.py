"""The names of MicroPython's ``asyncio`` module, made for one ``Kernel``."""

import types
from collections import deque
from typing import Any, Callable

from .kernel import CancelledError, Coro, Kernel, Task, TimeoutError
from .netmemory import MemoryNetwork, Socket

Awaitable = Any


def _promote(kernel: Kernel, awaitable: Awaitable) -> Task:
    return awaitable if isinstance(awaitable, Task) else kernel.create_task(awaitable)


def _primitives(kernel: Kernel) -> dict[str, Any]:
    class Event:
        """Set once, seen by all who wait."""

        def __init__(self) -> None:
            self._state = False
            self._waiting: deque[Task] = deque()

        def is_set(self) -> bool:
            return self._state

        def set(self) -> None:
            self._state = True
            kernel.release_all(self._waiting)

        def clear(self) -> None:
            self._state = False

        async def wait(self) -> bool:
            if not self._state:
                await kernel.wait_in(self._waiting)
            return True

    class ThreadSafeFlag:
        """Set by an interrupt, waited for by one task; waiting clears it."""

        def __init__(self) -> None:
            self._state = False
            self._waiting: deque[Task] = deque()

        def set(self) -> None:
            self._state = True
            kernel.release_all(self._waiting)

        def clear(self) -> None:
            self._state = False

        async def wait(self) -> None:
            while not self._state:
                await kernel.wait_in(self._waiting)
            self._state = False

    class Lock:
        """Mutual exclusion, first come first served."""

        def __init__(self) -> None:
            self._locked = False
            self._waiting: deque[Task] = deque()

        def locked(self) -> bool:
            return self._locked

        async def acquire(self) -> bool:
            while self._locked:
                await kernel.wait_in(self._waiting)
            self._locked = True
            return True

        def release(self) -> None:
            if not self._locked:
                raise RuntimeError("Lock not acquired")
            self._locked = False
            if self._waiting:
                kernel.make_ready(self._waiting.popleft())

        async def __aenter__(self) -> bool:
            return await self.acquire()

        async def __aexit__(self, *_: object) -> None:
            self.release()

    return {"Event": Event, "ThreadSafeFlag": ThreadSafeFlag, "Lock": Lock}


def _combinators(kernel: Kernel) -> dict[str, Any]:
    async def wait_for_us(awaitable: Awaitable, duration_us: int) -> Any:
        task = _promote(kernel, awaitable)
        task.awaited = True
        me = kernel.running()
        if not task.finished:
            if duration_us > 0:
                kernel.set_alarm(me, duration_us)
            try:
                if duration_us > 0:
                    await kernel.wait_in(task.waiters)
                else:
                    await kernel.sleep_us(0)
            except CancelledError:
                task.cancel()
                raise
            finally:
                kernel.clear_alarm(me)
        if task.finished:
            return await task
        task.cancel()
        try:
            await task
        except CancelledError:
            pass  # it is the one just ordered
        raise TimeoutError

    async def wait_for(awaitable: Awaitable, timeout: float | None) -> Any:
        if timeout is None:
            return await awaitable
        return await wait_for_us(awaitable, round(timeout * 1_000_000))

    async def wait_for_ms(awaitable: Awaitable, timeout: int) -> Any:
        return await wait_for_us(awaitable, timeout * 1000)

    async def gather(*awaitables: Awaitable, return_exceptions: bool = False) -> list[Any]:
        tasks = [_promote(kernel, one) for one in awaitables]
        queue: deque[Task] = deque()

        def look(task: Task) -> None:
            failed = task.error is not None and not return_exceptions
            if failed or all(one.finished for one in tasks):
                kernel.release_all(queue)

        for task in tasks:
            task.awaited = True
            task.callbacks.append(look)
        if not all(task.finished for task in tasks):
            try:
                await kernel.wait_in(queue)
            except CancelledError:
                for task in tasks:
                    task.cancel()
                raise
        for task in tasks:
            if task.error is not None and not return_exceptions:
                raise task.error
        return [task.error if task.error is not None else task.value for task in tasks]

    return {"wait_for": wait_for, "wait_for_ms": wait_for_ms, "gather": gather}


class _Loop:
    """What ``get_event_loop()`` returns."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def create_task(self, coro: Coro) -> Task:
        return self._kernel.create_task(coro)

    def run_until_complete(self, awaitable: Awaitable) -> Any:
        return self._kernel.run_until_complete(_promote(self._kernel, awaitable))

    def set_exception_handler(self, handler: Callable[[Any, dict[str, Any]], Any] | None) -> None:
        self._kernel.handler = handler

    def get_exception_handler(self) -> Callable[[Any, dict[str, Any]], Any] | None:
        return self._kernel.handler


class Stream:
    """``StreamReader`` and ``StreamWriter`` in one, as on MicroPython."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._out = b""

    def get_extra_info(self, name: str) -> Any:
        return {"peername": self._socket.peer}[name]

    async def read(self, n: int = -1) -> bytes:
        if n >= 0:
            return await self._socket.receive(n)
        data = b""
        while chunk := await self._socket.receive(65536):
            data += chunk
        return data

    async def readinto(self, buf: bytearray) -> int:
        data = await self._socket.receive(len(buf))
        buf[: len(data)] = data
        return len(data)

    async def readexactly(self, n: int) -> bytes:
        data = b""
        while len(data) < n:
            chunk = await self._socket.receive(n - len(data))
            if not chunk:
                raise EOFError
            data += chunk
        return data

    async def readline(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            chunk = await self._socket.receive(1)
            if not chunk:
                break
            line += chunk
        return line

    def write(self, buf: bytes) -> None:
        self._out += bytes(buf)

    async def drain(self) -> None:
        out, self._out = self._out, b""
        await self._socket.send(out)

    def close(self) -> None:
        """Nothing yet, as on MicroPython; ``wait_closed`` closes."""

    async def wait_closed(self) -> None:
        self._socket.close()


def asyncio_module(kernel: Kernel, network: MemoryNetwork | None) -> types.ModuleType:
    """Build the module for one interpreter; connections go to ``network``."""
    module = types.ModuleType("asyncio")

    async def open_connection(
        host: str, port: int, ssl: Any = None, server_hostname: str | None = None
    ) -> tuple[Stream, Stream]:
        if network is None:
            raise OSError(113, "no network on this ground")
        if ssl:
            raise OSError(95, f"no TLS in virtual time (to {server_hostname or host})")
        stream = Stream(await network.connect(kernel, host, port))
        return stream, stream

    def run(awaitable: Awaitable) -> Any:
        return kernel.run_until_complete(_promote(kernel, awaitable))

    def new_event_loop() -> _Loop:
        kernel.reset()
        return _Loop(kernel)

    def sleep(t: float) -> Coro:
        return kernel.sleep_us(round(t * 1_000_000))

    def sleep_ms(t: int) -> Coro:
        return kernel.sleep_us(t * 1000)

    module.__dict__.update(
        CancelledError=CancelledError,
        TimeoutError=TimeoutError,
        Task=Task,
        Loop=_Loop,
        StreamReader=Stream,
        StreamWriter=Stream,
        create_task=kernel.create_task,
        current_task=kernel.running,
        get_event_loop=lambda: _Loop(kernel),
        new_event_loop=new_event_loop,
        open_connection=open_connection,
        run=run,
        sleep=sleep,
        sleep_ms=sleep_ms,
        **_primitives(kernel),
        **_combinators(kernel),
    )
    return module
