"""A log that can still be read after a night without a broker or database."""

import logging

from consigne.server.complaints import SENTENCES_MAX, Complaints

log = logging.getLogger("test of complaints")


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def test_the_same_sentence_is_logged_at_once_and_then_once_a_minute_with_how_often(caplog):
    clock = Clock()
    complaints = Complaints(log, clock=clock)
    for _ in range(150):
        complaints.say("no broker")
        clock.now_s += 1
    assert caplog.messages == [
        "no broker",
        "no broker (60 times in the last 60 s)",
        "no broker (60 times in the last 60 s)",
    ]


def test_another_sentence_is_logged_at_once(caplog):
    complaints = Complaints(log, clock=Clock())
    for sentence in ("refused", "refused", "wrong password", "refused"):
        complaints.say(sentence)
    assert caplog.messages == ["refused", "wrong password"]


def test_that_it_goes_well_again_is_logged_only_where_it_did_not(caplog):
    complaints = Complaints(log, clock=Clock())
    complaints.over("answers again")
    assert caplog.messages == []
    for _ in range(3):  # it comes and goes
        complaints.say("gone")
        complaints.over("answers again")
    assert caplog.messages == ["gone", "answers again"]


def test_sentences_that_are_all_different_fill_no_memory():
    complaints = Complaints(log, clock=Clock())
    for number in range(10 * SENTENCES_MAX):
        complaints.say(f"sentence {number}")
    assert len(complaints._said) == SENTENCES_MAX
