"""The host in one object: database, broker connection, ingest, and what the API and pages call.

``HostService`` lives in one asyncio loop and is used by the demo, the tests and ``serve``.  It makes each
service once; the API (``api.create_app``), the pages and the metrics are given the host and make none of
their own, so that what a service keeps in memory, such as wrong tries, counts for API and pages alike.
It does not start a broker (see ``broker``).
"""

import asyncio
from collections.abc import Callable

from consigne.protocol import topics

from .access import aside, grants
from .access.passes import Passes
from .fleet import alarms, commands, condition
from .fleet.alarms import Alarms
from .fleet.condition import Condition
from .fleet.fleet import Fleet
from .fleet.orders import Orders
from .fleet.overview import Overview
from .fleet.thresholds import Thresholds
from .health import Health
from .ingest import holes
from .ingest.ingest import Ingest, Listener, ProcessRole
from .ingest.workers import LEADERS, BrokerAccess, Workers
from .notices import notices
from .notices.notices import Outbox
from .notices.notifier import Channels, Notifier
from .parcels import parcels
from .parcels.counter import Counter
from .parcels.parcels import Parcels
from .people import accounts, audit
from .people.accounts import Accounts
from .storage import housekeeping
from .storage.ages import Ages
from .storage.database import Database
from .storage.lease import Lease
from .storage.probe import Probe
from .threads import Threads

PAGE_THREADS = 8
PAGE_CALLS_WAITING_MAX = 200
"""About twenty pages; a longer queue would return stale results."""

FORGETTING = (
    alarms.forget,
    aside.forget,
    audit.forget,
    condition.forget,
    commands.forget,
    accounts.forget,
    notices.forget,
    parcels.forget,
    grants.forget,
    holes.forget,
)
"""In this order: a grant is kept while its parcel is."""


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
    certificate, key
        PEM files that show the broker who the host is, where it asks for client certificates.
    workers
        Processes that store events. From two on they share the subscription, which the broker must
        know how to do (mosquitto and the clusters do, amqtt does not).
    channels
        How customers are told of their parcels; nobody is told when None, notices wait.
    is_opened
        Whether the database is opened at once; see ``database.Database``.
    ages
        How long what is over is kept; the defaults of ``Ages`` when None.
    thresholds
        From when on a locker is silent, flaps, or is two; the defaults of ``Thresholds`` when None.

    Attributes
    ----------
    fleet, parcels, orders, passes, accounts, alarms, condition, overview, counter, outbox
        What the API does, as plain blocking methods, safe in any thread.  Call ``kick`` after one
        that leaves something to send (announce, revoke, open).
    page_threads
        Where pages call them: nothing that asks the database may run in the event loop.
    health
        Whether all of it works, and what does not.
    clock
        Whether lockers are told the time, and why not.
    """

    def __init__(
        self,
        database_url: str,
        broker_host: str = "127.0.0.1",
        broker_port: int = topics.PORT,
        *,
        username: str | None = None,
        password: str | None = None,
        tls: bool = False,
        ca: str | None = None,
        certificate: str | None = None,
        key: str | None = None,
        workers: int = 1,
        channels: Channels | None = None,
        is_opened: bool = True,
        ages: Ages | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        access = BrokerAccess(broker_host, broker_port, username, password, tls, ca, certificate, key)
        self.database = Database(database_url, is_opened=is_opened)
        self.fleet = Fleet(self.database)
        self.parcels = Parcels(self.database)
        self.orders = Orders(self.database)
        self.passes = Passes(self.database)
        self.accounts = Accounts(self.database)
        self.alarms = Alarms(self.database)
        self.condition = Condition(self.database)
        self.overview = Overview(self.database)
        self.counter = Counter(self.database)
        self.lease = Lease(self.database)
        self.outbox = Outbox(self.database, self.lease.check)
        self.workers = Workers(database_url, access, workers) if workers > 1 else None
        self.client = access.client(LEADERS if self.workers else None)
        self.ingest = Ingest(
            self.database,
            self.client,
            ProcessRole.LEADER if self.workers else ProcessRole.ALONE,
            self.lease.check,
            thresholds,
        )
        self.clock = self.ingest.clock
        if self.workers:
            self.ingest.others = self.workers.total
            self.ingest.waiting_elsewhere = self.workers.waiting
        self.notifier = (
            Notifier(self.database, self.outbox, self.parcels.code, channels)
            if channels is not None
            else None
        )
        self.page_threads = Threads("pages", PAGE_THREADS, PAGE_CALLS_WAITING_MAX)
        self.health = Health(Probe(self.database), self.ingest, self.workers, self.lease)
        self._ages = ages or Ages()
        self._leading: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to lead as soon as no other host on this database does; returns at once, ``ready`` waits."""
        self._leading = asyncio.create_task(self._lead(), name="leading")

    async def _lead(self) -> None:
        """Stand by, then connect and ingest for as long as all is well."""
        await self.lease.acquire()
        await self.ingest.start()
        self.client.start()
        if self.workers:
            self.workers.start()
        if self.notifier:
            self.notifier.start()
        parts = (self.ingest, self.client, self.workers, self.notifier)
        tasks = [asyncio.create_task(part.wait_failed()) for part in parts if part]
        tasks.append(asyncio.create_task(self.lease.keep(), name="lease"))
        tidying = housekeeping.run(self.database, FORGETTING, self._ages)
        tasks.append(asyncio.create_task(tidying, name="housekeeping"))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def ready(self, timeout_s: float = 60.0) -> None:
        """Wait until this host leads and the broker confirmed every subscription, the workers' too.

        Raises ``TimeoutError``.
        """
        async with asyncio.timeout(timeout_s):
            await self.client.connected.wait()
            if self.workers:
                await self.workers.ready()

    def end_soon(self) -> None:
        """``stop`` comes next, once requests that are under way have been answered."""
        if self.workers:
            self.workers.start_no_more()

    async def stop(self) -> None:
        """Disconnect, commit what was received, let another host lead, close the database."""
        if self._leading is not None:
            self._leading.cancel()
            await asyncio.gather(self._leading, return_exceptions=True)
        if self.notifier:
            await self.notifier.stop()
        if self.workers:
            await self.workers.stop()
        await self.ingest.stop()
        await self.lease.release()
        await self.page_threads.stop()
        await self.health.stop()
        self.database.close()

    async def wait_failed(self) -> None:
        """Wait for as long as all is well; raise the error that must end the host."""
        if self._leading is None:
            raise RuntimeError("the host is not started")
        await asyncio.shield(self._leading)

    def kick(self) -> None:
        """Send what is waiting, now.  Safe in any thread."""
        self.ingest.kick()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener(outcome)`` called in the event loop after every commit that changed something.

        Returns what ends that.  Commits of worker processes are not reported here.
        """
        self.ingest.listeners.append(listener)
        return lambda: self.ingest.listeners.remove(listener)
