"""Parcels as the outside sees them: announced, given a code, revoked.

Where a parcel is, is never decided here: that is concluded from the events (``projection``).
"""

import time
from functools import partial

from locker.core.timekeeping import DAY_S
from locker.texts import LANGUAGES
from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.engine import Connection

from consigne.protocol import codes
from consigne.protocol.names import SIZES
from consigne.words import counted

from ..access import digits, grants
from ..access.digits import DERIVED, EXPECTED_DAYS, LISTED
from ..access.withdrawing import DEADLINE_DAYS_MAX, REVOKED_S, withdraw
from ..errors import Conflict, Invalid
from ..fleet import commands, contents
from ..notices import notices
from ..people import audit
from ..people.audit import HOST
from ..storage import lookup, retention
from ..storage.ages import Ages
from ..storage.database import Database
from ..storage.documents import Layout
from ..storage.lookup import LockerRow
from ..storage.models import ENDED, compartments, events, parcels
from ..storage.models import notices as notices_table
from ..storage.secret import Secret
from .view import PAGE_MAX, Parcel, ParcelRow, find, page, parcel_of, row_of

_REVOKED = "the derived code of {} was revoked: announce it with code 'listed'"


def forget(database: Database, at_s: int, ages: Ages) -> None:
    """Delete parcels that ended long ago, or were announced and never came, with their notices.

    A locker's clock may have been wrong when a parcel ended, so the events about it must have arrived as long
    ago; and no compartment may still be said to hold it.
    """
    oldest_s = retention.before(at_s, ages.parcels)
    ended = parcels.c.state.in_(ENDED) & (parcels.c.ended_at < oldest_s)
    missed = (parcels.c.state == "announced") & (parcels.c.expected_until < oldest_s)
    held = (compartments.c.locker == parcels.c.locker) & (compartments.c.parcel == parcels.c.id)
    lately = (events.c.parcel == parcels.c.id) & (events.c.arrived_at >= oldest_s)
    quiet = ~exists().where(held) & ~exists().where(lately)
    for over in (ended, missed):  # each has its index
        retention.delete_each(database, parcels, over & quiet, partial(_delete, over & quiet))


def _delete(over: ColumnElement[bool], connection: Connection, keys: list[tuple[object, ...]]) -> None:
    """Delete some parcels; one that is announced anew, or heard of, at this moment is left alone."""
    wanted = select(parcels.c.id).where(parcels.c.id.in_([id_ for (id_,) in keys]), over)
    ids = connection.execute(wanted.order_by(parcels.c.id).with_for_update(skip_locked=True)).scalars().all()
    connection.execute(notices_table.delete().where(notices_table.c.parcel.in_(ids)))
    connection.execute(parcels.delete().where(parcels.c.id.in_(ids)))


class Parcels:
    """Announce, look up, tell the code, revoke."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def announce(
        self,
        id_: str,
        locker: str,
        *,
        size: int = 1,
        low: bool = False,
        deadline_days: int = 3,
        code: str = DERIVED,
        carrier: int | None = None,
        contact: str | None = None,
        language: str = "en",
        by: str = HOST,
    ) -> Parcel:
        """Announce a parcel: the locker learns its size, and with a listed code its grant.

        Announcing exactly the same again changes nothing and gives the same answer.

        Parameters
        ----------
        id_
            The text of its label; brought into the form a locker reads off the scanner.
        size
            1 S, 2 M, 3 L, 4 XL: the smallest compartment it fits.
        low
            Whether it wants a compartment that can be reached from a wheelchair.
        deadline_days
            Days to collect it, from its deposit.
        code
            ``derived``: known to every side without a link.  ``listed``: drawn at random, works once
            the locker was reached.
        carrier
            Number of the carrier or merchant it belongs to; None for the operator.
        contact, language
            Where and how its customer is told (see ``notices.check_contact``).
        by
            The account that announces it.

        Raises
        ------
        Invalid, NotFound, Conflict
            With a text for whoever asked.
        """
        id_ = lookup.canonical_id(id_)
        _check_asked(size, deadline_days, code, language)
        now_s = int(time.time())
        with self._database.write() as connection:
            where = lookup.in_service(connection, locker)
            _check_fits(locker, where.layout, size, low)
            before = find(connection, id_)
            asked: dict[str, object] = {"locker": locker, "size": size, "low": low, "code": code}
            asked |= {"deadline_days": deadline_days, "carrier": carrier}
            if before is not None:
                if _is_announced_so(before, asked):
                    return parcel_of(before)  # the same request again: its first answer was lost
                _check_before(before, id_, carrier, code)
            values = {**asked, **_anew(now_s), "language": language}
            values["contact"] = Secret(notices.check_contact(contact).encode()) if contact else None
            values |= _code_columns(connection, where, id_, code, deadline_days, now_s)
            values["announced_version"] = grants.next_version(connection, locker)
            if before is None:
                connection.execute(parcels.insert().values(id=id_, **values))
            else:
                connection.execute(update(parcels).where(parcels.c.id == id_).values(**values))
            audit.note(connection, by, "announce", locker=locker, parcel=id_)
            notices.plan(connection, [id_], now_s)
            return parcel_of(row_of(connection, id_))

    def get(self, id_: str) -> Parcel:
        """One parcel.  Raises ``NotFound``."""
        with self._database.read() as connection:
            return parcel_of(row_of(connection, id_))

    def list(
        self,
        locker: str | None = None,
        *,
        open_only: bool = False,
        overdue: bool = False,
        carrier: int | None = None,
        after: str = "",
        limit: int = PAGE_MAX,
    ) -> "list[Parcel]":
        """Parcels, the newest announcement first.

        Parameters
        ----------
        overdue
            Only those that lie in a locker beyond their deadline: to be taken back.
        carrier
            Only those of one carrier or merchant.
        after
            The last parcel of the page before.
        """
        with self._database.read() as connection:
            return page(
                connection, locker, open_only=open_only, overdue=overdue, carrier=carrier, after=after,
                limit=limit,
            )  # fmt: skip

    def code(self, id_: str, by: str | None = None) -> str:
        """The digits that collect a parcel; ``by`` is the account that is shown them, for the trail.

        Raises ``NotFound``, and ``Conflict`` when it has none (any more).
        """
        with self._database.write() if by else self._database.read() as connection:
            row = row_of(connection, id_)
            if by:
                audit.note(connection, by, "show code", locker=row.locker, parcel=row.id)
            if row.state in ENDED:
                raise Conflict(f"parcel {row.id} is {row.state}: its code does not work any more")
            if row.revoked:
                raise Conflict(f"the code of parcel {row.id} was revoked")
            if row.digits is not None:
                return row.digits.reveal().decode()
            if contents.is_refused(connection, row.locker, row.id, int(time.time())):
                raise Conflict(f"the code of parcel {row.id} was revoked")
            where = lookup.in_service(connection, row.locker)
            return codes.derived_code(where.signing_key(), row.id, where.digits)

    def extend(self, id_: str, days: int, by: str = HOST) -> Parcel:
        """Give the customer more days; the derived code and a listed one work as long as it lies there."""
        with self._database.write() as connection:
            row = row_of(connection, id_)
            if row.state in ENDED:
                raise Conflict(f"parcel {row.id} is {row.state}: there is nothing to extend")
            total = row.deadline_days + days
            if days < 1 or total > DEADLINE_DAYS_MAX:
                raise Invalid(
                    f"a parcel waits {DEADLINE_DAYS_MAX} days at most, this one {row.deadline_days} now"
                )
            values: dict[str, object] = {"deadline_days": total}
            if row.grant is not None:
                values["grant"] = digits.prolong(connection, row.locker, row.grant, days)
            connection.execute(update(parcels).where(parcels.c.id == row.id).values(**values))
            more = f"{counted(days, 'day')} more"
            audit.note(connection, by, "extend", locker=row.locker, parcel=row.id, detail=more)
            notices.postpone(connection, row.id, int(time.time()))
            return parcel_of(row_of(connection, row.id))

    def revoke(self, id_: str, by: str = HOST) -> Parcel:
        """Make the code of a parcel worthless; one that has not come is cancelled.

        The locker refuses the code once the command has reached it; until then it is on its way.
        """
        now_s = int(time.time())
        with self._database.write() as connection:
            row = row_of(connection, id_)
            if row.state in ENDED:
                raise Conflict(f"parcel {row.id} is {row.state}: there is nothing to revoke")
            withdraw(connection, row.id, row.locker, row.state, row.grant, now_s)
            commands.revoke(connection, row.locker, now_s, parcel=(row.id, now_s + REVOKED_S), by=by)
            notices.plan(connection, [row.id], now_s)
            return parcel_of(row_of(connection, row.id))


def _is_announced_so(before: ParcelRow, asked: dict[str, object]) -> bool:
    same = all(getattr(before, name) == value for name, value in asked.items())
    return before.state == "announced" and same


def _anew(now_s: int) -> dict[str, object]:
    """The columns of a parcel that has just been announced, whatever it was before."""
    return {
        "state": "announced",
        "announced_at": now_s,
        "expected_until": now_s + EXPECTED_DAYS * DAY_S,
        "revoked": False,
        "digits": None,
        "grant": None,
        "door": None,
        "deposited_at": None,
        "ended_at": None,
    }


def _code_columns(
    connection: Connection, where: LockerRow, id_: str, code: str, deadline_days: int, now_s: int
) -> dict[str, object]:
    """The columns of a listed code, drawn and granted; none of a derived one.

    Raises ``Conflict`` where another parcel there has the derived one already.
    """
    taken = digits.Taken(connection, where, now_s)
    if code == LISTED:
        return {**digits.draw_listed(connection, where, id_, deadline_days, taken, now_s)}
    if contents.is_refused(connection, where.id, id_, now_s):
        raise Conflict(_REVOKED.format(id_))
    if codes.derived_code(where.signing_key(), id_, where.digits) in taken:
        raise Conflict("another parcel there has the same code: announce it with code 'listed'")
    return {}


def _check_asked(size: int, deadline_days: int, code: str, language: str) -> None:
    if size not in SIZES:
        raise Invalid("size is 1 (S), 2 (M), 3 (L) or 4 (XL)")
    if not 1 <= deadline_days <= DEADLINE_DAYS_MAX:
        raise Invalid(f"deadline_days is 1 to {DEADLINE_DAYS_MAX}")
    if code not in (DERIVED, LISTED):
        raise Invalid("code is 'derived' or 'listed'")
    if language not in LANGUAGES:
        raise Invalid(f"language is one of {', '.join(LANGUAGES)}")


def _check_before(before: ParcelRow, id_: str, carrier: int | None, code: str) -> None:
    """Whether a parcel that is known already may be announced anew."""
    if before.carrier != carrier:
        raise Conflict(f"parcel {id_} was announced by somebody else")
    if before.state not in ENDED:
        raise Conflict(f"parcel {id_} is {before.state.replace('_', ' ')} at {before.locker} already")
    if before.revoked and code == DERIVED:
        raise Conflict(_REVOKED.format(id_))


def _check_fits(locker: str, layout: Layout, size: int, low: bool) -> None:
    if layout and not any(door.size >= size and (door.low or not low) for door in layout):
        kind = "low compartment" if low else "compartment"
        raise Invalid(f"locker {locker} has no {kind} of size {SIZES[size]} or larger")
