"""Packets of an MQTT 3.1.1 client to bytes, without a socket; the other way is ``mqtt_codec.py``.

``Packet`` builds one outgoing packet at a time in a buffer made once.  Section numbers in brackets
are those of the OASIS standard of 29 October 2014.
"""

from micropython import const

from .fit import Fit

_CONNECT_BYTE = const(0x10)
_PUBLISH_BYTE = const(0x30)
_PUBACK_BYTE = const(0x40)
_SUBSCRIBE_BYTE = const(0x82)  # flags 0010 [3.8.1]
_PINGREQ_BYTE = const(0xC0)

# Room for the fixed header before a packet whose length is known only at its end: one byte and at
# most four of remaining length, written right-aligned.
_HEADER_ROOM = const(5)


class Packet:
    """One outgoing packet in a buffer of ``bytes_max`` bytes made once and used for all.

    A method named after a packet writes it and returns the ``memoryview`` to send, valid until the next
    packet is begun.  ``publish`` comes in two halves, so that the payload can be written in place with
    ``put``.  Raises ``ValueError`` for what does not fit.
    """

    def __init__(self, bytes_max: int):
        self._view = memoryview(bytearray(bytes_max))
        self.end = _HEADER_ROOM  # where the next ``put`` goes
        self.fit = Fit(bytes_max)
        self._publish_byte = _PUBLISH_BYTE

    def room(self) -> int:
        """How many more bytes a message should have that can be cut; ``put`` may take more."""
        return self.fit.limit - self.end

    def put(self, data) -> None:
        """Append ``data`` (bytes or a view)."""
        end = self.end + len(data)
        if end > len(self._view):
            raise ValueError("packet of more than {} bytes".format(len(self._view)))
        self._view[self.end : end] = data
        self.end = end

    def view(self, start: int):
        """The bytes written since ``start``, an earlier value of ``end``."""
        return self._view[start : self.end]

    def _put_u16(self, value: int) -> None:
        self.put(bytes((value >> 8, value & 0xFF)))

    def _put_text(self, data: bytes) -> None:
        if len(data) > 65535:
            raise ValueError("text of {} bytes".format(len(data)))
        self._put_u16(len(data))
        self.put(data)

    def _finish(self, first: int):
        length = self.end - _HEADER_ROOM
        start = _HEADER_ROOM - (2 if length < 128 else 3 if length < 16384 else 4 if length < 2097152 else 5)
        self._view[start] = first
        i = start + 1
        while length > 127:
            self._view[i] = length & 0x7F | 0x80
            length >>= 7
            i += 1
        self._view[i] = length
        return self._view[start : self.end]

    def connect(self, client_id: bytes, keepalive_s: int, user, password, will_topic, will):
        """CONNECT with a stored session (clean session 0).

        All texts are ``bytes``; an empty ``user`` or ``will_topic`` means none.  The will is
        retained and published with QoS 1 [3.1.2].
        """
        self.end = _HEADER_ROOM
        flags = 0
        if will_topic:
            flags |= 0x04 | 0x08 | 0x20
        if user:
            flags |= 0xC0
        self._put_text(b"MQTT")
        self.put(bytes((4, flags)))
        self._put_u16(keepalive_s)
        self._put_text(client_id)
        if will_topic:
            self._put_text(will_topic)
            self._put_text(will)
        if user:
            self._put_text(user)
            self._put_text(password)
        return self._finish(_CONNECT_BYTE)

    def subscribe(self, packet_id: int, topics):
        """SUBSCRIBE to all of ``topics`` (bytes) with QoS 1 at most."""
        self.end = _HEADER_ROOM
        self._put_u16(packet_id)
        for topic in topics:
            self._put_text(topic)
            self.put(b"\x01")
        return self._finish(_SUBSCRIBE_BYTE)

    def begin_publish(self, topic: bytes, packet_id: int, retain: bool) -> None:
        """First half of PUBLISH, QoS 1 when ``packet_id`` is not 0; then ``put`` the payload."""
        self.end = _HEADER_ROOM
        self._publish_byte = _PUBLISH_BYTE | (0x02 if packet_id else 0) | (0x01 if retain else 0)
        self._put_text(topic)
        if packet_id:
            self._put_u16(packet_id)

    def end_publish(self):
        """Second half of PUBLISH."""
        return self._finish(self._publish_byte)

    def puback(self, packet_id: int):
        self.end = _HEADER_ROOM
        self._put_u16(packet_id)
        return self._finish(_PUBACK_BYTE)

    def pingreq(self):
        self.end = _HEADER_ROOM
        return self._finish(_PINGREQ_BYTE)
