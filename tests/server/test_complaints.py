"""A log that can still be read after a night without a broker or database."""

import logging

from consigne.server.complaints import KINDS_MAX, LOCKERS_MAX, Complaints, Rarely

log = logging.getLogger("test of complaints")


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def test_the_same_sentence_is_logged_at_once_and_then_once_an_hour_with_how_often_it_was_left_out(caplog):
    clock = Clock()
    complaints = Complaints(log, clock=clock)
    for _ in range(150):
        complaints.say("no broker")
        clock.now_s += 60
    assert caplog.messages == [
        "no broker",
        "no broker (left out 59 times in the last 3600 s)",
        "no broker (left out 59 times in the last 3600 s)",
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


def test_what_comes_and_goes_is_told_at_each_change_once_a_minute(caplog):
    clock = Clock()
    complaints = Complaints(log, clock=clock)
    for _ in range(3):
        for _ in range(60):
            complaints.say("gone")
            clock.now_s += 1
        complaints.over("answers again")
        clock.now_s += 1
    assert [one.partition(" (")[0] for one in caplog.messages] == ["gone", "answers again"] * 3


def test_of_a_thousand_lockers_with_one_fault_some_are_named_and_the_others_counted(caplog):
    clock = Clock()
    complaints = Complaints(log, clock=clock)
    for hour in range(2):
        for number in range(1_000):
            complaints.say("{locker} sends other events", locker=f"L{number}")
        assert len(caplog.messages) == (hour + 1) * (LOCKERS_MAX + 1)
        clock.now_s += 3_600
    assert caplog.messages[0] == "L0 sends other events" and caplog.records[0].locker == "L0"
    assert caplog.messages[LOCKERS_MAX] == (
        f"L{LOCKERS_MAX} sends other events (further lockers are counted alone)"
    )
    told = f"left out {1_000 - LOCKERS_MAX - 1} times in the last 3600 s; further lockers are counted alone"
    assert caplog.messages[-1].endswith(f"({told})")


def test_sentences_that_are_all_different_fill_no_memory():
    complaints = Complaints(log, clock=Clock())
    for number in range(10 * KINDS_MAX):
        complaints.say(f"sentence {number}")
    assert len(complaints._said) == KINDS_MAX


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


def test_a_defect_met_again_and_again_has_its_traceback_logged_once_an_hour(caplog):
    clock = Clock()
    complaints = Complaints(log, clock=clock)
    for number in range(600):
        complaints.failed("a page failed", _raised(KeyError, str(number)))
        clock.now_s += 6
    complaints.failed("a page failed", _raised(KeyError, "door"))
    assert caplog.messages == ["a page failed", "a page failed (left out 599 times in the last 3600 s)"]
    assert caplog.text.count("Traceback") == 2
    complaints.failed("a page failed", _raised(IndexError, "another"))
    assert caplog.text.count("Traceback") == 3, "another defect is told at once"


def test_a_library_s_warning_of_each_request_is_logged_once_an_hour(caplog):
    clock = Clock()
    library = logging.getLogger("test of a library")
    rarely = Rarely(clock=clock)
    library.addFilter(rarely)
    for number in range(150):
        library.warning("invalid request %s 100%%", number)
        library.debug("not a complaint")
        clock.now_s += 60
    library.warning("something else")
    library.removeFilter(rarely)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "invalid request 0 100%",
        "invalid request 60 100% (left out 59 times in the last 3600 s)",
        "invalid request 120 100% (left out 59 times in the last 3600 s)",
        "something else",
    ]
