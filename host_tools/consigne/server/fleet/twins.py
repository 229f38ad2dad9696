"""Two boards under one identity, and a locker that flaps: noticed from the statuses that lockers send.

Each connection begins with a status, and the broker ends one when another begins under the same name.  So of
two boards the statuses alternate: between two epochs, or, with copies of one flash, between two places in the
same journal.  A locker that comes and goes without alternating flaps.

Only the leader hears statuses, and only it has the memory of the last hour, which has a bound for each
locker.  What it has found is a row in ``alarms``, which the next leader goes on with.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from consigne.protocol.events import FLAPPING, TWO_BOARDS, EventData
from consigne.protocol.messages import Status
from consigne.words import counted

from ..people.audit import HOST
from ..storage.models import alarms as table
from . import alarms
from .clocks import lasting
from .thresholds import Thresholds

LOOK_S = 10.0
_HOUR_S = 3_600.0
_SLOT_S = 300.0
_BOARDS_MAX = 4


@dataclass(slots=True)
class _Board:
    """One line of statuses: an epoch whose numbers rise."""

    epoch: int
    status: Status
    at_s: float


@dataclass(slots=True)
class _Seen:
    """What one locker's statuses showed within the last hour."""

    returns: deque[float]
    boards: list[_Board] = field(default_factory=list)  # the one that spoke last stands first
    is_up: bool = True
    connections: dict[int, int] = field(default_factory=dict)  # by slots of five minutes

    def count(self, now_s: float, last_s: float = _HOUR_S) -> int:
        """Connections within that time."""
        since = int((now_s - last_s) // _SLOT_S) + 1
        return sum(count for slot, count in self.connections.items() if slot >= since)

    def returned(self, now_s: float, times: int) -> bool:
        return len(self.returns) >= times and now_s - self.returns[-times] <= _HOUR_S


class Twins:
    """Hears statuses in the event loop, and raises and clears alarms in the ingest's thread, one at a time.

    Times are seconds of the machine's uptime.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._seen: dict[str, _Seen] = {}
        self._open: dict[tuple[str, str], float] = {}  # locker and kind: when there was last reason for it
        self._looked_s = -LOOK_S

    def hear(self, locker: str, status: Status, now_s: float) -> None:
        """A status has come just now, or a last will."""
        seen = self._seen.get(locker)
        if seen is None:
            seen = self._seen[locker] = _Seen(deque(maxlen=self._thresholds.returns))
        if not status.up:
            seen.is_up = False
            return
        board = _board_of(seen, status)
        is_other = bool(seen.boards) and board is not seen.boards[0]
        if is_other and board is not None:
            seen.returns.append(now_s)
        if is_other or not seen.is_up:
            slot = int(now_s // _SLOT_S)
            seen.connections[slot] = seen.connections.get(slot, 0) + 1
        seen.is_up = True
        if board is None:
            board = _Board(status.epoch, status, now_s)
        else:
            seen.boards.remove(board)
        board.status, board.at_s = status, now_s
        seen.boards = [board, *seen.boards][:_BOARDS_MAX]

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to look."""
        return now_s - self._looked_s >= LOOK_S

    def look(self, connection: Connection, at_s: int, now_s: float) -> set[str]:
        """Raise and clear alarms; returns the lockers of which any changed.  ``at_s`` is the host's time."""
        self._looked_s = now_s
        self._forget(now_s)
        rows = self._in_database(connection, now_s)
        changed = set()
        for locker, seen in self._seen.items():
            twins = seen.returned(now_s, self._thresholds.returns)
            count = seen.count(now_s)
            flaps = count >= self._thresholds.connections and not twins
            if twins and (locker, TWO_BOARDS) not in rows:
                alarms.note_boards(connection, locker, _boards_data(seen, count, now_s), at_s)
                self._open[locker, TWO_BOARDS] = seen.returns[-1]
                changed.add(locker)
            elif flaps and not {(locker, FLAPPING), (locker, TWO_BOARDS)} & rows.keys():
                data = EventData(kind=FLAPPING, count=count)
                alarms.note_boards(connection, locker, data, at_s)
                self._open[locker, FLAPPING] = now_s
                changed.add(locker)
        for (locker, kind), (id_, data) in rows.items():
            if self._keep(connection, locker, kind, id_, data, at_s, now_s):
                changed.add(locker)
        return changed

    def _keep(
        self,
        connection: Connection,
        locker: str,
        kind: str,
        id_: int,
        data: EventData,
        at_s: int,
        now_s: float,
    ) -> bool:
        """Clear an alarm that has no reason any more, or tell a much larger number; true when it changed."""
        seen = self._seen.get(locker)
        if seen is not None:
            if kind == TWO_BOARDS and seen.returns:
                self._open[locker, kind] = max(self._open[locker, kind], seen.returns[-1])
            if kind == FLAPPING and seen.count(now_s, self._thresholds.calm_s) > 1:
                self._open[locker, kind] = now_s
        here = table.c.id == id_
        if now_s - self._open[locker, kind] > self._thresholds.calm_s:
            connection.execute(update(table).where(here).values(cleared_at=at_s, cleared_by=HOST))
            del self._open[locker, kind]
            return True
        count, told = seen.count(now_s) if seen is not None else 0, data.get("count")
        if not isinstance(told, int) or count < 2 * max(told, 1):
            return False
        connection.execute(update(table).where(here).values(data=EventData(data, count=count)))
        return True

    def _in_database(
        self, connection: Connection, now_s: float
    ) -> Mapping[tuple[str, str], tuple[int, EventData]]:
        """The alarms that are open.  Whom somebody has dealt with must show it anew."""
        open_ = table.c.cleared_at.is_(None) & table.c.kind.in_((TWO_BOARDS, FLAPPING))
        wanted = select(table.c.id, table.c.locker, table.c.kind, table.c.data).where(open_)
        rows = {(row.locker, row.kind): (row.id, row.data) for row in connection.execute(wanted)}
        for key in self._open.keys() - rows.keys():
            del self._open[key]
            self._seen.pop(key[0], None)
        for key in rows:  # of a former leader: it has been calm for no longer than we lead
            self._open.setdefault(key, now_s)
        return rows

    def _forget(self, now_s: float) -> None:
        """Keep an hour."""
        oldest = int((now_s - _HOUR_S) // _SLOT_S)
        for seen in self._seen.values():
            for slot in [slot for slot in seen.connections if slot < oldest]:
                del seen.connections[slot]
            seen.boards = [one for one in seen.boards[:1] + seen.boards[1:] if now_s - one.at_s <= _HOUR_S]


def _board_of(seen: _Seen, status: Status) -> _Board | None:
    """The board that goes on with this status, None when it is a new one; numbers of a journal only rise."""
    lines = [
        one for one in seen.boards if one.epoch == status.epoch and (one.status.seq or 0) <= (status.seq or 0)
    ]
    return max(lines, key=lambda one: one.status.seq or 0, default=None)


def _boards_data(seen: _Seen, count: int, now_s: float) -> EventData:
    one, other = (_told(board, now_s) for board in seen.boards[:2])
    return EventData(kind=TWO_BOARDS, count=count, one=one, other=other)


def _told(board: _Board, now_s: float) -> str:
    """What is known to tell a board apart by."""
    status = board.status
    words = [f"journal {board.epoch:08x}", counted(max((status.seq or 1) - 1, 0), "event")]
    if status.firmware:
        words.append(f"firmware {status.firmware}")
    if status.health is not None and status.health.samples:
        _, up_s, _, rssi_dbm, *_ = status.health.samples[-1]
        words.append(f"started {lasting(up_s)} before its last sample")
        words += [f"signal {rssi_dbm} dBm"] if rssi_dbm else []
    return ", ".join(words)
