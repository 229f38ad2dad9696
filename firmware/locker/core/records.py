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

# --- internal, written only inside a snapshot: state that is no longer one record ---------------
DOOR_STATE = const(80)
THROTTLE_STATE = const(81)
COMMAND_STATE = const(82)
GRANT_SPENT = const(83)

EVENT_KIND_MAX = const(63)
PARCEL_ID_BYTES_MAX = const(40)  # an S10 has 13, an SSCC 18, the longest carrier format seen 35
ANY_DOOR = const(65535)

# kind -> (name, struct format of the fixed fields, their names, name of the trailing text or "")
SPEC = {
    BOOT: ("boot", ">BHI", ("cause", "skipped_sectors", "recovered_records"), "firmware"),
    ATTEMPT: ("attempt", ">B", ("via",), ""),
    REFUSED: ("refused", ">BB", ("reason", "via"), ""),
    ACCEPTED: ("accepted", ">BBBHI", ("via", "role", "action", "holder", "ref"), "parcel"),
    PULSE: ("pulse", ">HBBBHI", ("door", "purpose", "number", "role", "holder", "ref"), "parcel"),
    OPENED: ("opened", ">HBHI", ("door", "purpose", "after_ms", "ref"), "parcel"),
    CLOSED: ("closed", ">HB", ("door", "purpose"), ""),
    DEPOSITED: ("deposited", ">HHB", ("door", "holder", "role"), "parcel"),
    COLLECTED: ("collected", ">HI", ("door", "ref"), "parcel"),
    NOT_OPENED: ("not_opened", ">HB", ("door", "purpose"), "parcel"),
    FORCED: ("forced", ">H", ("door",), "parcel"),
    LEFT_OPEN: ("left_open", ">HH", ("door", "after_s"), ""),
    DOOR_FAULT: ("door_fault", ">HB", ("door", "fault"), ""),
    BLOCKED: ("blocked", ">HB", ("door", "why"), ""),
    RELEASED: ("released", ">HB", ("door", "why"), ""),
    COMMAND: ("command", ">IB", ("counter", "result"), "id"),
    REJECTED: ("rejected", ">BH", ("reason", "count"), ""),
    LOST: ("lost", ">II", ("first", "last"), ""),
    FAULT: ("fault", ">H", ("code",), "what"),
    TIME_SET: ("time_set", ">BI", ("source", "before"), ""),
    ALARM: ("alarm", ">BBHH", ("alarm", "role", "holder", "door"), ""),
    RETURNED: ("returned", ">HHB", ("door", "holder", "role"), "parcel"),
    DEPOSIT_UNDONE: ("deposit_undone", ">H", ("door",), "parcel"),
    GRANT: (
        "grant",
        ">IIIBBHHB16s",
        ("grant", "not_before", "not_after", "role", "action", "holder", "door", "uses", "tag"),
        "parcel",
    ),
    GRANT_DROP: ("grant_drop", ">I", ("grant",), ""),
    GRANTS_VERSION: ("grants_version", ">I", ("version",), ""),
    ACKNOWLEDGED: ("acknowledged", ">I", ("seq",), ""),
    REVOKE_PARCEL: ("revoke_parcel", ">I", ("until",), "parcel"),
    REVOKE_NONCE: ("revoke_nonce", ">II", ("nonce", "until"), ""),
    HOLDER_COUNTER: ("holder_counter", ">BBHH", ("role", "action", "holder", "counter"), ""),
    TOKEN_USED: ("token_used", ">II", ("nonce", "until"), ""),
    TIME_FLOOR: ("time_floor", ">I", ("epoch_s",), ""),
    EXPECTED: ("expected", ">BI", ("size", "until"), "parcel"),
    EXPECTED_DROP: ("expected_drop", ">", (), "parcel"),
    DOOR_STATE: (
        "door_state",
        ">HBBBBBHII",
        ("door", "content", "seen", "purpose", "block", "role", "holder", "ref", "opened_at"),
        "parcel",
    ),
    THROTTLE_STATE: ("throttle_state", ">HI", ("milli_tries", "at"), ""),
    COMMAND_STATE: ("command_state", ">I", ("counter",), ""),
    GRANT_SPENT: ("grant_spent", ">II", ("grant", "at"), ""),
}

# Fields that never leave the locker, whatever prints the record.
SECRET_FIELDS = ("tag",)


def pack(kind: int, *values) -> bytes:
    """The payload of a record: ``values`` in the order of ``SPEC[kind]``, the text last.

    Raises ``ValueError`` when the number of values is wrong or the text is longer than
    ``PARCEL_ID_BYTES_MAX`` bytes of UTF-8; whoever brings text from outside checks it first.
    """
    _, fmt, names, text = SPEC[kind]
    if len(values) != len(names) + (1 if text else 0):
        raise ValueError("record {}: {} values, {} fields".format(kind, len(values), len(names)))
    if not text:
        return struct.pack(fmt, *values)
    tail = values[-1].encode()
    if len(tail) > PARCEL_ID_BYTES_MAX:
        raise ValueError("record {}: text of {} bytes".format(kind, len(tail)))
    return struct.pack(fmt, *values[:-1]) + tail


def unpack(kind: int, payload) -> tuple:
    """The values of a payload (``bytes`` or ``memoryview``), in the order of ``SPEC[kind]``.

    A payload longer than the table says for a record without text is accepted and the rest
    ignored: a newer firmware may have added fields at the end.
    """
    _, fmt, _, text = SPEC[kind]
    values = struct.unpack_from(fmt, payload, 0)
    if not text:
        return values
    return values + (str(payload[struct.calcsize(fmt) :], "utf-8"),)


def describe(kind: int, payload) -> dict:
    """A record as a dict of plain values, for the host and for people; secrets are left out."""
    name, _, names, text = SPEC[kind]
    values = unpack(kind, payload)
    out = {"kind": name}
    for i in range(len(names)):
        if names[i] not in SECRET_FIELDS:
            out[names[i]] = values[i]
    if text:
        out[text] = values[-1]
    return out
