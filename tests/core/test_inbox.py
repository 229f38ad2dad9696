"""What is believed of what arrives, and how often the rest is reported; on both interpreters."""

import json

from locker.core import codes
from locker.core.events import EV_COMMAND, EV_OPEN_ORDER, EV_REJECTED, TRUST_FLOOR, TRUST_SET
from locker.net import messages
from locker.net.inbox import Inbox

PREFIX = "consigne/1/L1/"
KEY = bytes(range(32))
NOW_S = 1_790_000_000
PERIOD_MS = 1 << 30  # of an ESP32's ticks


class Journal:
    """The three numbers of a journal that an acknowledgement is held against."""

    def __init__(self):
        self.epoch = 77
        self.next_seq = 101
        self.acknowledged = 40


class Locker:
    """An inbox and what came out of it."""

    def __init__(self, trust=TRUST_SET, broken=()):
        """``broken``: kinds of events that the shell fails to carry out."""
        self.journal = Journal()
        self.events = []
        self.broken = broken
        self.replies = []
        self.again_from = []
        self.held = []
        self.asked = []  # nonces of questions for the time that wait for an answer
        self.questions = []  # ticks at which the inbox wanted one
        self.counter = 0
        self.failed = ""
        self.ms = PERIOD_MS - 30_000  # the ticks wrap soon after the start
        self.s = NOW_S
        self.trust = trust
        self.inbox = Inbox(
            PREFIX,
            KEY,
            self.journal,
            self.take,
            lambda: self.counter,
            lambda: self.failed,
            lambda: (self.ms % PERIOD_MS, self.s, self.trust),
            lambda command_id, result: self.replies.append((command_id, result)),
            self,
            self.answers,
            lambda: self.questions.append(self.ms),
        )

    def again(self, seq):
        self.again_from.append(seq)

    def acknowledged(self, seq):
        self.held.append(seq)

    def take(self, event):
        self.events.append(event)
        if event[0] in self.broken:
            raise KeyError("a case that nobody thought of")

    def answers(self, nonce):
        if nonce not in self.asked:
            return False
        self.asked.remove(nonce)
        return True

    def send(self, branch, body, retained=False):
        topic = PREFIX + branch
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        key = codes.derive(KEY, codes.LABEL_COMMAND)
        frame = codes.frame_head(key, topic, data) + data
        self.inbox.message(topic, memoryview(bytearray(frame)), retained)

    def command(self, counter, cmd="open", **fields):
        body = {"id": "c{}".format(counter), "n": counter, "exp": NOW_S + 60, "cmd": cmd}
        body.update(fields if fields else {"door": 3})
        self.send("commands", body)

    def rejected(self):
        """The counts reported so far, by reason; asks for a report first."""
        self.inbox.report()
        reports = [event for event in self.events if event[0] == EV_REJECTED]
        for event in reports:
            self.events.remove(event)
        return [event[1:] for event in reports]


def test_a_command_is_obeyed_once_and_only_with_a_counter_that_rises():
    locker = Locker()
    for counter in (5, 5, 4, 1, 6):
        locker.command(counter)
    assert locker.events == [(EV_OPEN_ORDER, 3, 5, "c5"), (EV_OPEN_ORDER, 3, 6, "c6")]
    assert locker.rejected() == [(messages.R_STALE, 3)]


def test_a_counter_in_the_journal_outlives_a_restart():
    locker = Locker()
    locker.counter = 9
    locker.command(9)
    locker.command(10)
    assert locker.events == [(EV_OPEN_ORDER, 3, 10, "c10")]


def test_the_newest_command_delivered_twice_is_not_answered_again_but_an_older_one_is():
    locker = Locker()
    for counter in (5, 5, 4):
        locker.command(counter)
    assert locker.replies == [("c4", "stale counter")]


def test_a_command_that_broke_off_is_remembered_before_the_fault_is_anybody_elses():
    """Else the broker, which gets no acknowledgement, sends it again after every restart."""
    locker = Locker(broken=(EV_OPEN_ORDER,))
    try:
        locker.command(5)
        raise AssertionError("the fault was hidden")
    except KeyError:
        pass
    assert locker.events == [(EV_OPEN_ORDER, 3, 5, "c5"), ("failed", 5, "c5")]


def test_a_command_that_broke_off_is_not_tried_again_under_another_number():
    locker = Locker()
    locker.failed = "c7"
    locker.command(7)
    locker.command(8)
    assert locker.events == [(EV_OPEN_ORDER, 3, 8, "c8")]
    assert locker.replies == [("c7", "failed")] and locker.rejected() == [(messages.R_FAILED, 1)]


def test_a_message_that_finds_no_room_on_the_heap_is_refused_as_too_long_and_not_asked_for_again():
    class Full:
        def loads(self, text):
            raise MemoryError

    locker, parser = Locker(), messages.json
    messages.json = Full()
    try:
        locker.command(1)
    finally:
        messages.json = parser
    locker.command(2)
    assert locker.events == [(EV_OPEN_ORDER, 3, 2, "c2")] and locker.rejected() == [(messages.R_SIZE, 1)]


def test_a_command_is_obeyed_until_its_last_second():
    locker = Locker()
    locker.s = NOW_S + 60
    locker.command(1)
    locker.s += 1
    locker.command(2)
    assert locker.events == [(EV_OPEN_ORDER, 3, 1, "c1")]
    assert locker.replies == [("c2", "expired")]


def test_a_refused_command_does_not_use_up_its_counter():
    locker = Locker(TRUST_FLOOR)
    locker.command(7)
    assert locker.replies == [("c7", "time unknown")]
    locker.trust = TRUST_SET
    locker.command(7)
    assert locker.events == [(EV_OPEN_ORDER, 3, 7, "c7")]


def tell_time(locker, counter, nonce):
    locker.command(counter, "time", t=NOW_S + 5, offset_s=3600, next_s=0, next_offset_s=0, nonce=nonce)


def test_the_time_is_taken_from_whom_we_asked_and_once():
    locker = Locker(TRUST_FLOOR)
    locker.asked.append(99)
    for counter in (1, 2):
        tell_time(locker, counter, 99)
    ((what, body),) = locker.events
    assert what == "time" and (body["t"], body["offset_s"], body["n"]) == (NOW_S + 5, 3600, 1)
    assert locker.replies == [("c2", "not asked")]
    assert locker.rejected() == [(messages.R_NOT_ASKED, 1)]


def test_a_time_that_was_held_up_on_its_way_is_not_set():
    for trust in (TRUST_FLOOR, TRUST_SET):
        locker = Locker(trust)
        tell_time(locker, 1, 99)  # signed, not expired, its counter rises: and nobody asks any more
        assert locker.events == [] and locker.replies == [("c1", "not asked")]


def test_an_order_for_the_clock_is_taken_by_nonce_and_counter_and_not_by_expiry():
    locker = Locker()
    locker.s = NOW_S + 400 * 86_400
    fields = {"t": NOW_S, "offset_s": 0, "next_s": 0, "next_offset_s": 0, "nonce": 99}
    locker.command(1, "clock", **fields)
    assert locker.events == [] and locker.replies == [("c1", "not asked")]
    locker.asked.append(99)
    locker.command(2, "clock", **fields)
    assert [(event[0], event[1]["cmd"]) for event in locker.events] == [("time", "clock")]
    locker.asked.append(99)
    locker.command(2, "clock", **fields)
    locker.command(1, "clock", **fields)
    assert len(locker.events) == 1, "replayed, even within the time of the question"


def test_an_order_for_the_clock_of_another_locker_is_not_believed():
    locker = Locker()
    locker.asked.append(99)
    body = {"id": "c1", "n": 1, "exp": NOW_S + 60, "cmd": "clock", "t": NOW_S, "nonce": 99}
    body.update({"offset_s": 0, "next_s": 0, "next_offset_s": 0})
    data = json.dumps(body).encode()
    for topic, device_key in (("consigne/1/L2/commands", KEY), (PREFIX + "commands", bytes(32))):
        key = codes.derive(device_key, codes.LABEL_COMMAND)
        frame = codes.frame_head(key, topic, data) + data
        locker.inbox.message(PREFIX + "commands", memoryview(bytearray(frame)), False)
    assert locker.events == [] and locker.rejected() == [(messages.R_MAC, 2)]


def test_a_wrong_clock_of_ours_keeps_no_command_of_the_host_out():
    for off_s in (2 * 86_400, 365 * 86_400):
        locker = Locker()
        locker.ms = 1000
        locker.s = NOW_S + off_s
        locker.command(1)
        assert locker.replies == [("c1", "expired")] and len(locker.questions) == 1, "it asks for the time"
        locker.asked.append(5)
        tell_time(locker, 2, 5)  # the clock refuses it
        locker.events.clear()
        locker.command(3)
        assert locker.events == [(EV_OPEN_ORDER, 3, 3, "c3")]
        locker.ms += 66_000
        locker.s += 66
        locker.command(4)
        assert locker.replies[1:] == [("c4", "expired")], "by the host's own time it has"


def test_what_the_host_told_is_forgotten_before_the_ticks_wrap():
    locker = Locker()
    locker.asked.append(5)
    tell_time(locker, 1, 5)
    locker.events.clear()
    for _ in range(2 * 24):
        locker.ms += 3_600_000
        locker.s += 3600
        locker.inbox.report()
    locker.s = NOW_S
    locker.command(2)
    assert locker.events == [(EV_OPEN_ORDER, 3, 2, "c2")], "judged by the clock again"


def test_a_clock_that_runs_far_ahead_can_still_be_told():
    locker = Locker()
    locker.s = NOW_S + 3600  # past the expiry of whatever the host signs now
    locker.asked.append(5)
    tell_time(locker, 1, 5)
    assert [event[0] for event in locker.events] == ["time"]


def test_each_acknowledgement_is_told_to_the_cursor_and_only_a_newer_one_is_journaled():
    locker = Locker()
    locker.journal.acknowledged = 8
    for seq in (5, 9):
        locker.send("ack", {"epoch": 77, "seq": seq})
    assert locker.held == [5, 9]
    assert locker.events == [("ack", 77, 9)]


def test_a_request_to_send_again_names_the_first_event():
    locker = Locker()
    locker.command(1, "again", seq=12)
    assert locker.again_from == [12]
    assert locker.events == [(EV_COMMAND, 1, 0, "c1")]


def test_an_acknowledgement_lets_go_only_of_what_was_sent_and_only_forwards():
    locker = Locker()
    for epoch, seq in ((77, 100), (78, 90), (77, 101), (77, 40), (77, 12), (77, 41)):
        locker.send("ack", {"epoch": epoch, "seq": seq})
    assert locker.events == [("ack", 77, 100), ("ack", 77, 41)]
    assert locker.rejected() == [(messages.R_BEYOND, 1)]


def test_other_topics_large_messages_and_forgeries_are_counted_and_nothing_else():
    locker = Locker()
    locker.inbox.message(PREFIX + "commands", None, False)
    locker.inbox.message("consigne/1/L2/commands", memoryview(b"x" * 40), False)
    locker.inbox.message(PREFIX + "commands", memoryview(b"0" * 32 + b".{}"), False)
    locker.inbox.message(PREFIX + "ack", memoryview(b""), False)
    assert locker.events == [] and locker.replies == []
    assert locker.rejected() == [(messages.R_TOPIC, 1), (messages.R_MAC, 2), (messages.R_SIZE, 1)]


def test_what_is_retained_is_not_for_a_locker():
    locker = Locker()
    locker.send("ack", {"epoch": 77, "seq": 50}, True)
    locker.inbox.message(PREFIX + "status", memoryview(b"{}"), True)
    assert locker.events == [] and locker.rejected() == []


def test_a_flood_is_reported_ever_more_seldom_and_no_frame_of_it_is_forgotten():
    locker = Locker()
    sent = counted = reports = 0
    for _ in range(24 * 3600 // 10):  # a frame every ten seconds for a day, the ticks wrapping meanwhile
        locker.inbox.message(PREFIX + "commands", memoryview(b"forged"), False)
        sent += 1
        for reason, count in locker.rejected():
            assert reason == messages.R_MAC
            counted += count
            reports += 1
        locker.ms += 10_000
    assert 24 <= reports <= 36
    locker.ms += 3_600_000
    counted += sum(count for _, count in locker.rejected())
    assert counted == sent


def test_the_first_forgery_after_a_quiet_day_is_reported_at_once():
    locker = Locker()
    for quiet_ms in (0, 86_400_000, 700_000_000):  # the last is more than half a period of the ticks
        locker.ms += quiet_ms
        locker.inbox.message(PREFIX + "commands", memoryview(b"forged"), False)
        assert locker.rejected() == [(messages.R_MAC, 1)]


def test_a_report_says_no_more_than_its_record_can_hold():
    locker = Locker()
    for _ in range(70_000):
        locker.inbox.message(PREFIX, None, False)
    assert locker.rejected() == [(messages.R_SIZE, 65535)]


class Dice:
    """A small generator of its own, so that a seed means the same on every interpreter."""

    def __init__(self, seed):
        self._state = seed * 2654435761 & 0xFFFFFFFF or 1

    def below(self, n):
        x = self._state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self._state = x
        return x % n

    def pick(self, choices):
        return choices[self.below(len(choices))]


GOOD = (
    b'{"id":"c9","n":9,"exp":1790000060,"cmd":"open","door":3}',
    b'{"id":"c9","n":9,"exp":1790000060,"cmd":"again","seq":5}',
    b'{"id":"c9","n":9,"exp":1790000060,"cmd":"reserve","door":1,"until":1790000000,"parcel":"P1"}',
    b'{"id":"c9","n":9,"exp":1790000060,"cmd":"configure","set":[["language","fr"],["reopen_s",""]]}',
    b'{"id":"c9","n":9,"exp":1790000060,"cmd":"revoke","parcels":[["P1",1790000000]],"nonces":[[9,1790000000]],'
    b'"holders":[[1,1,7,2]]}',
    b'{"id":"c9","n":9,"exp":1790000060,"cmd":"grants","from":3,"to":4,"more":0,"add":[[5,1790000000,1790086400,'
    b'0,0,0,65535,1,"00112233445566778899aabbccddeeff","RR123456785FR"]],"drop":[1],"expect":[]}',
    b'{"epoch":77,"seq":60}',
)
JUNK = (
    b"", b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\x00", b"\xff", b"\xc3", b"\\u0000", b"\\ud800",
    b"\\x", b"-", b"1e400", b"-1", b"99999999999999999999999999", b"1.5", b"null", b"true", b"NaN", b"{}",
    b"[[[[[[[[", b"{[]:1}", b'{"a":{"b":[]}}', b'"id":"c9"', b'"cmd":"reboot"', b"\xf0\x9f\x93\xa6", b" \n\t",
)  # fmt: skip


def spoilt(dice, data):
    """``data`` with one to four things wrong with it; seldom with nothing."""
    for _ in range(dice.below(4) + 1):
        at = dice.below(len(data) + 1)
        end = min(len(data), at + dice.pick((0, 0, 1, 2, 5, 30)))
        data = data[:at] + dice.pick(JUNK) + data[end:]
    return data


def test_anything_on_any_topic_is_refused_or_understood_and_never_a_fault():
    dice = Dice(7)
    understood = 0
    for turn in range(3000):
        data = spoilt(dice, dice.pick(GOOD))
        locker = Locker()  # which has heard nothing yet: each frame is looked at, not only the first
        locker.send(dice.pick(("commands", "ack", "commands", "events", "")), data)
        for event in locker.events:
            assert event[0] in ("ack", "time") or type(event[0]) is int, (turn, data)
            if event[0] == EV_OPEN_ORDER:
                assert 0 <= event[1] <= 65534 and event[2] >= 1, (turn, data)
        understood += len(locker.events)
        for command_id, result in locker.replies:
            assert 1 <= len(command_id.encode()) <= 36 and result in messages.R_NAMES, (turn, data)
    assert 0 < understood < 1500, understood


def test_a_frame_cut_or_altered_anywhere_has_no_effect():
    topic = PREFIX + "commands"
    data = GOOD[0]
    frame = codes.frame_head(codes.derive(KEY, codes.LABEL_COMMAND), topic, data) + data
    locker = Locker()
    for at in range(len(frame)):
        locker.inbox.message(topic, memoryview(frame[:at]), False)
        altered = bytearray(frame)
        altered[at] ^= 1
        locker.inbox.message(topic, memoryview(altered), False)
    assert locker.events == [] and locker.replies == []
    locker.inbox.message(topic, memoryview(frame), False)
    assert len(locker.events) == 1
