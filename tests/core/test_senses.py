"""Lid, mains, supply and warmth: what is journaled and heard, and what a restart keeps."""

from core_kit import EPOCH_S, KEY, Bench
from locker.core import events as E
from locker.core import records as R
from locker.core import senses
from locker.core.core import Core

WEAK_MV = 10_000


def _bench(log=()):
    bench = Bench()
    bench.core.senses = senses.Senses(bench.core, 4, WEAK_MV)
    for kind, payload in log:
        bench.core.apply(kind, EPOCH_S, payload)
    return bench


def _facts(bench, kind):
    return [R.unpack(k, payload) for k, _, payload in bench.log if k == kind]


def test_a_forced_door_is_heard_and_one_that_was_asked_for_is_not():
    bench = _bench()
    alarms = len([beep for beep in bench.of(E.FX_BEEP) if beep == (E.BEEP_ALARM,)])
    bench.send((E.EV_DOOR, 2, True))
    beeps = bench.of(E.FX_BEEP)
    assert len([beep for beep in beeps if beep == (E.BEEP_ALARM,)]) == alarms + 1


def test_the_lid_is_an_alarm_of_no_door_and_stands_in_the_status_until_it_is_shut():
    bench = _bench()
    bench.send((E.EV_SENSE, E.SENSE_LID, True))
    assert _facts(bench, R.ALARM) == [(senses.ALARM_LID, 0, 0, R.ANY_DOOR)]
    assert (E.BEEP_ALARM,) in bench.of(E.FX_BEEP)
    assert bench.core.senses.complaints() == ["lid open"]
    bench.send((E.EV_SENSE, E.SENSE_LID, False))
    assert bench.core.senses.complaints() == []
    assert _facts(bench, R.FAULT) == [(senses.FAULT_CABINET, "lid closed")]


def test_the_mains_turn_the_lamp_and_come_back():
    bench = _bench()
    bench.send((E.EV_SENSE, E.SENSE_MAINS, True))
    assert bench.of(E.FX_LED)[-1] == (E.LED_ATTENTION,)
    bench.send((E.EV_SENSE, E.SENSE_MAINS, False))
    assert bench.of(E.FX_LED)[-1] == (E.LED_READY,)
    assert [what for _, what in _facts(bench, R.FAULT)] == ["mains lost", "mains back"]


def test_the_lowest_voltage_falls_at_once_rises_slowly_and_is_journaled_in_steps():
    bench = _bench()
    for lowest_mv in (11_900, 11_850, 11_900, 11_600, 11_900):
        bench.send((E.EV_SUPPLY, 1, 12_100, lowest_mv))
    assert _facts(bench, R.SUPPLY) == [(1, 12_100, 11_900), (1, 12_100, 11_600)]
    assert bench.core.senses.lowest_mv(1) == 11_600
    for _ in range(40):
        bench.send((E.EV_SUPPLY, 1, 12_100, 11_900))
    rises = [mv for _, _, mv in _facts(bench, R.SUPPLY)][2:]
    assert rises and rises == sorted(rises) and 11_700 <= bench.core.senses.lowest_mv(1) <= 11_900


def test_a_weak_supply_is_told_once_with_the_worst_door_and_once_when_it_is_over():
    bench = _bench()
    for door, lowest_mv in ((0, 11_000), (1, 9_700), (2, 9_300), (1, 9_700)):
        bench.send((E.EV_SUPPLY, door, 12_000, lowest_mv))
    assert [what for _, what in _facts(bench, R.FAULT)] == ["supply 9.7 V under door 1"]
    for _ in range(60):
        for door in (1, 2):
            bench.send((E.EV_SUPPLY, door, 12_000, 11_800))
    assert [what for _, what in _facts(bench, R.FAULT)][1:] == ["supply good again"]
    assert bench.core.senses.complaints() == []


def test_a_supply_that_was_never_measured_is_not_weak():
    bench = Bench()
    bench.core.senses = senses.Senses(bench.core, 4, 0)
    bench.send((E.EV_SUPPLY, 0, 0, 0))
    assert _facts(bench, R.SUPPLY) == [] and bench.core.senses.complaints() == []
    assert bench.core.senses.lowest_mv(0) == 0


def test_a_restart_keeps_what_each_door_did_to_the_supply():
    bench = _bench()
    for door, lowest_mv in ((0, 11_000), (3, 9_800)):
        bench.send((E.EV_SUPPLY, door, 12_000, lowest_mv))
    again = _bench([(kind, payload) for kind, _, payload in bench.log])
    snapshot = list(bench.core.snapshot())
    from_snapshot = _bench(snapshot)
    for other in (again, from_snapshot):
        assert [other.core.senses.lowest_mv(door) for door in range(4)] == [11_000, 0, 0, 9_800]


def test_a_record_of_a_door_that_is_not_there_any_more_changes_nothing():
    bench = _bench([(R.SUPPLY, R.pack(R.SUPPLY, 9, 12_000, 9_000))])
    assert bench.core.senses.complaints() == []
    bench.send((E.EV_SUPPLY, 9, 12_000, 9_000))
    assert _facts(bench, R.SUPPLY) == []


def test_a_locker_without_senses_ignores_their_records():
    core = Core(Bench().site, KEY)
    core.apply(R.SUPPLY, EPOCH_S, R.pack(R.SUPPLY, 0, 12_000, 9_000))
    assert core.senses is None


def test_warmth_is_told_at_both_ends():
    bench = _bench()
    for celsius in (21, 60, 61, 56, 55, -20, -16, -15):
        bench.send((E.EV_SENSE, E.SENSE_HEAT, celsius))
    told = [what for _, what in _facts(bench, R.FAULT)]
    assert told == ["60 C inside", "55 C inside again", "-20 C inside", "-15 C inside again"]


def test_a_worn_switch_that_comes_and_goes_for_hours_fills_no_journal_and_is_heard_all_the_same():
    bench = _bench()
    for turn in range(300):
        bench.send((E.EV_SENSE, E.SENSE_LID, turn % 2 == 0))
    assert len(_facts(bench, R.ALARM)) + len(_facts(bench, R.FAULT)) == 20
    assert bench.of(E.FX_BEEP).count((E.BEEP_ALARM,)) == 150
    assert bench.core.senses.complaints() == []
    bench.pass_s(3600)
    assert _facts(bench, R.FAULT)[-1] == (senses.FAULT_CABINET, "cabinet: 280 more changes")
    bench.send((E.EV_SENSE, E.SENSE_LID, True))
    assert len(_facts(bench, R.ALARM)) == 11
    bench.pass_s(3600)
    assert len(_facts(bench, R.FAULT)) == 11
