"""Resolves host names: a small DNS client that never blocks.

``socket.getaddrinfo`` of an ESP32 stops the interpreter until the name server answers or some seconds have
passed, and a customer may be at the door.  So this module sends the question itself (RFC 1035, one question,
type A), and uses the last good answer when there is no new one: a broker's address seldom changes, and a name
server that is down must not keep a locker offline.
"""

import asyncio
import random
import socket
import struct
from errno import EAGAIN

from micropython import const

_PORT = const(53)
_POLL_S = 0.05
_POLLS = const(40)  # 2 s for each try
_TRIES = const(3)
_ANSWER_BYTES_MAX = const(512)  # RFC 1035, 4.2.1
_TYPE_A = const(1)
_CLASS_IN = const(1)
_RECURSION_DESIRED = const(0x0100)
_IS_ANSWER = const(0x8000)
_ERROR_CODE = const(0x000F)
_POINTER = const(0xC0)  # a name may end with a pointer to an earlier one (RFC 1035, 4.1.4)


def is_address(host: str) -> bool:
    """Whether ``host`` is four numbers with dots already."""
    parts = host.split(".")
    if len(parts) != 4:
        return False
    return all(part.isdigit() and len(part) < 4 and int(part) < 256 for part in parts)


def question(host: str, query_id: int) -> bytes:
    """The datagram that asks for the IPv4 address of ``host``; ``ValueError`` for no valid name."""
    out = struct.pack(">HHHHHH", query_id, _RECURSION_DESIRED, 1, 0, 0, 0)
    for label in host.split("."):
        if not 0 < len(label) < 64:
            raise ValueError("host name")
        out += bytes((len(label),)) + label.encode()
    return out + struct.pack(">BHH", 0, _TYPE_A, _CLASS_IN)


def answer(data: bytes, asked: bytes) -> str:
    """The first address in the answer ``data`` to the question ``asked``; "" when it has none.

    Anything that is not a well-formed answer to that very question is "" as well.
    """
    if len(data) < len(asked) or data[:2] != asked[:2] or data[12 : len(asked)] != asked[12:]:
        return ""
    flags, questions, answers = struct.unpack_from(">HHH", data, 2)
    if not flags & _IS_ANSWER or flags & _ERROR_CODE or questions != 1:
        return ""
    at = len(asked)
    for _ in range(answers):
        at = _after_name(data, at)
        if at + 10 > len(data):
            return ""
        kind, kind_class, _, length = struct.unpack_from(">HHIH", data, at)
        at += 10
        if kind == _TYPE_A and kind_class == _CLASS_IN and length == 4 and at + 4 <= len(data):
            return "{}.{}.{}.{}".format(data[at], data[at + 1], data[at + 2], data[at + 3])
        at += length
    return ""


def _after_name(data: bytes, at: int) -> int:
    """Where the name at ``at`` ends; past the end of ``data`` when it is cut off."""
    while at < len(data):
        length = data[at]
        if length >= _POINTER:
            return at + 2
        at += 1 + length
        if length == 0:
            return at
    return len(data)


class Resolver:
    """``name_server()`` gives the address to ask, "" while there is none (the link knows it)."""

    def __init__(self, name_server, port=_PORT):
        self._name_server = name_server
        self._port = port
        self._known = {}  # host -> address; a locker has one broker, so it stays small

    async def address(self, host: str) -> str:
        """The IPv4 address of ``host``; raises ``OSError`` when it was never resolved.

        Takes up to 6 s for a name never resolved yet, 2 s for any other.
        """
        if is_address(host):
            return host
        asked = question(host, random.getrandbits(16))
        for _ in range(_TRIES):
            found = await self._ask(asked)
            if found:
                self._known[host] = found
                return found
            if host in self._known:
                return self._known[host]
        raise OSError("no address for " + host)

    async def _ask(self, asked: bytes) -> str:
        """The name server's answer; "" when there is none, or it cannot be asked now."""
        server = self._name_server()
        if not is_address(server):
            return ""
        try:
            return await self._exchange(server, asked)
        except OSError:  # no socket or buffer left, no route, or ICMP says that nobody listens there
            return ""

    async def _exchange(self, server: str, asked: bytes) -> str:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.connect(socket.getaddrinfo(server, self._port)[0][-1])  # only digits: no query
            sock.send(asked)
            for _ in range(_POLLS):
                await asyncio.sleep(_POLL_S)
                try:
                    found = answer(sock.recv(_ANSWER_BYTES_MAX), asked)
                except OSError as error:
                    if error.errno != EAGAIN:
                        raise
                    continue
                if found:
                    return found
            return ""
        finally:
            sock.close()
