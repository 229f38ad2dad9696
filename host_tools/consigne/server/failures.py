"""What an error of a database means, in words: for the log, for whoever asks, and for a host that waits."""

import errno
import sqlite3
from enum import Enum


class Failure(Enum):
    """Why a database did not do what was asked of it.  Neither text holds anything secret."""

    MET = "somebody else changed the same at this moment", ""
    FULL = "the disk of the database is full", "make room on it"
    READ_ONLY = (
        "the database is read-only",
        "see whether its file, its file system or its server was made so, or is a standby",
    )
    LOCKED = "another program holds the database locked", "end that program, or wait for it"
    STARTING = "the database is starting or stopping", "wait for it"
    CROWDED = "the database takes no more connections", "see who holds so many"
    DISK = "the disk of the database fails, or a limit is reached on it", "see the system's log"
    DAMAGED = "the database is damaged, or is none", "put it back from a backup"
    CLOSED = "the file of the database cannot be opened", "see its folder, and the rights of both"
    REFUSED = "the database refuses the host", "see its name, user, password and rights"
    STRANGE = "the database does not do what the host asks", "the log says why"
    SILENT = "the database does not answer", "see whether it runs and can be reached"

    def __init__(self, told: str, mend: str) -> None:
        self.told, self.mend = told, mend

    @property
    def can_pass(self) -> bool:
        """Whether waiting can help; otherwise somebody has to change something first."""
        return self not in (Failure.DAMAGED, Failure.CLOSED, Failure.REFUSED, Failure.STRANGE)

    @property
    def sentence(self) -> str:
        """What is wrong, and what to do."""
        return f"{self.told}: {self.mend}" if self.mend else self.told


_OF_SQLITE = {
    sqlite3.SQLITE_BUSY: Failure.LOCKED,
    sqlite3.SQLITE_LOCKED: Failure.LOCKED,
    sqlite3.SQLITE_READONLY: Failure.READ_ONLY,
    sqlite3.SQLITE_FULL: Failure.FULL,
    sqlite3.SQLITE_IOERR: Failure.DISK,
    sqlite3.SQLITE_CANTOPEN: Failure.CLOSED,
    sqlite3.SQLITE_PERM: Failure.REFUSED,
    sqlite3.SQLITE_CORRUPT: Failure.DAMAGED,
    sqlite3.SQLITE_NOTADB: Failure.DAMAGED,
}
_PRIMARY = 0xFF  # the rest of SQLite's code says more exactly what its primary code says

NO_RIGHTS = "42501"
# SQLSTATEs of PostgreSQL, or the classes that they begin with (PostgreSQL 15, appendix A)
_OF_STATE = {
    "40": Failure.MET,
    "53100": Failure.FULL,
    "53300": Failure.CROWDED,
    "25006": Failure.READ_ONLY,
    "55P03": Failure.LOCKED,
    "57P03": Failure.STARTING,
    "58030": Failure.DISK,
    "XX001": Failure.DAMAGED,
    "XX002": Failure.DAMAGED,
    "28": Failure.REFUSED,
    "3D": Failure.REFUSED,
    NO_RIGHTS: Failure.REFUSED,
    "08": Failure.SILENT,
    "57": Failure.SILENT,
}
# libpq gives no SQLSTATE with a connection that is refused, only the server's text, English by default
_OF_TEXT = {
    "password authentication failed": Failure.REFUSED,
    "authentication failed for user": Failure.REFUSED,
    "no password supplied": Failure.REFUSED,
    "does not exist": Failure.REFUSED,  # a database, a role, a file of certificates
    "no pg_hba.conf entry": Failure.REFUSED,
    "permission denied": Failure.REFUSED,
    "does not support ssl": Failure.REFUSED,
    "certificate verify failed": Failure.REFUSED,
    "starting up": Failure.STARTING,
    "shutting down": Failure.STARTING,
    "not yet accepting connections": Failure.STARTING,
    "recovery mode": Failure.STARTING,
    "too many clients": Failure.CROWDED,
    "too many connections": Failure.CROWDED,
    "connection slots are reserved": Failure.CROWDED,
}


_OF_SYSTEM = {
    errno.ENOSPC: Failure.FULL,
    errno.EDQUOT: Failure.FULL,
    errno.EROFS: Failure.READ_ONLY,
    errno.EACCES: Failure.CLOSED,
    errno.ENOENT: Failure.CLOSED,
}


def failure_of(error: BaseException) -> Failure:
    """What an error of SQLAlchemy, of its driver or of a file means."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, OSError):
        return _OF_SYSTEM.get(original.errno or 0, Failure.DISK)
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return _OF_SQLITE.get(code & _PRIMARY, Failure.STRANGE)
    state = getattr(original, "sqlstate", None)
    if state:
        return _OF_STATE.get(state) or _OF_STATE.get(state[:2], Failure.STRANGE)
    text = str(original).lower()
    return next((failure for part, failure in _OF_TEXT.items() if part in text), Failure.SILENT)


def try_again(error: BaseException) -> str:
    """What a caller of the API is told."""
    failure = failure_of(error)
    if not failure.can_pass:
        return f"{failure.told}: who runs the host must mend that, nothing was changed"
    when = "try again" if failure is Failure.MET else "try again in a minute"
    return f"{failure.told}: {when}, nothing was changed"


def reason(error: BaseException) -> str:
    """Why, as the database or its driver said it, in one line: without the statement, and without values.

    PostgreSQL's details show the row that it refused, which may hold a key.
    """
    original = getattr(error, "orig", None) or error
    primary = getattr(getattr(original, "diag", None), "message_primary", None)
    return " ".join(str(primary or original).split())
