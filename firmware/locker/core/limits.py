"""Limits of values set from outside, shared by configuration, host, core and drivers.

Each is defined only here.  The host's checks import them, so that pages and cabinet files allow
exactly what a locker takes.  On a device they are inlined where they are used (``inline``), and this file is
never loaded.
"""

from micropython import const

# Texts that people read.
DISPLAY_COLUMNS = const(20)
DISPLAY_ROWS = const(4)
NAME_CHARS_MAX = const(DISPLAY_COLUMNS)  # of the site: a line of its own
NOTICE_LINES_MAX = const(2)  # of a message from the host
DOOR_NAME_CHARS_MAX = const(6)
HOME_DIGITS_MAX = const(4)  # of a home's number at a residence
LOCKER_CHARS_MAX = const(32)  # of a locker's own name, in topics and in the database

# What a cabinet has.
DOORS_MAX = const(240)
SIZE_MAX = const(4)  # 1 S, 2 M, 3 L, 4 XL
SIZE_LOW = const(16)  # added to the size of an announced parcel that wants a low compartment
HOLDERS_MAX = const(16)  # with window codes
# Of a holder's number; those beyond take a revoked holder's place, and would then be two people's.
HOLDER_MAX = const(32_767)

# What a lock gets.
PULSE_MS = const(400)
PULSE_MS_MIN = const(50)
PULSE_MS_MAX = const(1000)  # the arming hardware of ``drivers/relays.py`` ends it at the latest
REST_MS = const(1500)  # between two pulses of one lock
REST_MS_MIN = const(500)
REST_MS_MAX = const(10_000)

# How long.
REOPEN_S = const(120)  # the person just served may open the door once more
REOPEN_S_MAX = const(600)
WATCHDOG_MS = const(8_000)
WATCHDOG_MS_MIN = const(1_000)  # longer than an erase of flash
WATCHDOG_MS_MAX = const(60_000)
