"""A TCP proxy with a switch: unplugging the network of a locker that uses real sockets.

The modes are those of ``memory``: ``up``; ``refuse`` (nobody listens any more, open connections stay);
``blackhole`` (bytes wait, neither side notices); ``cut`` (every connection is reset).
"""

import selectors
import socket
import struct
import threading
from typing import Any

from .memory import BLACKHOLE, CUT, MODES, REFUSE, UP

CHUNK = 65536
LINGER_RESET = struct.pack("ii", 1, 0)  # close with RST instead of FIN


class _Pair:
    """One connection through the proxy: two sockets, and the bytes still to be sent to each."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.peer = {client: server, server: client}
        self.unsent = {client: bytearray(), server: bytearray()}
        self.ended: set[socket.socket] = set()  # sockets that have sent their end of file
        self.told: set[socket.socket] = set()  # sockets to which the other's end of file was passed on

    def reset(self) -> None:
        for one in self.peer:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            one.close()


class NetCut:
    """Listens on ``port`` of 127.0.0.1 (0: any free one) and carries bytes to ``target``."""

    def __init__(self, target: tuple[str, int], port: int = 0) -> None:
        self.target = target
        self.mode = UP
        self.accepted = 0  # connections so far, open or closed
        self._listener = self._listen(port)
        self.port: int = self._listener.getsockname()[1]
        self._bell_out, self._bell_in = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell_out, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._pairs: list[_Pair] = []
        self._wanted = UP
        self._closing = False
        self._applied = threading.Event()
        self._thread = threading.Thread(target=self._run, name="netcut", daemon=True)
        self._thread.start()

    @staticmethod
    def _listen(port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(8)
        listener.setblocking(False)
        return listener

    def set_mode(self, mode: str) -> None:
        """Throw the switch; returns when it has taken effect.  From any thread."""
        if mode not in MODES:
            raise ValueError(f"no network mode {mode!r}")
        self._applied.clear()
        self._wanted = mode
        self._bell_in.send(b"!")
        if not self._applied.wait(5):
            raise TimeoutError("the proxy does not answer")

    @property
    def connections(self) -> int:
        return len(self._pairs)

    def close(self) -> None:
        self._closing = True
        self._bell_in.send(b"!")
        self._thread.join(5)
        for one in (self._listener, self._bell_in, self._bell_out):
            one.close()
        self._selector.close()

    # --- the thread's side --------------------------------------------------------------------------
    def _run(self) -> None:
        while not self._closing:
            for key, events in self._selector.select():
                if key.fileobj is self._bell_out:
                    self._bell_out.recv(CHUNK)
                elif key.fileobj is self._listener:
                    self._accept()
                elif key.data in self._pairs:
                    self._serve(key.data, key.fileobj, events)
            if self._wanted != self.mode:
                self._switch(self._wanted)
            self._applied.set()
        while self._pairs:
            self._drop(self._pairs[0])

    def _switch(self, mode: str) -> None:
        was, self.mode = self.mode, mode
        if mode == CUT:
            while self._pairs:
                self._drop(self._pairs[0])
        deaf_before, deaf = was in (REFUSE, CUT), mode in (REFUSE, CUT)
        if deaf and not deaf_before:
            self._selector.unregister(self._listener)
            self._listener.close()
        elif deaf_before and not deaf:
            self._listener = self._listen(self.port)
            self._selector.register(self._listener, selectors.EVENT_READ)
        for pair in self._pairs:
            for one in pair.peer:
                self._watch(pair, one)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except BlockingIOError:
            return
        if self.mode == BLACKHOLE:  # the kernel had already completed the handshake
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            client.close()
            return
        try:
            server = socket.create_connection(self.target, timeout=2)
        except OSError:  # nobody listens at the target: reset the client's connection
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            client.close()
            return
        self.accepted += 1
        pair = _Pair(client, server)
        self._pairs.append(pair)
        for one in pair.peer:
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(one, selectors.EVENT_READ, pair)

    def _watch(self, pair: _Pair, one: socket.socket) -> None:
        """Select the events that this socket must wait for now."""
        events = 0
        if self.mode != BLACKHOLE:
            if one not in pair.ended and len(pair.unsent[pair.peer[one]]) < CHUNK:
                events |= selectors.EVENT_READ
            if pair.unsent[one]:
                events |= selectors.EVENT_WRITE
        registered = one in self._selector.get_map()
        if events and registered:
            self._selector.modify(one, events, pair)
        elif events:
            self._selector.register(one, events, pair)
        elif registered:
            self._selector.unregister(one)

    def _serve(self, pair: _Pair, one: Any, events: int) -> None:
        other = pair.peer[one]
        try:
            if events & selectors.EVENT_READ:
                data = one.recv(CHUNK)
                if data:
                    pair.unsent[other] += data
                    self._push(pair, other)
                else:
                    pair.ended.add(one)
            if events & selectors.EVENT_WRITE:
                self._push(pair, one)
            self._tell_ends(pair)
        except OSError:  # one side broke, so reset both
            self._drop(pair)
            return
        if len(pair.told) == 2:
            self._drop(pair, gently=True)
            return
        for end in pair.peer:
            self._watch(pair, end)

    @staticmethod
    def _tell_ends(pair: _Pair) -> None:
        for end in pair.ended:
            other = pair.peer[end]
            if other not in pair.told and not pair.unsent[other]:
                other.shutdown(socket.SHUT_WR)
                pair.told.add(other)

    def _push(self, pair: _Pair, one: socket.socket) -> None:
        try:
            sent = one.send(pair.unsent[one])
        except BlockingIOError:
            return
        del pair.unsent[one][:sent]

    def _drop(self, pair: _Pair, gently: bool = False) -> None:
        self._pairs.remove(pair)
        for one in pair.peer:
            if one in self._selector.get_map():
                self._selector.unregister(one)
            if gently:
                one.close()
        if not gently:
            pair.reset()
