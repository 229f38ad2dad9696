"""A serial port over the network, RFC 2217: unlike a pseudo-terminal it has modem lines.

``esptool --port rfc2217://...`` and ``mpremote connect rfc2217://...`` reset the chip through it as through a
USB adapter, with the two transistors of an ESP32 board: RTS without DTR pulls EN, DTR without RTS pulls the
strapping pin IO0.  The protocol's state machine is pyserial's; it sets the attributes of ``Lines``.
"""

import select
import socket
from collections.abc import Callable

from serial import rfc2217


class Lines:
    """The settings of a client's port; ``serial.rfc2217.PortManager`` uses it as a pyserial port.

    ``on_change()`` is called when DTR or RTS was set.
    """

    baudrate, bytesize, parity, stopbits = 115_200, 8, "N", 1
    xonxoff = rtscts = break_condition = False
    cts = dsr = cd = True
    ri = False

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._dtr = self._rts = False

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, value: bool) -> None:
        self._dtr = value
        self._on_change()

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, value: bool) -> None:
        self._rts = value
        self._on_change()

    @property
    def in_reset(self) -> bool:
        """EN is low."""
        return self._rts and not self._dtr

    @property
    def download(self) -> bool:
        """IO0 is low."""
        return self._dtr and not self._rts

    def reset_input_buffer(self) -> None:
        """Bytes are passed on as they come: there is no buffer to purge."""

    reset_output_buffer = reset_input_buffer


class NetCable:
    """A listening socket and at most one client; the counterpart of ``Cable``."""

    has_lines = True

    def __init__(self, port: int = 0) -> None:
        self._wanted = port
        self._poller = select.epoll()
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._manager: rfc2217.PortManager | None = None
        self._to_client = bytearray()
        self._from_client = bytearray()
        self.lines = Lines(self._lines_changed)
        self.on_lines: Callable[[], None] = lambda: None
        self.on_closed: Callable[[], None] = lambda: None

    def fileno(self) -> int:
        return self._poller.fileno()

    @property
    def plugged(self) -> bool:
        return self._listener is not None

    @property
    def port(self) -> str:
        """The URL that esptool and mpremote take."""
        return f"rfc2217://127.0.0.1:{self._wanted}"

    def plug(self) -> None:
        if self._listener is not None:
            return
        self._listener = socket.create_server(("127.0.0.1", self._wanted), backlog=1)
        self._listener.setblocking(False)
        self._wanted = self._listener.getsockname()[1]
        self._poller.register(self._listener, select.EPOLLIN)

    def pull(self) -> None:
        if self._listener is None:
            return
        self._hang_up()
        self._poller.unregister(self._listener)
        self._listener.close()
        self._listener = None

    def close(self) -> None:
        self.pull()
        self._poller.close()

    def _hang_up(self) -> None:
        if self._client is None:
            return
        self._poller.unregister(self._client)
        self._client.close()
        self._client = self._manager = None
        self._to_client.clear()
        self._from_client.clear()
        self.on_closed()

    def turn(self) -> None:
        """Handle a new client, its bytes, or its end."""
        for descriptor, _ in self._poller.poll(0):
            if self._listener is not None and descriptor == self._listener.fileno():
                self._accept()
            else:
                self._receive()
                self._flush()

    def _accept(self) -> None:
        assert self._listener is not None
        client, _ = self._listener.accept()
        if self._client is not None:  # the port is busy
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self.lines = Lines(self._lines_changed)
        self._poller.register(client, select.EPOLLIN)
        self._manager = rfc2217.PortManager(self.lines, _Sink(self._to_client))
        self._flush()

    def _receive(self) -> None:
        if self._client is None or self._manager is None:
            return
        try:
            data = self._client.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        self._from_client += b"".join(self._manager.filter(data))

    def _lines_changed(self) -> None:
        self.on_lines()

    def listening(self) -> bool:
        return self._client is not None

    def read(self, limit: int = 4096) -> bytes:
        data = bytes(self._from_client[:limit])
        del self._from_client[:limit]
        return data

    def write(self, data: bytes) -> int:
        """Send to the laptop; without a listener all bytes are lost."""
        if self._manager is None:
            return len(data)
        if len(self._to_client) > 65_536:
            self._flush()
            return 0
        self._to_client += b"".join(self._manager.escape(data))
        self._flush()
        return len(data)

    def _flush(self) -> None:
        """Send waiting bytes, and wake up when there is room for the rest."""
        if self._client is None:
            return
        try:
            del self._to_client[: self._client.send(self._to_client)]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()
            return
        more = select.EPOLLOUT if self._to_client else 0
        self._poller.modify(self._client, select.EPOLLIN | more)


class _Sink:
    """The file that ``PortManager`` writes its answers to."""

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = buffer

    def write(self, data: bytes) -> None:
        self._buffer += data
