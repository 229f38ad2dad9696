"""A network in memory, in virtual time: TCP-like connections that a switch can cut.

A server is anything with ``accept(link) -> endpoint``; the endpoint has ``feed(data)`` and
``lost()``, the link ``send(data)`` and ``close()``.  Bytes take ``latency_us`` each way, arrive
in order or, once a connection is cut, not at all.
"""

import errno
from collections import deque
from typing import Any, Protocol

from ..clock import Clock

UP, REFUSE, BLACKHOLE, CUT = "up", "refuse", "blackhole", "cut"
MODES = (UP, REFUSE, BLACKHOLE, CUT)
CONNECT_TIMEOUT_US = 20_000_000  # how long lwIP waits before it gives up an unanswered SYN


class Scheduler(Protocol):
    """The part of ``grounds.kernel.Kernel`` that a socket needs."""

    async def sleep_us(self, duration_us: int) -> None: ...

    async def wait_in(self, queue: deque[Any]) -> None:
        """Suspend the running task until ``release_all(queue)``."""

    def release_all(self, queue: deque[Any]) -> None: ...


class Endpoint(Protocol):
    def feed(self, data: bytes) -> None: ...
    def lost(self) -> None: ...


class Server(Protocol):
    def accept(self, link: "Link") -> Endpoint: ...


class MemoryNetwork:
    """Where the firmware's connections go.  ``mode`` is the switch.

    ``up``: everything works.  ``refuse``: nobody listens any more, open connections stay.  ``blackhole``:
    nothing arrives and neither side notices; bytes sent meanwhile arrive when it is up again.  ``cut``:
    connections break at once with an error.
    """

    def __init__(self, clock: Clock, latency_us: int = 20_000) -> None:
        self.clock = clock
        self.latency_us = latency_us
        self.mode = UP
        self._servers: dict[int, Server] = {}
        self._links: list[Link] = []

    def listen(self, port: int, server: Server) -> None:
        self._servers[port] = server

    def set_mode(self, mode: str) -> None:
        if mode not in MODES:
            raise ValueError(f"no network mode {mode!r}")
        self.mode = mode
        links = list(self._links)
        for link in links:
            if mode == CUT:
                link.break_off()
            elif mode != BLACKHOLE:
                link.flush_held()

    async def connect(self, kernel: Scheduler, host: str, port: int) -> "Socket":
        """Connect, or raise OSError as a socket would."""
        if self.mode == CUT:
            raise OSError(errno.EHOSTUNREACH, "no route to host")
        if self.mode == BLACKHOLE:
            await kernel.sleep_us(CONNECT_TIMEOUT_US)
            raise OSError(errno.ETIMEDOUT, "connection timed out")
        await kernel.sleep_us(2 * self.latency_us)
        server = self._servers.get(port)
        if self.mode != UP or server is None:
            raise OSError(errno.ECONNREFUSED, "connection refused")
        link = Link(self)
        self._links.append(link)
        link.socket = Socket(kernel, link)
        link.endpoint = server.accept(link)
        return link.socket

    def drop(self, link: "Link") -> None:
        if link in self._links:
            self._links.remove(link)

    def reset_from(self, kernel: Scheduler) -> None:
        """The machine behind these connections died: the server only sees them break."""
        for link in list(self._links):
            if link.socket is not None and link.socket.kernel is kernel:
                link.break_off()


class Link:
    """One connection: what lies between socket and server."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self.open = True
        self.socket: Socket | None = None
        self.endpoint: Endpoint | None = None
        self._held: list[tuple[bool, bytes]] = []

    # --- the server's side -------------------------------------------------------------------------
    def send(self, data: bytes) -> None:
        """From the server to the locker."""
        self._carry(False, data)

    def close(self) -> None:
        """The server closes: the locker reads an end of file."""
        self._carry(False, b"")

    # --- carrying ------------------------------------------------------------------------------------
    def carry_up(self, data: bytes) -> None:
        """From the locker to the server; empty is the end."""
        self._carry(True, data)

    def _carry(self, upwards: bool, data: bytes) -> None:
        if self.open:
            self._network.clock.call_in(self._network.latency_us, self._arrive, upwards, data)

    def _arrive(self, upwards: bool, data: bytes) -> None:
        if not self.open:
            return
        if self._network.mode == BLACKHOLE:
            self._held.append((upwards, data))
            return
        assert self.socket is not None and self.endpoint is not None
        if upwards and data:
            self.endpoint.feed(data)
        elif upwards:
            self.finish()
            self.endpoint.lost()
        else:
            self.socket.arrived(data)
            if not data:
                self.finish()

    def flush_held(self) -> None:
        held, self._held = self._held, []
        for upwards, data in held:
            self._arrive(upwards, data)

    def finish(self) -> None:
        self.open = False
        self._network.drop(self)

    def break_off(self) -> None:
        """Both sides learn that the connection is gone."""
        self.finish()
        assert self.socket is not None and self.endpoint is not None
        self.socket.failed(OSError(errno.ECONNRESET, "connection reset"))
        self.endpoint.lost()


class Socket:
    """The locker's end: what a stream reads and writes."""

    def __init__(self, kernel: Scheduler, link: Link) -> None:
        self.kernel = kernel
        self._link = link
        self._received = bytearray()
        self._ended = False
        self._error: OSError | None = None
        self._waiting: deque[Any] = deque()

    def arrived(self, data: bytes) -> None:
        self._received += data
        self._ended = self._ended or not data
        self.kernel.release_all(self._waiting)

    def failed(self, error: OSError) -> None:
        self._error = error
        self.kernel.release_all(self._waiting)

    async def receive(self, count: int) -> bytes:
        """Up to ``count`` bytes as soon as there are any; b"" at the end."""
        while not self._received and not self._ended and self._error is None:
            await self.kernel.wait_in(self._waiting)
        if not self._received and self._error is not None:
            raise self._error
        data = bytes(self._received[:count])
        del self._received[:count]
        return data

    async def send(self, data: bytes) -> None:
        if self._error is not None:
            raise self._error
        if data:
            self._link.carry_up(data)

    def close(self) -> Any:
        if self._link.open and self._error is None:
            self._link.carry_up(b"")
