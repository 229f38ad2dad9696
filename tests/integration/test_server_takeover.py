"""A second host leads when the first is killed or held for too long; a standby of the database takes over."""

from lab.soak import failover, takeover


def test_a_host_that_stands_by_leads_when_the_other_is_killed_and_when_it_is_held(monkeypatch) -> None:
    monkeypatch.setattr(takeover, "HELD_EVERY", 2)
    counted = takeover.play(2, seed=3)
    assert (
        counted["takeover.lost"] == counted["takeover.orders_twice"] == counted["takeover.notices_twice"] == 0
    )
    assert counted["takeover.orders"] > 0 and counted["takeover.notices"] > 0


def test_a_database_that_fails_over_to_its_standby_has_each_acknowledged_event_once() -> None:
    counted = failover.play(seed=3)
    assert counted["failover.lost"] == counted["failover.twice"] == 0
    assert counted["failover.events"] > 800
