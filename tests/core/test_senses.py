"""Lid, mains, supply and warmth: what is journaled and heard, and what a restart keeps."""

from core_kit import EPOCH_S, KEY, CoreRig
from locker.core import events, records, senses
from locker.core.core import Core

WEAK_MV = 10_000


def _bench(log=()):
    rig = CoreRig()
    rig.core.senses = senses.Senses(rig.core, 4, WEAK_MV)
    for kind, payload in log:
        rig.core.apply(kind, EPOCH_S, payload)
    return rig


def _facts(rig, kind):
    return [records.unpack(k, payload) for k, _, payload in rig.log if k == kind]


def test_a_forced_door_is_heard_and_one_that_was_asked_for_is_not():
    rig = _bench()
    alarms = len([beep for beep in rig.of(events.FX_BEEP) if beep == (events.BEEP_ALARM,)])
    rig.send((events.EV_DOOR, 2, True))
    beeps = rig.of(events.FX_BEEP)
    assert len([beep for beep in beeps if beep == (events.BEEP_ALARM,)]) == alarms + 1


def test_the_lid_is_an_alarm_of_no_door_and_stands_in_the_status_until_it_is_shut():
    rig = _bench()
    rig.send((events.EV_SENSE, events.SENSE_LID, True))
    assert _facts(rig, records.ALARM) == [(events.ALARM_LID, 0, 0, records.ANY_DOOR)]
    assert (events.BEEP_ALARM,) in rig.of(events.FX_BEEP)
    assert rig.core.senses.complaints() == ["lid open"]
    rig.send((events.EV_SENSE, events.SENSE_LID, False))
    assert rig.core.senses.complaints() == []
    assert _facts(rig, records.FAULT) == [(events.FAULT_CABINET, "lid closed")]


def test_the_mains_turn_the_lamp_and_come_back():
    rig = _bench()
    rig.send((events.EV_SENSE, events.SENSE_MAINS, True))
    assert rig.of(events.FX_LED)[-1] == (events.LED_ATTENTION,)
    rig.send((events.EV_SENSE, events.SENSE_MAINS, False))
    assert rig.of(events.FX_LED)[-1] == (events.LED_READY,)
    assert [what for _, what in _facts(rig, records.FAULT)] == ["mains lost", "mains back"]


def test_the_lowest_voltage_falls_at_once_rises_slowly_and_is_journaled_in_steps():
    rig = _bench()
    for lowest_mv in (11_900, 11_850, 11_900, 11_600, 11_900):
        rig.send((events.EV_SUPPLY, 1, 12_100, lowest_mv))
    assert _facts(rig, records.SUPPLY) == [(1, 12_100, 11_900), (1, 12_100, 11_600)]
    assert rig.core.senses.lowest_mv(1) == 11_600
    for _ in range(40):
        rig.send((events.EV_SUPPLY, 1, 12_100, 11_900))
    rises = [mv for _, _, mv in _facts(rig, records.SUPPLY)][2:]
    assert rises and rises == sorted(rises) and 11_700 <= rig.core.senses.lowest_mv(1) <= 11_900


def test_a_weak_supply_is_told_once_with_the_worst_door_and_once_when_it_is_over():
    rig = _bench()
    for door, lowest_mv in ((0, 11_000), (1, 9_700), (2, 9_300), (1, 9_700)):
        rig.send((events.EV_SUPPLY, door, 12_000, lowest_mv))
    assert [what for _, what in _facts(rig, records.FAULT)] == ["supply 9.7 V under door 1"]
    for _ in range(60):
        for door in (1, 2):
            rig.send((events.EV_SUPPLY, door, 12_000, 11_800))
    assert [what for _, what in _facts(rig, records.FAULT)][1:] == ["supply good again"]
    assert rig.core.senses.complaints() == []


def test_a_supply_that_was_never_measured_is_not_weak():
    rig = CoreRig()
    rig.core.senses = senses.Senses(rig.core, 4, 0)
    rig.send((events.EV_SUPPLY, 0, 0, 0))
    assert _facts(rig, records.SUPPLY) == [] and rig.core.senses.complaints() == []
    assert rig.core.senses.lowest_mv(0) == 0


def test_a_restart_keeps_what_each_door_did_to_the_supply():
    rig = _bench()
    for door, lowest_mv in ((0, 11_000), (3, 9_800)):
        rig.send((events.EV_SUPPLY, door, 12_000, lowest_mv))
    again = _bench([(kind, payload) for kind, _, payload in rig.log])
    snapshot = list(rig.core.snapshot())
    from_snapshot = _bench(snapshot)
    for other in (again, from_snapshot):
        assert [other.core.senses.lowest_mv(door) for door in range(4)] == [11_000, 0, 0, 9_800]


def test_a_record_of_a_door_that_is_not_there_any_more_changes_nothing():
    rig = _bench([(records.SUPPLY, records.pack(records.SUPPLY, 9, 12_000, 9_000))])
    assert rig.core.senses.complaints() == []
    rig.send((events.EV_SUPPLY, 9, 12_000, 9_000))
    assert _facts(rig, records.SUPPLY) == []


def test_a_locker_without_senses_ignores_their_records():
    core = Core(CoreRig().site, KEY)
    core.apply(records.SUPPLY, EPOCH_S, records.pack(records.SUPPLY, 0, 12_000, 9_000))
    assert core.senses is None


def test_warmth_is_told_at_both_ends():
    rig = _bench()
    for celsius in (21, 60, 61, 56, 55, -20, -16, -15):
        rig.send((events.EV_SENSE, events.SENSE_HEAT, celsius))
    told = [what for _, what in _facts(rig, records.FAULT)]
    assert told == ["60 C inside", "55 C inside again", "-20 C inside", "-15 C inside again"]


def test_a_worn_switch_that_comes_and_goes_for_hours_fills_no_journal_and_is_heard_all_the_same():
    rig = _bench()
    for turn in range(300):
        rig.send((events.EV_SENSE, events.SENSE_LID, turn % 2 == 0))
    assert len(_facts(rig, records.ALARM)) + len(_facts(rig, records.FAULT)) == 20
    assert rig.of(events.FX_BEEP).count((events.BEEP_ALARM,)) == 150
    assert rig.core.senses.complaints() == []
    rig.pass_s(3600)
    assert _facts(rig, records.FAULT)[-1] == (events.FAULT_CABINET, "cabinet: 280 more changes")
    rig.send((events.EV_SENSE, events.SENSE_LID, True))
    assert len(_facts(rig, records.ALARM)) == 11
    rig.pass_s(3600)
    assert len(_facts(rig, records.FAULT)) == 11
