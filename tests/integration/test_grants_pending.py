"""What waited for a locker arrives at its first connection, on the real interpreter in a scarce heap."""

import asyncio

import pytest
from lab.rig.pending import LISTED, MIXED, deliver

SCARCE_KB = 256
LIMIT_S = 180.0


@pytest.mark.waits
@pytest.mark.parametrize(("count", "kind"), [(20, LISTED), (70, MIXED)])
def test_parcels_announced_while_a_locker_was_away_reach_it_and_it_serves_on(tmp_path, count, kind):
    done = asyncio.run(deliver(tmp_path, count, kind, SCARCE_KB, LIMIT_S))
    assert done.arrived, done
    assert (done.starts, done.aside) == (1, []), "none broke it, and it took all of them"
    assert done.largest_bytes < 2_500
