"""One client's side of the broker in memory: its packets, its session, its last will."""

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from ..clock import Clock, Timer
from . import packets
from .memory import Link

QUEUE_MAX = 10_000  # messages kept for a session without a connection; the oldest are dropped
NOT_AUTHORISED = 5


@dataclass
class Session:
    """What the broker keeps for a client id (4.1)."""

    client_id: str
    clean: bool = True
    filters: dict[str, int] = field(default_factory=dict)
    queue: deque[tuple[str, bytes, int]] = field(default_factory=lambda: deque(maxlen=QUEUE_MAX))
    in_flight: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    next_id: int = 1
    connection: "Connection | None" = None


class Distributor(Protocol):
    """The part of ``broker.Broker`` that a connection needs."""

    clock: Clock
    users: dict[str, str] | None
    retained: dict[str, bytes]
    sessions: dict[str, Session]

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> None: ...


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a filter with ``+`` and ``#`` covers a topic (4.7)."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)


class Connection:
    """One client's connection, from CONNECT to its end."""

    def __init__(self, broker: Distributor, link: Link) -> None:
        self._broker = broker
        self._link = link
        self._buffer = bytearray()
        self._session: Session | None = None
        self._will: packets.Will | None = None
        self._keepalive_s = 0
        self._alarm: Timer | None = None

    # --- bytes in ---------------------------------------------------------------------------------------
    def feed(self, data: bytes) -> None:
        self._buffer += data
        try:
            for packet in packets.taken(self._buffer):
                self._handle(packet)
                if not self._link.open:
                    return
        except packets.BrokenPacket:
            self.break_off()
            return
        self._watch()

    def _handle(self, packet: packets.Raw) -> None:
        """Act on one packet.  Raises ``BrokenPacket`` when the client broke the protocol."""
        kind = packet.kind
        if (kind == packets.CONNECT) != (self._session is None):
            raise packets.BrokenPacket("order")
        if kind == packets.CONNECT:
            self._connect(packets.Connect.decoded(packet))
        elif kind == packets.PUBLISH:
            self._published(packets.Publish.decoded(packet))
        elif kind == packets.PUBACK:
            self._session_of().in_flight.pop(packets.acknowledged(packet), None)
        elif kind == packets.SUBSCRIBE:
            self._subscribe(packets.acknowledged(packet), packets.subscriptions(packet))
        elif kind == packets.UNSUBSCRIBE:
            self._link.send(packets.unsuback(packets.acknowledged(packet)))
            for topic in packets.unsubscriptions(packet):
                self._session_of().filters.pop(topic, None)
        elif kind == packets.PINGREQ:
            self._link.send(packets.PING_ANSWER)
        elif kind == packets.DISCONNECT:
            self._will = None
            self._end()
            self._link.close()
        else:
            raise packets.BrokenPacket("packet type")

    def _session_of(self) -> Session:
        assert self._session is not None
        return self._session

    def _connect(self, asked: packets.Connect) -> None:
        """3.1; a second connection of the same client id takes over (3.1.4)."""
        self._keepalive_s = asked.keepalive_s
        if self._broker.users is not None and self._broker.users.get(asked.user) != asked.password:
            self._link.send(packets.connack(NOT_AUTHORISED))
            self.break_off()
            return
        self._will = asked.will
        old = self._broker.sessions.get(asked.client_id)
        if old is not None and old.connection is not None:
            old.connection.break_off()
        kept = old if old is not None and not asked.clean and not old.clean else None
        session = kept or Session(asked.client_id)
        session.clean, session.connection = asked.clean, self
        self._session = self._broker.sessions[asked.client_id] = session
        self._link.send(packets.connack(0, session_present=kept is not None))
        for packet_id, (topic, payload) in session.in_flight.items():
            self._link.send(packets.Publish(topic, payload, packet_id, again=True).encoded())
        while session.queue:
            self.forward(*session.queue.popleft())

    def _published(self, message: packets.Publish) -> None:
        if message.packet_id:
            self._link.send(packets.puback(message.packet_id))
        self._broker.publish(message.topic, message.payload, message.qos, message.retain)

    def _subscribe(self, packet_id: int, filters: list[tuple[str, int]]) -> None:
        self._session_of().filters.update(filters)
        self._link.send(packets.suback(packet_id, [qos for _, qos in filters]))
        for one, qos in filters:
            for topic, payload in list(self._broker.retained.items()):
                if matches(one, topic):
                    self.forward(topic, payload, qos, retained=True)

    # --- bytes out --------------------------------------------------------------------------------------
    def forward(self, topic: str, payload: bytes, qos: int, retained: bool = False) -> None:
        session = self._session_of()
        packet_id = 0
        if qos:
            packet_id = session.next_id
            session.next_id = packet_id % 65535 + 1
            session.in_flight[packet_id] = topic, payload
        self._link.send(packets.Publish(topic, payload, packet_id, retained).encoded())

    # --- the end ----------------------------------------------------------------------------------------
    def _watch(self) -> None:
        """End the connection after 1.5 keep-alive times without a packet (3.1.2.10)."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._keepalive_s and self._link.open:
            self._alarm = self._broker.clock.call_in(self._keepalive_s * 1_500_000, self.break_off)

    def break_off(self, with_will: bool = True) -> None:
        """Close from the broker's side."""
        if not with_will:
            self._will = None
        self._link.close()
        self.lost()

    def lost(self) -> None:
        """The connection is gone without a DISCONNECT: the last will is published (3.1.2.5)."""
        will, self._will = self._will, None
        self._end()
        if will is not None:
            self._broker.publish(will.topic, will.payload, will.qos, will.retain)

    def _end(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        session = self._session
        if session is None or session.connection is not self:
            return
        session.connection = None
        if session.clean:
            self._broker.sessions.pop(session.client_id, None)
