"""What a commit did: said by ``store`` and ``reports``, heard by the ingest and by whoever listens to it."""

from dataclasses import dataclass, field

from consigne.protocol.messages import Status

from ..storage.contiguity import Held, Stored, Stream


@dataclass
class Outcome:
    """What a commit did."""

    stored: list[Stored] = field(default_factory=list)
    repeated: int = 0
    retired: int = 0  # messages of retired lockers: they are neither stored nor acknowledged
    stopped: int = 0  # messages of streams that cannot be read: the same
    deferred: int = 0  # beyond contiguity.ISLANDS_MAX: will come again
    held: dict[Stream, Held] = field(default_factory=dict)  # to acknowledge; of every stream touched
    holed: set[Stream] = field(default_factory=set)  # of those held, the ones of which events are lost
    shed: dict[Stream, int] = field(default_factory=dict)  # to acknowledge, committed some time ago
    parcels: set[str] = field(default_factory=set)
    lockers: set[str] = field(default_factory=set)  # whose status or compartments changed
    clocks: dict[str, Status] = field(default_factory=dict)  # what lockers said of their time just now
    is_due: bool = False  # a locker has come, or asked for something: there may be commands to send
    behind: dict[Stream, int] = field(default_factory=dict)  # a status claims events from this one on
    commands: set[str] = field(default_factory=set)  # ids that were answered
    conflicts: dict[Stream, list[int]] = field(default_factory=dict)  # numbers with different content
    shown: dict[Stream, int] = field(default_factory=dict)
    """Of streams of which only repetitions came: the highest of them.  No more may be acknowledged: a copy of
    the journal may have other events under the numbers that follow."""
    statuses: list[tuple[str, Status]] = field(default_factory=list)  # said just now, in order
