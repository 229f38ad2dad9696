"""The journal behaves as its model through any order of work, cuts and rot.

A share of the examples; all 2,000 of 100 steps are part of ``lab.soak.journal``.
"""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from lab.soak.powercut.machine import JournalMachine


def test_the_journal_reads_as_its_model_whatever_is_done_and_whatever_happens():
    run_state_machine_as_test(
        JournalMachine,
        settings=settings(
            max_examples=100,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
