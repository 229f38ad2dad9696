"""From when on the host calls a locker silent, flapping, or two boards: all of it is said here.

Set by ``serve --watch``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from .. import numbers
from .clocks import STATUS_EVERY_S

NUMBER_MAX = 10_000
_SILENT_LEAST = STATUS_EVERY_S // 60 + 1


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Minutes, and numbers within an hour."""

    silent: int = 20
    """Minutes without a word, after which a locker is not connected any more.  It sends its status every
    15 minutes, so one that is well may be silent for as long."""
    returns: int = 3
    """Changes within an hour back to a board that was there before: from so many on there are two boards.
    A technician who puts the former board back for a moment makes one or two."""
    connections: int = 20
    """New connections within an hour: from so many on a locker is flapping."""
    calm: int = 20
    """Minutes without either, after which the alarm clears itself: longer than a locker waits between
    two tries."""

    @property
    def silent_s(self) -> int:
        """The same in seconds."""
        return self.silent * 60

    @property
    def calm_s(self) -> int:
        """The same in seconds."""
        return self.calm * 60


def given(texts: Iterable[str]) -> Thresholds:
    """The default thresholds but those given as ``NAME=NUMBER``.  Raises ``ValueError``."""
    asked = f"no threshold: give NAME=NUMBER, 1 to {NUMBER_MAX:,}, of"
    made = numbers.given(Thresholds(), texts, asked, NUMBER_MAX)
    if made.silent < _SILENT_LEAST:
        raise ValueError(
            f"silent={made.silent} is too short: a locker that is well speaks every "
            f"{STATUS_EVERY_S // 60} minutes, so give {_SILENT_LEAST} at least"
        )
    return made
