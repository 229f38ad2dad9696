"""A locker's half of the protocol without a locker: for load on the host and for its tests.

It keeps numbered events as a journal does, publishes them in batches over real MQTT, drops them only when
acknowledged, goes back when asked or when the host is silent, takes commands through the firmware's own table
(``locker/net/messages.py``) and answers them.  On the way out it can lose, repeat and reorder messages, drawn
from a seed.
"""

import asyncio
import contextlib
import json
import logging
import random
import time
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict, cast

import gmqtt
from consigne.protocol import frames, topics
from consigne.protocol.events import EventData, Plain
from consigne.protocol.untrusted import dump
from locker.net import messages as device_messages

WINDOW_EVENTS = 4_096
CONNECT_TIMEOUT_S = 15.0
GOODBYE_S = 3.0
_quiet = logging.getLogger(__name__ + ".gmqtt")
_quiet.setLevel(logging.CRITICAL)  # it prints a traceback whenever a broker is killed


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities, 0 to 1, of faults of a message of events on its way."""

    lose: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0  # sent after the one that follows it


@dataclass
class Grants:
    """The versioned set at the locker."""

    version: int = 0
    held: dict[int, list[Any]] = field(default_factory=dict)
    expected: dict[str, list[Any]] = field(default_factory=dict)


Command = TypedDict(
    "Command",
    {
        "id": str,
        "n": int,
        "exp": int,
        "cmd": str,
        "seq": NotRequired[int],
        "door": NotRequired[int],
        "from": NotRequired[int],
        "to": NotRequired[int],
        "add": NotRequired[list[list[Any]]],
        "drop": NotRequired[list[int]],
        "expect": NotRequired[list[list[Any]]],
    },
)
"""A command of the host, with the arguments of the commands carried out here."""


class Talker:
    """One locker on the network.

    Parameters
    ----------
    locker, device_key
        As registered at the host.
    epoch
        Of its journal.
    batch
        Events in one message.
    stall_s
        Seconds of silence from the host after which everything not acknowledged is sent again. A locker waits
        20 s; tests use less.
    faults, seed
        The network's faults for its messages of events.
    """

    def __init__(
        self,
        locker: str,
        device_key: bytes,
        *,
        epoch: int = 1,
        batch: int = 32,
        stall_s: float = 2.0,
        faults: Faults | None = None,
        seed: int = 0,
    ) -> None:
        self.locker, self.epoch, self.batch = locker, epoch, batch
        self.events: list[tuple[int, EventData]] = []  # number 1 first: (time_s, described)
        self.acknowledged = 0
        self.grants = Grants()
        self.counter = 0
        self.commands: list[Command] = []  # taken, in order
        self.refused: list[str] = []  # refused commands, and why
        self.opened: list[int] = []
        self.heard: list[tuple[str, bytes]] = []  # everything from the host, unchanged
        self.sent = 0  # highest number published
        self.moved = asyncio.Event()  # set when something was acknowledged or commanded
        self._key = device_key
        self._stall_s = stall_s
        self._faults = faults or Faults()
        self._random = random.Random(seed)
        self._cursor = 0
        self._held_back: list[bytes] = []
        self._progress_s = 0.0
        self._client: gmqtt.Client | None = None
        self._task: asyncio.Task[None] | None = None

    def record(self, time_s: int, **described: Plain) -> int:
        """Journal an event; returns its number."""
        self.events.append((time_s, EventData(described)))
        return len(self.events)

    async def connect(self, host: str, port: int) -> None:
        """Connect with the last will, subscribe, publish the status, start to send.

        Raises ``OSError`` or ``TimeoutError`` when there is no broker.
        """
        will = self._frame(topics.STATUS, {"up": False, "epoch": self.epoch})
        topic = topics.topic(self.locker, topics.STATUS)
        client = gmqtt.Client(
            f"talker-{self.locker}",
            will_message=gmqtt.Message(topic, will, qos=1, retain=True),
            logger=_quiet,
        )
        subscribed = asyncio.Event()
        client.on_message = self._on_message
        client.on_subscribe = lambda *_: subscribed.set()
        client.set_config({"reconnect_retries": -2})  # the test decides when it is back
        names = (topics.ACK, topics.COMMANDS)
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await client.connect(host, port, keepalive=30, version=gmqtt.constants.MQTTv311)
            client.subscribe([gmqtt.Subscription(topics.topic(self.locker, name), qos=1) for name in names])
            await subscribed.wait()
        self._client = client
        self._cursor = self.acknowledged
        self.say_status()
        self._task = asyncio.create_task(self._send_events(client))

    async def disconnect(self) -> None:
        """Disconnect properly (no last will)."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(TimeoutError):  # a killed broker no longer reads
                async with asyncio.timeout(GOODBYE_S):
                    await client.disconnect()

    def cut(self) -> None:
        """Lose the connection without DISCONNECT, as in a power cut: the broker publishes the last will."""
        if self._client is not None:
            self._client._connection._transport.abort()  # gmqtt has no public way to do that
            self._client = None

    def say_status(self) -> None:
        """Publish the status as it is."""
        body: dict[str, object] = {"up": True, "epoch": self.epoch, "seq": len(self.events) + 1}
        body |= {"ack": self.acknowledged}
        body |= {"grants": self.grants.version, "trust": 1, "t": int(time.time()), "fw": "talker"}
        self.publish(topics.STATUS, self._frame(topics.STATUS, body), retain=True)

    def say_occupancy(self, doors: list[tuple[int, int, str | None]]) -> None:
        """Publish the occupancy as of the newest event."""
        body = {"epoch": self.epoch, "seq": len(self.events), "t": int(time.time()), "doors": doors}
        self.publish(topics.OCCUPANCY, self._frame(topics.OCCUPANCY, body), retain=True)

    def publish(self, branch: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish any bytes on a branch of this locker."""
        if self._client is not None:
            self._client.publish(topics.topic(self.locker, branch), payload, qos=1, retain=retain)

    async def drained(self, timeout_s: float) -> None:
        """Wait until every event is acknowledged.  Raises ``TimeoutError``."""
        async with asyncio.timeout(timeout_s):
            while self.acknowledged < len(self.events):
                self.moved.clear()
                await self.moved.wait()

    # --- sending -------------------------------------------------------------------------------

    def batch_frame(self, first: int, last: int) -> bytes:
        """The signed message of the events ``first`` to ``last``."""
        rows = [[seq, *self.events[seq - 1]] for seq in range(first, last + 1)]
        return self._frame(topics.EVENTS, {"epoch": self.epoch, "events": rows})

    def signed(self, branch: str, body: bytes) -> bytes:
        """Any bytes in a frame with the right MAC."""
        return frames.frame(self._key, frames.LABEL_EVENT, topics.topic(self.locker, branch), body)

    def _frame(self, branch: str, body: dict[str, object]) -> bytes:
        return self.signed(branch, dump(body))

    async def _send_events(self, client: gmqtt.Client) -> None:
        self._progress_s = time.monotonic()
        while client.is_connected:
            if self._cursor > self.acknowledged and time.monotonic() - self._progress_s > self._stall_s:
                self._cursor = self.acknowledged
                self._progress_s = time.monotonic()
            room = self.acknowledged + WINDOW_EVENTS - self._cursor
            if self._cursor >= len(self.events) or room <= 0:
                self._release()
                await asyncio.sleep(0.02)
                continue
            last = min(self._cursor + min(self.batch, room), len(self.events))
            self._send(self.batch_frame(self._cursor + 1, last))
            self.sent = max(self.sent, last)
            self._cursor = last
            await asyncio.sleep(0)

    def _send(self, payload: bytes) -> None:
        if self._random.random() < self._faults.lose:
            return
        if self._random.random() < self._faults.delay:
            self._held_back.append(payload)
            return
        for _ in range(2 if self._random.random() < self._faults.repeat else 1):
            self.publish(topics.EVENTS, payload)
        self._release()

    def _release(self) -> None:
        for late in self._held_back:
            self.publish(topics.EVENTS, late)
        self._held_back.clear()

    # --- receiving -----------------------------------------------------------------------------

    def _on_message(self, client: gmqtt.Client, topic: str, payload: bytes, qos: int, properties: Any) -> int:
        self.heard.append((topic, payload))
        self.take(topic, payload)
        return 0

    def take(self, topic: str, payload: bytes) -> None:
        """Handle one message of the host, genuine or not."""
        body = frames.open_frame(self._key, frames.LABEL_COMMAND, topic, payload)
        if body is None:
            self.refused.append("mac")
        elif topic.endswith("/" + topics.ACK):
            self._on_ack(*device_messages.parse_ack(body))
        else:
            self._on_command(body)
        self.moved.set()

    def _on_ack(self, epoch: int, seq: int) -> None:
        if epoch != self.epoch:
            return
        if seq > len(self.events):
            self.refused.append("acknowledges what was never sent")
        elif seq > self.acknowledged:
            self.acknowledged = seq
            self._progress_s = time.monotonic()

    def _on_command(self, body: bytes) -> None:
        try:
            command = device_messages.parse_command(body)
        except device_messages.Refused as refused:
            self.refused.append(str(refused))
            return
        if command["n"] <= self.counter or command["exp"] < time.time():
            self.refused.append("stale or expired")
            return
        self.counter = command["n"]
        self.commands.append(json.loads(body))
        self._carry_out(cast(Command, command))
        self.publish(topics.REPLIES, self._frame(topics.REPLIES, {"id": command["id"], "result": "ok"}))

    def _carry_out(self, command: Command) -> None:
        if command["cmd"] == "again":
            self._cursor = min(self._cursor, command["seq"] - 1)
        elif command["cmd"] == "open":
            self.opened.append(command["door"])
        elif command["cmd"] == "grants":
            self._take_delta(command)

    def _take_delta(self, delta: Command) -> None:
        if delta["from"] != self.grants.version:
            body = {"ask": "grants", "have": self.grants.version}
            self.publish(topics.REPLIES, self._frame(topics.REPLIES, body))
            return
        for row in delta["add"]:
            self.grants.held[row[0]] = row
        for id_ in delta["drop"]:
            self.grants.held.pop(id_, None)
        for row in delta["expect"]:
            self.grants.expected[row[0]] = row
        self.grants.version = delta["to"]
