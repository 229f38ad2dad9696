"""Whatever a cabinet has to say of itself fits the packet that is made for it."""

import asyncio
import json

from locker.core import records
from locker.core.events import TRUST_SET
from locker.core.limits import DOORS_MAX
from locker.net.sync import Sync
from sync_kit import LOCKER, Client

U32_MAX = 4294967295
MOST = {"B": 255, "H": 65535, "I": U32_MAX}
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
