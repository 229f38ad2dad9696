"""What opens a locker without a parcel of its own: window codes of couriers and staff, tokens to print."""

import re
import time
from dataclasses import dataclass

from locker.core import events, limits
from locker.core.services import HOME
from locker.core.timekeeping import DAY_S
from sqlalchemy import select
from sqlalchemy.engine import Connection

from consigne.protocol import codes
from consigne.words import counted

from ..errors import Conflict, Invalid, NotFound
from ..people import audit
from ..storage import lookup
from ..storage.database import Database, columns_of
from ..storage.lookup import LockerRow
from ..storage.models import grants as grants_table
from ..storage.models import holders
from ..storage.secret import Secret
from . import digits, grants

TOKEN_DAYS_MAX = 366
STANDING_DAYS_MAX = 3_660
USES_MAX = 0xFF
HOME_MAX = 10**limits.HOME_DIGITS_MAX - 1
CARD_CHARACTERS_MAX = 20
LOCKER = "locker"  # models.lockers.kind
_COLLECT, _SERVICE, _TECHNICIAN = events.COLLECT, events.SERVICE, events.TECHNICIAN
TOKEN_SLACK_S = 300  # a locker's clock may be behind
MAKE_TOKEN = "make token"
TOKEN_DETAIL = re.compile(r"nonce (\d+), until (\d+), ")
"""What the trail says when a token is made, and which one: nothing else remembers tokens."""
_IS_STANDING = (grants_table.c.parcel == "") | grants_table.c.parcel.startswith(HOME)


@dataclass(frozen=True, slots=True)
class WindowCode:
    """A code of one slot, and the Unix seconds between which a locker takes it."""

    code: str
    works_from: int
    works_until: int


@dataclass(frozen=True, slots=True)
class Token:
    """A token; ``nonce`` and ``until`` (Unix seconds) revoke it."""

    token: str
    nonce: int
    until: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A new standing code: ``grant`` takes it back, ``code`` is "" for a card."""

    grant: int
    code: str
    until: int


@dataclass(frozen=True, slots=True)
class StandingCode:
    """A standing code that has not ended; ``parcel`` is "" or ``@`` and the number of a home."""

    id: int
    role: int
    action: int
    holder: int
    door: int
    uses: int
    not_after: int
    parcel: str


class Passes:
    """Window codes and tokens.  ``by`` is the account that is shown one: it goes into the trail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def window_code(
        self, locker: str, *, role: int, action: int, holder: int, by: str | None = None
    ) -> WindowCode:
        """The code of a courier, clerk or technician for the present slot, and when it works.

        A technician whose locker knows no time: ``console_code``.
        """
        at_s = int(time.time())
        with self._database.write() if by else self._database.read() as connection:
            row = _row(connection, locker)
            number = _place_of(connection, locker, role, action, holder)
            try:
                text = codes.window_code(row.signing_key(), role, action, number, at_s, row.digits)
            except ValueError as error:
                raise Invalid(str(error)) from None
            if by:
                detail = f"window code of role {role}, action {action}, holder {holder}"
                audit.note(connection, by, "show code", locker=locker, detail=detail)
        slot_s = codes.slot_s(role)
        start_s = at_s // slot_s * slot_s
        return WindowCode(text, start_s - slot_s // 4, start_s + slot_s * 5 // 4)

    def console_code(self, locker: str, *, holder: int, number: int, by: str) -> str:
        """The code of a technician for the number on the console of a locker whose clock is not set."""
        with self._database.write() as connection:
            row = _row(connection, locker)
            place = _place_of(connection, locker, _TECHNICIAN, _SERVICE, holder)
            try:
                text = codes.console_code(row.signing_key(), place, number, row.digits)
            except ValueError as error:
                raise Invalid(str(error)) from None
            detail = f"console code of holder {holder} for number {number}"
            audit.note(connection, by, "show code", locker=locker, detail=detail)
        return text

    def token(
        self,
        locker: str,
        *,
        action: int,
        holder: int,
        by: str,
        door: int = codes.ANY_DOOR,
        parcel: str = "",
        days: int = 1,
    ) -> Token:
        """A token to be printed or shown as a QR code; it works once, from now for some days."""
        if not 1 <= days <= TOKEN_DAYS_MAX:
            raise Invalid(f"days is 1 to {TOKEN_DAYS_MAX}")
        now_s = int(time.time())
        until_s, nonce = now_s + days * DAY_S, codes.new_nonce()
        with self._database.write() as connection:
            key = _row(connection, locker).signing_key()
            try:
                text = codes.make_token(
                    key, action, holder, door, now_s - TOKEN_SLACK_S, until_s, nonce, parcel
                )
            except ValueError as error:
                raise Invalid(str(error)) from None
            detail = f"nonce {nonce}, until {until_s}, action {action}, holder {holder}, door {door}"
            audit.note(connection, by, MAKE_TOKEN, locker=locker, parcel=parcel or None, detail=detail)
        return Token(text, nonce, until_s)

    def standing(
        self,
        locker: str,
        *,
        role: int,
        action: int,
        holder: int,
        door: int,
        uses: int,
        days: int,
        by: str,
        card: str = "",
        home: int = 0,
    ) -> Standing:
        """A code of random digits for somebody who comes again, such as a resident: shown once, here.

        ``uses`` is how often it opens, 0 for without limit; ``grant`` in the answer takes it back.  It
        works once the locker was reached.  ``card``, such as ``26:12:34567`` (bits, facility, number),
        stands for digits at a reader on the keypad; ``home`` opens what lies there for a resident.
        """
        now_s = int(time.time())
        with self._database.write() as connection:
            row = _row(connection, locker)
            if not 1 <= days <= STANDING_DAYS_MAX:
                raise Invalid(f"days is 1 to {STANDING_DAYS_MAX}")
            names_door = door != codes.ANY_DOOR
            if names_door and door >= len(row.layout):
                raise Invalid(f"locker {locker} has no door {door}: they are numbered from 0")
            if action == _COLLECT and not names_door and not home:
                raise Invalid("a standing code to collect with names its compartment or a home")
            text, tag = _new(row, digits.Taken(connection, row, now_s), card)
            new = grants.Grant(
                tag=Secret(tag),
                not_before=now_s - DAY_S, not_after=now_s + days * DAY_S,
                role=role, action=action, holder=holder, door=door, uses=uses,
                parcel=f"{HOME}{home}" if home else "",
            )  # fmt: skip
            grant = grants.add(connection, locker, new)
            detail = f"grant {grant}, role {role}, action {action}, holder {holder}, door {door}"
            detail += f", {counted(days, 'day')}"
            detail += f", card {card}" * bool(card) + f", home {home}" * bool(home)
            audit.note(connection, by, "standing code", locker=locker, detail=detail)
        return Standing(grant, text, now_s + days * DAY_S)

    def standing_codes(self, locker: str) -> list[StandingCode]:
        """The standing codes of a locker that have not ended; their digits are kept nowhere."""
        live = (grants_table.c.locker == locker) & grants_table.c.dropped.is_(None)
        wanted = select(*columns_of(StandingCode, grants_table)).where(live, _IS_STANDING)
        with self._database.read() as connection:
            _row(connection, locker)
            rows = connection.execute(wanted.where(grants_table.c.not_after > int(time.time()))).all()
        return [StandingCode(*row) for row in rows]

    def drop_standing(self, locker: str, grant: int, by: str) -> None:
        """Take a standing code back; the locker refuses it once the change has reached it."""
        here = (grants_table.c.locker == locker) & (grants_table.c.id == grant)
        live = here & grants_table.c.dropped.is_(None) & _IS_STANDING
        with self._database.write() as connection:
            if connection.execute(select(grants_table.c.id).where(live)).first() is None:
                raise NotFound(f"locker {locker} has no standing code {grant}")
            grants.drop(connection, locker, grant)
            audit.note(connection, by, "drop standing code", locker=locker, detail=f"grant {grant}")


def _new(where: LockerRow, taken: digits.Taken, card: str) -> tuple[str, bytes]:
    """The digits that are shown, "" for a card, and the tag that the grant carries."""
    key = where.signing_key()
    if not card:
        text = digits.draw(where, taken)
        return text, codes.listed_tag(key, text)
    parts = card.split(":")
    how = "write bits:facility:number, such as 26:12:34567"
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() for part in parts):
        raise Invalid(f"card {card} is not three numbers: {how}")
    bits, facility, number = (int(part) for part in parts)
    try:
        tag = codes.card_tag(key, bits, facility, number)
    except ValueError as error:
        raise Invalid(f"card {card}: {error}; {how}") from None
    if taken.has_tag(tag):
        raise Conflict(f"card {card} has a standing code at locker {where.id} already: drop that first")
    return "", tag


def _place_of(connection: Connection, locker: str, role: int, action: int, holder: int) -> int:
    """The number that stands for a holder in window codes: its own, or the counter that replaced it."""
    here = (holders.c.locker == locker) & (holders.c.role == role) & (holders.c.action == action)
    wanted = select(holders.c.counter).where(here, holders.c.holder == holder)
    newest = connection.execute(wanted.order_by(holders.c.since.desc())).first()
    return int(newest.counter) if newest is not None else holder


def _row(connection: Connection, locker: str) -> LockerRow:
    row = lookup.in_service(connection, locker)
    if row.kind != LOCKER:
        raise Conflict(f"{locker} is a counter: its clerk serves without codes and labels of ours")
    return row
