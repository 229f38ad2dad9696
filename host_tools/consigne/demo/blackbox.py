"""The journal on a cabinet's flash, read as an investigator would: from a copy of its bytes."""

from typing import NamedTuple

from locker.journal import log

from consigne.protocol.events import EventData
from consigne.sim.board.flash import NorFlash


class Recorded(NamedTuple):
    """The journal on a flash: ``events`` by their number, as the host would get them."""

    epoch: int
    acknowledged: int
    events: dict[int, EventData]


def read_journal(flash: NorFlash) -> Recorded:
    """Read the journal on a copy of ``flash``: opening may repair it, and the original must not change.

    Call it where the board lives (``SimLocker.call``), so that nothing writes meanwhile.
    """
    copy = NorFlash(len(flash.data))
    copy.data[:] = flash.data
    journal = log.Journal(copy)
    journal.open()
    events: dict[int, EventData] = {}

    def note(kind: int, _time_s: int, payload: memoryview, seq: int) -> None:
        if seq:
            events[seq] = EventData.of_record(kind, payload)

    journal.replay(note)
    return Recorded(journal.epoch, journal.acknowledged, events)
