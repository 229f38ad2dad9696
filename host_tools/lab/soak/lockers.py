"""Many lockers in one process, each the lasting half of the firmware: its journal, its sync, its MQTT client.

    python -m lab.soak.lockers <directory> <port> <first> <count> <events>

The classes are the firmware's own, on CPython and real sockets, each locker's flash a file in the directory;
so the process may be killed at any moment and started again with the same arguments.  Each locker journals on
until its newest event has the number ``events``, and the process prints their progress, as a line of JSON
``{name: [next seq, acknowledged]}``, four times a second.  The content of event number ``seq`` of a locker
follows from both (``values_of``), so it can be checked later.
"""

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from consigne.sim.board.flash import NorFlash
from locker.core import events, records
from locker.core.codes import journal_tag
from locker.journal import log
from locker.net import mqtt, mqtt_conversation, names, sync

AHEAD_EVENTS = 400  # journaled and not acknowledged; then a locker without a host pauses
BURST_EVENTS = 48
PAUSE_S = 0.04
TOLD_EVERY_S = 0.25
KEEPALIVE_S = 8
STALL_S = 2  # a locker in the field waits 5 s
DOORS = 48
FLASH_BYTES = 1 << 20


def name_of(number: int) -> str:
    return f"S{number:02}"


def key_of(name: str) -> bytes:
    """Its device key: only for this simulation; a real one is random."""
    return hashlib.sha256(name.encode()).digest()


def values_of(name: str, seq: int) -> tuple[int, int, int, int, str]:
    """The values of the ``OPENED`` record that is event ``seq`` of a locker."""
    return seq % DOORS, seq % 7, seq % 60_000, seq, f"{name}{seq:010}"


class _Reader(asyncio.StreamReader):
    """A connection's reader, with the method of MicroPython's streams that CPython's lack."""

    async def readinto(self, buffer: memoryview) -> int:
        data = await self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Wire:
    """A network interface that is always there."""

    def is_up(self) -> bool:
        return True


class NetLocker:
    """One locker: its shell's reactions to the host's messages, and an endless stream of events."""

    def __init__(
        self, name: str, directory: Path, port: int, last: int, flash_bytes: int = FLASH_BYTES
    ) -> None:
        self._name = name
        self._last = last
        self._counter = 0
        self.journal = log.Journal(NorFlash(flash_bytes, str(directory / f"{name}.bin")))
        found = self.journal.open(lambda epoch: journal_tag(key_of(name), epoch))
        self._is_stopped = found.read_only
        self.journal.replay(self._replayed)
        settings = mqtt.Settings(
            "127.0.0.1", port, name, keepalive_s=KEEPALIVE_S, retry_first_s=0.2, retry_most_s=2, connect_s=5
        )
        self._client = mqtt.Client(
            settings, _Wire(), names.Resolver(str), lambda: True, mqtt_conversation.Conversation()
        )
        self._sync = sync.Sync(
            self._client,
            self.journal,
            name,
            key_of(name),
            self._sink,
            lambda: [] if self._is_stopped else [(0, 0, None)] * DOORS,
            lambda: {"grants": 0, "fw": "soak", "journal": found.text, "faults": []},
            lambda: self._counter,
            self._now,
            STALL_S,
        )

    def _replayed(self, kind: int, time_s: int, payload: memoryview, seq: int) -> None:
        if kind in (records.COMMAND, records.COMMAND_STATE):
            self._counter = max(self._counter, records.unpack(kind, payload)[0])

    def _now(self) -> tuple[int, int, int]:
        return mqtt_conversation.ticks_ms(), int(time.time()), events.TRUST_SET

    def _append(self, kind: int, *values: Any) -> None:
        if self._is_stopped:  # as ``controller.Controller.stop``
            return
        self.journal.append(kind, records.pack(kind, *values), int(time.time()))
        if self.journal.snapshot_due():
            tag = journal_tag(key_of(self._name), self.journal.epoch)
            bound = (records.BOUND, records.pack(records.BOUND, tag, False))
            state = (records.COMMAND_STATE, records.pack(records.COMMAND_STATE, self._counter))
            self.journal.snapshot([bound, state], int(time.time()))

    def _sink(self, event: tuple[Any, ...]) -> None:
        if event[0] == "ack":
            self.journal.acknowledge(event[2], int(time.time()))
            self._sync.wake()
        elif event[0] == "time":  # called at every connecting; this machine's clock is right
            self._spend(event[1]["n"], 0, event[1]["id"])
        elif event[0] == events.EV_COMMAND:
            self._spend(*event[1:])
        elif event[0] == events.EV_REJECTED:
            self._append(records.REJECTED, *event[1:])
        elif event[0] != events.EV_LINK:
            raise ValueError(f"the host says what nobody asked for: {event}")

    def _spend(self, counter: int, result: int, command_id: str) -> None:
        self._counter = counter
        self._append(records.COMMAND, counter, result, command_id)
        self._sync.reply(command_id, "ok")

    async def run(self) -> None:
        """Journal, send, for ever."""
        await asyncio.gather(self._client.run(), self._sync.run(), self._work())

    async def _work(self) -> None:
        journal = self.journal
        while True:
            room = AHEAD_EVENTS - (journal.next_seq - 1 - journal.acknowledged)
            count = min(room, BURST_EVENTS, self._last + 1 - journal.next_seq)
            for _ in range(count):
                self._append(records.OPENED, *values_of(self._name, journal.next_seq))
            if count > 0:
                self._sync.wake()
            journal.maintain()
            await asyncio.sleep(PAUSE_S)


def connected_to(
    port: int, directory: Path, names_: Iterable[str], flash_bytes: int = FLASH_BYTES, last: int = 0
) -> dict[str, NetLocker]:
    """Lockers of these names, to be ``run`` in this process."""
    setattr(asyncio.streams, "StreamReader", _Reader)  # noqa: B010 - of which ``open_connection`` makes one
    return {name: NetLocker(name, directory, port, last, flash_bytes) for name in names_}


async def _tell(lockers: dict[str, NetLocker]) -> None:
    while True:
        told = {name: [one.journal.next_seq, one.journal.acknowledged] for name, one in lockers.items()}
        print(json.dumps(told), flush=True)
        await asyncio.sleep(TOLD_EVERY_S)


async def main(directory: Path, port: int, first: int, count: int, last: int) -> None:
    """Run them until killed; raises the error of one that fails."""
    lockers = connected_to(port, directory, map(name_of, range(first, first + count)), last=last)
    await asyncio.gather(_tell(lockers), *(locker.run() for locker in lockers.values()))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
