"""A journal belongs to one locker: another's is left alone, whatever state it is in."""

from consigne.sim.board.flash import DONE, NOT_DONE, TORN, PowerCut
from flash_kit import EPOCH_S, EVENT, fill, flash, opened, replayed, unsent
from locker.core import records
from locker.journal.log import Journal, JournalReadOnly
from locker.journal.report import FOREIGN


def mine(epoch):
    return b"mine" + epoch.to_bytes(4, "big")


def theirs(epoch):
    return b"them" + epoch.to_bytes(4, "big")


def bound(nor, tag_of):
    nor.power_on()
    journal = Journal(nor, lambda: 0xC0FFEE)
    return journal, journal.open(tag_of)


def begun(nor, tag_of=mine):
    """A new journal that has said whose it is, as the shell has it done."""
    journal, _ = bound(nor, tag_of)
    assert journal.snapshot_due()
    member = records.BOUND, records.pack(records.BOUND, tag_of(journal.epoch), False)
    journal.snapshot([member], EPOCH_S)
    assert not journal.snapshot_due()
    return journal


def whole(nor):
    data = bytearray(nor.ioctl(4, 0) * 4096)
    for sector in range(nor.ioctl(4, 0)):
        nor.readblocks(sector, memoryview(data)[sector * 4096 : sector * 4096 + 4096])
    return bytes(data)


def test_the_own_journal_opens_and_needs_no_other_snapshot():
    nor = flash()
    fill(begun(nor), 20)
    journal, report = bound(nor, mine)
    assert report.text == "clean" and report.proven and not journal.snapshot_due()
    assert len(unsent(journal)) == 20


def test_anothers_journal_gives_nothing_takes_nothing_and_stays_as_it_is():
    nor = flash()
    fill(begun(nor, theirs), 20)
    nor.writeblocks(0, b"\0" * 16, 4000)  # as a power cut leaves it: the owner would mark that
    before = whole(nor)
    journal, report = bound(nor, mine)
    assert report.state == FOREIGN and report.read_only and not report.proven
    assert report.text.startswith("foreign, of another locker")
    assert not journal.epoch and journal.next_seq == 1 and not journal.time_floor and not journal.acknowledged
    assert unsent(journal) == replayed(journal) == [] and not journal.snapshot_due()
    for write in (
        lambda: journal.append(EVENT, b"x", EPOCH_S),
        lambda: journal.snapshot([], EPOCH_S),
    ):
        try:
            write()
            raise AssertionError("it was written")
        except JournalReadOnly:
            pass
    assert not journal.maintain() and whole(nor) == before
    again, report = bound(nor, theirs)
    assert not report.read_only and len(unsent(again)) == 20


def test_anothers_journal_is_known_behind_many_snapshots():
    nor = flash()
    journal = begun(nor, theirs)
    for seq in range(1, 900):
        if journal.snapshot_due():
            member = records.BOUND, records.pack(records.BOUND, theirs(journal.epoch), False)
            journal.snapshot([member], EPOCH_S)
        journal.append(EVENT, b"x" * 60, EPOCH_S)
        journal.acknowledge(seq, EPOCH_S)
    assert bound(nor, mine)[1].state == FOREIGN


def test_a_journal_of_earlier_firmware_is_taken_over_by_its_next_snapshot():
    nor = flash()
    journal, _ = opened(nor)
    fill(journal, 30)
    journal, report = bound(nor, mine)
    assert report.proven and journal.snapshot_due() and len(unsent(journal)) == 30
    journal.snapshot([(records.BOUND, records.pack(records.BOUND, mine(journal.epoch), False))], EPOCH_S)
    assert bound(nor, theirs)[1].state == FOREIGN and not bound(nor, mine)[1].read_only


def test_power_that_goes_before_it_has_said_whose_it_is_leaves_a_journal_that_is_begun():
    outcomes = set()
    for operation in range(5):
        for aftermath in (NOT_DONE, TORN, DONE):
            nor = flash()
            journal, _ = bound(nor, mine)
            nor.cut(operation, aftermath, 5)
            try:
                member = records.BOUND, records.pack(records.BOUND, mine(journal.epoch), True)
                journal.snapshot([member], EPOCH_S)
            except PowerCut:
                pass
            journal, report = bound(nor, mine)
            assert not report.read_only and report.proven, (operation, aftermath, report.text)
            assert journal.snapshot_due() == (not replayed(journal)), (operation, aftermath)
            outcomes.add(journal.snapshot_due())
    assert outcomes == {True, False}
