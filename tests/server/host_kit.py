"""What the tests of the host share: a database on a real file, registered lockers, messages."""

import hashlib
import json
import random
import time
from contextlib import contextmanager

from consigne.protocol import messages
from consigne.protocol.events import parse_events
from consigne.protocol.untrusted import dump
from consigne.server.fleet.fleet import Door, Fleet
from consigne.server.ingest.decode import Message
from consigne.server.storage.database import Database
from consigne.server.storage.models import compartments, lockers
from consigne.server.storage.secret import Secret

T0 = 1_790_000_000
DOORS = [Door(str(n + 1), 1 + n // 3, low=n < 2) for n in range(12)]


def device_key(locker):
    """A key of its own for each locker; only tests may make one from a name."""
    return hashlib.sha256(b"test " + locker.encode()).digest()


def register(database, lockers):
    fleet = Fleet(database)
    for locker in lockers:
        fleet.register(locker, device_key(locker), doors=DOORS)


@contextmanager
def database_at(path, *lockers):
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


def fill(database, count):
    """A fleet as its lockers told of themselves; seed 7."""
    rng, now_s, rows, cells = random.Random(7), int(time.time()), [], []
    layout = json.dumps(
        [{"name": str(door + 1), "size": 1 + door % 4, "low": door < 4} for door in range(24)]
    )
    latches = [[door, 80, 84, 0, 0] for door in range(24)]
    health = {"taken": 8, "samples": [[now_s, 9, 61_000, -60, 12_100]] * 8, "latches": latches}
    told = {"epoch": 1, "trust": 1, "firmware": "0.1.0", "journal": "clean", "faults": [], "health": health}
    for number in range(count):
        id_ = f"FR-{number:05d}"
        known = {"id": id_, "device_key": Secret(rng.randbytes(32)), "digits": 8, "timezone": "UTC"}
        known |= {"layout": layout, "registered_at": now_s, "up": True, "status": json.dumps(told)}
        known |= {"status_at": now_s, "epoch": 1, "place": json.dumps({"title": f"Place {number}"})}
        rows.append({**known, "grants_version": 0, "next_grant": 1, "command_counter": 0})
        for door in range(24):
            content = int(rng.random() < 0.5)
            cell = {"locker": id_, "door": door, "content": content, "seen": 0, "parcel": None}
            cells.append({**cell, "epoch": 1, "seq": 1, "time_s": now_s})
    with database.write() as connection:
        connection.execute(lockers.insert(), rows)
        connection.execute(compartments.insert(), cells)
