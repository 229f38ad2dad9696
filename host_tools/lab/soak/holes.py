"""Disasters that every operator meets once a year: a database or a flash that knows less than it should.

Each disaster is one locker (``lockers.NetLocker``: the firmware's own journal, sync and MQTT client) whose
flash and whose rows in the host's database are brought to where the disaster left them.  Then all of them
connect at once, through mosquitto, to one host.  The truth is known: every event that was ever journaled.
A stream is *stuck* when the host has not gone past all of it in time; an event is *untold* when it is neither
in the database nor in a hole that the host has written down.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consigne.broker.broker import Mosquitto
from consigne.protocol.events import EventData, parse_events
from consigne.protocol.messages import parse_status
from consigne.protocol.untrusted import dump
from consigne.server.fleet.alarms import Alarms
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.decode import Message
from consigne.server.ingest.store import Store
from consigne.server.service import HostService
from consigne.server.storage.database import Database, chunks
from consigne.server.storage.models import events, holes, streams
from consigne.sim.board.flash import SECTOR_BYTES, NorFlash
from locker.core import records
from locker.core.codes import journal_tag
from locker.journal import log
from locker.journal.layout import FIRST
from sqlalchemy import select

from . import lockers, rows

EVENTS_A_DAY = 400
FLASH_BYTES = 1 << 20
CONVERGED_WITHIN_S = 60.0
PATIENCE_S = 180.0  # a loaded machine is slow; how long it took is measured apart
LOOK_S = 0.2
T0 = 1_790_000_000


@dataclass
class Disaster:
    """One locker and its host before they meet again.

    ``journaled`` events were ever written, ``acknowledged`` of them by a host that may have forgotten: it has
    those up to ``host_has``, and some from ``island`` on.  ``rotten`` sectors cannot be read any more.
    ``replaced`` events are of a former journal: its last status spoke of them; the flash with them is gone.
    """

    name: str
    journaled: int
    acknowledged: int = 0
    host_has: int = 0
    rotten: int = 0
    replaced: int = 0
    island: int = 0
    is_anothers: bool = False  # the flash was another locker's: nothing of it may be stored under this name
    truth: dict[int, rows.Row] = field(default_factory=dict)


def disasters(day: int = EVENTS_A_DAY) -> list[Disaster]:
    """Every disaster, with so many events a day."""
    week = 7 * day
    made = [
        Disaster("backup-1-hour", week, week, week - day // 24, island=week - day // 48),
        Disaster("backup-1-day", week, week, week - day, island=week - day // 2),
        Disaster("backup-7-days", 4 * week, 4 * week - 9, 3 * week),
        Disaster("database-lost", 2 * week, 2 * week - 5),
        Disaster("database-lost-old", 100 * day, 100 * day),
        Disaster("offline-65-days", 65 * day),
        Disaster("offline-200-days", 200 * day, 7, 7),
        Disaster("board-swapped", day, replaced=day // 3),
        Disaster("anothers-journal", day, is_anothers=True),
    ]
    made += [Disaster(f"rotten-{count}", 15 * day, rotten=count) for count in range(1, 9)]
    return made


def run(seconds: float, seed: int) -> dict[str, float]:
    """All disasters, again and again with other seeds, for some seconds."""
    until_s = time.monotonic() + seconds
    counted = play(seed)
    while time.monotonic() < until_s:
        seed += 1
        print(f"  seed {seed}", flush=True)
        counted = play(seed)
    return counted


def play(seed: int, day: int = EVENTS_A_DAY, flash_bytes: int = FLASH_BYTES) -> dict[str, float]:
    """All disasters once; ``AssertionError`` for a stuck stream or an event that nobody is told of."""
    with tempfile.TemporaryDirectory(prefix="consigne-soak-") as directory:
        return asyncio.run(_Meeting(Path(directory), random.Random(seed), day, flash_bytes).play())


class _Meeting:
    """One broker, one host, and a locker for each disaster."""

    def __init__(self, directory: Path, rng: random.Random, day: int, flash_bytes: int) -> None:
        self._directory, self._random, self._flash_bytes = directory, rng, flash_bytes
        self._disasters = {one.name: one for one in disasters(day)}
        self._url = f"sqlite:///{directory / 'host.db'}"
        self._database = Database(self._url)

    async def play(self) -> dict[str, float]:
        for disaster in self._disasters.values():
            self._prepare(disaster)
        broker = Mosquitto()
        await broker.start()
        try:
            took_s, behind = await self._meet(broker)
        finally:
            await broker.stop()
        counted = self._judge()
        self._database.close()
        assert not behind, f"stuck: {behind}"
        assert not counted["sync.untold_lost"], counted
        assert not counted["sync.wrongly_told"], counted
        return counted | {"sync.stuck_streams": len(behind), "sync.converged_s_max": took_s}

    # --- before they meet ------------------------------------------------------------------------------

    def _prepare(self, disaster: Disaster) -> None:
        Fleet(self._database).register(disaster.name, lockers.key_of(disaster.name))
        flash = NorFlash(self._flash_bytes, str(self._directory / f"{disaster.name}.bin"))
        journal = log.Journal(flash)
        journal.open()
        if disaster.is_anothers:
            tag = journal_tag(lockers.key_of("another"), journal.epoch)
            journal.snapshot([(records.BOUND, records.pack(records.BOUND, tag, False))], T0)
        self._journal_events(disaster, journal)
        if disaster.replaced:
            self._former(disaster)
        has = [seq for seq in disaster.truth if seq <= disaster.host_has]
        if disaster.island:
            has += range(disaster.island, min(disaster.island + 30, disaster.journaled))
        self._store(disaster, journal.epoch, has)
        for sector in self._random.sample(self._written(journal), disaster.rotten):
            flash.overwrite(sector * SECTOR_BYTES + FIRST, b"\0" * (SECTOR_BYTES - FIRST))
        flash.close()

    @staticmethod
    def _journal_events(disaster: Disaster, journal: Any) -> None:
        """Write them, and keep the truth; the journal adds records of what gave way."""
        while journal.next_seq <= disaster.journaled:
            seq = journal.next_seq
            payload = records.pack(records.OPENED, *lockers.values_of(disaster.name, seq))
            journal.append(records.OPENED, payload, T0 + seq)
            disaster.truth[seq] = (T0 + seq, EventData.of_record(records.OPENED, payload))
            if journal.snapshot_due():
                state = [(records.COMMAND_STATE, records.pack(records.COMMAND_STATE, 1))]
                if disaster.is_anothers:
                    tag = journal_tag(lockers.key_of("another"), journal.epoch)
                    state.insert(0, (records.BOUND, records.pack(records.BOUND, tag, False)))
                journal.snapshot(state, T0 + seq)
            if seq % 250 == 0 or seq == disaster.acknowledged:
                journal.acknowledge(min(seq, disaster.acknowledged), T0 + seq)
            journal.maintain()

    @staticmethod
    def _written(journal: Any) -> list[int]:
        """The sectors of the log but its newest, which every start may find torn."""
        ids = journal._sectors.ids
        return [sector for sector, id_ in enumerate(ids) if id_ and sector != journal._writer.head]

    def _store(self, disaster: Disaster, epoch: int, seqs: list[int]) -> None:
        store = Store(self._database)
        for part in chunks(sorted(seqs)):
            entries = [[seq, disaster.truth[seq][0], disaster.truth[seq][1]] for seq in part]
            body = dump({"epoch": epoch, "events": entries})
            store.commit([Message(disaster.name, parse_events(body))])

    def _former(self, disaster: Disaster) -> None:
        """A board with another journal was here, of which the host has two thirds."""
        former = Disaster(disaster.name, disaster.replaced)
        journal = log.Journal(NorFlash(self._flash_bytes))
        journal.open()
        self._journal_events(former, journal)
        self._store(former, journal.epoch, [*range(1, 2 * disaster.replaced // 3 + 1)])
        body = dump({"up": True, "epoch": journal.epoch, "seq": journal.next_seq, "ack": 0})
        Store(self._database).commit([Message(disaster.name, parse_status(body))])

    # --- when they meet --------------------------------------------------------------------------------

    async def _meet(self, broker: Mosquitto) -> tuple[float, list[str]]:
        """How long the last of them took, and which have not come to an end."""
        host = HostService(self._url, broker.host, broker.port)
        await host.start()
        await host.ready()
        made = lockers.connected_to(broker.port, self._directory, self._disasters, self._flash_bytes)
        running = [asyncio.create_task(locker.run()) for locker in made.values()]
        began_s = time.monotonic()
        took_s, behind = 0.0, list(made)
        try:
            while behind and time.monotonic() - began_s < PATIENCE_S:
                for task in running:
                    assert not task.done(), task.exception()
                await asyncio.sleep(LOOK_S)
                took_s = time.monotonic() - began_s
                behind = [name for name, locker in made.items() if self._lacks(host, name, locker.journal)]
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await host.stop()
        return took_s, behind

    def _lacks(self, host: HostService, name: str, journal: Any) -> bool:
        """Whether host or locker believes that something is to come: on both sides nothing is."""
        if self._disasters[name].is_anothers:
            status = host.fleet.locker(name).status
            return status is None or not status.journal.startswith("foreign, of another locker")
        with host.database.read() as connection:
            here = (streams.c.locker == name) & (streams.c.epoch == journal.epoch)
            row = connection.execute(select(streams.c.contiguous, streams.c.islands).where(here)).first()
        last = journal.next_seq - 1
        return row is None or bool(row.islands) or row.contiguous < last or journal.acknowledged < last

    # --- afterwards ------------------------------------------------------------------------------------

    def _judge(self) -> dict[str, float]:
        untold = wrong = lost = told = 0
        for disaster in self._disasters.values():
            journal = rows.journal_of(self._directory / f"{disaster.name}.bin")
            stored = self._stored(disaster.name, journal.epoch)
            if disaster.is_anothers:
                wrong += len(stored)
                continue
            gone = set(self._gone(disaster.name, journal.epoch))
            readable = rows.on_flash(journal)
            numbers = set(range(1, journal.next_seq))
            untold += len(numbers - stored.keys() - gone)
            wrong += len(gone & (readable.keys() | stored.keys())) + len((stored.keys() | gone) - numbers)
            wrong += sum(row != disaster.truth.get(seq, row) for seq, row in stored.items())
            lost += len(gone)
            told += bool(Alarms(self._database).open(disaster.name))
            if disaster.replaced:
                untold += len(set(range(1, disaster.replaced + 1)) - self._told_of_former(disaster, journal))
        return {
            "sync.disasters": len(self._disasters),
            "sync.untold_lost": untold,
            "sync.wrongly_told": wrong,
            "sync.told_lost": lost,
            "sync.alarmed": told,
        }

    def _told_of_former(self, disaster: Disaster, journal: Any) -> set[int]:
        with self._database.read() as connection:
            wanted = select(streams.c.epoch).where(streams.c.locker == disaster.name)
            (former,) = connection.execute(wanted.where(streams.c.epoch != journal.epoch)).scalars()
        return {*self._stored(disaster.name, former), *self._gone(disaster.name, former)}

    def _stored(self, name: str, epoch: int) -> dict[int, rows.Row]:
        wanted = select(events.c.seq, events.c.time_s, events.c.data)
        with self._database.read() as connection:
            found = connection.execute(wanted.where(events.c.locker == name, events.c.epoch == epoch))
            return {row.seq: (row.time_s, row.data) for row in found}

    def _gone(self, name: str, epoch: int) -> Iterator[int]:
        here = (holes.c.locker == name) & (holes.c.epoch == epoch)
        with self._database.read() as connection:
            for first, last in connection.execute(select(holes.c.first, holes.c.last).where(here)):
                yield from range(first, last + 1)
