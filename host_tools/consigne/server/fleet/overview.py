"""The whole fleet at a glance: what needs attention first, found, filtered and paged.

One pass over the lockers and four counts by the database; the result serves everybody who looks for
``FRESH_S`` seconds, so a room full of operators costs what one does.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from locker.core.doors import EMPTY, TOLD_BLOCKED
from locker.journal.report import CLEAN, FRESH, STATE_NAMES
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from consigne.protocol.events import CONFLICT, FLAPPING, HOLE, TWO_BOARDS
from consigne.protocol.messages import Status
from consigne.protocol.names import SIZES
from consigne.protocol.telemetry import LATCH_WEAK
from consigne.words import counted

from ..access import aside
from ..storage.database import Database, columns_of
from ..storage.documents import Layout, Place
from ..storage.models import alarms, compartments, lockers, streams
from . import clocks
from .fleet import UNSEEN

PAGE = 50
FIND_CHARACTERS_MAX = 80
FRESH_S = 3.0
SOUND_JOURNALS = STATE_NAMES[CLEAN], STATE_NAMES[FRESH]
_WEAK_COLUMN = 4

# What may need attention, the most urgent first: name, and the words.
NEEDS = {
    "alarm": "{}",
    "twins": "two boards under one name",
    "aside": "{}",
    "offline": "offline",
    "flapping": "{} an hour",
    "conflict": "{} came with other content",
    "latch": "{}",
    "blocked": "{} out of use",
    "sensor": "{}",
    "journal": "journal {}",
    "lost": "{} lost",
    "gap": "events missing",
    "clock": "clock {}",
    "fault": "{}",
    "full": "full",
    "new": "never connected",
}
_COUNTED = {
    "alarm": ("alarm", ""),
    "latch": ("weak latch", "weak latches"),
    "sensor": ("silent sensor", ""),
    "lost": ("event", ""),
    "flapping": ("connection", ""),
    "conflict": ("event number", ""),
}
_BY_ALARM = {TWO_BOARDS: "twins", FLAPPING: "flapping", CONFLICT: "conflict"}
_URGENCY = {name: rank for rank, name in enumerate(NEEDS)}


@dataclass(frozen=True, slots=True)
class Line:
    """One locker in the fleet's list; ``needs`` are ``(name of NEEDS, in words)``, the most urgent first."""

    id: str
    title: str
    kind: str
    connected: bool
    heard_at: int | None
    doors: int
    free: int
    firmware: str
    needs: list[tuple[str, str]]
    sample: tuple[int, ...] = ()  # the newest, see telemetry.Telemetry; empty when the locker sent none
    latches: tuple[tuple[int, ...], ...] = ()

    @property
    def urgency(self) -> int:
        """0 for the most urgent need, larger for lesser ones and for none."""
        return min((_URGENCY[name] for name, _ in self.needs), default=len(NEEDS))


@dataclass(frozen=True, slots=True)
class Shown:
    """One page; ``counts`` has how many lockers of the whole fleet have each need, ``total`` those found."""

    lines: list[Line]
    total: int
    counts: dict[str, int]
    fleet: int


_SERVING = lockers.c.retired_at.is_(None)


@dataclass(frozen=True, slots=True)
class Point:
    """What a sender may know of a locker or counter; ``free`` compartments are by size."""

    id: str
    kind: str
    title: str
    address: str
    hours: str
    connected: bool
    free: dict[str, int]


@dataclass(slots=True)
class _LockerRow:
    """What ``Line`` is made of, beside the counts."""

    id: str
    kind: str
    place: Place
    up: bool | None
    status: Status | None
    status_at: int | None
    heard_at: int | None


@dataclass(slots=True)
class _PointRow:
    """What ``Point`` is made of, beside the doors."""

    id: str
    kind: str
    place: Place
    up: bool | None


_LOCKER, _POINT = columns_of(_LockerRow, lockers), columns_of(_PointRow, lockers)


class Overview:
    """The fleet's list.  Safe in any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._lines: list[Line] = []
        self._read_at_s = -FRESH_S

    def page(self, find: str = "", only: str = "", page: int = 1) -> Shown:
        """One page of the lockers whose name or title contains ``find`` and that need ``only``."""
        lines = self._fresh()
        counts = Counter(name for line in lines for name, _ in line.needs)
        wanted = find.strip().casefold()
        found = [
            line
            for line in lines
            if (not wanted or wanted in line.id.casefold() or wanted in line.title.casefold())
            and (not only or any(name == only for name, _ in line.needs))
        ]
        first = (max(1, page) - 1) * PAGE
        return Shown(found[first : first + PAGE], len(found), dict(counts), len(lines))

    def lines(self) -> list[Line]:
        """Every locker, the most urgent first."""
        return self._fresh()

    def points(self, find: str = "", page: int = 1) -> list[Point]:
        """Where parcels can go: what a carrier or merchant may know of the lockers and counters."""
        wanted = find.strip().casefold()
        with self._database.read() as connection:
            rows = connection.execute(select(*_POINT).where(_SERVING).order_by(lockers.c.id)).all()
            found = [row for row in (_PointRow(*row) for row in rows) if wanted in _findable(row)]
            shown = found[(max(1, page) - 1) * PAGE :][:PAGE]
            ids = [row.id for row in shown]
            layouts, free = _layouts(connection, ids), _free_doors(connection, ids)
        return [_point(row, layouts[row.id], free[row.id]) for row in shown]

    def _fresh(self) -> list[Line]:
        with self._lock:  # callers that come during a read wait for its result
            if time.monotonic() - self._read_at_s >= FRESH_S:
                with self._database.read() as connection:
                    self._lines = sorted(_lines(connection), key=lambda line: (line.urgency, line.id))
                self._read_at_s = time.monotonic()
            return self._lines


def _lines(connection: Connection) -> list[Line]:
    doors = (compartments.c.locker, compartments.c.content, compartments.c.seen)
    contents: dict[str, Counter[int]] = defaultdict(Counter)
    unseen: dict[str, Counter[int]] = defaultdict(Counter)
    for locker, content, seen, number in connection.execute(select(*doors, func.count()).group_by(*doors)):
        contents[locker][content] += number
        if seen == UNSEEN:
            unseen[locker][content] += number
    uncleared = select(alarms.c.locker, func.count()).where(alarms.c.cleared_at.is_(None))
    alarmed = {row[0]: row[1] for row in connection.execute(uncleared.group_by(alarms.c.locker))}
    current = lockers.c.epoch == streams.c.epoch
    told = select(streams.c.locker).join(lockers, lockers.c.id == streams.c.locker)
    waited_for = told.where(current, streams.c.islands != "[]")
    lost: Counter[str] = Counter(dict.fromkeys(connection.execute(waited_for).scalars(), 0))
    counted_ = {name: Counter[str]() for name in _BY_ALARM.values()}
    not_dealt_with = alarms.c.kind.in_((HOLE, *_BY_ALARM)) & alarms.c.cleared_at.is_(None)
    said = select(alarms.c.locker, alarms.c.kind, alarms.c.data).where(not_dealt_with)
    for locker, kind, data in connection.execute(said):
        count = data.get("count")
        (lost if kind == HOLE else counted_[_BY_ALARM[kind]])[locker] += (
            count if isinstance(count, int) else 0
        )
    rows = (_LockerRow(*row) for row in connection.execute(select(*_LOCKER).where(_SERVING)))
    apart = aside.of_fleet(connection)
    none: Counter[int] = Counter()
    return [
        _line(
            row,
            contents.get(row.id, none),
            unseen.get(row.id, none),
            alarmed.get(row.id, 0),
            lost.get(row.id),
            apart.get(row.id),
            [(name, counts[row.id]) for name, counts in counted_.items() if row.id in counts],
        )
        for row in rows
    ]


def _line(
    row: _LockerRow,
    contents: Counter[int],
    unseen: Counter[int],
    alarmed: int,
    lost: int | None,
    apart: tuple[str, int] | None,
    found: Sequence[tuple[str, int]],
) -> Line:
    """``lost``: events lost, until somebody dealt with that; 0 where some only miss, None where none do.

    ``apart``: the first thing that it does not take, and how many.  ``found``: needs that the host has found.
    """
    doors, free, silent = contents.total(), contents[EMPTY] - unseen[EMPTY], unseen.total()
    needs: list[tuple[str, object]] = []
    if alarmed:
        needs.append(("alarm", alarmed))
    if apart is not None:
        first, count = apart
        needs.append(("aside", f"not taken: {first}" + (f", and {count - 1} more" if count > 1 else "")))
    if row.kind == "locker":
        needs += [*_of_device(row), *found]
    if silent:
        needs.append(("sensor", silent))
    if contents[TOLD_BLOCKED]:
        needs.append(("blocked", contents[TOLD_BLOCKED]))
    if lost is not None:
        needs.append(("lost", lost) if lost else ("gap", ""))
    if doors and not free and not silent:
        needs.append(("full", ""))
    needs.sort(key=lambda need: _URGENCY[need[0]])
    health = row.status.health if row.status is not None else None
    return Line(
        id=row.id,
        title=row.place.title,
        kind=row.kind,
        connected=bool(row.up) or row.kind != "locker",
        heard_at=row.heard_at or row.status_at,
        doors=doors,
        free=free,
        firmware=row.status.firmware if row.status is not None else "",
        needs=[(name, _words(name, value)) for name, value in needs],
        sample=health.samples[-1] if health is not None and health.samples else (),
        latches=tuple(health.latches) if health is not None else (),
    )


def _of_device(row: _LockerRow) -> list[tuple[str, object]]:
    """What a person must do according to its last status, or because it never sent one."""
    if row.status_at is None:
        return [("new", "")]
    needs: list[tuple[str, object]] = []
    if row.up is False:  # null: this host has not listened for long enough to say so
        needs.append(("offline", ""))
    status = row.status
    if status is None:
        return needs
    latches = status.health.latches if status.health is not None else ()
    weak = [latch for latch in latches if latch[_WEAK_COLUMN] & LATCH_WEAK]
    if weak:
        needs.append(("latch", len(weak)))
    if status.journal and status.journal not in SOUND_JOURNALS:
        needs.append(("journal", status.journal))
    clock = clocks.complaint(status, row.status_at)
    if clock:
        needs.append(("clock", clock))
    if status.faults:
        needs.append(("fault", status.faults[0]))
    return needs


def _words(name: str, value: object) -> str:
    if isinstance(value, int) and name in _COUNTED:
        return NEEDS[name].format(counted(value, *_COUNTED[name]))
    return NEEDS[name].format(value)


def _free_doors(connection: Connection, ids: Sequence[str]) -> dict[str, set[int]]:
    free: dict[str, set[int]] = defaultdict(set)
    seen_empty = (compartments.c.content == EMPTY) & (compartments.c.seen != UNSEEN)
    empty = seen_empty & compartments.c.locker.in_(ids)
    for locker, door in connection.execute(select(compartments.c.locker, compartments.c.door).where(empty)):
        free[locker].add(door)
    return free


def _layouts(connection: Connection, ids: Sequence[str]) -> dict[str, Layout]:
    wanted = select(lockers.c.id, lockers.c.layout).where(lockers.c.id.in_(ids))
    return {row[0]: row[1] for row in connection.execute(wanted)}


def _findable(row: _PointRow) -> str:
    """What is searched of it, as ``casefold`` leaves it."""
    return f"{row.id} {row.place.title} {row.place.address} {row.place.hours}".casefold()


def _point(row: _PointRow, layout: Layout, free: set[int]) -> Point:
    sizes = Counter(SIZES.get(door.size, "?") for number, door in enumerate(layout) if number in free)
    return Point(
        id=row.id,
        kind=row.kind,
        title=row.place.title,
        address=row.place.address,
        hours=row.place.hours,
        connected=bool(row.up),
        free=dict(sizes),
    )
