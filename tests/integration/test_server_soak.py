"""A share of the long simulation of sync, with everything between locker and database disturbed."""

import pytest
from consigne.soak import sync
from sqlalchemy import text


@pytest.mark.parametrize("seed", [7])
def test_nothing_is_lost_or_twice_while_broker_host_and_lockers_are_killed(seed):
    counted = sync.run(10, seed)
    assert counted["sync.lost"] == 0 and counted["sync.duplicate_rows"] == 0
    assert counted["sync.repair_s_max"] < sync.REPAIR_S_MAX
    assert counted["sync.events"] > 1_000 and counted["sync.host_times"] + counted["sync.broker_times"] > 0


def test_the_comparison_notices_a_lost_and_a_changed_event(tmp_path):
    trouble = sync._Trouble(tmp_path / "host.db", 1)
    database = sync.Database(trouble.url)
    trouble.repairs_s.append(0.0)
    trouble.lockers[0].record(5, kind="closed", door=1, purpose=1)
    with pytest.raises(AssertionError, match="1 lost"):
        trouble._compare(database)
    with database.write() as connection:
        row = '(\'S00\', 1, 1, 5, \'closed\', \'{"kind":"closed","door":2,"purpose":1}\')'
        statement = f"INSERT INTO events (locker, epoch, seq, time_s, kind, data) VALUES {row}"
        connection.execute(text(statement.replace(":", "\\:")))
    with pytest.raises(AssertionError, match="1 other than recorded"):
        trouble._compare(database)
    database.close()
