"""The whole dialog at the locker as one table, and the few things every step of it needs.

``TABLE`` is ``(state, input) -> action``; the actions are methods of ``session.Session`` (until a
code is known) and ``errands.Errands`` (from then on).  A pair that is not in the table is a key
that means nothing there.
"""

from micropython import const

from . import cabinet as C
from . import events as E

# --- states ------------------------------------------------------------------------------------------
IDLE = const(0)
TYPING = const(1)
CHECKING = const(2)
LOCKED = const(3)
OPENING = const(4)
STUCK = const(5)
TAKE = const(6)  # the door of a parcel stands open
DONE = const(7)  # served a moment ago; may open again
COURIER = const(8)  # may leave parcels; waits for a label
SIZE = const(9)
FILL = const(10)  # the door for a parcel stands open
PICK_OUT = const(11)  # may take parcels away; waits for a label
SERVICE = const(12)
MESSAGE = const(13)
STATE_NAMES = (
    "idle", "typing", "checking", "locked", "opening", "stuck", "take", "done",
    "courier", "size", "fill", "pick_out", "service", "message",
)  # fmt: skip

# --- inputs -------------------------------------------------------------------------------------------
DIGIT = const(0)
STAR = const(1)
HASH = const(2)
TOKEN = const(3)  # a scan that is a token
CODE = const(4)  # a scan that is a code's digits
LABEL = const(5)  # any other scan
GARBLED = const(6)
TOGETHER = const(7)
TIMEOUT = const(8)
CARD = const(9)
DOOR = const(16)  # plus one of cabinet's NOTE_

TABLE = {
    (IDLE, DIGIT): "type",
    (IDLE, STAR): "next_language",
    (IDLE, TOKEN): "token",
    (IDLE, CODE): "scanned_code",
    (IDLE, CARD): "card",
    (IDLE, LABEL): "say_bad_scan",
    (IDLE, GARBLED): "say_bad_scan",
    (IDLE, TOGETHER): "say_one_key",
    (TYPING, DIGIT): "type",
    (TYPING, STAR): "erase",
    (TYPING, HASH): "submit",
    (TYPING, TOKEN): "token",
    (TYPING, CODE): "scanned_code",
    (TYPING, CARD): "card",
    (TYPING, TOGETHER): "say_one_key",
    (TYPING, TIMEOUT): "home",
    (LOCKED, TOKEN): "token",
    (LOCKED, STAR): "home",
    (LOCKED, TIMEOUT): "count_down",
    (OPENING, DOOR + C.NOTE_OPENED): "door_opened",
    (OPENING, DOOR + C.NOTE_AGAIN): "say_again",
    (OPENING, DOOR + C.NOTE_STUCK): "door_stuck",
    (OPENING, DOOR + C.NOTE_BROKEN): "door_broken",
    (OPENING, TIMEOUT): "home",
    (STUCK, STAR): "open_again",
    (STUCK, DOOR + C.NOTE_OPENED): "door_opened",
    (STUCK, TIMEOUT): "home",
    (TAKE, STAR): "report",
    (TAKE, DOOR + C.NOTE_CLOSED): "taken",
    (TAKE, DOOR + C.NOTE_STUCK): "door_stuck",  # closed so soon that nothing can have been taken
    (TAKE, DOOR + C.NOTE_REMIND): "say_close_it",
    (TAKE, TIMEOUT): "home",
    (DONE, STAR): "reopen",
    (DONE, DIGIT): "type",
    (DONE, TOKEN): "token",
    (DONE, CODE): "scanned_code",
    (DONE, CARD): "card",
    (DONE, TIMEOUT): "home",
    (COURIER, LABEL): "label",
    (COURIER, CODE): "label",
    (COURIER, GARBLED): "say_bad_scan_stay",
    (COURIER, HASH): "goodbye",
    (COURIER, STAR): "goodbye",
    (COURIER, TIMEOUT): "home",
    (SIZE, DIGIT): "size",
    (SIZE, STAR): "back",
    (SIZE, TIMEOUT): "home",
    (FILL, STAR): "larger",
    (FILL, HASH): "take_back",
    (FILL, DOOR + C.NOTE_CLOSED): "filled",
    (FILL, DOOR + C.NOTE_REMIND): "say_close_it",
    (FILL, TIMEOUT): "home",
    (PICK_OUT, LABEL): "pick_out",
    (PICK_OUT, CODE): "pick_out",
    (PICK_OUT, GARBLED): "say_bad_scan_stay",
    (PICK_OUT, HASH): "goodbye",
    (PICK_OUT, STAR): "goodbye",
    (PICK_OUT, TIMEOUT): "home",
    (SERVICE, DIGIT): "type_door",
    (SERVICE, HASH): "service_open",
    (SERVICE, STAR): "erase_door",
    (SERVICE, TIMEOUT): "home",
    (MESSAGE, DIGIT): "type",
    (MESSAGE, STAR): "home",
    (MESSAGE, HASH): "home",
    (MESSAGE, TOKEN): "token",
    (MESSAGE, CODE): "scanned_code",
    (MESSAGE, CARD): "card",
    (MESSAGE, TIMEOUT): "home",
}

TIMER = const(1)  # the dialog's own FX_TIMER

MESSAGE_MS = const(6_000)


class Dialog:
    """Where the dialog stands; ``core`` is the ``Core`` it belongs to."""

    def __init__(self, core, language, languages):
        self._core = core
        self._site_language = language
        self._languages = languages
        self.language = language
        self.state = IDLE
        self.door = -1
        self._clear()

    def _clear(self):
        self.typed = ""
        self.who = (0, 0, 0)  # role, holder, ref
        self.parcel = ""
        self.size = 0
        self.low = False
        self.menu = IDLE  # where to go back to: COURIER, PICK_OUT or SERVICE
        self.count = 0
        self.via = E.VIA_KEYPAD

    def _go(self, state, ms, screen, *args):
        self.state = state
        self._core.effect((E.FX_TIMER, TIMER, ms))
        self.show(screen, *args)

    def show(self, screen, *args):
        self._core.effect((E.FX_SHOW, screen, args, self.language))

    def _say(self, screen, *args):
        """A message that ends by itself; the dialog is over."""
        self._clear()
        self._go(MESSAGE, MESSAGE_MS, screen, *args)

    def _fail(self, screen, *args):
        self._core.effect((E.FX_BEEP, E.BEEP_ERROR))
        self._say(screen, *args)

    def _name(self):
        return self._core.names[self.door]

    def home(self):
        self._clear()
        self.door = -1
        self.language = self._site_language
        screen, args = self._core.idle_screen(self.language)
        self._go(IDLE, -1, screen, *args)

    def speak(self, language):
        """Greet in another language from the next person on."""
        self._site_language = language
