"""The health of each latch: six bytes for each door, folded from the records of its pulses.

A latch that wears, or a supply that sags, shows in two ways: the time from pulse to open grows, and now and
then it needs a second pulse.  Both raise a score; a door with a high score is *weak*, and the weakest will
fail next.
"""

import struct

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Latch


# usual_ms, recent_ms: from the pulse to the open door, averages over about 32 and 4 openings;
# trouble: each opening takes an eighth of it away; pulses of the order under way, bit 7: weak
_ROW = ">HHBB"
_ROW_BYTES = const(6)
WEAK_BIT = const(0x80)

_AGAIN = const(32)  # added to trouble for each pulse after the first
_NOT_OPENED = const(64)
_WEAK = const(96)  # weak from this score on: a second pulse at four openings in a row, or 1.6 times as slow
_WELL = const(32)
_TWICE = const(160)  # score of a latch that takes twice its usual time
_QUEUED_MS = const(2_000)  # a longer time was spent waiting for other doors' pulses
_COMPLAINTS_MAX = const(4)


class Health:
    """The latches of ``doors`` doors.  Fed by ``Compartments`` from PULSE, OPENED and NOT_OPENED."""

    def __init__(self, doors: int) -> None:
        self._rows = bytearray(_ROW_BYTES * doors)

    def _row(self, index: int) -> "Latch":
        return struct.unpack_from(_ROW, self._rows, _ROW_BYTES * index)

    def _put(self, index: int, usual_ms: int, recent_ms: int, trouble: int, pulses: int) -> None:
        trouble = min(255, trouble)
        score = _score(usual_ms, recent_ms, trouble)
        is_weak = score >= _WEAK or (pulses & WEAK_BIT and score >= _WELL)
        pulses = pulses & 0x7F | (WEAK_BIT if is_weak else 0)
        struct.pack_into(_ROW, self._rows, _ROW_BYTES * index, usual_ms, recent_ms, trouble, pulses)

    def pulsed(self, index: int, number: int) -> None:
        """The coil was on for the ``number``-th time of this order."""
        usual_ms, recent_ms, trouble, pulses = self._row(index)
        self._put(index, usual_ms, recent_ms, trouble, pulses & WEAK_BIT | min(number, 15))

    def opened(self, index: int, after_ms: int) -> None:
        """It opened ``after_ms`` after the order; 0: not known."""
        usual_ms, recent_ms, trouble, pulses = self._row(index)
        number = pulses & 0x7F
        trouble -= (trouble + 7) >> 3
        if number > 1:
            trouble += _AGAIN * (number - 1)
        elif 0 < after_ms <= _QUEUED_MS:
            if not usual_ms:
                usual_ms = recent_ms = after_ms
            usual_ms = (usual_ms * 31 + after_ms) // 32
            recent_ms = (recent_ms * 3 + after_ms) // 4
        self._put(index, usual_ms, recent_ms, trouble, pulses & WEAK_BIT)

    def not_opened(self, index: int) -> None:
        """It did not open after all its pulses."""
        usual_ms, recent_ms, trouble, pulses = self._row(index)
        self._put(index, usual_ms, recent_ms, trouble + _NOT_OPENED, pulses & WEAK_BIT)

    def is_weak(self, index: int) -> bool:
        return bool(self._row(index)[3] & WEAK_BIT)

    def text(self, index: int) -> str:
        """What a technician is told of a latch, at most 40 bytes."""
        usual_ms, recent_ms, trouble, _ = self._row(index)
        if trouble >= _WELL:
            return "latch of door {} needs many pulses".format(index)
        return "latch of door {}: {} ms, was {}".format(index, recent_ms, usual_ms)

    def complaints(self) -> list[str]:
        """Texts of the weak latches, the one that will fail next first; at most four."""
        weak: list[tuple[int, int]] = []
        for index in range(len(self._rows) // _ROW_BYTES):
            if self.is_weak(index):
                weak.append((-_score(*self._row(index)[:3]), index))
        weak.sort()
        return [self.text(index) for _, index in weak[:_COMPLAINTS_MAX]]

    def snapshot(self, index: int) -> tuple[int, int, int, int, int] | None:
        """The values of ``records.LATCH_STATE``, None for a latch nothing is known of."""
        row = self._row(index)
        return (index,) + row if row[0] or row[2] else None

    def restore(self, index: int, usual_ms: int, recent_ms: int, trouble: int, pulses: int) -> None:
        struct.pack_into(_ROW, self._rows, _ROW_BYTES * index, usual_ms, recent_ms, trouble, pulses)


def _score(usual_ms: int, recent_ms: int, trouble: int) -> int:
    slower = _TWICE * (recent_ms - usual_ms) // usual_ms if usual_ms and recent_ms > usual_ms else 0
    return trouble + slower
