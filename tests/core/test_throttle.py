"""The guard of the keypad: what a guess costs, and that nothing but waiting earns a try."""

from time import ticks_add

from access_kit import DAY_S, NEVER, Desk, derived, grant, token
from locker.core import reasons, records
from locker.core.events import TRUST_FLOOR, VIA_KEYPAD, VIA_SCANNER
from locker.core.throttle import TRY_MS, Throttle

WRONG = "00000000"
TRY_S = TRY_MS // 1000


def _drain(desk):
    tries = 0
    verdict = desk.type(WRONG)
    while verdict is not None:
        assert verdict[0] == reasons.R_WRONG
        tries += 1
        verdict = desk.type(WRONG)
    return tries


def _left(desk):
    return desk.access.may_try(desk.now)


def test_twenty_tries_then_one_every_twenty_minutes():
    desk = Desk()
    assert _left(desk) == (20, 0)
    assert _drain(desk) == 20
    assert _left(desk) == (0, TRY_S)
    desk.wait(TRY_S - 1)
    assert _left(desk) == (0, 1)
    desk.wait(1)
    assert _drain(desk) == 1
    desk.wait(3 * TRY_S)
    assert _drain(desk) == 3


def test_a_day_of_guessing_gives_ninety_two_tries():
    desk = Desk()
    tries = _drain(desk)
    for _ in range(DAY_S // 60):
        desk.wait(60)
        tries += _drain(desk)
    assert tries == 92


def test_the_bucket_never_holds_more_than_twenty():
    desk = Desk()
    desk.wait(30 * DAY_S)
    assert _drain(desk) == 20


def test_a_restart_gives_no_try_back():
    for compacted in (False, True):
        desk = Desk()
        _drain(desk)
        for _ in range(10):
            desk.restart(compacted)
            assert _left(desk)[0] == 0


def test_time_without_power_earns_nothing():
    desk = Desk()
    _drain(desk)
    desk.epoch_s += 30 * DAY_S
    desk.restart()
    assert _left(desk) == (0, TRY_S)


def test_turning_the_clock_earns_nothing():
    for jump_s in (-DAY_S, DAY_S, 3650 * DAY_S):
        desk = Desk()
        _drain(desk)
        before = desk.epoch_s
        desk.epoch_s += jump_s
        desk.record(records.TIME_SET, 1, before)
        assert _left(desk) == (0, TRY_S)
        desk.restart()
        assert _left(desk) == (0, TRY_S)
        desk.trust = TRUST_FLOOR
        assert desk.type(WRONG) is None


def test_earned_tries_survive_a_restart_once_they_were_recorded():
    desk = Desk()
    _drain(desk)
    desk.wait(10 * TRY_S)
    desk.type(WRONG)  # writes what the uptime has earned, then spends one
    desk.restart()
    assert _left(desk)[0] == 9


def test_uptime_not_yet_recorded_is_lost_not_gained_twice():
    desk = Desk()
    _drain(desk)
    desk.wait(10 * TRY_S)
    desk.restart()
    assert _left(desk) == (0, TRY_S)


def test_recording_is_due_only_when_a_whole_try_was_earned():
    desk = Desk()
    assert desk.access.throttle_due(desk.now) is None
    desk.type(WRONG)
    desk.type(WRONG)
    desk.wait(TRY_S - 1)
    assert desk.access.throttle_due(desk.now) is None
    desk.wait(1)
    assert desk.access.throttle_due(desk.now) == (19_000, desk.epoch_s)
    desk.record(records.THROTTLE_STATE, *desk.access.throttle_due(desk.now))
    assert desk.access.throttle_due(desk.now) is None
    desk.wait(TRY_S)
    assert desk.access.throttle_due(desk.now) == (20_000, desk.epoch_s)
    # The last thousandths to a full bucket are worth a record too.
    desk.record(records.THROTTLE_STATE, 19_500, 0)
    desk.wait(TRY_S // 2 - 1)
    assert desk.access.throttle_due(desk.now) is None
    desk.wait(1)
    assert desk.access.throttle_due(desk.now) == (20_000, desk.epoch_s)


def test_a_right_code_gives_its_own_try_back():
    desk = Desk()
    desk.access.bind(2, "P1")
    for _ in range(100):
        assert desk.type(derived("P1"))[0] == reasons.R_OK
    assert _left(desk)[0] == 20


def test_after_a_day_of_uptime_the_wrong_tries_of_a_session_are_forgiven():
    desk = Desk()
    desk.access.bind(2, "P1")
    desk.wait(DAY_S)
    desk.type(WRONG)
    desk.type(WRONG)
    assert _left(desk)[0] == 18
    desk.type(derived("P1"))
    assert _left(desk)[0] == 20


def test_never_more_than_three_tries_come_back():
    desk = Desk()
    desk.access.bind(2, "P1")
    desk.wait(DAY_S)
    for _ in range(5):
        desk.type(WRONG)
    desk.type(derived("P1"))
    assert _left(desk)[0] == 17


def test_a_session_is_as_long_as_the_keypad_does_not_rest():
    for rest_s, left in ((120, 20), (121, 18)):
        desk = Desk()
        desk.access.bind(2, "P1")
        desk.wait(DAY_S)
        desk.type(WRONG)
        desk.type(WRONG)
        desk.wait(rest_s)
        desk.type(derived("P1"))
        assert _left(desk)[0] == left


def test_a_success_ends_what_may_be_forgiven():
    desk = Desk()
    desk.access.bind(2, "P1")
    desk.wait(DAY_S)
    for _ in range(5):
        desk.type(WRONG)
    desk.wait(121)
    desk.type(WRONG)
    desk.type(derived("P1"))
    desk.type(derived("P1"))
    assert _left(desk)[0] == 15


def test_a_success_leaves_nothing_to_record():
    desk = Desk()
    desk.access.bind(2, "P1")
    desk.type(derived("P1"))
    assert desk.access.throttle_due(desk.now) is None
    for _ in range(5):
        desk.type(WRONG)
    desk.type(derived("P1"))
    assert desk.access.throttle_due(desk.now) is None
    desk.wait(TRY_S)
    assert desk.access.throttle_due(desk.now) == (16_000, desk.epoch_s)


def test_however_long_nobody_erred_four_wrong_tries_are_forgiven_and_no_more():
    desk = Desk()
    desk.access.bind(2, "P1")
    desk.wait(30 * DAY_S)
    for left in (20, 20, 18, 16):
        desk.type(WRONG)
        desk.type(WRONG)
        desk.type(derived("P1"))
        assert _left(desk)[0] == left


def test_the_uptime_counts_for_a_caller_who_looks_only_when_somebody_tries():
    guard = Throttle()
    assert guard.may_try(0) == (20, 0)
    for _ in range(20):
        guard.attempt(0)
    assert guard.may_try(TRY_MS) == (1, 0)
    assert guard.due(2 * TRY_MS) == 2000


def test_tries_of_somebody_before_are_not_forgiven():
    desk = Desk()
    desk.access.bind(2, "P1")
    desk.wait(DAY_S)
    desk.type(WRONG)
    desk.type(WRONG)
    desk.wait(121)
    desk.type(derived("P1"))
    assert _left(desk)[0] == 18
    desk.type(WRONG)
    desk.restart()
    desk.access.bind(2, "P1")  # in life from the cabinet's records
    assert desk.type(derived("P1"))[0] == reasons.R_OK
    assert _left(desk)[0] == 17


def test_who_has_a_standing_code_cannot_buy_guesses_with_it():
    # A resident's code works any number of times: guess twice, open the own door, guess twice ...
    desk = Desk()
    desk.put(records.GRANT, grant(5, "12345678", role=4, door=3))
    desk.wait(2 * DAY_S)  # full bucket, all pardons there
    guesses = 0
    for _ in range(DAY_S // 30):
        desk.wait(30)
        for _ in range(2):
            if desk.type(WRONG) is not None:
                guesses += 1
        desk.type("12345678")
    # 92 as for anybody, and at most 8 pardons (4 in store, 4 a day); less, as the code's own tries
    # are only lent.
    assert guesses <= 100
    assert guesses >= 92


def test_a_scanned_token_spends_nothing_and_gives_nothing_back():
    desk = Desk()
    desk.type(WRONG)
    verdict = desk.scan(token(nonce=4))
    assert verdict[0] == reasons.R_OK
    desk.record(records.ACCEPTED, VIA_SCANNER, *verdict[1:4], verdict[5], verdict[6])
    assert _left(desk)[0] == 19
    desk.record(records.REFUSED, reasons.R_TOKEN_FORGED, VIA_SCANNER)
    assert _left(desk)[0] == 19
    desk.access.bind(2, "P1")
    desk.type(derived("P1"))
    desk.record(
        records.ACCEPTED, VIA_SCANNER, *verdict[1:4], verdict[5], verdict[6]
    )  # a token right after a code
    assert _left(desk)[0] == 19


def test_tokens_work_while_the_keypad_is_locked():
    desk = Desk()
    _drain(desk)
    for nonce in range(1, 30):
        assert desk.scan(token(nonce=nonce))[0] == reasons.R_OK


def test_no_comparison_without_a_recorded_attempt():
    desk = Desk()
    desk.access.bind(2, "P1")
    assert desk.access.check_digits(derived("P1"), desk.now)[0] == reasons.R_NOT_RECORDED
    desk.record(records.ATTEMPT, VIA_KEYPAD)
    assert desk.access.check_digits(derived("P1"), desk.now)[0] == reasons.R_OK
    assert desk.access.check_digits(derived("P1"), desk.now)[0] == reasons.R_NOT_RECORDED
    desk.record(records.ATTEMPT, VIA_KEYPAD)
    desk.restart()  # power went between the record and the comparison
    assert desk.access.check_digits(derived("P1"), desk.now)[0] == reasons.R_NOT_RECORDED


def test_an_attempt_beyond_the_last_try_is_not_compared():
    desk = Desk()
    desk.access.bind(2, "P1")
    _drain(desk)
    desk.record(records.ATTEMPT, VIA_KEYPAD)  # a caller that did not ask may_try
    assert desk.access.check_digits(derived("P1"), desk.now)[0] == reasons.R_NO_TRIES
    assert _left(desk) == (0, 2 * TRY_S)
    assert desk.access.throttle.milli_tries() == 0


def test_a_power_cut_after_the_attempt_costs_the_try_though_it_was_never_compared():
    desk = Desk()
    for left in range(19, -1, -1):
        desk.record(records.ATTEMPT, VIA_KEYPAD)
        desk.restart()
        assert _left(desk)[0] == left


def test_a_token_shown_after_a_power_cut_gives_no_try_back_that_was_cut_off():
    """Wrong digits, the plug before the answer, one's own token: else guesses would cost nothing."""
    desk = Desk()
    for left in (19, 18, 17):
        desk.record(records.ATTEMPT, VIA_KEYPAD)
        desk.restart()
        desk.record(records.ACCEPTED, VIA_SCANNER, 1, 1, 7, 4, "")
        assert _left(desk)[0] == left


def test_a_long_silence_between_two_looks_at_the_ticks_earns_nothing():
    desk = Desk()
    _drain(desk)
    # Half the range of ticks and more cannot be told from a step back.
    throttle = desk.access.throttle
    throttle.credit(ticks_add(desk.ms, -2 * TRY_MS))
    assert throttle.milli_tries() == 0


def test_a_state_beyond_the_bucket_is_cut_to_it():
    desk = Desk()
    desk.record(records.THROTTLE_STATE, 65_535, NEVER)
    assert _left(desk)[0] == 20
