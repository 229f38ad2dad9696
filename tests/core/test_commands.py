"""What the host may order beyond codes and doors, and that it lasts, ends, and is counted."""

from core_kit import CoreRig, site
from locker import texts
from locker.core import doors, events, orders
from locker.core import records as device_records
from locker.core.core import Core
from locker.net import messages

PARCEL = "RR123456785FR"


def order(b, cmd, **fields):
    """Send a command as the inbox would; returns the result that was replied."""
    body = {"id": "c-" + cmd, "n": b.core.command_counter + 1, "exp": b.epoch_s + 60, "cmd": cmd}
    body.update(fields)
    b.send((events.EV_ORDER, body))
    command_id, result = b.of(events.FX_REPLY)[-1]
    assert command_id == body["id"] and b.core.command_counter == body["n"]
    return result


def folded(b):
    """Whether a core made of a snapshot's records would write the same about orders and doors."""
    records = list(b.core.snapshot())
    core = Core(b.site, bytes(range(32)))
    for kind, payload in records:
        core.apply(kind, b.epoch_s, payload)
    mine = (
        device_records.SETTING,
        device_records.RESERVED,
        device_records.NOTICE,
        device_records.DOOR_STATE,
        device_records.COMMAND_STATE,
    )
    return [r for r in records if r[0] in mine] == [r for r in core.snapshot() if r[0] in mine]


def test_every_command_of_the_table_is_carried_out_by_somebody():
    alone = set(messages.commands()) - set(messages._FOLLOWED) - {"open"}
    assert alone | {"contents", "time", "clock"} == set(
        orders.Orders._BY_NAME
    )  # the shell sets the clock first


def test_every_result_has_a_word_and_a_number_of_its_own():
    assert len(orders.RESULT_NAMES) == orders.FULL + 1 == len(set(orders.RESULT_NAMES))


def test_an_order_is_in_the_journal_before_anything_is_heard_or_seen_of_it():
    b = CoreRig()
    for body in (
        {"id": "1", "n": 1, "cmd": "identify", "seconds": 5},
        {"id": "2", "n": 2, "cmd": "reboot"},
        {"id": "3", "n": 3, "cmd": "block", "door": 0},
    ):
        effects = b.core.handle((events.EV_ORDER, body), b.now())
        spent = [fx[0] == events.FX_RECORD and fx[1] == device_records.COMMAND for fx in effects].index(True)
        seen = (events.FX_BEEP, events.FX_LED, events.FX_RESTART, events.FX_REPLY)
        assert all(i > spent for i in range(len(effects)) if effects[i][0] in seen)


# --- compartments --------------------------------------------------------------------------------------


def test_a_blocked_compartment_is_given_to_nobody_until_it_is_released():
    b = CoreRig()
    assert order(b, "block", door=0) == order(b, "block", door=1) == "ok"
    assert b.facts[-2:] == [
        {"kind": "blocked", "door": 1, "why": doors.BLOCKED_OPERATOR},
        {"kind": "command", "counter": 2, "result": 0, "id": "c-block"},
    ]
    b = b.restart(events.TRUST_SET)
    assert b.deposit("P1", size="1") == 2 and folded(b)
    assert order(b, "release", door=1) == "ok"
    assert b.core.cabinet.choose(1) == 1
    assert order(b, "block", door=4) == order(b, "release", door=4) == "no_such_door"


def test_an_order_carried_out_already_says_ok_and_records_nothing_twice():
    b = CoreRig()
    for _ in range(2):
        order(b, "block", door=0)
    for _ in range(2):
        order(b, "release", door=0)
    assert b.kinds().count("blocked") == b.kinds().count("released") == 1


def test_a_reserved_compartment_waits_for_its_parcel_and_for_no_other():
    b = CoreRig()
    assert order(b, "reserve", door=3, until=b.epoch_s + 3600, parcel=PARCEL) == "ok"
    assert order(b, "reserve", door=0, until=b.epoch_s + 3600, parcel="P-9") == "ok"
    b = b.restart(events.TRUST_SET)
    assert folded(b)
    assert b.deposit("P1", size="1") == 1  # the first one is kept
    assert b.deposit(PARCEL, size="1") == 3  # larger than it needs: so the host wanted it
    assert not b.core.cabinet.doors[3].reserved


def test_a_reservation_ends_by_itself_by_release_and_with_another_one():
    b = CoreRig()
    order(b, "reserve", door=0, until=b.epoch_s + 2, parcel=PARCEL)
    assert b.core.cabinet.choose(1, False, "P1", b.epoch_s) == 1
    b.pass_s(3)
    assert b.core.cabinet.choose(1, False, "P1", b.epoch_s) == 0
    order(b, "reserve", door=0, until=b.epoch_s + 3600, parcel=PARCEL)
    order(b, "reserve", door=1, until=b.epoch_s + 3600, parcel=PARCEL)
    assert [d.reserved for d in b.core.cabinet.doors] == ["", PARCEL, "", ""]
    order(b, "release", door=1)
    assert not any(d.reserved for d in b.core.cabinet.doors) and folded(b)


def test_only_a_free_compartment_can_be_reserved_and_only_for_a_time_to_come():
    b = CoreRig()
    until = b.epoch_s + 3600
    door = b.deposit("P1")
    assert order(b, "reserve", door=door, until=until, parcel=PARCEL) == "not_free"
    order(b, "block", door=1)
    assert order(b, "reserve", door=1, until=until, parcel=PARCEL) == "not_free"
    assert order(b, "reserve", door=2, until=b.epoch_s, parcel=PARCEL) == "in_the_past"
    assert order(b, "reserve", door=2, until=until, parcel=PARCEL) == "ok"
    assert order(b, "reserve", door=2, until=until, parcel="P2") == "not_free"
    assert order(b, "reserve", door=2, until=until + 1, parcel=PARCEL) == "ok"
    assert order(b, "reserve", door=9, until=until, parcel="P2") == "no_such_door"
    assert b.kinds().count("reserved") == 2


# --- settings --------------------------------------------------------------------------------------------


def test_settings_hold_at_once_and_after_a_restart_and_can_be_taken_back():
    b = CoreRig()
    assert order(b, "configure", set=[["language", "fr"], ["name", "Gare"], ["reopen_s", "5"]]) == "ok"
    for _ in range(2):
        assert b.screen == "idle" and b.lines == texts.render("idle", ("Gare",), "fr")
        assert b.core.cabinet.reopen_s == 5 and folded(b)
        b = b.restart()
    assert order(b, "configure", set=[["language", ""], ["name", ""], ["reopen_s", ""]]) == "ok"
    b = b.restart()
    assert b.lines == texts.render("idle", (b.site.site_name,), "en")
    assert b.core.cabinet.reopen_s == b.site.reopen_s
    assert not any(kind == device_records.SETTING for kind, _ in b.core.snapshot())


def test_a_shorter_time_to_open_again_holds_for_the_next_person():
    b = CoreRig()
    order(b, "configure", set=[["reopen_s", "0"]])
    door = b.deposit(PARCEL)
    b.press(b.derived(PARCEL) + "#")
    b.pass_s(2)
    b.shut(door)
    b.press("*")
    assert b.screen == "done_before" and not b.is_open[door]


def test_settings_are_taken_all_or_none_and_only_those_of_the_list():
    b = CoreRig()
    for name, value in (
        ("pulse_ms", "900"),
        ("digits", ""),
        ("language", "xx"),
        ("name", "x" * 21),
        ("reopen_s", "601"),
        ("reopen_s", "-1"),
        ("reopen_s", "1e2"),
        ("reopen_s", "0120"),
    ):
        assert order(b, "configure", set=[["name", "Gare"], [name, value]]) == "unfit", (name, value)
    assert b.core.site_name == b.site.site_name and "setting" not in b.kinds()


def test_settings_change_nothing_under_the_hands_of_who_is_typing():
    b = CoreRig()
    b.press("12")
    order(b, "configure", set=[["language", "de"]])
    assert b.screen == "typing" and b.lines[0] == "Your code:"
    b.press("**")
    b.pass_s(30)
    assert b.lines == texts.render("idle", (b.site.site_name,), "de")


# --- the message on the display ----------------------------------------------------------------------------


def test_a_message_stands_on_the_idle_display_until_it_ends_restarts_included():
    b = CoreRig()
    text = [["en", "Closed on Monday|for repair"], ["fr", "Fermé lundi"]]
    assert order(b, "message", until=b.epoch_s + 60, text=text) == "ok"
    assert b.screen == "notice" and b.lines[:2] == ["Closed on Monday", "for repair"]
    b.press("1")
    assert b.screen == "typing"
    b.press("**")
    assert b.screen == "notice"
    b = b.restart()
    assert b.screen == "notice" and folded(b)
    b.pass_s(59)
    assert b.screen == "notice"
    b.pass_s(2)
    assert b.screen == "idle"


def test_a_message_speaks_the_site_s_language_or_else_any():
    b = CoreRig(site(language="fr"))
    order(b, "message", until=b.epoch_s + 60, text=[["en", "Hello"], ["fr", "Bonjour"]])
    assert b.lines[:2] == ["Bonjour", ""]
    order(b, "message", until=b.epoch_s + 60, text=[["en", "Hello"]])
    assert b.lines[:2] == ["Hello", ""]
    order(b, "message", until=b.epoch_s + 60, text=[])
    assert b.screen == "idle" and folded(b)


def test_a_message_for_many_days_outlives_the_longest_timer():
    b = CoreRig()
    order(b, "message", until=b.epoch_s + 30 * 86400, text=[["en", "Hello"]])
    assert b.timers[orders.NOTICE_TIMER] == 3_600_000
    b.epoch_s += 30 * 86400 - 10
    b.send((events.EV_TIMER, orders.NOTICE_TIMER))
    assert b.screen == "notice" and b.timers[orders.NOTICE_TIMER] == 10_000


def test_a_message_that_does_not_fit_or_is_over_is_refused_whole():
    b = CoreRig()
    until = b.epoch_s + 60
    for text in (
        [["en", "x" * 21]],
        [["en", "a|b|c"]],
        [["en", "a|" + "x" * 21]],
        [["en", "a"], ["xx", "b"]],
    ):
        assert order(b, "message", until=until, text=text) == "unfit", text
    assert order(b, "message", until=b.epoch_s, text=[["en", "Hello"]]) == "in_the_past"
    assert b.screen == "idle" and "notice" not in b.kinds()


# --- a sign, a restart ------------------------------------------------------------------------------------


def test_a_locker_that_is_looked_for_beeps_and_blinks_and_then_shows_what_it_did_before():
    b = CoreRig()
    b.send((events.EV_LINK, False))
    b.others = []
    assert order(b, "identify", seconds=5) == "ok"
    b.pass_s(3)
    b.send((events.EV_LINK, True))
    assert b.of(events.FX_LED)[-1] == (events.LED_BUSY,)
    b.pass_s(3)
    assert b.of(events.FX_BEEP) == [(events.BEEP_REMIND,)] * 3
    assert b.of(events.FX_LED)[-1] == (events.LED_READY,)
    assert orders.SIGN_TIMER not in b.timers


def test_a_restart_waits_for_the_reply_for_the_customer_and_for_the_door():
    b = CoreRig()
    assert order(b, "reboot") == "ok" and b.of(events.FX_RESTART) == []
    b.press("1")
    b.pass_s(10)
    assert b.of(events.FX_RESTART) == []
    b.pass_s(20)
    assert b.of(events.FX_RESTART) == [()]
    b = CoreRig()
    b.jammed.add(0)
    b.send((events.EV_OPEN_ORDER, 0, 1, "c1"))
    order(b, "reboot")
    b.pass_s(4)
    assert b.core.cabinet.doors[0].phase == doors.ORDERED and b.of(events.FX_RESTART) == []
    b.pass_s(10)
    assert b.of(events.FX_RESTART) == [()]


def test_a_keypad_mashed_without_end_puts_a_restart_off_for_a_quarter_of_an_hour_only():
    b = CoreRig()
    order(b, "reboot")
    for _ in range(95):
        b.press("1")
        b.pass_s(10)
    assert b.of(events.FX_RESTART) == [()]


def tell_time(b, offset_s=3600, next_s=0, next_offset_s=0):
    order(b, "time", t=b.epoch_s, offset_s=offset_s, next_s=next_s, next_offset_s=next_offset_s)


def test_the_clock_on_the_wall_stands_beside_the_name_and_goes_on():
    b = CoreRig(site(name="Bakery"))
    assert b.lines[0] == "Bakery"
    tell_time(b)
    minutes = (b.epoch_s + 3600) // 60 % 1440
    assert b.lines[0] == "Bakery         {:02d}:{:02d}".format(minutes // 60, minutes % 60)
    b.pass_s(61)
    minutes += 1
    assert b.lines[0][-5:] == "{:02d}:{:02d}".format(minutes // 60 % 24, minutes % 60)
    b.press("1")
    b.pass_s(3)
    assert b.screen == "typing", "a clock does not take the display from a person"


def test_a_clock_nobody_trusts_is_not_shown_and_a_long_name_is_not_cut_for_it():
    b = CoreRig(site(name="Bakery"), trust=events.TRUST_FLOOR)
    tell_time(b)
    assert b.lines[0] == "Bakery"
    b = CoreRig(site(name="Boulangerie Dupont"))
    tell_time(b)
    assert b.lines[0] == "Boulangerie Dupont"


def test_what_local_time_is_outlives_a_restart_and_a_snapshot_and_is_journaled_once():
    b = CoreRig()
    told = (7200, b.epoch_s + 5, 3600)
    for _ in range(2):
        tell_time(b, *told)
    assert b.kinds().count("local_time") == 1
    assert b.restart().core.orders.local.told == told
    core = Core(b.site, bytes(range(32)))
    for kind, payload in b.core.snapshot():
        core.apply(kind, b.epoch_s, payload)
    assert core.orders.local.told == told
