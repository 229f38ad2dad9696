"""A small MQTT 3.1.1 broker in memory, for virtual time: sessions, retained messages, last wills.

No socket and no thread: it is a server of ``memory`` on a clock.  Section numbers are those of the
OASIS standard.  A seeded ``Faults`` plan lets it lose, double and delay messages as a broker does
that is killed or overloaded; code that needs a perfect broker fails then.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..clock import Clock
from .connection import Connection, Session, matches
from .memory import Link

Hearer = Callable[[str, bytes, bool], Any]


@dataclass
class Faults:
    """What goes wrong: chances (0..1) for each message forwarded, and a delay of up to ``delay_us``."""

    seed: int = 0
    lose: float = 0.0
    double: float = 0.0
    delay_us: int = 0


class Broker:
    """The broker.  ``publish`` and ``subscribe`` are for a host in the same process."""

    def __init__(
        self, clock: Clock, faults: Faults | None = None, users: dict[str, str] | None = None
    ) -> None:
        self.clock = clock
        self.faults = faults or Faults()
        self.users = users
        self.retained: dict[str, bytes] = {}
        self.sessions: dict[str, Session] = {}
        self.lost = self.doubled = 0
        self._random = random.Random(self.faults.seed)
        self._hearers: list[tuple[str, Hearer]] = []

    # --- a host in this process -----------------------------------------------------------------------
    def subscribe(self, topic_filter: str, hearer: Hearer) -> None:
        """Call ``hearer(topic, payload, retained)`` for each matching message, retained ones first."""
        self._hearers.append((topic_filter, hearer))
        for topic, payload in list(self.retained.items()):
            if matches(topic_filter, topic):
                hearer(topic, payload, True)

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None:
        """Take a message and forward it to whoever subscribed, faults included."""
        if retain and payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        for topic_filter, hearer in self._hearers:
            if matches(topic_filter, topic):
                self._with_faults(partial(hearer, topic, payload, False))
        for session in list(self.sessions.values()):
            granted = [q for one, q in session.filters.items() if matches(one, topic)]
            if granted:
                level = min(qos, max(granted))
                self._with_faults(partial(self._queue, session, topic, payload, level))

    def _with_faults(self, deliver: Callable[[], Any]) -> None:
        draw = self._random.random()
        if draw < self.faults.lose:
            self.lost += 1
            return
        times = 1
        if draw > 1 - self.faults.double:
            self.doubled += 1
            times = 2
        for _ in range(times):
            if self.faults.delay_us:
                self.clock.call_in(self._random.randrange(self.faults.delay_us), deliver)
            else:
                deliver()

    def _queue(self, session: Session, topic: str, payload: bytes, qos: int) -> None:
        if session.connection is not None:
            session.connection.forward(topic, payload, qos)
        elif qos:
            session.queue.append((topic, payload, qos))

    # --- connections ----------------------------------------------------------------------------------
    def accept(self, link: Link) -> Connection:
        return Connection(self, link)

    def restart(self) -> None:
        """Kill and restart it: connections break, and everything kept only in memory is lost."""
        for session in list(self.sessions.values()):
            if session.connection is not None:
                session.connection.break_off(with_will=False)
        self.sessions.clear()
        self.retained.clear()
