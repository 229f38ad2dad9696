"""One MQTT connection from CONNECT to its end: the order of the packets and their answers.

It does not wait or try again; ``mqtt.Client`` does that.  Section numbers in
brackets are those of the MQTT 3.1.1 standard.
"""

import asyncio
import sys
from time import ticks_diff, ticks_ms

from micropython import const

from .mqtt_codec import CONNACK, E_ORDER, PINGRESP, PUBACK, PUBLISH, SUBACK, Decoder, ProtocolError
from .mqtt_packet import Packet
from .mqtt_window import Window

_READ_BYTES = const(512)
_SUBSCRIBE_ID = const(65535)  # outside the ids of the window
_REFUSALS = ("", "protocol version", "client id", "unavailable", "user or password", "not authorised")
_FAILURE = const(0x80)  # a subscription the server does not grant [3.9.3]

_CONNECTING = const(0)
_SUBSCRIBING = const(1)
_SERVING = const(2)

# CPython's transports keep a reference to bytes not yet sent, while the buffer is used again; MicroPython's
# streams copy them.
_COPY_ON_WRITE = sys.implementation.name == "cpython"


class NotConnected(Exception):
    """The connection that a caller wanted to use is gone."""


class ServerRefused(Exception):
    """The server refused; the text says what."""


class HandlerFailed(Exception):
    """``on_message`` raised its argument: a fault in the firmware, whatever its type."""


class Conversation:
    """Its buffers are made once and serve one connection after the other.

    ``will_topic``, ``will`` (bytes), ``topics`` and ``on_message`` are set before ``run``; see
    ``mqtt.Client.attach``.  ``heard_ms`` and ``sent_ms`` are the ticks of the last bytes of each direction.
    ``up`` is set while the server has accepted connection and subscriptions, ``ended`` when the connection is
    dead.

    ``rx_bytes`` bounds a message that can be received; a longer one is acknowledged and handed on
    without its payload.  ``tx_bytes`` bounds one that can be sent.  ``window`` (1 to 1,000) is how many
    packets may be unacknowledged before ``publish`` waits.
    """

    def __init__(self, rx_bytes: int = 4352, tx_bytes: int = 4352, window: int = 32):
        self.will_topic = self.will = b""
        self.topics = ()
        self.on_message = None
        self.window = Window(window)
        self.up = asyncio.Event()
        self.ended = asyncio.Event()
        self.error = None  # why it ended: the first reason counts
        self.session = 0  # counts connections
        self.heard_ms = self.sent_ms = self._full_ms = 0
        self._packet = Packet(tx_bytes)
        self._decoder = Decoder(rx_bytes)
        self._arrived = memoryview(bytearray(_READ_BYTES))  # bytes of the last read
        self._lock = asyncio.Lock()  # held while the packet's buffer is in use
        self._reader = self._writer = None
        self._stage = _CONNECTING
        self._began_ms = None  # when the connecting began

    def fail(self, error) -> None:
        """Mark the connection as dead: the task that waits on ``ended`` will close it."""
        if self.error is None:
            self.error = error
        self.ended.set()

    def reset(self) -> None:
        """Ready for the next connection."""
        self.error = None
        self.ended.clear()
        self._decoder.reset()
        self._stage = _CONNECTING
        self._began_ms = None

    def connecting_ms(self) -> int:
        """How long the connecting has taken; -1: it has not begun."""
        return -1 if self._began_ms is None else ticks_diff(ticks_ms(), self._began_ms)

    async def run(self, settings, resolver, wait_idle) -> None:
        """Connect and serve until the connection ends; never raises but when cancelled.

        ``wait_idle()`` returns when nobody would notice that the TLS handshake blocks the chip; it is called
        after the address is known, since that may take so long that a customer has come.

        ``error`` is then ``OSError``, ``EOFError``, ``ProtocolError``, ``ServerRefused``, or a fault.
        """
        try:
            address = await resolver.address(settings.host)
            await wait_idle()
            self._began_ms = ticks_ms()
            await self._connect(settings, address)
            await self._serve()
        except Exception as error:  # noqa: BLE001  ``Client.run`` tells a fault from the network's ways
            self.fail(error)
        finally:
            self.ended.set()

    async def _connect(self, settings, address: str) -> None:
        tls = settings.tls
        if tls:
            tls.prepare()
        self._reader, self._writer = await asyncio.open_connection(
            address, settings.port, ssl=tls and tls.context, server_hostname=settings.host if tls else None
        )
        async with self._lock:
            packet = self._packet.connect(
                settings.client_id,
                settings.keepalive_s,
                settings.user,
                settings.password,
                self.will_topic,
                self.will,
            )
            await self._send(packet)

    async def _serve(self) -> None:
        decoder, arrived = self._decoder, self._arrived
        while True:
            count = await self._reader.readinto(arrived)
            if count is None:  # TLS: the rest of a record is still to come
                continue
            if not count:
                raise EOFError("closed by the server")
            self.heard_ms = ticks_ms()
            decoder.feed(arrived[:count])
            packet = decoder.next()
            while packet:
                if self._stage == _CONNECTING:
                    await self._welcomed(packet)
                elif packet[0] == PUBACK:
                    self.window.acknowledge(packet[1])  # pyright: ignore
                else:
                    await self._received(packet)
                packet = decoder.next()

    def look(self) -> None:
        """Call each second while it is up."""
        self._packet.fit.look(not self.window.in_flight())

    def stuck_ms(self, now_ms: int) -> int:
        """How long the window has been full without an acknowledgement; 0 while there is room."""
        return 0 if self.window.free_count else ticks_diff(now_ms, self._full_ms)

    async def close(self) -> None:
        """Close the socket and wake all waiting publishers; ``run`` must have ended."""
        self._packet.fit.ended(self.up.is_set())
        self.up.clear()
        self.session += 1
        self.window.reset()
        if self._writer:
            self._writer.close()
            try:
                await self._writer.wait_closed()
            except OSError:
                pass  # it was broken already
            self._reader = self._writer = None

    async def publish(self, topic: bytes, fill, retain: bool) -> bool:
        """See ``mqtt.Client.publish``."""
        session = self.session
        while True:
            # Without the lock: the receiving task needs it to acknowledge messages, and only that task makes
            # room.
            while not self.window.free_count and session == self.session:
                await self.window.wait_room()
            async with self._lock:
                if session != self.session or not self.up.is_set():
                    raise NotConnected
                if self.window.free_count:
                    return await self._publish(topic, fill, retain)

    async def _publish(self, topic: bytes, fill, retain: bool) -> bool:
        self._packet.begin_publish(topic, self.window.peek(), retain)
        if not fill(self._packet):
            return False
        self.window.take()
        self._packet.fit.sent(self._packet.end)
        self._full_ms = ticks_ms()  # meaningful only if this was the last free id
        try:
            await self._send(self._packet.end_publish())
        except OSError:
            raise NotConnected
        return True

    async def ping(self) -> None:
        async with self._lock:
            await self._send(self._packet.pingreq())

    async def _welcomed(self, packet) -> None:
        """The first packet, which must be CONNACK [3.2]."""
        if packet[0] != CONNACK:
            raise ProtocolError(E_ORDER)
        if packet[2]:
            raise ServerRefused(_REFUSALS[packet[2]])
        self._stage = _SUBSCRIBING
        async with self._lock:
            await self._send(self._packet.subscribe(_SUBSCRIBE_ID, self.topics))

    async def _received(self, packet) -> None:
        kind = packet[0]
        if kind == PUBLISH:  # before SUBACK too, when the session was stored
            _, topic, payload, packet_id, retained = packet
            try:
                self.on_message(topic, payload, retained)
            except Exception as error:  # noqa: BLE001  raised again as what it is: not the network's fault
                raise HandlerFailed(error)
            if packet_id:
                async with self._lock:
                    await self._send(self._packet.puback(packet_id))
        elif kind == SUBACK and self._stage == _SUBSCRIBING:
            _, packet_id, codes = packet
            if packet_id != _SUBSCRIBE_ID or len(codes) != len(self.topics):
                raise ProtocolError(E_ORDER)
            if _FAILURE in codes:
                raise ServerRefused("subscription")
            self._stage = _SERVING
            self.up.set()
        elif kind != PINGRESP:
            raise ProtocolError(E_ORDER)

    async def _send(self, view) -> None:
        """Hand one packet to the network in one write; the lock is held."""
        try:
            self._writer.write(bytes(view) if _COPY_ON_WRITE else view)
            self.sent_ms = ticks_ms()
            await self._writer.drain()
        except BaseException as error:
            # Also when cancelled: part of a packet may have been sent, and nothing can follow it.
            if isinstance(error, ValueError):  # MicroPython's TLS, about the server's certificate
                error = OSError("TLS: " + str(error))
            self.fail(error if isinstance(error, OSError) else OSError("a packet was cut short"))
            raise error
