"""A serial port with a board behind it: opened, closed, opened again; each error in one sentence.

The port of a chip with native USB (ESP32-S3, C3) vanishes when the chip is reset, and comes back up to twice:
once for its ROM, once when MicroPython starts its own USB (``ports/esp32/main.c``, mp_usbd_init).  While a
program still holds the old port, the new one gets another name.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

from . import errors

BAUD = 115_200
READ_S = 2.0
"""How long one read waits for bytes by default."""
_REOPEN_S = 0.1
RETURN_S = 6.0
"""How long a port may be away: two enumerations, and what a computer takes to make its name."""
_ADAPTER = re.compile(r"/(tty(S|USB|AMA)|(cu|tty)\.(usbserial|SLAB_|wch))")
"""Ports of USB adapters, which stay when the chip is reset: if one is missing, it is not plugged in."""


def await_port(port: str, until: float) -> None:
    """Wait for a port that is a file, until ``time.monotonic()`` is past ``until``; raises nothing."""
    while os.sep in port and "://" not in port and not os.path.exists(port) and time.monotonic() < until:
        time.sleep(_REOPEN_S)


def owner(port: str) -> str:
    """The chip behind a port, by the MAC address in its USB serial number; empty behind an adapter.

    The ROM's USB writes it with colons, MicroPython's without.  Adapters have other serial numbers, often the
    same for all of one make.
    """
    for found in list_ports.comports():
        if found.device == os.path.realpath(port) or found.device == port:
            return _plain(found.serial_number)
    return ""


def port_of(who: str) -> str | None:
    """The port that this owner has now."""
    there = list_ports.comports()
    return next((found.device for found in there if _plain(found.serial_number) == who), None)


def _plain(serial_number: str | None) -> str:
    address = re.sub(r"[^0-9a-z]", "", (serial_number or "").lower())
    return address if re.fullmatch(r"[0-9a-f]{12}", address) else ""


class SerialLine:
    """mpremote's own transport on ``port``; every method may raise ``DeviceError``."""

    def __init__(self, port: str, who: str = "") -> None:
        """``who``: the ``owner`` of a port looked up before the board was reset."""
        self.port = port
        self._transport: SerialTransport | None = None
        self._owner = who

    def open(self, until: float = 0.0) -> None:
        """Open it; if that fails, try again until ``time.monotonic()`` is past ``until``.

        A port that vanishes with a reset is always waited for: the previous command may have ended with a
        reset.
        """
        if not _ADAPTER.search(self.port):
            await_port(self.port, time.monotonic() + RETURN_S)
        while True:
            try:
                self._open()
                break
            except errors.DeviceError:
                if time.monotonic() > until:
                    raise
                time.sleep(_REOPEN_S)
        self._owner = self._owner or owner(self.port)

    def _open(self) -> None:
        # Two boards reset at once may have swapped port names: the work for one must not reach the other.
        if self._owner and owner(self.port) != self._owner:
            found = port_of(self._owner)
            if found is None:
                raise errors.port_gone(self.port)
            self.port = found
        try:
            self._transport = SerialTransport(self.port, baudrate=BAUD, timeout=READ_S)
        except TransportError:
            raise self._why_not() from None
        except errors.PORT_ERRORS as error:
            raise errors.port_trouble(self.port, error) from None

    def _why_not(self) -> errors.DeviceError:
        """mpremote only says that a port failed; ask the system why."""
        try:
            serial.serial_for_url(self.port, baudrate=BAUD, exclusive=True).close()
        except errors.PORT_ERRORS as error:
            return errors.port_trouble(self.port, error)
        return errors.DeviceError(f"{self.port} could not be opened just now; try again")

    def close(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(*errors.PORT_ERRORS):
                self._transport.close()
            # mpremote's close fails when it cannot set the lines of a port that is gone, and keeps it open
            with contextlib.suppress(*errors.PORT_ERRORS):
                self._transport.serial.close()
            self._transport = None

    def reopen(self, until: float) -> None:
        """Close it and open it again, under whatever name its owner has now.

        Raises ``CableError`` when it is away for longer than ``RETURN_S``, or ``time.monotonic()`` is past
        ``until``.
        """
        self.close()
        until = min(until, time.monotonic() + RETURN_S)
        while True:
            try:
                return self._open()
            except errors.DeviceError as error:
                if time.monotonic() > until:
                    raise errors.port_gone(self.port) from error
                time.sleep(_REOPEN_S)

    @property
    def transport(self) -> SerialTransport:
        """mpremote's own object for the open port."""
        if self._transport is None:
            raise errors.cable_pulled(self.port)
        return self._transport

    @contextlib.contextmanager
    def device_errors(self) -> Iterator[None]:
        """Turn an error of mpremote or pyserial into one sentence."""
        try:
            yield
        except TransportExecError as error:
            raise errors.from_board(self.port, error.error_output) from None
        except (TransportError, *errors.PORT_ERRORS) as error:  # serial.SerialException is an OSError
            if isinstance(error, errors.DeviceError):
                raise
            raise errors.cable_pulled(self.port) from error
