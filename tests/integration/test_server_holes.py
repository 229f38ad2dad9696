"""Disasters that leave holes in the events, through a real broker: nothing is stuck, what is lost is told."""

import pytest
from lab.soak import holes


@pytest.mark.parametrize("seed", [14])
def test_every_disaster_ends_with_each_event_stored_or_told_as_lost(seed: int) -> None:
    counted = holes.play(seed, day=40, flash_bytes=1 << 17)
    assert counted["sync.stuck_streams"] == counted["sync.untold_lost"] == counted["sync.wrongly_told"] == 0
    assert counted["sync.disasters"] == 17
    assert counted["sync.told_lost"] > 1_000, "the disasters lost too little"
    assert counted["sync.alarmed"] == 12, "of the others nothing is lost"
