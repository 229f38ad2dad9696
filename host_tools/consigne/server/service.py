"""The host in one object: database, broker connection, ingest, and what the API and pages call.

``HostService`` lives in one asyncio loop and is used by the demo, the tests and ``serve``.  It does not
start a broker (see ``broker``).
"""

import asyncio
import os

import uvicorn
from fastapi import FastAPI

from consigne.server.api import create_app
from consigne.server.database import Database
from consigne.server.fleet import Fleet
from consigne.server.gate import is_loopback
from consigne.server.ingest import Ingest, Listener, Role
from consigne.server.orders import Orders
from consigne.server.parcels import Parcels
from consigne.server.passes import Passes
from consigne.server.workers import LEADERS, BrokerAccess, Workers

TOKEN_VARIABLE = "CONSIGNE_API_TOKEN"


class HostService:
    """The host.

    Parameters
    ----------
    database_url
        See ``database.Database``.
    broker_host, broker_port
        An MQTT 3.1.1 broker; it need not be there yet.
    username, password, tls, ca
        How to connect to it; ``ca`` is a PEM file of the authority to trust, the system's when None.
    workers
        Processes that store events. From two on they share the subscription, which the broker must
        know how to do (mosquitto and the clusters do, amqtt does not).

    Attributes
    ----------
    fleet, parcels, orders, passes
        What the API does, as plain blocking methods, safe in any thread.  Call ``kick`` after one
        that leaves something to send (announce, revoke, open).
    """

    def __init__(
        self,
        database_url: str,
        broker_host: str = "127.0.0.1",
        broker_port: int = 1883,
        *,
        username: str | None = None,
        password: str | None = None,
        tls: bool = False,
        ca: str | None = None,
        workers: int = 1,
    ) -> None:
        access = BrokerAccess(broker_host, broker_port, username, password, tls, ca)
        self.database = Database(database_url)
        self.fleet = Fleet(self.database)
        self.parcels = Parcels(self.database)
        self.orders = Orders(self.database)
        self.passes = Passes(self.database)
        self.workers = Workers(database_url, access, workers) if workers > 1 else None
        self.client = access.client(LEADERS if self.workers else None)
        self.ingest = Ingest(self.database, self.client, Role.LEADER if self.workers else Role.ALONE)
        if self.workers:
            self.ingest.others = self.workers.total

    async def start(self) -> None:
        """Start to connect and to ingest; returns at once, ``ready`` waits for the broker."""
        await self.ingest.start()
        self.client.start()
        if self.workers:
            self.workers.start()

    async def ready(self, timeout_s: float = 15.0) -> None:
        """Wait until the broker confirmed the subscriptions.  Raises ``TimeoutError``."""
        async with asyncio.timeout(timeout_s):
            await self.client.connected.wait()

    async def stop(self) -> None:
        """Disconnect, commit what was received, close the database."""
        if self.workers:
            await self.workers.stop()
        await self.ingest.stop()
        self.database.close()

    def kick(self) -> None:
        """Something is to be sent: do it now.  Safe in any thread."""
        self.ingest.kick()

    def listen(self, listener: Listener) -> None:
        """Have ``listener(outcome)`` called in the event loop after every commit that changed something."""
        self.ingest.listeners.append(listener)

    def app(self, token: str | None = None) -> FastAPI:
        """The HTTP API over this host."""
        return create_app(self.database, self.ingest, token=token)


def serve(
    database_url: str,
    broker_host: str = "127.0.0.1",
    broker_port: int = 1883,
    *,
    listen_host: str = "127.0.0.1",
    listen_port: int = 8080,
    username: str | None = None,
    password: str | None = None,
    tls: bool = False,
    ca: str | None = None,
    workers: int = 1,
) -> None:
    """Run the host with its HTTP API until interrupted; the body of ``consigne serve``.

    Raises
    ------
    ValueError
        To be reached from elsewhere than this machine, an API token must stand in the environment
        variable ``CONSIGNE_API_TOKEN``.
    """
    token = os.environ.get(TOKEN_VARIABLE) or None
    if token is None and not is_loopback(listen_host):
        raise ValueError(f"to listen on {listen_host}, put an API token into {TOKEN_VARIABLE}")

    async def run() -> None:
        host = HostService(
            database_url,
            broker_host,
            broker_port,
            username=username,
            password=password,
            tls=tls,
            ca=ca,
            workers=workers,
        )
        await host.start()
        server = uvicorn.Server(uvicorn.Config(host.app(token), host=listen_host, port=listen_port))
        serving = asyncio.create_task(server.serve())
        failing = asyncio.create_task(host.ingest.wait_failed())
        try:
            done, _ = await asyncio.wait({serving, failing}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a host that no longer ingests must end loudly, and be started again
        finally:
            server.should_exit = True
            failing.cancel()
            await asyncio.gather(serving, failing, return_exceptions=True)
            await host.stop()

    asyncio.run(run())
