"""Which events of a stream the host has, and what it may therefore acknowledge.

Pure: no database, no clock.  A *stream* is one epoch of one locker's journal, ``(locker, epoch)``;
its events are numbered from 1.  ``Held`` is the set of numbers the host holds, kept as the highest
number of the unbroken run from 1 (what the acknowledgement says) and the islands beyond it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from consigne.protocol.events import Event
from consigne.protocol.untrusted import U32_MAX

Stream = tuple[str, int]  # locker, epoch; that of a copy is higher by ``COPY`` times its number
COPY = U32_MAX + 1
"""Several copies of one journal share its epoch, see ``ingest.copies``."""

ISLANDS_MAX = 64
"""Islands one stream may have.  An event that would make one more is refused: without an acknowledgement the
locker keeps it, and sends it again when the first gap is asked for."""


def said_epoch(epoch: int) -> int:
    """The epoch of a stream as its locker says it, who knows nothing of copies."""
    return epoch & U32_MAX


Copies = dict[Stream, list[Stream]]


def copies_of(streams: Iterable[Stream]) -> Copies:
    """The streams among some by what their lockers call them, the newest copy first."""
    found: Copies = {}
    for locker, epoch in sorted(streams, reverse=True):
        found.setdefault((locker, said_epoch(epoch)), []).append((locker, epoch))
    return found


class Held:
    """The numbers held of one stream.

    Parameters
    ----------
    contiguous
        Every number from 1 up to this one is held; 0 when the first is missing.
    islands
        Closed ranges beyond ``contiguous + 1``, ascending, never touching one another.
    """

    __slots__ = ("contiguous", "islands")

    def __init__(self, contiguous: int = 0, islands: Iterable[tuple[int, int]] = ()) -> None:
        self.contiguous = contiguous
        self.islands: list[tuple[int, int]] = [(first, last) for first, last in islands]

    def __contains__(self, seq: int) -> bool:
        if seq <= self.contiguous:
            return seq >= 1
        return any(first <= seq <= last for first, last in self.islands)

    @property
    def highest(self) -> int:
        """The highest number held, 0 when none is."""
        return self.islands[-1][1] if self.islands else self.contiguous

    @property
    def first_missing(self) -> int | None:
        """The first number of the first gap; None when nothing known is missing."""
        return self.contiguous + 1 if self.islands else None

    def missing(self) -> list[tuple[int, int]]:
        """Every gap below the highest number held, as closed ranges."""
        gaps = []
        before = self.contiguous
        for first, last in self.islands:
            gaps.append((before + 1, first - 1))
            before = last
        return gaps

    def absent(self, first: int, last: int) -> list[tuple[int, int]]:
        """The numbers of a closed range that are not held, as closed ranges in ascending order."""
        found = []
        first = max(first, self.contiguous + 1)
        for low, high in self.islands:
            if low > last:
                break
            if first < low:
                found.append((first, low - 1))
            first = max(first, high + 1)
        if first <= last:
            found.append((first, last))
        return found

    def add(self, seq: int) -> bool:
        """Hold one more number; True when it was not held and now is.

        False for a repetition, and for a number that would make one island too many
        (then ``seq in held`` stays false).
        """
        if seq == self.contiguous + 1 and not self.islands:  # the common case: the next one
            self.contiguous = seq
            return True
        if seq in self:
            return False
        return self.add_range(seq, seq) == 1

    def add_range(self, first: int, last: int) -> int:
        """Hold a closed range; the count of numbers that were not held before.

        Raises
        ------
        ValueError
            The range is empty or does not lie within 1 .. ``U32_MAX``.
        """
        if not 1 <= first <= last <= U32_MAX:
            raise ValueError(f"no range of event numbers: {first}..{last}")
        first = max(first, self.contiguous + 1)
        if first > last:
            return 0
        fresh = last - first + 1
        apart: list[tuple[int, int]] = []
        for low, high in self.islands:
            if high + 1 < first or low > last + 1:
                apart.append((low, high))
                continue
            overlap = min(high, last) - max(low, first) + 1
            fresh -= max(overlap, 0)
            first, last = min(low, first), max(high, last)
        if first == self.contiguous + 1:
            self.contiguous = last
        elif len(apart) >= ISLANDS_MAX:
            return 0
        else:
            apart.append((first, last))
            apart.sort()
        self.islands = apart
        return fresh


class Gaps:
    """When to ask a stream again for what is missing.

    The first request goes out at once, since MQTT keeps the order within a connection and a gap
    therefore means a loss.  The same gap is asked for again after 1, 2, 4, .. ``PAUSE_S_MAX``
    seconds.  A gap that moves is one whose locker is sending: it is asked for when it has not moved for
    ``MOVING_S``.  Times are seconds of any clock that does not go back.
    """

    MOVING_S = 3.0

    PAUSE_S_FIRST = 1.0
    PAUSE_S_MAX = 60.0

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], list[float]] = {}  # stream -> [from, next ask, pause]

    def __len__(self) -> int:
        return len(self._open)

    def note(
        self, stream: tuple[str, int], first_missing: int | None, now_s: float, grace_s: float = 0.0
    ) -> None:
        """What is missing of a stream now; None closes it."""
        if first_missing is None:
            self._open.pop(stream, None)
            return
        known = self._open.get(stream)
        if known is None:
            self._open[stream] = [first_missing, now_s + grace_s, self.PAUSE_S_FIRST]
        elif known[0] != first_missing:
            self._open[stream] = [first_missing, now_s + max(grace_s, self.MOVING_S), self.PAUSE_S_FIRST]

    def open(self) -> dict[tuple[str, int], int]:
        """The first number missing of every stream that is known to miss any."""
        return {stream: int(entry[0]) for stream, entry in self._open.items()}

    def due(self, now_s: float) -> list[tuple[tuple[str, int], int]]:
        """The streams to ask now, each with the first number missing; the next ask is put off."""
        out = []
        for stream, entry in self._open.items():
            if entry[1] <= now_s:
                out.append((stream, int(entry[0])))
                entry[1] = now_s + entry[2]
                entry[2] = min(entry[2] * 2, self.PAUSE_S_MAX)
        return out


class Stored(NamedTuple):
    """An event that a commit brought."""

    locker: str
    epoch: int
    event: Event
