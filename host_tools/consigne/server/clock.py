"""The host's time, and local time at a site: its offset now, and when it changes next (summer time)."""

import logging
import time
from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from locker.core.timekeeping import DAY_S

from .complaints import Complaints

log = logging.getLogger(__name__)
_complaints = Complaints(log)
LOOK_AHEAD_S = 400 * DAY_S
_STEP_S = 7 * DAY_S  # no two changes have ever been closer together than this and mattered


def now_s() -> int:
    """The host's time, Unix seconds."""
    return int(time.time())


@cache
def timezones() -> frozenset[str]:
    """Every IANA name that this machine knows; ``localtime`` would be that of the host, not of the site."""
    return frozenset(available_timezones() - {"localtime"})


def zone_of(locker: str, name: str) -> tzinfo:
    """The time zone of a locker.  One that the database names and nobody knows is UTC, and complained of."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder of zones
        mend = "register it again with an IANA name such as Europe/Paris"
        _complaints.say(
            "the time zone of {locker} is not known, UTC is taken: " + mend, f" (not {name!r})", locker=locker
        )
        return UTC


def offset_s(zone: tzinfo, at_s: int) -> int:
    """Seconds that local time is ahead of UTC at a moment."""
    offset = datetime.fromtimestamp(at_s, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def next_change(zone: tzinfo, at_s: int) -> tuple[int, int]:
    """``(first second of the next offset, that offset)``; ``(0, 0)``: none within ``LOOK_AHEAD_S``."""
    now = offset_s(zone, at_s)
    before = at_s
    while before < at_s + LOOK_AHEAD_S:
        after = before + _STEP_S
        if offset_s(zone, after) != now:
            while after - before > 1:
                middle = (before + after) // 2
                if offset_s(zone, middle) == now:
                    before = middle
                else:
                    after = middle
            return after, offset_s(zone, after)
        before = after
    return 0, 0
