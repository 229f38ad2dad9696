"""Who may ask the host for what: accounts with a role, API keys, passwords, sessions.

An API key is 256 random bits and kept as its SHA-256; a password is a person's and kept as scrypt.
Wrong passwords are slowed down account by account.
"""

import base64
import hashlib
import hmac
import logging
import os
import re
import secrets
import time
from dataclasses import dataclass
from functools import cache

from locker.core.limits import HOLDER_MAX
from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from consigne.protocol.untrusted import clean

from ..complaints import Complaints
from ..errors import CallerError, Conflict, Invalid, NotFound
from ..storage import retention
from ..storage.ages import Ages
from ..storage.database import Database, columns_of
from ..storage.models import accounts, lockers, sessions
from . import audit
from .rate_limit import RateLimit
from .roles import HOLDER_ROLES, Role

PASSWORD_CHARACTERS = range(12, 257)
SESSION_S = 12 * 3600
_SCRYPT = {"n": 2**14, "r": 8, "p": 5}  # 16 MiB: one of OWASP's equal choices, Password Storage Cheat Sheet
NAME_CHARACTERS_MAX = 64
_NAME = re.compile(rf"^[A-Za-z0-9][A-Za-z0-9 ._@-]{{0,{NAME_CHARACTERS_MAX - 1}}}$")
_HASHED = re.compile(r"[A-Za-z0-9+/]{22}==\.[A-Za-z0-9+/]{43}=")
"""Salt and scrypt's result, as ``_hash`` writes them."""
TRIES = 5
TRY_EVERY_S = 60.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who asks.  ``holder`` is their number in window codes, ``locker`` where they sit."""

    name: str
    role: Role
    holder: int | None = None
    locker: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """An account as a list shows it; ``password``: it has one."""

    name: str
    role: str
    holder: int | None
    locker: str | None
    disabled: bool
    password: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """An account with what proves who asks."""

    name: str
    role: str
    holder: int | None
    locker: str | None
    password: str | None
    disabled: bool


_COLUMNS = columns_of(_Row, accounts)


class NotYet(CallerError):
    """Too many wrong passwords."""

    status = 429


def forget(database: Database, at_s: int, _ages: Ages) -> None:
    """Delete the sessions that have ended."""
    retention.delete(database, sessions, sessions.c.expires_at <= at_s)


class Accounts:
    """Keep accounts, and tell who somebody is."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rate_limit = RateLimit(TRIES, TRY_EVERY_S, _too_soon)
        self._complaints = Complaints(log)

    def add(
        self, name: str, role: Role, *, holder: int | None = None, locker: str | None = None, by: str
    ) -> str:
        """Make an account; returns its API key, which is never shown again."""
        _check_account(name, role, holder, locker)
        with self._database.write() as connection:
            if connection.execute(select(accounts.c.name).where(accounts.c.name == name)).first():
                raise Conflict(f"there is an account {name!r} already")
            if locker is not None:
                kind = "counter" if role is Role.CLERK else "locker"
                here = select(lockers.c.kind).where(lockers.c.id == locker)
                if connection.execute(here).scalar() != kind:
                    raise NotFound(f"no {kind} {locker} is registered")
            values = {"holder": holder, "locker": locker, "created_at": int(time.time()), "disabled": False}
            connection.execute(accounts.insert().values(name=name, role=role.value, **values))
            audit.note(connection, by, "add account", detail=f"{name}, {role}")
            return _new_key(connection, name)

    def renew_key(self, name: str, by: str) -> str:
        """Give an account another API key; the old one is worthless."""
        with self._database.write() as connection:
            _check_known(connection, name)
            audit.note(connection, by, "new key", detail=name)
            return _new_key(connection, name)

    def check_known(self, name: str) -> None:
        """Raise ``NotFound`` when there is no such account."""
        with self._database.read() as connection:
            _check_known(connection, name)

    def set_password(self, name: str, password: str, by: str) -> None:
        """Let an account log in at the pages; whoever is logged in with the old one is logged out."""
        if len(password) not in PASSWORD_CHARACTERS:
            least, most = PASSWORD_CHARACTERS[0], PASSWORD_CHARACTERS[-1]
            raise Invalid(f"a password has {least} to {most} characters, this one {len(password)}")
        if clean(password) != password:  # the form to log in cleans what is typed there
            raise Invalid("a password is text in UTF-8 without NUL: this one has something else in it")
        hashed = _hash(password)
        with self._database.write() as connection:
            _check_known(connection, name)
            connection.execute(update(accounts).where(accounts.c.name == name).values(password=hashed))
            connection.execute(sessions.delete().where(sessions.c.account == name))
            audit.note(connection, by, "new password", detail=name)

    def disable(self, name: str, by: str, *, disabled: bool = True) -> None:
        """Let an account in no more, or again; what it did stays in the trail."""
        with self._database.write() as connection:
            _check_known(connection, name)
            connection.execute(update(accounts).where(accounts.c.name == name).values(disabled=disabled))
            connection.execute(sessions.delete().where(sessions.c.account == name))
            audit.note(connection, by, "disable account" if disabled else "enable account", detail=name)

    def list(self) -> list[Listed]:
        """Every account, without its secrets."""
        has_password = accounts.c.password.is_not(None)
        columns = (accounts.c.name, accounts.c.role, accounts.c.holder, accounts.c.locker)
        wanted = select(*columns, accounts.c.disabled, has_password).order_by(accounts.c.name)
        with self._database.read() as connection:
            return [Listed(*row) for row in connection.execute(wanted)]

    def any(self) -> bool:
        """Whether there is an account at all."""
        with self._database.read() as connection:
            return connection.execute(select(accounts.c.name).limit(1)).first() is not None

    # --- who is it? --------------------------------------------------------------------------------------

    def by_key(self, key: str) -> Account | None:
        """Whose API key this is."""
        with self._database.read() as connection:
            here = accounts.c.key_hash == _digest(key)
            wanted = select(*_COLUMNS).where(here, accounts.c.disabled.is_(False))
            row = connection.execute(wanted).first()
        return self._account(_Row(*row)) if row is not None else None

    def log_in(self, name: str, password: str) -> str:
        """Begin a session; returns its token.

        Raises ``Invalid`` for a wrong name or password, never telling which, and ``NotYet`` after too many.
        """
        self._rate_limit.spend(name)
        with self._database.read() as connection:
            found = connection.execute(select(*_COLUMNS).where(accounts.c.name == name)).first()
        row = _Row(*found) if found is not None else None
        kept = self._kept(row)
        right = _matches(password, kept or _nobodys())
        if kept is None or not right:
            with self._database.write() as connection:
                audit.note(connection, name[:NAME_CHARACTERS_MAX], "wrong password")
            raise Invalid("the name or the password is wrong")
        self._rate_limit.forgive(name)
        token, now_s = secrets.token_urlsafe(32), int(time.time())
        with self._database.write() as connection:
            connection.execute(sessions.delete().where(sessions.c.expires_at <= now_s))
            values = {"token_hash": _digest(token), "account": name, "expires_at": now_s + SESSION_S}
            connection.execute(sessions.insert().values(**values))
            audit.note(connection, name, "log in")
        return token

    def by_session(self, token: str) -> Account | None:
        """Whose session this is; None when it has ended."""
        wanted = select(*_COLUMNS).join(sessions, sessions.c.account == accounts.c.name)
        alive = (sessions.c.token_hash == _digest(token)) & (sessions.c.expires_at > int(time.time()))
        with self._database.read() as connection:
            row = connection.execute(wanted.where(alive, accounts.c.disabled.is_(False))).first()
        return self._account(_Row(*row)) if row is not None else None

    def log_out(self, token: str) -> None:
        """End a session."""
        with self._database.write() as connection:
            connection.execute(sessions.delete().where(sessions.c.token_hash == _digest(token)))

    def _account(self, row: _Row) -> Account | None:
        """Who this is; None for a role that only another release knows: it gets none of ours instead."""
        try:
            return Account(row.name, Role(row.role), row.holder, row.locker)
        except ValueError:
            self._complaints.say(
                f"account {row.name!r} cannot be used: this release knows no role {row.role!r}"
            )
            return None

    def _kept(self, row: _Row | None) -> str | None:
        """What a password is compared with; None for an account that nobody can log in with."""
        if row is None or row.password is None or row.disabled or self._account(row) is None:
            return None
        if _HASHED.fullmatch(row.password):
            return row.password
        self._complaints.say(
            f"account {row.name!r} cannot log in: its password was kept by another release; set it again "
            "with consigne account password"
        )
        return None


def _too_soon(wait_s: int) -> NotYet:
    return NotYet(f"too many wrong passwords: try again in {wait_s} s")


def _check_account(name: str, role: Role, holder: int | None, locker: str | None) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid(f"an account's name is 1 to {NAME_CHARACTERS_MAX} letters, digits, spaces and . _ @ -")
    if (role in HOLDER_ROLES) != (holder is not None):
        wants = "needs a holder number: give" if role in HOLDER_ROLES else "has no holder number: leave out"
        raise Invalid(f"an account with role {role} {wants} --holder")
    if holder is not None and not 0 <= holder <= HOLDER_MAX:
        raise Invalid(f"a holder number is 0 to {HOLDER_MAX}")
    if role.sits != (locker is not None):
        raise Invalid("a clerk belongs to a counter, a partner to a locker, nobody else to either")


def _check_known(connection: Connection, name: str) -> None:
    if connection.execute(select(accounts.c.name).where(accounts.c.name == clean(name))).first() is None:
        raise NotFound(f"there is no account {name!r}")


def _new_key(connection: Connection, name: str) -> str:
    key = "consigne_" + secrets.token_urlsafe(32)
    connection.execute(update(accounts).where(accounts.c.name == name).values(key_hash=_digest(key)))
    return key


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, dklen=32, **_SCRYPT)


def _hash(password: str) -> str:
    salt = os.urandom(16)
    return ".".join(base64.b64encode(part).decode() for part in (salt, _scrypt(password, salt)))


def _matches(password: str, hashed: str) -> bool:
    salt, wanted = (base64.b64decode(part) for part in hashed.split("."))
    return hmac.compare_digest(_scrypt(password, salt), wanted)


@cache
def _nobodys() -> str:
    """What an unknown name's password is compared with, so that it takes as long as a known one's."""
    return _hash(secrets.token_hex(16))
