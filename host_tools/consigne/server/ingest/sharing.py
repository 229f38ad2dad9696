"""Whether a broker knows shared subscriptions (``$share``), asked before several workers rely on them.

A broker that does not know them may grant the subscription and then deliver nothing: amqtt 0.12 does.
MQTT 5 brokers say whether they share (Shared Subscription Available of CONNACK, MQTT 5.0 section
3.2.2.3.13; absent means yes), and every broker that shares speaks MQTT 5; so one connection tells.
"""

import asyncio
import contextlib
import secrets
import ssl

import gmqtt

from .mqtt import NO_RECONNECT

TIMEOUT_S = 10.0
_UNSUPPORTED = 0x84  # Unsupported Protocol Version (MQTT 5); from MQTT 3.1.1 brokers comes a disconnection
_ASKED = "shared_subscription_available"


class CannotShare(RuntimeError):
    """The broker does not share subscriptions; the text tells what to do."""


async def check(
    host: str, port: int, username: str | None, password: str | None, tls: ssl.SSLContext | None
) -> None:
    """Return when the broker shares subscriptions.

    Raises
    ------
    CannotShare
        It does not.
    OSError, TimeoutError
        It does not answer.
    ConnectionError
        It refuses the connection for another reason, such as the password.
    """
    client = gmqtt.Client("consigne-host-asks-" + secrets.token_hex(4))
    client.set_config({"reconnect_retries": NO_RECONNECT})
    if username is not None:
        client.set_auth_credentials(username, password)
    said: asyncio.Future[list[int] | None] = asyncio.get_running_loop().create_future()

    def tell(value: list[int] | None) -> None:
        if not said.done():
            said.set_result(value)

    client.on_connect = lambda client, flags, code, properties: tell(properties.get(_ASKED, [1]))
    client.on_disconnect = lambda *_: tell(None)
    connecting = asyncio.ensure_future(client.connect(host, port, ssl=tls or False))
    try:
        async with asyncio.timeout(TIMEOUT_S):
            # A broker that closes instead of answering leaves gmqtt's ``connect`` waiting.
            await asyncio.wait({connecting, said}, return_when=asyncio.FIRST_COMPLETED)
            if connecting.done():
                connecting.result()
            shared = await said
    except gmqtt.MQTTConnectError as error:
        if error._code == _UNSUPPORTED:
            raise _cannot(host, port, "speaks no MQTT 5") from None
        raise ConnectionError(f"the broker at {host}:{port} refuses the connection: {error}") from None
    finally:
        connecting.cancel()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                await client.disconnect()
    if shared is None:
        raise _cannot(
            host, port, "speaks no MQTT 5" if tls else "speaks no MQTT 5, or wants TLS: then give --ca"
        )
    if shared != [1]:
        raise _cannot(host, port, "says so")


def _cannot(host: str, port: int, why: str) -> CannotShare:
    return CannotShare(
        f"the broker at {host}:{port} does not share subscriptions ({why}): "
        "start with --workers 1, or use mosquitto, EMQX, HiveMQ or VerneMQ"
    )
