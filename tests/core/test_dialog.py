"""What a person at the keypad sees and gets, from the first key to the closed door."""

from core_kit import CoreRig, site
from locker import texts
from locker.core import dialog, doors, events
from locker.core.cabinet import NOTE_REMIND


def test_a_parcel_the_locker_never_heard_of_goes_in_and_comes_out_with_no_network():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    assert b.screen == "idle" and b.core.cabinet.doors[door].content == doors.PARCEL
    b.press(b.derived("RR123456785FR") + "#")
    assert b.screen == "take" and b.is_open[door]
    b.shut(door)
    assert b.screen == "thanks" and b.kinds()[-1] == "collected"
    b.pass_s(10)
    assert b.screen == "idle"


def test_a_code_opens_once():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    code = b.derived("RR123456785FR")
    b.press(code + "#")
    b.shut(door)
    b.pass_s(200)
    pulses = len(b.pulses)
    b.press(code + "#")
    assert b.screen == "done_before" and len(b.pulses) == pulses


def test_forgot_something_opens_once_more_for_two_minutes():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.press(b.derived("RR123456785FR") + "#")
    b.shut(door)
    b.press("*")
    assert b.is_open[door] and b.core.cabinet.doors[door].content == doors.EMPTY
    b.shut(door)
    assert b.kinds().count("collected") == 1


def test_a_listed_code_sent_by_the_host_opens_the_parcel_s_compartment():
    b = CoreRig()
    b.give(b.grant(5, "90210417", parcel="P-1"))
    door = b.deposit("P-1", size="2")
    assert door == 2
    b.press("90210417#")
    assert b.is_open[2] and b.facts[-1]["ref"] == 5


def test_a_code_for_a_parcel_that_is_not_here_says_so():
    b = CoreRig()
    b.give(b.grant(5, "90210417", parcel="P-1"))
    b.press("90210417#")
    assert b.screen == "not_here" and b.pulses == []


def test_an_unknown_code_opens_nothing_and_costs_a_try():
    b = CoreRig()
    b.press("11111111#")
    assert b.screen == "wrong_code" and b.pulses == []
    assert b.kinds()[-2:] == ["attempt", "refused"]


def test_a_code_too_short_or_too_long_is_told_and_costs_no_try():
    b = CoreRig()
    for keys in ("123#", "123456789012#", "#"):
        b.press(keys)
        assert b.screen in ("code_length", "idle") and "attempt" not in b.kinds()
        b.pass_s(10)


def test_mashed_keys_open_nothing():
    b = CoreRig()
    b.press("12")
    b.send((events.EV_KEYS_TOGETHER,))
    assert b.screen == "one_key" and b.pulses == []
    b.press("34")
    assert b.core.session.typed == "34"


def test_tries_left_are_told_only_when_few_and_then_the_display_counts_down():
    b = CoreRig()
    for _ in range(14):
        b.press("11111111#")
        assert b.screen == "wrong_code"
    b.press("11111111#")
    assert b.screen == "few_tries" and "5" in b.lines[1]
    for _ in range(5):
        b.press("11111111#")
    attempts = b.kinds().count("attempt")
    b.press("11111111#")
    assert b.screen == "locked" and b.kinds().count("attempt") == attempts == 20
    before = b.lines[1]
    b.pass_s(3)
    assert b.screen == "locked" and b.lines[1] < before


def test_an_honest_customer_who_mistypes_gets_the_tries_back():
    b = CoreRig()
    b.deposit("RR123456785FR")
    left = b.core.access.may_try(b.now())[0]
    b.press(b.derived("RR123456785FR") + "#")
    assert b.core.access.may_try(b.now())[0] == left


def test_a_door_that_does_not_open_is_pulsed_again_and_then_on_demand():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.pulses.clear()
    b.jammed.add(door)
    b.press(b.derived("RR123456785FR") + "#")
    b.pass_s(3)
    assert b.screen == "again"
    b.pass_s(5)
    assert b.screen == "stuck" and b.pulses == [door] * 3
    b.jammed.clear()
    b.press("*")
    assert b.screen == "take" and b.is_open[door]
    b.shut(door)
    assert b.kinds()[-1] == "collected"


def test_a_door_pushed_shut_as_it_springs_asks_again_and_star_opens_it():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.press(b.derived("RR123456785FR") + "#")
    assert b.screen == "take"
    b.shut(door, after_s=0)
    assert b.screen == "stuck" and b.core.cabinet.doors[door].content == doors.PARCEL
    b.pass_s(3)
    b.press("*")
    assert b.screen == "take" and b.is_open[door]
    b.shut(door)
    assert b.kinds()[-1] == "collected"


def test_a_door_that_never_opens_keeps_the_parcel_and_the_code():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.jammed.add(door)
    code = b.derived("RR123456785FR")
    b.press(code + "#")
    b.pass_s(120)
    assert b.screen == "idle" and b.core.cabinet.doors[door].content == doors.PARCEL
    b.jammed.clear()
    b.press(code + "#")
    assert b.is_open[door]


def test_a_wrong_or_missing_parcel_can_be_reported_and_the_compartment_is_given_to_nobody():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.press(b.derived("RR123456785FR") + "#*")
    assert b.screen == "reported"
    b.shut(door)
    assert b.core.cabinet.doors[door].block == doors.BLOCKED_REPORTED and "alarm" in b.kinds()
    assert b.core.cabinet.choose(1) != door


def test_larger_please_gives_a_larger_compartment():
    b = CoreRig()
    first = b.deposit("RR123456785FR", shut=False)
    b.press("*")
    assert b.screen == "close_it"
    b.shut(first)
    second = b.core.session.door
    assert b.site.sizes[second] > b.site.sizes[first] and b.screen == "fill"
    b.shut(second)
    assert b.core.cabinet.find("RR123456785FR") == second
    assert b.core.cabinet.doors[first].content == doors.EMPTY


def test_the_courier_can_take_a_parcel_back_out():
    b = CoreRig()
    door = b.deposit("RR123456785FR", shut=False)
    b.press("#")
    b.shut(door)
    assert b.screen == "courier" and b.core.cabinet.doors[door].content == doors.EMPTY


def test_another_compartment_when_the_first_does_not_open_for_a_deposit():
    b = CoreRig()
    b.jammed.add(0)
    b.press(b.window(events.COURIER, events.DEPOSIT, 7) + "#")
    b.scan("RR123456785FR")
    b.press("1")
    b.pass_s(8)
    assert b.is_open[1] and b.core.session.door == 1
    b.shut(1)
    assert b.core.cabinet.find("RR123456785FR") == 1 and b.core.cabinet.doors[0].block == doors.BLOCKED_STUCK


def test_a_label_with_a_wrong_check_digit_is_not_taken():
    b = CoreRig()
    b.press(b.window(events.COURIER, events.DEPOSIT, 7) + "#")
    b.scan("RR123456786FR")
    assert b.screen == "bad_label" and b.pulses == []
    b.scan("RR123456785FR")
    assert b.screen == "which_size"


def test_the_same_parcel_is_not_taken_twice():
    b = CoreRig()
    b.deposit("RR123456785FR")
    b.press(b.window(events.COURIER, events.DEPOSIT, 7) + "#")
    b.scan("RR123456785FR")
    assert b.screen == "already_here"


def test_no_room_is_said_and_the_courier_goes_on():
    b = CoreRig()
    b.press(b.window(events.COURIER, events.DEPOSIT, 7) + "#")
    b.scan("P-BIG")
    b.press("4")
    assert b.screen == "full" and b.core.session.state == dialog.COURIER


def test_a_parcel_whose_code_somebody_else_has_already_is_not_taken_in():
    b = CoreRig()
    b.give(b.grant(6, b.derived("P-2"), role=events.RESIDENT, door=0))
    b.press(b.window(events.COURIER, events.DEPOSIT, 7) + "#")
    b.scan("P-2")
    assert b.screen == "code_clash" and b.pulses == []
    b.scan("P-3")
    assert b.screen == "which_size"


def test_an_announced_parcel_needs_no_question_about_its_size():
    b = CoreRig()
    b.send((events.EV_EXPECTED, "P-7", 3, b.epoch_s + 86400))
    b.press(b.window(events.COURIER, events.DEPOSIT, 7) + "#")
    b.scan("P-7")
    assert b.screen == "fill" and b.core.session.door == 3


def test_an_announcement_that_has_ended_says_nothing_of_the_size():
    b = CoreRig()
    b.send((events.EV_EXPECTED, "P-7", 3, b.epoch_s - 1))
    b.press(b.window(events.COURIER, events.DEPOSIT, 7) + "#")
    b.scan("P-7")
    assert b.screen == "which_size"


def test_a_courier_takes_an_uncollected_parcel_away():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.press(b.window(events.COURIER, events.RECALL, 7) + "#")
    assert b.screen == "pick_out"
    b.scan("RR123456785FR")
    b.shut(door)
    assert b.kinds()[-1] == "returned" and b.screen == "pick_out"


def test_a_courier_who_asks_for_a_parcel_that_was_collected_opens_nothing():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.press(b.derived("RR123456785FR") + "#")
    b.shut(door)
    b.pass_s(10)
    b.pulses.clear()
    b.press(b.window(events.COURIER, events.RECALL, 7) + "#")
    for label in ("RR123456785FR", "P-9"):
        b.scan(label)
        assert b.screen == "not_here" and b.pulses == []


def test_a_technician_forced_to_open_sees_what_he_always_sees_and_an_alarm_goes_out():
    b = CoreRig(site(duress=True))
    code = b.window(events.TECHNICIAN, events.SERVICE, 1)
    b.press(code[:-1] + str((int(code[-1]) + 1) % 10) + "#")
    assert b.screen == "service" and b.of(events.FX_BEEP)[-1] == (events.BEEP_OK,)
    (alarm,) = [fact for fact in b.facts if fact["kind"] == "alarm"]
    assert (alarm["alarm"], alarm["role"], alarm["holder"]) == (2, events.TECHNICIAN, 1)
    b = CoreRig(site(duress=True))
    b.press(code + "#")
    assert b.screen == "service" and "alarm" not in b.kinds()


def test_a_remote_order_for_the_door_after_the_last_is_answered_and_opens_nothing():
    b = CoreRig()
    for counter, door in enumerate((len(b.site.names), 65534), 1):
        b.send((events.EV_OPEN_ORDER, door, counter, "c"))
        assert b.of(events.FX_REPLY)[-1] == ("c", "no_such_door")
    assert b.pulses == []


def test_a_technician_opens_any_compartment_by_its_name_and_nothing_is_freed():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.press(b.window(events.TECHNICIAN, events.SERVICE, 1) + "#")
    assert b.screen == "service"
    b.press(str(door + 1) + "#")
    assert b.is_open[door] and b.screen == "close_it"
    b.shut(door)
    assert b.screen == "service" and b.core.cabinet.doors[door].content == doors.PARCEL
    b.press("99#")
    assert b.screen == "no_such_door"


def test_a_customer_s_return_is_one_parcel_and_no_menu():
    b = CoreRig()
    b.send((events.EV_EXPECTED, "RET-1", 1, b.epoch_s + 86400))
    b.give(b.grant(6, "55566677", action=events.RETURN, parcel="RET-1"))
    b.press("55566677#")
    door = b.core.session.door
    assert b.screen == "fill"
    b.shut(door)
    assert b.screen == "thanks" and b.core.cabinet.find("RET-1") == door


def test_a_standing_code_of_one_door_opens_it_again_and_again():
    b = CoreRig()
    b.give(b.grant(7, "12121212", role=events.RESIDENT, door=3, uses=0))
    for _ in range(3):
        b.press("12121212#")
        assert b.is_open[3]
        b.shut(3)
        b.pass_s(10)


def test_an_opening_by_the_operator_or_a_technician_uses_up_nobody_else_s_code():
    b = CoreRig()
    b.give(b.grant(7, "12121212", role=events.RESIDENT, door=3, uses=2))
    b.press("12121212#")
    b.shut(3)
    b.pass_s(10)
    b.send((events.EV_OPEN_ORDER, 3, 1, "x"))
    b.shut(3)
    b.press(b.window(events.TECHNICIAN, events.SERVICE, 1) + "#4#")
    b.shut(3)
    b.press("*")
    b.pass_s(10)
    assert b.kinds().count("opened") == 3
    b.press("12121212#")
    assert b.is_open[3]
    b.shut(3)
    b.pass_s(10)
    b.press("12121212#")
    assert b.screen == "done_before"


def test_a_token_for_service_is_spent_by_the_first_door_and_serves_its_own_visit_to_the_end():
    b = CoreRig()
    b.scan(b.token(99, events.SERVICE))
    for name in "34":
        b.press(name + "#")
        assert b.is_open[int(name) - 1]
        b.shut(int(name) - 1)
    b.press("*")
    b.pass_s(10)
    b.scan(b.token(99, events.SERVICE))
    assert b.screen == "done_before"


def test_a_token_is_spent_also_when_the_power_goes_between_its_pulse_and_the_opening():
    b = CoreRig()
    b.jammed.add(3)
    b.scan(b.token(99, events.COLLECT, door=4))
    b.is_open[3] = True
    b = b.restart(events.TRUST_SET)
    b.shut(3)
    b.pass_s(10)
    b.scan(b.token(99, events.COLLECT, door=4))
    assert b.screen == "done_before" and "token_used" in b.kinds()


def test_a_grant_s_opening_after_a_restart_is_one_use_of_it_and_no_token_s():
    b = CoreRig()
    b.jammed.add(3)
    b.give(b.grant(7, "12121212", role=events.RESIDENT, door=3, uses=2))
    b.press("12121212#")
    b.is_open[3] = True
    b = b.restart(events.TRUST_SET)
    b.shut(3)
    b.pass_s(10)
    assert "token_used" not in b.kinds()
    b.press("12121212#")
    assert b.screen == "take"


def test_star_goes_through_every_language_and_the_next_person_finds_the_site_s_own():
    b = CoreRig()
    for language in tuple(texts.LANGUAGES[1:]) + tuple(texts.LANGUAGES):
        b.press("*")
        assert b.lines == texts.render("idle", (b.site.site_name,), language)
    b.press("1")
    assert b.lines[0] == "Ihr Code:"
    b.press("**")
    assert b.lines == texts.render("idle", (b.site.site_name,), "en"), "with nothing typed it goes on"
    b.pass_s(30)
    assert b.lines[1] == "Type your code, then"


def _greets(b, language):
    return b.lines == texts.render("idle", (b.site.site_name,), language)


def test_who_mistypes_reads_on_in_the_language_chosen_and_star_goes_on_from_there():
    for keys, screen in (("11111111#", "wrong_code"), ("123#", "code_length"), ("123456789#", "code_length")):
        for after, language in (("", "fr"), ("#", "fr"), ("*", "de"), ("**", "en")):
            b = CoreRig()
            b.press("*" + keys)
            assert b.lines == texts.render(screen, (8,) if screen == "code_length" else (), "fr")
            b.press(after)
            b.pass_s(7)
            assert _greets(b, language), (keys, after)
            b.press("1")
            assert b.lines == texts.render("typing", ("1",), language), (keys, after)


def test_the_language_chosen_stays_until_nobody_has_touched_anything_for_as_long_as_digits_do():
    b = CoreRig()
    b.press("*")
    b.pass_s(19)
    b.press("11111111#")
    b.pass_s(19)
    assert _greets(b, "fr")
    b.pass_s(1)
    assert _greets(b, "en") and b.core.session.state == dialog.IDLE
    b.press("*11111111#")
    b.pass_s(15)
    b.press("#1")
    b.pass_s(19)
    assert b.lines == texts.render("typing", ("1",), "fr")
    b.pass_s(1)
    assert _greets(b, "en")


def test_the_language_chosen_outlasts_a_collection_and_the_countdown():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.press("*" + b.derived("RR123456785FR") + "#")
    b.shut(door)
    b.pass_s(7)
    assert _greets(b, "fr")
    b.pass_s(30)
    for _ in range(20):
        b.press("11111111#")
    b.pass_s(30)
    b.press("*11111111#")
    assert b.screen == "locked"
    b.pass_s(16)
    assert _greets(b, "fr")
    b.press("11111111#*")
    assert _greets(b, "de"), "star leads on from the countdown too"
    b.pass_s(30)
    assert _greets(b, "en")


def test_who_walked_away_from_an_open_door_leaves_no_language_behind():
    b = CoreRig()
    b.deposit("RR123456785FR")
    b.press("*" + b.derived("RR123456785FR") + "#")
    b.pass_s(100)
    assert _greets(b, "en")


def test_a_digit_too_many_is_refused_aloud_and_nothing_typed_is_cut():
    b = CoreRig(site(digits=10))
    b.press("12345678901")
    assert b.core.session.typed == "1234567890"
    beeps = [sound for (sound,) in b.of(events.FX_BEEP)]
    assert beeps[-2:] == [events.BEEP_KEY, events.BEEP_ERROR] and beeps.count(events.BEEP_ERROR) == 1
    b.pass_s(30)
    b.press(b.window(events.TECHNICIAN, events.SERVICE, 1) + "#")
    b.press("0000001")
    assert b.core.session.typed == "000000" and b.of(events.FX_BEEP)[-1] == (events.BEEP_ERROR,)
    b.press("#")
    assert b.screen == "no_such_door" and b.pulses == [], "not the compartment that its last digits name"


def test_scanning_a_code_works_like_typing_it_and_nonsense_is_answered():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.scan(b.derived("RR123456785FR"))
    assert b.is_open[door]
    b.shut(door)
    b.pass_s(10)
    b.scan("https://example.org")
    assert b.screen == "bad_scan"
    b.pass_s(10)
    b.scan("CG1garbage")
    assert b.screen == "wrong_code" and b.kinds()[-1] == "refused"


def test_power_gone_after_the_attempt_the_customer_is_served_on_the_second_try():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    code = b.derived("RR123456785FR")
    b.jammed.add(door)
    b.press(code + "#")
    after = b.restart()
    after.press(code + "#")
    assert after.is_open[door] and after.screen == "take"


def test_power_gone_with_the_door_open_everything_is_still_true():
    b = CoreRig()
    door = b.deposit("RR123456785FR")
    b.press(b.derived("RR123456785FR") + "#")
    after = b.restart()
    assert after.core.cabinet.doors[door].content == doors.TAKEN
    after.shut(door)
    assert after.kinds()[-1] == "collected"


def test_a_gap_in_the_grants_is_asked_for_and_not_taken():
    b = CoreRig()
    b.send((events.EV_GRANTS, 4, 5, [b.grant(9, "12345678", door=0)], [], False))
    assert b.of(events.FX_ASK_GRANTS) == [(0,)]
    b.press("12345678#")
    assert b.pulses == []


def test_an_impossible_grant_from_the_host_is_refused_and_the_rest_taken():
    b = CoreRig()
    b.give(b.grant(1, "11112222", door=200), b.grant(2, "22223333", door=0))
    assert "refused" in b.kinds()
    b.press("22223333#")
    assert b.is_open[0]


def test_a_remote_order_is_counted_before_it_opens_and_answered():
    b = CoreRig()
    b.send((events.EV_OPEN_ORDER, 2, 7, "c1"))
    assert b.kinds()[-3:] == ["command", "pulse", "opened"] and b.of(events.FX_REPLY) == [("c1", "ok")]
    b.send((events.EV_OPEN_ORDER, 2, 8, "c2"), (events.EV_OPEN_ORDER, 99, 9, "c3"))
    assert b.of(events.FX_REPLY)[1:] == [("c2", "is_open"), ("c3", "no_such_door")] and b.pulses == [2]
    assert b.restart().core.command_counter == 9


def test_a_snapshot_folds_to_the_same_locker():
    b = CoreRig()
    b.give(b.grant(5, "90210417", parcel="P-1"))
    b.deposit("P-1")
    b.send((events.EV_EXPECTED, "P-9", 2, b.epoch_s + 1000), (events.EV_COMMAND, 12, 0, "x"))
    b.press("11111111#")
    again = CoreRig(log=[(kind, b.epoch_s, payload) for kind, payload in b.core.snapshot()])
    assert list(again.core.snapshot()) == list(b.core.snapshot())
    assert again.core.command_counter == 12
    again.press("90210417#")
    assert any(again.is_open)


def test_a_screen_full_of_false_tokens_does_not_push_the_parcels_out_of_the_journal():
    b = CoreRig()
    for shown in range(500):
        b.scan("CG1" + "{:04d}".format(shown) * 13)
        assert b.screen == "wrong_code"
    assert b.kinds().count("refused") == 10
    b.press("00000000#")  # a try is always followed by how it ended
    assert b.kinds()[-2:] == ["attempt", "refused"]
    b.pass_s(3600)
    (fault,) = [fact for fact in b.facts if fact["kind"] == "fault"]
    assert fault["what"] == "scanner: 490 more refused tokens"
    b.scan("CG1" + "A" * 52)
    assert b.kinds()[-1] == "refused"
    b.pass_s(3600)
    assert b.kinds().count("fault") == 1


def test_good_tokens_are_taken_in_the_middle_of_a_flood_of_false_ones():
    b = CoreRig()
    for shown in range(50):
        b.scan("CG1" + "{:04d}".format(shown) * 13)
    b.scan(b.token(5, events.SERVICE))
    assert b.screen == "service" and b.kinds()[-1] == "accepted"


def test_a_sensor_that_is_still_out_of_order_after_an_hour_is_told_again():
    b = CoreRig()
    for _ in range(5):
        b.send((events.EV_SENSOR_FAULT, 2, doors.FAULT_SENSOR_SILENT))
    assert b.kinds().count("door_fault") == 3
    b.pass_s(3600)
    assert b.kinds().count("door_fault") == 4
    b.pass_s(3600)
    assert b.kinds().count("door_fault") == 4


def test_the_floor_of_the_time_is_journaled_every_hour():
    b = CoreRig()
    b.pass_s(3601)
    assert b.kinds()[-1] == "time_floor"


def test_every_state_of_the_dialog_ends_by_itself():
    waiting = {state for state in dialog.STATES if dialog.action(state, dialog.TIMEOUT)}
    assert waiting == set(dialog.STATES) - {dialog.IDLE, dialog.CHECKING}


def test_every_action_of_the_tables_exists():
    b = CoreRig()
    for row in dialog.TABLE.strip().split("\n"):
        state, what, action = row.split(" ")
        assert dialog.action(state, what) == action and state in dialog.STATES
        assert hasattr(b.core.session, "_do_" + action), action
    for row in doors.TABLE.strip().split("\n"):
        phase, signal, target, action = row.split(" ")
        assert (
            doors.step(phase, signal) == [target, action] and phase in doors.PHASES and target in doors.PHASES
        )
        assert hasattr(b.core.cabinet, "_do_" + action), action


def test_every_input_of_the_dialogs_table_is_one_that_can_come():
    inputs = [dialog.DIGIT, dialog.STAR, dialog.HASH, dialog.TOKEN, dialog.CODE, dialog.LABEL, dialog.GARBLED]
    inputs += [dialog.TOGETHER, dialog.TIMEOUT, dialog.CARD] + list(dialog.DOOR_INPUTS)
    for row in dialog.TABLE.strip().split("\n"):
        assert row.split(" ")[1] in inputs, row
    assert len(dialog.DOOR_INPUTS) == NOTE_REMIND + 1


def test_two_couriers_one_after_the_other_are_told_apart():
    b = CoreRig(site(holders=[[events.COURIER, events.DEPOSIT, 7], [events.COURIER, events.DEPOSIT, 8]]))
    b.deposit("P-1")
    b.press(b.window(events.COURIER, events.DEPOSIT, 8) + "#")
    b.scan("P-2")
    b.press("1")
    b.shut(b.core.session.door)
    assert [fact["holder"] for fact in b.facts if fact["kind"] == "deposited"] == [7, 8]


def test_with_records_missing_only_the_technician_and_the_operator_open_doors():
    b = CoreRig()
    b.deposit("RR123456785FR")
    b.core.session.proven = False
    for code in (b.derived("RR123456785FR"), b.window(events.COURIER, events.DEPOSIT, 7)):
        pulses = len(b.pulses)
        b.press(code + "#")
        assert b.screen == "out_of_service" and len(b.pulses) == pulses
        b.pass_s(10)
    b.press(b.window(events.TECHNICIAN, events.SERVICE, 1) + "#1#")
    assert b.is_open[0]
    b.send((events.EV_OPEN_ORDER, 2, 7, "c1"))
    assert b.is_open[2]
