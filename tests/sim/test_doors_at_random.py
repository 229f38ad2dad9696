"""A share of the doors' soak in every run: nobody is given a compartment in which a parcel lies."""

import random

import pytest
from lab.soak import doors
from locker.core import cabinet

CYCLES = 20_000


def test_no_compartment_is_free_that_holds_a_parcel_with_faults_at_random() -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}: replay with doors.cycles({seed}, {CYCLES})")
    counts = doors.cycles(seed, CYCLES)
    assert min(counts.values()) > 0, f"a fault was never drawn: {counts}"
    assert counts["collections"] > CYCLES // 4


@pytest.mark.parametrize("rule", ["_TAKE_MS", "_DOUBT_MS"])
def test_the_simulation_finds_the_cabinet_that_believes_every_opening(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its doubts the cabinet frees a compartment that a fluttering contact called emptied."""
    monkeypatch.setattr(cabinet, rule, -1)
    with pytest.raises(AssertionError, match="is free and holds"):
        doors.cycles(11, CYCLES)
