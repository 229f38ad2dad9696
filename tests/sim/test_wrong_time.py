"""One wrong time locks nobody out: the whole firmware, under virtual time, as ``make bench`` measures it."""

from pathlib import Path

import pytest
from lab.bench.clocks import CASES, DAY_S, Site, Wrong

LOCKED_OUT_S = 120


@pytest.mark.parametrize("case", CASES)
def test_two_minutes_after_a_wrong_host_is_right_again_orders_grants_and_couriers_work(
    tmp_path: Path, case: str
) -> None:
    with Site(tmp_path) as site:
        assert site.after_wrong_host(Wrong(CASES[case])) <= LOCKED_OUT_S
        assert not site.host.status["ahead"] and abs(site.host.status["t"] - site.now_s()) < 900
        told = [event for event in site.host.events.values() if event.kind == "command"]
        assert len(told) < 20, "answers that change nothing fill no journal"


def test_a_clock_chip_a_year_ahead_is_told_and_set_right_by_the_host(tmp_path: Path) -> None:
    with Site(tmp_path, chip=True) as site:
        assert site.after_wrong_chip(365 * DAY_S) <= LOCKED_OUT_S
        told = [event.text("what") for event in site.host.events.values() if event.kind == "fault"]
        assert len(told) == 1 and told[0].startswith("clock: set right, was +3153")
        chip = site.locker.cabinet.clock_chip
        assert chip is not None and abs(chip.epoch_s - site.now_s()) < 5


def test_an_operators_order_mends_a_floor_that_was_false_for_hours(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        assert site.after_order(365 * DAY_S) <= LOCKED_OUT_S
        site.host.forget_time()
        site.restart()
        site.locker.run_for(60)
        assert abs(site.host.status["t"] - site.now_s()) < 900, "and it is mended for ever"


def test_power_cut_while_the_time_is_provisional_leaves_the_floor_as_it_was(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        site.begin()
        site.tell(365 * DAY_S)
        site.restart()
        site.locker.wait_for(lambda: site.host.status.get("ahead"), 60)
        site.locker.run_for(1800)
        site.host.forget_time()
        for _ in range(2):
            site.restart()
            site.locker.run_for(30)
            assert site.host.status["trust"] == 0 and not site.host.status["ahead"]
            assert site.now_s() - 7200 < site.host.status["t"] <= site.now_s() + 5
