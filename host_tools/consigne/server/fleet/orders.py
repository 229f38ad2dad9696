"""What a person may order a locker to do: each checked here, written down with who ordered it, and sent.

Every method returns the id of the command, whose fate ``Orders.get`` tells.  Raises ``Invalid``,
``NotFound`` or ``Conflict`` with a text for whoever asked.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from locker.core import records
from locker.core.limits import DISPLAY_COLUMNS, HOLDER_MAX, NAME_CHARS_MAX, NOTICE_LINES_MAX, REOPEN_S_MAX
from locker.core.orders import SETTINGS
from locker.texts import LANGUAGES
from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from consigne.protocol.messages import IDENTIFY_S_MAX, Arguments
from consigne.protocol.untrusted import U32_MAX

from ..access.aside import Aside
from ..errors import Conflict, Invalid, NotFound
from ..people.audit import HOST
from ..storage import lookup
from ..storage.database import Database, columns_of
from ..storage.models import commands as table
from ..storage.models import holders
from . import commands
from .answers import SENT, WAITING, answer

MESSAGE_CHARACTERS_MAX = 100  # with blanks around; the displayed text is checked line by line
HOURS_MAX = 24 * 60
COUNTERS = range(HOLDER_MAX + 1, 65_536)  # in the field where a holder's number stands
_NOT_SHOWN = "cannot be shown, such as a tab or a mark of direction: leave it out"
_AT_ONCE = (commands.OPEN, commands.IDENTIFY, commands.REBOOT, commands.AGAIN)


def no_orders(locker: str, kind: str, retired_at: int | None) -> str:
    """Why a locker or counter can be ordered nothing; "" for a locker that serves."""
    if retired_at is not None:
        return lookup.retired_words(locker, retired_at)
    return f"{locker} is a counter: people serve there, it takes no orders" if kind != "locker" else ""


@dataclass(frozen=True, slots=True)
class Order:
    """A command and what became of it; times are Unix seconds."""

    id: str
    cmd: str
    state: str
    result: str | None
    by: str
    created_at: int
    expires_at: int
    answered_at: int | None

    @property
    def answer(self) -> str:
        """What became of it, in words."""
        return answer(self.state, self.result)


_ORDER = columns_of(Order, table)


class Orders:
    """Orders to lockers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, locker: str, door: int, by: str = HOST) -> str:
        """Open a compartment now, numbered from 0; an order to open never waits for a locker."""
        return self._at_door(commands.OPEN, locker, door, by)

    def block(self, locker: str, door: int, by: str = HOST) -> str:
        """Give a compartment to nobody until it is released; what lies in it can still be collected."""
        return self._at_door(commands.BLOCK, locker, door, by, subject=f"block {door}")

    def release(self, locker: str, door: int, by: str = HOST) -> str:
        """Give a compartment to new parcels again, whoever blocked or reserved it."""
        return self._at_door(commands.RELEASE, locker, door, by, subject=f"block {door}")

    def reserve(self, locker: str, door: int, parcel: str, hours: int, by: str = HOST) -> str:
        """Keep an empty compartment for one parcel, for 1 to ``HOURS_MAX`` hours."""
        _within("hours", hours, 1, HOURS_MAX)
        more: Arguments = {"until": _now() + hours * 3600, "parcel": lookup.canonical_id(parcel)}
        return self._at_door(commands.RESERVE, locker, door, by, more, subject=f"reserve {door}")

    def configure(self, locker: str, settings: Mapping[str, str], by: str = HOST) -> str:
        """Change settings (``SETTINGS``); an empty text brings back what the locker's own file says."""
        if not settings:
            raise Invalid(f"name at least one setting of {', '.join(SETTINGS)}")
        for name, value in settings.items():
            _check_setting(name, value)
        with self._database.write() as connection:
            lookup.in_service(connection, locker)
            wanted = {**_unanswered_settings(connection, locker), **settings}
            arguments: Arguments = {"set": [[name, value] for name, value in wanted.items()]}
            return self._issue(connection, locker, commands.CONFIGURE, arguments, by, "configure")

    def message(self, locker: str, texts: Mapping[str, str], hours: int, by: str = HOST) -> str:
        """Show a message in place of the site's name; no texts take one away.

        ``texts`` gives for a language one or two lines, divided by ``|`` or a line's end.
        """
        _within("hours", hours, 1, HOURS_MAX)
        rows = [[language, _lines(language, text)] for language, text in texts.items() if text.strip()]
        with self._database.write() as connection:
            lookup.in_service(connection, locker)
            arguments: Arguments = {"until": _now() + hours * 3600, "text": rows}
            return self._issue(connection, locker, commands.MESSAGE, arguments, by, "message")

    def identify(self, locker: str, seconds: int = 10, by: str = HOST) -> str:
        """Have a locker beep and blink."""
        _within("seconds", seconds, 1, IDENTIFY_S_MAX)
        return self._plain(commands.IDENTIFY, locker, {"seconds": seconds}, by)

    def reboot(self, locker: str, by: str = HOST) -> str:
        """Restart a locker as soon as nobody is being served."""
        return self._plain(commands.REBOOT, locker, {}, by)

    def try_again(self, locker: str, by: str = HOST) -> list[Aside]:
        """Send a locker once more what it did not take; returns what that is."""
        with self._database.write() as connection:
            lookup.in_service(connection, locker)
            return commands.try_again(connection, locker, _now(), by=by)

    def set_clock(self, locker: str, by: str = HOST) -> str:
        """Give a locker this host's time, even if it believes a later one; sent when it asks for the time."""
        with self._database.write() as connection:
            return self._issue(connection, locker, commands.CLOCK, {}, by, "clock")

    def again(self, locker: str, seq: int, by: str = HOST) -> str:
        """Have a locker send its events again from a number on, as far as it still has them."""
        _within("the event number", seq, 1, U32_MAX)
        return self._plain(commands.AGAIN, locker, {"seq": seq}, by)

    def revoke_token(self, locker: str, nonce: int, until_s: int, by: str = HOST) -> str:
        """Make one token worthless; ``until_s`` is the token's own end."""
        _within("nonce", nonce, 1, U32_MAX)
        _within("until", until_s, _now(), U32_MAX)
        with self._database.write() as connection:
            lookup.in_service(connection, locker)
            return commands.revoke(connection, locker, _now(), nonce=(nonce, until_s), by=by)

    def revoke_holder(self, locker: str, role: int, action: int, holder: int, by: str = HOST) -> str:
        """Make every code of today of a courier, clerk or technician worthless; they get new ones."""
        _within("role", role, 1, 6)
        _within("action", action, 0, 5)
        _within("holder", holder, 0, HOLDER_MAX)
        with self._database.write() as connection:
            lookup.in_service(connection, locker)
            here = (holders.c.locker == locker) & (holders.c.role == role) & (holders.c.action == action)
            used = {row.counter for row in connection.execute(select(holders.c.counter).where(here))}
            free = [number for number in COUNTERS if number not in used]
            if not free:
                raise Conflict(
                    f"codes of role {role} and action {action} were revoked {len(COUNTERS)} times at "
                    f"{locker}, as often as they can be: those of holder {holder} stay as they are"
                )
            counter = secrets.choice(free)
            newest = select(func.max(holders.c.since)).where(here, holders.c.holder == holder)
            since = max(_now(), (connection.execute(newest).scalar() or 0) + 1)
            values = {"locker": locker, "role": role, "action": action, "holder": holder, "counter": counter}
            connection.execute(holders.insert().values(since=since, **values))
            return commands.revoke(connection, locker, _now(), holder=(role, action, holder, counter), by=by)

    def ordered(self, locker: str, ids: Sequence[str]) -> dict[str, tuple[str, Arguments]]:
        """Name and arguments of each of these commands; ids that the host does not know are left out."""
        here = (table.c.locker == locker) & table.c.id.in_(ids)
        wanted = select(table.c.id, table.c.cmd, table.c.arguments).where(here)
        with self._database.read() as connection:
            return {row.id: (row.cmd, row.arguments) for row in connection.execute(wanted)}

    def get(self, locker: str, command: str) -> Order:
        """What became of a command; ``answer`` says it in words."""
        here = (table.c.id == command) & (table.c.locker == locker)
        with self._database.read() as connection:
            row = connection.execute(select(*_ORDER).where(here)).first()
        if row is None:
            raise NotFound(f"locker {locker} was never sent a command {command}")
        return Order(*row)

    # --- how they are written down ------------------------------------------------------------------------

    def _at_door(
        self,
        cmd: str,
        locker: str,
        door: int,
        by: str,
        more: Arguments | None = None,
        subject: str | None = None,
    ) -> str:
        with self._database.write() as connection:
            count = len(lookup.in_service(connection, locker).layout)
            if not 0 <= door < (count or records.ANY_DOOR):
                raise Invalid(f"locker {locker} has no door {door}: they are numbered from 0")
            arguments: Arguments = {"door": door}
            if more is not None:
                arguments.update(more)
            return self._issue(connection, locker, cmd, arguments, by, subject)

    def _plain(self, cmd: str, locker: str, arguments: Arguments, by: str) -> str:
        with self._database.write() as connection:
            return self._issue(connection, locker, cmd, arguments, by, None)

    def _issue(
        self,
        connection: Connection,
        locker: str,
        cmd: str,
        arguments: Arguments,
        by: str,
        subject: str | None,
    ) -> str:
        row = lookup.in_service(connection, locker)
        if row.kind != "locker":
            raise Conflict(no_orders(locker, row.kind, row.retired_at))
        if cmd in _AT_ONCE and not row.up:
            raise Conflict(f"locker {locker} is not connected: {cmd} is done at once or not at all")
        return commands.issue(connection, locker, cmd, arguments, _now(), by=by, subject=subject)


def _unanswered_settings(connection: Connection, locker: str) -> dict[str, str]:
    """What is still on its way: the new command takes the place of the older one, so it carries it along."""
    open_ = table.c.state.in_((WAITING, SENT)) & (table.c.cmd == commands.CONFIGURE)
    wanted = select(table.c.arguments).where(open_, table.c.locker == locker).order_by(table.c.created_at)
    told: Sequence[Arguments] = connection.execute(wanted).scalars().all()
    return {name: value for arguments in told for name, value in arguments.get("set", ())}


def _check_setting(name: str, value: str) -> None:
    if name not in SETTINGS:
        raise Invalid(f"there is no setting {name!r}: choose of {', '.join(SETTINGS)}")
    if not value:
        return
    if name == "language" and value not in LANGUAGES:
        raise Invalid(f"language is one of {', '.join(LANGUAGES)}")
    if name == "name" and len(value) > NAME_CHARS_MAX:
        raise Invalid(f"name is at most {NAME_CHARS_MAX} characters, as the display has")
    if name == "name" and not value.isprintable():
        raise Invalid(f"name has a character that {_NOT_SHOWN}")
    if name == "reopen_s" and not (value.isascii() and value.isdecimal() and int(value) <= REOPEN_S_MAX):
        raise Invalid(f"reopen_s is 0 to {REOPEN_S_MAX} seconds")


def _lines(language: str, text: str) -> str:
    if language not in LANGUAGES:
        raise Invalid(f"a message's language is one of {', '.join(LANGUAGES)}, not {language!r}")
    lines = text.strip().replace("\r\n", "\n").replace("\n", "|").split("|")
    if len(lines) > NOTICE_LINES_MAX or any(len(line) > DISPLAY_COLUMNS for line in lines):
        raise Invalid(f"a message is {NOTICE_LINES_MAX} lines of at most {DISPLAY_COLUMNS} characters")
    joined = "|".join(line.strip() for line in lines)
    if not joined.isprintable():
        raise Invalid(f"a message has a character that {_NOT_SHOWN}")
    if len(joined.encode()) > records.PARCEL_ID_BYTES_MAX:
        most = records.PARCEL_ID_BYTES_MAX
        raise Invalid(f"a message has at most {most} bytes in all; an accented letter counts as two")
    return joined


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise Invalid(f"{name} is {least} to {most}")


def _now() -> int:
    return int(time.time())
