"""Whether the host does its work: what monitors ask it, and what it says of itself in ``/metrics``."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from .failures import Failure
from .ingest.ingest import Ingest
from .ingest.workers import Workers
from .storage.lease import Lease
from .storage.probe import Probe

PROOF_S = 5.0
"""For so long a commit proves that the database can be written, though a test write waits in its queue."""
SLOW = "the database has not taken a write within a second"
NO_BROKER = "the broker is not connected: see whether it runs, the log says why"
STANDING_BY = "standing by: another host leads, this one takes over when that one stops"
NO_INGEST = "events are not taken any more: the log says why"


@dataclass(frozen=True)
class State:
    """What works; nothing in it is secret."""

    database: bool
    """Events can be stored."""
    database_slow: bool
    broker: bool
    ingest: bool
    wrong: tuple[str, ...]
    """What does not work, each in a sentence that says what to do."""

    @property
    def healthy(self) -> bool:
        """Whether all of it works."""
        return not self.wrong


class Health:
    """Looks at the parts of one host."""

    def __init__(self, probe: Probe, ingest: Ingest, workers: Workers | None, lease: Lease) -> None:
        self._probe, self._ingest, self._workers, self._lease = probe, ingest, workers, lease
        self.waiting = ""
        """What a host that is starting waits for; "" when it has started."""

    async def look(self) -> State:
        """How it is now, within a second, whatever waits for the database."""
        if self.waiting:
            return State(False, False, False, False, (self.waiting,))
        answer = await self._probe.ask()
        failure = self._refused() or answer.failure
        is_slow = failure is None and answer.is_slow and not self._has_proof()
        broker, ingest = self._ingest.is_connected, self._ingest.is_running
        waits = self._lease.standing_by
        wrong = tuple(
            _sentences(failure, is_slow=is_slow, broker=broker or waits, ingest=ingest or waits, waits=waits)
        )
        return State(failure is None and not is_slow, is_slow, broker, ingest, wrong)

    def _refused(self) -> Failure | None:
        """What the database refused to whoever stores events."""
        return self._ingest.failure or (self._workers.failure if self._workers else None)

    def _has_proof(self) -> bool:
        at = self._ingest.committed_s
        return at is not None and time.monotonic() - at < PROOF_S

    async def stop(self) -> None:
        """Wait for a test write that is still under way."""
        await self._probe.stop()


def _sentences(
    failure: Failure | None, *, is_slow: bool, broker: bool, ingest: bool, waits: bool
) -> Iterator[str]:
    if failure is not None:
        yield failure.sentence
    if is_slow:
        yield SLOW
    if waits:
        yield STANDING_BY
    if not broker:
        yield NO_BROKER
    if not ingest:
        yield NO_INGEST
