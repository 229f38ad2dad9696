"""The journal's vocabulary: what each kind of record means and how its payload is packed.

One table, read by the locker (to write and fold records), by the host (to know the events it
receives) and by the tools (to print a dump).  Kinds below 64 are *events*: the journal numbers
them and they travel to the host as ``(locker, epoch, seq)``.  Kinds from 64 to 127 are
*internal*: they shape the locker's own state and are never sent.  Kinds from 224 belong to the
journal itself (see ``journal/log.py``).
"""

import struct

from micropython import const

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
SUPPLY = const(24)  # the supply at worst under a door's pulse, when that has changed

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
GRANTS_RESET = const(78)  # the host sends the whole set anew: what it does not name again will go
LOCAL_TIME = const(79)  # local time is UTC + offset_s, from next_s (0: never) on UTC + next_offset_s

# --- internal, written only inside a snapshot: state that is no longer one record ---------------
DOOR_STATE = const(80)
THROTTLE_STATE = const(81)
COMMAND_STATE = const(82)
GRANT_SPENT = const(83)
LATCH_STATE = const(84)
SUPPLY_STATE = const(85)

EVENT_KIND_MAX = const(63)
PARCEL_ID_BYTES_MAX = const(40)  # an S10 has 13, an SSCC 18, the longest carrier format seen 35
ANY_DOOR = const(65535)

# Two tables of plain strings, for a tuple of names for each kind would take four times the heap.
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
}
# kind -> its name and its fields' names in order; a + before the one that is trailing text
_WORDS = {
    BOOT: "boot cause skipped_sectors recovered_records +firmware",
    ATTEMPT: "attempt via",
    REFUSED: "refused reason via",
    ACCEPTED: "accepted via role action holder ref +parcel",
    PULSE: "pulse door purpose number role holder ref +parcel",
    OPENED: "opened door purpose after_ms ref +parcel",
    CLOSED: "closed door purpose",
    DEPOSITED: "deposited door holder role +parcel",
    COLLECTED: "collected door ref +parcel",
    NOT_OPENED: "not_opened door purpose +parcel",
    FORCED: "forced door +parcel",
    LEFT_OPEN: "left_open door after_s",
    DOOR_FAULT: "door_fault door fault",
    BLOCKED: "blocked door why",
    RELEASED: "released door why",
    COMMAND: "command counter result +id",
    REJECTED: "rejected reason count",
    LOST: "lost first last",
    FAULT: "fault code +what",
    TIME_SET: "time_set source before",
    ALARM: "alarm alarm role holder door",
    RETURNED: "returned door holder role +parcel",
    DEPOSIT_UNDONE: "deposit_undone door +parcel",
    SUPPLY: "supply door idle_mv lowest_mv",
    GRANT: "grant grant not_before not_after role action holder door uses tag +parcel",
    GRANT_DROP: "grant_drop grant",
    GRANTS_VERSION: "grants_version version",
    ACKNOWLEDGED: "acknowledged seq",
    REVOKE_PARCEL: "revoke_parcel until +parcel",
    REVOKE_NONCE: "revoke_nonce nonce until",
    HOLDER_COUNTER: "holder_counter role action holder counter",
    TOKEN_USED: "token_used nonce until",
    TIME_FLOOR: "time_floor epoch_s",
    EXPECTED: "expected size until +parcel",
    EXPECTED_DROP: "expected_drop +parcel",
    SETTING: "setting which +value",
    RESERVED: "reserved door until +parcel",
    NOTICE: "notice language until +text",
    GRANTS_RESET: "grants_reset version",
    LOCAL_TIME: "local_time offset_s next_s next_offset_s",
    DOOR_STATE: "door_state door content seen purpose block role holder ref opened_at +parcel",
    THROTTLE_STATE: "throttle_state milli_tries at",
    COMMAND_STATE: "command_state counter",
    GRANT_SPENT: "grant_spent grant at",
    LATCH_STATE: "latch_state door usual_ms recent_ms trouble pulses",
    SUPPLY_STATE: "supply_state door lowest_100mv",
}
_WITH_TEXT = bytes((
    BOOT, ACCEPTED, PULSE, OPENED, DEPOSITED, COLLECTED, NOT_OPENED, FORCED, COMMAND, FAULT, RETURNED,
    DEPOSIT_UNDONE, GRANT, REVOKE_PARCEL, EXPECTED, EXPECTED_DROP, SETTING, RESERVED, NOTICE,
    DOOR_STATE,
))  # fmt: skip

# Fields that never leave the locker, whatever prints the record.
SECRET_FIELDS = ("tag",)


def kinds():
    """Every kind of record, in no order."""
    return _FORMATS.keys()


def spec(kind: int) -> tuple:
    """``(name, struct format of the fixed fields, their names, name of the trailing text or "")``."""
    words = _WORDS[kind].split()
    text = words.pop()[1:] if kind in _WITH_TEXT else ""
    return words[0], _FORMATS[kind], tuple(words[1:]), text


def fixed_format(kind: int) -> str:
    """The struct format of a kind's fixed fields."""
    return _FORMATS[kind]


def pack(kind: int, *values) -> bytes:
    """The payload of a record: ``values`` in the order of ``spec(kind)``, the text last.

    Raises ``ValueError`` when the number of values is wrong or the text is longer than
    ``PARCEL_ID_BYTES_MAX`` bytes of UTF-8; whoever brings text from outside checks it first.
    """
    if len(values) != len(_WORDS[kind].split()) - 1:
        raise ValueError("record {}: {} values for {}".format(kind, len(values), _WORDS[kind]))
    fmt = _FORMATS[kind]
    if kind not in _WITH_TEXT:
        return struct.pack(fmt, *values)
    tail = values[-1].encode()
    if len(tail) > PARCEL_ID_BYTES_MAX:
        raise ValueError("record {}: text of {} bytes".format(kind, len(tail)))
    return struct.pack(fmt, *values[:-1]) + tail


def unpack(kind: int, payload) -> tuple:
    """The values of a payload (``bytes`` or ``memoryview``), in the order of ``spec(kind)``.

    A payload longer than the table says for a record without text is accepted and the rest
    ignored: a newer firmware may have added fields at the end.
    """
    fmt = _FORMATS[kind]
    values = struct.unpack_from(fmt, payload, 0)
    if kind not in _WITH_TEXT:
        return values
    return values + (str(payload[struct.calcsize(fmt) :], "utf-8"),)


def describe(kind: int, payload) -> dict:
    """A record as a dict of plain values, for the host and for people; secrets are left out."""
    name, _, names, text = spec(kind)
    values = unpack(kind, payload)
    out = {"kind": name}
    for i in range(len(names)):
        if names[i] not in SECRET_FIELDS:
            out[names[i]] = values[i]
    if text:
        out[text] = values[-1]
    return out
