"""What is no longer valid: used and revoked nonces, revoked parcels, holders replaced by a counter.

All lists are bounded.  Entries are dropped once the journal's newest time has passed their end: after a
restart the clock may fall back to that time, but never before it.
"""

import struct
from hashlib import sha256

from micropython import const

from . import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..ports import Holder, Members, Payload


PARCELS_MAX = const(512)
COUNTERS_MAX = const(32)
_PARTS = const(16)
_MARK_BYTES = const(8)
_MARKED_BYTES = const(12)
_NEVER = const(4294967295)
_ENTRY = ">II"
_ENTRY_BYTES = const(8)
_GROW_BYTES = const(128)  # small at first: few lockers see many tokens


def mark_of(parcel: "Payload") -> bytes:
    """What a locker keeps of a revoked parcel's id."""
    return sha256(parcel).digest()[:_MARK_BYTES]


class Nonces:
    """A bounded list of ``(nonce, until)`` in one buffer, which grows as it fills.

    Overflow: the entry that ends first is dropped, and its end becomes the ``horizon``: from then on every
    token that ends no later counts as listed.  So a full list refuses some valid tokens that end soon, but
    never accepts a used one.  Nonce 0 stands for the horizon itself.
    """

    def __init__(self, entries_max: int) -> None:
        self._bytes_max = entries_max * _ENTRY_BYTES
        self._buf = bytearray()
        self._end = 0  # bytes in use
        self.horizon = 0

    def __len__(self) -> int:
        return self._end // _ENTRY_BYTES

    def add(self, nonce: int, until: int, time_s: int) -> None:
        if not nonce:
            self.horizon = max(self.horizon, until)
            return
        at = self._find(nonce)
        if at < 0:
            if self._end == self._bytes_max:
                self._make_room(time_s)
            at = self._end
            if at + _ENTRY_BYTES > len(self._buf):
                self._buf.extend(bytes(_GROW_BYTES))
            self._end = at + _ENTRY_BYTES
        struct.pack_into(_ENTRY, self._buf, at, nonce, until)

    def lists(self, nonce: int) -> bool:
        return self._find(nonce) >= 0

    def has(self, nonce: int, not_after: int) -> bool:
        """Whether a token must be taken for listed."""
        return not_after <= self.horizon or self._find(nonce) >= 0

    def snapshot(self, kind: int) -> "Members":
        if self.horizon:
            yield kind, records.pack(kind, 0, self.horizon)
        for at in range(0, self._end, _ENTRY_BYTES):
            yield kind, bytes(self._buf[at : at + _ENTRY_BYTES])

    def _find(self, nonce: int) -> int:
        wanted = struct.pack(">I", nonce)
        at = self._buf.find(wanted, 0, self._end)
        while at > 0 and at % _ENTRY_BYTES:  # the same bytes, but not at the place of a nonce
            at = self._buf.find(wanted, at + 1, self._end)
        return at

    def _make_room(self, time_s: int) -> None:
        """Drop the entries that have ended; if there are none, the entry that ends first."""
        keep = 0
        first_at, first_until = 0, _NEVER
        for at in range(0, self._end, _ENTRY_BYTES):
            nonce, until = struct.unpack_from(_ENTRY, self._buf, at)
            if until >= time_s:
                struct.pack_into(_ENTRY, self._buf, keep, nonce, until)
                if until <= first_until:
                    first_at, first_until = keep, until
                keep += _ENTRY_BYTES
            else:  # so that nothing dropped by a false time is good again when that is taken back
                self.horizon = max(self.horizon, until)
        if keep == self._end:
            keep -= _ENTRY_BYTES
            last = struct.unpack_from(_ENTRY, self._buf, keep)
            struct.pack_into(_ENTRY, self._buf, first_at, *last)
            self.horizon = max(self.horizon, first_until)
        self._end = keep


class Parcels:
    """Revoked parcels and until when: 8 bytes of SHA-256 of the id, Unix seconds.  Overflow: refused before
    it is journaled (``R_FULL``); a record beyond the bound, perhaps of another firmware, replaces the entry
    that ends first.

    In several buffers: a long one is a piece that a heap in use may not have."""

    def __init__(self) -> None:
        self._parts = [bytearray() for _ in range(_PARTS)]

    def _find(self, mark: "Payload") -> int:
        part = self._parts[mark[0] % _PARTS]
        at = part.find(mark[:_MARK_BYTES])
        while at > 0 and at % _MARKED_BYTES:  # the same bytes across two entries
            at = part.find(mark[:_MARK_BYTES], at + 1)
        return at

    def _full(self) -> bool:
        return sum([len(part) for part in self._parts]) >= PARCELS_MAX * _MARKED_BYTES

    def _first(self) -> bytes:
        return min(self._entries(), key=lambda entry: entry[_MARK_BYTES:])

    def _entries(self) -> "Iterator[bytes]":
        for part in self._parts:
            for at in range(0, len(part), _MARKED_BYTES):
                yield bytes(part[at : at + _MARKED_BYTES])

    def room(self, parcel: "Payload", time_s: int) -> bool:
        if self._find(mark_of(parcel)) >= 0 or not self._full():
            return True
        return struct.unpack_from(">I", self._first(), _MARK_BYTES)[0] < time_s

    def add(self, parcel: "Payload", until: int) -> None:
        self.put(mark_of(parcel) + struct.pack(">I", until))

    def put(self, entry: "Payload") -> None:
        """An entry as ``snapshot`` gives it."""
        entry = bytes(entry[:_MARKED_BYTES])  # no view: bytes are searched for bytes alone
        at = self._find(entry)
        if at < 0 and self._full():
            first = self._first()
            self._take(first, self._find(first))
        elif at >= 0:
            self._take(entry, at)
        self._parts[entry[0] % _PARTS] += entry

    def _take(self, mark: "Payload", at: int) -> None:
        part = self._parts[mark[0] % _PARTS]
        self._parts[mark[0] % _PARTS] = part[:at] + part[at + _MARKED_BYTES :]

    def has(self, parcel: str, epoch_s: int) -> bool:
        mark = mark_of(parcel.encode())
        at = self._find(mark)
        part = self._parts[mark[0] % _PARTS]
        return at >= 0 and epoch_s <= struct.unpack_from(">I", part, at + _MARK_BYTES)[0]

    def snapshot(self) -> "Members":
        for entry in self._entries():
            yield records.REVOKED, entry


class Counters:
    """The number that replaces a holder in window codes once the holder's codes were revoked.

    Overflow: refused before it is journaled; a counter beyond the bound is not folded.
    """

    def __init__(self) -> None:
        self._counters: dict[Holder, int] = {}

    def room(self, who: "Holder") -> bool:
        return who in self._counters or len(self._counters) < COUNTERS_MAX

    def put(self, who: "Holder", counter: int) -> None:
        if self.room(who):
            self._counters[who] = counter

    def of(self, who: "Holder") -> int:
        """The counter of ``(role, action, holder)``, the holder's own number if it never changed."""
        return self._counters.get(who, who[2])

    def snapshot(self) -> "Members":
        for who, counter in self._counters.items():
            yield records.HOLDER_COUNTER, records.pack(records.HOLDER_COUNTER, *who, counter)
