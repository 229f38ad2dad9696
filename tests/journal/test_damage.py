"""What the journal makes of a partition that is not as it left it.  Runs on both interpreters."""

import struct
from binascii import crc32

from consigne.sim.board.flash import SECTOR_BYTES, TORN, PowerCut
from flash_kit import EPOCH_S, EVENT, INTERNAL, SECTORS, fill, flash, opened, raises, replayed, unsent
from locker.core import records
from locker.journal.layout import FIRST, HEADER_CRC_SEED, SEAL_AT
from locker.journal.log import Journal, JournalFailed, JournalFull, JournalReadOnly
from locker.journal.report import CLEAN, DAMAGED, FOREIGN, FRESH, NEWER, REPAIRED, WRONG_SIZE


def _used(rounds=3):
    """A flash written round ``rounds`` times, all acknowledged but the last events."""
    nor = flash()
    journal, _ = opened(nor)
    while min(nor.erases) < rounds:
        seqs = fill(journal, 10)
        journal.acknowledge(seqs[0], EPOCH_S)
        journal.maintain()
    return nor, journal


def _refuses(nor, state, words):
    """The journal opens, says why it cannot go on, and leaves every byte where it is."""
    before = bytes(nor.data)
    journal, report = opened(nor)
    assert report.state == state and report.read_only and not report.proven
    for word in words.split():
        assert word in report.text, report.text
    assert raises(JournalReadOnly, journal.append, EVENT, b"", EPOCH_S)
    assert raises(JournalReadOnly, journal.snapshot, [], EPOCH_S)
    assert not journal.maintain() and not journal.snapshot_due()
    assert bytes(nor.data) == before
    return journal


def test_a_partition_too_small_is_said_and_left_alone():
    _refuses(flash(7), WRONG_SIZE, "wrong size 7 sectors")


def test_a_journal_moved_to_a_larger_partition_is_read_but_not_written():
    nor, journal = _used()
    larger = flash(SECTORS + 4)
    larger.overwrite(0, nor.data)
    moved = _refuses(larger, WRONG_SIZE, "another size")
    assert replayed(moved) == replayed(journal) and moved.acknowledged == journal.acknowledged


def test_something_else_on_the_partition_is_never_erased():
    for content in (
        b"# a FAT or littlefs, or whatever",
        bytes(4096),
        b"\xff" * 100 + b"one lone string of a person",
    ):
        nor = flash()
        nor.overwrite(5 * SECTOR_BYTES, content)
        _refuses(nor, FOREIGN, "foreign something else")


def test_a_newer_journal_is_never_erased():
    nor, _ = _used()
    header = bytearray(nor.data[:16])
    header[1] = 2
    struct.pack_into("<I", header, 12, crc32(bytes(header[:12]), HEADER_CRC_SEED))
    nor.overwrite(0, bytes(header))
    assert replayed(_refuses(nor, NEWER, "newer version")) == []


def test_every_third_sector_destroyed_is_survived_and_said():
    for junk in (bytes(SECTOR_BYTES), b"\xff" * SECTOR_BYTES, b"\x5a\xc3" * (SECTOR_BYTES // 2)):
        nor, journal = _used()
        old = unsent(journal, journal.acknowledged)
        for sector in range(0, SECTORS, 3):
            nor.overwrite(sector * SECTOR_BYTES, junk)
        again, report = opened(nor)
        assert report.state == DAMAGED and report.skipped_sectors >= SECTORS // 3 - 1
        assert "sectors not readable" in report.text
        assert not report.read_only
        there = unsent(again, journal.acknowledged)
        named = {event[0] for event in there if event[1] != records.LOST}
        for event in there:
            if event[1] == records.LOST:
                first, last = records.unpack(records.LOST, event[3])
                named.update(range(first, last + 1))
        assert all(event[0] in named for event in old), "what is gone is named"
        assert all(event in old for event in there if event[1] != records.LOST and event[0] <= old[-1][0])
        fill(again, 200)
        assert opened(nor)[1].read_only is False
        if junk[0] != 0xFF:
            starts = range(0, SECTORS * SECTOR_BYTES, 3 * SECTOR_BYTES)
            kept = sum(bytes(nor.data[at : at + SECTOR_BYTES]) == junk for at in starts)
            assert kept >= len(starts) - 1, (
                "all but the one that was erased ahead: a technician could save them"
            )


def test_one_flipped_bit_anywhere_loses_nothing():
    nor, journal = _used(1)
    want = unsent(journal, journal.acknowledged), replayed(journal), journal.next_seq, journal.time_floor
    image = bytes(nor.data)
    step = 1117
    for position in range(0, len(image), step):
        nor.data[:] = image
        nor.rot(position, 1 << position % 8)
        again, report = opened(nor)
        assert report.proven and not report.read_only, (position, report.text)
        got = unsent(again, again.acknowledged), replayed(again), again.next_seq, again.time_floor
        assert got == want, position


def test_rot_that_cannot_be_repaired_is_said_and_the_state_is_not_called_proven():
    nor = flash()
    journal, _ = opened(nor)
    seqs = fill(journal, 20)
    nor.overwrite(32 + 5 * 112 + 20, b"\x00\x00\x00")
    again, report = opened(nor)
    assert report.state == DAMAGED and not report.proven and report.lost_events == 1
    assert [event[0] for event in unsent(again)] == [s for s in seqs if s != 6] + [21]
    assert unsent(again)[-1][1] == records.LOST and records.unpack(records.LOST, unsent(again)[-1][3]) == (
        6,
        6,
    )
    assert opened(nor)[1].lost_events == 0, "said once"


def test_damage_found_in_the_newest_sector_is_still_known_when_the_log_has_moved_on():
    nor = flash()
    journal, _ = opened(nor)
    fill(journal, 6)
    nor.overwrite(journal._writer.head * SECTOR_BYTES + FIRST + 112, bytes(112))
    again, report = opened(nor)
    assert not report.proven
    damaged = again._writer.head
    while again._writer.head == damaged:
        again.append(
            EVENT, b"x" * 100, EPOCH_S
        )  # as a locker does that may write no snapshot of such a state
    again, report = opened(nor)
    assert not report.proven and report.skipped_sectors == 1, "no seal has vouched for it"


def test_seqs_the_host_may_know_are_not_given_again_when_the_newest_sector_is_gone():
    nor, journal = _used()
    newest = journal.next_seq - 1
    head = max(range(SECTORS), key=lambda s: (struct.unpack_from("<I", nor.data, s * SECTOR_BYTES + 8)[0],
                                              nor.data[s * SECTOR_BYTES + 32] != 0xFF))  # fmt: skip
    ready = nor.data[head * SECTOR_BYTES + 32] == 0xFF
    nor.overwrite((head - ready) % SECTORS * SECTOR_BYTES, bytes(SECTOR_BYTES))
    again, report = opened(nor)
    assert report.state == DAMAGED and not report.proven
    assert again.append(EVENT, b"", EPOCH_S) > newest
    assert opened(nor)[0].next_seq == again.next_seq


def test_a_torn_record_is_passed_over_and_costs_nothing_that_was_promised():
    for size_done in range(64):
        nor = flash()
        journal, _ = opened(nor)
        fill(journal, 3)
        nor.cut(0, TORN, size_done)
        assert raises(PowerCut, journal.append, EVENT, bytes(40), EPOCH_S)
        again, report = opened(nor)
        assert report.state in (CLEAN, REPAIRED) and report.proven and not report.lost_events
        assert again.append(EVENT, b"next", EPOCH_S) == again.next_seq - 1
        assert opened(nor)[1].state == CLEAN
        assert [event[0] for event in unsent(opened(nor)[0])] == list(range(1, again.next_seq))


def test_sectors_that_fail_are_stepped_over():
    nor = flash(16, bad=(1, 4, 5))
    journal, _ = opened(nor)
    for _ in range(100):
        seqs = fill(journal, 10)
        journal.acknowledge(seqs[-1], EPOCH_S)
        journal.maintain()
    again, report = opened(nor)
    assert not report.read_only and report.proven and again.next_seq == journal.next_seq
    assert [event[0] for event in unsent(again, again.next_seq - 20)] == list(
        range(again.next_seq - 19, again.next_seq)
    )


def test_a_sector_that_erases_but_does_not_take_what_is_written_costs_no_record():
    nor = flash(16, weak=(3, 6))
    journal, _ = opened(nor)
    want = fill(journal, 300)
    assert 0 < nor.programmed[3] < 1000, "it was tried and given up"
    assert [event[0] for event in unsent(journal)] == want
    again, report = opened(nor)
    assert not report.read_only and report.proven
    assert [event[0] for event in unsent(again)] == want


def test_a_new_partition_whose_first_sectors_fail_still_gets_its_journal():
    nor = flash(weak=(0, 1))
    journal, report = opened(nor)
    assert report.state == FRESH and not report.read_only
    assert fill(journal, 3) == [1, 2, 3]
    again, report = opened(nor)
    assert [event[0] for event in unsent(again)] == [1, 2, 3] and report.proven


def test_a_sector_that_grows_weak_under_the_log_costs_no_record():
    nor = flash(16)
    journal, _ = opened(nor)
    want = fill(journal, 40)
    nor.weak = set(range(2))  # the head is one of them
    want += fill(journal, 100)
    assert [event[0] for event in unsent(journal)] == want
    assert [event[0] for event in unsent(opened(nor)[0])] == want


def test_a_rotten_snapshot_is_passed_over_and_the_older_one_taken():
    nor = flash()
    journal, _ = opened(nor)
    journal.snapshot([(INTERNAL, b"old state")], EPOCH_S)
    journal.append(EVENT, b"between", EPOCH_S)
    journal.snapshot([(INTERNAL, b"new state"), (INTERNAL, b"rotten")], EPOCH_S)
    journal.append(EVENT, b"after", EPOCH_S)
    assert [record[2] for record in replayed(opened(nor)[0])] == [b"new state", b"rotten", b"after"]
    at = bytes(nor.data).find(b"rotten")
    nor.overwrite(at, b"\x00\x00\x00")
    again, report = opened(nor)
    assert [record[2] for record in replayed(again)] == [b"old state", b"between", b"after"]
    assert report.state == DAMAGED and not report.proven


def test_a_flash_at_its_end_of_life_says_so_instead_of_lying():
    nor = flash(endurance=3)
    journal, _ = opened(nor)
    written = 0
    try:
        while written < 100_000:
            seqs = fill(journal, 10)
            journal.acknowledge(seqs[-1], EPOCH_S)
            written += 10
    except (JournalFailed, JournalFull):
        pass
    assert 0 < written < 100_000
    assert journal.acknowledged == written


def test_an_interrupted_first_format_leaves_a_partition_that_can_still_be_formatted():
    nor = flash()
    for size_done in range(16):
        nor.cut(0, TORN, size_done)
        assert raises(PowerCut, opened_unpowered, nor)
        _journal, report = opened(nor)
        assert report.state == FRESH, report.text
        nor.data[:] = b"\xff" * len(nor.data)


def opened_unpowered(nor):
    """Open without bringing the power back first, so that a planned cut stays planned."""
    return Journal(nor, lambda: 1).open()


def test_a_sealed_sector_is_not_believed_when_its_content_has_changed():
    nor, _journal = _used(1)
    head_id = max(struct.unpack_from("<I", nor.data, s * SECTOR_BYTES + 8)[0] for s in range(SECTORS))
    sector = next(
        s
        for s in range(SECTORS)
        if struct.unpack_from("<I", nor.data, s * SECTOR_BYTES + 8)[0] == head_id - 2
    )
    assert (
        nor.data[sector * SECTOR_BYTES + SEAL_AT] != 0xFF
        or nor.data[sector * SECTOR_BYTES + SEAL_AT + 4] == 229
    )
    nor.overwrite(sector * SECTOR_BYTES + 32 + 112 * 2 + 12, b"\x00\x00\x00\x00")
    again, report = opened(nor)
    assert report.state == DAMAGED and report.skipped_sectors == 1
    assert INTERNAL not in [record[0] for record in replayed(again)]
