"""An attended counter: a clerk takes parcels in, puts them on numbered shelves, hands them over for a code.

A counter is a locker without a device.  What its clerk does becomes the events a locker would have sent, in
a stream of its own, so parcels, notices, counts and the trail are the same for both.
"""

import secrets
import time
from typing import NamedTuple

from locker.core import doors, events
from sqlalchemy import select
from sqlalchemy.engine import Connection

from consigne.protocol import codes, messages
from consigne.protocol.events import EventData, parse_events
from consigne.protocol.untrusted import dump

from ..errors import CallerError, Conflict, Invalid, NotFound
from ..fleet.fleet import COUNTER
from ..ingest.decode import Message
from ..ingest.store import Store
from ..people import audit
from ..people.rate_limit import RateLimit
from ..storage import lookup
from ..storage.database import Database
from ..storage.documents import Layout, door_name
from ..storage.lookup import LockerRow, canonical_id
from ..storage.models import lockers, parcels, streams
from .view import COLUMNS, ParcelRow
from .view import find as find_parcel

EPOCH = 1  # a counter's journal is the database itself: it never begins anew
TRIES = 20
TRY_EVERY_S = 60.0


class TooMany(CallerError):
    """Too many wrong codes."""

    status = 429


class Found(NamedTuple):
    """The parcel of a code, and the name of its shelf."""

    parcel: str
    shelf: str


class Counter:
    """Counters and what their clerks do.  ``by`` is the clerk's account."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._store = Store(database)
        # 8 digits cannot be guessed at the speed at which a clerk types
        self._rate_limit = RateLimit(TRIES, TRY_EVERY_S, _too_soon)

    def take_in(self, counter: str, label: str, shelf: str = "", *, by: str) -> str:
        """A parcel comes in, announced or not; returns the name of its shelf.

        ``shelf`` is where the clerk put it; the emptiest one is proposed when "".
        """
        parcel = canonical_id(label)
        with self._database.write() as connection:
            where = _counter(connection, counter)
            row = find_parcel(connection, parcel)
            if row is not None and row.state == "in_locker":
                raise Conflict(f"parcel {parcel} is at {row.locker} already")
            if row is not None and row.state == "announced" and row.locker != counter:
                raise Conflict(f"parcel {parcel} belongs to {row.locker}, not here")
            names = [door.name for door in where.layout]
            number = _shelf(names, shelf) if shelf else _emptiest(connection, counter, len(names))
            event = EventData(kind="deposited", door=number, holder=0, role=events.CLERK, parcel=parcel)
            self._happened(connection, where, event)
            audit.note(
                connection, by, "take in", locker=counter, parcel=parcel, detail=f"shelf {names[number]}"
            )
            return names[number]

    def find(self, counter: str, code: str) -> Found:
        """The parcel that a customer's code collects, and its shelf; wrong codes are slowed down."""
        digits = "".join(code.split())
        if not digits:
            raise Invalid("type the customer's code first")
        with self._database.read() as connection:
            where = _counter(connection, counter)
            here = (parcels.c.locker == counter) & (parcels.c.state == "in_locker")
            unspent = select(*COLUMNS).where(here, parcels.c.revoked.is_(False))
            rows = [ParcelRow(*row) for row in connection.execute(unspent)]
        self._rate_limit.spend(counter)
        for row in rows:
            wanted = _code_of(where, row)
            if wanted and secrets.compare_digest(wanted.encode(), digits.encode()):
                self._rate_limit.forgive(counter)
                return Found(row.id, _name(where.layout, row.door))
        raise NotFound("no parcel here has this code: look again at the message and its address")

    def hand_over(self, counter: str, code: str, *, by: str, paper: bool = False) -> Found:
        """A customer takes the parcel of a code; ``paper``: the clerk has seen identity paper."""
        found = self.find(counter, code)
        detail = f"shelf {found.shelf}, for its code{', paper seen' if paper else ''}"
        self._leaves(counter, found.parcel, "collected", detail, by)
        return found

    def give_back(self, counter: str, label: str, *, by: str) -> str:
        """A courier takes a parcel away; returns the name of its shelf."""
        return self._leaves(counter, canonical_id(label), "returned", "to a courier", by)

    def _leaves(self, counter: str, parcel: str, kind: str, detail: str, by: str) -> str:
        with self._database.write() as connection:
            where = _counter(connection, counter)
            row = find_parcel(connection, parcel)
            if row is None or row.locker != counter or row.state != "in_locker":
                raise Conflict(f"parcel {parcel} is not on a shelf here")
            event = EventData(kind=kind, door=row.door, ref=0, parcel=parcel)
            if kind == "returned":
                event = EventData(kind=kind, door=row.door, holder=0, role=events.CLERK, parcel=parcel)
            self._happened(connection, where, event)
            audit.note(connection, by, kind, locker=counter, parcel=parcel, detail=detail)
            return _name(where.layout, row.door)

    def _happened(self, connection: Connection, where: LockerRow, event: EventData) -> None:
        """Commit an event of the counter, and what then lies on its shelves."""
        mine = (streams.c.locker == where.id) & (streams.c.epoch == EPOCH)
        stream = connection.execute(select(streams.c.contiguous).where(mine).with_for_update()).first()
        seq, now_s = (stream.contiguous if stream is not None else 0) + 1, int(time.time())
        batch = parse_events(dump({"epoch": EPOCH, "events": [[seq, now_s, event]]}))
        self._store.commit_within(connection, [Message(where.id, batch)])
        here = (parcels.c.locker == where.id) & (parcels.c.state == "in_locker")
        inside = select(parcels.c.door, parcels.c.id).where(here)
        lying: dict[int, str] = {row.door: row.id for row in connection.execute(inside)}
        told: list[tuple[int, int, str | None]] = [
            (doors.PARCEL if number in lying else doors.EMPTY, doors.TOLD_CLOSED, lying.get(number))
            for number in range(len(where.layout))
        ]
        shelves = messages.Occupancy(epoch=EPOCH, seq=seq + 1, time_s=now_s, doors=told)
        self._store.commit_within(connection, [Message(where.id, shelves)])


def _too_soon(wait_s: int) -> TooMany:
    return TooMany(f"too many wrong codes: wait {wait_s} s")


def _counter(connection: Connection, counter: str) -> LockerRow:
    """The counter's row, locked: two clerks take turns."""
    wanted = select(lockers.c.id).where(lockers.c.id == counter, lockers.c.kind == COUNTER)
    if connection.execute(wanted.with_for_update()).first() is None:
        raise NotFound(f"no counter {counter} is registered")
    return lookup.in_service(connection, counter)


def _shelf(names: list[str], shelf: str) -> int:
    if shelf not in names:
        raise Invalid(f"there is no shelf {shelf}: they are numbered from {names[0]} to {names[-1]}")
    return names.index(shelf)


def _emptiest(connection: Connection, counter: str, count: int) -> int:
    """The shelf with the fewest parcels, the first of them."""
    here = (parcels.c.locker == counter) & (parcels.c.state == "in_locker")
    lying = [row.door for row in connection.execute(select(parcels.c.door).where(here))]
    return min(range(count), key=lambda number: (lying.count(number), number))


def _code_of(where: LockerRow, row: ParcelRow) -> str:
    if row.digits is not None:
        return row.digits.reveal().decode()
    if row.code == "none":  # a customer's return: nobody collects it with a code
        return ""
    return codes.derived_code(where.signing_key(), row.id, where.digits)


def _name(layout: Layout, door: int | None) -> str:
    return door_name(layout, door) if door is not None else ""
