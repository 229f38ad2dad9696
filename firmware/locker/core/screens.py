"""The names of all screens of the display.  ``texts.py`` has the words; a test compares the two.

The comment gives the arguments that ``FX_SHOW`` carries with it.
"""

IDLE = "idle"  # site name
NOTICE = "notice"  # first and second line of what the host wants said
TYPING = "typing"  # what has been typed
CODE_LENGTH = "code_length"  # digits a code has
WRONG_CODE = "wrong_code"  # -
FEW_TRIES = "few_tries"  # tries left
LOCKED = "locked"  # minutes, seconds until the next try
NOT_HERE = "not_here"  # -
DONE_BEFORE = "done_before"  # -
EXPIRED = "expired"  # -
NOT_YET = "not_yet"  # -
REVOKED = "revoked"  # -
NO_CLOCK = "no_clock"  # -
OPENING = "opening"  # compartment
AGAIN = "again"  # compartment
STUCK = "stuck"  # compartment
BROKEN = "broken"  # compartment
IS_OPEN = "is_open"  # compartment
TAKE = "take"  # compartment
THANKS = "thanks"  # -
REPORTED = "reported"  # compartment
CLOSE_IT = "close_it"  # compartment
COURIER = "courier"  # parcels left in this visit
WHICH_SIZE = "which_size"  # -
FILL = "fill"  # compartment
TAKE_BACK = "take_back"  # compartment
FULL = "full"  # -
ALREADY_HERE = "already_here"  # compartment
CODE_CLASH = "code_clash"  # -
BAD_LABEL = "bad_label"  # -
BAD_SCAN = "bad_scan"  # -
ONE_KEY = "one_key"  # -
PICK_OUT = "pick_out"  # parcels taken in this visit
PICK_ALL = "pick_all"  # parcels taken in this visit
HOME = "home"  # parcels left in this visit, what has been typed
IDENTITY = "identity"  # compartment
CLOSED = "closed"  # today's hours
CLOSED_TODAY = "closed_today"  # -
SERVICE = "service"  # what has been typed
NO_SUCH_DOOR = "no_such_door"  # -
GOODBYE = "goodbye"  # -
OUT_OF_SERVICE = "out_of_service"  # -
