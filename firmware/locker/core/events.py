"""The tuples that cross the border of the core: events go in, effects come out.

An event is ``(EV_.., ...)``, an effect is ``(FX_.., ...)``; the comment beside each gives its fields.
``now`` is ``(ms, epoch_s, trust)``: ``ticks_ms`` (it wraps; use ``ticks_diff``), Unix seconds in UTC, never
before the floor, and one of the ``TRUST_`` values.  Doors are numbered from 0 in here; what people read adds
one or uses the compartment's own name.
"""

from micropython import const

# --- how far the clock may be believed -------------------------------------------------------------
TRUST_FLOOR = const(0)  # only the newest time in the journal is known
TRUST_SET = const(1)  # host, NTP, or a clock chip whose oscillator never stopped

# --- roles and actions -------------------------------------------------------------------------------
CUSTOMER, COURIER, CLERK, TECHNICIAN, RESIDENT, MERCHANT, PARTNER = range(7)
COLLECT, DEPOSIT, RETURN, RECALL, SERVICE, HANDOVER = range(6)

# --- where a code came from ----------------------------------------------------------------------------
VIA_KEYPAD = const(1)
VIA_SCANNER = const(2)
VIA_COMMAND = const(3)
VIA_CONSOLE = const(4)

# --- what the numbers in some records say --------------------------------------------------------------
# records.BOOT: why the board started (``ports/esp32/modmachine.c``, ``mp_machine_reset_cause``).  Earlier
# firmware wrote 2 for a software restart; the reset button looks like power-up.
CAUSE_UNKNOWN = const(0)
CAUSE_POWER = const(1)  # power-up, brown-out, or the reset button
CAUSE_WATCHDOG = const(3)
CAUSE_SOFTWARE = const(4)  # a restart by software, or an interpreter crash: a fault is journaled

# records.FAULT
FAULT_TASK = const(1)  # a task ended
FAULT_PART = const(2)  # a part does not answer, or answers again
FAULT_LATCH = const(3)  # a latch is weak
FAULT_CABINET = const(4)  # mains, supply or temperature are out of range, or in range again
FAULT_SCANNER = const(5)  # many tokens were refused

# records.ALARM
ALARM_REPORTED = const(1)  # a customer says the parcel is missing or wrong
ALARM_DURESS = const(2)
ALARM_LID = const(3)

# records.TIME_SET: who knew the time
TIME_FROM_HOST = const(1)
TIME_FROM_CHIP = const(2)
TIME_FROM_ORDER = const(3)  # an operator's, which may set it back

# --- events -----------------------------------------------------------------------------------------------
EV_KEY = const(1)  # key: str of one character, "0".."9", "*", "#" (and "A".."D" on 4x4)
EV_KEYS_TOGETHER = const(2)  # several keys at once: it is unknown which
EV_SCAN = const(3)  # text: str, printable ASCII, at most 256 characters
EV_SCAN_GARBLED = const(4)  # noise, or an incomplete frame
EV_DOOR = const(5)  # door, is_open: debounced, also reported once per door at start
EV_SENSOR_FAULT = const(6)  # door, fault code
EV_PULSED = const(7)  # door: the coil has been off again since now
EV_PULSE_FAILED = const(8)  # door: the driver could not order the pulse
EV_TIMER = const(9)  # which timer, see FX_TIMER
EV_CHECK = const(10)  # digits: str; comes back from FX_THEN once the attempt is durable
EV_GRANTS = const(11)  # from_version, to_version, added: GRANT payloads, dropped: ids, more: pieces follow
EV_EXPECTED = const(12)  # parcel: str, size: int, until: epoch s
EV_OPEN_ORDER = const(13)  # door, counter, id: str: a verified remote command to open
EV_LINK = const(14)  # up: bool
EV_TIME = const(15)  # epoch_s before, source: the trusted time became known or was corrected
EV_BOOT = const(16)  # cause, skipped_sectors, recovered_records, firmware: str
EV_COMMAND = const(17)  # counter, result, id: str: a verified command that needed no decision here
EV_REJECTED = const(18)  # reason, count: frames that were not believed
EV_REVOKE = const(19)  # kind of revoke record, its payload
EV_ORDER = const(20)  # body: dict, a verified command that orders.py carries out
EV_CARD = const(21)  # text: str, "W<bits>:<facility>:<number>": a card, read by a reader on a Wiegand line
EV_SENSE = const(22)  # what, value: one of SENSE_, and a bool, or a number in its unit
EV_SUPPLY = const(23)  # door, idle_mv, lowest_mv: the supply before a pulse, and its minimum during it

# --- effects, carried out in order, the journal first -----------------------------------------------------
FX_RECORD = const(1)  # kind, payload: append and make durable before anything that follows
FX_PULSE = const(2)  # door, pulse_ms
FX_SHOW = const(3)  # screen (screens.py), args tuple, language
FX_BEEP = const(4)  # one of BEEP_
FX_LED = const(5)  # one of LED_
FX_TIMER = const(6)  # which, delay_ms; a negative delay cancels it; one pending deadline for each
FX_THEN = const(7)  # event: hand it to the core once the effects before it are done
FX_ASK_GRANTS = const(8)  # have_version: the set has a gap, ask the host to repair it
FX_REPLY = const(9)  # command id, result: str
FX_RESTART = const(10)  # restart the board now

BEEP_KEY = const(1)
BEEP_OK = const(2)
BEEP_ERROR = const(3)
BEEP_REMIND = const(4)
BEEP_ALARM = const(5)

LED_READY = const(1)
LED_BUSY = const(2)
LED_ATTENTION = const(3)
LED_FAULT = const(4)

# The cabinet's own sensors (EV_SENSE).
SENSE_LID = const(1)  # is_open: the lid over controller and wiring
SENSE_MAINS = const(2)  # is_lost: the locker runs on its battery
SENSE_SUPPLY = const(3)  # the supply's voltage while no coil is on, in mV
SENSE_HEAT = const(4)  # degrees Celsius inside
