"""The time and how far it is trusted, from ticks, the journal's floor, and set points.

``LocalTime`` is the time on a wall clock: an offset that the host tells together with its next
change, so that a locker without a network changes to summer time as well.

``Clock`` is pure: the shell hands it ``ticks_ms`` and what host, NTP or a clock chip say.  Times are Unix
seconds in UTC on every ground; the year-2000 epoch of an ESP32 is converted at the edge (``drivers``).  What
is believed never goes back by itself, within a run nor across restarts: it begins at the newest time in the
journal, and stops while it is ahead of a set point.

One wrong answer must not close a locker.  A jump ahead of more than a day, which the time since the newest
record does not explain, is *provisional*: it is served by, but the floor stays below it until the same source
says the same an hour later, or another source (clock chip, host) says so too.  Until then the next answer may
take it back.
"""

from time import ticks_diff

from micropython import const

from .events import TRUST_FLOOR, TRUST_SET
from .reasons import R_OK, R_TIME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Now, Ticks


EARLIEST_S = const(1704067200)  # 2024-01-01: older than any locker; 1970 and 2000 are clocks not set
LATEST_S = const(4294967295)  # 2106-02-07: what four bytes in a record hold
MINUTE_S = const(60)
HOUR_S = const(3600)
DAY_S = const(86_400)
AHEAD_MAX_S = const(600)  # a set point up to this far behind the floor is drift; beyond, a source is wrong


class Clock:
    """Seconds since 1970 from ticks, a floor and set points.

    ``floor_s`` is the newest time believed, ``ms`` the tick at start.  ``now`` must be
    called at least once in six days, half the range of ``ticks_ms``.  ``ahead_s`` is how far the time
    shown is ahead of the time believed; 0 unless the time is provisional.
    """

    def __init__(self, floor_s: int, ms: "Ticks") -> None:
        self._ms = ms
        self._carry_ms = 0  # of a second, not yet counted
        self._true_s = floor_s  # best estimate; may lie behind a time already shown
        self._shown_s = floor_s
        self._trust = TRUST_FLOOR
        self.ahead_s = 0
        self._by_chip = False  # who said the provisional time
        self._waited_s = 0  # since it was said

    def now(self, ms: "Ticks") -> "Now":
        """``(ms, epoch_s, trust)``; ``epoch_s`` ends at ``LATEST_S``, and decreases only when a provisional
        time is taken back or an operator sets it.
        """
        self._carry_ms += max(ticks_diff(ms, self._ms), 0)
        self._ms = ms
        if self._carry_ms >= 1000:
            self._true_s += self._carry_ms // 1000
            self._waited_s += self._carry_ms // 1000
            self._carry_ms %= 1000
        if self._true_s > self._shown_s:
            self._shown_s = min(self._true_s, LATEST_S)
        return ms, self._shown_s, self._trust

    def set(self, ms: "Ticks", epoch_s: int, by_chip: bool = False) -> int:
        """Take a time from host or clock chip; returns ``R_OK`` or ``R_TIME``.

        Refused are impossible times, and times more than ``AHEAD_MAX_S`` behind what is believed: then
        this source or an earlier one is wrong, and a clock that is turned back must not make an expired code
        valid again.  A chip that jumps is refused once the time is set.
        """
        _, shown_s, trust = self.now(ms)
        believed_s = shown_s - self.ahead_s
        if epoch_s < believed_s - AHEAD_MAX_S:
            return R_TIME
        near = abs(epoch_s - shown_s) <= AHEAD_MAX_S
        ahead_s = 0
        if epoch_s > believed_s + DAY_S:
            if not (near and self.ahead_s):
                if by_chip and trust == TRUST_SET:
                    return R_TIME
                self._by_chip = by_chip
                self._waited_s = 0
                ahead_s = epoch_s - believed_s
            elif by_chip == self._by_chip and (by_chip or self._waited_s < HOUR_S):
                ahead_s = self.ahead_s  # said again, but too soon, or by the chip that runs on from it
        if near:
            return self._take(epoch_s, shown_s, ahead_s)
        return self._take(epoch_s, max(epoch_s, believed_s), ahead_s)

    def order(self, ms: "Ticks", epoch_s: int) -> int:
        """Take the time that an operator orders, earlier than what is believed or not."""
        self.now(ms)
        return self._take(epoch_s, epoch_s, 0)

    def _take(self, epoch_s: int, shown_s: int, ahead_s: int) -> int:
        if not EARLIEST_S <= epoch_s < LATEST_S:
            return R_TIME
        self._true_s = epoch_s
        self._shown_s = shown_s
        self.ahead_s = ahead_s
        self._carry_ms = 0
        self._trust = TRUST_SET
        return R_OK


class LocalTime:
    """UTC plus an offset; ``told`` is ``(offset_s, next_s, next_offset_s)`` as journaled, empty until then.

    The second offset holds from ``next_s`` on (Unix seconds); 0 means that none is known to follow.
    """

    def __init__(self) -> None:
        self.told: tuple[int, int, int] | tuple[()] = ()

    def offset_s(self, epoch_s: int) -> int:
        """Seconds that local time is ahead of UTC at this moment; 0 until the host has told."""
        if not self.told:
            return 0
        offset_s, next_s, next_offset_s = self.told
        return next_offset_s if 0 < next_s <= epoch_s else offset_s

    def clock(self, epoch_s: int) -> str:
        """``"14:05"``, as a wall clock shows it; "" until the host has told the offset."""
        if not self.told:
            return ""
        minutes = (epoch_s + self.offset_s(epoch_s)) // MINUTE_S
        return "{:02d}:{:02d}".format(minutes // 60 % 24, minutes % 60)
