"""Parcels announced and revoked while a locker was away, and its first connection: does all of it arrive?

The firmware on MicroPython with a heap of a given size, mosquitto, the host; for ``lab.bench.grants`` and
tests.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from consigne.broker.broker import Mosquitto
from consigne.server.access.aside import Aside
from consigne.server.fleet import answers, commands
from consigne.server.service import HostService
from consigne.server.storage.documents import Door
from consigne.server.storage.models import commands as table
from consigne.sim import reference
from consigne.sim.locker import SimLocker
from sqlalchemy import select

LISTED, MIXED = "listed", "mixed"
READY_S = 180.0
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Delivered:
    """How it went.  ``aside`` is what the locker did not take; ``starts`` is 1 if nothing broke it."""

    arrived: bool
    messages: int
    largest_bytes: int
    starts: int
    seconds: float
    aside: list[Aside]


def announce(host: HostService, count: int, kind: str) -> None:
    """Parcels with a listed code; if mixed, every second has a derived one, and every fifth was revoked."""
    for n in range(count):
        parcel = f"JD{n:016d}"
        is_listed = kind == LISTED or n % 2 == 0
        host.parcels.announce(parcel, reference.LOCKER, code="listed" if is_listed else "derived")
        if kind == MIXED and n % 5 == 4:
            host.parcels.revoke(parcel)


class _Counted:
    """The commands that are published, but the time, which each connection gets."""

    def __init__(self, host: HostService) -> None:
        self.messages = self.largest_bytes = 0
        self._publish = host.client.publish
        host.client.publish = self._published  # type: ignore[method-assign]

    def _published(self, topic: str, payload: bytes) -> bool:
        if topic.endswith("/commands") and b'"cmd":"time"' not in payload:
            self.messages += 1
            self.largest_bytes = max(self.largest_bytes, len(payload))
        return self._publish(topic, payload)


async def deliver(directory: Path, count: int, kind: str, heap_kb: int, limit_s: float) -> Delivered:
    """Announce ``count`` parcels, connect a locker that was never there, and wait until nothing is open."""
    broker = Mosquitto()
    await broker.start()
    identity = reference.identity()
    host = HostService(f"sqlite:///{directory / 'host.db'}", broker.host, broker.port)
    doors = [Door(**door) for door in reference.layout()]
    host.fleet.register(reference.LOCKER, bytes.fromhex(identity["device_key"]), doors=doors)
    announce(host, count, kind)
    counted = _Counted(host)
    config = reference.config(broker.port, always_open=True)
    locker = SimLocker(config, identity, directory / "board", heap_kb=heap_kb)
    try:
        await host.start()
        await host.ready(READY_S)
        began_s = time.monotonic()
        locker.start()
        while not (arrived := await asyncio.to_thread(_is_there, host)):
            if time.monotonic() - began_s > limit_s:
                break
            await asyncio.sleep(LOOK_S)
        seconds = time.monotonic() - began_s
        starts = locker.output().count("ready")
        aside = await asyncio.to_thread(host.fleet.set_aside, reference.LOCKER)
        return Delivered(arrived, counted.messages, counted.largest_bytes, starts, seconds, aside)
    finally:
        locker.stop()
        await host.stop()
        await broker.stop()


def _is_there(host: HostService) -> bool:
    """Whether the locker has all, or the rest was set aside, and no command is open."""
    known = host.fleet.locker(reference.LOCKER)
    open_ = table.c.state.in_((answers.WAITING, answers.SENT)) & (table.c.cmd != commands.TIME)
    with host.database.read() as connection:
        waits = connection.execute(select(table.c.id).where(open_)).first()
    return known.connected and known.grants.are_there and waits is None
