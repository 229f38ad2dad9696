"""The locker's half of the protocol with the host: events go up, commands and acknowledgements come down.

Events are read from the journal at a cursor and published in batches, many in flight; only the host's
acknowledgement releases them.  Events that a broker or a host lost are sent again: ``cursor.py``.  Status and
occupancy are retained messages, always whole and always the latest, so they are simply published when they
change.  Nothing here keeps data that could be lost while it waits for the network.
"""

import asyncio
import json
import os
from binascii import hexlify
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from ..core import codes, records
from ..core.events import EV_LINK, TRUST_SET
from .cursor import BATCH_EVENTS, Cursor
from .inbox import Inbox
from .mqtt_conversation import NotConnected

_STATUS_EVERY_MS = const(900_000)  # so that the host sees the newest seq when events were lost
_OCCUPANCY_EVERY_MS = const(500)  # a door moves several times in a visit
# A delayed answer to "what time is it?" would set an old time, so an answer counts only this long.
_TIME_GOOD_MS = const(10_000)
_TIME_RETRY_MS = const(20_000)  # while the time is not known
_TIME_DOUBT_MS = const(60_000)  # while host and locker differ: so soon a host that is right again is believed
_TIME_SILENT_MS = const(300_000)  # while the host does not answer
_TIME_EVERY_MS = const(21_600_000)  # a crystal of 50 ppm is 1 s off after six hours
_REST_S = 1
_CLOSED_LOOK_S = 0.02
_REPLIES_MAX = const(16)
_TOLD_MAX = const(4)
_ROW_BYTES = const(64)  # of one door in the occupancy, its comma with it
_NEXT_BYTES = const(20)  # a comma, and the end of what is told of revocations
_BLANK_HEAD = b"\x00" * 33
_COMPACT = (",", ":")


def packet_bytes(doors: int) -> int:
    """Longest packet: fifteen of the longest events, or the status, or the occupancy of a cabinet with long
    parcel ids.  Events that do not fit go into the next batch.
    """
    return max(2816, _ROW_BYTES * doors + 192)


class Sync:
    """``client`` an ``mqtt.Client`` not yet running, ``journal`` an open journal.

    ``locker`` is its id as in the topics, ``device_key`` its 32 bytes.  ``sink(event)`` gets what
    ``Inbox`` hands on and ``(EV_LINK, up)``.  ``occupancy()`` gives one row ``(content, seen, parcel
    or None)`` for each door, none at all while that is not known, ``status()`` a dict of what only the
    shell knows (grants, fw, journal, faults), ``counter()`` the newest command counter journaled,
    ``now()`` as in ``core/events.py``, ``failed()`` the id of the last command that a fault of ours
    stopped ("": none), ``in_doubt()`` whether the time is provisional, or the host's newest answer was
    refused, ``access`` the ``Access`` that says what is revoked.

    ``stall_s`` as in ``Cursor``.

    Call ``wake`` after an event was journaled or an acknowledgement taken, ``occupancy_changed`` and
    ``status_changed`` when they did.  None of them blocks.
    """

    def __init__(
        self,
        client,
        journal,
        locker,
        device_key,
        sink,
        occupancy,
        status,
        counter,
        now,
        stall_s=5,
        failed=lambda: "",
        in_doubt=lambda: False,
        access=None,
    ):
        prefix = "consigne/1/" + locker + "/"
        self._client = client
        self._journal = journal
        self._sink = sink
        self._occupancy = occupancy
        self._status = status
        self._now = now
        self._in_doubt = in_doubt
        self._access = access
        self._prefix = prefix
        self._topics = {
            name: (prefix + name).encode() for name in ("replies", "status", "occupancy", "events")
        }
        self._key = codes.derive(device_key, codes.LABEL_EVENT)
        self._cursor = Cursor(journal, stall_s)
        self._inbox = Inbox(
            prefix, device_key, journal, sink, counter, failed, now, self.reply, self._cursor, self._answers,
            self._ask_soon,
        )  # fmt: skip
        self._wake = asyncio.Event()
        self._status_due = self._occupancy_due = False
        self._status_ms = self._occupancy_ms = 0
        self._replies = []  # (id, result), at most _REPLIES_MAX, the oldest dropped
        self._ask_have = -1  # version of the grants to name in the next question, -1: no question
        self._ask_time = True
        self._told = []  # what the broker does not take, by name
        self._nonce = -1  # of the newest question for the time, -1: answered
        self._asked_ms = 0
        client.attach(
            self._topics["status"],
            self._will(),
            ((prefix + "ack").encode(), (prefix + "commands").encode()),
            self._inbox.message,
        )

    # --- for the controller -------------------------------------------------------------------------

    def wake(self) -> None:
        """Something was journaled or acknowledged: check what to publish."""
        self._wake.set()

    def occupancy_changed(self) -> None:
        self._occupancy_due = True
        self._wake.set()

    def status_changed(self) -> None:
        self._status_due = True
        self._wake.set()

    def reply(self, command_id: str, result: str) -> None:
        """Answer a command.  If the answer is lost, the command's own event replaces it."""
        if len(self._replies) >= _REPLIES_MAX:
            self._replies.pop(0)
        self._replies.append((command_id, result))
        self._wake.set()

    def ask_grants(self, have_version: int) -> None:
        """The set of grants has a gap after ``have_version``: ask for what follows."""
        self._ask_have = have_version
        self._wake.set()

    async def run(self) -> None:
        """Keep host and locker in step; never returns."""
        while True:
            await self._client.wait_up()
            session = self._client.session()
            self._sink((EV_LINK, True))
            self._cursor.begin()
            self._status_due = self._occupancy_due = True
            # Ask once after each start; later only if the clock is not set: each answer writes a record.
            self._ask_time = self._ask_time or self._now()[2] != TRUST_SET or self._in_doubt()
            self._occupancy_ms = ticks_add(ticks_ms(), -_OCCUPANCY_EVERY_MS)
            try:
                while session == self._client.session():
                    self._inbox.report()
                    # A silent host may believe that we are offline: send the status again.
                    self._status_due = self._cursor.is_stalled() or self._status_due
                    self._watch_time()
                    if not await self._publish_one():
                        await self._rest()
            except NotConnected:
                pass  # everything sent and not acknowledged is still in the journal
            self._sink((EV_LINK, False))
            while session == self._client.session():  # dead, and not closed yet: it still counts as up
                await asyncio.sleep(_CLOSED_LOOK_S)

    async def _rest(self) -> None:
        wait_s = _OCCUPANCY_EVERY_MS / 1000 if self._occupancy_due else _REST_S
        try:
            await asyncio.wait_for(self._wake.wait(), wait_s)
        except asyncio.TimeoutError:  # noqa: UP041  MicroPython's is not the builtin
            pass  # timeout: check what depends on time
        self._wake.clear()

    # --- what the host asks for, and is asked -----------------------------------------------------------

    def _watch_time(self) -> None:
        """Ask for the time often until it is known and agreed on, and then now and then."""
        every_ms = _TIME_EVERY_MS if self._nonce < 0 else _TIME_SILENT_MS
        if self._now()[2] != TRUST_SET:
            every_ms = _TIME_RETRY_MS
        elif self._in_doubt():
            every_ms = _TIME_DOUBT_MS
        # Below zero: the last question was so many days ago that the ticks have wrapped.
        if not 0 <= ticks_diff(ticks_ms(), self._asked_ms) < every_ms:
            self._ask_time = True

    def _ask_soon(self) -> None:
        """A command has expired, by a time that may be wrong: ask, but not with each of them."""
        if not 0 <= ticks_diff(ticks_ms(), self._asked_ms) < _TIME_RETRY_MS:
            self._ask_time = True

    def _answers(self, nonce: int) -> bool:
        """Whether this answers our newest question for the time, early enough; true only once."""
        if nonce != self._nonce or not 0 <= ticks_diff(ticks_ms(), self._asked_ms) < _TIME_GOOD_MS:
            return False
        self._nonce = -1
        return True

    # --- what is published, the most urgent first ---------------------------------------------------------

    async def _publish_one(self) -> bool:
        """Publish one message if there is any; false when there was nothing to publish."""
        publish = self._client.publish
        now_ms = ticks_ms()
        if self._inbox.revoked_from >= 0:
            return await publish(self._topics["replies"], self._fill_revoked)
        if self._replies or self._ask_have >= 0:
            return await publish(self._topics["replies"], self._fill_reply)
        if self._ask_time and not self._status_due:  # the host answers only lockers whose status it has
            return await publish(self._topics["replies"], self._fill_question)
        if self._status_due or ticks_diff(now_ms, self._status_ms) >= _STATUS_EVERY_MS:
            return await publish(self._topics["status"], self._fill_status, True)
        # Below zero: as above.
        if self._occupancy_due and not 0 <= ticks_diff(now_ms, self._occupancy_ms) < _OCCUPANCY_EVERY_MS:
            return await publish(self._topics["occupancy"], self._fill_occupancy, True)
        if self._cursor.may_send():
            return await publish(self._topics["events"], self._fill_events)
        return False

    def _fill_events(self, packet) -> bool:
        start = packet.end
        packet.put(_BLANK_HEAD)
        journal = self._journal
        packet.put('{{"epoch":{},"events":['.format(journal.epoch).encode())
        told = sent = self._cursor.seq
        seq = 0
        separator = b""
        for seq, kind, time_s, payload in journal.unacknowledged(sent, BATCH_EVENTS):
            row = json.dumps([seq, time_s, describe(kind, payload)], separators=_COMPACT).encode()
            if seq > sent + 1:  # the host must not wait for what no record is left of
                separator += hole(sent + 1, seq - 1, journal.acknowledged, journal.oldest_seq())
            sent = seq
            if len(separator) + len(row) + 2 > packet.room():
                if told != self._cursor.seq:
                    break
                if self._is_too_long(packet, len(row) + 2, "event {}".format(seq)):
                    separator += '[{},{},"too long"],'.format(seq, seq).encode()
                    continue
            packet.put(separator)
            packet.put(row)
            separator = b","
            told = seq
        if not seq:
            journal.lose_after(sent)  # a LOST record will follow, and with it this goes on
        if told == self._cursor.seq:
            return False
        packet.put(b"]}")
        self._seal(packet, start, "events")
        self._cursor.sent(told)
        return True

    def _fill_occupancy(self, packet) -> bool:
        """The state as of the newest event, since the core has folded the whole journal."""
        self._occupancy_due = False
        rows = self._occupancy()
        if not rows:
            return False
        start = packet.end
        packet.put(_BLANK_HEAD)
        packet.put(
            '{{"epoch":{},"seq":{},"t":{},"doors":['.format(
                self._journal.epoch, self._journal.next_seq - 1, self._now()[1]
            ).encode()
        )
        separator = b""
        for row in rows:
            packet.put(separator)
            data = json.dumps(row, separators=_COMPACT).encode()
            if len(data) >= _ROW_BYTES:  # an id with many quotes, two bytes each: events have it
                data = data[:5] + b"null]"  # after "[4,1,"
            packet.put(data)
            separator = b","
        packet.put(b"]}")
        self._occupancy_ms = ticks_ms()
        if self._is_too_long(packet, 0, "occupancy"):
            return False
        self._seal(packet, start, "occupancy")
        return True

    def _fill_status(self, packet) -> bool:
        _, epoch_s, trust = self._now()
        start = packet.end
        body = self._status()
        body["up"] = True
        body["epoch"] = self._journal.epoch
        body["oldest"] = self._journal.oldest_seq()
        body["seq"] = self._journal.next_seq
        body["ack"] = self._journal.acknowledged
        body["t"] = epoch_s
        body["trust"] = trust
        body["lead"] = self._inbox.lead_s
        self._fill(packet, "status", body)
        if self._is_too_long(packet, 0, "status"):  # what the host cannot do without
            packet.end = start
            body.pop("health", None)
            body["faults"] = []
            self._fill(packet, "status", body)
        self._status_due = False
        self._status_ms = ticks_ms()
        return True

    def _fill_reply(self, packet) -> bool:
        if self._replies:
            command_id, result = self._replies.pop(0)
            self._fill(packet, "replies", {"id": command_id, "result": result})
        else:
            self._fill(packet, "replies", {"ask": "grants", "have": self._ask_have})
            self._ask_have = -1
        return True

    def _fill_revoked(self, packet) -> bool:
        """What is revoked, as much of it as fits; ``next``: the entry that follows, 0 after the last."""
        first = self._inbox.revoked_from
        self._inbox.revoked_from = -1
        start = packet.end
        packet.put(_BLANK_HEAD)
        head = '{{"digest":{},"from":{},"revoked":['.format(self._access.revoked_digest(), first)
        packet.put(head.encode())
        following = 0
        separator = b""
        for number, (kind, payload) in enumerate(self._access.revoked()):
            if number < first:
                continue
            fields = [
                str(hexlify(one), "ascii") if isinstance(one, bytes) else one
                for one in records.unpack(kind, payload)
            ]
            row = json.dumps([kind] + fields, separators=_COMPACT).encode()
            if len(row) + _NEXT_BYTES > packet.room():
                following = number
                break
            packet.put(separator)
            packet.put(row)
            separator = b","
        packet.put('],"next":{}}}'.format(following).encode())
        self._seal(packet, start, "replies")
        return True

    def _fill_question(self, packet) -> bool:
        self._ask_time = False
        self._nonce = int.from_bytes(os.urandom(4), "big")
        self._asked_ms = ticks_ms()
        self._fill(packet, "replies", {"ask": "time", "nonce": self._nonce})
        return True

    def _will(self) -> bytes:
        """The last will: the status that the broker publishes when the locker has gone."""
        body = json.dumps({"up": False, "epoch": self._journal.epoch}, separators=_COMPACT).encode()
        return codes.frame_head(self._key, self._prefix + "status", body) + body

    def _is_too_long(self, packet, more: int, name: str) -> bool:
        """Whether the broker does not take the message in ``packet`` with so many bytes more; told once."""
        count = packet.end + more
        is_too_long = packet.fit.is_too_long(count)
        if is_too_long and name not in self._told and len(self._told) < _TOLD_MAX:
            self._told.append(name)
            self._sink(("fault", "broker refuses {} ({} B)".format(name, count)))
        return is_too_long

    def _fill(self, packet, topic: str, body: dict) -> None:
        start = packet.end
        packet.put(_BLANK_HEAD)
        packet.put(json.dumps(body, separators=_COMPACT).encode())
        self._seal(packet, start, topic)

    def _seal(self, packet, start: int, topic: str) -> None:
        """Put the MAC before the JSON that was written after a blank head at ``start``."""
        body = packet.view(start + codes.FRAME_HEAD_BYTES)
        packet.view(start)[: codes.FRAME_HEAD_BYTES] = codes.frame_head(self._key, self._prefix + topic, body)


def hole(first: int, last: int, acknowledged: int, oldest: int) -> bytes:
    """What stands in a batch in the place of events that the journal has no longer: ``[first,last,"why"],``.

    Up to ``acknowledged`` the host had them; before ``oldest`` they gave way to newer ones.
    """
    if first <= acknowledged < last:
        return hole(first, acknowledged, acknowledged, oldest) + hole(acknowledged + 1, last, 0, oldest)
    why = "acknowledged" if last <= acknowledged else "given up" if last < oldest else "unreadable"
    return '[{},{},"{}"],'.format(first, last, why).encode()


def describe(kind: int, payload) -> dict:
    """``records.describe``, or the raw bytes of what only other firmware understands."""
    if kind in records.kinds():
        try:
            return records.describe(kind, payload)
        except ValueError:
            pass  # one such event must not hold up all later ones
    return {"kind": "unknown", "number": kind, "hex": str(hexlify(payload), "ascii")}
