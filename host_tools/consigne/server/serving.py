"""``consigne serve``: the host with its HTTP API and pages, until interrupted."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from consigne.commandline.listening import PAGE_PORT
from consigne.commandline.token import TokenError
from consigne.commandline.token import check as check_token

from .api import create_app
from .notices.notifier import Channels
from .pages.site import add_pages
from .people.gate import is_loopback
from .service import HostService
from .systemd import READY, STOPPING, feed_watchdog, notify

TOKEN_VARIABLE = "CONSIGNE_API_TOKEN"
GOODBYE_S = 5
"""How long the shutdown waits for clients: one that stalls must not delay the last commits."""


@dataclass(frozen=True)
class Listening:
    """Where HTTP is served, and with which certificate; without one it is for a proxy on the same machine."""

    host: str = "127.0.0.1"
    port: int = PAGE_PORT
    certificate: Path | None = None
    key: Path | None = None


class CannotServe(ValueError):
    """The host must not be started so; the text tells what to do."""


class CannotListen(OSError):
    """Where HTTP is to be served, it cannot be; the text tells what to do."""


def serve(listening: Listening, host: HostService) -> None:
    """Run the host until interrupted.

    Raises
    ------
    CannotServe
        To be reached from elsewhere than this machine, there must be an account or an API token; a token
        must be one that a header can carry.
    CannotShare
        Several workers were asked for and the broker does not share subscriptions.
    CannotListen
        Another program has that port, or this machine has no such address.
    """
    token = os.environ.get(TOKEN_VARIABLE) or None
    if token is not None:
        try:
            check_token(token, TOKEN_VARIABLE)
        except TokenError as error:
            raise CannotServe(str(error)) from None
    if token is None and not is_loopback(listening.host) and not host.accounts.any():
        raise CannotServe(
            f"to listen on {listening.host}, make an account (consigne account add) "
            f"or put an API token into {TOKEN_VARIABLE}"
        )
    asyncio.run(_serve(listening, host, token))


class _Server(uvicorn.Server):
    """Tells the service manager when requests are answered, and when no longer."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to ``_serve``: uvicorn raises them again, before the host has stopped."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as ended:  # uvicorn's; it would end the loop without stopping the host
            where = f"{self.config.host}:{self.config.port}"
            reason = ended.__context__
            if not isinstance(reason, OSError):
                raise
            is_name = isinstance(reason, socket.gaierror)  # it has error numbers of its own
            why = (
                os.strerror(reason.errno) if reason.errno and not is_name else reason.strerror or str(reason)
            )
            raise CannotListen(
                f"HTTP cannot be served at {where} ({why}); choose another with --listen"
            ) from None
        if self.started:
            notify(READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify(STOPPING)
        await super().shutdown(sockets)


async def _serve(listening: Listening, host: HostService, token: str | None) -> None:
    app = create_app(host, token=token)
    add_pages(app, host)
    config = uvicorn.Config(
        app,
        host=listening.host,
        port=listening.port,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.key,
        timeout_graceful_shutdown=GOODBYE_S,
        log_config=None,  # its loggers write as all others do, see ``logs``
    )
    server = _Server(config)
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, server.handle_exit, one, None)
    await host.start()
    serving = asyncio.create_task(server.serve())
    failing = asyncio.create_task(host.wait_failed())
    feeding = asyncio.create_task(feed_watchdog())
    try:
        done, _ = await asyncio.wait({serving, failing, feeding}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # a host that no longer ingests must end loudly, and be started again
    finally:
        server.should_exit = True
        failing.cancel()
        feeding.cancel()
        await asyncio.gather(serving, failing, feeding, return_exceptions=True)
        await host.stop()


def channels_of(path: Path | None) -> Channels | None:
    """The operator's file of channels, if one is given.  Raises ``ValueError``, see ``Channels.read``."""
    return Channels.read(path) if path is not None else None
