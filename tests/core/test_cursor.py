"""Which events go to the host next, and which again; on both interpreters."""

from time import ticks_add

from locker.net import cursor
from locker.net.cursor import BATCH_EVENTS, Cursor


class Journal:
    """The two numbers of a journal that say what there is to send."""

    def __init__(self, next_seq, acknowledged=0):
        self.next_seq = next_seq
        self.acknowledged = acknowledged


class Ticks:
    """The clock of ``cursor``, turned by hand; it wraps a second after the start."""

    def __init__(self):
        self.passed_ms = 0

    def now(self):
        return ticks_add(0, self.passed_ms - 1_000)

    def __enter__(self):
        self.read = cursor.ticks_ms
        cursor.ticks_ms = self.now
        return self

    def __exit__(self, *_):
        cursor.ticks_ms = self.read


def sent(cursor_, most=1 << 20):
    """Send batch after batch, up to so many events, as ``Sync`` does: the seqs in order."""
    out = []
    while cursor_.may_send() and len(out) < most:
        last = min(cursor_.seq + BATCH_EVENTS, cursor_._journal.next_seq - 1)
        out.extend(range(cursor_.seq + 1, last + 1))
        cursor_.sent(last)
    return out


def made(next_seq, acknowledged=0):
    out = Cursor(Journal(next_seq, acknowledged), 5)
    out.begin()
    return out


def test_everything_the_host_has_not_acknowledged_is_sent_once_and_in_order():
    assert sent(made(101, 40)) == list(range(41, 101))


def test_no_more_than_the_host_can_be_behind_is_sent_ahead_of_it():
    c = made(10_000)
    assert len(sent(c)) == -(-4096 // BATCH_EVENTS) * BATCH_EVENTS
    c.acknowledged(1_000)
    assert not c.is_stalled()
    assert len(sent(c)) >= 1_000 - BATCH_EVENTS


def test_a_stretch_the_host_misses_is_sent_again_and_then_what_was_next():
    c = made(201)
    sent(c)
    c._journal.next_seq = 211
    c.again(150)
    again = sent(c)
    assert again[0] == 150 and again[-10:] == list(range(201, 211))
    assert again.count(205) == 1


def test_a_host_that_lost_what_it_acknowledged_gets_it_and_what_follows_once():
    c = made(101, 90)
    sent(c)
    c.again(5)
    assert sent(c) == list(range(5, 101))
    assert not c.may_send() and not c.is_stalled()


def test_what_a_restored_host_lacks_is_sent_no_faster_than_it_acknowledges():
    c = made(10_001, 10_000)
    c.again(1)
    assert sent(c) == list(range(1, -(-4096 // BATCH_EVENTS) * BATCH_EVENTS + 1))
    c.acknowledged(1_000)
    assert sent(c)[-1] >= 1_000 + 4096
    c.acknowledged(900)  # overtaken on its way
    assert not c.may_send()


def test_a_restored_host_that_falls_silent_again_is_probed_from_where_it_is():
    with Ticks() as ticks:
        c = made(201, 200)
        c.again(11)
        sent(c)
        c.acknowledged(34)
        ticks.passed_ms += 6_000
        assert c.is_stalled()
        assert sent(c) == list(range(35, 35 + BATCH_EVENTS))


def test_a_new_connection_begins_where_the_host_is():
    c = made(101, 40)
    sent(c)
    c.acknowledged(60)
    c._journal.acknowledged = 60
    c.begin()
    assert sent(c) == list(range(61, 101))


def test_a_silent_host_gets_one_batch_at_a_time_ever_more_seldom_and_all_when_it_is_back():
    with Ticks() as ticks:
        c = made(1_001)
        sent(c)
        probes = []
        for _ in range(4_000):
            ticks.passed_ms += 1_000
            if c.is_stalled():
                probes.append(ticks.passed_ms // 1_000)
                assert sent(c) == list(range(1, BATCH_EVENTS + 1))
        waits = [later - earlier for earlier, later in zip([0] + probes, probes)]
        assert waits[:8] == [5] * 8 and waits[8:11] == [10, 20, 40] and max(waits) <= 900
        c.acknowledged(BATCH_EVENTS)
        assert not c.is_stalled()
        assert sent(c) == list(range(BATCH_EVENTS + 1, 1_001))
        ticks.passed_ms += 6_000
        assert c.is_stalled(), "patience begins anew"


def test_a_host_that_has_everything_is_not_bothered():
    with Ticks() as ticks:
        c = made(101, 40)
        sent(c)
        c.acknowledged(100)
        for _ in range(100):
            ticks.passed_ms += 10_000
            assert not c.is_stalled() and not c.may_send()
