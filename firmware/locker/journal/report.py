"""What recovery found: ``Recovery`` for people and the controller, ``Found`` for the journal itself."""

from micropython import const

from .layout import ERASING, FIRST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Span


FRESH = const(0)  # the partition was blank: a new journal begins
CLEAN = const(1)
REPAIRED = const(2)  # power failed during a write or an erase; nothing durable is lost
DAMAGED = const(3)  # written data cannot be read
FOREIGN = const(4)  # the partition has a foreign content
NEWER = const(5)  # written by a newer version
WRONG_SIZE = const(6)  # too small, other sectors, or a journal made for another size
STATE_NAMES = ("fresh", "clean", "repaired", "damaged", "foreign", "newer", "wrong size")

_GAPS_MAX = const(64)


class Recovery:
    """What ``Journal.open`` found.

    ``state`` is one of the constants above; ``read_only`` is set when nothing may be written, so that a
    technician can still save what lies there; ``proven`` is False when records that shape the locker's state
    may be missing: then the locker must refuse services that depend on them.  ``skipped_sectors`` counts
    sectors of which nothing or not all could be read, ``recovered_records`` the valid records of the log,
    ``lost_events`` the events that were written, not yet acknowledged, and are gone.
    """

    def __init__(self) -> None:
        self.state = CLEAN
        self.read_only = False
        self.proven = True
        self.skipped_sectors = 0
        self.recovered_records = 0
        self.lost_events = 0
        self.detail = ""

    @property
    def text(self) -> str:
        """One line for the log, the status topic and a technician."""
        parts = [STATE_NAMES[self.state]]
        if self.detail:
            parts.append(self.detail)
        if self.skipped_sectors:
            parts.append("{} sectors not readable".format(self.skipped_sectors))
        if self.lost_events:
            parts.append("{} events lost".format(self.lost_events))
        if not self.proven:
            parts.append("state not proven")
        if self.read_only:
            parts.append("read only")
        return ", ".join(parts)

    def worsen(self, state: int) -> None:
        self.state = max(self.state, state)

    def refuse(self, state: int, detail: str) -> None:
        self.state = state
        self.detail = detail
        self.read_only = True
        self.proven = False


class Found:
    """The end of the log, from which the journal continues."""

    def __init__(self) -> None:
        self.epoch = 0
        self.head = -1  # sector that takes the next record; -1: none yet
        self.ready = -1  # sector erased and with its header, to be opened next
        self.first_blank = 0  # where a fresh journal begins
        self.at = FIRST  # where the next record goes in the head
        self.torn_at = -1  # offset in the head where data torn by a power cut begins
        self.sealed = False  # the head takes no more
        self.head_whole = True  # all of the head can be read
        self.head_records = 0
        self.head_snapshot_end = 0  # offset of the last one in the head, 0: none
        self.next_seq = 1
        self.acknowledged = 0
        self.dropped = 0  # events up to here were given up for room, as recorded
        self.time_floor = 0
        self.first_id = 0  # oldest sector of the log
        self.first_seq = 0  # next seq in that sector's opening
        self.damaged_id = 0  # newest sector in which, or before which, data is missing
        self.bound = b""  # payload of the first BOUND of the state: whose journal this is; empty: not said
        self.snapshot: Span | None = None  # (begin sector, begin offset, end sector, end offset)
        self.next_id = 0  # of the next sector to get a header
        self.gaps: list[
            tuple[int, int]
        ] = []  # (first, last) seqs that are missing and not yet recorded as lost

    def note_time(self, kind: int, time_s: int) -> None:
        """The newest record's time counts: a false one may have been taken back.  Marks have none."""
        if kind < ERASING:
            self.time_floor = time_s

    def note_gap(self, seq: int) -> None:
        """``seq`` comes next in the log: the seqs between it and the last one seen are missing."""
        if seq > self.next_seq:
            if len(self.gaps) == _GAPS_MAX:  # bounded: the last gap then includes all later ones
                self.gaps[-1] = (self.gaps[-1][0], seq - 1)
            else:
                self.gaps.append((self.next_seq, seq - 1))
            self.next_seq = seq
