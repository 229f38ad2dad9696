"""What each kind of code may do in each state of the clock, in one table.

``set`` means that host, NTP or a clock chip has given the time.  On ``floor`` only the newest time in the
journal is known; the true time may be later.  So on ``floor`` an end in the past has surely passed, a
beginning in the future may have been reached, and a code of one hour cannot be judged at all.
"""

from micropython import const

from . import events
from .reasons import R_EXPIRED, R_NO_CLOCK, R_NOT_YET, R_OK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..ports import Now


LISTED = const(0)  # can be taken back by the host; may outlive its end only until the clock is set
WINDOW = const(1)  # consists only of a date
TOKEN = const(2)  # on floor it opens for one person once, never the whole locker
# A derived code has no dates: it is valid as long as its parcel lies here, whatever the clock says.

_ALL = const(0b111111)
_ONE_PARCEL = const(0b000111)  # collect, deposit, return

# kind -> actions allowed on floor, whether its end counts on floor.  With a set clock all actions are allowed
# and both dates are checked.
TABLE = (
    (_ALL, True),  # LISTED
    (0, False),  # WINDOW
    (_ONE_PARCEL, True),  # TOKEN
)


def judge(kind: int, action: int, not_before: int, not_after: int, now: "Now") -> int:
    """``R_OK`` or why a code of this kind is not valid now.

    Both dates are inclusive: ``not_after`` is the last good second.
    """
    floor_actions, ends_on_floor = TABLE[kind]
    _, epoch_s, trust = now
    is_set = trust == events.TRUST_SET
    if (is_set or ends_on_floor) and epoch_s > not_after:
        return R_EXPIRED
    if not is_set:
        return R_OK if floor_actions & 1 << action else R_NO_CLOCK
    return R_NOT_YET if epoch_s < not_before else R_OK
