"""What the events say about parcels.

An event of custody sets the state of its parcel, unless a later one did already: events of one
stream are ordered by their number, events of different lockers (or of two lives of one journal) by
their time.  So the state is the same whatever order the events arrive in.  Runs inside the
transaction that stores the events.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from consigne.protocol.events import Event

from ..access import grants
from ..storage.database import chunks, insert
from ..storage.models import parcels

STATE_AFTER = {
    "deposited": "in_locker",
    "deposit_undone": "announced",
    "collected": "collected",
    "returned": "returned",
    "forced": "forced",  # the door was opened without an order: nobody knows what is inside
}

_PLACE = ("locker", "state", "door", "deposited_at", "ended_at", "from_epoch", "from_seq", "from_time_s")
_CONCLUDED = (*_PLACE, "code", "digits", "grant")  # the last end where it is not where it was announced
_UPDATE = (
    update(parcels)
    .where(parcels.c.id == bindparam("the_id"))
    .values({name: bindparam("new_" + name) for name in _CONCLUDED})
)
_UNANNOUNCED = {"size": 0, "low": False, "code": "none", "deadline_days": 0, "revoked": False}
"""Nobody announced it: a customer's return perhaps, known from its first event on."""

_NOT_LISTED = {"code": "derived", "digits": None, "grant": None}


class Said(NamedTuple):
    """One event of custody and where it stands."""

    parcel: str
    locker: str
    epoch: int
    event: Event

    def follows(self, now: dict[str, Any]) -> bool:
        """Whether it comes after the event that the parcel's state ``now`` was concluded from."""
        if now["from_epoch"] is None:
            return True
        if (now["locker"], now["from_epoch"]) == (self.locker, self.epoch):
            return self.event.seq > int(now["from_seq"])
        return self.event.time_s >= int(now["from_time_s"])


def custody(locker: str, epoch: int, events: Iterable[Event]) -> list[Said]:
    """The events of custody among some of one stream."""
    out = []
    for event in events:
        parcel = event.data.get("parcel")
        if event.sound and parcel and event.kind in STATE_AFTER:
            out.append(Said(parcel, locker, epoch, event))
    return out


def apply(connection: Connection, said: Sequence[Said]) -> set[str]:
    """Bring the parcels up to date; returns the ids of those that changed.

    The events are folded in memory and each parcel is written once, so that a batch of any number of parcels
    takes a few statements.
    """
    first_said = {one.parcel: one for one in reversed(said)}
    parcels_now = _locked(connection, first_said)
    changed = set()
    spent: list[tuple[str, int]] = []
    for one in said:
        now = parcels_now[one.parcel]
        if not one.follows(now):
            continue
        elsewhere = one.locker != now["locker"]
        if now["grant"] is not None and (elsewhere or one.event.kind in ("collected", "returned")):
            spent.append((now["locker"], now["grant"]))
        if elsewhere and now["code"] == "listed":
            now.update(_NOT_LISTED)  # the other locker does not know those digits, and makes its own
        now.update(_conclusion(one, announced=now["announced_at"] is not None))
        changed.add(one.parcel)
    if changed:
        connection.execute(_UPDATE, [_parameters(parcels_now[id_]) for id_ in sorted(changed)])
    grants.drop_all(connection, spent)  # the set stays small
    return changed


def _locked(connection: Connection, first_said: dict[str, Said]) -> dict[str, dict[str, Any]]:
    """The parcels spoken of, made where nobody announced them, locked in the order of their ids.

    Two ingest workers wait for one another in that order, also where both make the same parcel.
    """
    ids = sorted(first_said)
    found = _select(connection, ids)
    strange = [id_ for id_ in ids if id_ not in found]
    if strange:
        new = {"state": "cancelled", **_UNANNOUNCED}
        rows = [{"id": id_, "locker": first_said[id_].locker, **new} for id_ in strange]
        connection.execute(insert(connection, parcels).on_conflict_do_nothing(), rows)
        found.update(_select(connection, strange))
    return found


def _select(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for chunk in chunks(ids):
        columns = [parcels.c[name] for name in ("id", "announced_at", *_CONCLUDED)]
        wanted = select(*columns).where(parcels.c.id.in_(chunk)).order_by(parcels.c.id).with_for_update()
        found.update((row.id, dict(row._mapping)) for row in connection.execute(wanted))
    return found


def _parameters(now: dict[str, Any]) -> dict[str, Any]:
    """Of ``_UPDATE``."""
    return {"the_id": now["id"], **{"new_" + name: now[name] for name in _CONCLUDED}}


def _conclusion(one: Said, *, announced: bool) -> dict[str, Any]:
    """What an event changes of its parcel."""
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
        if not announced:
            values["state"] = "cancelled"  # nobody expects it, and it is not here
    elif event.kind in ("collected", "returned"):
        values.update(ended_at=event.time_s)
    return values
