"""Bytes from an MQTT 3.1.1 server to packets, without a socket; the other way is ``mqtt_packet.py``.

``Decoder`` takes bytes as they arrive, however they were cut, and gives whole packets.  Only what a client
with QoS 0 and 1 can receive is here.  Bytes that the standard forbids a server to send raise
``ProtocolError`` with one reason; the connection must then be closed [4.8].  Section numbers in brackets are
those of the OASIS standard of 29 October 2014.
"""

from micropython import const

CONNACK = const(2)
PUBLISH = const(3)
PUBACK = const(4)
SUBACK = const(9)
PINGRESP = const(13)

E_TYPE = const(0)  # a packet only clients send, QoS 2, or a reserved type
E_FLAGS = const(1)  # reserved bits of the first byte [2.2.2]
E_LENGTH = const(2)  # a remaining length of more than four bytes [2.2.3]
E_TOO_LONG = const(3)  # longer than this client is willing to skip
E_SIZE = const(4)  # the remaining length does not fit the kind of packet
E_QOS = const(5)  # QoS 3, QoS 2 which was never asked for, or DUP with QoS 0 [3.3.1]
E_TEXT = const(6)  # not UTF-8, a surrogate, or a null character [1.5.3]
E_TOPIC = const(7)  # empty, or with a wildcard [3.3.2]
E_PACKET_ID = const(8)  # zero [2.3.1]
E_CODE = const(9)  # a reserved return code or acknowledge flag [3.2.2, 3.9.3]
E_ORDER = const(10)  # a packet that is not allowed now; detected by the client, not here

REASONS = (
    "packet type",
    "flags",
    "remaining length",
    "too long",
    "size",
    "qos",
    "text",
    "topic",
    "packet id",
    "return code",
    "order",
)

_SKIP_BYTES_MAX = const(1048576)  # no honest server sends more to a locker


class ProtocolError(Exception):
    """The server broke the standard; ``reason`` is one of ``E_``, the text its name."""

    def __init__(self, reason):
        super().__init__(REASONS[reason])
        self.reason = reason


# States of the decoder: what it waits for.
_FIRST = const(0)
_LENGTH = const(1)
_BODY = const(2)


class Decoder:
    """Bytes in, packets out.

    ``feed`` some bytes, then call ``next`` until it gives ``None``.  A packet is one of

    - ``(CONNACK, session_present, code)``
    - ``(PUBLISH, topic: str, payload, packet_id, retained)``: ``packet_id`` 0 for QoS 0.  The
      payload is a ``memoryview`` into the decoder, good until ``next`` is called again, or
      ``None`` when the packet was longer than ``bytes_max``: the bytes were dropped, yet the
      packet can still be acknowledged, or the server would send it for ever.
    - ``(PUBACK, packet_id)``
    - ``(SUBACK, packet_id, codes: bytes)``
    - ``(PINGRESP,)``

    Packets of more than 1 MiB are an error.
    """

    def __init__(self, bytes_max: int):
        self._buf = memoryview(bytearray(bytes_max))
        self.reset()

    def reset(self) -> None:
        """Forget what was fed: the next byte is the first of a new connection."""
        self._data = b""
        self._at = 0
        self._state = _FIRST
        self._first = 0
        self._length = 0
        self._shift = 0
        self._have = 0  # bytes of the body seen, stored or not

    def feed(self, data) -> None:
        """Take the next bytes; all earlier ones must have been used up by ``next``."""
        self._data = memoryview(data)
        self._at = 0

    def next(self):
        """The next whole packet, or ``None`` when more bytes are needed."""
        data = self._data
        while self._at < len(data):
            if self._state == _BODY:
                if self._take_body(data):
                    self._state = _FIRST
                    return self._packet()
                continue
            byte = data[self._at]
            self._at += 1
            if self._state == _FIRST:
                _check_first(byte)
                self._first = byte
                self._length = self._shift = self._have = 0
                self._state = _LENGTH
                continue
            self._length |= (byte & 0x7F) << self._shift
            self._shift += 7
            if byte & 0x80:
                if self._shift >= 28:
                    raise ProtocolError(E_LENGTH)
                continue
            self._check_length()
            self._state = _BODY
            if self._length == 0:
                self._state = _FIRST
                return self._packet()
        return None

    def _check_length(self) -> None:
        """Refuse a wrong size before its bytes arrive: otherwise a long one would be waited for in vain."""
        kind = self._first >> 4
        length = self._length
        if kind == PUBLISH:
            if length > _SKIP_BYTES_MAX:
                raise ProtocolError(E_TOO_LONG)
            wrong = length < (5 if self._first & 0x06 else 3)
        elif kind == PINGRESP:
            wrong = length != 0
        elif kind == SUBACK:
            wrong = length < 3 or length > len(self._buf)
        else:
            wrong = length != 2
        if wrong:
            raise ProtocolError(E_SIZE)

    def _take_body(self, data) -> bool:
        """Store this packet's bytes as far as they fit; true when its last byte has been seen."""
        count = min(len(data) - self._at, self._length - self._have)
        fits = min(count, len(self._buf) - self._have)
        if fits > 0:
            self._buf[self._have : self._have + fits] = data[self._at : self._at + fits]
        self._have += count
        self._at += count
        return self._have == self._length

    def _packet(self):
        kind = self._first >> 4
        buf = self._buf
        if kind == PUBACK:
            return (PUBACK, _packet_id(buf, 0))
        if kind == PUBLISH:
            return self._publish()
        if kind == PINGRESP:
            return (PINGRESP,)
        if kind == CONNACK:
            if buf[0] > 1 or buf[1] > 5 or (buf[0] and buf[1]):
                raise ProtocolError(E_CODE)
            return (CONNACK, buf[0] == 1, buf[1])
        codes = bytes(buf[2 : self._length])
        for code in codes:
            if code > 2 and code != 0x80:
                raise ProtocolError(E_CODE)
        return (SUBACK, _packet_id(buf, 0), codes)

    def _publish(self):
        buf = self._buf
        qos = self._first >> 1 & 3
        topic_end = 2 + (buf[0] << 8 | buf[1])
        start = topic_end + (2 if qos else 0)
        if start > self._length or start > len(buf):
            raise ProtocolError(E_SIZE)
        topic = buf[2:topic_end]
        if not utf8_ok(topic):
            raise ProtocolError(E_TEXT)
        topic = str(topic, "utf-8")
        if not topic or "+" in topic or "#" in topic:
            raise ProtocolError(E_TOPIC)
        packet_id = _packet_id(buf, topic_end) if qos else 0
        payload = buf[start : self._length] if self._length <= len(buf) else None
        return (PUBLISH, topic, payload, packet_id, bool(self._first & 1))


def _check_first(byte: int) -> None:
    kind = byte >> 4
    if kind == PUBLISH:
        qos = byte >> 1 & 3
        if qos > 1 or (byte & 0x08 and not qos):
            raise ProtocolError(E_QOS)
    elif kind not in (CONNACK, PUBACK, SUBACK, PINGRESP):
        raise ProtocolError(E_TYPE)
    elif byte & 0x0F:
        raise ProtocolError(E_FLAGS)


def _packet_id(buf, at: int) -> int:
    packet_id = buf[at] << 8 | buf[at + 1]
    if packet_id == 0:
        raise ProtocolError(E_PACKET_ID)
    return packet_id


# The range allowed after these first bytes: no overlong forms, no surrogates, nothing beyond U+10FFFF.
_SECOND = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}


def utf8_ok(data) -> bool:
    """Whether ``data`` is UTF-8 as MQTT wants it: shortest form, no surrogates, no U+0000.

    MicroPython's own decoder lets overlong forms and surrogates pass, CPython's does not; both
    ends of a system must agree on what a topic is, hence a check of our own [1.5.3].
    """
    need = 0  # continuation bytes still to come
    low, high = 0x80, 0xBF  # the allowed range of the next of them
    for byte in data:
        if need:
            if not low <= byte <= high:
                return False
            need -= 1
            low, high = 0x80, 0xBF
        elif 0xC2 <= byte <= 0xF4:
            need = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
            low, high = _SECOND.get(byte, (0x80, 0xBF))
        elif byte == 0 or byte >= 0x80:
            return False
    return need == 0
