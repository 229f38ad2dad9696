"""Custody: what a door's order, its sensor and its content may and may not lead to."""

from time import ticks_add

from cabinet_kit import CabinetRig
from locker.core import doors, records
from locker.core.cabinet import (
    IS_OPEN,
    NOTE_ALARM,
    NOTE_BROKEN,
    NOTE_REMIND,
    NOTE_STUCK,
    ORDERED,
    OUT_OF_ORDER,
)


def _with_parcel(door=0, parcel="P1"):
    b = CabinetRig()
    for i in range(4):
        b.signal(i, doors.SEEN_CLOSED)
    assert b.order(door, doors.FOR_DEPOSIT, parcel, role=1, holder=7) == ORDERED
    b.signal(door, doors.PULSED)
    b.signal(door, doors.SEEN_OPEN)
    b.signal(door, doors.SEEN_CLOSED)
    assert b.cabinet.doors[door].content == doors.PARCEL
    b.facts.clear()
    b.pulses.clear()
    return b


def test_a_deposit_is_a_fact_only_when_the_door_was_open_and_is_closed():
    b = CabinetRig()
    b.signal(0, doors.SEEN_CLOSED)
    b.order(0, doors.FOR_DEPOSIT, "P1", role=1, holder=7)
    assert b.kinds() == ["pulse"] and b.pulses == [0]
    b.signal(0, doors.SEEN_OPEN)
    assert b.cabinet.doors[0].content == doors.FILLING
    b.signal(0, doors.SEEN_CLOSED)
    assert b.kinds() == ["pulse", "opened", "closed", "deposited"]
    assert b.facts[-1] == {"kind": "deposited", "door": 0, "holder": 7, "role": 1, "parcel": "P1"}


def test_a_door_never_seen_open_is_never_freed():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    for _ in range(3):
        b.signal(0, doors.PULSED)
        b.pass_ms(2_100)
    b.pass_ms(60_000)
    assert b.pulses == [0, 0, 0], "pulsed again after a rest, twice at most"
    assert b.cabinet.doors[0].content == doors.PARCEL
    assert b.kinds()[-1] == "not_opened" and "collected" not in b.kinds()


def test_a_jammed_door_pushed_shut_is_not_taken_as_collected():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    b.signal(0, doors.SEEN_CLOSED)  # the sensor repeats itself
    b.signal(0, doors.PULSED)
    b.signal(0, doors.SEEN_CLOSED)
    assert b.cabinet.doors[0].content == doors.PARCEL and b.kinds() == ["pulse"]


def test_a_door_that_springs_late_still_counts_as_ordered():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    for _ in range(3):
        b.signal(0, doors.PULSED)
        b.pass_ms(2_100)
    assert b.cabinet.doors[0].phase == doors.STUCK
    b.pass_ms(10_000)
    b.signal(0, doors.SEEN_OPEN)
    assert b.kinds()[-1] == "opened" and "forced" not in b.kinds()


def test_a_door_opened_without_an_order_is_an_alarm_and_is_given_to_nobody():
    b = CabinetRig()
    for i in range(4):
        b.signal(i, doors.SEEN_CLOSED)
    b.signal(0, doors.SEEN_OPEN)
    b.signal(0, doors.SEEN_CLOSED)
    assert b.kinds() == ["forced", "closed"]
    assert (0, NOTE_ALARM) in b.cabinet.notes
    assert b.cabinet.choose(1) == 1
    b.record(15, 0, 0)  # released by the operator
    assert b.cabinet.choose(1) == 0


def test_a_forced_compartment_still_opens_for_who_comes_for_the_parcel():
    b = _with_parcel()
    b.signal(0, doors.SEEN_OPEN)
    b.signal(0, doors.SEEN_CLOSED)
    assert b.cabinet.doors[0].content == doors.PARCEL and b.cabinet.doors[0].block == doors.BLOCKED_FORCED
    assert b.order(0, doors.FOR_COLLECT, "P1") == ORDERED


def test_an_open_door_is_given_to_nobody_and_not_pulsed():
    b = CabinetRig()
    for i in range(4):
        b.signal(i, doors.SEEN_OPEN if i == 1 else doors.SEEN_CLOSED)
    assert b.cabinet.choose(1) == 0
    assert b.order(1, doors.FOR_REMOTE) == IS_OPEN and b.pulses == []


def test_before_the_sensor_has_spoken_no_door_moves():
    b = CabinetRig()
    assert b.cabinet.choose(1) == -1
    assert b.order(0, doors.FOR_SERVICE) == OUT_OF_ORDER and b.pulses == []


def test_a_compartment_of_the_right_size_and_the_low_ones_kept():
    b = CabinetRig(sizes=(1, 2, 2, 3), low=(False, True, False, False))
    for i in range(4):
        b.signal(i, doors.SEEN_CLOSED)
    assert b.cabinet.choose(2) == 2
    assert b.cabinet.choose(2, low=True) == 1
    assert b.cabinet.choose(3) == 3
    assert b.cabinet.choose(4) == -1


def test_another_compartment_when_a_deposit_door_does_not_open():
    b = CabinetRig()
    for i in range(4):
        b.signal(i, doors.SEEN_CLOSED)
    b.order(0, doors.FOR_DEPOSIT, "P1", role=1)
    for _ in range(3):
        b.signal(0, doors.PULSED)
        b.pass_ms(2_100)
    assert b.kinds()[-2:] == ["not_opened", "blocked"]
    assert b.cabinet.choose(1) == 1 and b.cabinet.find("P1") == -1
    b.signal(0, doors.SEEN_OPEN)
    assert b.kinds()[-1] == "forced", "nobody's parcel may be believed in there"


def test_larger_please_leaves_the_first_compartment_empty():
    b = CabinetRig()
    b.signal(0, doors.SEEN_CLOSED)
    b.order(0, doors.FOR_DEPOSIT, "P1", role=1)
    b.signal(0, doors.SEEN_OPEN)
    b.cabinet.undo_deposit(0)
    b.signal(0, doors.SEEN_CLOSED)
    assert b.cabinet.doors[0].content == doors.EMPTY and "deposited" not in b.kinds()


def test_power_gone_between_pulse_and_opening_spends_nothing():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    after = b.restart()
    after.signal(0, doors.SEEN_CLOSED)
    assert after.kinds() == ["not_opened"]
    assert after.cabinet.doors[0].content == doors.PARCEL
    assert after.order(0, doors.FOR_COLLECT, "P1") == ORDERED


def test_power_gone_between_pulse_and_opening_door_found_open_was_our_order():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1", ref=9)
    after = b.restart()
    after.signal(0, doors.SEEN_OPEN)
    assert after.kinds() == ["opened"] and after.facts[0]["ref"] == 9
    after.signal(0, doors.SEEN_CLOSED)
    assert after.kinds() == ["opened", "closed", "collected"]


def test_power_gone_with_the_door_open_and_closed_meanwhile():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1", ref=9)
    b.signal(0, doors.SEEN_OPEN)
    after = b.restart()
    after.signal(0, doors.SEEN_CLOSED)
    assert after.kinds() == ["closed", "collected"] and after.cabinet.doors[0].content == doors.EMPTY


def test_power_gone_between_the_closing_and_its_consequence():
    b = CabinetRig()
    b.signal(0, doors.SEEN_CLOSED)
    b.order(0, doors.FOR_DEPOSIT, "P1", role=1, holder=7)
    b.signal(0, doors.SEEN_OPEN)
    b.signal(0, doors.SEEN_CLOSED)
    assert b.log[-1][0] == 8
    b.log.pop()
    after = b.restart()
    after.signal(0, doors.SEEN_CLOSED)
    assert after.kinds() == ["deposited"] and after.facts[0]["holder"] == 7


def test_power_gone_with_a_door_open_that_stays_open_is_no_alarm():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    b.signal(0, doors.SEEN_OPEN)
    after = b.restart()
    after.signal(0, doors.SEEN_OPEN)
    assert after.kinds() == []
    after.signal(0, doors.SEEN_CLOSED)
    assert after.kinds() == ["closed", "collected"]


def test_a_door_left_open_reminds_and_then_becomes_an_event_once():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    b.signal(0, doors.SEEN_OPEN)
    b.cabinet.notes.clear()
    b.pass_ms(300_000)
    assert b.kinds().count("left_open") == 1
    assert b.facts[-1]["after_s"] == 120
    remind, alarm = (0, NOTE_REMIND), (0, NOTE_ALARM)
    assert b.cabinet.notes == [remind] * 4 + [alarm] + [remind] * 6


def test_the_reopen_window_ends():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    b.signal(0, doors.SEEN_OPEN)
    b.signal(0, doors.SEEN_CLOSED)
    assert b.cabinet.can_reopen(0, b.now())
    b.pass_ms(121_000)
    assert not b.cabinet.can_reopen(0, b.now())


def test_after_a_restart_with_an_unknown_time_nothing_is_opened_once_more():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    b.signal(0, doors.SEEN_OPEN)
    b.signal(0, doors.SEEN_CLOSED)
    after = b.restart()
    after.signal(0, doors.SEEN_CLOSED)
    ms, epoch_s, _ = after.now()
    assert not after.cabinet.can_reopen(0, (ms, epoch_s, 0))
    assert after.cabinet.can_reopen(0, (ms, epoch_s, 1))


def test_a_compartment_given_to_the_next_parcel_is_not_reopened():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    b.signal(0, doors.SEEN_OPEN)
    b.signal(0, doors.SEEN_CLOSED)
    b.order(0, doors.FOR_DEPOSIT, "P2", role=1)
    assert b.cabinet.find("P1") == -1


def test_at_most_ten_remote_opens_in_ten_minutes():
    b = CabinetRig()
    for i in range(4):
        b.signal(i, doors.SEEN_CLOSED)
    for i in range(10):
        assert b.cabinet.remote_open_allowed(b.now())
        b.order(i % 4, doors.FOR_REMOTE)
        b.signal(i % 4, doors.SEEN_OPEN)
        b.signal(i % 4, doors.SEEN_CLOSED)
    assert not b.cabinet.remote_open_allowed(b.now())
    assert not b.restart().cabinet.remote_open_allowed(b.now()), "a restart gains nothing"
    b.log = [(kind, b.epoch_s, payload) for kind, payload in b.cabinet.snapshot()]
    b.pass_ms(300_000)
    restarted = b.restart()
    restarted.cabinet.started(b.now())
    assert not restarted.cabinet.remote_open_allowed(b.now()), "nor a restart from a snapshot"
    b.pass_ms(302_000)
    assert b.cabinet.remote_open_allowed(b.now()), "ten minutes are over"
    assert not restarted.cabinet.remote_open_allowed(b.now()), (
        "of those before a restart nobody knows the age"
    )
    b.pass_ms(300_000)
    assert restarted.cabinet.remote_open_allowed(b.now())
    b.order(0, doors.FOR_REMOTE)
    old = (records.DOOR_STATE, records.LATCH_STATE)
    assert [kind for kind, _ in b.cabinet.snapshot() if kind not in old] == [records.REMOTE_STATE], (
        "no others"
    )


def test_moving_the_clock_gives_no_remote_open_and_takes_none():
    b = CabinetRig()
    for i in range(4):
        b.signal(i, doors.SEEN_CLOSED)
    for i in range(10):
        b.order(i % 4, doors.FOR_REMOTE)
        b.signal(i % 4, doors.SEEN_OPEN)
        b.signal(i % 4, doors.SEEN_CLOSED)
    b.epoch_s += 80_000
    assert not b.cabinet.remote_open_allowed(b.now())
    again = b.restart().cabinet
    again.started(b.now())
    assert not again.remote_open_allowed(b.now())
    b.epoch_s -= 400 * 86_400
    b.pass_ms(601_000)
    assert b.cabinet.remote_open_allowed(b.now()) and again.remote_open_allowed(b.now())


def test_an_hour_after_the_last_of_many_remote_opens_a_restart_has_forgotten_them():
    b = CabinetRig()
    for i in range(10):
        b.signal(i % 4, doors.SEEN_CLOSED)
        b.order(i % 4, doors.FOR_REMOTE)
        b.signal(i % 4, doors.SEEN_OPEN)
    for hour in range(2):
        assert not b.restart().cabinet.remote_open_allowed(b.now()), hour
        b.log.append((records.TIME_FLOOR, b.epoch_s, records.pack(records.TIME_FLOOR, b.epoch_s)))
    assert b.restart().cabinet.remote_open_allowed(b.now())


def test_a_latch_that_sticks_uses_up_one_remote_open_and_not_three():
    b = CabinetRig()
    b.signal(0, doors.SEEN_CLOSED)
    for _ in range(9):
        b.order(0, doors.FOR_REMOTE)
        for _ in range(3):
            b.signal(0, doors.PULSED)
            b.signal(0, doors.LATE)
        assert b.cabinet.doors[0].phase == doors.STUCK
    assert b.kinds().count("pulse") == 27
    assert b.cabinet.remote_open_allowed(b.now())
    b.order(0, doors.FOR_REMOTE)
    assert not b.cabinet.remote_open_allowed(b.now())


def test_service_and_remote_opens_leave_the_parcel_what_it_is():
    for purpose in (doors.FOR_SERVICE, doors.FOR_REMOTE):
        b = _with_parcel()
        b.order(0, purpose, "P1")
        b.signal(0, doors.SEEN_OPEN)
        b.signal(0, doors.SEEN_CLOSED)
        assert b.cabinet.doors[0].content == doors.PARCEL and b.cabinet.find("P1") == 0
        assert b.kinds() == ["pulse", "opened", "closed"]


def test_a_faulty_sensor_takes_one_door_out_of_service_and_back():
    b = _with_parcel()
    b.cabinet.sensor_fault(0, doors.FAULT_CHATTER, b.now())
    assert b.order(0, doors.FOR_COLLECT, "P1") == OUT_OF_ORDER
    assert b.order(1, doors.FOR_SERVICE) == ORDERED
    b.signal(0, doors.SEEN_CLOSED)
    assert b.order(0, doors.FOR_COLLECT, "P1") == ORDERED


def test_a_silent_lock_board_is_said_and_nothing_is_spent():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    b.signal(0, doors.PULSE_FAILED)
    assert b.kinds() == ["pulse", "door_fault", "not_opened"]
    assert b.cabinet.doors[0].content == doors.PARCEL and b.cabinet.notes[-1] == (0, NOTE_BROKEN)


def test_a_snapshot_folds_to_the_same_cabinet():
    b = _with_parcel()
    b.order(1, doors.FOR_DEPOSIT, "P2", role=1, holder=7)
    b.signal(1, doors.SEEN_OPEN)
    b.signal(2, doors.SEEN_OPEN)
    again = CabinetRig(records=[(kind, 0, payload) for kind, payload in b.cabinet.snapshot()])
    lasting = "content seen_open ordered purpose block role holder ref parcel opened_at".split()
    for old, new in zip(b.cabinet.doors, again.cabinet.doors):
        for name in lasting:
            assert getattr(old, name) == getattr(new, name), name


def test_a_door_pushed_shut_as_it_springs_is_not_a_collection_and_opens_again_for_the_same_code():
    b = _with_parcel()
    assert b.order(0, doors.FOR_COLLECT, "P1") == ORDERED
    b.signal(0, doors.PULSED)
    b.signal(0, doors.SEEN_OPEN)
    b.cabinet.notes.clear()
    b.signal(0, doors.SEEN_CLOSED, after_ms=700)
    assert b.kinds()[-3:] == ["opened", "closed", "not_opened"]
    assert b.cabinet.doors[0].content == doors.PARCEL and b.cabinet.choose(1) != 0
    assert b.cabinet.notes == [(0, NOTE_STUCK)]
    assert b.restart().cabinet.doors[0].content == doors.PARCEL
    assert b.order(0, b.cabinet.doors[0].purpose, "P1") == ORDERED
    b.signal(0, doors.SEEN_OPEN)
    b.signal(0, doors.SEEN_CLOSED)
    assert b.kinds()[-1] == "collected"


def test_an_opening_told_by_a_sensor_that_is_then_found_chattering_frees_nothing():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    b.signal(0, doors.PULSED)
    b.signal(0, doors.SEEN_OPEN)
    b.pass_ms(1_500)
    b.cabinet.sensor_fault(0, doors.FAULT_CHATTER, b.now())
    assert b.cabinet.doors[0].content == doors.PARCEL
    b.signal(0, doors.SEEN_CLOSED)
    assert b.kinds()[-2:] == ["not_opened", "closed"] and b.cabinet.choose(1) != 0


def test_a_sensor_that_chatters_long_after_the_opening_takes_nothing_back():
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    b.signal(0, doors.PULSED)
    b.signal(0, doors.SEEN_OPEN)
    b.pass_ms(10_000)
    b.cabinet.sensor_fault(0, doors.FAULT_CHATTER, b.now())
    b.signal(0, doors.SEEN_CLOSED)
    assert b.kinds()[-1] == "collected"


def test_a_compartment_blocked_because_it_stuck_is_given_again_once_it_was_seen_to_open_and_no_other_is():
    for why in (doors.BLOCKED_STUCK, doors.BLOCKED_FORCED, doors.BLOCKED_REPORTED, doors.BLOCKED_OPERATOR):
        b = CabinetRig()
        b.signal(0, doors.SEEN_CLOSED)
        b.record(records.BLOCKED, 0, why)
        b.order(0, doors.FOR_SERVICE, role=3)
        b.signal(0, doors.SEEN_OPEN)
        b.signal(0, doors.SEEN_CLOSED)
        assert bool(b.cabinet.doors[0].block) == (why != doors.BLOCKED_STUCK), why


def test_a_forced_door_stays_blocked_for_the_reason_it_was_blocked_for_before():
    b = CabinetRig()
    b.signal(0, doors.SEEN_CLOSED)
    b.record(records.BLOCKED, 0, doors.BLOCKED_OPERATOR)
    b.signal(0, doors.SEEN_OPEN)
    assert b.cabinet.doors[0].block == doors.BLOCKED_OPERATOR


def test_a_pulse_that_waits_for_its_turn_is_not_ordered_a_second_time():
    """Ten doors opened at once from afar: the last coil has its turn after many seconds."""
    b = CabinetRig()
    b.signal(0, doors.SEEN_CLOSED)
    b.order(0, doors.FOR_REMOTE)
    b.pass_ms(14_900)
    assert b.pulses == [0]
    b.signal(0, doors.PULSED)
    b.signal(0, doors.SEEN_OPEN)
    assert b.kinds() == ["pulse", "opened"]


def test_a_parcel_whose_door_stood_open_for_ten_days_is_collected_when_it_is_shut():
    """Half the range of ticks is six days: what is longer ago must not look like a moment ago."""
    b = _with_parcel()
    b.order(0, doors.FOR_COLLECT, "P1")
    b.signal(0, doors.SEEN_OPEN)
    for _ in range(5):
        b.ms = ticks_add(b.ms, 2 * 86_400_000)
    b.cabinet.signal(0, doors.SEEN_CLOSED, b.now())
    assert "collected" in b.kinds() and b.cabinet.doors[0].content == doors.EMPTY


def test_an_opening_seen_only_after_the_sensor_was_out_of_order_says_nothing_of_the_latch():
    b = CabinetRig()
    b.signal(0, doors.SEEN_CLOSED)
    b.order(0, doors.FOR_SERVICE)
    b.cabinet.sensor_fault(0, doors.FAULT_SENSOR_SILENT, b.now())
    b.pass_ms(1_000)
    b.signal(0, doors.SEEN_OPEN)
    (opened,) = [fact for fact in b.facts if fact["kind"] == "opened"]
    assert opened["after_ms"] == 0


def test_a_sensor_that_falls_silent_again_and_again_fills_no_journal_and_its_silence_is_told_each_hour():
    """A loose plug on a board of 50 locks: every few seconds fifty faults, and fifty doors that are back."""
    b = CabinetRig()
    for door in (0, 1):
        b.signal(door, doors.SEEN_CLOSED)
    for _ in range(200):
        for door in (0, 1):
            b.cabinet.sensor_fault(door, doors.FAULT_SENSOR_SILENT, b.now())
            b.signal(door, doors.SEEN_CLOSED)
    assert b.kinds() == ["door_fault"] * 6
    b.cabinet.sensor_fault(1, doors.FAULT_SENSOR_SILENT, b.now())
    b.cabinet.hour()
    assert [(fact["door"], fact["fault"]) for fact in b.facts[6:]] == [(1, doors.FAULT_SENSOR_SILENT)]
    assert b.order(1, doors.FOR_SERVICE) == OUT_OF_ORDER
    b.cabinet.hour()
    b.cabinet.sensor_fault(0, doors.FAULT_CHATTER, b.now())
    assert b.kinds()[7:] == ["door_fault"]


def test_a_door_that_swings_in_the_wind_fills_no_journal_and_is_blocked_heard_and_told_each_hour():
    b = _with_parcel()
    for _ in range(100):
        b.cabinet.signal(0, doors.SEEN_OPEN, b.now())
        b.cabinet.signal(0, doors.SEEN_CLOSED, b.now())
    assert b.kinds() == ["forced", "closed"] * 5
    assert [note for note in b.cabinet.notes if note == (0, NOTE_ALARM)] == [(0, NOTE_ALARM)] * 100
    assert b.cabinet.doors[0].block == doors.BLOCKED_FORCED and b.cabinet.doors[0].content == doors.PARCEL
    b.cabinet.signal(0, doors.SEEN_OPEN, b.now())
    assert b.order(0, doors.FOR_SERVICE) == IS_OPEN
    b.cabinet.hour()
    assert b.kinds()[10:] == ["forced"] and b.cabinet.doors[0].seen_open
    b.cabinet.signal(0, doors.SEEN_CLOSED, b.now())
    assert b.kinds()[10:] == ["forced", "closed"]
    b.cabinet.hour()
    assert b.kinds()[12:] == []
    b.record(records.RELEASED, 0, doors.BLOCKED_FORCED)
    b.cabinet.signal(0, doors.SEEN_OPEN, b.now())
    assert b.kinds()[13:] == ["forced"]


def test_a_swinging_door_that_was_released_by_the_operator_is_blocked_again_at_once():
    b = _with_parcel()
    for _ in range(20):
        b.cabinet.signal(0, doors.SEEN_OPEN, b.now())
        b.cabinet.signal(0, doors.SEEN_CLOSED, b.now())
    b.record(records.RELEASED, 0, doors.BLOCKED_FORCED)
    b.cabinet.signal(0, doors.SEEN_OPEN, b.now())
    assert b.cabinet.doors[0].block == doors.BLOCKED_FORCED


def test_a_swinging_door_found_open_after_a_restart_is_told_anew():
    b = _with_parcel()
    for _ in range(20):
        b.cabinet.signal(0, doors.SEEN_OPEN, b.now())
        b.cabinet.signal(0, doors.SEEN_CLOSED, b.now())
    b.cabinet.signal(0, doors.SEEN_OPEN, b.now())
    b = b.restart()
    b.signal(0, doors.SEEN_OPEN)
    assert b.kinds() == ["forced"]
