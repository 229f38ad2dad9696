"""A share of the long simulation of sync, with everything between locker and database disturbed."""

import pytest
from consigne.protocol.events import EventData
from consigne.server.fleet.fleet import Fleet
from consigne.server.storage.database import Database
from consigne.server.storage.models import events
from consigne.sim.board.flash import NorFlash
from lab.soak import lockers, rows, sync
from locker.core import records
from locker.journal import log

EVENTS = 20_000


@pytest.mark.parametrize("seed", [154])
def test_nothing_is_lost_or_twice_while_broker_host_and_lockers_are_killed(seed: int) -> None:
    counted = sync.play(EVENTS, seed)
    assert counted["sync.events"] >= EVENTS
    assert counted["sync.lost"] == counted["sync.duplicate_rows"] == 0
    assert counted["sync.messages_lost"] > 0.1 * counted["sync.messages"], "the proxies lost too little"
    assert counted["sync.messages_repeated"] > 0.3 * counted["sync.messages"]
    assert counted["sync.firmware_events"] > 10, "the real firmware said nothing"
    assert counted.get("sync.host_times", 0) + counted.get("sync.broker_times", 0) > 0
    assert counted.get("sync.lockers_times", 0) + counted.get("sync.cabinet_times", 0) > 0


def test_the_comparison_notices_an_event_lost_changed_or_made_up(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'host.db'}")
    name = lockers.name_of(0)
    Fleet(database).register(name, lockers.key_of(name))
    journal = log.Journal(NorFlash(1 << 16))
    journal.open()
    for _ in range(2):
        payload = records.pack(records.OPENED, *lockers.values_of(name, journal.next_seq))
        journal.append(records.OPENED, payload, 1_790_000_000)
    journal.acknowledge(2, 1_790_000_000)

    def verdict() -> tuple[int, int]:
        found = rows.Verdict()
        found.add(database, name, journal, computed=True)
        return found.lost, found.changed

    def insert(seq: int, of: int) -> None:
        """The event of number ``of`` under the number ``seq``."""
        described = records.describe(
            records.OPENED, records.pack(records.OPENED, *lockers.values_of(name, of))
        )
        row = {"locker": name, "epoch": journal.epoch, "seq": seq, "time_s": 1_790_000_000}
        with database.write() as connection:
            connection.execute(events.insert().values(**row, kind="opened", data=EventData(described)))

    assert verdict() == (2, 0)
    insert(1, 1)
    insert(2, 3)
    assert verdict() == (0, 1)
    insert(7, 7)
    assert verdict() == (0, 2), "nobody journaled event 7"
    with pytest.raises(AssertionError, match="0 lost, 0 twice, 2 changed"):
        found = rows.Verdict()
        found.add(database, name, journal, computed=True)
        found.check()
    database.close()
