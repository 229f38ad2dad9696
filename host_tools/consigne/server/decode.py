"""From the bytes of an MQTT message to something to store, or a reason to drop it.

The MAC is checked on the bytes before anything is parsed.  Nothing here raises for what arrives:
whatever is wrong is counted under its reason and dropped, and an event dropped here comes again,
since it was not acknowledged.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select

from consigne import codes, protocol
from consigne.server.database import Database
from consigne.server.models import lockers
from consigne.server.secret import Secret

Content = (
    protocol.EventBatch
    | protocol.Status
    | protocol.Occupancy
    | protocol.Reply
    | protocol.Ask
    | protocol.AskTime
)

_PARSERS: dict[str, Callable[[bytes], Content]] = {
    protocol.EVENTS: protocol.parse_events,
    protocol.STATUS: protocol.parse_status,
    protocol.OCCUPANCY: protocol.parse_occupancy,
    protocol.REPLIES: protocol.parse_reply,
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose sender is proven."""

    locker: str
    content: Content
    retained: bool = False  # said some time ago, kept by the broker


class KeyRing:
    """The device keys of the registered lockers, read from the database when first needed.

    An unknown name is looked up again at most every ``RETRY_S`` seconds, so that a flood of made-up
    names costs no flood of queries and a locker registered a moment ago is soon heard.
    """

    RETRY_S = 1.0
    UNKNOWN_MAX = 10_000

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[str, Secret] = {}
        self._unknown: dict[str, float] = {}

    def get(self, locker: str) -> Secret | None:
        """The key of a locker; None when it is not registered."""
        key = self._keys.get(locker)
        if key is not None:
            return key
        now_s = time.monotonic()
        if now_s - self._unknown.get(locker, -self.RETRY_S) < self.RETRY_S:
            return None
        with self._database.read() as connection:
            row = connection.execute(select(lockers.c.device_key).where(lockers.c.id == locker)).first()
        if row is None:
            if len(self._unknown) >= self.UNKNOWN_MAX:
                self._unknown.clear()
            self._unknown[locker] = now_s
            return None
        self._unknown.pop(locker, None)
        self._keys[locker] = row.device_key
        return self._keys[locker]

    def forget(self, locker: str) -> None:
        """Read the key anew next time: it was changed."""
        self._keys.pop(locker, None)
        self._unknown.pop(locker, None)


class _Dropped(Exception):
    def __init__(self, reason: str) -> None:
        self.reason = reason


class Decoder:
    """Checks and parses messages; ``dropped`` counts, by reason, what it did not let through."""

    def __init__(self, keys: KeyRing) -> None:
        self.keys = keys
        self.dropped: Counter[str] = Counter()

    def decode(self, topic: str, payload: bytes, retained: bool = False) -> Message | None:
        """The message in a payload, or None with the reason counted."""
        try:
            return self._checked(topic, payload, retained)
        except _Dropped as dropped:
            self.dropped[dropped.reason] += 1
            return None

    def _checked(self, topic: str, payload: bytes, retained: bool) -> Message:
        try:
            locker, branch = protocol.split_topic(topic)
        except protocol.ProtocolError:
            raise _Dropped("topic") from None
        if len(payload) > protocol.FRAME_BYTES_MAX:
            raise _Dropped("too_long")
        key = self.keys.get(locker)
        if key is None:
            raise _Dropped("unknown_locker")
        body = codes.open_frame(key.reveal(), protocol.LABEL_EVENT, topic, payload)
        if body is None:
            raise _Dropped("bad_mac")
        try:
            return Message(locker, _PARSERS[branch](body), retained)
        except protocol.ProtocolError:
            raise _Dropped("malformed") from None
