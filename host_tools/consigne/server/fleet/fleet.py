"""Lockers as the outside sees them: registered, their state, their compartments and events."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from locker.core.codes import KEY_BYTES
from locker.core.doors import TOLD_UNKNOWN
from locker.core.labels import CODE_DIGITS_MAX, CODE_DIGITS_MIN
from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from consigne.protocol import topics
from consigne.protocol.events import EventData
from consigne.protocol.messages import Status
from consigne.protocol.names import SIZES

from ..access import aside
from ..access.aside import Aside
from ..clock import timezones
from ..errors import Conflict, Invalid
from ..people import audit
from ..people.audit import HOST
from ..storage.contiguity import Held
from ..storage.database import Database, columns_of
from ..storage.documents import Door, Layout, Place, door_name
from ..storage.lookup import find, in_service, row_of
from ..storage.models import compartments, events, holes, lockers, streams
from ..storage.secret import Secret
from . import retiring

EVENTS_PAGE_MAX = 1_000
HOLES_MAX = 1_000
LOCKERS_PAGE_MAX = 1_000
SHELVES_MAX = 500
TITLE_CHARACTERS_MAX = 80
ADDRESS_CHARACTERS_MAX = 200
HOURS_CHARACTERS_MAX = 200
TIMEZONE_CHARACTERS_MAX = 64
COUNTER = "counter"
CONTENT_NAMES = ("empty", "parcel", "taken out", "being filled", "blocked")
SEEN_NAMES = ("closed", "open", "unknown")
UNSEEN = TOLD_UNKNOWN  # its sensor is silent; the locker gives no such door out
NOT_KNOWN = "not known"


@dataclass(frozen=True, slots=True)
class GrantVersions:
    """The version of the set of grants at the host, and the locker's; None until the locker has told it."""

    version: int
    at_locker: int | None

    @property
    def are_there(self) -> bool:
        """Whether the locker has the whole set."""
        return self.version == self.at_locker


@dataclass(frozen=True, slots=True)
class Journal:
    """What the host has of the journal that a locker writes now; ``missing`` are closed ranges."""

    epoch: int | None
    complete_to: int
    missing: list[tuple[int, int]]
    lost: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class Locker:
    """A locker or counter, without its key.

    ``status`` is what it last said of itself while it was connected; times are Unix seconds.
    """

    id: str
    connected: bool
    heard_at: int | None
    status: Status | None
    status_at: int | None
    kind: str
    retired_at: int | None
    place: Place
    digits: int
    timezone: str
    doors: int
    grants: GrantVersions
    events: Journal

    @property
    def trust(self) -> int | None:
        """Whether its clock is set, in the firmware's terms; None until it said so."""
        return self.status.trust if self.status is not None else None


@dataclass(frozen=True, slots=True)
class Compartment:
    """One compartment as the locker last told; ``size`` and ``low`` are None beyond its layout."""

    door: int
    name: str
    size: int | None
    low: bool | None
    content: str
    seen: str
    parcel: str | None
    at: int | None

    @property
    def believed(self) -> str:
        """``content``, or ``NOT_KNOWN`` where it says empty and the locker cannot see the door."""
        return NOT_KNOWN if (self.content, self.seen) == ("empty", SEEN_NAMES[UNSEEN]) else self.content


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event; ``id`` is its place in the order of arrival, ``data`` what the locker described."""

    id: int
    locker: str
    epoch: int
    seq: int
    time_s: int
    kind: str
    data: EventData


@dataclass(frozen=True, slots=True)
class _LockerRow:
    """What ``Locker`` is made of."""

    id: str
    up: bool | None
    heard_at: int | None
    status: Status | None
    status_at: int | None
    epoch: int | None
    kind: str
    retired_at: int | None
    place: Place
    digits: int
    timezone: str
    layout: Layout
    grants_version: int
    grants_have: int | None


@dataclass(frozen=True, slots=True)
class _Told:
    """What a locker last told of one compartment."""

    door: int
    content: int
    seen: int
    parcel: str | None
    seq: int
    time_s: int


@dataclass(frozen=True, slots=True)
class Hole:
    """Event numbers of one epoch that no journal has any more; ``told_at`` in host time."""

    epoch: int
    first: int
    last: int
    why: str
    told_at: int


_LOCKER = columns_of(_LockerRow, lockers)
_HOLE = columns_of(Hole, holes)
_STREAM = (streams.c.contiguous, streams.c.islands, streams.c.lost)
_TOLD = columns_of(_Told, compartments)
_EVENT = columns_of(StoredEvent, events)


class Fleet:
    """Register lockers and look at them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(
        self,
        id_: str,
        device_key: bytes,
        *,
        digits: int = 8,
        timezone: str = "UTC",
        doors: Sequence[Door] = (),
        place: Place | None = None,
        by: str = HOST,
    ) -> bool:
        """Make a locker known, or change what is known of it; True when it is new.

        Parameters
        ----------
        device_key
            The 32 bytes made at provisioning.  The key of a known locker cannot be changed here:
            codes given to customers come from it.
        digits
            Length of its codes, 6 to 10, as in the locker's own configuration.
        timezone
            IANA name; the locker is told the offset together with the time.
        doors
            Its layout in the order of its door numbers, if known.
        place
            Where it stands, for customers; what is known stays when None.
        by
            The account that registers it.
        """
        topics.topic(id_, topics.STATUS)  # the name must fit a topic
        if len(device_key) != KEY_BYTES or len(set(device_key)) < 4:
            raise Invalid(f"device_key is {KEY_BYTES} random bytes as {2 * KEY_BYTES} hexadecimal digits")
        if not CODE_DIGITS_MIN <= digits <= CODE_DIGITS_MAX:
            raise Invalid(f"digits is {CODE_DIGITS_MIN} to {CODE_DIGITS_MAX}")
        if timezone not in timezones():
            raise Invalid(f"timezone {timezone!r} is not an IANA name such as Europe/Paris")
        with self._database.write() as connection:
            row = find(connection, id_)
            values: dict[str, object] = {"digits": digits, "timezone": timezone, "layout": tuple(doors)}
            if place is not None:
                values["place"] = place
            audit.note(connection, by, "register", locker=id_)
            if row is not None:
                in_service(connection, id_)
                if not secrets.compare_digest(row.device_key.reveal(), device_key):
                    raise Conflict(f"locker {id_} is registered with another key")
                connection.execute(update(lockers).where(lockers.c.id == id_).values(**values))
                return False
            values |= {"id": id_, "device_key": Secret(device_key), "registered_at": int(time.time())}
            values |= {"grants_version": 0, "next_grant": 1, "command_counter": 0}
            connection.execute(lockers.insert().values(**values))
            return True

    def key_of(self, id_: str, by: str) -> str:
        """The key of a locker whose board is replaced, in hex; who asked for it goes into the trail.

        Raises ``NotFound``, and ``Conflict`` for what has no board of its own or serves no more.
        """
        with self._database.write() as connection:
            row = in_service(connection, id_)
            if row.kind == COUNTER:
                raise Conflict(f"{id_} is a counter: it has no board")
            key = row.signing_key().hex()
            audit.note(
                connection, by, "give key", locker=id_, detail="to a board that replaces the former one"
            )
        return key

    def register_counter(
        self, id_: str, shelves: int, place: Place, *, timezone: str = "UTC", by: str = HOST
    ) -> None:
        """Make an attended counter known: a shop with numbered shelves and no device (see ``counter``).

        Its key is drawn here and never leaves the host.  Registered again, its shelves and place change.
        """
        if not 1 <= shelves <= SHELVES_MAX:
            raise Invalid(f"a counter has 1 to {SHELVES_MAX} shelves")
        doors = [Door(str(number + 1), max(SIZES)) for number in range(shelves)]
        with self._database.read() as connection:
            row = find(connection, id_)
            if row is not None:
                in_service(connection, id_)
        if row is not None and row.kind != COUNTER:
            raise Conflict(f"{id_} is a locker")
        key = row.device_key.reveal() if row is not None else secrets.token_bytes(KEY_BYTES)
        self.register(id_, key, timezone=timezone, doors=doors, place=place, by=by)
        with self._database.write() as connection:
            connection.execute(update(lockers).where(lockers.c.id == id_).values(kind=COUNTER, up=True))

    def retire(self, id_: str, by: str = HOST) -> None:
        """Take a locker or counter out of service, see ``retiring``.  Raises ``NotFound``, ``Conflict``."""
        with self._database.write() as connection:
            retiring.retire(connection, id_, by, int(time.time()))

    def names(self) -> list[str]:
        """The names of all lockers in service that have a device: only these may connect to the broker."""
        devices = (lockers.c.kind != COUNTER) & lockers.c.retired_at.is_(None)
        wanted = select(lockers.c.id).where(devices).order_by(lockers.c.id)
        with self._database.read() as connection:
            return list(connection.execute(wanted).scalars())

    def check_device(self, id_: str) -> None:
        """Raises ``Conflict`` for what never reaches the broker: who was retired, and counters."""
        with self._database.read() as connection:
            row = find(connection, id_)
            if row is None:
                return
            in_service(connection, id_)
        if row.kind == COUNTER:
            raise Conflict(f"{id_} is a counter: it has no device that speaks with the broker")

    def lockers(self, *, after: str = "", limit: int = LOCKERS_PAGE_MAX) -> list[Locker]:
        """Lockers after one in the order of their names, without their keys."""
        wanted = select(*_LOCKER).where(lockers.c.id > after).order_by(lockers.c.id)
        with self._database.read() as connection:
            rows = connection.execute(wanted.limit(min(limit, LOCKERS_PAGE_MAX))).all()
            return [_locker(connection, _LockerRow(*row)) for row in rows]

    def locker(self, id_: str) -> Locker:
        """One locker, without its key.  Raises ``NotFound``."""
        with self._database.read() as connection:
            row_of(connection, id_)
            row = connection.execute(select(*_LOCKER).where(lockers.c.id == id_)).one()
            return _locker(connection, _LockerRow(*row))

    def set_aside(self, id_: str) -> list[Aside]:
        """What the locker does not take, see ``sizes``; the oldest first."""
        with self._database.read() as connection:
            row_of(connection, id_)
            return aside.of_locker(connection, id_)

    def compartments(self, id_: str) -> list[Compartment]:
        """The compartments as the locker last told, in the order of its doors.

        One that the locker has not spoken of yet has ``content`` "unknown".
        """
        with self._database.read() as connection:
            layout = row_of(connection, id_).layout
            wanted = select(*_TOLD).where(compartments.c.locker == id_)
            told = {row.door: _Told(*row) for row in connection.execute(wanted)}
        newest = max(
            told.values(), key=lambda one: one.seq, default=None
        )  # written when nothing changed, too
        at_s = newest.time_s if newest is not None else None
        count = max(len(layout), max(told, default=-1) + 1)
        return [_compartment(door, layout, told.get(door), at_s) for door in range(count)]

    def events(self, id_: str, *, after: int = 0, limit: int = 100) -> list[StoredEvent]:
        """Events of a locker in the order of their arrival, those after ``id`` ``after``."""
        if not 1 <= limit <= EVENTS_PAGE_MAX:
            raise Invalid(f"limit is 1 to {EVENTS_PAGE_MAX}")
        wanted = select(*_EVENT).where(events.c.locker == id_, events.c.id > after)
        with self._database.read() as connection:
            row_of(connection, id_)
            rows = connection.execute(wanted.order_by(events.c.id).limit(limit))
            return [StoredEvent(*row) for row in rows]

    def holes(self, id_: str) -> list[Hole]:
        """Which events of a locker are lost, those last told of first; at most ``HOLES_MAX``."""
        newest = (holes.c.told_at.desc(), holes.c.epoch, holes.c.first.desc())
        wanted = select(*_HOLE).where(holes.c.locker == id_).order_by(*newest).limit(HOLES_MAX)
        with self._database.read() as connection:
            row_of(connection, id_)
            return [Hole(*row) for row in connection.execute(wanted)]

    def events_of_parcel(self, parcel: str) -> list[StoredEvent]:
        """All events about a parcel, in the order in which they happened."""
        wanted = select(*_EVENT).where(events.c.parcel == parcel)
        order = (events.c.time_s, events.c.locker, events.c.seq)
        with self._database.read() as connection:
            return [StoredEvent(*row) for row in connection.execute(wanted.order_by(*order))]


def _locker(connection: Connection, row: _LockerRow) -> Locker:
    here = (streams.c.locker == row.id) & (streams.c.epoch == row.epoch)
    stream = connection.execute(select(*_STREAM).where(here)).first()
    of_all = select(func.sum(streams.c.conflicts)).where(streams.c.locker == row.id)  # in former copies, too
    held = Held(stream.contiguous, stream.islands or ()) if stream is not None else Held()
    return Locker(
        id=row.id,
        connected=bool(row.up),
        heard_at=row.heard_at or row.status_at,
        status=row.status,
        status_at=row.status_at,
        kind=row.kind,
        retired_at=row.retired_at,
        place=row.place,
        digits=row.digits,
        timezone=row.timezone,
        doors=len(row.layout),
        grants=GrantVersions(row.grants_version, row.grants_have),
        events=Journal(
            epoch=row.epoch,
            complete_to=held.contiguous,
            missing=held.missing(),
            lost=stream.lost if stream is not None else 0,
            conflicts=connection.execute(of_all).scalar() or 0,
        ),
    )


def _compartment(number: int, layout: Layout, told: _Told | None, at_s: int | None) -> Compartment:
    known = layout[number] if number < len(layout) else None
    return Compartment(
        door=number,
        name=door_name(layout, number),
        size=known.size if known is not None else None,
        low=known.low if known is not None else None,
        content=_name(CONTENT_NAMES, told.content) if told is not None else "unknown",
        seen=_name(SEEN_NAMES, told.seen) if told is not None else "unknown",
        parcel=told.parcel if told is not None else None,
        at=at_s if told is not None else None,
    )


def _name(names: tuple[str, ...], value: int) -> str:
    """A newer firmware may know more than this host."""
    return names[value] if value < len(names) else f"unknown ({value})"
