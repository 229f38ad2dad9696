"""Looks up what a caller names, a locker, counter or parcel, or raises with a sentence that says why not."""

import time
from dataclasses import dataclass

from locker.core import labels
from locker.core.codes import KEY_BYTES
from sqlalchemy import select
from sqlalchemy.engine import Connection

from ..errors import Conflict, Invalid, NotFound
from .database import columns_of
from .documents import Layout, Place
from .models import lockers
from .secret import Secret


@dataclass(frozen=True, slots=True)
class LockerRow:
    """What the host itself keeps about a locker or counter; without the locker's last status."""

    id: str
    device_key: Secret
    digits: int
    timezone: str
    layout: Layout
    up: bool | None
    kind: str
    place: Place
    retired_at: int | None

    def signing_key(self) -> bytes:
        """The key that its codes are made from.  Raises ``Conflict`` for one that another hand wrote."""
        if not is_device_key(self.device_key):
            raise Conflict(f"the database has no key of {self.id} that can sign: put it back from a backup")
        return self.device_key.reveal()


_COLUMNS = columns_of(LockerRow, lockers)


def is_device_key(key: Secret) -> bool:
    """Whether a key as the database has it can sign; one that another hand wrote may not."""
    return len(key.reveal()) == KEY_BYTES


def find(connection: Connection, locker: str) -> LockerRow | None:
    """Its row; None when nobody registered it."""
    row = connection.execute(select(*_COLUMNS).where(lockers.c.id == locker)).first()
    return LockerRow(*row) if row is not None else None


def row_of(connection: Connection, locker: str) -> LockerRow:
    """Its row, also when it was retired: its history stays.  Raises ``NotFound``."""
    row = find(connection, locker)
    if row is None:
        raise NotFound(f"no locker {locker} is registered")
    return row


def in_service(connection: Connection, locker: str) -> LockerRow:
    """The row of one in service.  Raises ``NotFound``, and ``Conflict`` when it was retired."""
    row = row_of(connection, locker)
    if row.retired_at is not None:
        raise Conflict(retired_words(locker, row.retired_at))
    return row


def retired_words(locker: str, at_s: int) -> str:
    """What whoever asks something of a retired locker or counter is told."""
    day = time.strftime("%Y-%m-%d", time.gmtime(at_s))
    return f"{locker} was retired on {day}: it serves nobody any more"


def canonical_id(text: str) -> str:
    """A parcel's id as a locker knows it.  Raises ``Invalid`` for a text that cannot be on a label."""
    reason, id_ = labels.parcel_id(text)
    if reason:
        explained = {
            labels.R_LABEL_LENGTH: "a parcel id has 1 to 40 characters",
            labels.R_LABEL_CHARS: "a parcel id is made of printable ASCII characters",
            labels.R_LABEL_CHECK: "the check digit of the parcel id is wrong; it may have been misread",
        }
        raise Invalid(explained[reason])
    return str(id_)
