"""The serial line: bytes from the cable to the chip and back, at a baud rate or as fast as they come.

Towards the chip it can be cut after a given number of bytes, to start a fault there.
"""

from collections.abc import Callable

from ..clock import Clock, Timer
from .cable import CHUNK_BYTES, SerialCable

BITS_A_BYTE = 10
LOOK_US = 1_000  # how often to check whether chip and baud rate allow more bytes
WAITING_BYTES_MAX = 65_536  # towards the laptop; beyond it the chip's program waits
STALLED_US = 5_700_000
"""A laptop that took nothing for so long does not read, and a UART does not wait: Linux keeps 64 kB of a
port that nobody reads, and at 115,200 baud they come in this time."""


class _Meter:
    """How many bytes the baud rate allows by now; without a rate, any number."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_us = 0.0
        self.baud: int | None = None

    def begin(self) -> None:
        """Start to count time: an idle line saves up no bytes."""
        self._free_us = max(self._free_us, self._clock.now_us())

    def allows(self, wanted: int) -> int:
        if not self.baud:
            return wanted
        return min(wanted, int((self._clock.now_us() - self._free_us) * self.baud / BITS_A_BYTE / 1_000_000))

    def used(self, count: int) -> None:
        if self.baud:
            self._free_us += count * BITS_A_BYTE * 1_000_000 / self.baud


class Line:
    """Both directions of one serial port.

    ``on_bytes(data)`` is given what reaches the chip and returns how much of it the chip took; ``lossy``
    says that the rest is lost, as at a real baud rate, and counted in ``lost``.
    """

    def __init__(self, clock: Clock, cable: SerialCable) -> None:
        self._clock = clock
        self._cable = cable
        self._in, self._out = bytearray(), bytearray()
        self._in_meter, self._out_meter = _Meter(clock), _Meter(clock)
        self._look: Timer | None = None
        self._moved_us = 0
        self._cut_at: int | None = None
        self._on_cut: Callable[[], None] = lambda: None
        self.received = self.lost = 0
        self.on_bytes: Callable[[bytes], int] = len

    @property
    def baud(self) -> int | None:
        return self._in_meter.baud

    @baud.setter
    def baud(self, value: int | None) -> None:
        self._in_meter.baud = self._out_meter.baud = value

    @property
    def choked(self) -> bool:
        """Whether so many bytes wait for the laptop that the program must wait too."""
        return len(self._out) >= WAITING_BYTES_MAX

    def cut_after(self, count: int, function: Callable[[], None]) -> None:
        """Call ``function`` when ``count`` more bytes have reached the chip, before the next does."""
        self._cut_at, self._on_cut = self.received + count, function

    def send(self, data: bytes) -> None:
        """Send bytes of the chip."""
        if not self._out:
            self._out_meter.begin()
        self._out += data
        self._turn_out()
        self._look_if_waiting()

    def clear(self) -> None:
        """Drop all bytes on their way: the cable is out, or the chip was reset."""
        self._in.clear()
        self._out.clear()

    def turn(self) -> None:
        """Move as many bytes as possible; calls itself again while some have to wait."""
        self._turn_out()
        self._turn_in()
        self._look_if_waiting()

    def _look_if_waiting(self) -> None:
        if (self._in or self._out) and self._look is None:
            self._look = self._clock.call_in(LOOK_US, self._look_again)

    def _look_again(self) -> None:
        self._look = None
        self.turn()

    def _turn_out(self) -> None:
        count = min(CHUNK_BYTES, self._out_meter.allows(len(self._out)))
        if count <= 0:
            return
        now_us = self._clock.now_us()
        sent = self._cable.write(bytes(self._out[:count]))
        if sent:
            self._moved_us = now_us
            self._out_meter.used(sent)
            del self._out[:sent]
        elif now_us - self._moved_us > STALLED_US:  # bytes are lost until the laptop reads again
            self._out.clear()

    def _turn_in(self) -> None:
        while True:
            if len(self._in) < CHUNK_BYTES:
                if not self._in:
                    self._in_meter.begin()
                self._in += self._cable.read(CHUNK_BYTES - len(self._in))
            count = self._in_meter.allows(len(self._in))
            if self._cut_at is not None:
                count = min(count, self._cut_at - self.received)
            if count <= 0:
                return
            taken = self.on_bytes(bytes(self._in[:count]))
            if self.baud and taken < count:
                self.lost += count - taken
                taken = count
            self._in_meter.used(taken)
            self.received += taken
            del self._in[:taken]
            if self._cut_at is not None and self.received >= self._cut_at:
                self._cut_at = None
                self._on_cut()
                return
            if not taken:
                return
