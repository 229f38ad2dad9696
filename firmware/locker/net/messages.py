"""The host's messages: one table of commands, their fields, types and bounds.

``parse`` takes the JSON of a frame whose MAC was found right and gives a dict that fits the table, or raises
``Refused``: after it no field needs another check.  Unknown fields are refused, since a command that is only
half understood must not be half executed.  ``core_events`` turns a command into the events of
``core/events.py``.
"""

import json
from binascii import unhexlify

from micropython import const

from ..core import records
from ..core.events import EV_COMMAND, EV_EXPECTED, EV_GRANTS, EV_OPEN_ORDER, EV_ORDER, EV_REVOKE
from ..core.labels import parcel_possible

BODY_BYTES_MAX = const(4096)  # ``consigne/protocol/messages.py``: the host sends no longer ones
# Counted before parsing: every bracket becomes an object, every comma a value, and the heap of a
# locker must hold them all.  A grant has 10 fields.
_BRACKETS_MAX = const(200)
_COMMAS_MAX = const(1200)

# --- why a frame or a command was refused: EV_REJECTED's reason, and the word in a reply -----
R_TOPIC = const(1)  # not one of ours
R_MAC = const(2)  # no frame, or without the host's MAC for this topic
R_SIZE = const(3)  # more bytes, brackets or commas than a locker takes
R_JSON = const(4)
R_FIELDS = const(5)  # one missing, unknown, of a wrong type or out of bounds
R_UNKNOWN = const(6)  # no such command
R_STALE = const(7)  # a counter that does not rise: replayed, or overtaken by a later command
R_EXPIRED = const(8)
R_NO_TIME = const(9)  # would open a door, but without a clock nobody knows whether it has expired
R_BEYOND = const(10)  # acknowledges an event that was never sent
R_NOT_ASKED = const(11)  # no answer to an open question of ours for the time
R_FAILED = const(12)  # the last command that a fault of ours stopped: not tried again
R_NAMES = (
    "",
    "topic",
    "mac",
    "size",
    "json",
    "fields",
    "unknown command",
    "stale counter",
    "expired",
    "time unknown",
    "seq never sent",
    "not asked",
    "failed",
)

_TAG_COLUMN = const(8)  # of a grant

# Types by name.  ``int:0:6`` is a whole number within these bounds, ``text:1:16`` so many bytes of UTF-8,
# ``hex:16`` so many bytes in lower-case digits, ``64*u8`` a list of at most so many, ``(u8,u16)`` a row.
_TYPES = """u8 int:0:255
u16 int:0:65535
u32 int:0:4294967295
seq int:1:4294967295
epoch int:1704067200:4294967295
offset int:-50400:50400
role int:0:6
action int:0:5
door int:0:65534
size int:0:31
parcel text:1:40
may_be_parcel text:0:40
grant (u32,u32,u32,role,action,u16,u16,u8,hex:16,may_be_parcel)"""

# Every command's fields; the host's half is ``consigne/protocol/messages.py``, tested against this.  As a
# text it takes no heap on a device; a command's row is parsed when the command comes.
#   epoch: of ``timekeeping``, ``EARLIEST_S`` to ``LATEST_S``; offset: of local time, in seconds
#   grant: as ``records.spec(GRANT)``
#   size: 0 any, 1 to 4 S to XL, 16 more: a low compartment is wanted
#   contents: what lies where, in pieces numbered from 0, for a fresh journal of this epoch that wants it;
#     doors from ``first`` on: EMPTY or PARCEL, why it is blocked, the parcel
#   set: rows of name and value, ``orders.SETTINGS``; text: rows of language and "first line|second line"
#   time: the answer to the question with this nonce; local time is UTC + offset_s until next_s (0: for ever),
#   from then on UTC + next_offset_s; clock: the same from an operator, who may also set the time back
ENVELOPE = "id=text:1:36 n=seq exp=epoch cmd=text:1:16"
ACK = "epoch=u32 seq=u32"
_COMMANDS = """again seq=seq
grants from=u32 to=u32 more=int:0:1 add=64*grant drop=200*u32 expect=64*(parcel,size,epoch)
block door=door
clock t=epoch offset_s=offset next_s=u32 next_offset_s=offset nonce=u32
contents epoch=u32 piece=u8 more=int:0:1 tries=int:0:20 first=door doors=64*(int:0:1,int:0:4,may_be_parcel) \
parcels=64*(parcel,epoch) nonces=64*(u32,epoch) used=64*(u32,epoch) holders=16*(role,action,u16,u16)
configure set=8*(text:1:16,may_be_parcel)
identify seconds=int:1:60
message until=epoch text=4*(text:2:2,may_be_parcel)
open door=door
reboot
release door=door
reserve door=door until=epoch parcel=parcel
revoke parcels=64*(parcel,epoch) nonces=64*(u32,epoch) holders=16*(role,action,u16,u16)
revoked from=u16
time t=epoch offset_s=offset next_s=u32 next_offset_s=offset nonce=u32"""
# Commands that become several events; the others go unchanged to ``core/orders.py``.
_FOLLOWED = ("again", "contents", "grants", "revoke", "revoked", "time", "clock")
TIMES = ("time", "clock")
_REVOKED = (
    (records.REVOKE_PARCEL, "parcels"),
    (records.REVOKE_NONCE, "nonces"),
    (records.TOKEN_USED, "used"),
    (records.HOLDER_COUNTER, "holders"),
)


class Refused(Exception):
    """``reason`` is one of ``R_``; ``command_id`` says whom to answer, "" when that is not known."""

    def __init__(self, reason, command_id=""):
        super().__init__(R_NAMES[reason])
        self.reason = reason
        self.command_id = command_id


def _row(table: str, name: str):
    """The text after a name in a table; None if the name is missing."""
    for line in table.split("\n"):
        first, _, rest = line.partition(" ")
        if first == name:
            return rest
    return None


def _spec(text: str):
    """A type as ``fits`` wants it: ``("int", least, most)``, ``("list", most, spec)``, ``("row", specs)``."""
    if text[0] == "(":
        return ("row", tuple([_spec(part) for part in text[1:-1].split(",")]))
    count, _, each = text.partition("*")
    if each:
        return ("list", int(count), _spec(each))
    parts = text.split(":")
    if len(parts) == 1:
        return _spec(_row(_TYPES, text) or "")
    return (parts[0],) + tuple([int(bound) for bound in parts[1:]])


def specs(fields: str) -> dict:
    """The types of these fields, by their names."""
    return {name: _spec(kind) for name, _, kind in [field.partition("=") for field in fields.split()]}


def commands() -> dict:
    """The fields of every command, by its name."""
    rows = [line.partition(" ") for line in _COMMANDS.split("\n")]
    return {name: specs(fields) for name, _, fields in rows}


def fits(spec, value) -> bool:
    """Whether a parsed JSON value is of the type and within the bounds of ``spec``."""
    kind = spec[0]
    if kind == "int":
        return type(value) is int and spec[1] <= value <= spec[2]
    if kind == "text":
        return type(value) is str and _text_fits(value, spec[1], spec[2])
    if kind == "hex":
        return (
            type(value) is str and len(value) == 2 * spec[1] and all(c in "0123456789abcdef" for c in value)
        )
    if type(value) is not list:
        return False
    if kind == "row":
        columns = spec[1]
        return len(value) == len(columns) and all(fits(columns[i], value[i]) for i in range(len(columns)))
    return len(value) <= spec[1] and all(fits(spec[2], item) for item in value)


def _text_fits(text: str, least: int, most: int) -> bool:
    """Length in bytes in bounds, and only characters that a parcel id may have."""
    try:
        data = text.encode()
    except UnicodeError:  # half of a surrogate pair; MicroPython lets it through to the next line
        return False
    return least <= len(data) <= most and parcel_possible(data)


def parse_object(data) -> dict:
    """The JSON object in ``data`` (a view), bounded before it is parsed; raises ``Refused``."""
    if len(data) > BODY_BYTES_MAX:
        raise Refused(R_SIZE)
    try:
        data = str(data, "utf-8")  # the only copy
        if data.count("[") + data.count("{") > _BRACKETS_MAX or data.count(",") > _COMMAS_MAX:
            raise Refused(R_SIZE)
        body = json.loads(data)
    except MemoryError:  # if this error were raised, the broker would send the message for ever
        raise Refused(R_SIZE)
    except ValueError:
        body = None
    if type(body) is not dict:
        raise Refused(R_JSON)
    return body


def _check(body: dict, table: dict, command_id: str) -> None:
    """Refuse a body whose fields are not exactly those of ``table``."""
    if len(body) != len(table) or not all(name in body and fits(table[name], body[name]) for name in table):
        raise Refused(R_FIELDS, command_id)


def parse_ack(data) -> tuple:
    """``(epoch, seq)`` of an acknowledgement."""
    body = parse_object(data)
    _check(body, specs(ACK), "")
    return body["epoch"], body["seq"]


def parse_command(data) -> dict:
    """A command that fits ``ENVELOPE`` and its row of ``_COMMANDS``.

    Its id is in ``Refused`` only when the envelope itself was right.
    """
    body = parse_object(data)
    envelope = specs(ENVELOPE)
    _check({name: body[name] for name in body if name in envelope}, envelope, "")
    command_id = body["id"]
    fields = _row(_COMMANDS, body["cmd"])
    if fields is None:
        raise Refused(R_UNKNOWN, command_id)
    _check({name: body[name] for name in body if name not in envelope}, specs(fields), command_id)
    if body["cmd"] == "grants" and body["to"] <= body["from"]:
        raise Refused(R_FIELDS, command_id)
    return body


def core_events(body: dict):
    """Yield the events of a parsed command for the controller, in order.

    A command that the core does not answer by itself ends with ``EV_COMMAND``: its counter is journaled and
    its reply sent only after all its events were handled.  ``("time", body)`` is for the shell, which owns
    the clock and then gives the core the same body as an ``EV_ORDER``.
    """
    name = body["cmd"]
    if name == "open":
        yield (EV_OPEN_ORDER, body["door"], body["n"], body["id"])
        return
    if name not in _FOLLOWED:
        yield (EV_ORDER, body)
        return
    if name in TIMES:
        yield ("time", body)
        return
    if name == "grants":
        for parcel, size, until in body["expect"]:
            yield (EV_EXPECTED, parcel, size, until)
        added = body["add"]
        for i, row in enumerate(added):  # in place: a row of JSON takes three times the heap of its payload
            row[_TAG_COLUMN] = unhexlify(row[_TAG_COLUMN])
            added[i] = records.pack(records.GRANT, *row)
        yield (EV_GRANTS, body["from"], body["to"], added, body["drop"], bool(body["more"]))
    for kind, field in _REVOKED:
        for row in body.get(field, ()):
            values = (row[1], row[0]) if field == "parcels" else row  # the text last
            yield (EV_REVOKE, kind, records.pack(kind, *values))
    if name == "contents":
        yield (EV_ORDER, body)
        return
    yield (EV_COMMAND, body["n"], 0, body["id"])
