"""What the journal promises while nothing goes wrong.  Runs on both interpreters."""

from flash_kit import EPOCH_S, EVENT, INTERNAL, fill, flash, opened, raises, replayed, unsent
from locker.core import records
from locker.journal.log import JournalFull
from locker.journal.report import CLEAN, FRESH


def test_what_was_appended_is_there_after_a_restart():
    nor = flash()
    journal, report = opened(nor)
    assert report.state == FRESH and report.text == "fresh" and journal.epoch == 0xC0FFEE
    assert journal.append(EVENT, b"one", EPOCH_S) == 1
    assert journal.append(INTERNAL, b"two", EPOCH_S + 1) == 0
    assert journal.append(EVENT, b"", EPOCH_S + 2) == 2
    again, report = opened(nor)
    assert report.state == CLEAN and report.recovered_records == 3
    assert (again.epoch, again.next_seq, again.acknowledged) == (0xC0FFEE, 3, 0)
    assert again.time_floor == EPOCH_S + 2
    assert replayed(again) == [
        (EVENT, EPOCH_S, b"one", 1),
        (INTERNAL, EPOCH_S + 1, b"two", 0),
        (EVENT, EPOCH_S + 2, b"", 2),
    ]
    assert unsent(again) == [(1, EVENT, EPOCH_S, b"one"), (2, EVENT, EPOCH_S + 2, b"")]


def test_payloads_of_every_length_and_byte_survive():
    nor = flash()
    journal, _ = opened(nor)
    payloads = [bytes([(n * 7 + i) & 0xFF for i in range(n)]) for n in range(247)] + [
        b"\xff" * 22,
        b"\xff" * 246,
    ]
    for payload in payloads:
        if journal.snapshot_due():
            journal.snapshot([], EPOCH_S)
        journal.append(EVENT, payload, EPOCH_S)
    again, _ = opened(nor)
    assert [event[3] for event in unsent(again)] == payloads
    assert raises(ValueError, journal.append, EVENT, bytes(247), EPOCH_S)
    assert raises(ValueError, journal.append, 224, b"", EPOCH_S)
    assert raises(ValueError, journal.append, EVENT, b"", 1 << 32)


def test_time_never_goes_back():
    nor = flash()
    journal, _ = opened(nor)
    journal.append(EVENT, b"", EPOCH_S)
    journal.append(EVENT, b"", EPOCH_S - 1000)
    journal.append(EVENT, b"", 0)
    assert [event[2] for event in unsent(journal)] == [EPOCH_S] * 3
    journal.append(EVENT, b"", EPOCH_S + (1 << 26))
    assert opened(nor)[0].time_floor == EPOCH_S + (1 << 26)


def test_an_acknowledgement_lasts_and_cannot_name_what_does_not_exist():
    nor = flash()
    journal, _ = opened(nor)
    fill(journal, 5)
    assert journal.acknowledge(3, EPOCH_S) and not journal.acknowledge(3, EPOCH_S)
    assert not journal.acknowledge(2, EPOCH_S) and not journal.acknowledge(6, EPOCH_S)
    again, _ = opened(nor)
    assert again.acknowledged == 3
    assert [event[0] for event in unsent(again, again.acknowledged)] == [4, 5]
    assert [event[0] for event in unsent(again, 1)] == [2, 3, 4, 5], "the host may ask for older ones again"


def test_a_snapshot_replaces_what_was_before_it():
    nor = flash()
    journal, _ = opened(nor)
    fill(journal, 50)
    journal.snapshot([(records.GRANT, b"g" * 60), (records.DOOR_STATE, b"d" * 20)], EPOCH_S + 60)
    journal.append(EVENT, b"after", EPOCH_S + 61)
    want = [
        (records.GRANT, EPOCH_S + 60, b"g" * 60, 0),
        (records.DOOR_STATE, EPOCH_S + 60, b"d" * 20, 0),
        (EVENT, EPOCH_S + 61, b"after", 51),
    ]
    assert replayed(journal) == want
    assert replayed(opened(nor)[0]) == want
    assert len(unsent(journal)) == 51, "the events before it are still to be sent"


def test_a_snapshot_over_several_sectors_counts_only_when_it_is_whole():
    nor = flash()
    journal, _ = opened(nor)
    journal.append(INTERNAL, b"first", EPOCH_S)

    def broken_off():
        for _ in range(40):
            yield records.GRANT, b"x" * 200
        raise RuntimeError

    assert raises(RuntimeError, journal.snapshot, broken_off(), EPOCH_S)
    assert replayed(opened(nor)[0]) == [(INTERNAL, EPOCH_S, b"first", 0)]
    journal.snapshot([(records.GRANT, b"y" * 200)] * 40, EPOCH_S)
    assert [record[2] for record in replayed(opened(nor)[0])] == [b"y" * 200] * 40


def test_the_log_goes_round_and_round_and_wears_every_sector_alike():
    nor = flash()
    journal, _ = opened(nor)
    for _ in range(600):
        seqs = fill(journal, 10)
        journal.acknowledge(seqs[-1], EPOCH_S)
        journal.maintain()
    again, report = opened(nor)
    assert report.state == CLEAN and again.next_seq == journal.next_seq == 6001
    assert max(nor.erases) - min(nor.erases) <= 1 and min(nor.erases) > 10


def test_unacknowledged_events_give_way_only_when_there_is_no_room_and_that_is_said():
    nor = flash()
    journal, _ = opened(nor)
    room = (nor.sectors - 2) * 35  # 112 bytes each, 35 in a sector
    fill(journal, room - 40)
    assert [event[0] for event in unsent(journal)] == list(range(1, room - 39)), "nothing is lost before"
    fill(journal, 200)
    for each in (journal, opened(nor)[0]):
        events = unsent(each)
        lost = [records.unpack(records.LOST, event[3]) for event in events if event[1] == records.LOST]
        assert lost and lost[0][0] == 1
        there = [event[0] for event in events]
        for first, last in lost:
            there += list(range(first, last + 1))
        assert sorted(there) == list(range(1, each.next_seq)), "each seq is there or named, once"


def test_without_snapshots_the_log_refuses_rather_than_forgets():
    nor = flash()
    journal, _ = opened(nor)
    journal.append(INTERNAL, b"keep me", EPOCH_S)
    count = 0
    while not raises(JournalFull, journal.append, EVENT, bytes(200), EPOCH_S):
        count += 1
        assert count < 1000
    assert journal.snapshot_due() and not journal.maintain()
    assert replayed(journal)[0][2] == b"keep me"
    journal.snapshot([(INTERNAL, b"keep me")], EPOCH_S)
    journal.append(EVENT, b"goes on", EPOCH_S)
    assert replayed(opened(nor)[0])[0][2] == b"keep me"


def test_reading_on_costs_no_search_and_sees_what_came_meanwhile():
    nor = flash()
    journal, _ = opened(nor)
    fill(journal, 120)
    cursor, reads = 0, []
    while cursor < 120:
        before = nor.reads_bytes
        for seq, _, _, _ in journal.unacknowledged(cursor, 10):
            assert seq == cursor + 1
            cursor = seq
        reads.append(nor.reads_bytes - before)
    assert max(reads) <= 2 * 4096
    seqs = []
    for seq, _, _, _ in journal.unacknowledged(110, 5):
        seqs.append(seq)
        journal.append(EVENT, b"meanwhile", EPOCH_S)
        journal.replay(lambda *record: None)  # reads with the same buffer
    assert seqs == [111, 112, 113, 114, 115]
    assert [event[3] for event in unsent(journal, 120)] == [b"meanwhile"] * 5


def test_an_event_that_found_no_room_in_the_packet_comes_first_in_the_next():
    journal, _ = opened(flash())
    fill(journal, 80)
    for last in (5, 36, 37, 79):
        for seq, _, _, _ in journal.unacknowledged(last - 3, 10):
            if seq == last:
                break
        assert next(event[0] for event in journal.unacknowledged(last - 1, 2)) == last
        assert next(event[0] for event in journal.unacknowledged(last, 2)) == last + 1


def test_a_batch_keeps_to_its_bytes_but_is_never_empty():
    journal, _ = opened(flash())
    fill(journal, 10, 100)
    assert len(list(journal.unacknowledged(0, 10, 250))) == 2
    assert len(list(journal.unacknowledged(0, 10, 1))) == 1
    assert len(list(journal.unacknowledged(0, 3, 1000))) == 3
    assert list(journal.unacknowledged(10)) == []


def test_the_next_sector_is_erased_ahead_so_that_no_append_has_to_wait():
    nor = flash()
    journal, _ = opened(nor)
    assert not journal.maintain(), "the first sector of a blank partition is ready"
    fill(journal, 1)
    assert journal.maintain() and not journal.maintain()
    erased = sum(nor.erases)
    fill(journal, 40)
    assert sum(nor.erases) == erased, "the log moved into the next sector without an erase"
    assert journal.maintain()
