"""A second host on the same database: it leads when the first one is killed, or held for too long."""

from lab.soak import takeover


def test_a_host_that_stands_by_leads_when_the_other_is_killed_and_when_it_is_held(monkeypatch) -> None:
    monkeypatch.setattr(takeover, "HELD_EVERY", 2)
    counted = takeover.play(2, seed=3)
    assert (
        counted["takeover.lost"] == counted["takeover.orders_twice"] == counted["takeover.notices_twice"] == 0
    )
    assert counted["takeover.orders"] > 0 and counted["takeover.notices"] > 0
