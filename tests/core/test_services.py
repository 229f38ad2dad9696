"""A counter, a shop, a residence: what the same locker does otherwise, and that nothing else changes."""

from core_kit import CoreRig, site
from locker.core import dialog, events
from locker.core.orders import RESULT_NAMES
from locker.core.services import KINDS

DAYS = [[480, 1170]] * 5 + [[540, 780], [0, 0]]  # 08:00 - 19:30, Saturdays 09:00 - 13:00, Sundays closed
MONDAY_S = 1_795_392_000  # 2026-11-23 00:00 UTC
HOUR_S = 3600


def _bench(service, at_s=MONDAY_S + 10 * HOUR_S, holders=(), **changes):
    rows = [
        [events.COURIER, events.DEPOSIT, 7],
        [events.COURIER, events.RECALL, 7],
        [events.TECHNICIAN, events.SERVICE, 1],
    ]
    rows += holders
    rig = CoreRig(site(service=service, holders=rows, **changes), epoch_s=at_s)
    _local(rig, 0)
    return rig


def _local(rig, offset_s):
    body = {"cmd": "time", "n": 1, "id": "t", "t": rig.epoch_s, "offset_s": offset_s,
            "next_s": 0, "next_offset_s": 0}  # fmt: skip
    rig.send((events.EV_ORDER, body))
    assert RESULT_NAMES[rig.facts[-1]["result"]] == "ok", rig.facts[-1]


def _collect(rig, parcel):
    rig.press(rig.derived(parcel) + "#")


def test_every_step_of_every_kind_has_its_action_and_none_hides_a_step_that_all_need():
    for kind in KINDS.values():
        for (state, what), action in kind.ROWS.items():
            assert hasattr(kind, "_do_" + action), (kind, action)
            assert what != dialog.TIMEOUT or not dialog.action(state, what)


# --- opening hours -----------------------------------------------------------------------------------


def test_a_customer_is_told_todays_hours_before_and_after_them_and_served_within():
    for service in ("counter", "shop", "mall", "seller"):
        rig = _bench(service, hours=DAYS)
        rig.deposit("RR123456785FR")
        for hour, served in ((7, False), (8, True), (19, True), (20, False)):
            rig.pass_s(100)
            rig.epoch_s = MONDAY_S + hour * HOUR_S
            before = len(rig.pulses)
            _collect(rig, "RR123456785FR")
            if served:
                assert rig.screen in ("identity", "take"), (service, hour)
                break
            assert rig.screen == "closed" and "08:00 - 19:30" in rig.lines, (service, hour, rig.lines)
            assert len(rig.pulses) == before
            assert rig.facts[-1]["kind"] == "refused" and rig.facts[-1]["reason"] == 26


def test_hours_are_those_of_the_day_in_local_time():
    rig = _bench("shop", MONDAY_S + 10 * HOUR_S, hours=DAYS)
    rig.deposit("RR123456785FR")
    for day, local_hour, screen in (
        (5, 8, "closed"),
        (5, 13, "closed"),
        (6, 11, "closed_today"),
        (0, 7, "closed"),
    ):
        rig.pass_s(100)
        rig.epoch_s = MONDAY_S + 7 * 24 * HOUR_S + (day * 24 + local_hour - 2) * HOUR_S
        _local(rig, 2 * HOUR_S)
        _collect(rig, "RR123456785FR")
        assert rig.screen == screen, (day, local_hour)
    rig.pass_s(100)
    rig.epoch_s = MONDAY_S + 14 * 24 * HOUR_S + 6 * HOUR_S  # 08:00 here
    _collect(rig, "RR123456785FR")
    assert rig.screen == "take"


def test_the_display_says_closed_at_night_and_greets_from_the_minute_it_opens():
    rig = _bench("shop", MONDAY_S + 7 * HOUR_S + 3540, hours=DAYS)
    assert rig.screen == "closed" and "08:00 - 19:30" in rig.lines
    rig.pass_s(61)
    assert rig.screen == "idle"
    rig.pass_s(30)
    rig.epoch_s = MONDAY_S + 19 * HOUR_S + 30 * 60 - 30
    rig.pass_s(61)
    assert rig.screen == "closed"
    rig.press("1")
    assert rig.screen == "typing", "staff type their codes all the same"


def test_couriers_and_technicians_come_at_any_hour():
    rig = _bench("shop", MONDAY_S + 5 * HOUR_S, hours=DAYS)
    rig.deposit("RR123456785FR")
    assert "deposited" in rig.kinds()
    rig.press("#")
    rig.pass_s(10)
    rig.press(rig.window(events.TECHNICIAN, events.SERVICE, 1) + "#")
    assert rig.screen == "service"


def test_a_clock_that_is_not_set_sends_nobody_away():
    rig = _bench("shop", MONDAY_S + 10 * HOUR_S, hours=DAYS)
    rig.deposit("RR123456785FR")
    again = rig.restart()  # on the floor
    again.epoch_s = MONDAY_S + 23 * HOUR_S
    _collect(again, "RR123456785FR")
    assert again.screen == "take"


def test_a_clock_without_local_time_sends_nobody_away():
    """A clock chip has set the time, and the host has not yet said how far local time is from UTC."""
    rows = [[events.COURIER, events.DEPOSIT, 7]]
    rig = CoreRig(site(service="shop", holders=rows, hours=DAYS), epoch_s=MONDAY_S + 20 * HOUR_S)
    assert rig.screen == "idle", "it may be noon here"
    rig.deposit("RR123456785FR")
    _collect(rig, "RR123456785FR")
    assert rig.screen == "take"
    _local(rig, 0)
    rig.pass_s(100)
    assert rig.screen == "closed"


def test_an_automated_locker_never_closes():
    rig = _bench("locker", MONDAY_S + 10 * HOUR_S, hours=DAYS)
    rig.deposit("RR123456785FR")
    rig.pass_s(100)
    rig.epoch_s = MONDAY_S + 3 * HOUR_S + 7 * 24 * HOUR_S
    _collect(rig, "RR123456785FR")
    assert rig.screen == "take"


# --- a counter ---------------------------------------------------------------------------------------


def test_at_a_counter_nothing_opens_before_the_clerk_has_seen_who_it_is():
    rig = _bench("counter")
    rig.deposit("RR123456785FR")
    rig.pass_s(100)
    pulses = len(rig.pulses)
    _collect(rig, "RR123456785FR")
    assert rig.screen == "identity" and len(rig.pulses) == pulses
    rig.press("*")
    assert rig.screen == "goodbye" and len(rig.pulses) == pulses
    rig.pass_s(10)
    _collect(rig, "RR123456785FR")
    rig.press("#")
    assert rig.screen == "take"
    rig.shut(rig.core.session.door, 3)
    assert rig.kinds()[-1] == "collected"


def test_at_a_counter_nobody_presses_anything_and_nothing_opens():
    rig = _bench("counter")
    rig.deposit("RR123456785FR")
    rig.pass_s(100)
    pulses = len(rig.pulses)
    _collect(rig, "RR123456785FR")
    rig.pass_s(61)
    assert rig.screen == "idle" and len(rig.pulses) == pulses
    rig.press("#")
    assert len(rig.pulses) == pulses, "the question is gone with the person"


def test_a_clerk_may_leave_parcels_at_a_counter_without_showing_papers():
    rig = _bench("counter", holders=[[events.CLERK, events.DEPOSIT, 3]])
    rig.press(rig.window(events.CLERK, events.DEPOSIT, 3) + "#")
    assert rig.screen == "courier"


# --- a shop that delivers, a mall whose parcels a driver fetches -----------------------------------------


def _day(service="shop", role=events.PARTNER):
    rig = _bench(service, holders=[[role, events.HANDOVER, 9]])
    doors = []
    for parcel, size in (("P-1", "1"), ("P-2", "2"), ("P-3", "3")):
        doors.append(rig.deposit(parcel, size))
        rig.press("#")
        rig.pass_s(10)
    rig.pulses.clear()
    rig.press(rig.window(role, events.HANDOVER, 9) + "#")
    return rig, doors


def test_all_parcels_of_the_day_are_taken_one_door_after_the_other_with_one_key():
    for service, role in (("shop", events.PARTNER), ("mall", events.COURIER)):
        rig, doors = _day(service, role)
        assert rig.screen == "pick_all"
        rig.press("0")
        for count, door in enumerate(sorted(doors), 1):
            assert rig.pulses == sorted(doors)[:count], "one door at a time"
            rig.shut(door, 3)
        assert rig.screen == "goodbye"
        assert rig.kinds().count("returned") == 3


def test_a_jammed_door_does_not_keep_the_others_from_being_emptied():
    rig, doors = _day()
    first = sorted(doors)[0]
    rig.core.cabinet.doors[first].phase = 99  # out of order, as the cabinet sees it
    rig.press("0")
    assert rig.pulses == [sorted(doors)[1]]


def test_other_keys_and_other_people_open_nothing_of_the_sort():
    rig, _ = _day()
    rig.press("1")
    assert rig.pulses == [] and rig.screen == "pick_all"
    rig.press("#")
    rig.pass_s(10)
    rig.press(rig.window(events.COURIER, events.RECALL, 7) + "#")
    assert rig.screen == "pick_out"
    rig.press("0")
    assert rig.pulses == []


def test_a_label_may_still_be_scanned_and_only_its_door_opens():
    rig, doors = _day()
    rig.scan("P-2")
    assert rig.pulses == [doors[1]]
    rig.shut(doors[1], 3)
    assert rig.screen == "pick_all" and rig.pulses == [doors[1]]


# --- a residence ---------------------------------------------------------------------------------------


def _leave(rig, home, size="1"):
    """A courier types the number of a home; returns the door."""
    rig.press(home + "#")
    if rig.screen == "which_size":
        rig.press(size)
    door = rig.core.session.door
    rig.shut(door, 3)
    return door


def _residence():
    rig = _bench("residence")
    rig.give(rig.grant(1, "31415926", role=events.RESIDENT, parcel="@12", uses=0))
    rig.press(rig.window(events.COURIER, events.DEPOSIT, 7) + "#")
    assert rig.screen == "home"
    return rig


def test_a_parcel_left_for_a_home_is_opened_by_its_residents_standing_code():
    rig = _residence()
    door = _leave(rig, "0012")
    other = _leave(rig, "7")
    assert rig.screen == "home"
    rig.press("#")
    rig.pass_s(10)
    rig.pulses.clear()
    rig.press("31415926#")
    assert rig.screen == "take" and rig.pulses == [door] != [other]
    rig.shut(door, 3)
    assert rig.kinds()[-1] == "collected"


def test_several_parcels_for_one_home_are_found_one_after_another():
    rig = _residence()
    doors = [_leave(rig, "12"), _leave(rig, "12", "2")]
    rig.press("*")
    rig.pass_s(10)
    rig.pulses.clear()
    for _ in doors:
        rig.press("31415926#")
        rig.shut(rig.core.session.door, 3)
        rig.pass_s(10)
    assert sorted(rig.pulses) == sorted(doors)
    parcels = [fact["parcel"] for fact in rig.facts if fact["kind"] == "collected"]
    assert parcels == ["@12", "@12/2"]


def test_a_labelled_parcel_is_left_as_everywhere_and_a_typed_number_may_be_corrected():
    rig = _residence()
    rig.press("129*")
    assert "12_" in rig.lines[2]
    rig.press("**")
    assert rig.lines[2].endswith(" _")
    rig.scan("RR123456785FR")
    assert rig.screen == "which_size"


def test_a_fifth_digit_of_a_home_is_refused_aloud_and_no_other_home_gets_the_parcel():
    rig = _residence()
    rig.press("9998")
    assert [sound for (sound,) in rig.of(events.FX_BEEP)[-4:]] == [events.BEEP_KEY] * 4
    rig.press("7")
    assert rig.of(events.FX_BEEP)[-1] == (events.BEEP_ERROR,) and "9998_" in rig.lines[2]
    rig.press("#")
    assert rig.core.session.parcel == "@9998"


def test_a_restart_between_deposit_and_pick_up_changes_nothing():
    rig = _residence()
    door = _leave(rig, "12")
    again = rig.restart(events.TRUST_SET)
    again.pulses.clear()
    again.press("31415926#")
    assert again.pulses == [door]


def test_a_wrong_code_at_a_shop_is_a_wrong_code_open_or_closed():
    for hour in (3, 10):
        rig = _bench("shop", MONDAY_S + hour * HOUR_S, hours=DAYS)
        rig.press("12345678#")
        assert rig.screen == "wrong_code"


def test_a_courier_at_a_residence_ends_with_either_key_when_nothing_is_typed():
    for key in ("#", "*"):
        rig = _residence()
        rig.press(key)
        assert rig.screen == "goodbye"
    rig = _residence()
    rig.press("12**")
    assert rig.screen == "home"
    rig.press("*")
    assert rig.screen == "goodbye"


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
    rig = _bench("residence", expanders=expanders, doors=doors)
    rig.press(rig.window(events.COURIER, events.DEPOSIT, 7) + "#")
    for _ in range(9):
        _leave(rig, "12")
    rig.press("12#")
    assert rig.screen == "already_here" and rig.kinds().count("deposited") == 9
    _leave(rig, "13")
    assert rig.kinds().count("deposited") == 10


def test_a_resident_for_whom_nothing_lies_there_is_told_so_and_a_customers_own_code_works_too():
    rig = _residence()
    rig.scan("RR123456785FR")
    rig.press("1")
    rig.shut(rig.core.session.door, 3)
    rig.press("#")
    rig.pass_s(10)
    rig.press("31415926#")
    assert rig.screen == "not_here"
    rig.pass_s(10)
    _collect(rig, "RR123456785FR")
    assert rig.screen == "take"
