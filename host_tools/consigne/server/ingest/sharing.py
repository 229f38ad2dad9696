"""Whether a broker knows shared subscriptions (``$share``), asked before several workers rely on them.

A broker that does not know them may grant the subscription and then deliver nothing: amqtt 0.12 does.
MQTT 5 brokers say whether they share (property 42 of CONNACK, MQTT 5.0 section 3.2.2.3.13; absent means
yes), and every broker that shares speaks MQTT 5; so one connection tells.
"""

import asyncio
import secrets
import ssl
import struct

TIMEOUT_S = 10.0
_SHARED_AVAILABLE = 0x2A
_UNSUPPORTED = (0x01, 0x84)  # in the words of MQTT 3.1.1 and of MQTT 5
# Properties of a CONNACK by the length of their values; text and data carry theirs in front.
_FIXED = {0x11: 4, 0x21: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x22: 2, 0x28: 1, 0x29: 1, 0x2A: 1, 0x13: 2}
_TEXT = (0x12, 0x1F, 0x1A, 0x1C, 0x15, 0x16)
_PAIR = 0x26


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
    async with asyncio.timeout(TIMEOUT_S):
        reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        try:
            writer.write(_connect(username, password))
            await writer.drain()
            answer = await _read(reader)
            writer.write(b"\xe0\x00")
        finally:
            writer.close()
    if answer is None or answer[1] in _UNSUPPORTED:
        raise _cannot(host, port, "speaks no MQTT 5")
    if answer[1]:
        raise ConnectionError(f"the broker at {host}:{port} refuses the connection with code {answer[1]}")
    if not _shares(answer[2:]):
        raise _cannot(host, port, "says so")


def _cannot(host: str, port: int, why: str) -> CannotShare:
    return CannotShare(
        f"the broker at {host}:{port} does not share subscriptions ({why}): "
        "start with --workers 1, or use mosquitto, EMQX, HiveMQ or VerneMQ"
    )


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _connect(username: str | None, password: str | None) -> bytes:
    flags = 0x02 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    body = _text("MQTT") + bytes((5, flags)) + struct.pack(">H", 30) + b"\x00"
    body += _text("consigne-host-asks-" + secrets.token_hex(4))
    body += b"".join(_text(part) for part in (username, password) if part is not None)
    return b"\x10" + _variable(len(body)) + body


def _variable(value: int) -> bytes:
    out = bytearray()
    while True:
        value, digit = value >> 7, value & 0x7F
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    """The body of a CONNACK; None when the broker closed instead, as one may that knows no MQTT 5."""
    try:
        if (await reader.readexactly(1))[0] >> 4 != 2:
            return None
        length, shift = 0, 0
        while True:
            digit = (await reader.readexactly(1))[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                break
            if shift > 21:
                return None
        body = await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None
    return body if len(body) >= 2 else None


def _shares(properties: bytes) -> bool:
    """What the properties say of shared subscriptions; those that cannot be read say nothing against."""
    at = 1
    while at < len(properties) and properties[at - 1] & 0x80:
        at += 1  # the length of all properties, itself of variable length
    while at < len(properties):
        kind = properties[at]
        at += 1
        if kind == _SHARED_AVAILABLE:
            return properties[at : at + 1] != b"\x00"
        if kind in _FIXED:
            at += _FIXED[kind]
        elif kind in _TEXT or kind == _PAIR:
            for _ in range(2 if kind == _PAIR else 1):
                at += 2 + int.from_bytes(properties[at : at + 2], "big")
        else:
            return True
    return True
