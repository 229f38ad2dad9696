"""One compartment's door: what it holds, what it is doing, and the table that moves it.

A door has three truths (DESIGN 2): *ordered* (we pulsed), *seen* (the reed switch said open, then
closed) and *content* (what we therefore believe is inside).  ``TABLE`` is the whole behaviour:
``(phase, signal) -> (next phase, action)``.  A pair that is not in the table changes nothing.
The actions are methods of ``cabinet.Cabinet``.
"""

from micropython import const

# --- phases: where the door is, as far as order and sensor tell ------------------------------------
UNKNOWN = const(0)  # no report from the sensor since start
CLOSED = const(1)
ORDERED = const(2)  # pulsed, or waiting for its pulse; not yet seen open
STUCK = const(3)  # all pulses spent; if it opens now, it was still our order
OPEN = const(4)
FORCED = const(5)  # open, and nobody ordered it
FAULTY = const(6)  # the sensor cannot be believed
PHASE_NAMES = ("unknown", "closed", "ordered", "stuck", "open", "forced", "faulty")

# --- signals ------------------------------------------------------------------------------------------
SEEN_OPEN = const(0)
SEEN_CLOSED = const(1)
ORDER = const(2)
PULSED = const(3)  # the coil is off again
LATE = const(4)  # the door's deadline passed
PULSE_FAILED = const(5)  # the lock driver could not order the pulse
SENSOR_FAULT = const(6)
SIGNAL_NAMES = ("seen_open", "seen_closed", "order", "pulsed", "late", "pulse_failed", "sensor_fault")

TABLE = {
    (UNKNOWN, SEEN_CLOSED): (CLOSED, "settle_closed"),
    (UNKNOWN, SEEN_OPEN): (OPEN, "settle_open"),
    (UNKNOWN, SENSOR_FAULT): (FAULTY, "fault"),
    (CLOSED, ORDER): (ORDERED, "pulse"),
    (CLOSED, SEEN_OPEN): (FORCED, "forced"),
    (CLOSED, SENSOR_FAULT): (FAULTY, "fault"),
    (ORDERED, PULSED): (ORDERED, "await_open"),
    (ORDERED, SEEN_OPEN): (OPEN, "opened"),
    (ORDERED, LATE): (ORDERED, "pulse_again"),
    (ORDERED, PULSE_FAILED): (CLOSED, "no_driver"),
    (ORDERED, SENSOR_FAULT): (FAULTY, "fault"),
    (STUCK, SEEN_OPEN): (OPEN, "opened"),
    (STUCK, ORDER): (ORDERED, "pulse"),
    (STUCK, LATE): (CLOSED, "lapse"),
    (STUCK, SENSOR_FAULT): (FAULTY, "fault"),
    (OPEN, SEEN_CLOSED): (CLOSED, "closed"),
    (OPEN, LATE): (OPEN, "remind"),
    (OPEN, SENSOR_FAULT): (FAULTY, "fault"),
    (FORCED, SEEN_CLOSED): (CLOSED, "closed"),
    (FORCED, LATE): (FORCED, "remind"),
    (FORCED, SENSOR_FAULT): (FAULTY, "fault"),
    (FAULTY, SEEN_CLOSED): (CLOSED, "settle_closed"),
    (FAULTY, SEEN_OPEN): (OPEN, "settle_open"),
}

# --- what is believed to be inside ------------------------------------------------------------------
EMPTY = const(0)
PARCEL = const(1)
TAKEN = const(2)  # seen open to be emptied, not yet seen closed
FILLING = const(3)  # seen open to be filled, not yet seen closed
CONTENT_NAMES = ("empty", "parcel", "taken", "filling")

# --- why a door is ordered open -------------------------------------------------------------------------
NO_PURPOSE = const(0)
FOR_COLLECT = const(1)
FOR_DEPOSIT = const(2)
FOR_RECALL = const(3)  # courier, clerk or merchant takes a parcel away
FOR_SERVICE = const(4)  # technician: the content stays what it was
FOR_REMOTE = const(5)  # operator's signed command: the content stays what it was
FOR_REOPEN = const(6)  # within the reopen window, for who has just been served

# --- why a compartment is not given to new parcels -----------------------------------------------------
NOT_BLOCKED = const(0)
BLOCKED_FORCED = const(1)  # found open without an order: somebody must look
BLOCKED_REPORTED = const(2)  # a customer said the parcel is missing or wrong
BLOCKED_OPERATOR = const(3)
BLOCKED_STUCK = const(4)  # did not open although pulsed three times
BLOCK_NAMES = ("free", "forced", "reported", "operator", "stuck")

# --- faults of a door's parts -----------------------------------------------------------------------------
FAULT_CHATTER = const(1)  # the sensor changes faster than a door can
FAULT_SENSOR_SILENT = const(2)  # the board that reads the sensor does not answer
FAULT_LOCK_SILENT = const(3)  # the board that drives the strike does not answer
FAULT_NAMES = ("none", "chatter", "sensor_silent", "lock_silent")


class Door:
    """The lasting state of one compartment (folded from records) and its passing phase.

    ``parcel`` names what is or was last inside, or what is being filled in.  ``ordered`` is true
    while a recorded pulse has neither been followed by an opening nor lapsed.  ``opened_at`` is
    the epoch second, ``opened_ms`` the tick, of the last opening to take something out.

    The values at rest are the class's own: a door takes heap only for what differs from them.
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
    ordered_ms = 0
    pulses = 0  # of this order
    opened_ms = None
    open_ms = 0  # open since
    reminders = 0
    deadline_ms = None
