"""What a commit did: said by ``store`` and ``standing``, heard by the ingest and by whoever listens to it."""

import json
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from consigne.protocol import messages

from .contiguity import Held

Stream = tuple[str, int]  # locker, epoch


class Stored(NamedTuple):
    """An event that a commit brought."""

    locker: str
    epoch: int
    event: messages.Event


@dataclass
class Outcome:
    """What a commit did."""

    stored: list[Stored] = field(default_factory=list)
    repeated: int = 0
    retired: int = 0  # messages of lockers that serve no more: nothing of them is kept or acknowledged
    deferred: int = 0  # beyond contiguity.ISLANDS_MAX: will come again
    held: dict[Stream, Held] = field(default_factory=dict)  # to acknowledge; of every stream touched
    parcels: set[str] = field(default_factory=set)
    lockers: set[str] = field(default_factory=set)  # whose status or compartments changed
    behind: dict[Stream, int] = field(default_factory=dict)  # a status claims events from here on
    commands: set[str] = field(default_factory=set)  # ids that were answered
    conflicts: dict[Stream, list[int]] = field(default_factory=dict)  # numbers with another content


def now_s() -> int:
    """The host's time, Unix seconds."""
    return int(time.time())


def held_of(row: Any) -> Held:
    """The numbers held of a stream, from its row."""
    return Held(row.contiguous, [(first, last) for first, last in json.loads(row.islands)])
