"""The wire to lock boards through a USB adapter for RS-485, for ``learn``."""

import time

import serial

from consigne.device.errors import PORT_ERRORS, port_trouble

REPLY_S = 0.1
"""From the end of a request to the first byte of the reply, at most: the locker's own limit
(``drivers/rs485.py``), and 20 ms for the adapter, which passes received bytes on every 16 ms."""
QUIET_S = 0.02  # without a byte: the frame has ended


class SerialWire:
    """``boards.Wire`` on a serial port, instead of the controller's ``uart``; use it as a
    context manager.

    Raises ``OSError`` when the port cannot be opened or is pulled out.
    """

    def __init__(self, port: str, uart: int) -> None:
        self.uart = uart
        try:
            self._port = serial.Serial(port, 9600)
        except PORT_ERRORS as error:
            raise OSError(str(port_trouble(port, error))) from None

    def __enter__(self) -> "SerialWire":
        return self

    def __exit__(self, *_reason: object) -> None:
        self._port.close()

    def exchange(self, frame: bytes, baud: int) -> bytes:
        """Send, and return all bytes received until the wire is quiet."""
        if self._port.baudrate != baud:
            self._port.baudrate = baud
        self._port.reset_input_buffer()
        self._port.write(frame)
        self._port.flush()
        self._port.timeout = len(frame) * 10 / baud + REPLY_S
        heard: bytes = self._port.read(1)
        self._port.timeout = QUIET_S
        while more := self._port.read(64) if heard else b"":
            heard += more
        return heard

    def rest(self, duration_ms: int) -> None:
        """Wait for a latch to open; nothing reports when it has."""
        time.sleep(duration_ms / 1000)
