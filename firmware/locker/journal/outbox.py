"""The outbox cursor: events in order of seq, for sending, without starting over each time."""

from . import format as f


class Outbox:
    """Remembers where the last reading stopped; what follows it is found there again."""

    def __init__(self, sectors, reader):
        self._sectors = sectors
        self._reader = reader
        self._seq = 0  # last event yielded
        self._sector = -1
        self._id = 0
        self._at = 0

    def events(self, after_seq, head, limit, bytes_max):
        """Yield ``(seq, kind, time_s, payload)`` of at most ``limit`` events after ``after_seq``.

        Stops before ``bytes_max`` payload bytes are exceeded, but yields at least one event.  The
        payload is a memoryview that holds until the next step.  The caller may append meanwhile.
        """
        reader, sectors = self._reader, self._sectors
        if after_seq == self._seq and self._sector >= 0 and sectors.ids[self._sector] == self._id:
            sector, at = self._sector, self._at
        else:
            sector, at = self._find(after_seq, head), f.FIRST
        reader.start(sector, at)
        first = True
        while limit > 0 and reader.next_in_log(head):
            if reader.seq <= after_seq:
                continue
            bytes_max -= reader.length
            if bytes_max < 0 and not first:
                return
            first = False
            limit -= 1
            after_seq = self._seq = reader.seq
            self._sector, self._at = reader.sector, reader.at + f.padded(reader.length)
            self._id = sectors.ids[reader.sector]
            yield after_seq, reader.kind, reader.time_s, reader.payload()
            if reader.seq != after_seq:  # somebody else has read meanwhile
                reader.start(self._sector, self._at)

    def _find(self, after_seq, head):
        """The sector that holds the first event after ``after_seq``."""
        sector = self._reader.oldest(head)
        while sector != head and self._sectors.last_seq[sector] <= after_seq:
            self._reader.sector = sector
            sector = self._reader.following(head)
        return sector
