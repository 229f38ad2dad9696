"""Several processes that ingest events, sharing one subscription (``$share``).

The broker gives each batch to any one of them, so two workers may hold batches of one locker at the same time
and commit them in either order.  That is sound because no process keeps a locker's state in memory: a commit
reads the stream's unbroken run under a lock, extends it, and acknowledges the result.  An acknowledgement
overtaken by a higher one says less and changes nothing at the locker.

The process that starts them leads: it hears everything but events, keeps presence, asks for what is
missing and sends commands.  It is the only one that does.
"""

import asyncio
import logging
import multiprocessing
import secrets
import signal
import ssl
from collections import Counter
from dataclasses import asdict, dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from consigne.protocol import topics

from .. import logs
from ..complaints import Complaints
from ..failures import Failure
from ..logform import LogForm
from ..storage.database import Database
from ..storage.waiting import until_done
from ..threads import in_passing
from . import sharing
from .counts import Counts
from .ingest import Ingest, ProcessRole
from .mqtt import HostClient, why_not

log = logging.getLogger(__name__)

SHARED_EVENTS = f"$share/consigne/{topics.ROOT}/+/{topics.EVENTS}"
LEADERS = tuple(f"{topics.ROOT}/+/{name}" for name in topics.FROM_LOCKER if name != topics.EVENTS)
REPORT_S = 1.0
RESTART_S = 1.0
ASK_S_MAX = 4.0
STOP_TIMEOUT_S = 15.0

LOOK_S = 0.05
Report = tuple[dict[str, float], dict[str, int], bool, Failure | None, int]
"""Counts, messages dropped by reason, whether it hears, what the database refuses it, how many wait."""
_SPAWN = multiprocessing.get_context("spawn")  # a fork would share database and broker connections


@dataclass(frozen=True)
class BrokerAccess:
    """How to reach the broker, in a form that another process can be given."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str | None = None  # PEM file of the authority to trust; the system's when None
    certificate: str | None = None  # PEM file that shows who the host is, where no password does
    key: str | None = None

    def context(self) -> ssl.SSLContext | None:
        """How to check the broker's certificate; None without TLS."""
        if not self.tls:
            return None
        made = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            made.load_cert_chain(self.certificate, self.key)
        return made

    def client(self, subscriptions: tuple[str, ...] | None = None) -> HostClient:
        """A connection of its own, not yet started."""
        return HostClient(
            self.host,
            self.port,
            client_id="consigne-host-" + secrets.token_hex(4),
            username=self.username,
            password=self.password,
            tls=self.context(),
            subscriptions=subscriptions,
        )


class Workers:
    """Worker processes, started again when one ends; ``count`` is how many there are to be."""

    def __init__(self, database_url: str, access: BrokerAccess, count: int) -> None:
        self.count = count
        self._access = access
        self._arguments = (database_url, access)
        self._running: list[tuple[BaseProcess, Connection]] = []
        self._reports: dict[int, Report] = {}  # by process id, those that have ended too
        self._task: asyncio.Task[None] | None = None
        self._is_ending = False

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that run now."""
        return [process.pid for process, _ in self._running if process.pid and process.is_alive()]

    def total(self) -> tuple[Counts, Counter[str]]:
        """What all workers did since the start, as of their last reports."""
        sums: Counter[str] = Counter()
        dropped: Counter[str] = Counter()
        for counts, reasons, *_ in self._reports.values():
            for name, value in counts.items():
                sums[name] += value  # type: ignore[assignment]  # commit_s is a float
            dropped.update(reasons)
        return Counts(**sums), dropped

    @property
    def failure(self) -> Failure | None:
        """What the database refuses a worker that runs; None when it refuses nothing."""
        told = (self._reports[pid][3] for pid in self.process_ids if pid in self._reports)
        return next(filter(None, told), None)

    def waiting(self) -> int:
        """Messages that the running workers have received and not yet committed, as of their last reports."""
        return sum(self._reports[pid][4] for pid in self.process_ids if pid in self._reports)

    def start(self) -> None:
        """Start them; each connects by itself."""
        self._task = asyncio.create_task(self._supervise(), name="workers")

    def start_no_more(self) -> None:
        """From now on a worker that ends is not replaced: whoever ends the host may tell it to end, too."""
        self._is_ending = True

    async def stop(self) -> None:
        """Have every worker commit what it received, and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for process, pipe in self._running:
            pipe.close()  # what a worker ends at
            await asyncio.to_thread(process.join, STOP_TIMEOUT_S)
            if process.is_alive():
                process.kill()
                await asyncio.to_thread(process.join)
        self._running.clear()

    async def ready(self) -> None:
        """Wait until every worker is subscribed: before that, nobody receives what lockers send."""
        while True:
            self._collect()
            hearing = [self._reports[pid][2] for pid in self.process_ids if pid in self._reports]
            if sum(hearing) >= self.count or (self._task is not None and self._task.done()):
                return
            await asyncio.sleep(LOOK_S)

    async def wait_failed(self) -> None:
        """Wait for as long as the supervision runs; raise what ended it (``CannotShare``)."""
        if self._task is None:
            raise RuntimeError("the workers are not started")
        await asyncio.shield(self._task)

    async def _ask_broker(self) -> None:
        """Return once the broker, which need not be there yet, said that it shares subscriptions."""
        complaints, pause_s = Complaints(log), RESTART_S
        while True:
            try:
                access = self._access
                await sharing.check(
                    access.host, access.port, access.username, access.password, access.context()
                )
                return
            except (OSError, TimeoutError) as error:
                why = why_not(error, tls=self._access.tls)
                complaints.say(f"no workers yet, the broker does not answer: {why}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, ASK_S_MAX)

    async def _supervise(self) -> None:
        await self._ask_broker()
        complaints = Complaints(log)
        while True:
            self._collect()
            if self._is_ending:
                return
            for process, pipe in [one for one in self._running if not one[0].is_alive()]:
                complaints.say(f"an ingest worker ended with {process.exitcode}, starting another")
                pipe.close()
                self._running.remove((process, pipe))
            while len(self._running) < self.count:
                self._running.append(self._begin())
            await asyncio.sleep(RESTART_S)

    def _begin(self) -> tuple[BaseProcess, Connection]:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(
            target=work, args=(*self._arguments, theirs, logs.configured()), name="ingest", daemon=True
        )
        resource_tracker.ensure_running()  # started here, since its start would undo the mask
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()  # it inherits the mask: Ctrl-C is the leader's alone
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        return process, ours

    def _collect(self) -> None:
        for process, pipe in self._running:
            try:
                while process.pid and pipe.poll():
                    self._reports[process.pid] = pipe.recv()
            except (EOFError, ConnectionError):  # it has ended; the supervisor sees that itself
                continue


def work(database_url: str, access: BrokerAccess, pipe: Connection, log_form: LogForm | None = None) -> None:
    """The whole of a worker process: ingest until the leader closes the pipe or is no more.

    It writes its log as the leader does.
    """
    if log_form is not None:
        logs.configure(log_form)
    asyncio.run(_work(database_url, access, pipe))


async def _work(database_url: str, access: BrokerAccess, pipe: Connection) -> None:
    database = Database(database_url, is_opened=False)
    client = access.client((SHARED_EVENTS,))
    ingest = Ingest(database, client, ProcessRole.WORKER)
    ended = asyncio.Event()
    # the leader never writes, so readable means closed; the kernel closes it even when the leader was killed
    asyncio.get_running_loop().add_reader(pipe.fileno(), ended.set)
    # however stopped, it commits what it received: service managers tell every process of the host
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    failing = asyncio.create_task(_run(database, ingest, client))
    ending = asyncio.create_task(ended.wait())
    reporting = asyncio.create_task(_report(ingest, pipe))
    try:
        done, _ = await asyncio.wait({failing, ending, reporting}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        asyncio.get_running_loop().remove_reader(pipe.fileno())
        for task in (failing, ending, reporting):
            task.cancel()
        await asyncio.gather(failing, ending, reporting, return_exceptions=True)
        await ingest.stop()
        database.close()


async def _run(database: Database, ingest: Ingest, client: HostClient) -> None:
    """Start, once the database is there as it was for the leader, and raise what ends it."""
    await until_done(database, lambda: in_passing(database.open), lambda _: None, for_ever=True)
    await ingest.start()
    client.start()
    await asyncio.gather(ingest.wait_failed(), client.wait_failed())


async def _report(ingest: Ingest, pipe: Connection) -> None:
    while True:
        try:
            told = (asdict(ingest.counts), dict(ingest.dropped), ingest.is_connected, ingest.failure)
            pipe.send((*told, ingest.waiting))
        except BrokenPipeError:
            return
        await asyncio.sleep(REPORT_S if ingest.is_connected else LOOK_S)
