"""Latches that wear: the one that will fail next is named before it fails, and no other."""

from cabinet_kit import CabinetRig
from locker.core import doors, records
from locker.core.health import Health


class Chance:
    """A small generator, the same on both interpreters."""

    def __init__(self, seed):
        self._state = seed

    def below(self, limit):
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % limit


def test_a_latch_that_gets_slower_is_named_before_it_needs_a_second_pulse():
    for seed in range(1, 6):
        chance = Chance(seed)
        health = Health(12)
        for _ in range(100):
            for door in range(12):
                health.pulsed(door, 1)
                health.opened(door, 90 + chance.below(60))
        assert health.complaints() == []
        for turn in range(40):
            for door in range(12):
                health.pulsed(door, 1)
                health.opened(door, 90 + chance.below(60) + (6 * turn if door == 7 else 0))
        assert len(health.complaints()) == 1 and "door 7:" in health.complaints()[0], seed


def test_a_latch_that_needs_second_pulses_comes_first_and_is_well_again_when_mended():
    health = Health(3)
    for _ in range(4):
        health.pulsed(1, 1)
        health.opened(1, 120)
        for number in (1, 2, 3):
            health.pulsed(2, number)
        health.opened(2, 4_200)
    health.pulsed(1, 2)
    health.opened(1, 2_200)
    assert health.complaints() == ["latch of door 2 needs many pulses"]
    for _ in range(20):
        health.pulsed(2, 1)
        health.opened(2, 120)
    assert health.complaints() == []


def test_one_jam_and_a_wait_in_the_queue_are_no_weak_latch():
    health = Health(1)
    for _ in range(10):
        health.pulsed(0, 1)
        health.opened(0, 110)
    health.pulsed(0, 1)
    health.pulsed(0, 2)
    health.opened(0, 2_300)
    health.pulsed(0, 1)
    health.opened(0, 9_000)
    health.pulsed(0, 1)
    health.opened(0, 0)
    assert health.complaints() == []


def _jams(b, times):
    for _ in range(times):
        b.order(0, doors.FOR_SERVICE)
        b.signal(0, doors.PULSED)
        b.pass_ms(2_100)
        b.signal(0, doors.PULSED)
        b.signal(0, doors.SEEN_OPEN)
        b.signal(0, doors.SEEN_CLOSED)


def test_a_weak_latch_is_told_once_and_known_after_a_restart_and_a_snapshot():
    b = CabinetRig()
    for i in range(4):
        b.signal(i, doors.SEEN_CLOSED)
    _jams(b, 8)
    told = [fact for fact in b.facts if fact["kind"] == "fault"]
    assert told == [{"kind": "fault", "code": 3, "what": "latch of door 0 needs many pulses"}]
    assert b.restart().cabinet.health.complaints() == b.cabinet.health.complaints() != []
    snapshot = list(b.cabinet.snapshot())
    assert [kind for kind, _ in snapshot].count(records.LATCH_STATE) == 1
    after = CabinetRig(records=[(kind, 0, payload) for kind, payload in snapshot])
    assert after.cabinet.health.complaints() == b.cabinet.health.complaints()


def test_a_text_fits_its_record():
    health = Health(240)
    health.restore(239, 1_999, 1_999, 0, 0)
    assert len(health.text(239)) <= records.PARCEL_ID_BYTES_MAX
    health.restore(239, 100, 100, 255, 0)
    assert len(health.text(239)) <= records.PARCEL_ID_BYTES_MAX
