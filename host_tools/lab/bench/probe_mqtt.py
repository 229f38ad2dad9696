"""Runs on MicroPython: how fast events go to a broker, and the outbox to a host; heap meanwhile.

    micropython -X heapsize=8m probe_mqtt.py <firmware> <package> publish|drain|heap <port> <key>

The first two are directories, the key (not for ``publish``) is the locker's in hexadecimal digits.
Prints one line of JSON.  Started by ``bench/mqtt.py``.
"""

import asyncio
import gc
import json
import socket
import struct
import sys
import time
from binascii import unhexlify

sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[2])

from locker.core import records
from locker.core.events import TRUST_SET
from locker.journal.log import Journal
from locker.net.mqtt import Client, Settings
from locker.net.mqtt_conversation import Conversation
from locker.net.names import Resolver
from locker.net.sync import Sync
from sim.board.flash import NorFlash

EVENTS = 5000
EVENT_BYTES = 120
WAITED = 150  # events sent one at a time: enough for a rate, since each takes some 40 ms
TOPIC = b"bench/events"
LOCKER = "BENCH"
HEAP_SAMPLE_S = 0.005


class Link:
    """This machine's network, which is always there."""

    def is_up(self):
        return True


def new_client(port, client_id):
    settings = Settings("127.0.0.1", port, client_id, retry_first_s=0.05)
    return Client(settings, Link(), Resolver(str), lambda: True, Conversation())


def per_second(count, start_us):
    return count * 1_000_000 / time.ticks_diff(time.ticks_us(), start_us)


def connect_blocking(port):
    sock = socket.socket()
    sock.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    sock.write(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04wait")
    assert sock.read(4) == b"\x20\x02\x00\x00"
    return sock


def wait_each(port, payload, writes):
    """Events per second, each waiting for its PUBACK; ``writes`` cuts a packet as a client does."""
    sock = connect_blocking(port)
    length = 2 + len(TOPIC) + 2 + len(payload)
    start = time.ticks_us()
    for i in range(1, WAITED + 1):
        header = b"\x32" + bytes((length & 127 | 128, length >> 7))
        for part in writes(header, struct.pack(">H", len(TOPIC)), TOPIC, struct.pack(">H", i), payload):
            sock.write(part)
        answer = sock.read(4)
        assert answer == b"\x40\x02" + struct.pack(">H", i), answer
    rate = per_second(WAITED, start)
    sock.close()
    return rate


async def pipelined(port, payload):
    client = new_client(port, "pipe")
    client.attach(b"", b"", (b"bench/none",), None)
    running = asyncio.create_task(client.run())
    await client.wait_up()

    def fill(packet):
        packet.put(payload)
        return True

    start = time.ticks_us()
    for _ in range(EVENTS):
        await client.publish(TOPIC, fill)
    while client.in_flight():
        await asyncio.sleep(0)
    rate = per_second(EVENTS, start)
    running.cancel()
    return rate


async def publish(port):
    payload = b"e" * EVENT_BYTES
    return {
        "wait_each_per_s": wait_each(port, payload, lambda *parts: parts),
        "wait_each_one_write_per_s": wait_each(port, payload, lambda *parts: (b"".join(parts),)),
        "pipelined_per_s": await pipelined(port, payload),
    }


class Drain:
    """A locker with ``EVENTS`` in its journal that comes online; its shell only acknowledges."""

    def __init__(self, port, key):
        self.now_s = int(time.time())
        self.journal = Journal(NorFlash())
        self.journal.open()
        for i in range(EVENTS):
            payload = records.pack(records.DEPOSITED, i % 48, 7, 1, "RR{:09d}FR".format(i))
            self.journal.append(records.DEPOSITED, payload, self.now_s)
        self.client = new_client(port, LOCKER)
        self.sync = Sync(
            self.client,
            self.journal,
            LOCKER,
            key,
            self.sink,
            lambda: [(0, 0, None)] * 48,
            lambda: {"grants": 0, "fw": "bench", "journal": "clean", "faults": []},
            lambda: 0,
            lambda: (time.ticks_ms(), self.now_s, TRUST_SET),
        )

    def sink(self, event):
        if event[0] == "ack":
            self.journal.acknowledge(event[2], self.now_s)
            self.sync.wake()

    async def run(self, sampled):
        """Seconds from being connected to the last acknowledgement, and the growth of the heap."""
        tasks = [asyncio.create_task(self.sync.run())]
        await asyncio.sleep(0)
        gc.collect()
        before = most = gc.mem_alloc()
        tasks.append(asyncio.create_task(self.client.run()))
        await self.client.wait_up()
        start = time.ticks_us()
        while self.journal.acknowledged < EVENTS:
            if sampled:
                gc.collect()
                most = max(most, gc.mem_alloc())
            await asyncio.sleep(HEAP_SAMPLE_S)
        rate = per_second(EVENTS, start)
        for task in tasks:
            task.cancel()
        return rate, most - before


async def drain(port, key):
    rate, _ = await Drain(port, key).run(False)
    return {"drain_per_s": rate}


async def heap(port, key):
    _, growth = await Drain(port, key).run(True)
    return {"heap_growth": growth}


def main(mode, port, key=""):
    if mode == "publish":
        result = asyncio.run(publish(int(port)))
    else:
        result = asyncio.run((drain if mode == "drain" else heap)(int(port), unhexlify(key)))
    print(json.dumps(result))


main(*sys.argv[3:])
