"""A serial port with a board behind it: opened, closed, opened again; its troubles in one sentence each."""

import contextlib
import time
from collections.abc import Iterator

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from consigne.device import troubles

BAUD = 115_200
READ_S = 2.0
"""How long one read waits for bytes, unless somebody wants it otherwise."""
_REOPEN_S = 0.1


class SerialLine:
    """mpremote's own transport on ``port``; every method may raise ``DeviceError``."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._transport: SerialTransport | None = None

    def open(self) -> None:
        try:
            self._transport = SerialTransport(self.port, baudrate=BAUD, timeout=READ_S)
        except TransportError:
            raise self._why_not() from None
        except OSError as error:
            raise troubles.port_trouble(self.port, error) from None

    def _why_not(self) -> troubles.DeviceError:
        """mpremote only says that a port failed; ask the system why."""
        try:
            serial.serial_for_url(self.port, baudrate=BAUD, exclusive=True).close()
        except OSError as error:
            return troubles.port_trouble(self.port, error)
        return troubles.DeviceError(f"{self.port} could not be opened just now; try again")

    def close(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(OSError):
                self._transport.close()
            self._transport = None

    def reopen(self, until: float) -> None:
        """Close it and open it again, which may need until ``time.monotonic()`` is past ``until``."""
        self.close()
        while True:
            try:
                return self.open()
            except troubles.DeviceError as error:
                if time.monotonic() > until:
                    raise troubles.cable_pulled(self.port) from error
                time.sleep(_REOPEN_S)

    @property
    def transport(self) -> SerialTransport:
        """mpremote's own object for the open port."""
        if self._transport is None:
            raise troubles.cable_pulled(self.port)
        return self._transport

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """What mpremote and pyserial raise becomes one sentence."""
        try:
            yield
        except TransportExecError as error:
            raise troubles.from_board(self.port, error.error_output) from None
        except (TransportError, OSError) as error:  # serial.SerialException is an OSError
            if isinstance(error, troubles.DeviceError):
                raise
            raise troubles.cable_pulled(self.port) from error
