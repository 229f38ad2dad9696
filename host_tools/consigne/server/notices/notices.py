"""Notices to customers as an outbox in the database: planned with the event that causes them, sent later.

A notice is a row, one for each parcel, kind and stay in a locker, so an event that comes twice plans
nothing twice.  What happens to the parcel meanwhile makes waiting notices void: a reminder for a parcel that
was collected is never sent.  Texts are made when they are sent and kept nowhere: they hold the code.
"""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from locker.core.timekeeping import DAY_S
from sqlalchemy import ColumnElement, bindparam, func, select, update
from sqlalchemy.engine import Connection

from ..errors import Invalid
from ..storage import retention
from ..storage.ages import Ages
from ..storage.database import Database, chunks, columns_of, insert
from ..storage.lease import Check, anybody
from ..storage.models import ENDED, notices, parcels

ANNOUNCED, ARRIVED, REMINDER, EXPIRED = "announced", "arrived", "reminder", "expired"
COLLECTED, RETURNED = "collected", "returned"
CONTACT_CHARACTERS_MAX = 150
WAITING, SENT, FAILED, VOID = "waiting", "sent", "failed", "void"
REMIND_BEFORE_S = DAY_S
LEASE_S = 300
"""A notice taken by a sender that then died is tried again after this long: twice rather than never."""
PAUSES_S = (60, 300, 1_800, 7_200, 21_600, 43_200)
"""Pauses between tries; after the last of them the notice has failed."""

_VOID = (
    update(notices).where(notices.c.id == bindparam("the_id"), notices.c.state == WAITING).values(state=VOID)
)

_MAIL = re.compile(r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,120}\.[A-Za-z]{2,24}$")
_PHONE = re.compile(r"^\+[1-9][0-9]{6,14}$")
_ELSE = re.compile(r"^[A-Za-z0-9._%+@-]{1,100}$")
CHANNEL_CHARACTERS_MAX = 16
_CHANNEL = re.compile(rf"^[a-z]{{1,{CHANNEL_CHARACTERS_MAX}}}$")


@dataclass(frozen=True, slots=True)
class Due:
    """A notice to be sent now; ``tries`` counts this one."""

    id: int
    parcel: str
    kind: str
    tries: int


@dataclass(frozen=True, slots=True)
class _ParcelRow:
    """The columns of a parcel that decide its notices."""

    id: str
    state: str
    announced_at: int | None
    deposited_at: int | None
    deadline_days: int
    revoked: bool


_PARCEL = columns_of(_ParcelRow, parcels)


def is_channel(name: str) -> bool:
    """Whether a contact can name a channel so."""
    return _CHANNEL.fullmatch(name) is not None


def check_contact(text: str) -> str:
    """``mail:someone@example.org``, ``sms:+33612345678``, or ``<channel>:<name there>``; else ``Invalid``."""
    channel, colon, to = text.partition(":")
    shape = {"mail": _MAIL, "sms": _PHONE}.get(channel, _ELSE)
    if not colon or not is_channel(channel) or not shape.fullmatch(to):
        raise Invalid("contact is mail:someone@example.org, sms:+33612345678 or <channel>:<name>")
    return text


def plan(connection: Connection, changed: Iterable[str], now_s: int) -> None:
    """Bring the notices of parcels that changed in line with where the parcels are now."""
    _plan(connection, _with_contact(connection, sorted(changed)), now_s)


def _with_contact(connection: Connection, ids: Sequence[str]) -> list[_ParcelRow]:
    """The parcels of these ids whose customer left an address."""
    rows: list[_ParcelRow] = []
    for chunk in chunks(ids):
        here = parcels.c.id.in_(chunk) & parcels.c.contact.is_not(None)
        rows.extend(_ParcelRow(*row) for row in connection.execute(select(*_PARCEL).where(here)))
    return rows


def _plan(connection: Connection, rows: Sequence[_ParcelRow], now_s: int) -> None:
    """A few statements for any number of parcels."""
    wanted = {row.id: (_stay(row), _wanted(row, now_s)) for row in rows}
    void = []
    for chunk in chunks(sorted(wanted)):
        waiting = select(notices.c.id, notices.c.parcel, notices.c.kind, notices.c.stay)
        here = notices.c.parcel.in_(chunk) & (notices.c.state == WAITING)
        for notice in connection.execute(waiting.where(here)):
            stay, kinds = wanted[notice.parcel]
            if notice.stay != stay or notice.kind not in kinds:
                void.append({"the_id": notice.id})
    if void:
        connection.execute(_VOID, sorted(void, key=lambda one: one["the_id"]))
    new = [
        {"parcel": id_, "kind": kind, "stay": stay, "state": WAITING, "next_at": at_s, "tries": 0}
        for id_, (stay, kinds) in sorted(wanted.items())
        for kind, at_s in kinds.items()
        if not _is_too_late(kind, kinds, now_s)
    ]
    if new:
        connection.execute(insert(connection, notices).on_conflict_do_nothing(), new)


def _is_too_late(kind: str, wanted: dict[str, int], now_s: int) -> bool:
    """Whether an offline locker's event came so late that a later notice makes this one unnecessary."""
    if kind == REMINDER:
        return wanted[REMINDER] <= now_s
    return kind == ARRIVED and wanted[EXPIRED] <= now_s


def postpone(connection: Connection, parcel: str, now_s: int) -> None:
    """The deadline of a parcel in a locker has moved: remind and warn again, before the new one."""
    rows = _with_contact(connection, [parcel])
    for row in rows:
        here = (notices.c.parcel == row.id) & (notices.c.stay == _stay(row))
        for kind, at_s in _wanted(row, now_s).items():
            if kind in (REMINDER, EXPIRED) and at_s > now_s:
                values = {"state": WAITING, "next_at": at_s, "tries": 0}
                connection.execute(update(notices).where(here, notices.c.kind == kind).values(**values))
    _plan(connection, rows, now_s)


def _stay(row: _ParcelRow) -> int:
    return (row.announced_at if row.state == "announced" else row.deposited_at) or 0


def _wanted(row: _ParcelRow, now_s: int) -> dict[str, int]:
    """The notices that a parcel in its present state should have, and when each is due."""
    if row.state == "announced":
        return {ANNOUNCED: now_s}
    if row.state == "in_locker" and row.deadline_days and not row.revoked:
        end_s = (row.deposited_at or 0) + row.deadline_days * DAY_S
        wanted = {ARRIVED: now_s, EXPIRED: end_s}
        if row.deadline_days > 1:
            wanted[REMINDER] = end_s - REMIND_BEFORE_S
        return wanted
    if row.state in (COLLECTED, RETURNED):
        return {row.state: now_s}
    return {}


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice and what became of it; times are Unix seconds, ``error`` is of the last try."""

    kind: str
    state: str
    next_at: int
    tries: int
    sent_at: int | None
    error: str | None


class Outbox:
    """What is to be sent, for the sender; ``check`` is called in each transaction that takes some."""

    def __init__(self, database: Database, check: Check = anybody) -> None:
        self._database, self._check = database, check

    def take(self, count_max: int) -> list[Due]:
        """The notices due now, each leased to the caller for ``LEASE_S``."""
        now_s = int(time.time())
        wanted = select(notices).where(notices.c.state == WAITING, notices.c.next_at <= now_s)
        with self._database.read() as connection:  # usually nothing is due: no write lock is taken for that
            if connection.execute(wanted.limit(1)).first() is None:
                return []
        taken = []
        with self._database.write() as connection:
            self._check(connection)
            rows = connection.execute(wanted.order_by(notices.c.next_at).limit(count_max)).all()
            for row in sorted(rows, key=lambda one: one.id):  # the order in which they are locked
                mine = (notices.c.id == row.id) & (notices.c.next_at == row.next_at)
                lease = update(notices).where(mine, notices.c.state == WAITING)
                if connection.execute(lease.values(next_at=now_s + LEASE_S, tries=row.tries + 1)).rowcount:
                    taken.append(Due(row.id, row.parcel, row.kind, row.tries + 1))
        return taken

    def sent(self, due: Due) -> None:
        """Note that its channel accepted it."""
        self._end(due, state=SENT, sent_at=int(time.time()), error=None)

    def failed(self, due: Due, error: str, *, for_ever: bool = False) -> None:
        """Note that it was not sent: try again later, unless this was the last try or no try can succeed."""
        if for_ever or due.tries > len(PAUSES_S):
            self._end(due, state=FAILED, error=error)
        else:
            self._end(due, next_at=int(time.time()) + PAUSES_S[due.tries - 1], error=error)

    def _end(self, due: Due, **values: object) -> None:
        mine = (notices.c.id == due.id) & (notices.c.state == WAITING)
        with self._database.write() as connection:
            connection.execute(update(notices).where(mine).values(**values))

    def of_parcel(self, parcel: str) -> list[Notice]:
        """What a parcel's customer was told, and will be."""
        wanted = select(*columns_of(Notice, notices)).where(notices.c.parcel == parcel)
        with self._database.read() as connection:
            rows = connection.execute(wanted.order_by(notices.c.next_at, notices.c.id))
            return [Notice(*row) for row in rows]


def count(connection: Connection) -> dict[str, int]:
    """How many notices there are in each state."""
    counted = select(notices.c.state, func.count()).group_by(notices.c.state)
    return {row[0]: int(row[1]) for row in connection.execute(counted)}


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Delete what was sent long ago, and the addresses of customers who have their parcels."""
    over = notices.c.state.in_((SENT, FAILED, VOID))
    retention.delete(database, notices, over & (notices.c.next_at < retention.before(at_s, ages.notices)))
    ended = parcels.c.state.in_(ENDED) & (parcels.c.ended_at < retention.before(at_s, ages.contacts))
    known = ended & parcels.c.contact.is_not(None)
    retention.delete_each(
        database,
        parcels,
        known,
        partial(_forget_contacts, known),
    )


def _forget_contacts(
    known: ColumnElement[bool], connection: Connection, keys: list[tuple[object, ...]]
) -> None:
    these = parcels.c.id.in_([id_ for (id_,) in keys]) & known
    connection.execute(select(parcels.c.id).where(these).order_by(parcels.c.id).with_for_update()).all()
    connection.execute(update(parcels).where(these).values(contact=None))
