"""Whatever a flash goes through, a host that asks from any number on is told of each number, once."""

from flash_kit import EPOCH_S, fill, flash, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from test_stream import Host, covers_everything, rotten

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 80)),
        st.tuples(st.just("acknowledge"), st.integers(0, 100)),
        st.tuples(st.just("rot"), st.integers(0, 11)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 100))
def test_each_number_is_told_once_as_an_event_or_as_a_hole(steps, percent):
    nor = flash()
    journal, report = opened(nor)
    for what, amount in steps:
        if what == "append":
            fill(journal, amount)
            journal.maintain()
        elif what == "acknowledge":
            journal.acknowledge(journal.acknowledged + amount, EPOCH_S)
        elif what == "rot":
            rotten(nor, amount)
        else:
            journal, report = opened(nor)
            if report.read_only:
                return  # nothing is sent of it
    fill(journal, 1)  # a number is only known to be lost once there is an event behind it
    covers_everything(Host(journal), journal.acknowledged * percent // 100)
