"""A TCP proxy that understands MQTT 3.1.1: it loses, repeats and cuts, between two peers that trust TCP.

TCP loses nothing, but brokers and hosts do: they are killed, run out of memory, restart.  So a lost message
is mostly one that was acknowledged and then lost: the proxy swallows the PUBLISH and answers its PUBACK
itself.  ``UNANSWERED`` of them vanish without an answer, and some PUBACKs vanish on their way back.  A
repeated message comes once more a little later, after others that were sent after it, and with QoS 0, so that
no packet id is used twice.  Everything else passes as it came.
"""

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import dataclass

from . import packets

UNANSWERED = 0.25
CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Losses:
    """Probabilities, 0 to 1, of what happens to a PUBLISH (``lose``, ``repeat``) and to a PUBACK.

    ``late_s`` is the longest delay of a repeated message after the first.
    """

    lose: float = 0.0
    repeat: float = 0.0
    lose_puback: float = 0.0
    late_s: float = 1.0


class LossyProxy:
    """Listens on ``port`` of 127.0.0.1 once started, and carries packets to ``target`` and back.

    ``counts`` says what happened: ``messages``, ``lost``, ``repeated``, ``pubacks_lost``, ``cuts``.
    """

    def __init__(self, target: tuple[str, int], losses: Losses, seed: int) -> None:
        self.target = target
        self.losses = losses
        self.counts: Counter[str] = Counter()
        self.port = 0
        self.random = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.subscribed: set[asyncio.StreamWriter] = set()  # clients with a confirmed subscription

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut everything, listen no more."""
        if self._server is not None:
            self._server.close()
        self.cut(1.0)
        await asyncio.gather(*self._lines, return_exceptions=True)

    def cut(self, share: float) -> None:
        """Reset each connection with this probability, even in the middle of a packet."""
        for writer in list(self._writers):
            if self.random.random() < share:
                self.counts["cuts"] += 1
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            there, back = await asyncio.open_connection(*self.target)
        except OSError:  # nobody listens at the target: reset the client's connection
            writer.transport.abort()
            self._lines.discard(task)
            return
        self._writers.add(writer)
        ways = [
            asyncio.create_task(_Way(self, reader, back, writer).run()),
            asyncio.create_task(_Way(self, there, writer, back).run()),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for one in (writer, back):
                one.transport.abort()
            self._writers.discard(writer)
            self.subscribed.discard(writer)
            self._lines.discard(task)


class _Way:
    """One direction of one connection: from ``reader`` to ``forward``; ``backward`` is where it came from."""

    def __init__(
        self,
        proxy: LossyProxy,
        reader: asyncio.StreamReader,
        forward: asyncio.StreamWriter,
        backward: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._reader = reader
        self._forward = forward
        self._backward = backward

    async def run(self) -> None:
        buffer = bytearray()
        with contextlib.suppress(OSError):  # broken connections are expected here
            while data := await self._reader.read(CHUNK):
                buffer += data
                for packet in packets.taken(buffer):
                    self._pass(packet)
                await self._forward.drain()

    def _pass(self, packet: packets.Raw) -> None:
        if self._forward.is_closing():
            return
        proxy = self._proxy
        losses, draw = proxy.losses, proxy.random.random
        if packet.kind == packets.PUBACK and draw() < losses.lose_puback:
            proxy.counts["pubacks_lost"] += 1
        elif packet.kind != packets.PUBLISH:
            self._forward.write(packet.encoded())
            if packet.kind == packets.SUBACK:
                proxy.subscribed.add(self._forward)
        else:
            self._pass_message(packets.Publish.decoded(packet))

    def _pass_message(self, message: packets.Publish) -> None:
        proxy = self._proxy
        losses, draw = proxy.losses, proxy.random.random
        proxy.counts["messages"] += 1
        if draw() < losses.lose:
            self._lose(message)
            return
        self._forward.write(message.encoded())
        if draw() < losses.repeat:
            late_s = losses.late_s * draw()
            asyncio.get_running_loop().call_later(late_s, self._repeat, message.at_qos_0())

    def _lose(self, message: packets.Publish) -> None:
        self._proxy.counts["lost"] += 1
        if message.packet_id and self._proxy.random.random() >= UNANSWERED:
            self._backward.write(packets.puback(message.packet_id))

    def _repeat(self, message: packets.Publish) -> None:
        if not self._forward.is_closing():
            self._proxy.counts["repeated"] += 1
            self._forward.write(message.encoded())
