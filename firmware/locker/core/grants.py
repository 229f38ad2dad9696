"""The listed grants: what the host sent, kept as the bytes it came in.

One grant is one ``bytes`` object (``records.GRANT``) and one entry in a dict; about 140 bytes on
the 64-bit port (measured: ``access.grant_bytes``).  Uses are counted for grants that open a door
for its own sake; what a parcel's code opens follows from where the parcel is.
"""

import struct
from hashlib import sha256

from micropython import const

from . import events as E
from . import records as R
from .labels import parcel_possible
from .reasons import R_ACTION, R_DOOR, R_FULL, R_OK, R_PARCEL, R_PAYLOAD, R_WINDOW

UNLIMITED = const(0)  # in the field uses

_FIXED = R.fixed_format(R.GRANT)
_FIXED_BYTES = struct.calcsize(_FIXED)
_TAG_AT = const(19)
_TAG_END = const(35)
_NOT_AFTER_AT = const(8)


def tag_of(payload):
    return payload[_TAG_AT:_TAG_END]


def fingerprint(payload):
    """A grant as 32 bits; the digest of a set is the XOR of them, in whatever order it came about."""
    return struct.unpack_from(">I", sha256(payload).digest(), 0)[0]


def check(payload, doors):
    """``R_OK``, or why the host's grant cannot be taken (checked before it is journaled)."""
    if len(payload) < _FIXED_BYTES:
        return R_PAYLOAD
    id_, not_before, not_after, role, action, _, door, _, _ = struct.unpack_from(_FIXED, payload, 0)
    if not id_:
        return R_PAYLOAD
    if role > E.PARTNER or action > E.HANDOVER:
        return R_ACTION
    if not_before > not_after:
        return R_WINDOW
    if door != R.ANY_DOOR and door >= doors:
        return R_DOOR
    if not parcel_possible(payload[_FIXED_BYTES:]):
        return R_PARCEL
    return R_OK


class Grants:
    """The set, bounded to ``grants_max``; when it is full, what has ended makes room."""

    def __init__(self, live, grants_max):
        self._live = live
        self._grants_max = grants_max
        self._payloads = {}
        self._used = {}  # id -> times a door was opened with it
        self._sum = None  # XOR of all fingerprints, once somebody has asked: a replay needs it not
        self._stale = set()  # ids not named again since the host began to send the whole set

    def get(self, id_):
        return self._payloads[id_]

    def admit(self, payload, doors, time_s):
        """``R_OK`` or why not, ``R_FULL`` included."""
        reason = check(payload, doors)
        if reason != R_OK:
            return reason
        id_ = struct.unpack_from(">I", payload, 0)[0]
        if id_ in self._payloads or len(self._payloads) < self._grants_max:
            return R_OK
        return R_OK if self._ended(time_s) else R_FULL

    def put(self, payload, time_s):
        """Add or replace; a grant sent again does not get its uses back."""
        payload = bytes(payload)
        id_ = struct.unpack_from(">I", payload, 0)[0]
        self._forget(id_)
        if len(self._payloads) >= self._grants_max:
            ended = self._ended(time_s)
            if not ended:
                return  # the host was told R_FULL before this could be journaled
            self.drop(ended)
        self._payloads[id_] = payload
        self._count(payload)
        self._live.add(tag_of(payload), id_)

    def drop(self, id_):
        self._forget(id_)
        self._used.pop(id_, None)

    def _forget(self, id_):
        payload = self._payloads.pop(id_, None)
        if payload is not None:
            self._live.remove(tag_of(payload), id_)
            self._count(payload)
            if id_ in self._stale:
                self._stale.remove(id_)

    def _count(self, payload):
        """A grant came or went; the fingerprint counts itself in and out alike."""
        if self._sum is not None:
            self._sum ^= fingerprint(payload)

    def reset(self):
        """The host sends the whole set: whatever is not put again until its end is stale.

        Until then it works, and what is put again keeps the count of its uses.
        """
        self._stale = set(self._payloads)

    def stale(self):
        """The ids of what the host has not named again since ``reset``."""
        return tuple(self._stale)

    def digest(self, time_s):
        """32 bits that two equal sets of grants, without what has ended by ``time_s``, have in common."""
        if self._sum is None:
            self._sum = 0
            for payload in self._payloads.values():
                self._count(payload)
        total = self._sum
        for payload in self._payloads.values():
            if struct.unpack_from(">I", payload, _NOT_AFTER_AT)[0] <= time_s:
                total ^= fingerprint(payload)
        return total

    def _ended(self, time_s):
        """The id of a grant whose end has passed, or 0."""
        for id_, payload in self._payloads.items():
            if struct.unpack_from(">I", payload, 8)[0] < time_s:
                return id_
        return 0

    def opened(self, id_, door):
        """A door was seen open under this reference: count it if it is a limited door grant."""
        payload = self._payloads.get(id_)
        if payload is None or len(payload) > _FIXED_BYTES:
            return
        values = struct.unpack_from(_FIXED, payload, 0)
        if values[7] != UNLIMITED and values[6] in (door, R.ANY_DOOR):
            self.spend(id_)

    def spend(self, id_):
        self._used[id_] = self._used.get(id_, 0) + 1

    def spent(self, id_, uses):
        return uses != UNLIMITED and self._used.get(id_, 0) >= uses

    def fields(self, id_):
        """``(not_before, not_after, role, action, holder, door, uses, parcel id)``."""
        values = R.unpack(R.GRANT, self._payloads[id_])
        return values[1:8] + values[9:]

    def snapshot(self, time_s):
        """What is stale comes first, then the reset that makes it so, then the others."""
        for id_ in self._stale:
            yield from self._records(id_, time_s)
        if self._stale:
            yield R.GRANTS_RESET, R.pack(R.GRANTS_RESET, 0)
        for id_ in self._payloads:
            if id_ not in self._stale:
                yield from self._records(id_, time_s)

    def _records(self, id_, time_s):
        yield R.GRANT, self._payloads[id_]
        for _ in range(self._used.get(id_, 0)):
            yield R.GRANT_SPENT, R.pack(R.GRANT_SPENT, id_, time_s)
