"""A counter, a shop, a residence: what the same locker does otherwise, and that nothing else changes."""

from core_kit import Bench, site
from locker.core import dialog
from locker.core import events as E
from locker.core.orders import RESULT_NAMES
from locker.core.services import KINDS

DAYS = [[480, 1170]] * 5 + [[540, 780], [0, 0]]  # 08:00 - 19:30, Saturdays 09:00 - 13:00, Sundays closed
MONDAY_S = 1_795_392_000  # 2026-11-23 00:00 UTC
HOUR_S = 3600


def _bench(service, at_s=MONDAY_S + 10 * HOUR_S, holders=(), **changes):
    rows = [[E.COURIER, E.DEPOSIT, 7], [E.COURIER, E.RECALL, 7], [E.TECHNICIAN, E.SERVICE, 1]]
    rows += holders
    bench = Bench(site(service=service, holders=rows, **changes), epoch_s=at_s)
    _local(bench, 0)
    return bench


def _local(bench, offset_s):
    body = {"cmd": "time", "n": 1, "id": "t", "t": bench.epoch_s, "offset_s": offset_s,
            "next_s": 0, "next_offset_s": 0}  # fmt: skip
    bench.send((E.EV_ORDER, body))
    assert RESULT_NAMES[bench.facts[-1]["result"]] == "ok", bench.facts[-1]


def _collect(bench, parcel):
    bench.press(bench.derived(parcel) + "#")


def test_every_step_of_every_kind_has_its_action_and_none_hides_a_step_that_all_need():
    for kind in KINDS.values():
        for (state, what), action in kind.ROWS.items():
            assert hasattr(kind, "_do_" + action), (kind, action)
            assert what != dialog.TIMEOUT or not dialog.action(state, what)


# --- opening hours -----------------------------------------------------------------------------------


def test_a_customer_is_told_todays_hours_before_and_after_them_and_served_within():
    for service in ("counter", "shop", "mall", "seller"):
        bench = _bench(service, hours=DAYS)
        bench.deposit("RR123456785FR")
        for hour, served in ((7, False), (8, True), (19, True), (20, False)):
            bench.pass_s(100)
            bench.epoch_s = MONDAY_S + hour * HOUR_S
            before = len(bench.pulses)
            _collect(bench, "RR123456785FR")
            if served:
                assert bench.screen in ("identity", "take"), (service, hour)
                break
            assert bench.screen == "closed" and "08:00 - 19:30" in bench.lines, (service, hour, bench.lines)
            assert len(bench.pulses) == before
            assert bench.facts[-1]["kind"] == "refused" and bench.facts[-1]["reason"] == 26


def test_hours_are_those_of_the_day_in_local_time():
    bench = _bench("shop", MONDAY_S + 10 * HOUR_S, hours=DAYS)
    bench.deposit("RR123456785FR")
    for day, local_hour, screen in (
        (5, 8, "closed"),
        (5, 13, "closed"),
        (6, 11, "closed_today"),
        (0, 7, "closed"),
    ):
        bench.pass_s(100)
        bench.epoch_s = MONDAY_S + 7 * 24 * HOUR_S + (day * 24 + local_hour - 2) * HOUR_S
        _local(bench, 2 * HOUR_S)
        _collect(bench, "RR123456785FR")
        assert bench.screen == screen, (day, local_hour)
    bench.pass_s(100)
    bench.epoch_s = MONDAY_S + 14 * 24 * HOUR_S + 6 * HOUR_S  # 08:00 here
    _collect(bench, "RR123456785FR")
    assert bench.screen == "take"


def test_the_display_says_closed_at_night_and_greets_from_the_minute_it_opens():
    bench = _bench("shop", MONDAY_S + 7 * HOUR_S + 3540, hours=DAYS)
    assert bench.screen == "closed" and "08:00 - 19:30" in bench.lines
    bench.pass_s(61)
    assert bench.screen == "idle"
    bench.pass_s(30)
    bench.epoch_s = MONDAY_S + 19 * HOUR_S + 30 * 60 - 30
    bench.pass_s(61)
    assert bench.screen == "closed"
    bench.press("1")
    assert bench.screen == "typing", "staff type their codes all the same"


def test_couriers_and_technicians_come_at_any_hour():
    bench = _bench("shop", MONDAY_S + 5 * HOUR_S, hours=DAYS)
    bench.deposit("RR123456785FR")
    assert "deposited" in bench.kinds()
    bench.press("#")
    bench.pass_s(10)
    bench.press(bench.window(E.TECHNICIAN, E.SERVICE, 1) + "#")
    assert bench.screen == "service"


def test_a_clock_that_is_not_set_sends_nobody_away():
    bench = _bench("shop", MONDAY_S + 10 * HOUR_S, hours=DAYS)
    bench.deposit("RR123456785FR")
    again = bench.restart()  # on the floor
    again.epoch_s = MONDAY_S + 23 * HOUR_S
    _collect(again, "RR123456785FR")
    assert again.screen == "take"


def test_a_clock_without_local_time_sends_nobody_away():
    """A clock chip has set the time, and the host has not yet said how far local time is from UTC."""
    rows = [[E.COURIER, E.DEPOSIT, 7]]
    bench = Bench(site(service="shop", holders=rows, hours=DAYS), epoch_s=MONDAY_S + 20 * HOUR_S)
    assert bench.screen == "idle", "it may be noon here"
    bench.deposit("RR123456785FR")
    _collect(bench, "RR123456785FR")
    assert bench.screen == "take"
    _local(bench, 0)
    bench.pass_s(100)
    assert bench.screen == "closed"


def test_an_automated_locker_never_closes():
    bench = _bench("locker", MONDAY_S + 10 * HOUR_S, hours=DAYS)
    bench.deposit("RR123456785FR")
    bench.pass_s(100)
    bench.epoch_s = MONDAY_S + 3 * HOUR_S + 7 * 24 * HOUR_S
    _collect(bench, "RR123456785FR")
    assert bench.screen == "take"


# --- a counter ---------------------------------------------------------------------------------------


def test_at_a_counter_nothing_opens_before_the_clerk_has_seen_who_it_is():
    bench = _bench("counter")
    bench.deposit("RR123456785FR")
    bench.pass_s(100)
    pulses = len(bench.pulses)
    _collect(bench, "RR123456785FR")
    assert bench.screen == "identity" and len(bench.pulses) == pulses
    bench.press("*")
    assert bench.screen == "goodbye" and len(bench.pulses) == pulses
    bench.pass_s(10)
    _collect(bench, "RR123456785FR")
    bench.press("#")
    assert bench.screen == "take"
    bench.shut(bench.core.session.door, 3)
    assert bench.kinds()[-1] == "collected"


def test_at_a_counter_nobody_presses_anything_and_nothing_opens():
    bench = _bench("counter")
    bench.deposit("RR123456785FR")
    bench.pass_s(100)
    pulses = len(bench.pulses)
    _collect(bench, "RR123456785FR")
    bench.pass_s(61)
    assert bench.screen == "idle" and len(bench.pulses) == pulses
    bench.press("#")
    assert len(bench.pulses) == pulses, "the question is gone with the person"


def test_a_clerk_may_leave_parcels_at_a_counter_without_showing_papers():
    bench = _bench("counter", holders=[[E.CLERK, E.DEPOSIT, 3]])
    bench.press(bench.window(E.CLERK, E.DEPOSIT, 3) + "#")
    assert bench.screen == "courier"


# --- a shop that delivers, a mall whose parcels a driver fetches -----------------------------------------


def _day(service="shop", role=E.PARTNER):
    bench = _bench(service, holders=[[role, E.HANDOVER, 9]])
    doors = []
    for parcel, size in (("P-1", "1"), ("P-2", "2"), ("P-3", "3")):
        doors.append(bench.deposit(parcel, size))
        bench.press("#")
        bench.pass_s(10)
    bench.pulses.clear()
    bench.press(bench.window(role, E.HANDOVER, 9) + "#")
    return bench, doors


def test_all_parcels_of_the_day_are_taken_one_door_after_the_other_with_one_key():
    for service, role in (("shop", E.PARTNER), ("mall", E.COURIER)):
        bench, doors = _day(service, role)
        assert bench.screen == "pick_all"
        bench.press("0")
        for count, door in enumerate(sorted(doors), 1):
            assert bench.pulses == sorted(doors)[:count], "one door at a time"
            bench.shut(door, 3)
        assert bench.screen == "goodbye"
        assert bench.kinds().count("returned") == 3


def test_a_jammed_door_does_not_keep_the_others_from_being_emptied():
    bench, doors = _day()
    first = sorted(doors)[0]
    bench.core.cabinet.doors[first].phase = 99  # out of order, as the cabinet sees it
    bench.press("0")
    assert bench.pulses == [sorted(doors)[1]]


def test_other_keys_and_other_people_open_nothing_of_the_sort():
    bench, _ = _day()
    bench.press("1")
    assert bench.pulses == [] and bench.screen == "pick_all"
    bench.press("#")
    bench.pass_s(10)
    bench.press(bench.window(E.COURIER, E.RECALL, 7) + "#")
    assert bench.screen == "pick_out"
    bench.press("0")
    assert bench.pulses == []


def test_a_label_may_still_be_scanned_and_only_its_door_opens():
    bench, doors = _day()
    bench.scan("P-2")
    assert bench.pulses == [doors[1]]
    bench.shut(doors[1], 3)
    assert bench.screen == "pick_all" and bench.pulses == [doors[1]]


# --- a residence ---------------------------------------------------------------------------------------


def _leave(bench, home, size="1"):
    """A courier types the number of a home; returns the door."""
    bench.press(home + "#")
    if bench.screen == "which_size":
        bench.press(size)
    door = bench.core.session.door
    bench.shut(door, 3)
    return door


def _residence():
    bench = _bench("residence")
    bench.give(bench.grant(1, "31415926", role=E.RESIDENT, parcel="@12", uses=0))
    bench.press(bench.window(E.COURIER, E.DEPOSIT, 7) + "#")
    assert bench.screen == "home"
    return bench


def test_a_parcel_left_for_a_home_is_opened_by_its_residents_standing_code():
    bench = _residence()
    door = _leave(bench, "0012")
    other = _leave(bench, "7")
    assert bench.screen == "home"
    bench.press("#")
    bench.pass_s(10)
    bench.pulses.clear()
    bench.press("31415926#")
    assert bench.screen == "take" and bench.pulses == [door] != [other]
    bench.shut(door, 3)
    assert bench.kinds()[-1] == "collected"


def test_several_parcels_for_one_home_are_found_one_after_another():
    bench = _residence()
    doors = [_leave(bench, "12"), _leave(bench, "12", "2")]
    bench.press("*")
    bench.pass_s(10)
    bench.pulses.clear()
    for _ in doors:
        bench.press("31415926#")
        bench.shut(bench.core.session.door, 3)
        bench.pass_s(10)
    assert sorted(bench.pulses) == sorted(doors)
    parcels = [fact["parcel"] for fact in bench.facts if fact["kind"] == "collected"]
    assert parcels == ["@12", "@12/2"]


def test_a_labelled_parcel_is_left_as_everywhere_and_a_typed_number_may_be_corrected():
    bench = _residence()
    bench.press("129*")
    assert "12_" in bench.lines[2]
    bench.press("**")
    assert bench.lines[2].endswith(" _")
    bench.scan("RR123456785FR")
    assert bench.screen == "which_size"


def test_a_restart_between_deposit_and_pick_up_changes_nothing():
    bench = _residence()
    door = _leave(bench, "12")
    again = bench.restart(E.TRUST_SET)
    again.pulses.clear()
    again.press("31415926#")
    assert again.pulses == [door]


def test_a_wrong_code_at_a_shop_is_a_wrong_code_open_or_closed():
    for hour in (3, 10):
        bench = _bench("shop", MONDAY_S + hour * HOUR_S, hours=DAYS)
        bench.press("12345678#")
        assert bench.screen == "wrong_code"


def test_a_courier_at_a_residence_ends_with_either_key_when_nothing_is_typed():
    for key in ("#", "*"):
        bench = _residence()
        bench.press(key)
        assert bench.screen == "goodbye"
    bench = _residence()
    bench.press("12**")
    assert bench.screen == "home"
    bench.press("*")
    assert bench.screen == "goodbye"


def test_a_home_with_nine_parcels_gets_no_tenth_and_the_courier_goes_on():
    expanders = [{"kind": "mcp23017", "i2c": 0, "address": address} for address in (32, 33)]
    doors = [
        {
            "name": str(i + 1),
            "size": 1,
            "lock": {"bank": "mcp23017@0:{}".format(32 + i // 8), "channel": i % 8},
            "reed": {"bank": "mcp23017@0:{}".format(32 + i // 8), "channel": 8 + i % 8},
        }
        for i in range(12)
    ]
    bench = _bench("residence", expanders=expanders, doors=doors)
    bench.press(bench.window(E.COURIER, E.DEPOSIT, 7) + "#")
    for _ in range(9):
        _leave(bench, "12")
    bench.press("12#")
    assert bench.screen == "already_here" and bench.kinds().count("deposited") == 9
    _leave(bench, "13")
    assert bench.kinds().count("deposited") == 10


def test_a_resident_for_whom_nothing_lies_there_is_told_so_and_a_customers_own_code_works_too():
    bench = _residence()
    bench.scan("RR123456785FR")
    bench.press("1")
    bench.shut(bench.core.session.door, 3)
    bench.press("#")
    bench.pass_s(10)
    bench.press("31415926#")
    assert bench.screen == "not_here"
    bench.pass_s(10)
    _collect(bench, "RR123456785FR")
    assert bench.screen == "take"
