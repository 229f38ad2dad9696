"""The names of MicroPython's ``asyncio`` module, made for one ``Kernel``."""

import types
from collections import deque
from collections.abc import Callable
from typing import Any

from ..network.memory import MemoryNetwork, Socket
from .kernel import CancelledError, Coro, Kernel, Task, TimeoutError
from .primitives import Awaitable, Combinators, bound


class _Loop:
    """What ``get_event_loop()`` returns."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def create_task(self, coro: Coro) -> Task:
        return self._kernel.create_task(coro)

    def run_until_complete(self, awaitable: Awaitable) -> Any:
        return self._kernel.run_until_complete(Combinators(self._kernel).promote(awaitable))

    def set_exception_handler(self, handler: Callable[[Any, dict[str, object]], Any] | None) -> None:
        self._kernel.handler = handler


class QuietConsole:
    """A ``sys.stdin`` at which nobody types, for a ``Stream`` that is only read."""

    def __init__(self, kernel: Kernel) -> None:
        self.buffer = self
        self._kernel = kernel

    async def receive(self, count: int) -> bytes:
        """As ``network.memory.Socket``: up to ``count`` bytes, which never come."""
        await self._kernel.wait_in(deque())
        return b""


class Stream:
    """``StreamReader`` and ``StreamWriter`` in one, as on MicroPython."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._out = b""

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
        return kernel.run_until_complete(Combinators(kernel).promote(awaitable))

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
        **bound(kernel),
    )
    return module
