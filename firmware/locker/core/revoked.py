"""What is no longer valid: used and revoked nonces, revoked parcels, holders replaced by a counter.

All lists are bounded.  Entries are dropped once the journal's newest time has passed their end: after a
restart the clock may fall back to that time, but never before it.
"""

import struct

from micropython import const

from . import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Holder, Members


PARCELS_MAX = const(64)
COUNTERS_MAX = const(32)
_PARTS = const(8)
_NEVER = const(4294967295)
_ENTRY = ">II"
_ENTRY_BYTES = const(8)
_GROW_BYTES = const(128)  # small at first: few lockers see many tokens


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
    """Revoked parcel ids and until when.  Overflow: refused before it is journaled (``R_FULL``);
    a record beyond the bound, perhaps of another firmware, replaces the entry that ends first.

    In several small dicts: one of 60 asks for a piece that a heap in use may not have."""

    def __init__(self) -> None:
        self._parts: list[dict[str, int]] = [{} for _ in range(_PARTS)]

    def _part(self, parcel: str) -> dict[str, int]:
        return self._parts[hash(parcel) % _PARTS]

    def _full(self) -> bool:
        return sum([len(part) for part in self._parts]) >= PARCELS_MAX

    def _first(self) -> tuple[int, str]:
        return min([(part[parcel], parcel) for part in self._parts for parcel in part])

    def room(self, parcel: str, time_s: int) -> bool:
        return parcel in self._part(parcel) or not self._full() or self._first()[0] < time_s

    def add(self, parcel: str, until: int) -> None:
        part = self._part(parcel)
        if parcel not in part and self._full():
            first = self._first()[1]
            del self._part(first)[first]
        part[parcel] = until

    def has(self, parcel: str, epoch_s: int) -> bool:
        return epoch_s <= self._part(parcel).get(parcel, -1)

    def snapshot(self) -> "Members":
        for part in self._parts:
            for parcel, until in part.items():
                yield records.REVOKE_PARCEL, records.pack(records.REVOKE_PARCEL, until, parcel)


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
