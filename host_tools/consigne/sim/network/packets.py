"""Packets of MQTT 3.1.1, from bytes and to bytes: those that broker in memory and lossy proxy need.

QoS 0 and 1, as lockers and host use them.  Section numbers are those of the OASIS standard.  The device's
own codec (``locker/net/mqtt_codec.py``) sees only what a server sends; this is the other end.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 10, 11, 12, 13, 14
LENGTH_BYTES_MAX = 4
_RETAIN, _DUP = 0x01, 0x08
_CLEAN, _WILL, _WILL_RETAIN, _PASSWORD, _USER = 0x02, 0x04, 0x20, 0x40, 0x80
_PROTOCOL = b"\x00\x04MQTT\x04"


class BrokenPacket(ValueError):
    """Bytes that the standard does not allow; the connection must be closed (4.8)."""


@dataclass(frozen=True, slots=True)
class Raw:
    """One packet: ``kind`` and ``flags`` of its first byte, and what follows the remaining length."""

    kind: int
    flags: int
    body: bytes

    def encoded(self) -> bytes:
        """With its remaining length in seven-bit groups (2.2.3)."""
        length, out = len(self.body), bytearray([self.kind << 4 | self.flags])
        while True:
            out.append(length & 0x7F | (0x80 if length > 0x7F else 0))
            length >>= 7
            if not length:
                return bytes(out) + self.body


def taken(buffer: bytearray) -> Iterator[Raw]:
    """Take the whole packets from the front of ``buffer``, one after another.

    Raises ``BrokenPacket`` for a remaining length of more than four bytes.
    """
    while (found := _extent(buffer)) is not None:
        start, end = found
        packet = Raw(buffer[0] >> 4, buffer[0] & 15, bytes(buffer[start:end]))
        del buffer[:end]
        yield packet


def _extent(buffer: bytearray) -> tuple[int, int] | None:
    """Where the body of the first packet starts and ends; None while bytes of it are missing."""
    length = 0
    for count, digit in enumerate(buffer[1 : 1 + LENGTH_BYTES_MAX]):
        length |= (digit & 0x7F) << 7 * count
        if not digit & 0x80:
            start = 2 + count
            return (start, start + length) if len(buffer) >= start + length else None
    if len(buffer) > LENGTH_BYTES_MAX:
        raise BrokenPacket("remaining length")
    return None


class _Reader:
    """Fields one after another from a packet's body; ``BrokenPacket`` if the body is too short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise BrokenPacket("size")
        self._at += count
        return found

    def number(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def binary(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        try:
            return self.binary().decode()
        except UnicodeDecodeError:
            raise BrokenPacket("text") from None

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)


def _binary(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def acknowledged(packet: Raw) -> int:
    """The id that a PUBACK, SUBSCRIBE or UNSUBSCRIBE begins with."""
    return _Reader(packet.body).number()


def connack(code: int, *, session_present: bool = False) -> bytes:
    return Raw(CONNACK, 0, bytes((int(session_present), code))).encoded()


def puback(packet_id: int) -> bytes:
    return Raw(PUBACK, 0, packet_id.to_bytes(2, "big")).encoded()


def suback(packet_id: int, granted: list[int]) -> bytes:
    return Raw(SUBACK, 0, packet_id.to_bytes(2, "big") + bytes(granted)).encoded()


def unsuback(packet_id: int) -> bytes:
    return Raw(UNSUBACK, 0, packet_id.to_bytes(2, "big")).encoded()


PING_ANSWER = Raw(PINGRESP, 0, b"").encoded()


@dataclass(frozen=True, slots=True)
class Publish:
    """A message (3.3); ``packet_id`` is 0 with QoS 0."""

    topic: str
    payload: bytes
    packet_id: int = 0
    retain: bool = False
    again: bool = False

    @property
    def qos(self) -> int:
        return 1 if self.packet_id else 0

    @classmethod
    def decoded(cls, packet: Raw) -> Self:
        """Raises ``BrokenPacket``, also for QoS 2, which is not used here."""
        read, qos = _Reader(packet.body), packet.flags >> 1 & 3
        topic = read.text()
        packet_id = read.number() if qos else 0
        if qos > 1 or bool(qos) != bool(packet_id):
            raise BrokenPacket("qos" if qos > 1 else "packet id")
        return cls(topic, read.rest(), packet_id, bool(packet.flags & _RETAIN), bool(packet.flags & _DUP))

    def encoded(self) -> bytes:
        flags = (_DUP if self.again else 0) | 2 * self.qos | (_RETAIN if self.retain else 0)
        number = self.packet_id.to_bytes(2, "big") if self.packet_id else b""
        return Raw(PUBLISH, flags, _binary(self.topic.encode()) + number + self.payload).encoded()

    def at_qos_0(self) -> Self:
        """The same message for a peer that need not answer."""
        return replace(self, packet_id=0, again=False)


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes when a connection ends without a DISCONNECT (3.1.2.5)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Connect:
    """A client's first packet (3.1); ``user`` and ``password`` are "" where it gives none."""

    client_id: str
    keepalive_s: int
    clean: bool
    will: Will | None
    user: str
    password: str

    @classmethod
    def decoded(cls, packet: Raw) -> Self:
        """Raises ``BrokenPacket``, for other versions of MQTT too."""
        read = _Reader(packet.body)
        if read.take(len(_PROTOCOL)) != _PROTOCOL:
            raise BrokenPacket("protocol")
        flags, keepalive_s, client_id = read.take(1)[0], read.number(), read.text()
        will = None
        if flags & _WILL:
            will = Will(read.text(), read.binary(), flags >> 3 & 3, bool(flags & _WILL_RETAIN))
        user = read.text() if flags & _USER else ""
        password = read.text() if flags & _PASSWORD else ""
        return cls(client_id, keepalive_s, bool(flags & _CLEAN), will, user, password)


def subscriptions(packet: Raw) -> list[tuple[str, int]]:
    """The filters of a SUBSCRIBE, each with the QoS that is granted: 1 at most.  Raises ``BrokenPacket``."""
    read, found = _Reader(packet.body[2:]), []
    while read:
        found.append((read.text(), min(1, read.take(1)[0])))
    return found


def unsubscriptions(packet: Raw) -> list[str]:
    """The filters of an UNSUBSCRIBE.  Raises ``BrokenPacket``."""
    read, found = _Reader(packet.body[2:]), []
    while read:
        found.append(read.text())
    return found
