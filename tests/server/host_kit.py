"""What the tests of the host share: a database on a real file, registered lockers, messages."""

import hashlib
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from consigne.protocol import messages
from consigne.protocol.events import parse_events
from consigne.protocol.untrusted import dump
from consigne.server.fleet.fleet import Fleet
from consigne.server.ingest.decode import Message
from consigne.server.storage.database import Database
from consigne.server.storage.documents import Door

T0 = 1_790_000_000
DOORS = [Door(str(n + 1), 1 + n // 3, low=n < 2) for n in range(12)]


def device_key(locker):
    """A key of its own for each locker; only tests may make one from a name."""
    return hashlib.sha256(b"test " + locker.encode()).digest()


def register(database, lockers):
    fleet = Fleet(database)
    for locker in lockers:
        fleet.register(locker, device_key(locker), doors=DOORS)


@cache
def new_file():
    """SQLite's file of a database that is migrated and empty: to migrate one takes longer than most tests."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "host.db"
        Database(f"sqlite:///{path}").close()
        return path.read_bytes()


@contextmanager
def database_at(path, *lockers):
    if not path.exists():
        path.write_bytes(new_file())
    database = Database(f"sqlite:///{path}")
    register(database, lockers or ("L1",))
    try:
        yield database
    finally:
        database.close()


def event(seq, kind="closed", time_s=None, **fields):
    """An event as a locker sends it: ``[seq, time_s, {..}]``."""
    if kind == "closed":
        fields = {"door": seq % 12, "purpose": 1, **fields}
    return [seq, T0 + seq if time_s is None else time_s, {"kind": kind, **fields}]


def events(locker, epoch, *rows):
    """A verified message of events."""
    body = dump({"epoch": epoch, "events": list(rows)})
    return Message(locker, parse_events(body))


def deposited(seq, parcel, door=4, **more):
    return event(seq, "deposited", door=door, holder=7, role=1, parcel=parcel, **more)


def collected(seq, parcel, door=4, **more):
    return event(seq, "collected", door=door, ref=0, parcel=parcel, **more)


def status(locker, epoch, **fields):
    values = {"up": True, "epoch": epoch, "trust": 1, **fields}
    return Message(locker, messages.parse_status(dump(values)))


def occupancy(locker, epoch, seq, doors):
    body = dump({"epoch": epoch, "seq": seq, "t": T0, "doors": doors})
    return Message(locker, messages.parse_occupancy(body))
