"""Runs on MicroPython: the client and the sync over a real journal, driven by lines on stdin.

``mqtt_kit.Device`` speaks to it in lines of JSON: requests ``[name, argument]`` in, ``[name, value]``
out; the first is ``["ready", options]`` (an argument of MicroPython has 255 bytes at most).  What a
controller would do is reduced to what the sync needs: acknowledgements and commands are journaled.
"""

import asyncio
import gc
import json
import sys
import time
from binascii import hexlify, unhexlify

from locker.core import records
from locker.core.events import EV_COMMAND, EV_LINK, EV_OPEN_ORDER, EV_REJECTED, TRUST_FLOOR, TRUST_SET
from locker.journal.log import Journal
from locker.net.mqtt import Client, Settings
from locker.net.mqtt_conversation import Conversation
from locker.net.names import Resolver
from locker.net.sync import Sync
from sim.board.flash import NorFlash
from sim.shim._calendar import RTC

START_S = 1_790_000_000


def say(name, value=None):
    print(json.dumps([name, value]))


def plain(field):
    """As JSON can say it: bytes in hexadecimal."""
    if isinstance(field, (list, tuple)):
        return [plain(item) for item in field]
    return str(hexlify(field), "ascii") if isinstance(field, (bytes, bytearray, memoryview)) else field


class Link:
    """The network interface of a machine that has one; the test may unplug it.

    ``looks`` counts how often the client asked for its state: once in each look at a connection.
    """

    def __init__(self):
        self.plugged = True
        self.looks = 0

    def is_up(self):
        self.looks += 1
        return self.plugged


class RecordingClient(Client):
    """Remembers every ``last_error``, so that a test can see what each connection ended for.

    ``unheard_ms`` says how long the server had been silent when the last of them ended.
    """

    errors = ()
    unheard_ms = 0

    @property
    def last_error(self):
        return self.errors[-1]

    @last_error.setter
    def last_error(self, text):
        self.errors += (text,)
        self.unheard_ms = time.ticks_diff(time.ticks_ms(), self._conversation.heard_ms)


class Locker:
    def __init__(self, options):
        self.link = Link()
        self.busy = False
        self.asked_whether_busy = 0
        self.doors = [[0, 0, None] for _ in range(options.get("doors", 12))]
        self.trust = TRUST_FLOOR if "floor" in options else TRUST_SET
        self.epoch_s = options.get("floor", options.get("chip", START_S))
        self.told = "chip" not in options and "floor" not in options  # the host has said the time
        self.skipped_ms = 0  # of waiting, for a test that has no patience
        self.counter = 0
        self.calendar = []  # what TLS had the chip's calendar set to
        self.deaf = False  # take no acknowledgements
        self.heap_bytes_max = self.heap_bytes_start = 0
        self.journal = Journal(NorFlash(options.get("flash_bytes", 1 << 20), options.get("flash")))
        self.journal.open()
        self.journal.replay(self._replayed)
        self.client = RecordingClient(
            Settings(
                options.get("host", "127.0.0.1"),
                options["port"],
                options["locker"],
                options.get("user", ""),
                options.get("password", ""),
                self.tls(options),
                options.get("keepalive_s", 60),
                options.get("retry_s", 0.05),
                options.get("retry_most_s", 0.2),
                options.get("connect_s", 30),
            ),
            self.link,
            Resolver(lambda: options.get("name_server", ""), options.get("name_port", 53)),
            self.is_idle,
            Conversation(window=options.get("window", 32)),
        )
        self.sync = Sync(
            self.client,
            self.journal,
            options["locker"],
            unhexlify(options["device_key"]),
            self.sink,
            lambda: self.doors,
            lambda: {"grants": 0, "fw": "test", "journal": "clean", "faults": []},
            lambda: self.counter,
            self.now,
            options.get("stall_s", 5),
        )

    def _replayed(self, kind, time_s, payload, seq):
        if kind == records.COMMAND:
            self.counter = records.unpack(kind, payload)[0]

    def tls(self, options):
        if "ca" not in options:
            return None
        from locker.net.tls import Tls, client_context

        own = [content(options[name]) for name in ("certificate", "key") if name in options]
        context = client_context(content(options["ca"]), *own)
        return Tls(context, self.now, self.set_calendar, lambda: self.told, print)

    def set_calendar(self, epoch_s):
        self.calendar.append(epoch_s)
        year, month, day, hour, minute, second, weekday = time.gmtime(epoch_s)[:7]
        RTC().datetime((year, month, day, weekday, hour, minute, second, 0))

    def is_idle(self):
        self.asked_whether_busy += 1
        return not self.busy

    def now(self):
        return (time.ticks_add(time.ticks_ms(), self.skipped_ms), self.epoch_s, self.trust)

    def append(self, kind, *values):
        self.journal.append(kind, records.pack(kind, *values), START_S)
        self.sync.wake()

    def sink(self, event):
        if event[0] == "ack":
            if not self.deaf:
                self.journal.acknowledge(event[2], START_S)
                self.sync.wake()
            return
        if event[0] in (EV_COMMAND, EV_OPEN_ORDER):
            counter, command_id = (event[1], event[3]) if event[0] == EV_COMMAND else event[2:]
            self.counter = counter
            self.append(records.COMMAND, counter, 0, command_id)
            self.sync.reply(command_id, "ok")
        elif event[0] == EV_REJECTED:
            self.append(records.REJECTED, *event[1:])
        elif event[0] == EV_LINK:
            say("link", event[1])
            return
        say("event", [plain(field) for field in event])


def content(path):
    with open(path, "rb") as file:
        return file.read()


async def measure_heap(locker):
    while True:
        gc.collect()
        locker.heap_bytes_max = max(locker.heap_bytes_max, gc.mem_alloc())
        await asyncio.sleep(0.02)


class Requests:
    """What the test may ask; every request is answered with its own name."""

    def __init__(self, locker):
        self.locker = locker

    def append(self, count):
        for i in range(count):
            self.locker.append(records.DEPOSITED, i % 12, 7, 1, "RR{:09d}FR".format(i))
        return self.locker.journal.next_seq

    def state(self, _):
        journal, client = self.locker.journal, self.locker.client
        return {
            "up": client.is_up(),
            "error": client.last_error,
            "errors": client.errors[1:],
            "unheard_ms": client.unheard_ms,
            "looks": self.locker.link.looks,
            "asked_whether_busy": self.locker.asked_whether_busy,
            "session": client.session(),
            "in_flight": client.in_flight(),
            "next_seq": journal.next_seq,
            "acknowledged": journal.acknowledged,
            "epoch": journal.epoch,
            "calendar": self.locker.calendar,
            "heap_growth": self.locker.heap_bytes_max - self.locker.heap_bytes_start,
        }

    def watch_heap(self, _):
        gc.collect()
        self.locker.heap_bytes_start = self.locker.heap_bytes_max = gc.mem_alloc()
        self.heap_task = asyncio.create_task(measure_heap(self.locker))

    def fill_heap(self, spare):
        """Leave ``spare`` bytes at most; returns how many are left."""
        self.ballast = []
        gc.collect()
        while gc.mem_free() >= spare:
            self.ballast.append(bytearray(900))
        return gc.mem_free()

    def plug(self, plugged):
        self.locker.link.plugged = plugged

    def set_time(self, epoch_s):
        """What a host's answer does that the clock takes."""
        self.locker.epoch_s, self.locker.trust, self.locker.told = epoch_s, TRUST_SET, True

    def wait(self, seconds):
        self.locker.skipped_ms += seconds * 1000

    def busy(self, busy):
        self.locker.busy = busy

    def deaf(self, deaf):
        self.locker.deaf = deaf

    def door(self, row):
        self.locker.doors[row[0]] = row[1:]
        self.locker.sync.occupancy_changed()

    def ask_grants(self, version):
        self.locker.sync.ask_grants(version)


async def main():
    locker = Locker(json.loads(sys.stdin.readline())[1])
    requests = Requests(locker)
    tasks = [asyncio.create_task(locker.client.run()), asyncio.create_task(locker.sync.run())]
    say("ready")
    lines = asyncio.StreamReader(sys.stdin)
    while True:
        line = await lines.readline()
        if not line:
            return
        for task in tasks:
            if task.done():
                await task  # raises what it died of
        name, argument = json.loads(line)
        say(name, getattr(requests, name)(argument))


asyncio.run(main())
