"""Thousands of lockers on the network from one process: as each behaves, and as cheaply as Python can.

What to send again, and when, is decided by the firmware's own ``net/cursor.py``; the order of what is
published is that of ``net/sync.py``, the window of packets in flight that of ``net/mqtt_conversation.py``.  A
locker here keeps its events in memory, takes every command that is rightly signed, journals it as the
firmware does and answers it.  MQTT 3.1.1 is spoken by hand: a connection costs no task, and no object besides
its transport.

``talker`` is one locker with a network's faults; this is a fleet without any.
"""

import asyncio
import json
import time
from collections.abc import Iterable

from consigne.protocol import topics
from consigne.protocol.events import EventData
from consigne.protocol.untrusted import dump
from locker.core import codes
from locker.core.events import TRUST_SET
from locker.net.cursor import BATCH_EVENTS, Cursor

STALL_S = 5  # ``net/sync.py``
WINDOW_PACKETS = 32  # ``net/mqtt_conversation.py``
OCCUPANCY_EVERY_S = 0.5
DOORS = 24
CONNECTING_MAX = 100
"""At a time: mosquitto lets 100 wait to be accepted, and the kernel makes others try again seconds later."""
LOOK_S = 0.1
LOOKS = 10  # after which every locker has been looked at, once a second as its own loop does
RETRY_S = 0.1
TIME_RETRY_S = 20  # ``net/sync.py``: a question may be lost, or answered too late
KEEPALIVE_S = 600
_CONNECT, _PUBLISH, _SUBSCRIBE = 0x10, 0x32, 0x82
_CONNACK, _PUBACK, _SUBACK = 0x20, 0x40, 0x90
_PUBLISHED = 0x30
_RETAIN = 0x01


def _packet(first: int, *parts: bytes) -> bytes:
    """A control packet [2.2]."""
    length = sum(map(len, parts))
    head = bytearray((first,))
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return b"".join((head, *parts))


def _text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


class _Journal:
    """What ``Cursor`` reads of a journal."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.next_seq = 1


class Speaker(asyncio.Protocol):
    """One locker."""

    def __init__(self, locker: str, device_key: bytes, epoch: int = 1) -> None:
        self.locker, self.epoch = locker, epoch
        self.is_up = False
        self.sent_events = 0  # repetitions included
        self.waits_s: list[float] = []  # from each event to its acknowledgement
        self.commands: list[str] = []  # taken, in order
        self._journal = _Journal()
        self._cursor = Cursor(self._journal, STALL_S)
        self._rows: list[bytes] = []
        self._since_s: list[float] = []
        self._prefix = topics.topic(locker, "")
        self._key = codes.derive(device_key, codes.LABEL_EVENT)
        self._host_key = codes.derive(device_key, codes.LABEL_COMMAND)
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._in_flight = 0
        self._packet_id = 0
        self._replies: list[str] = []
        self._counter = 0
        self._grants = 0
        self._status_due = self._occupancy_due = False
        self._occupancy_s = 0.0
        self._ask_time = True
        self._asked_s: float | None = None  # and not answered since

    @property
    def recorded(self) -> int:
        """Events journaled."""
        return self._journal.next_seq - 1

    @property
    def acknowledged(self) -> int:
        """The newest event that the host has."""
        return self._journal.acknowledged

    def record(self, described: Iterable[EventData]) -> None:
        """Journal events; they are sent at once where there is a connection."""
        self._note(described)
        self._occupancy_due = True
        self._publish_all()

    def look(self) -> None:
        """What a locker's loop does each second."""
        if self.is_up:
            self._status_due = self._cursor.is_stalled() or self._status_due
            if self._asked_s is not None and time.monotonic() - self._asked_s >= TIME_RETRY_S:
                self._ask_time = True
            self._publish_all()

    def cut(self) -> None:
        """Lose the connection without DISCONNECT."""
        if self._transport is not None:
            self._transport.abort()

    def _note(self, described: Iterable[EventData]) -> None:
        for one in described:
            self._rows.append(json.dumps([self._journal.next_seq, int(time.time()), one]).encode())
            self._since_s.append(time.monotonic())
            self._journal.next_seq += 1

    # --- MQTT -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received.clear()
        will = self._frame(topics.STATUS, dump({"up": False, "epoch": self.epoch}))
        head = _text(b"MQTT") + bytes((4, 0b0010_1110)) + KEEPALIVE_S.to_bytes(2, "big")
        topic = (self._prefix + topics.STATUS).encode()
        transport.write(_packet(_CONNECT, head, _text(self.locker.encode()), _text(topic), _text(will)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport, self.is_up = None, False

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        at = 0
        while True:
            end, body = _next(received, at)
            if end == at:
                break
            self._take(received[at], bytes(received[body:end]))
            at = end
        del received[:at]

    def _take(self, first: int, body: bytes) -> None:
        kind = first & 0xF0
        if kind == _PUBACK:
            self._in_flight -= 1
            self._publish_all()
        elif kind == _PUBLISHED:
            length = int.from_bytes(body[:2], "big")
            at = 2 + length
            if first & 0x06:
                self._write(_packet(_PUBACK, body[at : at + 2]))
                at += 2
            self._hear(body[2 : 2 + length].decode(), body[at:])
        elif kind == _CONNACK:
            names = (topics.ACK, topics.COMMANDS)
            wanted = [_text((self._prefix + name).encode()) + b"\x01" for name in names]
            self._write(_packet(_SUBSCRIBE, b"\xff\xff", *wanted))
        elif kind == _SUBACK:
            self._begin()

    def _begin(self) -> None:
        self.is_up = True
        self._in_flight = 0
        self._cursor.begin()
        self._status_due = self._occupancy_due = True
        self._occupancy_s = 0.0
        self._publish_all()

    def _write(self, packet: bytes) -> None:
        if self._transport is not None:
            self._transport.write(packet)

    # --- what the host says -----------------------------------------------------------------------------

    def _hear(self, topic: str, payload: bytes) -> None:
        body = codes.open_frame(self._host_key, topic, payload)
        if body is None:
            raise ValueError(f"{self.locker} was sent a message that the host did not sign")
        said = json.loads(bytes(body))
        if topic.endswith("/" + topics.ACK):
            self._acknowledge(said["epoch"], said["seq"])
        else:
            self._carry_out(said)
        self.look()

    def _acknowledge(self, epoch: int, seq: int) -> None:
        if epoch != self.epoch or seq <= self._journal.acknowledged:
            return
        if seq > self.recorded:
            raise ValueError(f"{self.locker}: event {seq} was acknowledged and never sent")
        now_s = time.monotonic()
        self.waits_s.extend(now_s - since_s for since_s in self._since_s[self._journal.acknowledged : seq])
        self._journal.acknowledged = seq

    def _carry_out(self, command: dict[str, object]) -> None:
        counter, name, id_ = command["n"], str(command["cmd"]), str(command["id"])
        if not isinstance(counter, int) or counter <= self._counter:
            return
        self._counter = counter
        self.commands.append(name)
        if name == "time":
            self._asked_s = None
        if name == "again":
            self._cursor.again(command["seq"])
        elif name == "grants" and command["from"] == self._grants and isinstance(command["to"], int):
            self._grants = command["to"]
        self._note([EventData({"kind": "command", "counter": counter, "id": id_, "result": 0})])
        self._replies.append(id_)

    # --- what is published, the most urgent first (``Sync._publish_one``) -------------------------------

    def _publish_all(self) -> None:
        while self.is_up and self._in_flight < WINDOW_PACKETS and self._publish_one():
            pass

    def _publish_one(self) -> bool:
        if self._replies:
            self._publish(topics.REPLIES, dump({"id": self._replies.pop(0), "result": "ok"}))
        elif self._ask_time and not self._status_due:
            self._ask_time, self._asked_s = False, time.monotonic()
            self._publish(topics.REPLIES, dump({"ask": "time", "nonce": 1}))
        elif self._status_due:
            self._status_due = False
            self._publish(topics.STATUS, self._status(), _RETAIN)
        elif self._occupancy_due and time.monotonic() - self._occupancy_s >= OCCUPANCY_EVERY_S:
            self._occupancy_due, self._occupancy_s = False, time.monotonic()
            self._publish(topics.OCCUPANCY, self._occupancy(), _RETAIN)
        elif self._cursor.may_send():
            first = self._cursor.seq
            rows = self._rows[first : first + BATCH_EVENTS]
            self.sent_events += len(rows)
            self._cursor.sent(first + len(rows))
            self._publish(topics.EVENTS, b'{"epoch":%d,"events":[%b]}' % (self.epoch, b",".join(rows)))
        else:
            return False
        return True

    def _status(self) -> bytes:
        said = {"epoch": self.epoch, "seq": self._journal.next_seq, "t": int(time.time())}
        said |= {"ack": self._journal.acknowledged, "grants": self._grants, "trust": TRUST_SET}
        return dump({**said, "up": True, "fw": "herd"})

    def _occupancy(self) -> bytes:
        doors = [(door % 2, 0, f"6A{self.locker}{door:09}" if door % 2 else None) for door in range(DOORS)]
        return dump({"epoch": self.epoch, "seq": self.recorded, "t": int(time.time()), "doors": doors})

    def _frame(self, branch: str, body: bytes) -> bytes:
        return bytes(codes.frame_head(self._key, self._prefix + branch, body)) + body

    def _publish(self, branch: str, body: bytes, retain: int = 0) -> None:
        self._in_flight += 1
        self._packet_id = self._packet_id % WINDOW_PACKETS + 1
        topic = _text((self._prefix + branch).encode())
        number = self._packet_id.to_bytes(2, "big")
        self._write(_packet(_PUBLISH | retain, topic, number, self._frame(branch, body)))


def _next(received: bytearray, at: int) -> tuple[int, int]:
    """Where the packet at ``at`` ends, and where its body begins; it ends at ``at`` while it is not whole."""
    length, shift, body = 0, 0, at + 1
    while body < len(received):
        one = received[body]
        length |= (one & 0x7F) << shift
        shift, body = shift + 7, body + 1
        if one < 0x80:
            return (body + length, body) if body + length <= len(received) else (at, at)
    return at, at


class Herd:
    """Many lockers; ``keys`` are their names and device keys."""

    def __init__(self, keys: dict[str, bytes]) -> None:
        self.speakers = [Speaker(locker, key) for locker, key in keys.items()]
        self._looking: asyncio.Task[None] | None = None

    async def connect(self, host: str, port: int) -> None:
        """Have every locker that is not connected connect, at once, and again until it succeeds."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        gate = asyncio.Semaphore(CONNECTING_MAX)
        away = [one for one in self.speakers if not one.is_up]
        await asyncio.gather(*(self._connect(one, gate, host, port) for one in away))

    async def _connect(self, one: Speaker, gate: asyncio.Semaphore, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        async with gate:
            while True:
                try:
                    await loop.create_connection(lambda: one, host, port)
                    return
                except OSError:
                    await asyncio.sleep(RETRY_S)

    async def acknowledged(self, timeout_s: float) -> float:
        """Wait until every event is acknowledged; the seconds it took.  Raises ``TimeoutError``."""
        began_s = time.monotonic()
        async with asyncio.timeout(timeout_s):
            while any(one.acknowledged < one.recorded for one in self.speakers):
                await asyncio.sleep(LOOK_S)
        return time.monotonic() - began_s

    @property
    def repeated(self) -> int:
        """Events sent once more than needed, so far."""
        return sum(one.sent_events - one.recorded for one in self.speakers)

    async def stop(self) -> None:
        """Disconnect all."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None
        for one in self.speakers:
            one.cut()

    async def _look(self) -> None:
        while True:
            for turn in range(LOOKS):
                for one in self.speakers[turn::LOOKS]:
                    one.look()
                await asyncio.sleep(LOOK_S)
