"""What the ingest's thread does: decode what arrived, commit it, and hold up nobody for one bad message."""

import logging
import time
from collections import Counter

from consigne.protocol import topics
from consigne.protocol.events import EventBatch

from ..complaints import Complaints
from ..fleet.thresholds import Thresholds
from ..storage.contiguity import COPY, Stream, said_epoch
from ..storage.database import NO_ANSWER, Database
from .counts import Counts
from .decode import Decoder, KeyRing, Message
from .inbox import LOST, Received
from .outcome import Outcome
from .store import Store

log = logging.getLogger(__name__)

COMMITTED_GOOD_S = 30.0
"""How long a worker believes its memory of what it committed: the database may be restored from a backup."""


class Worker:
    """Makes received messages into rows; ``dropped`` counts, by reason, those that are dropped."""

    def __init__(
        self, database: Database, keys: KeyRing, counts: Counts, thresholds: Thresholds | None = None
    ) -> None:
        self.store = Store(database, thresholds)
        self._decoder = Decoder(keys)
        self._counts = counts
        self._complaints = Complaints(log)
        self._committed: dict[Stream, tuple[int, float]] = {}  # unbroken up to this event, at this time

    @property
    def dropped(self) -> Counter[str]:
        """Messages dropped, by reason."""
        return self._decoder.dropped

    def keep(self, taken: list[Received], *, is_behind: bool = False) -> list[Outcome]:
        """Decode and commit, in the order of arrival.

        A host that is behind takes equal messages once, and acknowledges events that it has committed before
        without looking at them again.  Else they are compared with the stored ones (``copies``).

        Raises
        ------
        NO_ANSWER
            Nothing of what was not committed yet is lost: give it again.
        """
        if LOST not in taken:
            return self._keep(taken, is_behind)
        at = taken.index(LOST)
        outcomes = self._keep(taken[:at], is_behind)
        self.store.forget_presence()
        return outcomes + self.keep(taken[at + 1 :], is_behind=is_behind)

    def _keep(self, taken: list[Received], is_behind: bool) -> list[Outcome]:
        once = without_copies(taken) if is_behind else taken
        self._counts.shed += len(taken) - len(once)
        messages, shed = self._decoder.decode_all(once), Outcome()
        if is_behind:
            messages = [message for message in messages if not self._is_committed(message, shed)]
        outcomes = self._commit(messages) if messages else []
        now_s = time.monotonic()
        for outcome in outcomes:
            for locker, epoch in outcome.conflicts:
                self._committed.pop((locker, said_epoch(epoch)), None)
            self._committed.update(
                (one, (held.contiguous, now_s))
                for one, held in outcome.held.items()
                if one not in outcome.holed and one not in outcome.conflicts and one[1] < COPY
            )
        self._counts.met = self.store.database.met
        return [shed, *outcomes] if shed.shed else outcomes

    def _is_committed(self, message: Message, shed: Outcome) -> bool:
        """Whether these are only events that were committed a moment ago; ``shed`` then acknowledges them.

        Of a stream with holes nothing is known here: what comes again may be what was believed lost.
        """
        if not isinstance(message.content, EventBatch) or message.content.holes:
            return False
        stream = (message.locker, message.content.epoch)
        last, at_s = self._committed.get(stream, (0, 0.0))
        if time.monotonic() - at_s > COMMITTED_GOOD_S or any(
            one.seq > last for one in message.content.events
        ):
            return False
        self._counts.shed += 1
        shown = max((one.seq for one in message.content.events), default=0)  # no more: it may be another copy
        shed.shed[stream] = max(shown, shed.shed.get(stream, 0))
        return True

    def _commit(self, messages: list[Message]) -> list[Outcome]:
        try:
            return [self.store.commit(messages)]
        except NO_ANSWER:
            raise
        except Exception as error:  # noqa: BLE001  logged; each message is tried
            self._counts.failed_commits += 1
            self._complaints.failed("a batch failed: trying its messages one by one", error)
        return self._commit_singly(messages)

    def _commit_singly(self, messages: list[Message]) -> list[Outcome]:
        """Keep one message that cannot be stored from holding up all others.

        Any exception is caught, a defect of ours too: what one locker says must not stop the fleet. The
        message is logged with its traceback (``Complaints``), counted, and not acknowledged, so it is not
        lost either.
        """
        outcomes = []
        for message in messages:
            try:
                outcomes.append(self.store.commit([message]))
            except NO_ANSWER:
                raise
            except Exception as error:  # noqa: BLE001  logged, as said
                self._decoder.dropped["not_storable"] += 1
                told = "a message of {locker} is not stored"
                self._complaints.failed(told, error, locker=message.locker)
        return outcomes


def without_copies(taken: list[Received]) -> list[Received]:
    """The messages without those of events that came before, byte by byte.

    A locker that gets no answer sends the same again; of a status, even the same one may say something new.
    """
    seen: set[Received] = set()
    once = []
    for one in taken:
        if one[0].endswith("/" + topics.EVENTS):
            if one in seen:
                continue
            seen.add(one)
        once.append(one)
    return once
