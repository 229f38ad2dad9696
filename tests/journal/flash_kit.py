"""A journal on a small flash, for tests that run on both interpreters."""

from consigne.sim.board.flash import SECTOR_BYTES, NorFlash
from locker.core import records
from locker.journal.log import Journal

SECTORS = 12
EPOCH_S = 1_795_200_000
EVENT = records.ACCEPTED
INTERNAL = records.GRANT_DROP


def flash(sectors=SECTORS, **faults):
    return NorFlash(sectors * SECTOR_BYTES, **faults)


def opened(nor):
    """``(journal, recovery)`` after a power-on."""
    nor.power_on()
    journal = Journal(nor, lambda: 0xC0FFEE)
    return journal, journal.open()


def fill(journal, count, size=100, kind=EVENT):
    """Append ``count`` records, with a snapshot of nothing when one is due; their seqs."""
    seqs = []
    for i in range(count):
        if journal.snapshot_due():
            journal.snapshot([], EPOCH_S)
        seqs.append(journal.append(kind, bytes([i & 0xFF]) * size, EPOCH_S + i))
    return seqs


def unsent(journal, after=0):
    """Every event after ``after`` that can be read: ``(seq, kind, time_s, payload)``."""
    return [(s, k, t, bytes(p)) for s, k, t, p in journal.unacknowledged(after, 1 << 20, 1 << 30)]


def replayed(journal):
    out = []
    journal.replay(lambda kind, time_s, payload, seq: out.append((kind, time_s, bytes(payload), seq)))
    return out


def raises(error, function, *args):
    try:
        function(*args)
    except error:
        return True
    return False
