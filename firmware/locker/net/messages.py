"""What the host may say: one table of commands, their fields, types and bounds.

``parse`` takes the JSON of a frame whose MAC was found right and gives a dict that fits the table,
or raises ``Refused``: after it nothing needs to be looked at twice.  Unknown fields are refused, for
a command half understood must not be half executed.  ``core_events`` turns a command into the
events of ``core/events.py``.
"""

import json
from binascii import unhexlify

from micropython import const

from ..core import records
from ..core.events import EV_COMMAND, EV_EXPECTED, EV_GRANTS, EV_OPEN_ORDER, EV_ORDER, EV_REVOKE
from ..core.labels import parcel_possible

BODY_BYTES_MAX = const(8192)
# Counted before parsing: every bracket becomes an object, every comma a value, and the heap of a
# locker must hold them all.  64 grants of 10 fields are 66 brackets and 650 commas.
_BRACKETS_MAX = const(200)
_COMMAS_MAX = const(1200)

# --- why a frame or a command was not believed: EV_REJECTED's reason, and the word in a reply -----
R_TOPIC = const(1)  # not one of ours
R_MAC = const(2)  # not a frame, or not one that the host sealed for this topic
R_SIZE = const(3)  # more bytes, brackets or commas than a locker takes
R_JSON = const(4)
R_FIELDS = const(5)  # one missing, unknown, of a wrong type or out of bounds
R_UNKNOWN = const(6)  # no such command
R_STALE = const(7)  # a counter that does not rise: replayed, or overtaken by a later command
R_EXPIRED = const(8)
R_NO_TIME = const(9)  # would open a door, and nobody knows whether it expired
R_BEYOND = const(10)  # acknowledges an event that was never sent
R_NOT_ASKED = const(11)  # tells the time to nobody: no question of ours, or one of long ago
R_FAILED = const(12)  # the command that was last broken off by a fault of ours: not tried once more
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

_U8 = ("int", 0, 255)
_U16 = ("int", 0, 65535)
_U32 = ("int", 0, 4294967295)
_EPOCH = ("int", 1577836800, 4294967295)  # from 2020 on
_OFFSET = ("int", -50400, 50400)  # of local time, seconds
_ROLE = ("int", 0, 6)
_ACTION = ("int", 0, 5)
_PARCEL = ("text", 1, records.PARCEL_ID_BYTES_MAX)
_PARCEL_OR_NONE = ("text", 0, records.PARCEL_ID_BYTES_MAX)
_TAG_BYTES = const(16)
_TAG_COLUMN = const(8)
_DOOR = ("int", 0, 65534)
_SIZE = ("int", 0, 31)  # 0: any; 1 to 4: S to XL; 16 more: a low compartment, please

# id, not_before, not_after, role, action, holder, door, uses, tag, parcel: as records.spec(GRANT)
_GRANT_ROW = (
    "row",
    (_U32, _U32, _U32, _ROLE, _ACTION, _U16, _U16, _U8, ("hex", _TAG_BYTES), _PARCEL_OR_NONE),
)

# Every command's fields; the host's half is ``consigne/protocol.py``, tested against this.
ENVELOPE = {"id": ("text", 1, 36), "n": ("int", 1, 4294967295), "exp": _EPOCH, "cmd": ("text", 1, 16)}
COMMANDS = {
    "again": {"seq": ("int", 1, 4294967295)},
    "grants": {
        "from": _U32,
        "to": _U32,
        "more": ("int", 0, 1),
        "add": ("list", 64, _GRANT_ROW),
        "drop": ("list", 200, _U32),
        "expect": ("list", 64, ("row", (_PARCEL, _SIZE, _EPOCH))),
    },
    "block": {"door": _DOOR},
    # [name, value]: orders.SETTINGS
    "configure": {"set": ("list", 8, ("row", (("text", 1, 16), _PARCEL_OR_NONE)))},
    "identify": {"seconds": ("int", 1, 60)},
    # [language, "first line|second line"]
    "message": {"until": _EPOCH, "text": ("list", 4, ("row", (("text", 2, 2), _PARCEL_OR_NONE)))},
    "open": {"door": _DOOR},
    "reboot": {},
    "release": {"door": _DOOR},
    "reserve": {"door": _DOOR, "until": _EPOCH, "parcel": _PARCEL},
    "revoke": {
        "parcels": ("list", 64, ("row", (_PARCEL, _EPOCH))),
        "nonces": ("list", 64, ("row", (_U32, _EPOCH))),
        "holders": ("list", 16, ("row", (_ROLE, _ACTION, _U16, _U16))),
    },
    # The answer to the question with this nonce; local time is UTC + offset_s until next_s (0: for ever),
    # from then on UTC + next_offset_s.
    "time": {"t": _EPOCH, "offset_s": _OFFSET, "next_s": _U32, "next_offset_s": _OFFSET, "nonce": _U32},
}
ACK = {"epoch": _U32, "seq": _U32}
# Those that become several events; the others are for ``core/orders.py`` as they are.
_FOLLOWED = ("again", "grants", "revoke", "time")
_REVOKED = (
    (records.REVOKE_PARCEL, "parcels"),
    (records.REVOKE_NONCE, "nonces"),
    (records.HOLDER_COUNTER, "holders"),
)


class Refused(Exception):
    """``reason`` is one of ``R_``; ``command_id`` says whom to answer, "" when that is not known."""

    def __init__(self, reason, command_id=""):
        super().__init__(R_NAMES[reason])
        self.reason = reason
        self.command_id = command_id


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
    """Bytes of UTF-8 within the bounds, and nothing that a parcel's id could not hold either."""
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
        data = bytes(data)
        if data.count(b"[") + data.count(b"{") > _BRACKETS_MAX or data.count(b",") > _COMMAS_MAX:
            raise Refused(R_SIZE)
        body = json.loads(str(data, "utf-8"))
    except MemoryError:  # raised on, the broker would send it again and again
        raise Refused(R_SIZE)
    except ValueError:
        body = None
    if type(body) is not dict:
        raise Refused(R_JSON)
    return body


def _check(body: dict, table: dict, command_id: str) -> None:
    """Refuse a body that has not the fields of ``table`` exactly."""
    if len(body) != len(table) or not all(name in body and fits(table[name], body[name]) for name in table):
        raise Refused(R_FIELDS, command_id)


def parse_ack(data) -> tuple:
    """``(epoch, seq)`` of an acknowledgement."""
    body = parse_object(data)
    _check(body, ACK, "")
    return body["epoch"], body["seq"]


def parse_command(data) -> dict:
    """A command that fits ``ENVELOPE`` and its row of ``COMMANDS``.

    Its id is in ``Refused`` only when the envelope itself was right.
    """
    body = parse_object(data)
    _check({name: body[name] for name in body if name in ENVELOPE}, ENVELOPE, "")
    command_id = body["id"]
    fields = COMMANDS.get(body["cmd"])
    if fields is None:
        raise Refused(R_UNKNOWN, command_id)
    _check({name: body[name] for name in body if name not in ENVELOPE}, fields, command_id)
    if body["cmd"] == "grants" and body["to"] <= body["from"]:
        raise Refused(R_FIELDS, command_id)
    return body


def core_events(body: dict):
    """Yield what a parsed command asks for, as events for the controller, in order.

    A command that the core does not answer for by itself ends with ``EV_COMMAND``: its counter is
    journaled and its reply sent only after all it asked for has been done.  ``("time", body)`` is for
    the shell, which owns the clock and then gives the core the same body as an ``EV_ORDER``.
    """
    name = body["cmd"]
    if name == "open":
        yield (EV_OPEN_ORDER, body["door"], body["n"], body["id"])
        return
    if name not in _FOLLOWED:
        yield (EV_ORDER, body)
        return
    if name == "time":
        yield ("time", body)
        return
    if name == "grants":
        for parcel, size, until in body["expect"]:
            yield (EV_EXPECTED, parcel, size, until)
        added = []
        for row in body["add"]:
            row[_TAG_COLUMN] = unhexlify(row[_TAG_COLUMN])
            added.append(records.pack(records.GRANT, *row))
        yield (EV_GRANTS, body["from"], body["to"], added, body["drop"], bool(body["more"]))
    elif name == "revoke":
        for kind, field in _REVOKED:
            for row in body[field]:
                values = (row[1], row[0]) if field == "parcels" else row  # the text last
                yield (EV_REVOKE, kind, records.pack(kind, *values))
    yield (EV_COMMAND, body["n"], 0, body["id"])
