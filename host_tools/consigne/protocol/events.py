"""A locker's events as the host reads them: any JSON is kept, but only sound events have an effect.

The names and widths of the fields are those of ``locker/core/records.py``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from locker.core import labels, records

from .untrusted import U32_MAX, ProtocolError, clean, load, short, whole

EVENTS_PER_MESSAGE_MAX = 512
EVENT_JSON_BYTES_MAX = 2_048
WHY_CHARACTERS_MAX = 40
LOST = "lost"
"""The reason of a ``Hole`` that only a LOST record tells of, as older firmware does."""
REPLACED = "journal replaced"
"""The reason of what a former epoch is known to have had, when another one has taken its place."""
HOLE, JOURNAL_REPLACED, CORRECTED = "hole", "journal_replaced", "corrected"
TWO_BOARDS, FLAPPING, CONFLICT = "two_boards", "flapping", "conflict"
"""Kinds of alarms that the host raises by itself: no event of a locker is of these kinds."""
Plain = str | int | float | bool | None
"""The type of an event's field."""
UNKNOWN = "unknown"  # kind of an event without one

_WIDTH_MAX = {"B": 0xFF, "H": 0xFFFF, "I": U32_MAX}


class EventData(dict[str, Plain]):
    """The fields of an event as its locker described them, with its kind; all of them are kept.

    ``records.spec`` gives the fields and types of a sound event; one that is not sound, or of a newer
    firmware, may have any.  So ``number`` and ``text`` check the type of a field.
    """

    @classmethod
    def of_record(cls, kind: int, payload: bytes | memoryview) -> Self:
        """A record of the journal as its locker tells it: ``records.describe``."""
        return cls(records.describe(kind, payload))

    @property
    def kind(self) -> str:
        """The kind's name, "" where there is none."""
        kind = self.get("kind")
        return kind if isinstance(kind, str) else ""

    def number(self, name: str) -> int:
        """A field that is a whole number.  Raises ``ProtocolError`` when it is no such, or not there."""
        return whole(self.get(name), name)

    def text(self, name: str) -> str:
        """A field that is a text.  Raises ``ProtocolError`` when it is no such, or not there."""
        value = self.get(name)
        if not isinstance(value, str):
            raise ProtocolError(f"{name} is not a text")
        return value


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a locker.

    ``data`` is the event as the locker described it, ``kind`` its name.  ``sound`` is false when
    the fields are not those of ``records.spec``, or the kind is not known here; such an event is
    stored all the same, since refusing it would hold up everything after it for ever, but
    nothing is concluded from it.
    """

    seq: int
    time_s: int
    kind: str
    data: EventData
    sound: bool

    @property
    def text(self) -> str:
        """The event as JSON text for the database."""
        return text_of(self.data)

    @property
    def parcel(self) -> str | None:
        """The parcel that a sound event tells of; a field of that name in another kind is none."""
        if not self.sound or _LIMITS[self.kind][1] != "parcel":
            return None
        return self.data.text("parcel") or None


def text_of(data: EventData) -> str:
    """An event as JSON text for the database."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


class Hole(NamedTuple):
    """Event numbers, first to last, that no journal has any more; ``why`` in the locker's word.

    One that ends before it begins has no number in it.
    """

    first: int
    last: int
    why: str


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events of one epoch in the order of their numbers; holes stand apart."""

    epoch: int
    events: list[Event]
    holes: list[Hole] = field(default_factory=list)


def _field_limits() -> dict[str, tuple[dict[str, int], str]]:
    """Kind name -> (field -> largest value, name of the text field), read off ``records.spec``."""
    limits = {}
    for kind in records.kinds():
        name, fmt, names, text = records.spec(kind)
        if kind <= records.EVENT_KIND_MAX:
            widths = [_WIDTH_MAX[letter] for letter in fmt.lstrip(">")]
            if len(widths) != len(names):
                raise RuntimeError(f"records.spec of {name}: format and names do not agree")
            limits[name] = (dict(zip(names, widths, strict=True)), text)
    return limits


_LIMITS = _field_limits()


def _is_sound(data: EventData) -> bool:
    known = _LIMITS.get(data.kind)
    if known is None:
        return False
    fields, text = known
    for name, most in fields.items():
        value = data.get(name)
        if type(value) is not int or not 0 <= value <= most:
            return False
    if not text:
        return True
    value = data.get(text)
    return isinstance(value, str) and bool(labels.parcel_possible(value.encode()))


def _flat(part: object) -> str | int | float | bool | None:
    """A field as a plain value; what no event of ours has becomes text."""
    if isinstance(part, str):
        return clean(part)
    if part is None or isinstance(part, (bool, int, float)):
        return part
    return clean(json.dumps(part))


def _flattened(data: Mapping[str, object]) -> EventData:
    return EventData((clean(name), _flat(part)) for name, part in data.items())


def _hole(first: object, last: object, why: str) -> Hole:
    return Hole(
        whole(first, "a hole's first number", minimum=1),
        whole(last, "a hole's last number", minimum=1),
        short(why, "a hole's reason", WHY_CHARACTERS_MAX),
    )


def _entry(entry: object) -> Event | Hole:
    if not isinstance(entry, list) or len(entry) != 3:
        raise ProtocolError('an event is [seq, time_s, {..}], a hole [first, last, "why"]')
    if isinstance(entry[2], str):
        return _hole(*entry)
    seq = whole(entry[0], "an event's number", minimum=1)
    time_s = whole(entry[1], "an event's time")
    data = entry[2]
    if not isinstance(data, dict):
        raise ProtocolError("an event's third part is not an object")
    kind = data.get("kind")
    if not isinstance(kind, str) or not 1 <= len(kind) <= 40:
        kind = UNKNOWN
        data = {**data, "kind": kind}
    flat = _flattened(data)
    length = len(json.dumps(flat))
    if length > EVENT_JSON_BYTES_MAX:
        return Event(seq, time_s, clean(kind), EventData(kind=clean(kind), too_long=length), False)
    return Event(seq, time_s, clean(kind), flat, flat == data and _is_sound(flat))


def parse_events(body: bytes) -> EventBatch:
    """``{"epoch":E,"events":[[seq, time_s, {"kind":..}], [first, last, "why"], ..]}``."""
    value = load(body)
    entries = value.get("events")
    if not isinstance(entries, list) or len(entries) > EVENTS_PER_MESSAGE_MAX:
        raise ProtocolError(f"events is not a list of at most {EVENTS_PER_MESSAGE_MAX}")
    parsed = [_entry(entry) for entry in entries]
    return EventBatch(
        whole(value.get("epoch"), "epoch"),
        [one for one in parsed if isinstance(one, Event)],
        [one for one in parsed if isinstance(one, Hole)],
    )
