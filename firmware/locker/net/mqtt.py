"""The MQTT client: one connection kept up, QoS 1 pipelined through a window of unacknowledged packets.

It keeps no outbox.  After a broken connection this client sends nothing again, since data that must not be
lost is in the journal and is read again from there.  So a packet in flight when the connection broke is
dropped, and its id is free.
"""

import asyncio
import gc
from time import ticks_diff, ticks_ms

from micropython import const

from .backoff import Backoff
from .mqtt_codec import ProtocolError
from .mqtt_conversation import ServerRefused

_LOOK_S = const(1)  # between two looks at the state of link and connection
_LINK_POLL_S = 0.25
_IDLE_WAIT_S = const(120)  # a keypad in use for longer than this does not keep the locker offline


class Settings:
    """Server, credentials and timeouts of the connection.

    ``host`` is also the name that the server's certificate must bear; ``tls`` is a ``tls.Tls`` or
    ``None``.  ``keepalive_s`` (4 to 1,200) bounds how long a dead connection
    goes unnoticed: one and a half times as long.  Waits between tries grow from ``retry_first_s``
    to ``retry_most_s``, jittered.  ``connect_s`` is for TCP, TLS, CONNACK and SUBACK together; an ESP32
    shakes hands in some 3 s.
    """

    def __init__(
        self,
        host,
        port,
        client_id,
        user="",
        password="",
        tls=None,
        keepalive_s=60,
        retry_first_s=5,
        retry_most_s=300,
        connect_s=30,
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
        self.connect_s = connect_s


class Client:
    """One MQTT connection, made again whenever it breaks, for as long as ``run`` runs.

    ``link`` is a ``ports.Link``, ``resolver`` has ``async address(host) -> str``.  ``is_idle()`` is called
    before a connection is made, since a TLS handshake blocks an ESP32 for a moment: not while a customer is
    at the door.  ``conversation`` holds the large buffers: it is made at boot, while the heap is in one
    piece.  ``sweep()`` collects garbage, at once or soon.
    """

    def __init__(self, settings, link, resolver, is_idle, conversation, sweep=gc.collect):
        self._settings = settings
        self._link = link
        self._resolver = resolver
        self._is_idle = is_idle
        self._conversation = conversation
        self._sweep = sweep
        self.last_error = ""  # why the last try or connection ended, for status and people

    def attach(self, will_topic: bytes, will: bytes, topics, on_message) -> None:
        """Once, before ``run``: set the last will, the subscriptions, and the handler of messages.

        ``on_message(topic: str, payload, retained)`` is a plain function; ``payload`` is a
        ``memoryview`` good until it returns, ``None`` for a message too long for the conversation.
        """
        conversation = self._conversation
        conversation.will_topic, conversation.will = will_topic, will
        conversation.topics = topics
        conversation.on_message = on_message

    def is_up(self) -> bool:
        return self._conversation.up.is_set()

    async def wait_up(self) -> None:
        await self._conversation.up.wait()

    def in_flight(self) -> int:
        """How many published packets the server has not acknowledged."""
        return self._conversation.window.in_flight()

    def session(self) -> int:
        """Number of the connection: a caller that sees it change starts again."""
        return self._conversation.session

    async def publish(self, topic: bytes, fill, retain=False) -> bool:
        """Send one QoS 1 packet as soon as the window has room for it.

        ``fill(packet)`` is called when the packet can be sent, to ``put`` the payload of that moment; if it
        returns false, nothing is sent and this returns false too.  Returns when the packet is with the
        network, not yet with the server.  Raises ``NotConnected``.
        """
        return await self._conversation.publish(topic, fill, retain)

    async def run(self) -> None:
        """Connect, serve, reconnect; never returns.  Raises only for a fault in the firmware."""
        settings = self._settings
        conversation = self._conversation
        backoff = Backoff(settings.retry_first_s, settings.retry_most_s)
        wait_s = backoff.next_s()
        while True:
            await asyncio.sleep(wait_s)
            if not self._link.is_up():
                backoff.reset()
                while not self._link.is_up():
                    await asyncio.sleep(_LINK_POLL_S)
            was_up = await self._one_connection()
            error = conversation.error
            if not isinstance(error, (OSError, EOFError, ProtocolError, ServerRefused)):
                raise error
            self.last_error = "{}: {}".format(type(error).__name__, error)
            other_date = settings.tls and settings.tls.ended(self.last_error, was_up)
            if was_up:
                backoff.reset()
            # A retry with another date does not reset the backoff.
            wait_s = settings.retry_first_s if other_date else backoff.next_s()
            # A socket whose connecting was cancelled is closed only by garbage collection, and an ESP32 has
            # few sockets.
            self._sweep()

    async def _wait_idle(self) -> None:
        for _ in range(_IDLE_WAIT_S):
            if self._is_idle():
                return
            await asyncio.sleep(1)

    async def _one_connection(self) -> bool:
        """From connecting to closing; true if it ever was up."""
        conversation = self._conversation
        conversation.reset()
        task = asyncio.create_task(conversation.run(self._settings, self._resolver, self._wait_idle))
        try:
            await self._watch()
        finally:
            was_up = self.is_up()
            task.cancel()
            while not task.done():  # not awaited: the task's CancelledError cannot be distinguished from ours
                await asyncio.sleep(0)
            await conversation.close()
        return was_up

    async def _watch(self) -> None:
        """Watch until the connection ends by itself, or is found dead or too slow to come up."""
        conversation = self._conversation
        while True:
            try:
                await asyncio.wait_for(conversation.ended.wait(), _LOOK_S)
                return
            except asyncio.TimeoutError:  # noqa: UP041  MicroPython's is not the builtin
                pass  # still up: check it
            if not self._link.is_up():
                conversation.fail(OSError("link down"))
            elif self.is_up():
                conversation.look()
                if self._settings.tls and self._settings.tls.doubtful():
                    conversation.fail(OSError("the certificate is to be judged by the true date"))
                await self._keep_alive()
            elif conversation.connecting_ms() >= self._settings.connect_s * 1000:
                conversation.fail(OSError("no answer to connect"))

    async def _keep_alive(self) -> None:
        """Ping after half the keep-alive time without a byte in one direction; judge the silence.

        A server that answers pings but acknowledges no packet of a full window would block us for ever.
        """
        conversation = self._conversation
        keepalive_ms = self._settings.keepalive_s * 1000
        now_ms = ticks_ms()
        unheard_ms = ticks_diff(now_ms, conversation.heard_ms)
        if unheard_ms >= keepalive_ms:
            conversation.fail(OSError("silent"))
        elif conversation.stuck_ms(now_ms) * 4 >= keepalive_ms:
            conversation.fail(OSError("nothing is acknowledged"))
        elif max(unheard_ms, ticks_diff(now_ms, conversation.sent_ms)) * 2 >= keepalive_ms:
            try:
                await asyncio.wait_for(conversation.ping(), self._settings.keepalive_s / 4)
            except asyncio.TimeoutError:  # noqa: UP041
                conversation.fail(OSError("the network takes nothing"))
            except OSError as error:
                conversation.fail(error)
