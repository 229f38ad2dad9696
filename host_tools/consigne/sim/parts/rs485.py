"""A two-wire RS-485 bus: one pair that all receive, and that only one should drive at a time.

The controller's transceiver drives the pair only while its DE line is high (one with automatic direction has
none), and receives nothing meanwhile.  Two that talk at once make bytes that neither of them sent.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

from ..board.board import Board, Part
from ..board.nets import Net


class Rs485(Part):
    """The pair between one UART and the boards on it.

    Attributes
    ----------
    echo
        Wiring: the transceiver's receiver is never switched off, so the UART receives its own bytes.
    noise_before, noise_after
        Fault: number of random bytes on the pair before and after each reply.
    lost
        Requests of which some bytes were never driven, because DE fell early or rose late.
    collisions
        Bytes during which two drove the pair.
    heard
        The requests that reached the boards, as ``(time_us, bytes)``, newest last.
    """

    def __init__(self, board: Board, uart: int, baud: int, enable: Net | None, seed: int = 0) -> None:
        super().__init__(board)
        self.baud = baud
        self.echo = False
        self.noise_before = 0
        self.noise_after = 0
        self.lost = 0
        self.collisions = 0
        self.heard: list[tuple[int, bytes]] = []
        self._uart = board.uart(uart)
        self._random = random.Random(seed)
        self._listeners: list[Callable[[bytes], Any]] = []
        self._enable = enable
        self._enabled_us = self._disabled_us = -1
        self._byte_ends_us = 0
        self._last_byte = 0
        self._uart.on_bytes(self._request)
        if enable is not None:
            enable.pull("resistor", 0)
            enable.on_change(self._switched)

    @property
    def byte_us(self) -> int:
        return 10_000_000 // self.baud

    def listen(self, listener: Callable[[bytes], Any]) -> None:
        """Give a board each request of the controller, once it has been sent."""
        self._listeners.append(listener)

    def _switched(self, level: int) -> None:
        if level:
            self._enabled_us = self.clock.now_us()
        else:
            self._disabled_us = self.clock.now_us()

    def _request(self, data: bytes) -> None:
        """The UART has just sent the last bit of ``data``: find the bytes that were driven on the pair."""
        end_us = self.clock.now_us()
        if self._enable is not None:
            begun = self._enabled_us <= end_us - len(data) * self.byte_us
            if self._enabled_us < 0 or not begun or not (self._enable.level or self._disabled_us >= end_us):
                self.lost += 1
                return
        if self.echo:
            self._uart.send(data, self.baud)
        self.heard.append((end_us, data))
        for listener in tuple(self._listeners):
            listener(data)

    def talk(self, frames: Sequence[bytes], delay_us: int) -> None:
        """A board answers: it drives the pair ``delay_us`` from now."""
        data = b"".join(frames)
        data = self.noise(self.noise_before) + data + self.noise(self.noise_after)
        start_us = self.clock.now_us() + delay_us
        for index, value in enumerate(data):
            at_us = start_us + index * self.byte_us
            self.clock.call_at(at_us, self._byte, at_us, value)

    def noise(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def _byte(self, at_us: int, value: int) -> None:
        """``at_us``: when it begins by the board's clock; under shared time this call may be late."""
        if not self.board.powered:
            return
        if self._enable is not None and self._enable.level:
            self.collisions += 1  # the controller still drives: its receiver is off
            return
        if at_us < self._byte_ends_us:
            self.collisions += 1
            value = (value ^ self._last_byte) | 0x01  # the byte of neither sender
        self._byte_ends_us = at_us + self.byte_us
        self._last_byte = value
        self._uart.send(bytes([value]), self.baud)
