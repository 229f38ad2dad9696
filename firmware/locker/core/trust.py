"""What each kind of code may do in each state of the clock, in one table.

``set`` means that host, NTP or a clock chip said the time; on ``floor`` only the newest time in the
journal is known, and the true time may be later.  So on ``floor`` an end that has passed has
surely passed, a beginning that has not been reached may have been, and a code that lives by the
hour cannot be judged at all.
"""

from micropython import const

from . import events
from .reasons import R_ACTION, R_EXPIRED, R_NO_CLOCK, R_NOT_YET, R_OK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Now


LISTED = const(0)  # can be taken back by the host; may outlive its end only until the clock is set
DERIVED = const(1)  # has no dates: it lives as long as its parcel lies here
WINDOW = const(2)  # is nothing but a date
TOKEN = const(3)  # opens on floor what one person may do once, never the whole locker

_ALL = const(0b111111)
_COLLECT_ONLY = const(0b000001)
_ONE_PARCEL = const(0b000111)  # collect, deposit, return

_BEGINS = const(1)
_ENDS = const(2)

# kind -> actions on floor, dates checked on floor, actions when set, dates checked when set
TABLE = (
    (_ALL, _ENDS, _ALL, _BEGINS | _ENDS),  # LISTED
    (_COLLECT_ONLY, 0, _COLLECT_ONLY, 0),  # DERIVED
    (0, 0, _ALL, _BEGINS | _ENDS),  # WINDOW
    (_ONE_PARCEL, _ENDS, _ALL, _BEGINS | _ENDS),  # TOKEN
)


def judge(kind: int, action: int, not_before: int, not_after: int, now: "Now") -> int:
    """``R_OK`` or why a code of this kind does not count now.

    Both dates are inclusive: ``not_after`` is the last good second.
    """
    floor_actions, floor_dates, set_actions, set_dates = TABLE[kind]
    _, epoch_s, trust = now
    bit = 1 << action
    if not set_actions & bit:
        return R_ACTION
    actions, dates = (set_actions, set_dates) if trust == events.TRUST_SET else (floor_actions, floor_dates)
    if dates & _ENDS and epoch_s > not_after:
        return R_EXPIRED
    if not actions & bit:
        return R_NO_CLOCK
    if dates & _BEGINS and epoch_s < not_before:
        return R_NOT_YET
    return R_OK
