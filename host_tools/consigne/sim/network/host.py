"""A minimal host under virtual time, on the in-memory broker: it does what a locker relies on."""

import json
from collections.abc import Sequence
from typing import Any

from consigne.protocol import frames, messages
from consigne.protocol.events import EventData, parse_events

from ..clock import VirtualClock
from .broker import Broker, Faults
from .memory import MemoryNetwork

QUESTION_US = 9_000_000  # the locker would refuse a later answer
EXPIRES_S = 4_000_000_000  # its commands never expire, unless ``lifetime_s`` says so


class Host:
    """Signs commands, reads events; acknowledges them and tells contents unless told not to.

    ``lifetime_s`` is how long commands live by the host's own time, None: for ever.  ``orders_time``: the
    next answer with the time is an operator's order.

    ``events`` by seq, of the epoch seen last; ``doubled`` counts events that came again with the same
    content, ``changed`` those with different content: there must be none.  ``counter`` is the newest
    command's.
    """

    def __init__(
        self, clock: VirtualClock, device_key: bytes, faults: Faults | None = None, locker: str = "L0001"
    ) -> None:
        self._key = device_key
        self._prefix = f"consigne/1/{locker}/"
        self.network = MemoryNetwork(clock)
        self.broker = Broker(clock, faults)
        self.network.listen(1883, self.broker)
        self.acknowledging = True
        self.lifetime_s: int | None = None
        self.orders_time = False
        self.telling = True
        self.events: dict[int, EventData] = {}
        self.status: messages.StatusBody = {}
        self._clock = clock
        self._ahead_s: int | None = None  # of the virtual clock; None: the host does not know the time
        self._local = (0, 0, 0)
        self._question: tuple[int, int] | None = None  # nonce, when it was asked
        self.counter = self._contiguous = 0
        self.doubled = self.changed = 0
        self.broker.subscribe(self._prefix + "events", self._events)
        self.broker.subscribe(self._prefix + "status", self._status)
        self.broker.subscribe(self._prefix + "replies", self._replies)

    def _body(self, topic: str, payload: bytes) -> bytes:
        body = frames.open_frame(self._key, "consigne/1/event", topic, payload)
        assert body is not None, f"a frame on {topic} is not signed"
        return body

    def _events(self, topic: str, payload: bytes, retained: bool) -> None:
        batch = parse_events(self._body(topic, payload))
        for event in batch.events:
            known = self.events.setdefault(event.seq, event.data)
            self.doubled += known is not event.data
            self.changed += known != event.data
        while self._contiguous + 1 in self.events:
            self._contiguous += 1
        if self.acknowledging:
            self._send("ack", messages.ack_body(batch.epoch, self._contiguous), "consigne/1/command")

    def _status(self, topic: str, payload: bytes, retained: bool) -> None:
        body = self._body(topic, payload)
        messages.parse_status(body)
        self.status = json.loads(body)
        if self.status.get("wants") and self.telling:
            self.tell_contents()

    def tell_contents(self, doors: Sequence[tuple[int, int, str]] = (), **more: Any) -> None:
        """Say what lies in a locker that begins a journal; by default nothing does."""
        lists: dict[str, Any] = {"parcels": [], "nonces": [], "used": [], "holders": []}
        whole = {"piece": 0, "more": 0, "tries": 20, "first": 0, "doors": doors, **lists, **more}
        self.command("contents", epoch=self.status["epoch"], **whole)

    def _replies(self, topic: str, payload: bytes, retained: bool) -> None:
        said = messages.parse_reply(self._body(topic, payload))
        if isinstance(said, messages.AskTime):
            self._question = said.nonce, self._clock.now_us()
            self._tell_time()

    def know_time(self, epoch_s: int, offset_s: int = 0, next_s: int = 0, next_offset_s: int = 0) -> None:
        """Set the time: from now on a locker that asks gets it."""
        self._ahead_s = epoch_s - self._clock.now_us() // 1_000_000
        self._local = (offset_s, next_s, next_offset_s)
        self._tell_time()

    @property
    def now_s(self) -> int | None:
        """What it holds for the time; None if it does not know."""
        return None if self._ahead_s is None else self._ahead_s + self._clock.now_us() // 1_000_000

    def forget_time(self) -> None:
        """From now on a locker that asks for the time gets no answer."""
        self._ahead_s = None

    def _tell_time(self) -> None:
        """Answer the last question for the time, unless it was answered or is too old."""
        question, now_us = self._question, self._clock.now_us()
        if self._ahead_s is None or question is None or now_us - question[1] > QUESTION_US:
            return
        self._question = None
        offset_s, next_s, next_offset_s = self._local
        name = "clock" if self.orders_time else "time"
        self.orders_time = False
        self.command(
            name,
            t=self._ahead_s + now_us // 1_000_000,
            nonce=question[0],
            offset_s=offset_s,
            next_s=next_s,
            next_offset_s=next_offset_s,
        )

    def _send(self, branch: str, body: bytes, label: str) -> None:
        topic = self._prefix + branch
        self.broker.publish(topic, frames.frame(self._key, label, topic, body))

    def command(self, name: str, *, id: str = "", **arguments: Any) -> None:
        """Sign and send a command; ``id``: of an earlier command, to send that again."""
        self.counter += 1
        expires_s = EXPIRES_S
        if self.lifetime_s is not None and self.now_s is not None:
            expires_s = self.now_s + self.lifetime_s
        body = messages.command_body(id or f"c{self.counter}", self.counter, expires_s, name, arguments)
        self._send("commands", body, "consigne/1/command")

    def kinds(self) -> list[str]:
        return [self.events[seq].kind for seq in sorted(self.events)]
