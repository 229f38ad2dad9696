"""Between the broker and the database: receive, commit, then acknowledge.

One asyncio task and one worker thread.  The MQTT callback only appends to a bounded queue; the
thread decodes and commits whatever has gathered (``store``), in one transaction; then the task
publishes what that commit allows: cumulative acknowledgements, requests for what is missing, commands.
A batch grows by itself while the disk is busy, which is what makes many events a second cheap.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from enum import Enum, auto
from functools import partial
from typing import TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from consigne.protocol import frames, messages, topics

from ..clock import now_s
from ..complaints import Complaints
from ..failures import Failure, failure_of, reason
from ..fleet import commands, presence, twins
from ..fleet.hostclock import HostClock
from ..fleet.thresholds import Thresholds
from ..storage.contiguity import Gaps, Held, Stream, said_epoch
from ..storage.database import NO_ANSWER, Database, chunks
from ..storage.lease import Check, anybody
from .counts import Counts
from .decode import KeyRing
from .inbox import Inbox
from .mqtt import HostClient
from .outcome import Outcome
from .worker import Worker

log = logging.getLogger(__name__)

BATCH_MESSAGES_MAX = 1_000
BATCH_BYTES_MAX = 512 * 1024
"""Some 4,000 events: on a busy machine lockers would wait seconds for the commit of a larger batch, and it
would save nothing more."""
FAILED_COMMIT_PAUSE_S = 1.0
TICK_S = 1.0
TURN_LOCKERS_MAX = 200
"""Lockers whose commands are sent in one transaction."""
BEHIND_GRACE_S = 5.0
"""A locker that has just connected sends what is missing by itself; ask only after this long."""

SHARED_GRACE_S = 2.0
"""With several workers a gap is usual while another worker commits what came before."""


class ProcessRole(Enum):
    """What one process of the host does; see ``workers``."""

    ALONE = auto()  # everything
    LEADER = auto()  # everything but storing events
    WORKER = auto()  # storing and acknowledging events


Listener = Callable[[Outcome], None]
_Result = TypeVar("_Result")


class Ingest:
    """The receiving half of the host and the publisher of what it answers.

    ``listeners`` are called in the event loop with the ``Outcome`` of every commit that changed
    something; ``check`` in each transaction that signs commands.  ``clock`` says whether lockers may be told
    the time.
    """

    def __init__(
        self,
        database: Database,
        client: HostClient,
        role: ProcessRole = ProcessRole.ALONE,
        check: Check = anybody,
        thresholds: Thresholds | None = None,
    ) -> None:
        self._role, self._check = role, check
        self.others: Callable[[], tuple[Counts, Counter[str]]] | None = None  # what workers did
        self.waiting_elsewhere: Callable[[], int] = int  # messages that workers have
        self.counts = Counts()
        self.listeners: list[Listener] = []
        self.clock = HostClock()
        self.keys = KeyRing(database)
        self._database = database
        self._client = client
        self._thresholds = thresholds or Thresholds()
        self._worker = Worker(database, self.keys, self.counts, self._thresholds)
        self._listening, self._twins = presence.Listening(), twins.Twins(self._thresholds)
        self._store = self._worker.store
        self._complaints = Complaints(log)
        self._gaps = Gaps()
        self._inbox = Inbox()
        self._wake = asyncio.Event()
        self._tick_wanted = False
        self._failures: dict[str, Failure] = {}  # of what was tried last, until it succeeds
        self.committed_s: float | None = None  # when messages were committed last, time.monotonic
        self._thread = ThreadPoolExecutor(1, "ingest")
        self._task: asyncio.Task[None] | None = None

    @property
    def dropped(self) -> Counter[str]:
        """Messages dropped, by reason."""
        return self._worker.dropped

    def total(self) -> tuple[Counts, Counter[str]]:
        """What this process and its workers did: the counts, and the messages dropped by reason."""
        if self.others is None:
            return self.counts, self.dropped
        counts, dropped = self.others()
        for name, value in asdict(self.counts).items():
            setattr(counts, name, getattr(counts, name) + value)
        return counts, dropped + self.dropped

    @property
    def waiting(self) -> int:
        """Messages received and not yet committed, by workers too."""
        return len(self._inbox) + self.waiting_elsewhere()

    @property
    def _is_behind(self) -> bool:
        return self.waiting > BATCH_MESSAGES_MAX

    @property
    def is_running(self) -> bool:
        """Whether what arrives is committed; false once the task has failed, which is a defect."""
        return self._task is not None and not self._task.done()

    @property
    def failure(self) -> Failure | None:
        """Why the database did not do what was asked last; None when it did."""
        return next(iter(self._failures.values()), None)

    async def wait_failed(self) -> None:
        """Wait for as long as the task runs; raise what ended it."""
        if self._task is None:
            raise RuntimeError("the ingest is not started")
        await asyncio.shield(self._task)

    @property
    def is_connected(self) -> bool:
        """Whether the broker is connected and the subscriptions stand."""
        return self._client.is_connected

    async def start(self) -> None:
        """Start from the state that the database has kept."""
        self._client.receive = self._receive
        if self._role is not ProcessRole.WORKER:
            for stream, held in (await self._in_thread(self._resume)).items():
                self._gaps.note(stream, held.first_missing, time.monotonic(), BEHIND_GRACE_S)
            self._client.lost = self._on_lost
        self._task = asyncio.create_task(self._run(), name="ingest")

    def _resume(self) -> dict[Stream, Held]:
        """Hold no locker for connected until it reports; returns the streams with known gaps."""
        self._store.forget_presence()
        return self._store.open_gaps()

    async def _in_thread(self, function: Callable[..., _Result], *arguments: object) -> _Result:
        """Call a function that uses the database in the ingest's one thread, never in the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def stop(self) -> None:
        """Disconnect, commit what was received, end."""
        if self._task is None:
            return
        await self._client.stop()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        try:
            while self._inbox:
                await self._turn()
        except NO_ANSWER as error:
            log.error("%d messages not committed at the end: %s", len(self._inbox), reason(error))
        self._thread.shutdown()

    def kick(self) -> None:
        """Look for commands to send now.  Safe in any thread."""
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._want_tick)

    def _want_tick(self) -> None:
        self._tick_wanted = True
        self._wake.set()

    # --- receiving -----------------------------------------------------------------------------

    def _receive(self, topic: str, payload: bytes, retained: bool) -> None:
        self.counts.messages += 1
        if self._inbox.put((topic, payload, retained)):
            self._wake.set()
        else:
            self.counts.overflow += 1

    def _on_lost(self) -> None:
        self._listening.broken()
        self._inbox.put_lost()
        self._wake.set()

    async def _run(self) -> None:
        next_tick = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, next_tick - time.monotonic())):
                    await self._wake.wait()
            self._wake.clear()
            try:
                if self._inbox:
                    await self._tried(self._turn)
                if self._tick_wanted or time.monotonic() >= next_tick:
                    self._tick_wanted = False
                    next_tick = time.monotonic() + TICK_S
                    await self._tried(self._tick)
            except SQLAlchemyError as error:
                self.counts.failed_commits += 1
                self._database.complain(error)
                await asyncio.sleep(FAILED_COMMIT_PAUSE_S)

    async def _tried(self, step: Callable[[], Awaitable[None]]) -> None:
        """One step; remember whether the database did what it needs, for ``failure``."""
        try:
            await step()
        except SQLAlchemyError as error:
            self._failures[step.__name__] = failure_of(error)
            raise
        if self._failures.pop(step.__name__, None) is not None:
            self._database.worked()

    async def _turn(self) -> None:
        """One batch: take, commit, answer."""
        taken = self._inbox.take(BATCH_MESSAGES_MAX, BATCH_BYTES_MAX)
        if self._inbox:
            self._wake.set()
        began_s = time.monotonic()
        try:
            keep = partial(self._worker.keep, taken, is_behind=self._is_behind)
            outcomes = await self._in_thread(keep)
        except NO_ANSWER:
            self._inbox.put_back(taken)
            raise
        if any(not one.shed for one in outcomes):  # a lost connection or repetitions alone commit nothing
            self.committed_s = time.monotonic()
            self.counts.commit_s += self.committed_s - began_s
        for outcome in outcomes:
            self._answer(outcome)

    # --- answering -------------------------------------------------------------------------------

    def _answer(self, outcome: Outcome) -> None:
        self._count(outcome)
        for stream, seq in outcome.shed.items():
            self._acknowledge(stream, seq)
        at = time.monotonic()
        acknowledged: dict[Stream, int] = {}
        for stream, held in outcome.held.items():
            if self._role is ProcessRole.ALONE:
                self._gaps.note(stream, held.first_missing, at)
            # Of several copies of a journal nobody knows which one listens: the least is true for each.
            told = stream[0], said_epoch(stream[1])
            upto = min(held.contiguous, outcome.shown.get(stream, held.contiguous))
            acknowledged[told] = min(upto, acknowledged.get(told, upto))
        for stream, upto in acknowledged.items():
            self._acknowledge(stream, upto)
        if self._role is ProcessRole.WORKER:
            return
        for locker, status in outcome.clocks.items():
            self.clock.hear(locker, status)
        for locker, status in outcome.statuses:
            self._twins.hear(locker, status, at)
        for stream, first_missing in outcome.behind.items():
            self._gaps.note(stream, first_missing, at, BEHIND_GRACE_S)
        if outcome.is_due or any(held.islands for held in outcome.held.values()):
            self._want_tick()
        self._tell(outcome)

    def _count(self, outcome: Outcome) -> None:
        self.counts.commits += not outcome.shed
        self.counts.stored += len(outcome.stored)
        self.counts.repeated += outcome.repeated
        self.counts.deferred += outcome.deferred
        if outcome.retired:
            self.dropped["retired_locker"] += outcome.retired
        if outcome.stopped:
            self.dropped["stopped_journal"] += outcome.stopped
        for (locker, epoch), numbers in outcome.conflicts.items():
            self.counts.conflicts += len(numbers)
            told = f": {numbers[:5]} of journal {said_epoch(epoch)}"
            self._complaints.say("{locker} sent other events than before", told, locker=locker)

    def _tell(self, outcome: Outcome) -> None:
        """Any failure of a listener is logged and counted: it must not stop what custody depends on."""
        for listener in self.listeners:
            try:
                listener(outcome)
            except Exception as error:  # noqa: BLE001  logged, as said
                self.counts.failed_listeners += 1
                self._complaints.failed("a listener failed", error)

    def _acknowledge(self, stream: tuple[str, int], seq: int) -> None:
        locker, epoch = stream
        key = self.keys.known(locker)
        if key is None or seq == 0:
            return
        topic = topics.topic(locker, topics.ACK)
        body = messages.ack_body(said_epoch(epoch), seq)
        self._client.publish(topic, frames.frame(key.reveal(), frames.LABEL_COMMAND, topic, body))
        self.counts.acknowledgements += 1

    async def _tick(self) -> None:
        """Once a second and when kicked: ask for what is missing, send commands."""
        if self._role is ProcessRole.WORKER or not self._client.is_connected:
            return
        if self._role is ProcessRole.LEADER:
            missing = await self._in_thread(self._store.missing, self._gaps.open())
            for stream, first_missing in missing.items():
                self._gaps.note(stream, first_missing, time.monotonic(), SHARED_GRACE_S)
        await self._look(time.monotonic())
        # What is missing may be among what waits, and what is asked for would only wait behind it.
        asked = [] if self._is_behind else self._gaps.due(time.monotonic())
        sent = await self._send({locker: first_missing for (locker, _), first_missing in asked})
        self.counts.asked_again += len(asked)
        if sent.outgoing or sent.ended:
            self._tell(Outcome(commands={one.id for one in sent.outgoing} | set(sent.ended)))

    async def _look(self, uptime_s: float) -> None:
        """Every few seconds: who has fallen silent, and under whose name two boards speak."""
        if self._is_behind:
            self._listening.broken()  # what would be missed may be among what waits
        lasted_s = self._listening.lasted_s(uptime_s, time.time())
        if not self._twins.is_due(uptime_s):
            return
        changed = await self._in_thread(self._database.transact, partial(self._looked, uptime_s, lasted_s))
        if changed:
            self._tell(Outcome(lockers=changed))

    def _looked(self, uptime_s: float, lasted_s: float, connection: Connection) -> set[str]:
        self._check(connection)
        at_s, silent_s = now_s(), self._thresholds.silent_s
        gone = presence.age(connection, at_s, silent_s) if lasted_s > silent_s else []
        return self._twins.look(connection, at_s, uptime_s).union(gone)

    async def _send(self, missing: dict[str, int]) -> commands.Sent:
        """Ask for what is missing, publish what is to be sent, end what was not answered.

        A transaction for a few lockers at a time, since workers wait for those that it has locked.
        """
        at_s = now_s()
        names = sorted({*await self._in_thread(self._due, at_s), *missing})
        sent = commands.Sent([], [])
        for some in chunks(names, TURN_LOCKERS_MAX):
            wanted = {name: missing[name] for name in some if name in missing}
            turn = partial(self._turn_of, names=some, missing=wanted, at_s=at_s)
            done = await self._in_thread(self._database.transact, turn)
            for command in done.outgoing:
                self._client.publish(command.topic, command.payload)
            sent.outgoing.extend(done.outgoing)
            sent.ended.extend(done.ended)
        return sent

    def _due(self, at_s: int) -> list[str]:
        """Whom something is due at; also looks, each second, whether this host still leads and its clock."""
        with self._database.write() as connection:
            self._check(connection)
            return commands.due(connection, at_s, self.clock.is_believed(connection, at_s))

    def _turn_of(
        self, connection: Connection, names: Sequence[str], missing: dict[str, int], at_s: int
    ) -> commands.Sent:
        """What is signed in one transaction, in which no other host becomes the leader."""
        self._check(connection)
        tells_time = self.clock.is_believed(connection, at_s)
        return commands.turn(connection, names, missing, at_s, tells_time)
