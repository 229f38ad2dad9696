"""The host's time, and local time at a site: its offset now, and when it changes next (summer time)."""

import time
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from locker.core.timekeeping import DAY_S

LOOK_AHEAD_S = 400 * DAY_S
_STEP_S = 7 * DAY_S  # no two changes have ever been closer together than this and mattered


def now_s() -> int:
    """The host's time, Unix seconds."""
    return int(time.time())


@cache
def timezones() -> frozenset[str]:
    """Every IANA name that this machine knows; ``localtime`` would be that of the host, not of the site."""
    return frozenset(available_timezones() - {"localtime"})


def offset_s(timezone: str, at_s: int) -> int:
    """Seconds that local time is ahead of UTC at a moment; ``timezone`` is an IANA name."""
    offset = datetime.fromtimestamp(at_s, ZoneInfo(timezone)).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def next_change(timezone: str, at_s: int) -> tuple[int, int]:
    """``(first second of the next offset, that offset)``; ``(0, 0)``: none within ``LOOK_AHEAD_S``."""
    now = offset_s(timezone, at_s)
    before = at_s
    while before < at_s + LOOK_AHEAD_S:
        after = before + _STEP_S
        if offset_s(timezone, after) != now:
            while after - before > 1:
                middle = (before + after) // 2
                if offset_s(timezone, middle) == now:
                    before = middle
                else:
                    after = middle
            return after, offset_s(timezone, after)
        before = after
    return 0, 0
