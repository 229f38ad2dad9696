"""Which live codes have these digits: an index by tag, for codes of every kind.

Digits of live codes are not stored, only their ``listed_tag``, 16 bytes of an HMAC.  A guess costs one HMAC
and one look-up however many codes are live, and the time of the look-up depends on values that nobody without
the key can control.  The index holds 30 bits of the tag (a small integer on every port); the whole tag is
compared by ``codes.same``.
"""

import struct

# A reference is a grant's id (1..), -1 - door for the parcel behind a door, or
# -100000 - cell for one cell of the window codes.
_DOOR_REF = -1
_WINDOW_REF = -100_000


def door_ref(door: int) -> int:
    return _DOOR_REF - door


def window_ref(cell: int) -> int:
    return _WINDOW_REF - cell


def door_of(ref: int) -> int:
    """The door of a reference, or -1."""
    return _DOOR_REF - ref if _WINDOW_REF < ref < 0 else -1


def cell_of(ref: int) -> int:
    """The window cell of a reference, or -1."""
    return _WINDOW_REF - ref if ref <= _WINDOW_REF else -1


class LiveCodes:
    """``short tag -> reference``, or a tuple of references where several share it."""

    def __init__(self) -> None:
        self._refs: dict[int, int | tuple[int, ...]] = {}

    def add(self, tag: bytes, ref: int) -> None:
        short = _short(tag)
        here = self._refs.get(short)
        if here is None:
            self._refs[short] = ref
        elif isinstance(here, tuple):
            self._refs[short] = here + (ref,)
        else:
            self._refs[short] = (here, ref)

    def remove(self, tag: bytes, ref: int) -> None:
        """Take ``ref`` out; it must be in."""
        short = _short(tag)
        left = tuple(r for r in self.find(tag) if r != ref)
        if len(left) > 1:
            self._refs[short] = left
        elif left:
            self._refs[short] = left[0]
        else:
            del self._refs[short]

    def find(self, tag: bytes) -> tuple[int, ...]:
        """The references that may have this tag."""
        here = self._refs.get(_short(tag))
        if here is None:
            return ()
        return here if isinstance(here, tuple) else (here,)


def _short(tag: bytes) -> int:
    return struct.unpack_from(">I", tag, 0)[0] >> 2
