"""Moments of a locker as its people read them: in its own time zone, or that it had no clock."""

from datetime import datetime, tzinfo

from locker.core.timekeeping import EARLIEST_S

NO_CLOCK = "no clock"


def time_of_day(at_s: int, zone: tzinfo) -> str:
    """The time of day at Unix time ``at_s``; a locker whose clock was never set counts from 0."""
    return _as(at_s, zone, "%H:%M:%S")


def day_and_time(at_s: int, zone: tzinfo) -> str:
    """The same with its day."""
    return _as(at_s, zone, "%d %b %H:%M:%S")


def _as(at_s: int, zone: tzinfo, form: str) -> str:
    return datetime.fromtimestamp(at_s, zone).strftime(form) if at_s >= EARLIEST_S else NO_CLOCK
