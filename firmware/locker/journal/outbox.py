"""The outbox cursor: events in order of seq, for sending, without starting over each time."""

from .layout import FIRST, padded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..ports import Unsent
    from .reader import Reader
    from .sectors import Sectors


class Outbox:
    """Remembers where the last reading stopped, and continues there.

    A reader that stopped because its packet was full asks again for the event it got last, so the place
    before that event is remembered too.
    """

    def __init__(self, sectors: "Sectors", reader: "Reader") -> None:
        self._sectors = sectors
        self._reader = reader
        self._seq = self._seq_before = 0  # the last event yielded, and the one before it
        self._sector = -1
        self._id = 0
        self._at = self._at_before = 0  # offsets in the sector: end and begin of the last event yielded

    def events(self, after_seq: int, head: int, limit: int, bytes_max: int) -> "Iterator[Unsent]":
        """Yield ``(seq, kind, time_s, payload)`` of at most ``limit`` events after ``after_seq``.

        Stops before ``bytes_max`` payload bytes are exceeded, but yields at least one event.  The
        payload is a memoryview that holds until the next step.  The caller may append meanwhile.
        """
        reader, sectors = self._reader, self._sectors
        reader.start(*self._place(after_seq, head))
        first = True
        while limit > 0 and reader.next_in_log(head):
            if reader.seq <= after_seq:
                continue
            bytes_max -= reader.length
            if bytes_max < 0 and not first:
                return
            first = False
            limit -= 1
            self._seq_before, self._seq = after_seq, reader.seq
            self._at_before, self._at = reader.at, reader.at + padded(reader.length)
            self._sector, self._id = reader.sector, sectors.ids[reader.sector]
            after_seq = reader.seq
            yield after_seq, reader.kind, reader.time_s, reader.payload()
            if reader.seq != after_seq:  # the shared reader has moved meanwhile
                reader.start(self._sector, self._at)

    def _place(self, after_seq: int, head: int) -> tuple[int, int]:
        """``(sector, offset)`` from which to look for the first event after ``after_seq``."""
        if self._sector >= 0 and self._sectors.ids[self._sector] == self._id:
            if after_seq == self._seq:
                return self._sector, self._at
            if after_seq == self._seq_before:
                return self._sector, self._at_before
        return self._find(after_seq, head), FIRST

    def _find(self, after_seq: int, head: int) -> int:
        """The sector that holds the first event after ``after_seq``."""
        sector = self._reader.oldest(head)
        while sector != head and self._sectors.last_seq[sector] <= after_seq:
            self._reader.sector = sector
            sector = self._reader.following(head)
        return sector
