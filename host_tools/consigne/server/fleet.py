"""Lockers as the outside sees them: registered, their compartments and events, courier codes, opening."""

import json
import secrets
import time
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from consigne import codes, protocol
from consigne.firmware_path import import_locker
from consigne.server import commands
from consigne.server.contiguity import Held
from consigne.server.database import Database
from consigne.server.errors import Conflict, Invalid, NotFound
from consigne.server.models import Secret, compartments, events, lockers, streams
from consigne.server.models import commands as commands_table

_records = import_locker("core.records")

KEY_BYTES = 32
CODE_DIGITS = range(6, 11)
EVENTS_PAGE_MAX = 1_000
TOKEN_DAYS_MAX = 366
CONTENT_NAMES = ("empty", "parcel", "taken out", "being filled", "blocked")
SEEN_NAMES = ("closed", "open", "unknown")


@dataclass(frozen=True, slots=True)
class Door:
    """A compartment of a locker's layout: what people call it and what it takes."""

    name: str
    size: int
    low: bool = False


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
        doors: list[Door] | None = None,
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
        """
        protocol.topic(id_, protocol.STATUS)  # the name must fit a topic
        if len(device_key) != KEY_BYTES or len(set(device_key)) < 4:
            raise Invalid(f"device_key is {KEY_BYTES} random bytes as {2 * KEY_BYTES} hexadecimal digits")
        if digits not in CODE_DIGITS:
            raise Invalid("digits is 6 to 10")
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise Invalid(f"timezone {timezone!r} is not an IANA name such as Europe/Paris") from None
        layout = json.dumps([{"name": door.name, "size": door.size, "low": door.low} for door in doors or []])
        with self._database.write() as connection:
            row = connection.execute(select(lockers).where(lockers.c.id == id_)).first()
            values: dict[str, Any] = {"digits": digits, "timezone": timezone, "layout": layout}
            if row is not None:
                if not secrets.compare_digest(row.device_key.reveal(), device_key):
                    raise Conflict(f"locker {id_} is registered with another key")
                connection.execute(update(lockers).where(lockers.c.id == id_).values(**values))
                return False
            values |= {"id": id_, "device_key": Secret(device_key), "registered_at": int(time.time())}
            values |= {"grants_version": 0, "next_grant": 1, "command_counter": 0}
            connection.execute(lockers.insert().values(**values))
            return True

    def lockers(self) -> list[dict[str, Any]]:
        """Every locker, without its key."""
        with self._database.read() as connection:
            rows = connection.execute(select(lockers).order_by(lockers.c.id)).all()
            return [_locker(connection, row) for row in rows]

    def locker(self, id_: str) -> dict[str, Any]:
        """One locker, without its key.  Raises ``NotFound``."""
        with self._database.read() as connection:
            return _locker(connection, _row(connection, id_))

    def compartments(self, id_: str) -> list[dict[str, Any]]:
        """The compartments as the locker last told, in the order of its doors.

        One that the locker has not spoken of yet has ``content`` "unknown".
        """
        with self._database.read() as connection:
            layout = json.loads(_row(connection, id_).layout)
            wanted = select(compartments).where(compartments.c.locker == id_)
            told = {row.door: row for row in connection.execute(wanted)}
        count = max(len(layout), max(told, default=-1) + 1)
        return [_compartment(door, layout, told.get(door)) for door in range(count)]

    def events(self, id_: str, *, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Events of a locker in the order of their arrival, those after ``id`` ``after``."""
        if not 1 <= limit <= EVENTS_PAGE_MAX:
            raise Invalid(f"limit is 1 to {EVENTS_PAGE_MAX}")
        wanted = select(events).where(events.c.locker == id_, events.c.id > after)
        with self._database.read() as connection:
            _row(connection, id_)
            rows = connection.execute(wanted.order_by(events.c.id).limit(limit))
            return [_event(row) for row in rows]

    def events_of_parcel(self, parcel: str) -> list[dict[str, Any]]:
        """Everything that was told about a parcel, in the order of its happening."""
        wanted = select(events).where(events.c.parcel == parcel)
        order = (events.c.time_s, events.c.locker, events.c.seq)
        with self._database.read() as connection:
            return [_event(row) for row in connection.execute(wanted.order_by(*order))]

    def window_code(self, id_: str, *, role: int, action: int, holder: int) -> dict[str, Any]:
        """The code of a courier, clerk or technician for the present slot, and when it works."""
        at_s = int(time.time())
        with self._database.read() as connection:
            row = _row(connection, id_)
        try:
            text = codes.window_code(row.device_key.reveal(), role, action, holder, at_s, row.digits)
        except ValueError as error:
            raise Invalid(str(error)) from None
        slot_s = codes.slot_s(role)
        start_s = at_s // slot_s * slot_s
        return {"code": text, "works_from": start_s - slot_s // 4, "works_until": start_s + slot_s * 5 // 4}

    def token(
        self, id_: str, *, action: int, holder: int, door: int = 65535, parcel: str = "", days: int = 1
    ) -> str:
        """A token to be printed or shown as a QR code; works once, from now for some days."""
        if not 1 <= days <= TOKEN_DAYS_MAX:
            raise Invalid(f"days is 1 to {TOKEN_DAYS_MAX}")
        now_s = int(time.time())
        with self._database.read() as connection:
            key = _row(connection, id_).device_key.reveal()
        until_s = now_s + days * 86_400
        try:
            return codes.make_token(
                key, action, holder, door, now_s - 300, until_s, codes.new_nonce(), parcel
            )
        except ValueError as error:
            raise Invalid(str(error)) from None

    def open(self, id_: str, door: int) -> str:
        """Order a door to be opened; returns the id of the command.

        Raises ``Conflict`` for a locker that is not connected: an order to open must not wait.
        """
        now_s = int(time.time())
        with self._database.write() as connection:
            row = _row(connection, id_)
            if not row.up:
                raise Conflict(f"locker {id_} is not connected: a door is opened at once or not at all")
            count = len(json.loads(row.layout))
            if not 0 <= door < (count or _records.ANY_DOOR):
                raise Invalid(f"locker {id_} has no door {door}: they are numbered from 0")
            return commands.issue(connection, id_, commands.OPEN, {"door": door}, now_s)

    def command(self, id_: str, command: str) -> dict[str, Any]:
        """What became of a command."""
        here = (commands_table.c.id == command) & (commands_table.c.locker == id_)
        with self._database.read() as connection:
            row = connection.execute(select(commands_table).where(here)).first()
        if row is None:
            raise NotFound(f"locker {id_} was never sent a command {command}")
        return {
            "id": row.id,
            "cmd": row.cmd,
            "state": row.state,
            "result": row.result,
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "answered_at": row.answered_at,
        }


def _row(connection: Connection, id_: str) -> Any:
    row = connection.execute(select(lockers).where(lockers.c.id == id_)).first()
    if row is None:
        raise NotFound(f"no locker {id_} is registered")
    return row


def _locker(connection: Connection, row: Any) -> dict[str, Any]:
    here = (streams.c.locker == row.id) & (streams.c.epoch == row.epoch)
    stream = connection.execute(select(streams).where(here)).first()
    held = Held(stream.contiguous, json.loads(stream.islands)) if stream is not None else Held()
    return {
        "id": row.id,
        "connected": bool(row.up),
        "status": json.loads(row.status) if row.status else None,
        "status_at": row.status_at,
        "digits": row.digits,
        "timezone": row.timezone,
        "doors": len(json.loads(row.layout)),
        "grants": {"version": row.grants_version, "at_locker": row.grants_have},
        "events": {
            "epoch": row.epoch,
            "complete_to": held.contiguous,
            "missing": held.missing(),
            "lost": stream.lost if stream is not None else 0,
            "conflicts": stream.conflicts if stream is not None else 0,
        },
    }


def _compartment(door: int, layout: list[dict[str, Any]], told: Any) -> dict[str, Any]:
    known = layout[door] if door < len(layout) else {"name": str(door + 1), "size": None, "low": None}
    out: dict[str, Any] = {"door": door, **known, "content": "unknown", "seen": "unknown"}
    out |= {"parcel": None, "at": None}
    if told is not None:
        out["content"] = _name(CONTENT_NAMES, told.content)
        out["seen"] = _name(SEEN_NAMES, told.seen)
        out |= {"parcel": told.parcel, "at": told.time_s}
    return out


def _name(names: tuple[str, ...], value: int) -> str:
    """A newer firmware may know more than this host."""
    return names[value] if value < len(names) else f"unknown ({value})"


def _event(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "locker": row.locker,
        "epoch": row.epoch,
        "seq": row.seq,
        "time_s": row.time_s,
        "kind": row.kind,
        "data": json.loads(row.data),
    }
