"""The listed grants, kept as the bytes that the host sent, one after the other in pages.

A ``bytes`` object and a place in two dicts for each grant were 140 bytes on the 64-bit port, and left holes
in the heap all over it; a row in a page is two bytes more than what was sent.  A tag leads to its page
through an index of three bytes a row, in small pieces too: a dict of 200 asks for 3.5 kB in one piece (1.8 kB
on an ESP32), one of 1,024 for five times as much.  An id is searched in all pages; only records, and the one
grant of a right code, are looked up so.  Uses are counted only for grants that open a door without a parcel;
a parcel's code opens the door where the parcel is.
"""

import struct
from hashlib import sha256

from micropython import const

from . import events, records
from .labels import parcel_possible
from .reasons import R_ACTION, R_DOOR, R_FULL, R_OK, R_PARCEL, R_PAYLOAD, R_WINDOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..ports import GrantFields, Members, Payload, Row


UNLIMITED = const(0)  # in the field uses

_FIXED = records.fixed_format(records.GRANT)
_FIXED_BYTES = struct.calcsize(_FIXED)
_TAG_AT = const(19)
_TAG_END = const(35)
_NOT_AFTER_AT = const(8)

_HEAP_BYTES = const(64)  # of one grant with a parcel's id of 20 characters, its share of page and index

# A page: bytes in use u16, then rows: length of the payload (bit 7: stale), uses counted, payload.
_PAGE_BYTES = const(512)  # small: a page must fit into one free piece of a nearly full heap
_FIRST = const(2)
_ROW_HEAD = const(2)
_LENGTH = const(0x7F)  # a payload has at most 75 bytes
_STALE = const(0x80)
_USES_MAX = const(255)

# The index.  Pieces are chosen by the tag's first byte; an entry is the tag's next two bytes and a page
# number.
_PIECES = const(8)
_ENTRY = const(3)
_SHORT = const(2)


def tag_of(payload: "Payload") -> "Payload":
    return payload[_TAG_AT:_TAG_END]


def fingerprint(payload: "Payload") -> int:
    """A grant as 32 bits; the digest of a set is their XOR, so the order does not matter."""
    return struct.unpack_from(">I", sha256(payload).digest(), 0)[0]


def check(payload: "Payload", doors: int) -> int:
    """``R_OK``, or why the host's grant cannot be taken (checked before it is journaled)."""
    if len(payload) < _FIXED_BYTES:
        return R_PAYLOAD
    id_, not_before, not_after, role, action, _, door, _, _ = struct.unpack_from(_FIXED, payload, 0)
    if not id_:
        return R_PAYLOAD
    if role > events.PARTNER or action > events.HANDOVER:
        return R_ACTION
    if not_before > not_after:
        return R_WINDOW
    if door != records.ANY_DOOR and door >= doors:
        return R_DOOR
    if not parcel_possible(payload[_FIXED_BYTES:]):
        return R_PARCEL
    return R_OK


class Grants:
    """The set, bounded to ``grants_max``; when it is full, grants that have ended make room."""

    def __init__(self, grants_max: int) -> None:
        self._grants_max = grants_max
        self._pages: list[bytearray] = []
        self._index = [bytearray() for _ in range(_PIECES)]  # entries in no order
        self._found: Row | tuple[()] = ()  # the row found last: it is often asked for again
        self._rows = 0
        self._sum: int | None = None  # XOR of all fingerprints, computed on demand: a replay does not need it

    # --- rows ----------------------------------------------------------------------------------------

    def _all(self) -> "Iterator[Row]":
        """Yield ``(page, at)`` of every row; the set must not change meanwhile."""
        for page in self._pages:
            at = _FIRST
            end = _used(page)
            while at < end:
                yield page, at
                at += _ROW_HEAD + (page[at] & _LENGTH)

    def _with(self, needle: bytes, offset: int, pages: list[bytearray]) -> "Iterator[Row]":
        """Yield ``(page, at)`` of the rows with these bytes at this offset of their payload."""
        offset += _ROW_HEAD
        for page in pages:
            end = _used(page)
            row = _FIRST
            at = page.find(needle, row + offset, end)
            while at >= 0:
                while row + offset < at:  # the same bytes may occur elsewhere in a row, or across two
                    row += _ROW_HEAD + (page[row] & _LENGTH)
                if row + offset == at:
                    yield page, row
                at = page.find(needle, at + 1, end)

    def _row(self, id_: int) -> "Row | tuple[()]":
        """``(page, at)`` of a grant, ``()`` when there is none."""
        needle = struct.pack(">I", id_)
        if self._found and _holds(*self._found, needle):
            return self._found
        for row in self._with(needle, 0, self._pages):
            self._found = row
            return row
        return ()

    def _add(self, payload: "Payload", uses: int) -> None:
        size = _ROW_HEAD + len(payload)
        number = 0
        while number < len(self._pages) and _used(self._pages[number]) + size > _PAGE_BYTES:
            number += 1
        if number == len(self._pages):
            self._pages.append(bytearray(_PAGE_BYTES))
            _use(self._pages[number], _FIRST)
        tag = tag_of(payload)  # whatever allocates comes before the set changes
        self._index[tag[0] % _PIECES].extend(bytes((tag[1], tag[2], number)))
        page = self._pages[number]
        at = _used(page)
        page[at] = len(payload)
        page[at + 1] = uses
        page[at + _ROW_HEAD : at + size] = payload
        _use(page, at + size)
        self._rows += 1

    def _entries(self, tag: "Payload") -> "Iterator[Row]":
        """Yield ``(piece, at)`` of each entry of the index that begins as this tag does."""
        piece = self._index[tag[0] % _PIECES]
        short = tag[1 : 1 + _SHORT]
        at = piece.find(short)
        while at >= 0:
            if not at % _ENTRY:
                yield piece, at
            at = piece.find(short, at + 1)

    def _remove(self, page: bytearray, at: int) -> None:
        number = [other is page for other in self._pages].index(True)
        entries = self._entries(tag_of(_payload(page, at)))
        piece, entry = next(entries)
        while piece[entry + _SHORT] != number:
            piece, entry = next(entries)
        self._rows -= 1
        last = len(piece) - _ENTRY
        piece[entry : entry + _ENTRY] = piece[last:]
        piece[last:] = b""
        end = _used(page)
        size = _ROW_HEAD + (page[at] & _LENGTH)
        page[at : end - size] = page[at + size : end]
        _use(page, end - size)
        while self._pages and _used(self._pages[-1]) == _FIRST:
            self._pages.pop()

    def taken_bytes(self) -> int:
        """About how much heap the set takes."""
        return self._rows * _HEAP_BYTES

    def bound(self, bytes_max: int) -> None:
        """Admit no more than take so much heap; those that are there stay."""
        self._grants_max = min(self._grants_max, bytes_max // _HEAP_BYTES)

    # --- the set -------------------------------------------------------------------------------------

    def has(self, id_: int) -> bool:
        return bool(self._row(id_))

    def get(self, id_: int) -> bytes:
        """The payload of a grant in the set."""
        row = self._row(id_)
        assert row, id_
        return _payload(*row)

    def find(self, tag: bytes) -> tuple[int, ...]:
        """The ids of the grants with this tag."""
        pages = [self._pages[number] for number in {piece[at + _SHORT] for piece, at in self._entries(tag)}]
        rows = list(self._with(tag, _TAG_AT, pages))
        if rows:
            self._found = rows[-1]
        return tuple(struct.unpack_from(">I", page, at + _ROW_HEAD)[0] for page, at in rows)

    def admit(self, payload: "Payload", doors: int, time_s: int) -> int:
        """``R_OK`` or why not, ``R_FULL`` included."""
        reason = check(payload, doors)
        if reason != R_OK:
            return reason
        if self._rows < self._grants_max or self._row(struct.unpack_from(">I", payload, 0)[0]):
            return R_OK
        return R_OK if self._ended(time_s) else R_FULL

    def put(self, payload: "Payload", time_s: int) -> None:
        """Add or replace; a grant sent again does not get its uses back."""
        payload = payload[:_LENGTH]  # only another firmware can have written a longer payload
        row = self._row(struct.unpack_from(">I", payload, 0)[0])
        counted = 0 if self._sum is None else fingerprint(payload)
        uses = 0
        if row:
            uses = row[0][row[1] + 1]
            self._forget(*row)
        elif self._rows >= self._grants_max:
            row = self._ended(time_s)
            if not row:
                return  # ``admit`` answers R_FULL before such a grant is journaled
            self._forget(*row)
        self._add(payload, uses)
        if self._sum is not None:
            self._sum ^= counted

    def drop(self, id_: int) -> None:
        row = self._row(id_)
        if row:
            self._forget(*row)

    def _forget(self, page: bytearray, at: int) -> None:
        self._count(_payload(page, at))
        self._remove(page, at)

    def _count(self, payload: "Payload") -> None:
        """A grant was added or dropped; XOR with its fingerprint does both."""
        if self._sum is not None:
            self._sum ^= fingerprint(payload)

    def reset(self) -> None:
        """The host begins to send the whole set: grants that it does not put again are stale.

        They work until the end of the set, and grants put again keep the count of their uses.
        """
        for page, at in self._all():
            page[at] |= _STALE

    def stale(self) -> tuple[int, ...]:
        """The ids of grants that the host has not put again since ``reset``."""
        return tuple(
            struct.unpack_from(">I", page, at + _ROW_HEAD)[0] for page, at in self._all() if page[at] & _STALE
        )

    def digest(self, time_s: int) -> int:
        """32 bits that are equal for equal sets of grants, without those that have ended by ``time_s``."""
        if self._sum is None:
            self._sum = 0
            for page, at in self._all():
                self._count(_payload(page, at))
        total = self._sum
        for page, at in self._all():
            if _not_after(page, at) <= time_s:
                total ^= fingerprint(_payload(page, at))
        return total

    def _ended(self, time_s: int) -> "Row | tuple[()]":
        """``(page, at)`` of a grant whose end has passed, or ``()``."""
        for page, at in self._all():
            if _not_after(page, at) < time_s:
                return page, at
        return ()

    def opened(self, id_: int, door: int) -> None:
        """A door was seen open under this reference: count it if it is a limited door grant."""
        row = self._row(id_)
        if not row or row[0][row[1]] & _LENGTH > _FIXED_BYTES:
            return
        values = struct.unpack_from(_FIXED, row[0], row[1] + _ROW_HEAD)
        if values[7] != UNLIMITED and values[6] in (door, records.ANY_DOOR):
            self.spend(id_)

    def spend(self, id_: int) -> None:
        """Count one use; no effect for an unknown grant."""
        row = self._row(id_)
        if row:
            page, at = row
            page[at + 1] = min(page[at + 1] + 1, _USES_MAX)  # the field uses has one byte too

    def spent(self, id_: int, uses: int) -> bool:
        row = self._row(id_)
        assert row, id_
        page, at = row
        return uses != UNLIMITED and page[at + 1] >= uses

    def fields(self, id_: int) -> "GrantFields":
        """``(not_before, not_after, role, action, holder, door, uses, parcel id)``."""
        values = records.unpack(records.GRANT, self.get(id_))
        return values[1:8] + values[9:]

    def snapshot(self, time_s: int) -> "Members":
        """Stale grants come first, then the reset that makes them stale, then the others."""
        any_stale = False
        for page, at in self._all():
            if page[at] & _STALE:
                any_stale = True
                yield from _records(page, at, time_s)
        if any_stale:
            yield records.GRANTS_RESET, records.pack(records.GRANTS_RESET, 0)
        for page, at in self._all():
            if not page[at] & _STALE:
                yield from _records(page, at, time_s)


def _holds(page: bytearray, at: int, needle: bytes) -> bool:
    """Whether a row with this id still begins there, although the set may have changed."""
    row = _FIRST
    while row < at:
        row += _ROW_HEAD + (page[row] & _LENGTH)
    return row == at and at < _used(page) and page.find(needle, at + _ROW_HEAD, at + _ROW_HEAD + 4) >= 0


def _used(page: bytearray) -> int:
    return page[0] << 8 | page[1]


def _use(page: bytearray, end: int) -> None:
    page[0] = end >> 8
    page[1] = end & 0xFF


def _payload(page: bytearray, at: int) -> bytes:
    return bytes(page[at + _ROW_HEAD : at + _ROW_HEAD + (page[at] & _LENGTH)])


def _not_after(page: bytearray, at: int) -> int:
    return struct.unpack_from(">I", page, at + _ROW_HEAD + _NOT_AFTER_AT)[0]


def _records(page: bytearray, at: int, time_s: int) -> "Members":
    payload = _payload(page, at)
    yield records.GRANT, payload
    for _ in range(page[at + 1]):
        yield (
            records.GRANT_SPENT,
            records.pack(records.GRANT_SPENT, struct.unpack_from(">I", payload, 0)[0], time_s),
        )
