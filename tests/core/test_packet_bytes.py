"""Whatever a cabinet has to say of itself fits the packet that is made for it."""

import asyncio
import json

from locker.core import codes, records
from locker.core.access import Access
from locker.core.events import TRUST_SET
from locker.core.limits import DOORS_MAX
from locker.net.mqtt_packet import Packet
from locker.net.sync import Sync, packet_bytes

U32_MAX = 4294967295
MOST = {"B": 255, "H": 65535, "I": U32_MAX}
LOCKER = "L" * 32
PREFIX = b"consigne/1/" + LOCKER.encode() + b"/"
FAULTS = 24  # the names of 16 tasks that ended, 4 latches, and what the senses complain of
LONGEST_ID = "W" * 40
# As many quotes as a row of the occupancy has room for, each two bytes in JSON.
LONGEST_ROW = '"' * 15 + "W" * 25


def longest_event():
    """The kind and the payload of the event that is longest as JSON."""
    found = []
    for kind in records.kinds():
        _, fmt, _, text = records.spec(kind)
        if kind <= records.EVENT_KIND_MAX:
            payload = records.pack(
                kind, *[MOST[letter] for letter in fmt[1:]], *([LONGEST_ID] if text else ())
            )
            found.append((len(json.dumps(records.describe(kind, payload))), kind, payload))
    return max(found)[1:]


class Journal:
    """The numbers of a journal, as long as they get, and as many of the longest event as it is asked for."""

    epoch = next_seq = time_floor = U32_MAX
    acknowledged = U32_MAX - 1000

    def __init__(self):
        self.kind, self.payload = longest_event()

    def oldest_seq(self):
        return self.next_seq

    def unacknowledged(self, seq, count):
        for n in range(count):
            yield seq + 1 + n, self.kind, U32_MAX, self.payload


class Client:
    """Fills a packet of the cabinet's length as an MQTT client does; keeps what was sent, by topic."""

    def __init__(self, doors):
        self.packet = Packet(packet_bytes(doors))
        self.sent = {}

    def attach(self, will_topic, will, topics, on_message):
        pass

    async def wait_up(self):
        pass

    def session(self):
        return 1

    async def publish(self, topic, fill, retain=False):
        self.packet.begin_publish(topic, 65535, retain)
        start = self.packet.end
        if not fill(self.packet):
            return False
        body = bytes(self.packet.view(start + codes.FRAME_HEAD_BYTES))
        self.packet.end_publish()
        self.sent[topic[len(PREFIX) :]] = json.loads(body)
        await asyncio.sleep(0)
        return True


def said(doors, parcel, client=None, then=None):
    """What a cabinet says that is full, every latch weak, every sample as long as they get.

    ``then`` is called when it has said all, and the status that follows on it is waited for.
    """
    status = {
        "grants": U32_MAX,
        "digest": U32_MAX,
        "n": U32_MAX,
        "revoked": U32_MAX,
        "takes": 4096,
        "fw": "10.10.10",
        "journal": "j" * 120,
        "health": {
            "taken": U32_MAX,
            "samples": [(U32_MAX, U32_MAX, 10_000_000, -100, 65535)] * 8,
            "latches": [(door, 65535, 65535, 255, 128) for door in range(min(doors, 64))],
        },
        "faults": ["f" * 40] * FAULTS,
    }
    client = client or Client(doors)
    sync = Sync(
        client,
        Journal(),
        LOCKER,
        bytes(range(32)),
        lambda event: None,
        lambda: [[4, 2, parcel]] * doors,
        lambda: dict(status),
        lambda: 0,
        lambda: (0, U32_MAX, TRUST_SET),
    )

    async def run():
        task = asyncio.create_task(sync.run())
        while b"events" not in client.sent and not task.done():
            await asyncio.sleep(0)
        if then:
            then()
            sync.status_changed()
            while b"status" not in client.sent and not task.done():
                await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass

    asyncio.run(run())
    return client.sent


def told_revoked(access, limit=None):
    """All that a locker tells of its revocations, a piece for each question; and the digest in each."""
    client = Client(12)
    if limit:
        client.packet.fit.limit = limit
    sync = Sync(
        client,
        Journal(),
        LOCKER,
        bytes(range(32)),
        lambda event: None,
        list,
        dict,
        lambda: 0,
        lambda: (0, U32_MAX, TRUST_SET),
        access=access,
    )
    rows, digests, first = [], [], 0
    while first or not digests:
        sync._inbox.revoked_from = first
        assert asyncio.run(sync._publish_one())
        piece = client.sent[b"replies"]
        assert piece["from"] == first and (piece["revoked"] or not first)
        rows += piece["revoked"]
        digests.append(piece["digest"])
        first = piece["next"]
    return rows, digests


def test_all_that_is_revoked_is_told_in_pieces_that_fit():
    access = Access(bytes(range(32)))
    assert told_revoked(access) == ([], [0])
    said = []
    for n in range(64):
        said.append([records.REVOKE_PARCEL, U32_MAX - n, "{:02}".format(n) + '"' * 38])
        said.append([records.REVOKE_NONCE, U32_MAX - n, U32_MAX])
    for n in range(32):
        said.append([records.HOLDER_COUNTER, 1, 1, n, 65535 - n])
    for kind, *values in said:
        access.apply(kind, 0, records.pack(kind, *values))
    for limit in (None, 400):
        rows, digests = told_revoked(access, limit)
        assert sorted(map(str, rows)) == sorted(map(str, said))
        assert len(digests) > 2 and set(digests) == {access.revoked_digest()}
    before = access.revoked_digest()
    access.apply(records.HOLDER_COUNTER, 0, records.pack(records.HOLDER_COUNTER, 1, 1, 7, 50000))
    assert access.revoked_digest() != before


def test_the_occupancy_of_every_cabinet_fits_and_names_every_parcel():
    for doors in (1, 12, 48, 80, 100, DOORS_MAX):
        for parcel in (LONGEST_ID, LONGEST_ROW):
            sent = said(doors, parcel)
            assert sent[b"occupancy"]["doors"] == [[4, 2, parcel]] * doors, doors
            assert len(sent[b"status"]["faults"]) == FAULTS


def test_a_parcel_whose_id_is_too_long_as_json_is_not_named_and_keeps_nothing_else_back():
    for doors in (12, DOORS_MAX):
        for parcel in ('"' * 40, "\\" * 40, LONGEST_ROW + '"'):
            sent = said(doors, parcel)
            assert sent[b"occupancy"]["doors"] == [[4, 2, None]] * doors
            assert sent[b"events"]["events"]


def test_fifteen_of_the_longest_events_leave_in_one_packet_of_the_smallest_cabinet():
    assert len(said(1, LONGEST_ID)[b"events"]["events"]) == 15


def test_a_status_that_was_cut_for_the_broker_is_whole_again_when_the_broker_takes_it():
    client = Client(12)
    fit = client.packet.fit
    for _ in range(3):
        fit.sent(1500)
        fit.ended(True)

    def an_hour_later():
        cut = client.sent.pop(b"status")
        assert cut["faults"] == [] and "health" not in cut and cut["journal"], "what the host needs"
        for _ in range(3600):
            fit.look(True)

    sent = said(12, LONGEST_ID, client, an_hour_later)
    assert len(sent[b"status"]["faults"]) == FAULTS and sent[b"status"]["health"]["samples"]
