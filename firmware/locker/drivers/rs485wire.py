"""The pair of wires: frames out, with the transceiver switched to sending exactly as long, and bytes in."""

import asyncio
import time

import esp32
from machine import UART, Pin
from micropython import const

from .relays import CLOCK_DIV, ITEM_TICKS_MAX

_STEP_MS = const(2)  # between two looks for received bytes
QUIET_MS = const(6)  # without a byte: a frame has ended (3.5 characters at 9600 baud are 4 ms)
_FRAME_MAX = const(16)
_BUFFER_BYTES = const(160)
_KEPT_BYTES = const(64)  # of a full buffer: more than the longest reply

# The timer of the transmitter starts before the UART: an interrupt between the two must not cut the end of a
# frame.  No board known answers sooner than 2 ms after a request.
_TURN_US = const(1_500)


class Wire:
    """``out`` is where a request is written, ``heard[:count]`` what has arrived since ``clear``."""

    def __init__(self, wire, rmt_channel: int):
        """``wire``: an entry of the configuration's ``rs485``."""
        self._uart = UART(
            wire["uart"], baudrate=wire["baud"], tx=wire["tx"], rx=wire["rx"], rxbuf=256, timeout=0
        )
        self._byte_us = 10_000_000 // wire["baud"]
        self._driver = None
        if wire["de"] >= 0:
            pin = Pin(wire["de"], Pin.OUT, value=0)
            self._driver = esp32.RMT(rmt_channel, pin=pin, clock_div=CLOCK_DIV)
            self._ticks_per_s = self._driver.source_freq() // CLOCK_DIV
        self.out = bytearray(_FRAME_MAX)
        self.heard = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self.heard)
        self.count = 0

    def send(self, length: int) -> int:
        """Put ``length`` bytes of ``out`` on the wire; returns how long that takes, in ms."""
        us = length * self._byte_us
        frame = memoryview(self.out)[:length]
        if self._driver is not None:
            pulse = (min((us + _TURN_US) * self._ticks_per_s // 1_000_000, ITEM_TICKS_MAX),)
            self._driver.write_pulses(pulse, 1)  # no allocation until the UART: no garbage collection
        self._uart.write(frame)
        return us // 1000 + 1

    def take(self) -> None:
        """Move received bytes into ``heard``; if they do not fit, the oldest are dropped."""
        while self._uart.any():
            if self.count == _BUFFER_BYTES:
                self.keep_from(_BUFFER_BYTES - _KEPT_BYTES)
            got = self._uart.readinto(self._view[self.count :])
            if not got:
                return
            self.count += got

    def keep_from(self, start: int) -> None:
        """Drop the bytes before ``start``."""
        kept = self.count - start
        self._view[:kept] = bytes(self._view[start : self.count])
        self.count = kept

    async def hear_out(self, at_most_ms: int) -> None:
        """Wait for bytes and then a quiet wire, or for ``at_most_ms``; the bytes are dropped."""
        started_ms = heard_ms = time.ticks_ms()
        self.count = 0
        spoke = False
        while time.ticks_diff(time.ticks_ms(), started_ms) < at_most_ms:
            self.take()
            if self.count:
                spoke = True
                heard_ms = time.ticks_ms()
                self.count = 0
            if spoke and time.ticks_diff(time.ticks_ms(), heard_ms) >= QUIET_MS:
                return
            await asyncio.sleep_ms(_STEP_MS)
