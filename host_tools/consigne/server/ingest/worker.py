"""What the ingest's thread does: decode what arrived, commit it, and hold up nobody for one bad message."""

import logging
from collections import Counter

from ..complaints import Complaints
from ..storage.database import NO_ANSWER, Database
from .counts import Counts
from .decode import Decoder, KeyRing, Message
from .inbox import LOST, Received
from .outcome import Outcome
from .store import Store

log = logging.getLogger(__name__)


class Worker:
    """Makes received messages into rows; ``dropped`` counts, by reason, those that are dropped."""

    def __init__(self, database: Database, keys: KeyRing, counts: Counts) -> None:
        self.store = Store(database)
        self._decoder = Decoder(keys)
        self._counts = counts
        self._complaints = Complaints(log)

    @property
    def dropped(self) -> Counter[str]:
        """Messages dropped, by reason."""
        return self._decoder.dropped

    def keep(self, taken: list[Received]) -> list[Outcome]:
        """Decode and commit, in the order of arrival.

        Raises
        ------
        NO_ANSWER
            Nothing of what was not committed yet is lost: give it again.
        """
        if LOST not in taken:
            return self._commit(taken)
        at = taken.index(LOST)
        outcomes = self._commit(taken[:at])
        self.store.forget_presence()
        return outcomes + self.keep(taken[at + 1 :])

    def _commit(self, taken: list[Received]) -> list[Outcome]:
        messages = self._decoder.decode_all(taken)
        if not messages:
            return []
        try:
            outcome = self.store.commit(messages)
            self._counts.met = self.store.database.met
            return [outcome]
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
