"""What is acknowledged is exactly what is held without a gap, whatever arrives in whatever order."""

from consigne.protocol.untrusted import U32_MAX
from consigne.server.storage.contiguity import ISLANDS_MAX, Gaps, Held
from hypothesis import given
from hypothesis import strategies as st

SEQS = st.integers(1, 60)
RANGES = st.tuples(SEQS, SEQS).map(sorted).map(tuple)
STEPS = st.lists(st.one_of(SEQS, RANGES), max_size=60)


def run_of(numbers):
    """The plain truth: the highest n such that 1..n are all there."""
    n = 0
    while n + 1 in numbers:
        n += 1
    return n


@given(STEPS)
def test_host_never_acknowledges_an_event_it_does_not_hold(steps):
    held, truth = Held(), set()
    for step in steps:
        numbers = {step} if isinstance(step, int) else set(range(step[0], step[1] + 1))
        fresh = held.add(step) if isinstance(step, int) else held.add_range(*step)
        assert fresh == len(numbers - truth)
        truth |= numbers
        assert held.contiguous == run_of(truth)
        assert [n for n in range(70) if n in held] == sorted(truth)
        assert held.highest == max(truth)
        absent = [n for first, last in held.missing() for n in range(first, last + 1)]
        assert absent == sorted(set(range(1, max(truth))) - truth)
        assert held.first_missing == (absent[0] if absent else None)


@given(STEPS)
def test_islands_stay_apart_and_in_order_so_that_the_database_row_stays_small(steps):
    held = Held()
    for step in steps:
        if isinstance(step, int):
            held.add(step)
        else:
            held.add_range(*step)
        ends = [held.contiguous, *[end for island in held.islands for end in island]]
        for before, after in zip(ends[0::2], ends[1::2], strict=False):
            assert before + 1 < after


def test_scattered_numbers_beyond_the_limit_are_left_for_later_and_taken_when_there_is_room():
    held = Held()
    for n in range(ISLANDS_MAX):
        assert held.add(3 + 2 * n)
    beyond = 3 + 2 * ISLANDS_MAX + 1
    assert not held.add(beyond)
    assert beyond not in held
    assert held.add_range(beyond, beyond + 5) == 0
    assert held.add_range(1, 2) == 2  # joins the first island to the run
    assert held.add(beyond)


def test_impossible_ranges_are_refused():
    for first, last in ((0, 1), (2, 1), (-1, 5), (1, U32_MAX + 1)):
        try:
            Held().add_range(first, last)
        except ValueError:
            continue
        raise AssertionError((first, last))


def test_a_gap_is_asked_for_at_once_then_ever_more_seldom():
    gaps, stream = Gaps(), ("L1", 7)
    gaps.note(stream, 5, 100.0)
    asked = [t for t in range(100, 400) if gaps.due(float(t)) == [(stream, 5)]]
    assert asked == [100, 101, 103, 107, 115, 131, 163, 223, 283, 343]


def test_a_gap_that_moves_is_asked_for_when_it_rests_and_a_closed_one_no_more():
    gaps, stream = Gaps(), ("L1", 7)
    gaps.note(stream, 5, 0.0)
    assert gaps.due(0.0)
    gaps.note(stream, 5, 0.5)
    assert not gaps.due(0.5), "the same gap again is no reason to hurry"
    for seq in range(9, 100):
        gaps.note(stream, seq, float(seq))
        assert not gaps.due(seq + 0.9), "its locker is sending what was asked"
    assert gaps.due(99.0 + Gaps.MOVING_S) == [(stream, 99)]
    gaps.note(stream, None, 200.0)
    assert not gaps.due(1e6) and len(gaps) == 0


def test_a_locker_that_just_connected_gets_time_to_send_by_itself():
    gaps, stream = Gaps(), ("L1", 7)
    gaps.note(stream, 1, 10.0, grace_s=5.0)
    assert not gaps.due(14.9)
    assert gaps.due(15.0)
