"""The messages between locker and host as the host sees them: topics, bounds, bodies.

One description with the firmware: the names and widths of an event's fields are those of
``locker/core/records.py``, the frames and keys those of ``consigne.codes``.  What arrives is
untrusted even when its MAC is right (a firmware may be buggy or newer than this host), so every
``parse_`` function checks shape and range and raises ``ProtocolError``.  The AsyncAPI document in
``host_tools/protocol/asyncapi.yaml`` shows each message; its examples are parsed by the tests.
"""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from consigne import telemetry
from consigne.firmware_path import import_locker

records = import_locker("core.records")
labels = import_locker("core.labels")

ROOT = "consigne/1"
LABEL_EVENT = "consigne/1/event"  # signs what a locker says
LABEL_COMMAND = "consigne/1/command"  # signs what the host says

STATUS, OCCUPANCY, EVENTS, ACK, COMMANDS, REPLIES = (
    "status",
    "occupancy",
    "events",
    "ack",
    "commands",
    "replies",
)
FROM_LOCKER = (EVENTS, STATUS, OCCUPANCY, REPLIES)

U32_MAX = 0xFFFFFFFF
FRAME_BYTES_MAX = 65_536
EVENTS_PER_MESSAGE_MAX = 512
EVENT_JSON_BYTES_MAX = 2_048
DOORS_MAX = 1_000
COMMAND_BODY_BYTES_MAX = 4_096
"""Body of a command at most, in bytes; half of what a locker takes (``locker/net/messages.py``)."""

COMMAND_FIELDS = {
    "again": ("seq",),
    "block": ("door",),
    "configure": ("set",),
    "grants": ("from", "to", "more", "add", "drop", "expect"),
    "identify": ("seconds",),
    "message": ("until", "text"),
    "open": ("door",),
    "reboot": (),
    "release": ("door",),
    "reserve": ("door", "until", "parcel"),
    "revoke": ("parcels", "nonces", "holders"),
    "time": ("t", "offset_s"),
}
"""Each command with the names of its arguments; their bounds stand in ``locker/net/messages.py``."""

LOCKER_PATTERN = r"^[A-Za-z0-9_-]{1,32}$"
_LOCKER = re.compile(LOCKER_PATTERN)
_WIDTH_MAX = {"B": 0xFF, "H": 0xFFFF, "I": U32_MAX}


class ProtocolError(ValueError):
    """A message that is not what the protocol says; the text tells what is wrong with it."""


def topic(locker: str, branch: str) -> str:
    """The topic of one branch of one locker.  Raises ``ProtocolError`` for an impossible name."""
    if not _LOCKER.match(locker):
        raise ProtocolError("a locker's name is 1 to 32 of A-Z a-z 0-9 _ -")
    return f"{ROOT}/{locker}/{branch}"


def split_topic(name: str) -> tuple[str, str]:
    """``(locker, branch)`` of a topic on which lockers speak."""
    parts = name.split("/")
    if len(parts) != 4 or parts[0] + "/" + parts[1] != ROOT or parts[3] not in FROM_LOCKER:
        raise ProtocolError("not a topic on which lockers speak")
    if not _LOCKER.match(parts[2]):
        raise ProtocolError("not the name of a locker")
    return parts[2], parts[3]


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
    data: dict[str, Any]
    sound: bool

    @property
    def text(self) -> str:
        """The event as JSON text for the database."""
        return json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class EventBatch:
    epoch: int
    events: list[Event]


@dataclass(frozen=True, slots=True)
class Status:
    """What a locker says of itself.  Only ``up`` and ``epoch`` are certain: a last will has no more."""

    up: bool
    epoch: int
    seq: int | None = None
    ack: int | None = None
    grants: int | None = None
    digest: int | None = None
    trust: int | None = None
    time_s: int | None = None
    firmware: str = ""
    journal: str = ""
    faults: list[str] = field(default_factory=list)
    health: telemetry.Telemetry | None = None


@dataclass(frozen=True, slots=True)
class Occupancy:
    """All compartments at one point of the stream; ``doors`` are ``(content, seen, parcel or None)``."""

    epoch: int
    seq: int
    time_s: int
    doors: list[tuple[int, int, str | None]]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command."""

    id: str
    result: str


@dataclass(frozen=True, slots=True)
class Ask:
    """A locker whose set of grants has a gap asks for all that follows version ``have``."""

    have: int


def _whole(value: object, what: str, maximum: int = U32_MAX, minimum: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
        raise ProtocolError(f"{what} is not a whole number from {minimum} to {maximum}")
    return value


def _clean(text: str) -> str:
    """Text any database stores: no NUL, no half of a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _short(value: object, what: str, maximum: int = 200) -> str:
    if not isinstance(value, str) or len(value) > maximum:
        raise ProtocolError(f"{what} is not a text of at most {maximum} characters")
    return _clean(value)


def _not_json(name: str) -> object:
    raise ProtocolError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ProtocolError("a number beyond all measure")
    return value


def load(body: bytes) -> dict[str, Any]:
    """A body as a dict.  Raises ``ProtocolError`` for whatever is not one JSON object."""
    try:
        value = json.loads(body, parse_constant=_not_json, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(value, dict):
        raise ProtocolError("not a JSON object")
    return value


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


def _is_sound(data: dict[str, Any]) -> bool:
    known = _LIMITS.get(data.get("kind", ""))
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
        return _clean(part)
    if part is None or isinstance(part, (bool, int, float)):
        return part
    return _clean(json.dumps(part))


def _event(entry: object) -> Event:
    if not isinstance(entry, list) or len(entry) != 3:
        raise ProtocolError("an event is [seq, time_s, {..}]")
    seq = _whole(entry[0], "an event's number", minimum=1)
    time_s = _whole(entry[1], "an event's time")
    data = entry[2]
    if not isinstance(data, dict):
        raise ProtocolError("an event's third part is not an object")
    kind = data.get("kind")
    if not isinstance(kind, str) or not 1 <= len(kind) <= 40:
        kind = "unknown"
        data = {**data, "kind": kind}
    flat = {_clean(name): _flat(part) for name, part in data.items()}
    length = len(json.dumps(flat))
    if length > EVENT_JSON_BYTES_MAX:
        return Event(seq, time_s, _clean(kind), {"kind": _clean(kind), "too_long": length}, False)
    return Event(seq, time_s, _clean(kind), flat, flat == data and _is_sound(flat))


def parse_events(body: bytes) -> EventBatch:
    """``{"epoch":E,"events":[[seq, time_s, {"kind":..}], ..]}``."""
    value = load(body)
    entries = value.get("events")
    if not isinstance(entries, list) or len(entries) > EVENTS_PER_MESSAGE_MAX:
        raise ProtocolError(f"events is not a list of at most {EVENTS_PER_MESSAGE_MAX}")
    return EventBatch(_whole(value.get("epoch"), "epoch"), [_event(entry) for entry in entries])


def _telemetry(value: object) -> telemetry.Telemetry:
    try:
        return telemetry.parse(value)
    except ValueError as error:
        raise ProtocolError(str(error)) from None


def parse_status(body: bytes) -> Status:
    """The retained status, or the last will ``{"up":false,"epoch":E}``."""
    value = load(body)
    if not isinstance(value.get("up"), bool):
        raise ProtocolError("up is not true or false")

    def optional(name: str) -> int | None:
        return _whole(value[name], name) if name in value else None

    faults = value.get("faults", [])
    if not isinstance(faults, list) or len(faults) > 100:
        raise ProtocolError("faults is not a list of at most 100")
    return Status(
        up=value["up"],
        epoch=_whole(value.get("epoch"), "epoch"),
        seq=optional("seq"),
        ack=optional("ack"),
        grants=optional("grants"),
        digest=optional("digest"),
        trust=optional("trust"),
        time_s=optional("t"),
        firmware=_short(value.get("fw", ""), "fw"),
        journal=_short(value.get("journal", ""), "journal"),
        faults=[_short(str(fault)[:200], "a fault") for fault in faults],
        health=_telemetry(value["health"]) if "health" in value else None,
    )


def parse_occupancy(body: bytes) -> Occupancy:
    """``{"epoch":E,"seq":S,"t":..,"doors":[[content, seen, parcel or null], ..]}``."""
    value = load(body)
    entries = value.get("doors")
    if not isinstance(entries, list) or len(entries) > DOORS_MAX:
        raise ProtocolError(f"doors is not a list of at most {DOORS_MAX}")
    doors = []
    for entry in entries:
        if not isinstance(entry, list) or len(entry) != 3:
            raise ProtocolError("a door is [content, seen, parcel or null]")
        parcel = None if entry[2] is None else _short(entry[2], "a parcel", records.PARCEL_ID_BYTES_MAX)
        doors.append((_whole(entry[0], "content", 255), _whole(entry[1], "seen", 255), parcel or None))
    return Occupancy(
        epoch=_whole(value.get("epoch"), "epoch"),
        seq=_whole(value.get("seq"), "seq"),
        time_s=_whole(value.get("t", 0), "t"),
        doors=doors,
    )


def parse_reply(body: bytes) -> Reply | Ask:
    """``{"id":..,"result":..}`` or ``{"ask":"grants","have":version}``."""
    value = load(body)
    if "ask" in value:
        if value["ask"] != "grants":
            raise ProtocolError("asks for something unknown")
        return Ask(_whole(value.get("have"), "have"))
    return Reply(_short(value.get("id"), "id", 40), _short(value.get("result"), "result", 40))


def dump(body: dict[str, Any]) -> bytes:
    """A body as the bytes that are signed and sent."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def ack_body(epoch: int, seq: int) -> bytes:
    """Everything up to ``seq`` of this epoch is committed."""
    return dump({"epoch": epoch, "seq": seq})


def command_body(id_: str, counter: int, exp: int, cmd: str, arguments: dict[str, Any]) -> bytes:
    """A command.

    Raises ``ProtocolError`` when a locker would refuse it for its name, for the names of its
    arguments, or because it is longer than its buffer.
    """
    if set(arguments) != set(COMMAND_FIELDS.get(cmd, ("",))):
        raise ProtocolError(f"not a command with its arguments: {cmd} {sorted(arguments)}")
    body = dump({"id": id_, "n": counter, "exp": exp, "cmd": cmd, **arguments})
    if len(body) > COMMAND_BODY_BYTES_MAX:
        raise ProtocolError(f"a command of {len(body)} bytes; {COMMAND_BODY_BYTES_MAX} is the most")
    return body
