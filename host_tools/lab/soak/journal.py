"""All possible power cuts: the full sets, or as much of them as time allows.

The complete set is 2,000 examples of 100 steps of the state machine (``powercut.machine``), every
single cut of every flow in every variant, and every pair of cuts in an attempt and in a pick-up.
A quarter of ``seconds`` goes to the first, three tenths to the second, the rest to the pairs, each in
an order drawn with ``seed``: so a short run is a random sample, and the result says which sets were complete.
"""

import random
import time
from collections.abc import Iterator

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as hypothesis_seed
from hypothesis.stateful import run_state_machine_as_test

from .powercut import cuts
from .powercut.flows import FLOWS
from .powercut.machine import JournalMachine

PAIRED = ("attempt", "pick-up")
EXAMPLES = 2_000
STEPS = 100
_BATCH = 50
"""Examples of the state machine between two checks of the time."""


def run(seconds: float, seed: int) -> dict[str, float]:
    """Raises ``AssertionError`` that names the case at the first broken invariant.

    Returns how many cuts and examples were made, and 1 for each complete set.
    """
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    counted: dict[str, float] = {}
    examples = _machine(end - 0.75 * seconds, seed)
    counted["journal.examples"] = examples
    counted["journal.all_examples"] = float(examples >= EXAMPLES)
    singles = [case for flow in FLOWS for case in cuts.singles(flow)]
    rng.shuffle(singles)
    done = _live_through(iter(singles), end - 0.45 * seconds)
    counted["journal.single_cuts"] = done
    counted["journal.all_single_cuts"] = float(done == len(singles))
    firsts = [case for flow in PAIRED for case in cuts.singles(flow)]
    rng.shuffle(firsts)
    done = _live_through((pair for first in firsts for pair in _shuffled(cuts.seconds(first), rng)), end)
    counted["journal.pairs"] = done
    counted["journal.all_pairs"] = float(time.monotonic() < end)
    return counted


def _shuffled(cases: list[str], rng: random.Random) -> list[str]:
    rng.shuffle(cases)
    return cases


def _live_through(cases: Iterator[str], end: float) -> int:
    """The number of cases run until ``end`` of ``time.monotonic``."""
    done = 0
    for case in cases:
        if time.monotonic() >= end:
            break
        try:
            cuts.run_case(case)
        except AssertionError as violation:
            raise AssertionError(f"{case}: {violation}") from violation
        done += 1
    return done


def _machine(end: float, seed: int) -> int:
    """The number of examples made until ``end``, at most ``EXAMPLES``."""
    done = 0
    while done < EXAMPLES and time.monotonic() < end:
        machine = hypothesis_seed(seed + done)(JournalMachine)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=_BATCH,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
        done += _BATCH
    return done
