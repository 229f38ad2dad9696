"""The MQTT client: one connection kept up, QoS 1 pipelined through a window of unacknowledged packets.

It owns the socket and nothing else: what is published comes from whoever calls ``publish``, what
arrives goes to ``on_message``.  It keeps no outbox.  After a broken connection nothing is sent
again from here, for what must not be lost lies in the journal and is read again from there; so a
packet in flight when the connection broke is simply forgotten, its id free for the next one.
"""

import asyncio
import gc
import sys
from time import ticks_diff, ticks_ms

from micropython import const

from .backoff import Backoff
from .mqtt_codec import CONNACK, E_ORDER, PINGRESP, PUBACK, PUBLISH, SUBACK, Decoder, ProtocolError
from .mqtt_packet import Packet

_READ_BYTES = const(512)
_CONNECT_MS = const(30000)  # TCP, TLS, CONNACK and SUBACK together; an ESP32 shakes hands in some 3 s
_LOOK_S = const(10)  # at most this long between two looks at the state of the connection
_LINK_POLL_S = 0.25
_IDLE_WAIT_S = const(120)  # a keypad mashed for longer than this does not keep the locker offline
_SUBSCRIBE_ID = const(65535)  # outside the ids of the window, which are 1 to its size
_REFUSALS = ("", "protocol version", "client id", "unavailable", "user or password", "not authorised")

_CONNECTING = const(0)
_SUBSCRIBING = const(1)
_SERVING = const(2)

# CPython's transports keep a reference to what they could not send at once, while the buffer is
# used again; MicroPython's streams copy it.
_COPY_ON_WRITE = sys.implementation.name == "cpython"


class NotConnected(Exception):
    """The connection a caller counted on is gone."""


class Refused(Exception):
    """The server said no; the text tells to what."""


class HandlerFailed(Exception):
    """``on_message`` raised its argument: a fault in the firmware, whatever its type."""


class Settings:
    """Where and as whom to connect, and how patiently.

    ``host`` is also the name that the server's certificate must bear; ``tls`` is an
    ``ssl.SSLContext`` or ``None``.  ``keepalive_s`` (4 to 1,200) bounds how long a dead connection
    goes unnoticed: one and a half times as long.  Waits between tries grow from ``retry_first_s``
    to ``retry_most_s``, jittered.
    """

    def __init__(
        self, host, port, client_id, user="", password="", tls=None, keepalive_s=60, retry_first_s=5, retry_most_s=300
    ):
        self.host = host
        self.port = port
        self.client_id = client_id.encode()
        self.user = user.encode()
        self.password = password.encode()
        self.tls = tls
        self.keepalive_s = keepalive_s
        self.retry_first_s = retry_first_s
        self.retry_most_s = retry_most_s


class Client:
    """One MQTT connection, made again whenever it breaks, for as long as ``run`` runs.

    ``link`` is a ``ports.Link``, ``resolver`` has ``async address(host) -> str``.  ``is_idle()`` is
    asked before a connection is made, for a TLS handshake stops an ESP32 for a moment: not while a
    customer is at the door.  ``rx_bytes`` bounds a message that can be received; a longer one is
    acknowledged and handed on without its payload.  ``tx_bytes`` bounds one that can be sent.
    ``window`` (1 to 1,000) is how many packets may be unacknowledged before ``publish`` waits.
    """

    def __init__(self, settings, link, resolver, is_idle, rx_bytes=8448, tx_bytes=4352, window=32):
        self._settings = settings
        self._link = link
        self._resolver = resolver
        self._is_idle = is_idle
        self._packet = Packet(tx_bytes)
        self._decoder = Decoder(rx_bytes)
        self._will_topic = self._will = b""
        self._topics = ()
        self._on_message = None
        self._reader = self._writer = None
        self._lock = asyncio.Lock()  # held while the packet buffer is in use
        self._window = window
        self._in_flight = bytearray(window + 1)  # [packet id] is 1 while unacknowledged
        self._free = [0] * window  # the ids at rest: a stack
        self._free_count = 0
        self._room = asyncio.Event()
        self._up = asyncio.Event()
        self._ended = asyncio.Event()
        self._error = None
        self._stage = _CONNECTING
        self._sent_ms = self._heard_ms = 0
        self.session = 0  # counts connections: whoever sees it change starts again
        self.last_error = ""  # why the last try or connection ended, for status and people
        self.stray_acks = 0

    def attach(self, will_topic: bytes, will: bytes, topics, on_message) -> None:
        """Once, before ``run``: the last will, what to subscribe to, and who gets what arrives.

        ``on_message(topic: str, payload, retained)`` is a plain function; ``payload`` is a
        ``memoryview`` good until it returns, ``None`` for a message longer than ``rx_bytes``.
        """
        self._will_topic, self._will = will_topic, will
        self._topics = topics
        self._on_message = on_message

    def is_up(self) -> bool:
        return self._up.is_set()

    async def wait_up(self) -> None:
        await self._up.wait()

    def in_flight(self) -> int:
        """How many published packets the server has not acknowledged."""
        return self._window - self._free_count

    async def publish(self, topic: bytes, fill, retain=False) -> bool:
        """Send one QoS 1 packet as soon as the window has room for it.

        ``fill(packet)`` is called when nothing is in the way any more, to ``put`` the payload that
        is right at that moment; when it returns false nothing is sent, and so does this.  Returns
        when the packet is with the network, not yet with the server.  Raises ``NotConnected``.
        """
        session = self.session
        while True:
            # Not with the lock held: acknowledging what arrives needs it, and room comes from there.
            while not self._free_count and session == self.session:
                self._room.clear()
                await self._room.wait()
            async with self._lock:
                if session != self.session or not self._up.is_set():
                    raise NotConnected
                if self._free_count:
                    return await self._publish(topic, fill, retain)

    async def _publish(self, topic: bytes, fill, retain: bool) -> bool:
        packet_id = self._free[self._free_count - 1]
        self._packet.begin_publish(topic, packet_id, retain)
        if not fill(self._packet):
            return False
        self._free_count -= 1
        self._in_flight[packet_id] = 1
        try:
            await self._send(self._packet.end_publish())
        except OSError as error:
            self._fail(error)
            raise NotConnected
        return True

    async def run(self) -> None:
        """Connect, serve, reconnect; never returns.  Raises only what is a fault in the firmware."""
        settings = self._settings
        backoff = Backoff(settings.retry_first_s, settings.retry_most_s)
        while True:
            await asyncio.sleep(backoff.next_s())
            if not self._link.is_up():
                backoff.reset()
                while not self._link.is_up():
                    await asyncio.sleep(_LINK_POLL_S)
            await self._wait_idle()
            was_up = await self._one_connection()
            if not isinstance(self._error, (OSError, EOFError, ProtocolError, Refused)):
                raise self._error
            self.last_error = "{}: {}".format(type(self._error).__name__, self._error)
            if was_up:
                backoff.reset()
            # A socket whose connecting was cancelled is only closed when it is collected, and an
            # ESP32 has a handful of them.
            gc.collect()

    async def _wait_idle(self) -> None:
        for _ in range(_IDLE_WAIT_S):
            if self._is_idle():
                return
            await asyncio.sleep(1)

    async def _one_connection(self) -> bool:
        """From connecting to the end of it, whose reason is in ``_error``; true if it ever was up."""
        self._error = None
        self._ended.clear()
        self._decoder.reset()
        for i in range(self._window):
            self._free[i] = i + 1
            self._in_flight[i + 1] = 0
        self._free_count = self._window
        task = asyncio.create_task(self._serve())
        try:
            await self._watch()
        finally:
            was_up = self._up.is_set()
            self._up.clear()
            self.session += 1
            self._room.set()
            task.cancel()
            while not task.done():  # awaiting it would raise its CancelledError, or ours: which?
                await asyncio.sleep(0)
            if self._writer:
                self._writer.close()
                try:
                    await self._writer.wait_closed()
                except OSError:
                    pass  # it was broken: that is why it is being closed, and said in ``_error``
                self._reader = self._writer = None
        return was_up

    async def _watch(self) -> None:
        """Until the connection ends by itself, or is found dead or too slow to come up."""
        began_ms = ticks_ms()
        keepalive_ms = self._settings.keepalive_s * 1000
        look_s = min(_LOOK_S, self._settings.keepalive_s / 4)
        while not self._ended.is_set():
            try:
                await asyncio.wait_for(self._ended.wait(), look_s)
                return
            except asyncio.TimeoutError:  # noqa: UP041  MicroPython's is not the builtin
                now_ms = ticks_ms()
            if not self._link.is_up():
                self._fail(OSError("link down"))
            elif not self._up.is_set():
                if ticks_diff(now_ms, began_ms) >= _CONNECT_MS:
                    self._fail(OSError("no answer to connect"))
            elif ticks_diff(now_ms, self._heard_ms) >= keepalive_ms:
                self._fail(OSError("silent"))
            elif (
                ticks_diff(now_ms, self._heard_ms) * 2 >= keepalive_ms
                or ticks_diff(now_ms, self._sent_ms) * 2 >= keepalive_ms
            ):
                try:
                    await asyncio.wait_for(self._ping(), look_s)
                except asyncio.TimeoutError:  # noqa: UP041  MicroPython's is not the builtin
                    self._fail(OSError("network takes nothing"))
                except OSError as error:
                    self._fail(error)

    async def _ping(self) -> None:
        async with self._lock:
            await self._send(self._packet.pingreq())

    def _fail(self, error) -> None:
        if self._error is None:
            self._error = error
        self._ended.set()

    async def _serve(self) -> None:
        try:
            await self._converse()
        except Exception as error:  # noqa: BLE001  ``run`` looks at it and raises what is a fault
            self._fail(error)
        finally:
            self._ended.set()

    async def _converse(self) -> None:
        settings = self._settings
        address = await self._resolver.address(settings.host)
        name = settings.host if settings.tls else None
        self._reader, self._writer = await asyncio.open_connection(
            address, settings.port, ssl=settings.tls, server_hostname=name
        )
        self._stage = _CONNECTING
        async with self._lock:
            await self._send(
                self._packet.connect(
                    settings.client_id,
                    settings.keepalive_s,
                    settings.user,
                    settings.password,
                    self._will_topic,
                    self._will,
                )
            )
        decoder = self._decoder
        while True:
            data = await self._reader.read(_READ_BYTES)
            if not data:
                raise EOFError("closed by the server")
            self._heard_ms = ticks_ms()
            decoder.feed(data)
            packet = decoder.next()
            while packet:
                if packet[0] == PUBACK and self._stage != _CONNECTING:
                    self._acknowledged(packet[1])
                else:
                    await self._received(packet)
                packet = decoder.next()

    async def _received(self, packet) -> None:
        kind = packet[0]
        if kind == CONNACK and self._stage == _CONNECTING:
            if packet[2]:
                raise Refused(_REFUSALS[packet[2]])
            self._stage = _SUBSCRIBING
            async with self._lock:
                await self._send(self._packet.subscribe(_SUBSCRIBE_ID, self._topics))
        elif self._stage == _CONNECTING:
            raise ProtocolError(E_ORDER)
        elif kind == PUBLISH:
            # A stored session may deliver before the SUBACK.
            _, topic, payload, packet_id, retained = packet
            try:
                self._on_message(topic, payload, retained)
            except Exception as error:  # noqa: BLE001  raised again as what it is: not the network's fault
                raise HandlerFailed(error)
            if packet_id:
                async with self._lock:
                    await self._send(self._packet.puback(packet_id))
        elif kind == SUBACK and self._stage == _SUBSCRIBING and packet[1] == _SUBSCRIBE_ID:
            if len(packet[2]) != len(self._topics):
                raise ProtocolError(E_ORDER)
            if 0x80 in packet[2]:
                raise Refused("subscription")
            self._stage = _SERVING
            self._up.set()
        elif kind != PINGRESP:
            raise ProtocolError(E_ORDER)

    def _acknowledged(self, packet_id: int) -> None:
        if packet_id > self._window or not self._in_flight[packet_id]:
            self.stray_acks += 1  # a second acknowledgement does no harm
            return
        self._in_flight[packet_id] = 0
        self._free[self._free_count] = packet_id
        self._free_count += 1
        self._room.set()

    async def _send(self, view) -> None:
        """Hand one packet to the network in one write; the lock is held."""
        sent = False
        try:
            self._writer.write(bytes(view) if _COPY_ON_WRITE else view)
            self._sent_ms = ticks_ms()
            await self._writer.drain()
            sent = True
        finally:
            if not sent:  # part of a packet may be out: nothing can follow it
                self._fail(OSError("write cut short"))
