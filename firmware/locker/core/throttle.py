"""How often a stranger may guess at the keypad: a token bucket that no restart refills.

Kept as milliseconds of earned time: one try costs ``TRY_MS``, the bucket holds ``TRIES_MAX`` of them and
fills with the uptime (``ticks_ms``), never with the clock, so that turning the clock in either direction
gains nothing.  The journal knows each spent try before the comparison; uptime that has been credited since
reaches it as ``THROTTLE_STATE``.  So a replay never restores more tries than there were when the power
failed.

Why 20 minutes a try and not 15: a full bucket and 24 hours of refill are then
20 + 72 = 92 tries instead of 116; against 100 live codes of 8 digits that is 0.92e-4 a day
instead of 1.16e-4, which would miss the goal of 1e-4.
"""

from time import ticks_diff

from micropython import const

from .reasons import R_NO_TRIES, R_NOT_RECORDED, R_OK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Ticks


TRIES_MAX = const(20)
TRY_MS = const(1_200_000)
_LEVEL_MAX_MS = const(TRIES_MAX * TRY_MS)

# A success gives back its own try, and with pardons the wrong ones of its session.  Pardons are few:
# otherwise a person with a standing code could make two free guesses each time it is used.
SESSION_TRIES_MAX = const(3)
PARDONS_MAX = const(4)
PARDON_MS = const(21_600_000)  # four a day
_PARDONS_MAX_MS = const(PARDONS_MAX * PARDON_MS)
_SESSION_S = const(120)  # a session is over when the keypad has rested this long


class Throttle:
    """The bucket.  ``attempt``, ``accepted``, ``refused``, ``state`` fold records; the rest is live."""

    def __init__(self) -> None:
        self._level_ms = _LEVEL_MAX_MS
        self._journaled_ms = _LEVEL_MAX_MS  # the level that a replay of the journal would restore now
        self._pardons_ms = 0  # known only since this start: a restart forgets them
        self._ms: Ticks | None = None  # the tick up to which uptime has been credited
        self._session_tries = 0
        self._last_try_s = 0
        self._open = False  # an attempt is recorded and not yet decided
        self._paid = False  # ... and not yet compared

    # --- the fold -----------------------------------------------------------------------------------

    def attempt(self, time_s: int) -> None:
        """A try is spent.  The level falls below zero if the caller did not check ``may_try`` before."""
        if not 0 <= time_s - self._last_try_s <= _SESSION_S:
            self._session_tries = 0
        self._last_try_s = time_s
        self._session_tries += 1
        self._level_ms -= TRY_MS
        self._journaled_ms -= TRY_MS
        self._open = self._paid = True

    def refused(self) -> None:
        self._open = False

    def accepted(self) -> None:
        """A code was right.  Tokens and remote opens spent no try, so they give none back."""
        if not self._open:
            return
        self._open = False
        wrong = min(self._session_tries, SESSION_TRIES_MAX) - 1
        pardoned = min(wrong, self._pardons_ms // PARDON_MS)
        self._pardons_ms -= pardoned * PARDON_MS
        self._level_ms = min(self._level_ms + (1 + pardoned) * TRY_MS, _LEVEL_MAX_MS)
        self._journaled_ms = min(self._journaled_ms + TRY_MS, _LEVEL_MAX_MS)
        self._session_tries = 0

    def restarted(self) -> None:
        """An attempt that was undecided when the power failed stays undecided."""
        self._open = self._paid = False

    def state(self, milli_tries: int) -> None:
        """Set the level to the journal's value, in thousandths of a try."""
        self._level_ms = min(milli_tries * (TRY_MS // 1000), _LEVEL_MAX_MS)
        self._journaled_ms = self._level_ms

    # --- live ---------------------------------------------------------------------------------------

    def credit(self, ms: "Ticks") -> None:
        """Credit the uptime since the last call.  One beyond half the range of ticks counts as 0."""
        if self._ms is not None:
            passed_ms = max(ticks_diff(ms, self._ms), 0)
            self._level_ms = min(self._level_ms + passed_ms, _LEVEL_MAX_MS)
            self._pardons_ms = min(self._pardons_ms + passed_ms, _PARDONS_MAX_MS)
        self._ms = ms

    def may_try(self, ms: "Ticks") -> tuple[int, int]:
        """``(tries_left, wait_s)``: whole tries, and the seconds until there is one (0: now)."""
        self.credit(ms)
        if self._level_ms >= TRY_MS:
            return self._level_ms // TRY_MS, 0
        return 0, (TRY_MS - self._level_ms + 999) // 1000

    def due(self, ms: "Ticks") -> int | None:
        """The level to journal, in thousandths, once it is a whole try above the journal's; else ``None``."""
        self.credit(ms)
        gained_ms = self._level_ms - self._journaled_ms
        if gained_ms >= TRY_MS or (gained_ms and self._level_ms == _LEVEL_MAX_MS):
            return self.milli_tries()
        return None

    def milli_tries(self) -> int:
        return max(self._level_ms, 0) // (TRY_MS // 1000)

    def take(self) -> int:
        """Use the recorded attempt for one comparison: ``R_OK`` once for each, while tries last."""
        if not self._paid:
            return R_NOT_RECORDED
        self._paid = False
        return R_OK if self._level_ms >= 0 else R_NO_TRIES
