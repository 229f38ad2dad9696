"""The journal's vocabulary: what each kind of record means and how its payload is packed.

One table, read by the locker (to write and fold records), by the host (to know the events it
receives) and by the tools (to print a dump).  Kinds below 64 are *events*: the journal numbers
them and they travel to the host as ``(locker, epoch, seq)``.  Kinds from 64 to 127 are
*internal*: they shape the locker's own state and are never sent.  Kinds from 224 belong to the
journal itself (see ``journal/log.py``).
"""

import struct

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..ports import Payload, Value, Values


# --- events, numbered and sent to the host -------------------------------------------------
BOOT = const(1)
ATTEMPT = const(2)
REFUSED = const(3)
ACCEPTED = const(4)
PULSE = const(5)
OPENED = const(6)
CLOSED = const(7)
DEPOSITED = const(8)
COLLECTED = const(9)
NOT_OPENED = const(10)
FORCED = const(11)
LEFT_OPEN = const(12)
DOOR_FAULT = const(13)
BLOCKED = const(14)
RELEASED = const(15)
COMMAND = const(16)
REJECTED = const(17)
LOST = const(18)
FAULT = const(19)
TIME_SET = const(20)
ALARM = const(21)
RETURNED = const(22)  # a recalled parcel left with a courier, clerk or merchant
DEPOSIT_UNDONE = const(23)  # the person chose another compartment, or took the parcel back
SUPPLY = const(24)  # the lowest supply under a door's pulse, when it has changed

# --- internal --------------------------------------------------------------------------------
GRANT = const(64)
GRANT_DROP = const(65)
GRANTS_VERSION = const(66)
ACKNOWLEDGED = const(67)
REVOKE_PARCEL = const(68)
REVOKE_NONCE = const(69)
HOLDER_COUNTER = const(70)
TOKEN_USED = const(71)
TIME_FLOOR = const(72)
EXPECTED = const(73)  # an announced parcel: which size it needs
EXPECTED_DROP = const(74)
SETTING = const(75)  # one of orders.SETTINGS as the host wants it; no text: as configured
RESERVED = const(76)  # a compartment kept for one parcel; no text: no longer
NOTICE = const(77)  # a message on the display in one language; no text: no longer
GRANTS_RESET = const(78)  # the host sends the whole set: grants not sent again are dropped
LOCAL_TIME = const(79)  # local time is UTC + offset_s, from next_s (0: never) on UTC + next_offset_s
TIME_AHEAD = const(87)  # from this record on times are so far ahead of what is believed; 0: they are believed

# --- internal, written only inside a snapshot: state that several records made ---------------
DOOR_STATE = const(80)
THROTTLE_STATE = const(81)
COMMAND_STATE = const(82)
GRANT_SPENT = const(83)
LATCH_STATE = const(84)
SUPPLY_STATE = const(85)
REMOTE_STATE = const(86)  # time of a remote open that still counts
BOUND = const(88)  # whose journal this is; ``wants`` 1: the host has not yet said what lies where
REVOKED = const(89)  # a revoked parcel by its mark, see ``revoked.Parcels``

EVENT_KIND_MAX = const(63)
PARCEL_ID_BYTES_MAX = const(40)  # an S10 has 13, an SSCC 18, the longest carrier format seen 35
ANY_DOOR = const(65535)

# kind -> struct format of the fixed fields
_FORMATS = {
    BOOT: ">BHI",
    ATTEMPT: ">B",
    REFUSED: ">BB",
    ACCEPTED: ">BBBHI",
    PULSE: ">HBBBHI",
    OPENED: ">HBHI",
    CLOSED: ">HB",
    DEPOSITED: ">HHB",
    COLLECTED: ">HI",
    NOT_OPENED: ">HB",
    FORCED: ">H",
    LEFT_OPEN: ">HH",
    DOOR_FAULT: ">HB",
    BLOCKED: ">HB",
    RELEASED: ">HB",
    COMMAND: ">IB",
    REJECTED: ">BH",
    LOST: ">II",
    FAULT: ">H",
    TIME_SET: ">BI",
    ALARM: ">BBHH",
    RETURNED: ">HHB",
    DEPOSIT_UNDONE: ">H",
    SUPPLY: ">HHH",
    GRANT: ">IIIBBHHB16s",
    GRANT_DROP: ">I",
    GRANTS_VERSION: ">I",
    ACKNOWLEDGED: ">I",
    REVOKE_PARCEL: ">I",
    REVOKE_NONCE: ">II",
    HOLDER_COUNTER: ">BBHH",
    TOKEN_USED: ">II",
    TIME_FLOOR: ">I",
    EXPECTED: ">BI",
    EXPECTED_DROP: ">",
    SETTING: ">B",
    RESERVED: ">HI",
    NOTICE: ">BI",
    GRANTS_RESET: ">I",
    LOCAL_TIME: ">iIi",
    DOOR_STATE: ">HBBBBBHII",
    THROTTLE_STATE: ">HI",
    COMMAND_STATE: ">I",
    GRANT_SPENT: ">II",
    LATCH_STATE: ">HHHBB",
    SUPPLY_STATE: ">HB",
    REMOTE_STATE: ">I",
    TIME_AHEAD: ">I",
    BOUND: ">8sB",
    REVOKED: ">8sI",
}
# A line for each kind: its number, its name, its fields' names in order; a + before trailing text.  One text:
# as a constant it stays in flash, while a dict would take heap for every line.
_WORDS = """
1 boot cause skipped_sectors recovered_records +firmware
2 attempt via
3 refused reason via
4 accepted via role action holder ref +parcel
5 pulse door purpose number role holder ref +parcel
6 opened door purpose after_ms ref +parcel
7 closed door purpose
8 deposited door holder role +parcel
9 collected door ref +parcel
10 not_opened door purpose +parcel
11 forced door +parcel
12 left_open door after_s
13 door_fault door fault
14 blocked door why
15 released door why
16 command counter result +id
17 rejected reason count
18 lost first last
19 fault code +what
20 time_set source before
21 alarm alarm role holder door
22 returned door holder role +parcel
23 deposit_undone door +parcel
24 supply door idle_mv lowest_mv
64 grant grant not_before not_after role action holder door uses tag +parcel
65 grant_drop grant
66 grants_version version
67 acknowledged seq
68 revoke_parcel until +parcel
69 revoke_nonce nonce until
70 holder_counter role action holder counter
71 token_used nonce until
72 time_floor epoch_s
73 expected size until +parcel
74 expected_drop +parcel
75 setting which +value
76 reserved door until +parcel
77 notice language until +text
78 grants_reset version
79 local_time offset_s next_s next_offset_s
80 door_state door content seen purpose block role holder ref opened_at +parcel
81 throttle_state milli_tries at
82 command_state counter
83 grant_spent grant at
84 latch_state door usual_ms recent_ms trouble pulses
85 supply_state door lowest_100mv
86 remote_state at
87 time_ahead ahead_s
88 bound tag wants
89 revoked mark until
"""
_WITH_TEXT = bytes((
    BOOT, ACCEPTED, PULSE, OPENED, DEPOSITED, COLLECTED, NOT_OPENED, FORCED, COMMAND, FAULT, RETURNED,
    DEPOSIT_UNDONE, GRANT, REVOKE_PARCEL, EXPECTED, EXPECTED_DROP, SETTING, RESERVED, NOTICE,
    DOOR_STATE,
))  # fmt: skip

# Secret fields: ``describe`` leaves them out, so they never leave the locker.
SECRET_FIELDS = ("tag",)


def kinds() -> "Iterable[int]":
    """Every kind of record, in no order."""
    return _FORMATS.keys()


def _words(kind: int) -> str:
    """Name and fields of a kind, as in the table above; ``KeyError`` when there is none."""
    if kind not in _FORMATS:
        raise KeyError(kind)
    start = "\n{} ".format(kind)
    at = _WORDS.find(start) + len(start)
    return _WORDS[at : _WORDS.find("\n", at)]


def spec(kind: int) -> tuple[str, str, tuple[str, ...], str]:
    """``(name, struct format of the fixed fields, their names, name of the trailing text or "")``."""
    words = _words(kind).split()
    text = words.pop()[1:] if kind in _WITH_TEXT else ""
    return words[0], _FORMATS[kind], tuple(words[1:]), text


def fixed_format(kind: int) -> str:
    """The struct format of a kind's fixed fields."""
    return _FORMATS[kind]


def pack(kind: int, *values: "Value") -> bytes:
    """The payload of a record: ``values`` in the order of ``spec(kind)``, the text last.

    Raises ``ValueError`` when the number of values is wrong or the text is longer than
    ``PARCEL_ID_BYTES_MAX`` bytes of UTF-8; text from outside must be checked before.
    """
    words = _words(kind)
    if len(values) != words.count(" "):
        raise ValueError("record {}: {} values for {}".format(kind, len(values), words))
    fmt = _FORMATS[kind]
    if kind not in _WITH_TEXT:
        return struct.pack(fmt, *values)
    tail = values[-1].encode()
    if len(tail) > PARCEL_ID_BYTES_MAX:
        raise ValueError("record {}: text of {} bytes".format(kind, len(tail)))
    return struct.pack(fmt, *values[:-1]) + tail


def unpack(kind: int, payload: "Payload") -> "Values":
    """The values of a payload (``bytes`` or ``memoryview``), in the order of ``spec(kind)``.

    A payload longer than the table says for a record without text is accepted and the rest
    ignored: a newer firmware may have added fields at the end.
    """
    fmt = _FORMATS[kind]
    values = struct.unpack_from(fmt, payload, 0)
    if kind not in _WITH_TEXT:
        return values
    return values + (str(payload[struct.calcsize(fmt) :], "utf-8"),)


def describe(kind: int, payload: "Payload") -> "dict[str, Value]":
    """A record as a dict of plain values, for the host and for people; secrets are left out."""
    name, _, names, text = spec(kind)
    values = unpack(kind, payload)
    out: dict[str, Value] = {"kind": name}
    for i in range(len(names)):
        if names[i] not in SECRET_FIELDS:
            out[names[i]] = values[i]
    if text:
        out[text] = values[-1]
    return out
