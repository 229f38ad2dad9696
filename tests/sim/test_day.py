"""A day at the locker: nobody finds another's parcel, no event is lost, no full compartment is given out."""

import pytest
from lab.soak import locker


@pytest.mark.parametrize("seed", (1, 2))
def test_a_day_with_jams_power_cuts_and_a_bad_network_ends_with_everything_true(seed: int) -> None:
    counts = locker.day(seed, visits=12)
    assert counts["deposits"] and counts["cuts"], f"seed {seed} tried nothing: {counts}"
