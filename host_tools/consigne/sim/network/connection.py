"""One client's side of the broker in memory: its packets, its session, its last will."""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..grounds.clock import Timer
from .memory import Link

if TYPE_CHECKING:
    from .broker import Broker

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 10, 11, 12, 13, 14
QUEUE_MAX = 10_000  # messages kept for a session that is away; the oldest are dropped
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


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a filter with ``+`` and ``#`` covers a topic (4.7)."""
    wanted, given = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)


def text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def packet(kind: int, flags: int, body: bytes) -> bytes:
    """A packet with its remaining length in seven-bit groups (2.2.3)."""
    length = len(body)
    out = bytearray([kind << 4 | flags])
    while True:
        out.append(length & 0x7F | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return bytes(out) + body


class Connection:
    """One client's connection, from CONNECT to its end."""

    def __init__(self, broker: "Broker", link: Link) -> None:
        self._broker = broker
        self._link = link
        self._buffer = bytearray()
        self._session: Session | None = None
        self._will: tuple[str, bytes, int, bool] | None = None
        self._keepalive_s = 0
        self._alarm: Timer | None = None

    # --- bytes in ---------------------------------------------------------------------------------------
    def feed(self, data: bytes) -> None:
        self._buffer += data
        while (size := self._packet_size()) is not None:
            start, end = size
            head, body = self._buffer[0], bytes(self._buffer[start:end])
            del self._buffer[:end]
            if not self._handle(head >> 4, head & 15, body):
                self.break_off()
                return
        self._watch()

    def _packet_size(self) -> tuple[int, int] | None:
        length = shift = 0
        for at in range(1, min(5, len(self._buffer))):
            length |= (self._buffer[at] & 0x7F) << shift
            shift += 7
            if not self._buffer[at] & 0x80:
                end = at + 1 + length
                return (at + 1, end) if len(self._buffer) >= end else None
        return None

    def _handle(self, kind: int, flags: int, body: bytes) -> bool:
        """Act on one packet; False when the client broke the protocol."""
        if (kind == CONNECT) != (self._session is None):
            return False
        if kind == CONNECT:
            return self._connect(body)
        if kind == PUBLISH:
            self._published(flags, body)
        elif kind == PUBACK:
            self._session_of().in_flight.pop(int.from_bytes(body[:2], "big"), None)
        elif kind == SUBSCRIBE:
            self._subscribe(body)
        elif kind == UNSUBSCRIBE:
            self._link.send(packet(UNSUBACK, 0, body[:2]))
            for topic, _ in self._texts(body[2:]):
                self._session_of().filters.pop(topic, None)
        elif kind == PINGREQ:
            self._link.send(packet(PINGRESP, 0, b""))
        elif kind == DISCONNECT:
            self._will = None
            self._end()
            self._link.close()
        else:
            return False
        return True

    def _session_of(self) -> Session:
        assert self._session is not None
        return self._session

    @staticmethod
    def _texts(data: bytes) -> list[tuple[str, int]]:
        """Length-prefixed texts one after another, each with the offset behind it."""
        found, at = [], 0
        while at + 2 <= len(data):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            found.append((data[at + 2 : end].decode(), end))
            at = end
        return found

    def _connect(self, body: bytes) -> bool:
        """3.1; a second connection of the same client id takes over (3.1.4)."""
        if body[:7] != b"\x00\x04MQTT\x04":
            return False
        flags, self._keepalive_s = body[7], int.from_bytes(body[8:10], "big")
        fields: list[bytes] = []
        at = 10
        while at < len(body):
            end = at + 2 + int.from_bytes(body[at : at + 2], "big")
            fields.append(body[at + 2 : end])
            at = end
        client_id = fields.pop(0).decode()
        if flags & 0x04:
            self._will = (fields.pop(0).decode(), fields.pop(0), flags >> 3 & 3, bool(flags & 0x20))
        user = fields.pop(0).decode() if flags & 0x80 else ""
        password = fields.pop(0).decode() if flags & 0x40 else ""
        if self._broker.users is not None and self._broker.users.get(user) != password:
            self._will = None
            self._link.send(packet(CONNACK, 0, bytes((0, NOT_AUTHORISED))))
            return False
        clean = bool(flags & 0x02)
        old = self._broker.sessions.get(client_id)
        if old is not None and old.connection is not None:
            old.connection.break_off()
        kept = old if old is not None and not clean and not old.clean else None
        session = kept or Session(client_id)
        session.clean, session.connection = clean, self
        self._session = self._broker.sessions[client_id] = session
        self._link.send(packet(CONNACK, 0, bytes((int(kept is not None), 0))))
        for packet_id, (topic, payload) in session.in_flight.items():
            self._send_publish(topic, payload, 1, packet_id, again=True)
        while session.queue:
            self.forward(*session.queue.popleft())
        return True

    def _published(self, flags: int, body: bytes) -> None:
        end = 2 + int.from_bytes(body[:2], "big")
        topic, qos = body[2:end].decode(), flags >> 1 & 3
        if qos:
            self._link.send(packet(PUBACK, 0, body[end : end + 2]))
            end += 2
        self._broker.publish(topic, body[end:], qos, bool(flags & 1))

    def _subscribe(self, body: bytes) -> None:
        filters, at = [], 2
        while at < len(body):
            end = at + 2 + int.from_bytes(body[at : at + 2], "big")
            filters.append((body[at + 2 : end].decode(), min(1, body[end])))
            at = end + 1
        self._session_of().filters.update(filters)
        self._link.send(packet(SUBACK, 0, body[:2] + bytes(qos for _, qos in filters)))
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
        self._send_publish(topic, payload, qos, packet_id, retained=retained)

    def _send_publish(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        packet_id: int,
        again: bool = False,
        retained: bool = False,
    ) -> None:
        number = packet_id.to_bytes(2, "big") if qos else b""
        flags = 8 * again | 2 * qos | retained
        self._link.send(packet(PUBLISH, flags, text(topic) + number + payload))

    # --- the end ----------------------------------------------------------------------------------------
    def _watch(self) -> None:
        """One and a half keep-alive times of silence end the connection (3.1.2.10)."""
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
            topic, payload, qos, retain = will
            self._broker.publish(topic, payload, qos, retain)

    def _end(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        session = self._session
        if session is None or session.connection is not self:
            return
        session.connection = None
        if session.clean:
            self._broker.sessions.pop(session.client_id, None)
