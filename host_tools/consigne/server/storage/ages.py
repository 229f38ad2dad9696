"""How long the host keeps what is over, in days: all of it is said here, and set by ``serve --keep``."""

from collections.abc import Iterable
from dataclasses import dataclass

from .. import numbers

DAYS_MAX = 36_500


@dataclass(frozen=True, slots=True)
class Ages:
    """Days.  Nothing that is open has an age: a parcel not ended, an alarm not dealt with, a waiting notice.

    A year and some weeks is the default of what a claim may need: carriers' liability ends after one year
    (CMR, article 32), and a claim of its last day is still to be answered.  Events have a month more:
    PostgreSQL deletes them by months, and nearly all of an old month are then of parcels that are gone.
    """

    parcels: int = 400
    """After their end; notices, grants and events of a parcel stay no shorter than the parcel."""
    events: int = 430
    """After their arrival; those of a parcel that is kept stay, whatever their age."""
    trail: int = 400
    """Who did what; orders that people gave."""
    alarms: int = 400
    """After somebody has dealt with them."""
    commands: int = 30
    """Of the host itself: grants and the like, which are only looked at when something is wrong now."""
    notices: int = 90
    """After they were sent, failed or void: long enough to answer "I was not told"."""
    contacts: int = 30
    """A customer's address after the end of the parcel: for a question of the last weeks, then it goes."""
    samples: int = 14
    """Heap, signal and supply: two weeks show a trend, and there is one every few minutes."""
    latches: int = 180
    """A latch wears over months."""


def given(texts: Iterable[str]) -> Ages:
    """The default ages but those given as ``NAME=DAYS``.  Raises ``ValueError``."""
    return numbers.given(Ages(), texts, f"no age: give NAME=DAYS, 1 to {DAYS_MAX:,} days of", DAYS_MAX)
