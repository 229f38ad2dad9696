"""What a host is sent of a journal, whatever is left of it.  Runs on both interpreters."""

import asyncio
import json

from consigne.sim.board.flash import SECTOR_BYTES
from flash_kit import EPOCH_S, fill, flash, opened, unsent
from locker.core import codes
from locker.core.events import TRUST_SET
from locker.journal.layout import FIRST
from locker.net.mqtt_conversation import NotConnected
from locker.net.mqtt_packet import Packet
from locker.net.sync import Sync, hole, packet_bytes


class Wire:
    """An MQTT client whose one connection lasts until there is nothing to publish; keeps what was sent."""

    def __init__(self):
        self.sent = []  # (name of the topic, body)
        self._turns = 0

    def attach(self, will_topic, will, topics, on_message):
        self.on_message = on_message

    async def wait_up(self):
        pass

    def session(self):
        return 1

    async def publish(self, topic, fill_, retain=False):
        packet = Packet(packet_bytes(4))
        packet.begin_publish(topic, 65535, retain)
        start = packet.end
        if not fill_(packet):
            raise NotConnected
        body = json.loads(bytes(packet.view(start + codes.FRAME_HEAD_BYTES)))
        self.sent.append((topic.decode().split("/")[-1], body))
        return True


class Host(Sync):
    """A locker's sync over one connection, and what a host makes of it."""

    def __init__(self, journal):
        self.wire = Wire()
        self.journal = journal
        super().__init__(
            self.wire,
            journal,
            "L1",
            bytes(range(32)),
            lambda event: None,
            list,
            dict,
            lambda: 0,
            lambda: (0, EPOCH_S, TRUST_SET),
        )

    def said(self, after=None):
        """``(events, holes)`` sent: from the acknowledgement on, or to a host that has no more than ``after``
        of it.
        """
        self.wire.sent.clear()
        self._cursor.begin()
        if after is not None:
            self._cursor.again(after + 1)
        asyncio.run(self._send_all())
        entries = [one for name, body in self.wire.sent if name == "events" for one in body["events"]]
        return (
            [entry for entry in entries if not isinstance(entry[2], str)],
            [entry for entry in entries if isinstance(entry[2], str)],
        )

    async def _send_all(self):
        while self._cursor.may_send():
            try:
                await self._client.publish(b"consigne/1/L1/events", self._fill_events)
            except NotConnected:
                return

    def status(self):
        self.wire.sent.clear()
        asyncio.run(self._client.publish(b"consigne/1/L1/status", self._fill_status))
        return self.wire.sent[0][1]


def covers_everything(host, after):
    """Every number behind ``after`` is told once: as what can be read, or as no longer there."""
    journal = host.journal
    events, holes = host.said(after)
    readable = {seq for seq, _, _, _ in unsent(journal, after)}
    assert [seq for seq, _, _ in events] == sorted(readable)
    gone = {seq for first, last, _ in holes for seq in range(first, last + 1)}
    assert not gone & readable
    assert gone | readable == set(range(after + 1, journal.next_seq))
    return holes


def rotten(nor, sector):
    nor.overwrite(sector * SECTOR_BYTES + FIRST, b"\x00" * (SECTOR_BYTES - FIRST))


def sector_of(journal, seq):
    next(journal.unacknowledged(seq - 1, 1))
    return journal._outbox._sector


def test_a_restored_host_is_sent_what_it_had_acknowledged_as_far_as_the_flash_reaches():
    nor = flash()
    journal, _ = opened(nor)
    fill(journal, 60)
    journal.acknowledge(50, EPOCH_S)
    events, holes = Host(journal).said(after=20)
    assert [seq for seq, _, _ in events] == list(range(21, 61)) and holes == []
    assert Host(journal).status()["oldest"] == 1


def test_what_was_acknowledged_and_overwritten_is_a_hole_and_what_is_left_follows():
    nor = flash()
    journal, _ = opened(nor)
    last = 0
    while min(nor.erases) < 2:
        last = fill(journal, 10)[-1]
        journal.acknowledge(last, EPOCH_S)
        journal.maintain()
    oldest = unsent(journal)[0][0]
    assert oldest > 100
    host = Host(journal)
    assert host.status()["oldest"] == journal.oldest_seq() == oldest
    assert covers_everything(host, 7) == [[8, oldest - 1, "acknowledged"]]
    assert host.said() == ([], []), "a host that has everything is sent nothing"


def test_what_gave_way_while_nobody_was_there_is_a_hole_of_another_kind():
    nor = flash()
    journal, _ = opened(nor)
    fill(journal, 30)
    journal.acknowledge(25, EPOCH_S)
    while min(nor.erases) < 3:
        fill(journal, 10)
        journal.maintain()
    host = Host(journal)
    oldest = journal.oldest_seq()
    assert covers_everything(host, 25) == [[26, oldest - 1, "given up"]]
    assert covers_everything(host, 3) == [[4, 25, "acknowledged"], [26, oldest - 1, "given up"]]


def test_a_sector_that_rots_while_the_locker_runs_is_a_hole_at_once():
    nor = flash()
    journal, _ = opened(nor)
    fill(journal, 200)
    first = sector_of(journal, 100)
    rotten(nor, first)
    host = Host(journal)
    (holes,) = covers_everything(host, 0)
    assert holes[0] <= 100 <= holes[1] and holes[2] == "unreadable"


def test_rotten_sectors_found_at_a_start_are_holes_in_their_place_and_a_record_tells_of_them():
    nor = flash()
    journal, _ = opened(nor)
    fill(journal, 220)
    for seq in (60, 140):
        rotten(nor, sector_of(journal, seq))
    again, report = opened(nor)
    assert report.lost_events > 0
    host = Host(again)
    holes = covers_everything(host, 0)
    assert [why for _, _, why in holes] == ["unreadable"] * 2
    told = [row[2] for row in host.said(0)[0] if row[2]["kind"] == "lost"]
    assert [[one["first"], one["last"]] for one in told] == [hole_[:2] for hole_ in holes]


def test_events_at_the_end_that_cannot_be_read_are_written_off_and_what_comes_then_is_sent():
    nor = flash()
    journal, _ = opened(nor)
    fill(journal, 40)
    nor.overwrite(sector_of(journal, 40) * SECTOR_BYTES + FIRST + 5 * 112, b"\x00" * 112 * 60)
    left = unsent(journal)[-1][0]
    assert left < 40
    host = Host(journal)
    assert [row[0] for row in host.said()[0]] == list(range(1, left + 1))
    journal.maintain()
    (end,) = covers_everything(host, 0)
    assert end == [left + 1, 40, "unreadable"]
    assert host.said()[0][-1][2] == {"kind": "lost", "first": left + 1, "last": 40}
    assert journal.next_seq == 42, "once"


def test_a_hole_is_split_where_the_host_had_the_events_and_where_not():
    assert hole(3, 9, 5, 100) == b'[3,5,"acknowledged"],[6,9,"given up"],'
    assert hole(3, 9, 9, 4) == b'[3,9,"acknowledged"],'
    assert hole(3, 9, 2, 4) == b'[3,9,"unreadable"],'
