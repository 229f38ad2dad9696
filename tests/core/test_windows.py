"""Window codes: for whom, for how long, with how much work, and how a holder is cut off."""

from access_kit import DAY_S, EPOCH_S, HOLDERS, KEY, CountedMacs, Desk, listed_tag, window
from locker.core import codes, reasons, records
from locker.core.events import TRUST_FLOOR, TRUST_SET, VIA_KEYPAD
from locker.core.livecodes import LiveCodes
from locker.core.revoked import Counters
from locker.core.windows import HOLDERS_MAX, Windows, answer_slot

DAY_CODE = (1, 1, 7)
HOUR_CODE = (3, 4, 1)


def _works(who, made_s, at_s, **options):
    desk = Desk(**options)
    desk.epoch_s = at_s
    role, action, holder = who
    return desk.why(window(role, action, holder, made_s))


def test_a_courier_s_code_of_today_opens_for_a_deposit():
    desk = Desk()
    code = window(*DAY_CODE, EPOCH_S)
    assert desk.type(code) == (reasons.R_OK, 1, 1, 7, records.ANY_DOOR, 0, "", False)
    assert desk.why(code) == reasons.R_OK  # any number of times in its slot


def test_a_slot_is_honoured_from_a_quarter_before_to_a_quarter_after():
    for who, length_s in ((DAY_CODE, DAY_S), (HOUR_CODE, 3600)):
        quarter = length_s // 4
        for at_s, expected in (
            (EPOCH_S - quarter - 1, reasons.R_WRONG),
            (EPOCH_S - quarter, reasons.R_OK),
            (EPOCH_S, reasons.R_OK),
            (EPOCH_S + length_s + quarter - 1, reasons.R_OK),
            (EPOCH_S + length_s + quarter, reasons.R_WRONG),
        ):
            assert _works(who, EPOCH_S, at_s) == expected, (who, at_s - EPOCH_S)


def test_a_locker_that_runs_through_slots_always_takes_the_right_ones():
    desk = Desk()
    for _ in range(40):
        desk.wait(3 * 3600)
        assert desk.why(window(*DAY_CODE, desk.epoch_s)) == reasons.R_OK
        assert desk.why(window(*HOUR_CODE, desk.epoch_s)) == reasons.R_OK
        assert desk.why(window(*HOUR_CODE, desk.epoch_s + 7200)) == reasons.R_WRONG
        assert desk.why(window(*DAY_CODE, desk.epoch_s - 2 * DAY_S)) == reasons.R_WRONG


def test_without_a_clock_a_window_code_does_not_open_and_the_person_is_told_why():
    assert _works(DAY_CODE, EPOCH_S, EPOCH_S, trust=TRUST_FLOOR) == reasons.R_NO_CLOCK
    assert _works(DAY_CODE, EPOCH_S, EPOCH_S, trust=TRUST_SET) == reasons.R_OK


def test_only_configured_holders_are_known():
    for who in ((1, 1, 8), (1, 2, 7), (2, 1, 7), (3, 4, 2)):
        assert _works(who, EPOCH_S, EPOCH_S) == reasons.R_WRONG


def test_a_holder_is_cut_off_at_once_by_a_counter_in_its_place():
    for compacted in (False, True):
        desk = Desk()
        old = window(*DAY_CODE, EPOCH_S)
        assert desk.why(old) == reasons.R_OK
        desk.record(records.HOLDER_COUNTER, 1, 1, 7, 40_000)
        assert desk.why(old) == reasons.R_WRONG
        verdict = desk.type(window(1, 1, 40_000, EPOCH_S))
        assert verdict[:4] == (reasons.R_OK, 1, 1, 7)  # still the same holder
        assert desk.why(window(*HOUR_CODE, EPOCH_S)) == reasons.R_OK
        desk.restart(compacted)
        assert desk.why(old) == reasons.R_WRONG
        assert desk.why(window(1, 1, 40_000, EPOCH_S)) == reasons.R_OK


def test_cutting_off_one_holder_leaves_the_others_and_reaches_the_last_one():
    desk = Desk()
    codes_before = [window(*who, EPOCH_S) for who in HOLDERS]
    for _ in range(10):
        desk.access.warm(desk.now)
    desk.record(records.HOLDER_COUNTER, *HOLDERS[2], 40_000)
    assert [desk.why(code) for code in codes_before] == [reasons.R_OK, reasons.R_OK, reasons.R_WRONG]
    desk.record(records.HOLDER_COUNTER, *HOLDERS[1], 40_000)
    assert [desk.why(code) for code in codes_before] == [reasons.R_OK, reasons.R_WRONG, reasons.R_WRONG]


def test_cutting_off_reaches_the_slot_that_is_prepared_but_not_yet_honoured():
    for at_s in (EPOCH_S + 12 * 3600, EPOCH_S + 36 * 3600):  # an even and an odd slot to come
        desk = Desk()
        desk.epoch_s = at_s
        tomorrow = window(*DAY_CODE, at_s + DAY_S)
        for _ in range(10):
            desk.access.warm(desk.now)
        desk.record(records.HOLDER_COUNTER, 1, 1, 7, 40_000)
        desk.wait(9 * 3600)
        assert desk.why(tomorrow) == reasons.R_WRONG
        assert desk.why(window(1, 1, 40_000, at_s + DAY_S)) == reasons.R_OK


def test_what_is_no_longer_honoured_leaves_the_index():
    live = LiveCodes()
    pads = (
        codes.pads(codes.derive(KEY, codes.LABEL_WINDOW)),
        codes.pads(codes.derive(KEY, codes.LABEL_LISTED)),
    )
    windows = Windows((DAY_CODE,), 8, pads[0], pads[1], Counters(), live)
    for day in range(5):
        noon_s = EPOCH_S + day * DAY_S + DAY_S // 2
        assert windows.fill(noon_s, 99) == (2 if day == 0 else 1)
        assert windows.fill(noon_s, 99) == 0
        known = [
            bool(live.find(listed_tag(window(*DAY_CODE, noon_s + ahead * DAY_S)))) for ahead in range(-2, 3)
        ]
        assert known == [False, False, True, True, False]
    windows.cut_off((1, 1, 8))
    assert live.find(listed_tag(window(*DAY_CODE, noon_s)))
    windows.cut_off(DAY_CODE)
    assert not live.find(listed_tag(window(*DAY_CODE, noon_s)))


def test_a_cut_off_holder_that_is_configured_later_stays_cut_off():
    desk = Desk(holders=())
    assert (
        desk.access.admit(records.HOLDER_COUNTER, records.pack(records.HOLDER_COUNTER, 1, 1, 7, 8))
        == reasons.R_OK
    )
    desk.record(records.HOLDER_COUNTER, 1, 1, 7, 8)
    later = Desk()
    for kind, time_s, payload in desk.log:
        later.access.apply(kind, time_s, payload)
    assert later.why(window(*DAY_CODE, EPOCH_S)) == reasons.R_WRONG


def test_roles_without_window_codes_and_too_many_holders_are_refused_at_start():
    for holders in (
        ((0, 0, 1),),
        ((4, 0, 1),),
        ((1, 6, 1),),
        ((7, 1, 1),),
        tuple((1, 1, i) for i in range(17)),
    ):
        try:
            Desk(holders=holders)
        except ValueError:
            continue
        raise AssertionError(holders)
    Desk(holders=[(1, 0, 7), (1, 5, 7)])
    Desk(holders=[[1, 1, i] for i in range(16)])  # lists, as JSON gives them


def test_a_decision_costs_one_mac_however_many_holders_there_are_and_two_with_duress():
    holders = tuple((1, 1, i) for i in range(HOLDERS_MAX))
    for duress, expected in ((False, 1), (True, 2)):
        desk = Desk(holders=holders, duress=duress)
        macs = CountedMacs()
        try:
            # Eight digits and what came before are events enough to have everything ready, and
            # the slots to come are prepared long before they count.
            for _ in range(200):
                desk.wait(3600)
                assert macs.taken() <= 4
                for _ in range(16):
                    desk.access.warm(desk.now)
                macs.taken()
                tried = desk.type("00000000")
                assert macs.taken() == (expected if tried else 0)
        finally:
            macs.stop()


def test_a_decision_right_after_the_start_is_right_before_it_is_quick():
    desk = Desk(holders=tuple((1, 1, i) for i in range(HOLDERS_MAX)))
    code = window(1, 1, 15, EPOCH_S)
    macs = CountedMacs()
    try:
        assert desk.type(code)[0] == reasons.R_OK
    finally:
        macs.stop()
    # Two candidates for each holder at two HMACs, one for what was typed; some were ready already.
    assert macs.taken() <= 4 * HOLDERS_MAX + 1


def test_the_first_slots_of_1970_do_not_look_before_time():
    desk = Desk()
    desk.epoch_s = 0
    assert desk.why(window(*DAY_CODE, 0)) == reasons.R_OK


def test_the_last_slot_of_2106_does_not_wrap():
    desk = Desk()
    desk.epoch_s = 4_294_967_295
    assert desk.why(window(*HOUR_CODE, 4_294_967_295)) == reasons.R_OK


def test_a_technician_before_a_locker_without_time_is_let_in_by_the_answer_to_its_number_and_by_no_other():
    """The console draws a number, the operator reads the code of that number out; see ``console.py``."""
    padded = codes.pads(codes.derive(KEY, codes.LABEL_WINDOW))
    answers = {
        who: codes.window_digits(padded, *who, answer_slot(123_456), 8) for who in ((3, 4, 1), (1, 1, 7))
    }
    for trust, who, number, reason in (
        (TRUST_FLOOR, (3, 4, 1), 123_456, reasons.R_OK),
        (TRUST_FLOOR, (3, 4, 1), 123_457, reasons.R_WRONG),
        (TRUST_FLOOR, (3, 4, 1), -1, reasons.R_WRONG),  # nobody drew a number: typed at the keypad
        (TRUST_FLOOR, (1, 1, 7), 123_456, reasons.R_WRONG),
        (TRUST_SET, (3, 4, 1), 123_456, reasons.R_WRONG),
    ):
        desk = Desk(trust=trust)
        desk.record(records.ATTEMPT, VIA_KEYPAD)
        verdict = desk.access.check_digits(answers[who], desk.now, number)
        assert verdict[0] == reason, (trust, who, number)
        assert reason != reasons.R_OK or verdict[1:4] == who
