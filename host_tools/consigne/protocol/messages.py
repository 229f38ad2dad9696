"""The bodies of messages between locker and host: their form, and their parsed values.

One description with the firmware: the names and widths of an event's fields are those of
``locker/core/records.py``.  What arrives is untrusted even when its MAC is right (a firmware may be buggy or
newer than this host), so every ``parse_`` function checks shape and range and raises ``ProtocolError``.  The
AsyncAPI document in ``host_tools/protocol/asyncapi.yaml`` shows each message; its examples are parsed by the
tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from locker.core import records
from locker.core.limits import DOORS_MAX
from locker.net.messages import BODY_BYTES_MAX as COMMAND_BODY_BYTES_MAX
from locker.net.messages import ENVELOPE, commands, specs

from . import telemetry
from .untrusted import ProtocolError, dump, load, short, whole

_, _, COMMAND_ID_CHARACTERS_MAX = specs(ENVELOPE)["id"]
_, _, IDENTIFY_S_MAX = commands()["identify"]["seconds"]
_, _, GRANTS_VERSION_MAX = commands()["grants"]["to"]

COMMAND_FIELDS = {
    "again": ("seq",),
    "block": ("door",),
    "clock": ("t", "offset_s", "next_s", "next_offset_s", "nonce"),
    "configure": ("set",),
    "contents": ("epoch", "piece", "more", "tries", "first", "doors", "parcels", "nonces", "used", "holders"),
    "grants": ("from", "to", "more", "add", "drop", "expect"),
    "identify": ("seconds",),
    "message": ("until", "text"),
    "open": ("door",),
    "reboot": (),
    "release": ("door",),
    "reserve": ("door", "until", "parcel"),
    "revoke": ("parcels", "nonces", "holders"),
    "revoked": ("from",),
    "time": ("t", "offset_s", "next_s", "next_offset_s", "nonce"),
}
"""Each command with the names of its arguments; their bounds stand in ``locker/net/messages.py``."""

MARK_CHARACTERS = 16
REVOKED_ROWS_MAX = 200
"""Of what a locker tells of its revocations at once: more than one keeps."""

Fields = list[int | str]
"""An entry of a list among the arguments of a command."""
Arguments = TypedDict(
    "Arguments",
    {
        "seq": int,
        "door": int,
        "set": list[list[str]],
        "from": int,
        "to": int,
        "more": int,
        "add": list[Fields],
        "drop": list[int],
        "expect": list[Fields],
        "seconds": int,
        "until": int,
        "text": list[list[str]],
        "parcel": str,
        "parcels": list[Fields],
        "marks": list[Fields],
        "nonces": list[list[int]],
        "holders": list[list[int]],
        "epoch": int,
        "piece": int,
        "tries": int,
        "first": int,
        "doors": list[Fields],
        "used": list[list[int]],
        "at": int,
        "t": int,
        "offset_s": int,
        "next_s": int,
        "next_offset_s": int,
        "nonce": int,
    },
    total=False,
)
"""The arguments of any command; ``COMMAND_FIELDS`` gives those of each."""


@dataclass(frozen=True, slots=True)
class Status:
    """A locker's status.  Only ``up`` and ``epoch`` are certain: a last will has no more."""

    up: bool
    epoch: int
    oldest: int | None = None
    seq: int | None = None
    ack: int | None = None
    grants: int | None = None
    digest: int | None = None
    trust: int | None = None
    wants: bool = False
    time_s: int | None = None
    firmware: str = ""
    journal: str = ""
    faults: list[str] = field(default_factory=list)
    health: telemetry.Telemetry | None = None
    takes: int | None = None
    """Bytes of a command that it has room for at the moment; None from a firmware that does not say."""
    ahead_s: int = 0
    """How far its time is ahead of what it believes; 0 unless the time is provisional."""
    lead_s: int = 0
    """How far the host's newest answer was ahead of its time, once that was set by it."""
    counter: int | None = None
    """Of the newest command that it took."""
    revoked: int | None = None
    """Digest of what it refuses for good; None from a firmware that does not say."""


class StatusBody(TypedDict, total=False):
    """The same as a locker writes it in JSON; ``health`` is what ``telemetry.parse`` reads."""

    up: bool
    epoch: int
    oldest: int
    seq: int
    ack: int
    grants: int
    digest: int
    n: int
    revoked: int
    trust: int
    wants: bool
    t: int
    takes: int
    ahead: int
    lead: int
    fw: str
    journal: str
    faults: list[str]
    health: object


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
class Revoked:
    """Some of what a locker refuses for good: its entries from number ``first`` on.

    ``next`` is the number of the entry that the next piece begins with, 0 after the last.  ``digest`` is that
    of all of it, as in the status.
    """

    digest: int
    first: int
    next: int
    marks: list[tuple[str, int]]
    """Of parcels, in hexadecimal (``locker.core.revoked.mark_of``), and until when."""
    nonces: list[tuple[int, int]]
    holders: list[tuple[int, int, int, int]]


@dataclass(frozen=True, slots=True)
class Ask:
    """A locker whose set of grants has a gap asks for all that follows version ``have``."""

    have: int


@dataclass(frozen=True, slots=True)
class AskTime:
    """A locker asks for the time; it takes only an early answer with its newest ``nonce``."""

    nonce: int


def _telemetry(value: object) -> telemetry.Telemetry:
    try:
        return telemetry.parse(value)
    except ValueError as error:
        raise ProtocolError(str(error)) from None


def parse_status(body: bytes) -> Status:
    """The retained status, or the last will ``{"up":false,"epoch":E}``."""
    value = load(body)
    up = value.get("up")
    if not isinstance(up, bool):
        raise ProtocolError("up is not true or false")

    def optional(name: str) -> int | None:
        return whole(value[name], name) if name in value else None

    wants = value.get("wants", False)
    if not isinstance(wants, bool):
        raise ProtocolError("wants is not true or false")
    faults = value.get("faults", [])
    if not isinstance(faults, list) or len(faults) > 100:
        raise ProtocolError("faults is not a list of at most 100")
    return Status(
        up=up,
        epoch=whole(value.get("epoch"), "epoch"),
        oldest=optional("oldest"),
        seq=optional("seq"),
        ack=optional("ack"),
        grants=optional("grants"),
        digest=optional("digest"),
        trust=optional("trust"),
        wants=wants,
        time_s=optional("t"),
        firmware=short(value.get("fw", ""), "fw"),
        journal=short(value.get("journal", ""), "journal"),
        faults=[short(str(fault)[:200], "a fault") for fault in faults],
        health=_telemetry(value["health"]) if "health" in value else None,
        takes=optional("takes"),
        ahead_s=whole(value.get("ahead", 0), "ahead"),
        lead_s=_difference(value.get("lead", 0), "lead"),
        counter=optional("n"),
        revoked=optional("revoked"),
    )


def _difference(value: object, name: str) -> int:
    """Seconds between two times, either of which may be the later."""
    return -whole(-value, name) if type(value) is int and value < 0 else whole(value, name)


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
        parcel = None if entry[2] is None else short(entry[2], "a parcel", records.PARCEL_ID_BYTES_MAX)
        doors.append((whole(entry[0], "content", 255), whole(entry[1], "seen", 255), parcel or None))
    return Occupancy(
        epoch=whole(value.get("epoch"), "epoch"),
        seq=whole(value.get("seq"), "seq"),
        time_s=whole(value.get("t", 0), "t"),
        doors=doors,
    )


_PIECE = ("digest", "from", "next")
_WIDTHS = {records.REVOKED: 3, records.REVOKE_NONCE: 3, records.HOLDER_COUNTER: 5}


def _revoked(value: dict[str, object]) -> Revoked:
    """``{"digest":D,"from":F,"revoked":[[kind of record, its fields ..], ..],"next":N}``.

    Kinds that only a newer firmware knows are left out.
    """
    rows = value["revoked"]
    if not isinstance(rows, list) or len(rows) > REVOKED_ROWS_MAX:
        raise ProtocolError(f"revoked is not a list of at most {REVOKED_ROWS_MAX}")
    digest, first, following = (whole(value.get(name), name) for name in _PIECE)
    told = Revoked(digest, first, following, [], [], [])
    for row in rows:
        kind = row[0] if isinstance(row, list) and row and type(row[0]) is int else -1
        width = _WIDTHS.get(kind)
        if width is None:
            continue
        if len(row) != width:
            raise ProtocolError("an entry of revoked is too short or too long")
        if kind == records.REVOKED:
            mark = short(row[1], "a parcel's mark", MARK_CHARACTERS)
            if len(mark) != MARK_CHARACTERS:
                raise ProtocolError(f"a parcel's mark has {MARK_CHARACTERS} digits")
            told.marks.append((mark, whole(row[2], "until")))
        elif kind == records.REVOKE_NONCE:
            told.nonces.append((whole(row[1], "a nonce"), whole(row[2], "until")))
        else:
            role, action = whole(row[1], "a role", 255), whole(row[2], "an action", 255)
            holder, counter = whole(row[3], "a holder", 65_535), whole(row[4], "a counter", 65_535)
            told.holders.append((role, action, holder, counter))
    return told


def parse_reply(body: bytes) -> Reply | Ask | AskTime | Revoked:
    """``{"id":..,"result":..}``, ``{"ask":"grants","have":version}``, ``{"ask":"time","nonce":..}``, or what
    is revoked.
    """
    value = load(body)
    if "revoked" in value:
        return _revoked(value)
    if "ask" in value:
        if value["ask"] == "time":
            return AskTime(whole(value.get("nonce"), "nonce"))
        if value["ask"] != "grants":
            raise ProtocolError("asks for something unknown")
        return Ask(whole(value.get("have"), "have"))
    return Reply(
        short(value.get("id"), "id", COMMAND_ID_CHARACTERS_MAX), short(value.get("result"), "result", 40)
    )


def ack_body(epoch: int, seq: int) -> bytes:
    """Everything up to ``seq`` of this epoch is committed."""
    return dump({"epoch": epoch, "seq": seq})


def command_body(id_: str, counter: int, exp: int, cmd: str, arguments: Mapping[str, object]) -> bytes:
    """A command.

    Raises ``ProtocolError`` when a locker would refuse its name or the names of its arguments, or when it
    does not fit a locker's buffer, or cannot be written as JSON.
    """
    if set(arguments) != set(COMMAND_FIELDS.get(cmd, ("",))):
        raise ProtocolError(f"not a command with its arguments: {cmd} {sorted(arguments)}")
    try:
        body = dump({"id": id_, "n": counter, "exp": exp, "cmd": cmd, **arguments})
    except (UnicodeError, RecursionError) as error:
        raise ProtocolError(f"a command that cannot be written: {type(error).__name__}") from None
    if len(body) > COMMAND_BODY_BYTES_MAX:
        raise ProtocolError(f"a command of {len(body)} bytes; {COMMAND_BODY_BYTES_MAX} is the most")
    return body
