"""How long a message may be: smaller after each end, larger again slowly, and at last told."""

from locker.net.fit import Fit


def end(fit, count):
    fit.sent(count)
    fit.ended(True)


def test_what_can_be_cut_is_halved_down_to_one_event_and_grows_slowly():
    fit = Fit(2816)
    limits = []
    for _ in range(6):
        end(fit, fit.limit)
        limits.append(fit.limit)
    assert limits == [1408, 704, 352, 176, 128, 128]
    for _ in range(64):
        assert fit.limit == 128
        fit.sent(120)
        fit.look(True)
        fit.look(True)
    assert fit.limit == 160


def test_one_that_cannot_be_cut_is_too_long_after_three_ends_and_not_after_passing():
    fit = Fit(2816)
    end(fit, 1800)
    end(fit, 1800)
    assert not fit.is_too_long(1800)
    end(fit, 1800)
    assert fit.is_too_long(1800) and fit.is_too_long(2000) and not fit.is_too_long(1799)
    again = Fit(2816)
    for _ in range(5):
        end(again, 1800)
        again.sent(1800)
        again.look(True)
        again.look(True)
    assert not again.is_too_long(1800)


def test_what_was_too_long_goes_once_more_after_an_hour_and_for_ever_if_it_passes_then():
    fit = Fit(2816)
    for _ in range(3):
        end(fit, 1800)
    for takes in (False, False, True):
        for _ in range(3599):
            fit.look(True)
            assert fit.is_too_long(1800)
        fit.look(True)
        assert not fit.is_too_long(1800), "one more try"
        if not takes:
            end(fit, 1800)
            assert fit.is_too_long(1800), "one a connection of an hour, no more"
    fit.sent(1800)
    fit.look(True)
    fit.look(True)
    end(fit, 1800)
    assert not fit.is_too_long(1800)


def test_an_hour_in_pieces_gives_nothing_another_try():
    fit = Fit(2816)
    for _ in range(3):
        end(fit, 1800)
    for _ in range(9):
        for _ in range(1000):
            fit.look(True)
        fit.ended(True)
    assert fit.is_too_long(1800)


def test_an_end_at_which_nothing_was_on_its_way_or_before_it_was_up_counts_for_nothing():
    fit = Fit(2816)
    for _ in range(9):
        fit.ended(True)
        fit.sent(1000)
        fit.ended(False)
        fit.sent(1000)
        fit.look(True)
        fit.look(True)
        fit.ended(True)
    assert fit.limit == 2816 and not fit.is_too_long(1000)


def test_what_was_acknowledged_a_moment_before_the_end_has_not_passed():
    """mosquitto acknowledges what it refuses, and then closes the connection."""
    fit = Fit(2816)
    fit.sent(2000)
    fit.look(True)
    fit.ended(True)
    assert fit.limit == 1000
