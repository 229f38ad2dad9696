"""Which events go to the host next: a cursor in the journal, and when it goes back.

It goes back at every new connection, to the host's last acknowledgement; when the host asks for events again;
and, a batch at a time, when the host has been silent for too long.  The events from there on are then sent
again.  A host that was restored from a copy, or is another one, has less than it once acknowledged: it may
ask for events from any number on.
"""

from time import ticks_diff, ticks_ms

from micropython import const

BATCH_EVENTS = const(24)  # of at most 170 bytes of JSON each, and only as many as fit the packet
# Sent again when the host asks: more would mostly be events that it has, and would overload a slow host.  It
# asks again for what is still missing.
_STRETCH_EVENTS = const(1024)
_HOST_WINDOW_EVENTS = const(4096)  # sent and not acknowledged by the host
_STALL_MOST_MS = const(900_000)
_PROBES = const(8)  # a running host may miss a few; a host that is down needs fewer tries


class Cursor:
    """``seq`` is the newest event sent, or the one before the events to be sent again.

    After ``stall_s`` without an acknowledgement of what was sent, one batch of it is sent again, and all
    once that is acknowledged.  After ``_PROBES`` such tries it waits twice as long each time, up to 15
    minutes.
    """

    def __init__(self, journal, stall_s):
        self.seq = 0
        self._journal = journal
        self._edge = 0  # newest seq sent, while a stretch is being sent again
        self._stretch_end = 0  # last seq of the stretch being sent again, 0: none
        self._held = 0  # the host has everything up to here, as it last said; not more than the journal's
        self._moved_ms = 0  # when the host last acknowledged something, or the cursor went back
        self._stall_first_ms = self._stall_ms = stall_s * 1000
        self._probes = 0  # the host is silent: one batch at a time, to see whether it is back

    def begin(self):
        """A new connection: events without acknowledgement may be lost."""
        self._held = self._journal.acknowledged
        self._go_back(self._held)
        self._probes = 0
        self._stall_ms = self._stall_first_ms

    def again(self, seq):
        """The host misses ``seq`` and perhaps what follows."""
        if seq <= self._held:
            self._held = seq - 1  # what it acknowledged beyond this it has no longer
            self._go_back(self._held)
        else:
            self._repeat(seq - 1, _STRETCH_EVENTS)

    def acknowledged(self, seq):
        """The host has everything up to ``seq``."""
        if seq <= self._held:
            return  # overtaken by a newer one
        self._held = seq
        self._moved_ms = ticks_ms()
        self._stall_ms = self._stall_first_ms
        if self._probes:
            self._probes = 0
            self._go_back(seq)

    def is_stalled(self):
        """True once each time the host has been silent for too long."""
        if max(self.seq, self._edge) <= self._held:
            self._moved_ms = ticks_ms()
        elif ticks_diff(ticks_ms(), self._moved_ms) >= self._stall_ms:
            self._probes += 1
            if self._probes >= _PROBES:
                self._stall_ms = min(2 * self._stall_ms, _STALL_MOST_MS)
            self._repeat(self._held, BATCH_EVENTS)
            return True
        return False

    def may_send(self):
        """Whether there is an event to send, within the window for unacknowledged ones."""
        if self._stretch_end:
            return True
        ahead = BATCH_EVENTS if self._probes else _HOST_WINDOW_EVENTS
        return self.seq + 1 < self._journal.next_seq and self.seq < self._held + ahead

    def sent(self, last):
        """Events up to ``last`` are on their way."""
        self.seq = last
        if self._stretch_end and last >= self._stretch_end:
            self.seq = max(last, self._edge)
            self._edge = self._stretch_end = 0

    def _go_back(self, seq):
        self.seq = seq
        self._edge = self._stretch_end = 0
        self._moved_ms = ticks_ms()

    def _repeat(self, seq, count):
        """Send ``count`` events after ``seq`` again, then go on where we are."""
        self._moved_ms = ticks_ms()
        edge = max(self._edge, self.seq)
        if seq < edge:  # events that were never sent follow later
            self._edge, self.seq = edge, seq
            self._stretch_end = min(seq + count, edge)
