"""One compartment's door: what it holds, what it is doing, and the table that moves it.

A door has three truths: *ordered* (we pulsed), *seen* (the reed switch said open, then
closed) and *content* (what we therefore believe is inside).  ``TABLE`` is the whole behaviour: phase,
signal, next phase, action.  A pair that is not in the table changes nothing.
The actions are methods of ``cabinet.Cabinet``.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..ports import Ticks


# --- phases: where the door is, as far as order and sensor tell ------------------------------------
UNKNOWN = "unknown"  # no report from the sensor since start
CLOSED = "closed"
ORDERED = "ordered"  # pulsed, or waiting for its pulse; not yet seen open
STUCK = "stuck"  # all pulses spent; if it opens now, it still counts as ordered
OPEN = "open"
FORCED = "forced"  # open, and nobody ordered it
FAULTY = "faulty"  # the sensor is faulty
PHASES = (UNKNOWN, CLOSED, ORDERED, STUCK, OPEN, FORCED, FAULTY)

# --- signals ------------------------------------------------------------------------------------------
SEEN_OPEN = "seen_open"
SEEN_CLOSED = "seen_closed"
ORDER = "order"
PULSED = "pulsed"  # the coil is off again
LATE = "late"  # the door's deadline passed
PULSE_FAILED = "pulse_failed"  # the lock driver could not order the pulse
SENSOR_FAULT = "sensor_fault"

# phase, signal, next phase, action.  As a text it stays in flash; a dict of tuples would take heap for each
# row.
TABLE = """
unknown seen_closed closed settle_closed
unknown seen_open open settle_open
unknown sensor_fault faulty fault
closed order ordered pulse
closed seen_open forced forced
closed sensor_fault faulty fault
ordered pulsed ordered await_open
ordered seen_open open opened
ordered late ordered pulse_again
ordered pulse_failed closed no_driver
ordered sensor_fault faulty fault
stuck seen_open open opened
stuck order ordered pulse
stuck late closed lapse
stuck sensor_fault faulty fault
open seen_closed closed closed
open late open remind
open sensor_fault faulty fault
forced seen_closed closed closed
forced late forced remind
forced sensor_fault faulty fault
faulty seen_closed closed settle_closed
faulty seen_open open settle_open
"""


def step(phase: str, signal: str) -> "Sequence[str] | None":
    """``[next phase, action]``, or None where the table has no such row."""
    start = "\n{} {} ".format(phase, signal)
    at = TABLE.find(start)
    return TABLE[at + len(start) : TABLE.find("\n", at + 1)].split() if at >= 0 else None


# --- what is believed to be inside ------------------------------------------------------------------
EMPTY = const(0)
PARCEL = const(1)
TAKEN = const(2)  # seen open to be emptied, not yet seen closed
FILLING = const(3)  # seen open to be filled, not yet seen closed
CONTENT_NAMES = ("empty", "parcel", "taken", "filling")

# What the host is told of a door (``Compartments.occupancy``): in place of EMPTY, and whether it stands open.
TOLD_BLOCKED = const(4)
TOLD_CLOSED, TOLD_OPEN, TOLD_UNKNOWN = range(3)

# --- why a door is ordered open -------------------------------------------------------------------------
NO_PURPOSE = const(0)
FOR_COLLECT = const(1)
FOR_DEPOSIT = const(2)
FOR_RECALL = const(3)  # courier, clerk or merchant takes a parcel away
FOR_SERVICE = const(4)  # technician: the content stays what it was
FOR_REMOTE = const(5)  # operator's signed command: the content stays what it was
FOR_REOPEN = const(6)  # within the reopen window, for the person just served

# --- why a compartment is not given to new parcels -----------------------------------------------------
NOT_BLOCKED = const(0)
BLOCKED_FORCED = const(1)  # found open without an order: somebody must look
BLOCKED_REPORTED = const(2)  # a customer said the parcel is missing or wrong
BLOCKED_OPERATOR = const(3)
BLOCKED_STUCK = const(4)  # did not open although pulsed three times
BLOCK_NAMES = ("free", "forced", "reported", "operator", "stuck")

# --- faults of a door's parts -----------------------------------------------------------------------------
FAULT_NONE = const(0)
FAULT_CHATTER = const(1)  # the sensor changes faster than a door can
FAULT_SENSOR_SILENT = const(2)  # the board that reads the sensor does not answer
FAULT_LOCK_SILENT = const(3)  # the board that drives the strike does not answer
FAULT_NAMES = ("none", "chatter", "sensor_silent", "lock_silent")


class Door:
    """The lasting state of one compartment (folded from records) and its passing phase.

    ``parcel`` names what is or was last inside, or what is being filled in.  ``ordered`` is true
    while a recorded pulse has neither been followed by an opening nor lapsed.  ``opened_at`` is
    the epoch second, ``opened_ms`` the tick, of the last opening to take something out.

    The values at rest are class attributes: a door takes heap only for values that differ.
    """

    content = EMPTY
    seen_open = False
    ordered = False
    purpose = NO_PURPOSE
    block = NOT_BLOCKED
    role = 0
    holder = 0
    ref = 0
    parcel = ""
    opened_at = 0
    reserved = ""  # the parcel it is kept for ..
    reserved_until = 0  # .. up to this epoch second
    # passing: known only since this start
    phase = UNKNOWN
    ordered_ms: "Ticks | int" = 0
    pulses: int = 0  # of this order
    opened_ms: "Ticks | None" = None
    open_ms: "Ticks | int" = 0  # open since
    reminders = 0
    faults = 0  # of its sensor, in this hour
    fault = FAULT_NONE  # the newest
    forced = 0  # times in this hour
    deadline_ms: "Ticks | None" = None
