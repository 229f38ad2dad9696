"""A locker's clock against the host's, in words, from what its newest status says."""

from datetime import UTC, datetime

from locker.core.events import TRUST_SET
from locker.core.timekeeping import AHEAD_MAX_S, DAY_S

from consigne.protocol.messages import Status
from consigne.words import counted

STATUS_EVERY_S = 900
SLOW_S = STATUS_EVERY_S + 60
"""A status kept by the broker may be so old: within this two clocks are held for equal."""
NEVER_TOLD = "never told"


def lasting(seconds: int) -> str:
    """How long this is, in the largest unit that fits."""
    for unit_s, unit in ((DAY_S, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= unit_s:
            return counted(seconds // unit_s, unit)
    return counted(seconds, "second")


def difference_s(status: Status, status_at: int) -> int:
    """How far a locker's time is ahead of the host's; 0 where they cannot be told apart."""
    if abs(status.lead_s) > AHEAD_MAX_S:
        return -status.lead_s  # measured by the locker, to the second
    apart_s = (status.time_s or status_at) - status_at
    return apart_s if abs(apart_s) > SLOW_S else 0


def complaint(status: Status, status_at: int) -> str:
    """What is wrong with it, in words that follow "clock"; "" when it is set and agrees."""
    if status.trust is None:
        return ""
    if status.trust != TRUST_SET:
        return "not set"
    apart_s = difference_s(status, status_at)
    return f"{lasting(abs(apart_s))} {'ahead' if apart_s > 0 else 'behind'}" if apart_s else ""


def state(status: Status | None, status_at: int | None) -> str:
    """As ``complaint``, and words for a clock that is as it should be or was never heard of."""
    if status is None or status_at is None or status.trust is None:
        return NEVER_TOLD
    return complaint(status, status_at) or "set"


def told(status: Status | None, status_at: int | None) -> str:
    """Its own time and the host's when it told it, in UTC; "" if it never did."""
    if status is None or status.time_s is None or status_at is None:
        return ""
    own, host = (
        f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S}" for at_s in (status.time_s, status_at)
    )
    return f"{own}, host {host}" + (", to be confirmed" if status.ahead_s else "")
