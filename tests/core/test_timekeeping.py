"""The clock: never back, never before the floor, and trusted only when someone said the time."""

from time import ticks_add

from locker.core.events import TRUST_FLOOR, TRUST_SET
from locker.core.reasons import R_OK, R_TIME
from locker.core.timekeeping import AHEAD_MAX_S, EARLIEST_S, LATEST_S, Clock, LocalTime

_NOW_S = 1_795_200_000


def _later(ms, seconds):
    return ticks_add(ms, int(seconds * 1000))


def test_after_a_restart_the_newest_time_in_the_journal_runs_on_untrusted():
    ms = ticks_add(0, -500)  # the ticks wrap in between
    clock = Clock(_NOW_S, ms)
    assert clock.now(ms) == (ms, _NOW_S, TRUST_FLOOR)
    later = _later(ms, 90.7)
    assert clock.now(later) == (later, _NOW_S + 90, TRUST_FLOOR)


def test_no_second_is_lost_to_many_short_calls():
    ms = 0
    clock = Clock(_NOW_S, ms)
    for _ in range(1000):
        ms = ticks_add(ms, 333)
        clock.now(ms)
    assert clock.now(ms)[1] == _NOW_S + 333


def test_a_set_clock_is_trusted_and_runs():
    clock = Clock(_NOW_S, 0)
    assert clock.set(0, _NOW_S + 5000) == R_OK
    assert clock.now(1999)[1:] == (_NOW_S + 5001, TRUST_SET)


def test_a_set_second_begins_when_it_was_set():
    clock = Clock(_NOW_S, 0)
    clock.now(999)
    clock.set(999, _NOW_S + 5000)
    assert clock.now(1998)[1] == _NOW_S + 5000
    assert clock.now(1999)[1] == _NOW_S + 5001


def test_drift_is_corrected_without_the_clock_going_back():
    clock = Clock(_NOW_S, 0)
    clock.set(0, _NOW_S + 100)
    assert clock.set(0, _NOW_S + 60) == R_OK  # a slow source corrects us by 40 s
    shown = [clock.now(s * 1000)[1] for s in range(60)]
    assert shown[:40] == [_NOW_S + 100] * 40
    assert shown[-1] == _NOW_S + 119
    assert clock.now(60_000)[2] == TRUST_SET


def test_turning_the_clock_back_is_refused():
    clock = Clock(_NOW_S, 0)
    assert clock.set(0, _NOW_S - AHEAD_MAX_S) == R_OK
    clock = Clock(_NOW_S, 0)
    assert clock.set(0, _NOW_S - AHEAD_MAX_S - 1) == R_TIME
    assert clock.now(0) == (0, _NOW_S, TRUST_FLOOR)


DAY_S = 86_400
HOUR_S = 3600


def _run(clock, ms, seconds):
    """Hours pass; asked often enough for the ticks."""
    while seconds > 0:
        step = min(seconds, 86_400)
        ms = _later(ms, step)
        clock.now(ms)
        seconds -= step
    return ms


def test_a_jump_of_more_than_a_day_is_served_by_and_taken_back_by_the_next_answer():
    for jump_s in (DAY_S + 1, 2 * DAY_S, 365 * DAY_S, LATEST_S - 1 - _NOW_S):
        clock = Clock(_NOW_S, 0)
        assert clock.set(0, _NOW_S) == R_OK and clock.ahead_s == 0
        assert clock.set(0, _NOW_S + jump_s) == R_OK
        assert clock.now(0)[1:] == (_NOW_S + jump_s, TRUST_SET) and clock.ahead_s == jump_s
        ms = _run(clock, 0, 1800)
        assert clock.set(ms, _NOW_S + 1800) == R_OK
        assert clock.now(ms)[1:] == (_NOW_S + 1800, TRUST_SET) and clock.ahead_s == 0, jump_s


def test_a_jump_of_a_day_is_believed_at_once():
    clock = Clock(_NOW_S, 0)
    assert clock.set(0, _NOW_S + DAY_S) == R_OK and clock.ahead_s == 0
    assert clock.set(0, _NOW_S) == R_TIME


def test_a_jump_said_again_after_an_hour_is_believed_and_not_before():
    clock = Clock(_NOW_S, 0)
    clock.set(0, _NOW_S + 90 * DAY_S)
    ms = 0
    for minute in range(60):
        assert clock.ahead_s, minute
        ms = _run(clock, ms, 60)
        assert clock.set(ms, _NOW_S + 90 * DAY_S + (minute + 1) * 60) == R_OK
    assert clock.ahead_s == 0 and clock.now(ms)[1] == _NOW_S + 90 * DAY_S + HOUR_S
    assert clock.set(ms, _NOW_S + 3600) == R_TIME, "now it is the floor"


def test_of_two_answers_that_disagree_neither_is_believed():
    clock = Clock(_NOW_S, 0)
    ms = 0
    for n in range(5):
        assert clock.set(ms, _NOW_S + (100 - n * 7 % 3) * DAY_S) == R_OK
        ms = _run(clock, ms, 2 * HOUR_S)
        assert clock.ahead_s, n
    assert clock.set(ms, _NOW_S + 10 * HOUR_S) == R_OK and clock.ahead_s == 0


def test_what_the_believed_time_explains_is_believed_however_far_the_provisional_one_was():
    clock = Clock(_NOW_S, 0)
    clock.set(0, _NOW_S + 365 * DAY_S)
    assert clock.set(0, _NOW_S - AHEAD_MAX_S - 1) == R_TIME, "before what is believed is refused as ever"
    assert clock.ahead_s == 365 * DAY_S
    assert clock.set(0, _NOW_S - 100) == R_OK
    assert clock.now(0)[1] == _NOW_S, "and the believed time does not go back"


def test_chip_and_host_that_say_the_same_are_believed_at_once():
    for first in (True, False):
        clock = Clock(_NOW_S, 0)
        assert clock.set(0, _NOW_S + 90 * DAY_S, first) == R_OK and clock.ahead_s
        assert clock.set(0, _NOW_S + 90 * DAY_S + 5, not first) == R_OK and clock.ahead_s == 0


def test_a_chip_never_confirms_itself():
    clock = Clock(_NOW_S, 0)
    clock.set(0, _NOW_S + 365 * DAY_S, True)
    ms = _run(clock, 0, 7 * DAY_S)
    assert clock.set(ms, _NOW_S + 372 * DAY_S, True) == R_OK and clock.ahead_s
    assert clock.set(ms, _NOW_S + 7 * DAY_S) == R_OK and clock.ahead_s == 0


def test_a_chip_that_jumps_while_the_time_is_known_is_refused():
    clock = Clock(_NOW_S, 0)
    clock.set(0, _NOW_S)
    assert clock.set(0, _NOW_S + 2 * DAY_S, True) == R_TIME
    assert clock.now(0)[1:] == (_NOW_S, TRUST_SET) and clock.ahead_s == 0


def test_an_operator_sets_a_false_floor_back_and_a_provisional_time_right():
    for said_s in (_NOW_S - 365 * DAY_S, _NOW_S, _NOW_S + 365 * DAY_S):
        clock = Clock(_NOW_S, 0)
        clock.set(0, _NOW_S + 100 * DAY_S)
        assert clock.order(0, said_s) == R_OK
        assert clock.now(999)[1:] == (said_s, TRUST_SET) and clock.ahead_s == 0
    for wrong in (0, EARLIEST_S - 1, LATEST_S):
        assert clock.order(999, wrong) == R_TIME
    assert clock.now(999)[1] == said_s


def test_times_no_locker_can_live_in_are_refused():
    y1970, y2000, y2038, y2106 = 0, 946_684_800, 2**31, 2**32 - 1
    clock = Clock(0, 0)
    for wrong in (-1, y1970, y2000, EARLIEST_S - 1, y2106, 2**32, 2**40):
        assert clock.set(0, wrong) == R_TIME, wrong
        assert clock.now(0)[2] == TRUST_FLOOR
    assert Clock(0, 0).set(0, EARLIEST_S) == R_OK
    assert Clock(0, 0).set(0, LATEST_S - 1) == R_OK
    assert clock.set(0, y2038) == R_OK
    assert clock.now(0)[1:] == (y2038, TRUST_SET)


def test_the_last_second_of_2106_does_not_wrap():
    clock = Clock(LATEST_S - 1, 0)
    assert clock.now(5000)[1] == LATEST_S
    assert clock.now(50_000)[1] == LATEST_S


def test_ticks_that_seem_to_go_back_do_not_turn_the_clock():
    clock = Clock(_NOW_S, 10_000)
    assert clock.now(9_000)[1] == _NOW_S
    assert clock.now(10_000)[1] == _NOW_S + 1


def test_a_locker_that_was_told_changes_to_winter_time_by_itself():
    local = LocalTime()
    assert local.clock(_NOW_S) == "", "no clock rather than one that is hours off"
    change_s = 1_792_890_000  # 2026-10-25 01:00 UTC: 03:00 becomes 02:00 in Paris
    local.told = (7200, change_s, 3600)
    assert local.clock(change_s - 60) == "02:59" and local.clock(change_s) == "02:00"
    assert local.offset_s(change_s - 1) == 7200 and local.offset_s(change_s) == 3600
    local.told = (-34_200, 0, 0)  # Marquesas: 9.5 hours behind, and for ever
    assert local.clock(change_s + 40_000_000) == "{:02d}:{:02d}".format(
        *divmod((change_s + 40_000_000 - 34_200) // 60 % 1440, 60)
    )


def test_until_somebody_tells_it_local_time_is_utc_and_no_clock_is_shown():
    local = LocalTime()
    assert local.offset_s(1_800_000_000) == 0
    assert local.clock(1_800_000_000) == ""
