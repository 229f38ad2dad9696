"""Messages from the host: verified, then handed on.

A frame is accepted when its MAC is right for the topic it came on (checked on the bytes, before anything is
parsed), it fits the table of ``messages.py``, its counter rises and it has not expired.  Any other frame is
only counted, and the counts are reported as ``EV_REJECTED`` at a bounded rate: a report is a record, and
nobody on the network may fill the journal.
"""

from time import ticks_diff

from micropython import const

from ..core import codes
from ..core.events import EV_REJECTED, TRUST_SET
from .messages import (
    R_BEYOND,
    R_EXPIRED,
    R_FAILED,
    R_MAC,
    R_NAMES,
    R_NO_TIME,
    R_NOT_ASKED,
    R_SIZE,
    R_STALE,
    R_TOPIC,
    TIMES,
    Refused,
    core_events,
    parse_ack,
    parse_command,
)

_REPORT_FIRST_MS = const(60_000)
_REPORT_MOST_MS = const(3_600_000)  # for a continuing flood: some 30 reports a day, of each reason
_COUNT_MAX = const(65535)
_TOLD_MS = const(86_400_000)  # well below half the range of ticks


class Inbox:
    """Takes messages of the topics ``prefix`` + "ack" and "commands".

    ``sink(event)`` gets the core's events, and for the shell ``("ack", epoch, seq)``, ``("time", body)`` and
    ``("failed", n, id)`` of a command that a fault of ours stopped.  ``counter()`` is the newest command
    counter in the journal, ``failed()`` the id of the command that failed last, ``now()`` as in
    ``core/events.py``.  ``reply(id, result)`` answers a command that is refused here; ``cursor`` is
    told what the host has and what it misses; ``answers(nonce)`` is true, once, if we asked for the time
    with this nonce a moment ago; ``ask()`` is told that a question is due.

    Whether a command has expired is judged by the host's own time, as it was last told: so a wrong time at
    either end, now or in the past, keeps no command out.
    """

    def __init__(self, prefix, device_key, journal, sink, counter, failed, now, reply, cursor, answers, ask):
        self._ack_topic = prefix + "ack"
        self._command_topic = prefix + "commands"
        self._key = codes.derive(device_key, codes.LABEL_COMMAND)
        self._journal = journal
        self._sink = sink
        self._counter = counter
        self._failed = failed
        self._now = now
        self._reply = reply
        self._cursor = cursor
        self._answers = answers
        self._ask = ask
        self._told_s = 0  # the host's newest answer; 0: none, or too long ago
        self._told_ms = 0
        self.lead_s = 0  # how far it was ahead of our clock, when that had been set by it
        self.revoked_from = -1  # entry of what is revoked that the host asks for, -1: none
        self._taken = 0  # newest counter handed on, perhaps not journaled yet
        self._counts = [0] * len(R_NAMES)
        self._reported_ms = 0
        self._report_after_ms = 0

    def message(self, topic: str, payload, retained: bool) -> None:
        """One message as ``Client`` gives it.

        Retained messages are ignored: none is for a locker, and amqtt 0.12 sends a locker its own back.
        """
        if retained:
            return
        try:
            if payload is None:
                raise Refused(R_SIZE)
            if topic == self._ack_topic:
                self._on_ack(*parse_ack(self._body(topic, payload)))
            elif topic == self._command_topic:
                self._on_command(parse_command(self._body(topic, payload)))
            else:
                raise Refused(R_TOPIC)
        except Refused as refused:
            self._counts[refused.reason] += 1
            if refused.command_id:
                self._reply(refused.command_id, R_NAMES[refused.reason])

    def report(self) -> None:
        """Report the counts of refused frames, if there are any and it is time; call it often."""
        now_ms = self._now()[0]
        if self._told_s and not 0 <= ticks_diff(now_ms, self._told_ms) < _TOLD_MS:
            self._told_s = 0
        if not any(self._counts):
            return
        waited_ms = ticks_diff(now_ms, self._reported_ms)
        if 0 <= waited_ms < self._report_after_ms:
            return
        # A continuing flood is reported less and less often; after a quiet time, at once again.
        quiet = not 0 <= waited_ms < 2 * self._report_after_ms
        self._report_after_ms = _REPORT_FIRST_MS if quiet else min(2 * self._report_after_ms, _REPORT_MOST_MS)
        self._reported_ms = now_ms
        for reason in range(len(self._counts)):
            if self._counts[reason]:
                self._sink((EV_REJECTED, reason, min(self._counts[reason], _COUNT_MAX)))
                self._counts[reason] = 0

    def _body(self, topic: str, payload):
        body = codes.open_frame(self._key, topic, payload)
        if body is None:
            raise Refused(R_MAC)
        return body

    def _on_ack(self, epoch: int, seq: int) -> None:
        if epoch != self._journal.epoch:
            return  # late, for an earlier journal: ignore
        if seq >= self._journal.next_seq:
            raise Refused(R_BEYOND)
        self._cursor.acknowledged(seq)
        if seq > self._journal.acknowledged:
            self._sink(("ack", epoch, seq))

    def _on_command(self, body: dict) -> None:
        newest = max(self._taken, self._counter())
        if body["n"] <= newest:
            # The newest counter again is most likely a repetition by the broker (QoS 1): it has been
            # answered.
            raise Refused(R_STALE, body["id"] if body["n"] < newest else "")
        if body["id"] == self._failed():  # the host itself sends it again, since it has no answer yet
            raise Refused(R_FAILED, body["id"])
        self._check_fresh(body)
        self._taken = body["n"]
        if body["cmd"] == "again":
            self._cursor.again(body["seq"])
        elif body["cmd"] == "revoked":
            self.revoked_from = body["from"]
        try:
            for event in core_events(body):
                self._sink(event)
        except Exception:
            # The broker sends it again after the restart: its counter must be spent then, or the restarts
            # never end.
            self._sink(("failed", body["n"], body["id"]))
            raise
        if body["cmd"] in TIMES:
            self._told_s = body["t"]
            self._told_ms, epoch_s, _ = self._now()
            self.lead_s = self._told_s - epoch_s

    def _check_fresh(self, body: dict) -> None:
        """Refuse what somebody has recorded, or held back for too long: what has expired by the host's own
        time, or by the clock if the host has not told it.
        """
        now_ms, epoch_s, trust = self._now()
        if self._told_s:
            epoch_s = self._told_s + ticks_diff(now_ms, self._told_ms) // 1000
        if body["cmd"] in TIMES:
            # The nonce proves freshness; expiry means little while the clock is wrong.
            if not self._answers(body["nonce"]):
                raise Refused(R_NOT_ASKED, body["id"])
        elif body.get("epoch", self._journal.epoch) != self._journal.epoch:
            raise Refused(R_NOT_ASKED, body["id"])  # recorded on the wire, for a former journal
        elif epoch_s > body["exp"]:
            self._ask()  # or is it our clock?
            raise Refused(R_EXPIRED, body["id"])
        # With only a floor for the time, an expired command may look young.  Commands whose effect can be
        # undone are still taken (the counter prevents a replay); a door is not opened.
        elif body["cmd"] == "open" and trust != TRUST_SET and not self._told_s:
            raise Refused(R_NO_TIME, body["id"])
