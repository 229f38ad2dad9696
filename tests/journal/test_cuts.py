"""Power cut at every operation of the flows that matter: the real core on the real journal.

What must hold is written in ``lab.soak.powercut.invariants``.  Here: every single cut of the
short flows in every variant, and shares, drawn with a fixed seed, of the cuts while a sector is
reclaimed and of the pairs; ``lab.soak.journal`` runs them all.  A case that fails names itself:
``lab.soak.powercut.cuts.run_case("pick-up/set/open/3.2.17")`` lives through it again.
"""

import random

import pytest
from lab.soak.powercut import cuts
from lab.soak.powercut.flows import FLOWS

SEED = 20261121
RECLAIM_CUTS = 4_000
PAIRS = {"attempt": 3_000, "pick-up": 3_600}
SHARES = 4  # of each kind of pairs, so that they can run beside each other


def _some_pairs(flow, count, rng):
    """``count`` pairs of cuts of a story: the first at random, a handful of seconds for each."""
    each = 10
    chosen = []
    for case in rng.choices(cuts.singles(flow), k=count // each):
        chosen += rng.choices(cuts.seconds(case), k=each)
    return chosen


def _live_through(cases):
    for case in cases:
        try:
            cuts.run_case(case)
        except AssertionError as violation:
            raise AssertionError(f"{case}: {violation}") from violation


@pytest.mark.parametrize("flow", [name for name in FLOWS if name != "reclaim"])
def test_no_promise_is_broken_when_power_goes_once(flow):
    cases = cuts.singles(flow)
    assert len(cases) > 100
    _live_through(cases)


@pytest.mark.parametrize("share", range(SHARES))
def test_no_promise_is_broken_when_power_goes_while_a_sector_is_reclaimed(share):
    cases = random.Random(SEED).sample(cuts.singles("reclaim"), RECLAIM_CUTS)
    cases.sort(key=lambda case: case.rpartition("/")[2])  # variants of one cut follow each other
    each = RECLAIM_CUTS // SHARES
    _live_through(cases[share * each : (share + 1) * each])


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("flow", list(PAIRS))
def test_no_promise_is_broken_when_power_goes_twice(flow, share):
    each = PAIRS[flow] // SHARES
    pairs = _some_pairs(flow, PAIRS[flow], random.Random(SEED))
    _live_through(pairs[share * each : (share + 1) * each])


def test_at_least_twenty_thousand_cuts_are_made_here():
    singles = sum(len(cuts.singles(flow)) for flow in FLOWS if flow != "reclaim")
    assert singles + RECLAIM_CUTS + 2 * sum(PAIRS.values()) >= 20_000


def test_every_kind_of_cut_is_among_them():
    cases = [case for flow in FLOWS for case in cuts.singles(flow)]
    assert {case.split(".")[1] for case in cases} == {"0", "1", "2", "3", "4"}
