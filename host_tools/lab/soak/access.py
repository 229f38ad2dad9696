"""Attackers at the keypad, day after day, each with another seed: see ``lab/attack.py``."""

from __future__ import annotations

import random
import time

from lab import attack

GUESSES_DAY_MAX = 100
"""1e-4 a day against 100 live codes of eight digits; the insider's pardons are included."""


def run(seconds: float, seed: int) -> dict[str, float]:
    """Simulate days and power cuts until the time is over; ``AssertionError`` at the first gain.

    Raises with the strategy and the seed of the day, which ``attack.day`` or ``attack.cuts`` replays.
    """
    rng = random.Random(seed)
    until = time.monotonic() + seconds
    days = cuts = most = 0
    while time.monotonic() < until:
        strategy, luck = rng.choice(attack.STRATEGIES), rng.randrange(1 << 32)
        guesses, refused = attack.day(strategy, luck)
        assert guesses <= GUESSES_DAY_MAX, f"{guesses} guesses in a day: attack.day({strategy!r}, {luck})"
        assert not refused, f"{refused} honest people refused: attack.day({strategy!r}, {luck})"
        free, made = attack.cuts(50, luck)
        assert not free, f"{free} free guesses: attack.cuts(50, {luck})"
        days, cuts, most = days + 1, cuts + made, max(most, guesses)
    return {"days": days, "power_cuts": cuts, "most_guesses_in_a_day": most}
