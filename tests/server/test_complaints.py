"""A log that can still be read after a night without a broker or database."""

import logging

from consigne.server.complaints import SENTENCES_MAX, Complaints, Rarely

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


def test_what_outsiders_may_choose_tells_no_sentences_apart(caplog):
    complaints = Complaints(log, clock=Clock())
    for number in range(300):
        complaints.say("L1 sends other events", f", now {number}")
    assert caplog.messages == ["L1 sends other events, now 0"]


def _raised(kind, text):
    try:
        raise kind(text)
    except kind as error:
        return error


def test_a_defect_met_again_and_again_has_its_traceback_logged_once_a_minute(caplog):
    clock = Clock()
    complaints = Complaints(log, clock=clock)
    for number in range(600):
        complaints.failed("a page failed", _raised(KeyError, str(number)))
        clock.now_s += 0.1
    complaints.failed("a page failed", _raised(KeyError, "door"))
    assert caplog.messages == ["a page failed", "a page failed (600 times in the last 60 s)"]
    assert caplog.text.count("Traceback") == 2
    complaints.failed("a page failed", _raised(IndexError, "another"))
    assert caplog.text.count("Traceback") == 3, "another defect is told at once"


def test_a_library_s_warning_of_each_request_is_logged_once_a_minute(caplog):
    clock = Clock()
    library = logging.getLogger("test of a library")
    rarely = Rarely(clock=clock)
    library.addFilter(rarely)
    for number in range(150):
        library.warning("invalid request %s 100%%", number)
        library.debug("not a complaint")
        clock.now_s += 1
    library.warning("something else")
    library.removeFilter(rarely)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "invalid request 0 100%",
        "invalid request 60 100% (60 times in the last 60 s)",
        "invalid request 120 100% (60 times in the last 60 s)",
        "something else",
    ]
