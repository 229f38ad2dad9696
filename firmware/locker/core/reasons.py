"""Why somebody or something was refused: one stable number for each reason, for ever.

The numbers travel in ``records.REFUSED`` and in replies to the host, so a number never gets a second meaning;
new reasons go to the end.  ``R_NAMES`` is for logs, the host and tools; what a person at the locker reads is
chosen in ``session``.
"""

from micropython import const

R_OK = const(0)

# --- the text itself --------------------------------------------------------------------------------
R_NOT_DIGITS = const(1)  # not exactly the site's number of ASCII digits
R_TOKEN_FORM = const(2)  # not "CG1" + canonical unpadded base64url of a possible length
R_TOKEN_FORGED = const(3)  # altered, cut, extended, or made for another locker
R_TOKEN_KIND = const(4)  # authentic, of a kind this firmware does not know
R_LABEL_LENGTH = const(5)  # a parcel id of no or of more than 40 bytes
R_LABEL_CHARS = const(6)  # a parcel id with control or non-ASCII characters
R_LABEL_CHECK = const(7)  # an S10 or SSCC label whose check digit is wrong: misread

# --- what it stands for -----------------------------------------------------------------------------
R_WRONG = const(8)  # no live code has these digits
R_AMBIGUOUS = const(9)  # two live codes have these digits: refused, never guessed
R_NOT_YET = const(10)
R_EXPIRED = const(11)
R_DONE_BEFORE = const(12)  # single use, and used
R_REVOKED = const(13)
R_NO_CLOCK = const(14)  # perhaps valid, but not while the clock is not set
R_WINDOW = const(15)  # ends before it begins
R_ACTION = const(16)  # unknown action or role, or not one this kind of code may carry
R_DOOR = const(17)  # no such door
R_PARCEL = const(18)  # the parcel id inside a grant or token is not possible
R_NOT_HERE = const(19)  # no such parcel behind any door

# --- the guard of the keypad ----------------------------------------------------------------------------
R_NO_TRIES = const(20)
R_NOT_RECORDED = const(21)  # a comparison was requested without a recorded attempt: it is not made

# --- what the host sends --------------------------------------------------------------------------------
R_FULL = const(22)  # the bounded list has no room for one more
R_PAYLOAD = const(23)  # too short for its kind, or text that is not UTF-8
R_TIME = const(24)  # a clock setting outside 2024 to 2106, or before what the journal has seen

# --- what the journal lost ---------------------------------------------------------------------------------
R_NOT_PROVEN = const(25)  # records that shape the state are missing: a spent code may look unspent

# --- what the house says -----------------------------------------------------------------------------------
R_CLOSED = const(26)  # good, outside opening hours

R_NAMES = (
    "ok",
    "not_digits",
    "token_form",
    "token_forged",
    "token_kind",
    "label_length",
    "label_chars",
    "label_check",
    "wrong",
    "ambiguous",
    "not_yet",
    "expired",
    "done_before",
    "revoked",
    "no_clock",
    "window",
    "action",
    "door",
    "parcel",
    "not_here",
    "no_tries",
    "not_recorded",
    "full",
    "payload",
    "time",
    "not_proven",
    "closed",
)
