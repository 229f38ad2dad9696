"""The demo's parts: broker, host with its database, and one cabinet with the firmware in it."""

import asyncio
import json
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from consigne.broker.broker import EmbeddedBroker
from consigne.cabinet.deviceconfig import Identity
from consigne.protocol.untrusted import one_line
from consigne.server.service import HostService
from consigne.server.storage.documents import Door
from consigne.sim import reference
from consigne.sim.locker import Line, SimLocker

from . import official


class FirmwareEnded(RuntimeError):
    """The firmware did not start, or has ended; the text has its console's words."""


def check_running(locker: SimLocker) -> None:
    """Raises ``FirmwareEnded`` when nothing runs on the board although it has power."""
    if locker.last_words:
        raise FirmwareEnded(f"the firmware ended: {locker.last_words[-1]}")


class Stage:
    """Everything the demo consists of; an asynchronous context.

    Parameters
    ----------
    directory
        Where flash, identity and database are kept; a temporary one when None.
    log
        Where to write what the cabinet does, line by line with its time.
    always_open
        Customers are served day and night, whatever hours the cabinet's file has.
    flashed
        The firmware starts as on a board that was flashed (``official``): from the application's slot.

    Attributes
    ----------
    broker, host, locker
        The running parts.
    """

    def __init__(
        self,
        directory: Path | None = None,
        log: TextIO | None = None,
        always_open: bool = False,
        flashed: bool = False,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="consigne-demo-") if directory is None else None
        self.directory = directory or Path(self._temporary.name if self._temporary else "")
        self.directory.mkdir(parents=True, exist_ok=True)
        identity = self._identity()
        self.broker = EmbeddedBroker()
        self.host = HostService(f"sqlite:///{self.directory / 'host.db'}", self.broker.host, self.broker.port)
        config = reference.config(self.broker.port, always_open)
        board = self.directory / "board"
        self.locker = (
            official.flashed(config, identity, board, reference.PSRAM)
            if flashed
            else SimLocker(config, identity, board, psram=reference.PSRAM)
        )
        if log is not None:
            self.locker.listeners.append(lambda line: log.write(f"{log_line(line)}\n"))
        self.device_key = bytes.fromhex(identity["device_key"])

    def _identity(self) -> Identity:
        """The cabinet's keys: the kept ones, or new ones."""
        path = self.directory / "identity.json"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(json.dumps(reference.identity()))
        known: Identity = json.loads(path.read_text())
        return known

    async def __aenter__(self) -> Self:
        try:
            await self.broker.start()
            await asyncio.to_thread(self._register)
            await self.host.start()
            await self.host.ready()
            self.locker.start()
        except BaseException:
            await self._down()
            raise
        return self

    def _register(self) -> None:
        """Make the cabinet known to the host."""
        self.host.fleet.register(
            reference.LOCKER,
            self.device_key,
            digits=reference.DIGITS,
            timezone=reference.TIMEZONE,
            doors=[Door(**door) for door in reference.layout()],
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._down()

    async def _down(self) -> None:
        self.locker.stop()
        await self.host.stop()
        await self.broker.stop()
        if self._temporary is not None:
            self._temporary.cleanup()


def log_line(line: Line) -> str:
    """A line of a cabinet's log as people read it: seconds, what, detail."""
    at_us, what, detail = line
    return one_line(f"{at_us / 1e6:10.3f}  {what:8} {detail}".rstrip())
