"""Compares the lockers' journals with the host's database, event by event."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consigne.protocol.events import EventData
from consigne.server.storage.database import Database
from consigne.server.storage.models import commands, events, streams
from consigne.sim.board.flash import NorFlash
from locker.core import records
from locker.journal import log
from locker.net import sync
from sqlalchemy import select

from . import lockers

Row = tuple[int, EventData]  # time, the event described


def journal_of(flash: Path) -> Any:
    """The journal as it would be found after a power cut at this moment; the file is only read."""
    copy = NorFlash(flash.stat().st_size)
    copy.data[:] = flash.read_bytes()
    journal = log.Journal(copy)
    journal.open()
    return journal


def on_flash(journal: Any) -> dict[int, Row]:
    """Every event that is still there, acknowledged or not, by number."""
    held = journal.unacknowledged(0, 1 << 20, 1 << 30)
    return {seq: (time_s, EventData(sync.describe(kind, payload))) for seq, kind, time_s, payload in held}


@dataclass
class Verdict:
    """How database and journals differ: all of it must be 0."""

    events: int = 0
    lost: int = 0
    duplicate_rows: int = 0
    changed: int = 0
    conflicts: int = 0  # counted by the host itself
    examples: list[str] = field(default_factory=list)

    def add(self, database: Database, name: str, journal: Any, *, computed: bool) -> None:
        """Compare one locker up to the acknowledged number: later events are on its flash, not lost.

        ``computed``: events no longer on the flash are computed from their numbers.
        """
        with database.read() as connection:
            wanted = select(events.c.epoch, events.c.seq, events.c.time_s, events.c.data)
            rows = connection.execute(wanted.where(events.c.locker == name)).all()
            asked = set(connection.execute(select(commands.c.id).where(commands.c.locker == name)).scalars())
            own = select(streams.c.conflicts).where(streams.c.locker == name)
            self.conflicts += sum(connection.execute(own).scalars())
        stored: dict[int, Row] = {}
        for row in rows:
            self.duplicate_rows += row.seq in stored or row.epoch != journal.epoch
            stored[row.seq] = (row.time_s, row.data)
        held = on_flash(journal)
        self.events += journal.acknowledged
        for seq in range(1, journal.next_seq):
            if seq not in stored and seq > journal.acknowledged:
                continue
            if seq not in stored:
                self.lost += 1
                self._note(f"{name} {seq}: not in the database")
            elif not self._is_right(name, seq, stored[seq], held.get(seq), asked, computed):
                self.changed += 1
                self._note(f"{name} {seq}: stored {stored[seq]}, journaled {held.get(seq)}")
        self.changed += len(stored.keys() - range(1, journal.next_seq))  # rows that no locker journaled

    @staticmethod
    def _is_right(
        name: str, seq: int, stored: Row, journaled: Row | None, asked: set[str], computed: bool
    ) -> bool:
        event = stored[1]
        if event.kind == "command" and event["id"] not in asked:
            return False
        if journaled is not None:
            return stored == journaled
        if computed and event.kind == "opened":
            payload = records.pack(records.OPENED, *lockers.values_of(name, seq))
            return event == EventData.of_record(records.OPENED, payload)
        return computed and event.kind in ("command", "rejected")

    def _note(self, text: str) -> None:
        if len(self.examples) < 5:
            self.examples.append(text)

    def check(self) -> None:
        """Raise ``AssertionError`` when anything differs."""
        wrong = (self.lost, self.duplicate_rows, self.changed, self.conflicts)
        assert wrong == (0, 0, 0, 0), (
            f"{self.lost} lost, {self.duplicate_rows} twice, {self.changed} changed, "
            f"{self.conflicts} conflicts: {'; '.join(self.examples)}"
        )
