"""What the events say about parcels.

An event of custody sets the state of its parcel, unless a later one did already: events of one
stream are ordered by their number, events of different lockers (or epochs) by
their time.  So the state is the same whatever order the events arrive in.  Runs inside the
transaction that stores the events.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from consigne.protocol.events import Event

from ..access import grants
from ..storage.database import chunks, insert
from ..storage.models import parcels
from ..storage.secret import Secret

STATE_AFTER = {
    "deposited": "in_locker",
    "deposit_undone": "announced",
    "collected": "collected",
    "returned": "returned",
    "forced": "forced",  # the door was opened without an order: nobody knows what is inside
}


@dataclass(slots=True)
class Custody:
    """What events conclude of a parcel: the columns that they change, and when it was announced.

    ``from_`` is the event that the state was concluded from.  ``code``, ``digits`` and ``grant`` change when
    a parcel turns up at another locker than announced.
    """

    id: str
    announced_at: int | None
    locker: str
    state: str
    door: int | None
    deposited_at: int | None
    ended_at: int | None
    from_epoch: int | None
    from_seq: int | None
    from_time_s: int | None
    code: str
    digits: Secret | None
    grant: int | None


_COLUMNS = [parcels.c[one.name] for one in dataclasses.fields(Custody)]
_CONCLUDED = [column.name for column in _COLUMNS if column.name not in ("id", "announced_at")]
_UPDATE = (
    update(parcels)
    .where(parcels.c.id == bindparam("the_id"))
    .values({name: bindparam("new_" + name) for name in _CONCLUDED})
)
_UNANNOUNCED = {"size": 0, "low": False, "code": "none", "deadline_days": 0, "revoked": False}
"""Nobody announced it: a customer's return perhaps, known from its first event on."""


class Said(NamedTuple):
    """One event of custody and where it stands."""

    parcel: str
    locker: str
    epoch: int
    event: Event

    def follows(self, now: Custody) -> bool:
        """Whether it comes after the event that the parcel's state ``now`` was concluded from."""
        if now.from_epoch is None or now.from_seq is None or now.from_time_s is None:
            return True
        if (now.locker, now.from_epoch) == (self.locker, self.epoch):
            return self.event.seq > now.from_seq
        return self.event.time_s >= now.from_time_s


def of_custody(events: Iterable[Event]) -> Iterator[Event]:
    """The events among some that say where a parcel is."""
    return (event for event in events if event.parcel is not None and event.kind in STATE_AFTER)


def custody(locker: str, epoch: int, events: Iterable[Event]) -> list[Said]:
    """The events of custody among some of one stream."""
    return [Said(event.parcel or "", locker, epoch, event) for event in of_custody(events)]


def look_up(connection: Connection, ids: Iterable[str | None]) -> dict[str, str | None]:
    """Those of some parcels that are known, each with the locker that has a grant for it; locks nothing."""
    found: dict[str, str | None] = {}
    for chunk in chunks(sorted({id_ for id_ in ids if id_ is not None})):
        wanted = select(parcels.c.id, parcels.c.locker, parcels.c.grant).where(parcels.c.id.in_(chunk))
        for row in connection.execute(wanted):
            found[row.id] = row.locker if row.grant is not None else None
    return found


def apply(connection: Connection, said: Sequence[Said], there: Collection[str]) -> set[str]:
    """Bring the parcels up to date; returns the ids of those that changed.

    ``there`` are those that are known, from ``look_up``.
    The events are folded in memory and each parcel is written once, so that a batch of any number of parcels
    takes a few statements.
    """
    first_said = {one.parcel: one for one in reversed(said)}
    parcels_now = _locked(connection, first_said, there)
    changed = set()
    spent: list[tuple[str, int]] = []
    for one in said:
        now = parcels_now[one.parcel]
        if not one.follows(now):
            continue
        elsewhere = one.locker != now.locker
        if now.grant is not None and (elsewhere or one.event.kind in ("collected", "returned")):
            spent.append((now.locker, now.grant))
        if elsewhere and now.code == "listed":
            # The other locker does not know those digits, and makes its own.
            now.code, now.digits, now.grant = "derived", None, None
        _conclude(one, now)
        changed.add(one.parcel)
    if changed:
        connection.execute(_UPDATE, [_parameters(parcels_now[id_]) for id_ in sorted(changed)])
    grants.drop_all(connection, spent)  # the set stays small
    return changed


def _locked(
    connection: Connection, first_said: dict[str, Said], there: Collection[str]
) -> dict[str, Custody]:
    """The parcels that events name, locked in the order of their ids; unannounced ones are created before.

    Who waits to create a parcel that somebody else creates has locked none yet, so two ingest workers do not
    wait for one another.
    """
    ids = sorted(first_said)
    strange = [id_ for id_ in ids if id_ not in there]
    make_strange(connection, {id_: first_said[id_].locker for id_ in strange})
    found: dict[str, Custody] = {}
    for chunk in chunks(ids):
        wanted = select(*_COLUMNS).where(parcels.c.id.in_(chunk)).order_by(parcels.c.id).with_for_update()
        found.update((row.id, Custody(*row)) for row in connection.execute(wanted))
    return found


def make_strange(connection: Connection, locker_of: Mapping[str, str]) -> None:
    """Make the rows of parcels that nobody announced and that have none yet, in the order of their ids."""
    new = {"state": "cancelled", **_UNANNOUNCED}
    rows = [{"id": id_, "locker": locker_of[id_], **new} for id_ in sorted(locker_of)]
    if rows:
        connection.execute(insert(connection, parcels).on_conflict_do_nothing(), rows)


def _parameters(now: Custody) -> dict[str, object]:
    """The parameters of ``_UPDATE``."""
    return {"the_id": now.id, **{"new_" + name: getattr(now, name) for name in _CONCLUDED}}


def _conclude(one: Said, now: Custody) -> None:
    """Change a parcel's state by an event."""
    event = one.event
    now.locker, now.state = one.locker, STATE_AFTER[event.kind]
    now.from_epoch, now.from_seq, now.from_time_s = one.epoch, event.seq, event.time_s
    if event.kind == "deposited":
        now.door, now.deposited_at, now.ended_at = event.data.number("door"), event.time_s, None
    elif event.kind == "deposit_undone":
        now.door, now.deposited_at, now.ended_at = None, None, None
        if now.announced_at is None:
            now.state, now.ended_at = "cancelled", event.time_s  # not announced, and not in the locker
    elif event.kind in ("collected", "returned"):
        now.ended_at = event.time_s
