"""What the events say about parcels.

An event of custody sets the state of its parcel, unless a later one did already: events of one
stream are ordered by their number, events of different lockers (or of two lives of one journal) by
their time.  So the state is the same whatever order the events arrive in.  Runs inside the
transaction that stores the events.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from consigne.protocol import Event
from consigne.server import grants
from consigne.server.models import parcels

STATE_AFTER = {
    "deposited": "in_locker",
    "deposit_undone": "announced",
    "collected": "collected",
    "returned": "returned",
    "forced": "forced",  # the door was opened without an order: nobody knows what is inside
}
ENDED = ("collected", "returned", "cancelled")
_CHUNK = 400  # parameters of one IN list


class Said(NamedTuple):
    """One event of custody and where it stands."""

    parcel: str
    locker: str
    epoch: int
    event: Event

    def follows(self, row: Any) -> bool:
        """Whether it comes after the event that the state in ``row`` was concluded from."""
        if row.from_epoch is None:
            return True
        if row.locker == self.locker and row.from_epoch == self.epoch:
            return self.event.seq > int(row.from_seq)
        return self.event.time_s >= int(row.from_time_s)


def custody(locker: str, epoch: int, events: Iterable[Event]) -> list[Said]:
    """The events of custody among some of one stream."""
    out = []
    for event in events:
        parcel = event.data.get("parcel")
        if event.sound and parcel and event.kind in STATE_AFTER:
            out.append(Said(parcel, locker, epoch, event))
    return out


def apply(connection: Connection, said: Sequence[Said]) -> set[str]:
    """Bring the parcels up to date; returns the ids of those that changed."""
    rows: dict[str, Any] = {}
    ids = sorted({one.parcel for one in said})
    for start in range(0, len(ids), _CHUNK):
        # ordered, so that two ingest workers take the row locks in the same order
        wanted = select(parcels).where(parcels.c.id.in_(ids[start : start + _CHUNK])).order_by(parcels.c.id)
        rows.update((row.id, row) for row in connection.execute(wanted.with_for_update()))
    changed = set()
    for one in said:
        row = rows.get(one.parcel)
        if row is None:
            _arrived_unannounced(connection, one)
        elif one.follows(row):
            _conclude(connection, one, row)
        else:
            continue
        changed.add(one.parcel)
        rows[one.parcel] = connection.execute(select(parcels).where(parcels.c.id == one.parcel)).one()
    return changed


def _place(one: Said) -> dict[str, Any]:
    """The columns that every conclusion sets."""
    event = one.event
    values: dict[str, Any] = {
        "locker": one.locker,
        "state": STATE_AFTER[event.kind],
        "from_epoch": one.epoch,
        "from_seq": event.seq,
        "from_time_s": event.time_s,
    }
    if event.kind == "deposited":
        values.update(door=event.data["door"], deposited_at=event.time_s, ended_at=None)
    elif event.kind == "deposit_undone":
        values.update(door=None, deposited_at=None, ended_at=None)
    elif event.kind in ("collected", "returned"):
        values.update(ended_at=event.time_s)
    return values


def _arrived_unannounced(connection: Connection, one: Said) -> None:
    """A parcel nobody announced, such as a customer's return: known from its first event on."""
    values = {"size": 0, "low": False, "code": "none", "deadline_days": 0, "revoked": False, **_place(one)}
    if one.event.kind == "deposit_undone":
        values["state"] = "cancelled"  # nobody expects it, and it is not here
    connection.execute(parcels.insert().values(id=one.parcel, **values))


def _conclude(connection: Connection, one: Said, row: Any) -> None:
    values = _place(one)
    if one.event.kind == "deposit_undone" and row.announced_at is None:
        values["state"] = "cancelled"
    connection.execute(update(parcels).where(parcels.c.id == one.parcel).values(**values))
    if one.event.kind in ("collected", "returned") and row.grant is not None:
        grants.drop(connection, row.locker, int(row.grant))  # spent: the set stays small
