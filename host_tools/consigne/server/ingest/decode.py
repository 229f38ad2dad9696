"""From the bytes of an MQTT message to something to store, or a reason to drop it.

The MAC is checked on the bytes before anything is parsed.  Nothing here raises for what arrives:
whatever is wrong is counted under its reason and dropped, and an event dropped here comes again,
since it was not acknowledged.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from consigne.protocol import frames, messages, topics
from consigne.protocol.events import EventBatch, parse_events
from consigne.protocol.untrusted import ProtocolError, TooDeep

from ..complaints import Complaints
from ..storage.database import Database, chunks
from ..storage.lookup import is_device_key
from ..storage.models import lockers
from ..storage.secret import Secret

log = logging.getLogger(__name__)

Content = (
    EventBatch
    | messages.Status
    | messages.Occupancy
    | messages.Reply
    | messages.Ask
    | messages.AskTime
    | messages.Revoked
)

_PARSERS: dict[str, Callable[[bytes], Content]] = {
    topics.EVENTS: parse_events,
    topics.STATUS: messages.parse_status,
    topics.OCCUPANCY: messages.parse_occupancy,
    topics.REPLIES: messages.parse_reply,
}


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose MAC proved its sender."""

    locker: str
    content: Content
    retained: bool = False  # an MQTT retained message: sent some time ago


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
        self._complaints = Complaints(log)

    def get(self, locker: str) -> Secret | None:
        """The key of a locker; None when it is not registered."""
        if locker not in self._keys:
            self.learn((locker,))
        return self._keys.get(locker)

    def known(self, locker: str) -> Secret | None:
        """As ``get``, but without asking the database: for a locker whose message was decoded before."""
        return self._keys.get(locker)

    def learn(self, names: Iterable[str]) -> None:
        """Read the keys of all these at once: after a start every locker speaks for the first time."""
        now_s = time.monotonic()
        wanted = [name for name in {*names}.difference(self._keys) if self._may_ask(name, now_s)]
        if not wanted:
            return
        with self._database.read() as connection:
            for chunk in chunks(wanted):
                here = select(lockers.c.id, lockers.c.device_key).where(lockers.c.id.in_(chunk))
                rows = connection.execute(here).all()
                self._keys.update({row.id: row.device_key for row in rows if self._is_key(*row)})
        for name in wanted:
            self._unknown.pop(name, None)
            if name not in self._keys:
                if len(self._unknown) >= self.UNKNOWN_MAX:
                    self._unknown.clear()
                self._unknown[name] = now_s

    def _is_key(self, locker: str, key: Secret) -> bool:
        """Whether it can sign anything; a locker whose key cannot is as good as not registered."""
        if is_device_key(key):
            return True
        told = "the database has no key of {locker} that can sign: nothing it sends is taken"
        self._complaints.say(told, locker=locker)
        return False

    def _may_ask(self, name: str, now_s: float) -> bool:
        return now_s - self._unknown.get(name, -self.RETRY_S) >= self.RETRY_S


class _Dropped(Exception):
    def __init__(self, reason: str) -> None:
        self.reason = reason


class Decoder:
    """Checks and parses messages; ``dropped`` counts, by reason, what it did not let through."""

    def __init__(self, keys: KeyRing) -> None:
        self.keys = keys
        self.dropped: Counter[str] = Counter()
        self._complaints = Complaints(log)

    def decode_all(self, received: Sequence[tuple[str, bytes, bool]]) -> list[Message]:
        """The messages in some payloads with their topics, in order, without those that are dropped."""
        self.keys.learn(name for topic, _, _ in received if (name := _locker_of(topic)))
        decoded = (self.decode(*one) for one in received)
        return [message for message in decoded if message is not None]

    def decode(self, topic: str, payload: bytes, retained: bool = False) -> Message | None:
        """The message in a payload, or None with the reason counted."""
        try:
            return self._checked(topic, payload, retained)
        except _Dropped as dropped:
            self.dropped[dropped.reason] += 1
            return None

    def _checked(self, topic: str, payload: bytes, retained: bool) -> Message:
        try:
            locker, branch = topics.split_topic(topic)
        except ProtocolError:
            raise _Dropped("topic") from None
        if len(payload) > frames.FRAME_BYTES_MAX:
            raise _Dropped("too_long")
        key = self.keys.get(locker)
        if key is None:
            raise _Dropped("unknown_locker")
        body = frames.open_frame(key.reveal(), frames.LABEL_EVENT, topic, payload)
        if body is None:
            raise _Dropped("bad_mac")
        try:
            return Message(locker, _PARSERS[branch](body), retained)
        except TooDeep:
            raise _Dropped("too_deep") from None
        except ProtocolError:
            raise _Dropped("malformed") from None
        except Exception as error:  # noqa: BLE001  a defect of ours: one message must not stop the fleet
            self._complaints.failed("a message of {locker} cannot be read", error, locker=locker)
            raise _Dropped("not_readable") from None


def _locker_of(topic: str) -> str:
    """The name in a topic, registered or not; "" when it is no topic of ours."""
    try:
        return topics.split_topic(topic)[0]
    except ProtocolError:
        return ""
