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
from sqlalchemy.exc import DBAPIError
from starlette.types import ASGIApp, Receive, Scope, Send

from consigne.commandline.listening import PAGE_PORT
from consigne.commandline.token import TokenError
from consigne.commandline.token import check as check_token

from .api import create_app
from .failures import Failure, reason
from .notices.notifier import Channels
from .pages.site import add_pages
from .people.gate import is_loopback
from .service import HostService
from .storage.migrations import OtherSchema
from .storage.waiting import LOCK_WAIT_MS, until_done
from .systemd import READY, STATUS, STOPPING, feed_watchdog, notify
from .threads import in_passing

TOKEN_VARIABLE = "CONSIGNE_API_TOKEN"
SILENT_S = 2.0
"""A database that is open by then was never waited for; otherwise HTTP is served meanwhile, to monitors."""
READY_WITHIN_S = 10.0
OPENING = "its database is being opened"
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
    """Run the host until it is told to end (SIGTERM or SIGINT), which it does in order.

    Raises
    ------
    CannotServe
        To be reached from elsewhere than this machine, there must be an account or an API token; a token
        must be one that a header can carry; and the database must be one that can be opened, now or later.
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
    asyncio.run(_serve(listening, host, token))


class _Server(uvicorn.Server):
    """Leaves signals and the service manager to ``_serve``, and says why it cannot listen."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

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
            self.listens.set()


class _Cancelled:
    """ASGI application around another: a request that the shutdown cancels is no error with a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app  # of this name: NiceGUI looks through it for the server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except asyncio.CancelledError:
            if scope["type"] == "lifespan":
                raise


def _server(listening: Listening, app: ASGIApp) -> _Server:
    config = uvicorn.Config(
        _Cancelled(app),
        host=listening.host,
        port=listening.port,
        ssl_certfile=listening.certificate,
        ssl_keyfile=listening.key,
        timeout_graceful_shutdown=GOODBYE_S,
        log_config=None,  # its loggers write as all others do, see ``logs``
    )
    return _Server(config)


async def _serve(listening: Listening, host: HostService, token: str | None) -> None:
    told = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):  # however often
        asyncio.get_running_loop().add_signal_handler(one, told.set)
    app = create_app(host, token=token)
    add_pages(app, host)
    ending = asyncio.create_task(told.wait())
    starting = asyncio.create_task(_start(listening, host, token))
    running = {ending, asyncio.create_task(feed_watchdog())}
    server: _Server | None = None
    serving: set[asyncio.Task[None]] = set()
    try:
        await asyncio.wait({starting, ending}, timeout=SILENT_S, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()  # nobody is served what cannot be served
        if not told.is_set():
            server = _server(listening, app)
            serving.add(asyncio.create_task(server.serve()))
            running.add(asyncio.create_task(_carry_on(starting, server, host)))
            done, _ = await asyncio.wait(running | serving, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a host that no longer ingests must end loudly, and be started again
    finally:
        notify(STOPPING)
        host.end_soon()
        if server is not None:
            server.should_exit = True
        for task in (starting, *running):
            task.cancel()
        await asyncio.gather(starting, *running, *serving, return_exceptions=True)
        await host.stop()


async def _start(listening: Listening, host: HostService, token: str | None) -> None:
    """Open the database and start the host, as soon as the database lets it."""
    host.health.waiting = OPENING

    def told(failure: Failure) -> None:
        host.health.waiting = f"it waits for its database: {failure.sentence}"
        notify(f"{STATUS}{host.health.waiting}")

    def opened() -> None:
        if not host.database.is_open:
            host.database.open(LOCK_WAIT_MS)
        if token is None and not is_loopback(listening.host) and not host.accounts.any():
            raise CannotServe(
                f"to listen on {listening.host}, make an account (consigne account add) "
                f"or put an API token into {TOKEN_VARIABLE}"
            )

    async def attempt() -> None:
        await in_passing(opened)
        await host.start()

    try:
        await until_done(host.database, attempt, told)
    except OtherSchema as error:
        raise CannotServe(f"{host.database.name}: {error}") from None
    except DBAPIError as error:
        raise CannotServe(f"the database {host.database.name} cannot be opened: {reason(error)}") from None
    host.health.waiting = ""


async def _carry_on(starting: asyncio.Task[None], server: _Server, host: HostService) -> None:
    """Tell the service manager that the host is ready, and raise what must end it.

    It is ready when it serves, and also when it has waited for its database for a while: that may be an
    hour, or the database's own change to a new version, and no reason to start the host again.
    """
    await server.listens.wait()
    await asyncio.wait({starting}, timeout=READY_WITHIN_S)
    notify(READY)
    await starting
    notify(f"{STATUS}serving")
    await host.wait_failed()


def channels_of(path: Path | None) -> Channels | None:
    """The operator's file of channels, if one is given.  Raises ``ValueError``, see ``Channels.read``."""
    return Channels.read(path) if path is not None else None
