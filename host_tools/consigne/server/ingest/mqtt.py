"""The host's MQTT connection: gmqtt in MQTT 3.1.1 mode, subscribed to what lockers say.

The broker may come and go.  Every connection is a new gmqtt client with a clean session: no persistent
session is needed, since a locker sends unacknowledged events again, and gmqtt's own reconnecting would leave
a session that the broker goes on filling although nobody reads it.
"""

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import gmqtt

from consigne.protocol import topics

from ..complaints import Complaints

log = logging.getLogger(__name__)

KEEPALIVE_S = 30
CONNECT_TIMEOUT_S = 15.0
GOODBYE_S = 3.0
REFUSAL_S = 0.2  # how long gmqtt may take to say why a connection ended
PAUSE_S = (0.5, 1.5)  # between connections, drawn evenly: several hosts must not come back together
PAUSE_TIMES_MAX = 4
"""How many times as long a pause may become while each attempt fails: a broker that is back is found soon."""
NO_RECONNECT = -2  # gmqtt reconnects while failures <= this; -1 would mean for ever

EVERYTHING = tuple(f"{topics.ROOT}/+/{name}" for name in topics.FROM_LOCKER)

Receive = Callable[[str, bytes, bool], None]

logging.getLogger("gmqtt").setLevel(logging.CRITICAL)  # it logs every end of a connection as an error


class HungUpError(ConnectionError):
    """The broker closed the connection before it accepted it."""


def why_not(error: Exception, *, tls: bool) -> str:
    """In a few words why there is no connection to the broker: the system's text, or a hint what to check."""
    if isinstance(error, HungUpError | ConnectionResetError | ConnectionAbortedError | BrokenPipeError):
        hint = "does it speak TLS at this port?" if tls else "does it want TLS? give --ca"
        return f"it closed the connection at once: {hint}"
    return str(error) or "no answer"


def _ignore(topic: str, payload: bytes, retained: bool) -> None:
    """Nobody listens yet, or any longer: what is not stored is not acknowledged, so it is sent again."""


def _nothing() -> None:
    """The default callback: do nothing."""


class HostClient:
    """A connection to the broker that is made again whenever it ends.

    ``receive(topic, payload, retained)`` is called in the event loop for each message and ``lost()``
    after the last one of a connection; neither may raise.  ``connected`` is set while the broker has
    confirmed the ``subscriptions``, which are to all that lockers say unless others are given.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        client_id: str,
        username: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        subscriptions: tuple[str, ...] | None = None,
    ) -> None:
        self._subscriptions = subscriptions or EVERYTHING
        self.receive: Receive = _ignore
        self.lost: Callable[[], None] = _nothing
        self.connected = asyncio.Event()
        self.connections = 0
        self._host, self._port, self._tls = host, port, tls
        self._client_id, self._username, self._password = client_id, username, password
        self._client: gmqtt.Client | None = None
        self._complaints = Complaints(log)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        """Whether messages can be sent and received now."""
        return self.connected.is_set() and self._client is not None and self._client.is_connected

    def start(self) -> None:
        """Begin to connect; ``connected`` tells when it is done."""
        self._task = asyncio.create_task(self._run(), name="mqtt")

    async def wait_failed(self) -> None:
        """Wait for as long as the task runs; raise what ended it."""
        if self._task is None:
            raise RuntimeError("the client is not started")
        await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Disconnect and try no more."""
        self.receive, self.lost = _ignore, _nothing
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send at QoS 1; False, and nothing is kept for later, without a connection."""
        if self._client is None or not self.is_connected:
            return False
        self._client.publish(topic, payload, qos=1)
        return True

    async def _run(self) -> None:
        times = 1
        while True:
            lost = asyncio.Event()
            client = self._client = self._new_client(lost)
            try:
                # not wait_for: in Python 3.11 it can swallow the cancellation by which stop() ends us
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await self._connect(client, lost)
                times = 1
                await lost.wait()
                self._complaints.say(f"the broker at {self._host}:{self._port} is gone")
            except (OSError, TimeoutError, gmqtt.MQTTConnectError) as error:
                told = why_not(error, tls=self._tls is not None)
                self._complaints.say(f"no broker at {self._host}:{self._port}: {told}")
            finally:
                self.connected.clear()
                self._client = None
                self.lost()
                with contextlib.suppress(OSError, TimeoutError):  # the broker is gone, or no longer reads
                    async with asyncio.timeout(GOODBYE_S):
                        await client.disconnect()
            await asyncio.sleep(times * random.uniform(*PAUSE_S))
            times = min(2 * times, PAUSE_TIMES_MAX)

    def _new_client(self, lost: asyncio.Event) -> gmqtt.Client:
        client = gmqtt.Client(self._client_id, clean_session=True)
        client.set_config({"reconnect_retries": NO_RECONNECT})
        if self._username is not None:
            client.set_auth_credentials(self._username, self._password)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = lambda *_: lost.set()
        return client

    async def _connect(self, client: gmqtt.Client, lost: asyncio.Event) -> None:
        tls = self._tls or False
        version = gmqtt.constants.MQTTv311
        connecting = asyncio.ensure_future(
            client.connect(self._host, self._port, ssl=tls, keepalive=KEEPALIVE_S, version=version)
        )
        losing = asyncio.ensure_future(lost.wait())
        try:
            # A broker that closes instead of answering leaves gmqtt's ``connect`` waiting.
            await asyncio.wait({connecting, losing}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({connecting}, timeout=REFUSAL_S)  # a refusal closes the connection too
            if not connecting.done():
                raise HungUpError
            connecting.result()
        finally:
            connecting.cancel()
            losing.cancel()

    def _on_connect(self, client: gmqtt.Client, flags: int, rc: int, properties: Any) -> None:
        client.subscribe([gmqtt.Subscription(topic, qos=1) for topic in self._subscriptions])

    def _on_subscribe(self, client: gmqtt.Client, mid: int, qos: Any, properties: Any) -> None:
        if any(one >= 0x80 for one in qos):
            self._complaints.say(
                f"the broker refuses to let us hear {topics.ROOT}/+/..: check its access list"
            )
            return
        self._complaints.over(f"the broker at {self._host}:{self._port} answers again")
        self.connections += 1
        self.connected.set()

    def _on_message(
        self,
        client: gmqtt.Client,
        topic: str | bytes,
        payload: bytes,
        qos: int,
        properties: Mapping[str, object],
    ) -> int:
        # gmqtt gives a topic that is not UTF-8 as bytes; no locker has such a name
        name = topic if isinstance(topic, str) else topic.decode("utf-8", "replace")
        self.receive(name, payload, bool(properties["retain"]))
        return 0
