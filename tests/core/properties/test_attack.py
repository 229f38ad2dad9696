"""The attacker of ``lab/attack.py`` against the real core, journal and flash, a little every time."""

from __future__ import annotations

import pytest
from lab import attack
from lab.soak.access import GUESSES_DAY_MAX


@pytest.mark.parametrize("strategy", attack.STRATEGIES)
def test_a_day_of_guessing_stays_within_the_odds_and_turns_no_honest_person_away(strategy: str) -> None:
    guesses, refused = attack.day(strategy, seed=7)
    assert guesses <= GUESSES_DAY_MAX
    assert attack.expectation(GUESSES_DAY_MAX) * 10_000 <= 1
    assert guesses >= 20  # else the attack did not take place
    assert refused == 0


def test_no_power_cut_at_any_moment_of_a_guess_gives_a_try_back() -> None:
    free, cuts = attack.cuts(60, seed=7)
    assert cuts >= 60
    assert free == 0
