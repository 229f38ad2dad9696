"""What opens a locker without a parcel of its own: window codes of couriers and staff, tokens to print."""

import time
from typing import Any

from sqlalchemy import select

from consigne import codes
from consigne.server import audit
from consigne.server.database import Database
from consigne.server.errors import Invalid, NotFound
from consigne.server.models import lockers
from consigne.server.orders import place_of

TOKEN_DAYS_MAX = 366
TOKEN_SLACK_S = 300  # a locker's clock may be behind


class Passes:
    """Window codes and tokens.  ``by`` is the account that is shown one: it goes into the trail."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def window_code(
        self, locker: str, *, role: int, action: int, holder: int, by: str | None = None
    ) -> dict[str, Any]:
        """The code of a courier, clerk or technician for the present slot, and when it works."""
        at_s = int(time.time())
        with self._database.write() if by else self._database.read() as connection:
            row = _row(connection, locker)
            number = place_of(connection, locker, role, action, holder)
            try:
                text = codes.window_code(row.device_key.reveal(), role, action, number, at_s, row.digits)
            except ValueError as error:
                raise Invalid(str(error)) from None
            if by:
                detail = f"window code of role {role}, action {action}, holder {holder}"
                audit.note(connection, by, "show code", locker=locker, detail=detail)
        slot_s = codes.slot_s(role)
        start_s = at_s // slot_s * slot_s
        return {"code": text, "works_from": start_s - slot_s // 4, "works_until": start_s + slot_s * 5 // 4}

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
    ) -> dict[str, Any]:
        """A token to be printed or shown as a QR code; it works once, from now for some days.

        Returns ``token``, and ``nonce`` and ``until`` by which it can be revoked.
        """
        if not 1 <= days <= TOKEN_DAYS_MAX:
            raise Invalid(f"days is 1 to {TOKEN_DAYS_MAX}")
        now_s = int(time.time())
        until_s, nonce = now_s + days * 86_400, codes.new_nonce()
        with self._database.write() as connection:
            key = _row(connection, locker).device_key.reveal()
            try:
                text = codes.make_token(
                    key, action, holder, door, now_s - TOKEN_SLACK_S, until_s, nonce, parcel
                )
            except ValueError as error:
                raise Invalid(str(error)) from None
            detail = f"nonce {nonce}, until {until_s}, action {action}, holder {holder}, door {door}"
            audit.note(connection, by, "make token", locker=locker, parcel=parcel or None, detail=detail)
        return {"token": text, "nonce": nonce, "until": until_s}


def _row(connection: Any, locker: str) -> Any:
    row = connection.execute(select(lockers).where(lockers.c.id == locker)).first()
    if row is None:
        raise NotFound(f"no locker {locker} is registered")
    return row
