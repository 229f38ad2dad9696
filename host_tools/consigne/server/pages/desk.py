"""What the operator's view needs to know of one locker, read from the host's own functions."""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from locker.core import events as device_events
from locker.core import labels

from consigne.words import counted

from ..clock import zone_of
from ..errors import CallerError
from ..fleet import clocks
from ..fleet.fleet import Locker
from ..ingest.outcome import Outcome
from ..parcels.view import Parcel
from ..people.accounts import Account
from ..service import HostService
from .compartments import Believed
from .feed import Arrived
from .ticket import Ticket
from .times import time_of_day
from .wording import ordered, wording

RETIRED = "retired"
EVENTS_AT_ONCE = 200
PARCELS_SHOWN = 20


class LockerLine(NamedTuple):
    """What one line tells of a locker; ``numbers`` is for people.

    ``kind`` is "" of a locker that serves, else RETIRED or "counter".
    """

    locker: str
    kind: str
    up: bool
    heard: str  # when it last spoke, while it is not connected
    journal: str
    clock: str  # clocks.state
    faults: tuple[str, ...]
    numbers: str


class Seen(NamedTuple):
    """All that the operator's view shows, as of one moment; ``last`` is the id of the last event read."""

    line: LockerLine
    tickets: list[Ticket]
    courier_digits: str
    believed: list[Believed]
    arrived: list[Arrived]
    last: int


class Desk:
    """One locker, seen from the operator's chair.  Its methods block: a page calls them through ``Work``.

    Parameters
    ----------
    host
        The running host.
    locker
        The locker's id.
    courier
        Number of the courier whose code is always shown; None to show none.
    who
        Gives the account that acts; the demo's own when None.

    Attributes
    ----------
    revision
        Grows whenever something that is shown here may have changed; see ``changed``.
    hears_all
        Whether every commit is reported; those of worker processes are not, so the page has to poll.
    """

    def __init__(
        self,
        host: HostService,
        locker: str,
        courier: int | None = None,
        who: Callable[[], Account] | None = None,
    ) -> None:
        self._who = who
        self._host, self._fleet, self._parcels = host, host.fleet, host.parcels
        self._locker, self._courier = locker, courier
        self.revision = 0
        self._unlisten = host.listen(self._heard)
        self.hears_all = host.workers is None

    def close(self) -> None:
        """The page was closed: stop listening to commits."""
        self._unlisten()

    def _heard(self, outcome: Outcome) -> None:
        mine = self._locker in outcome.lockers or any(one.locker == self._locker for one in outcome.stored)
        if mine or outcome.commands:
            self.changed()

    def changed(self) -> None:
        """Tell every page that shows this desk to look again."""
        self.revision += 1

    def seen(self, after: int) -> Seen:
        """Everything that is shown, with the events that arrived after the one with id ``after``."""
        arrived, last = self.arrived(after)
        return Seen(self.locker_line(), self.tickets(), self.courier_code(), self.believed(), arrived, last)

    def locker_line(self) -> LockerLine:
        """The state the locker last told."""
        known = self._fleet.locker(self._locker)
        status = known.status
        events = known.events
        complete = events.complete_to
        numbers = [counted(complete, "event")]
        if events.lost:
            numbers.append(f"{events.lost:,} lost")
        if status is not None and status.firmware:
            numbers.append(f"firmware {status.firmware}")
        kind = "" if known.kind == "locker" else known.kind
        return LockerLine(
            locker=self._locker,
            kind=RETIRED if known.retired_at is not None else kind,
            up=known.connected,
            heard=self._last_heard(known),
            journal=status.journal if status is not None else "",
            clock=clocks.state(status, known.status_at),
            faults=tuple(status.faults) if status is not None else (),
            numbers=" · ".join(numbers),
        )

    @staticmethod
    def _last_heard(known: Locker) -> str:
        if known.connected or known.heard_at is None:
            return ""
        at = datetime.fromtimestamp(known.heard_at, zone_of(known.id, known.timezone))
        return f"last heard at {at:%Y-%m-%d %H:%M}"

    def believed(self) -> list[Believed]:
        """Every compartment as the host believes it."""
        return [
            Believed(door.name, door.size or 0, door.believed, door.seen, door.parcel or "")
            for door in self._fleet.compartments(self._locker)
        ]

    def arrived(self, after: int) -> tuple[list[Arrived], int]:
        """Events that arrived after the one with id ``after``, and the id of the last of them."""
        rows = self._fleet.events(self._locker, after=after, limit=EVENTS_AT_ONCE)
        last = rows[-1].id if rows else after
        if not rows:
            return [], last
        names, zone = self._door_names(), zone_of(self._locker, self._fleet.locker(self._locker).timezone)
        commands = [str(row.data.get("id", "")) for row in rows if row.kind == "command"]
        orders = self._host.orders.ordered(self._locker, commands)
        said = {id_: ordered(cmd, arguments, names) for id_, (cmd, arguments) in orders.items()}
        arrived = []
        for row in rows:
            words = wording(row.data, names, said.get(str(row.data.get("id", "")), ""))
            arrived.append(Arrived(row.seq, time_of_day(row.time_s, zone), row.kind, words))
        return arrived, last

    def tickets(self) -> list[Ticket]:
        """The newest parcels announced for this locker, newest first."""
        names = self._door_names()
        return [self._ticket(parcel, names) for parcel in self._parcels.list(self._locker)[:PARCELS_SHOWN]]

    def _door_names(self) -> list[str]:
        return [door.name for door in self._fleet.compartments(self._locker)]

    def _ticket(self, parcel: Parcel, names: list[str]) -> Ticket:
        try:
            digits = self._parcels.code(parcel.id)
        except CallerError:  # collected, returned or revoked: it has no code any more
            digits = ""
        door = names[parcel.door] if parcel.door is not None and parcel.door < len(names) else ""
        return Ticket(parcel.id, parcel.state, digits, door)

    def announce(self, parcel: str, size: int, code: str) -> None:
        """Announce a parcel.  Raises ``CallerError``."""
        by = self._who().name if self._who is not None else "demo"
        self._parcels.announce(parcel, self._locker, size=size, code=code, by=by)
        self._host.kick()

    def shown(self, parcel: str) -> None:
        """Note in the trail that somebody looked at a parcel's code."""
        if self._who is not None:
            with suppress(CallerError):  # it no longer has a code, so none was shown
                self._parcels.code(parcel, by=self._who().name)

    def courier_code(self) -> str:
        """The courier's code of today; "" when none is to be shown."""
        if self._courier is None:
            return ""
        window = self._host.passes.window_code(
            self._locker, role=device_events.COURIER, action=device_events.DEPOSIT, holder=self._courier
        )
        return window.code

    @staticmethod
    def suggest() -> str:
        """A parcel number nobody has used: an S10 with its check digit, as on a registered letter."""
        serial = f"{(int(time.time()) + secrets.randbelow(90_000_000)) % 100_000_000:08d}"
        return next(label for check in range(10) if labels.s10_ok(label := f"RR{serial}{check}FR"))
