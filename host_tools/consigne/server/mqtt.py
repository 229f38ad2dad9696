"""The host's MQTT connection: gmqtt in MQTT 3.1.1 mode, subscribed to what lockers say.

The broker may come and go; the connection is tried again until ``stop``.  The session is clean:
nothing relies on a broker's memory, since every event not acknowledged is sent again by its locker.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any

import gmqtt

from consigne import protocol

log = logging.getLogger(__name__)

KEEPALIVE_S = 30
RECONNECT_PAUSE_S = 1

Receive = Callable[[str, bytes, bool], None]


def _ignore(topic: str, payload: bytes, retained: bool) -> None:
    """Nobody listens yet, or any more: what is not stored is not acknowledged and comes again."""


class HostClient:
    """A connection to the broker.

    ``receive(topic, payload, retained)`` is called in the event loop for each message; ``connected``
    is set while the broker has confirmed the subscriptions.
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
    ) -> None:
        self.receive: Receive = _ignore
        self.connected = asyncio.Event()
        self._host, self._port, self._tls = host, port, tls
        self._client = gmqtt.Client(client_id, clean_session=True)
        self._client.set_config({"reconnect_retries": gmqtt.constants.UNLIMITED_RECONNECTS})
        self._client.reconnect_delay = RECONNECT_PAUSE_S
        if username is not None:
            self._client.set_auth_credentials(username, password)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._task: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        """Whether messages can be sent and received now."""
        return self.connected.is_set() and self._client.is_connected

    def start(self) -> None:
        """Begin to connect; ``connected`` tells when it is done."""
        self._task = asyncio.create_task(self._connect(), name="mqtt connect")

    async def stop(self) -> None:
        """Disconnect and try no more."""
        self.receive = _ignore
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self.connected.clear()
        self._client.stop_reconnect()
        await self._client.disconnect()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Send at QoS 1; False, and nothing is kept for later, without a connection."""
        if not self.is_connected:
            return False
        self._client.publish(topic, payload, qos=1)
        return True

    async def _connect(self) -> None:
        """Make the first connection; from then on gmqtt reconnects by itself."""
        while True:
            try:
                await self._client.connect(
                    self._host,
                    self._port,
                    ssl=self._tls or False,
                    keepalive=KEEPALIVE_S,
                    version=gmqtt.constants.MQTTv311,
                )
                return
            except (OSError, gmqtt.MQTTConnectError) as error:
                log.warning("no broker at %s:%d yet: %s", self._host, self._port, error)
                await asyncio.sleep(RECONNECT_PAUSE_S)

    def _on_connect(self, client: gmqtt.Client, flags: int, rc: int, properties: Any) -> None:
        branches = [gmqtt.Subscription(f"{protocol.ROOT}/+/{name}", qos=1) for name in protocol.FROM_LOCKER]
        client.subscribe(branches)

    def _on_subscribe(self, client: gmqtt.Client, mid: int, qos: Any, properties: Any) -> None:
        granted = qos if isinstance(qos, (tuple, list)) else (qos,)
        if any(one >= 0x80 for one in granted):
            log.error("the broker refuses the subscriptions to %s/+/..: check its access list", protocol.ROOT)
            return
        self.connected.set()

    def _on_message(
        self, client: gmqtt.Client, topic: str, payload: bytes, qos: int, properties: dict[str, Any]
    ) -> int:
        self.receive(topic, payload, bool(properties["retain"]))
        return 0

    def _on_disconnect(self, client: gmqtt.Client, packet: Any, exc: Any = None) -> None:
        self.connected.clear()
