"""The whole dialog at the locker as one table, and the few things every step of it needs.

A row of ``TABLE`` is state, input, action; the actions are methods of ``session.Session`` (until a code is
known) and ``errands.Errands`` (from then on).  A pair that is not in the table has no effect.
"""

from micropython import const

from . import events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .core import Core


# --- states ------------------------------------------------------------------------------------------
IDLE = "idle"
TYPING = "typing"
CHECKING = "checking"
LOCKED = "locked"
OPENING = "opening"
STUCK = "stuck"
TAKE = "take"  # the door of a parcel stands open
DONE = "done"  # served a moment ago; may open again
COURIER = "courier"  # may leave parcels; waits for a label
SIZE = "size"
FILL = "fill"  # the door for a parcel stands open
PICK_OUT = "pick_out"  # may take parcels away; waits for a label
SERVICE = "service"
MESSAGE = "message"
STATES = (
    IDLE, TYPING, CHECKING, LOCKED, OPENING, STUCK, TAKE, DONE,
    COURIER, SIZE, FILL, PICK_OUT, SERVICE, MESSAGE,
)  # fmt: skip

# --- inputs -------------------------------------------------------------------------------------------
DIGIT = "digit"
STAR = "star"
HASH = "hash"
TOKEN = "token"  # a scan that is a token
CODE = "code"  # a scan that is a code's digits
LABEL = "label"  # any other scan
GARBLED = "garbled"
TOGETHER = "together"
TIMEOUT = "timeout"
CARD = "card"
# and what the door did: one for each NOTE_ of the cabinet, in its order
DOOR_INPUTS = ("", "door_opened", "door_closed", "door_again", "door_stuck", "door_broken", "door_remind")

# State, input, action.  As a text it stays in flash; a dict of tuples would take heap for each row.  If a
# parcel's door closes too soon for anybody to take it, the door counts as stuck.
TABLE = """
idle digit type
idle star next_language
idle token token
idle code scanned_code
idle card card
idle label say_bad_scan
idle garbled say_bad_scan
idle together say_one_key
typing digit type
typing star erase
typing hash submit
typing token token
typing code scanned_code
typing card card
typing together say_one_key
typing timeout home
locked token token
locked star next_language
locked timeout count_down
opening door_opened door_opened
opening door_again say_again
opening door_stuck door_stuck
opening door_broken door_broken
opening timeout home
stuck star open_again
stuck door_opened door_opened
stuck timeout home
take star report
take door_closed taken
take door_stuck door_stuck
take door_remind say_close_it
take timeout home
done star reopen
done digit type
done token token
done code scanned_code
done card card
done timeout home
courier label label
courier code label
courier garbled say_bad_scan_stay
courier hash goodbye
courier star goodbye
courier timeout home
size digit size
size star back
size timeout home
fill star larger
fill hash take_back
fill door_closed filled
fill door_remind say_close_it
fill timeout home
pick_out label pick_out
pick_out code pick_out
pick_out garbled say_bad_scan_stay
pick_out hash goodbye
pick_out star goodbye
pick_out timeout home
service digit type_number
service hash service_open
service star erase_number
service timeout home
message digit type
message star next_language
message hash home
message token token
message code scanned_code
message card card
message timeout home
"""


def action(state: str, what: str) -> str:
    """The action of a pair, "" where it has no effect."""
    start = "\n{} {} ".format(state, what)
    at = TABLE.find(start)
    return TABLE[at + len(start) : TABLE.find("\n", at + 1)] if at >= 0 else ""


TIMER = const(1)  # the dialog's own FX_TIMER

MESSAGE_MS = const(6_000)


class Dialog:
    """Where the dialog stands; ``core`` is the ``Core`` it belongs to."""

    def __init__(self, core: "Core", language: str, languages: "Sequence[str]") -> None:
        self._core = core
        self._site_language = language
        self._languages = languages
        self.language = language
        self.state = IDLE
        self.door = -1
        self._touched_ms = 0  # when somebody did something for the last time, in ticks
        self._clear()

    def _clear(self) -> None:
        self.typed = ""
        self.who = (0, 0, 0)  # role, holder, ref
        self.parcel = ""
        self.size = 0
        self.low = False
        self.menu = IDLE  # the state to return to: COURIER, PICK_OUT or SERVICE
        self.count: int = 0
        self.via = events.VIA_KEYPAD

    def _go(self, state: str, ms: int, screen: str, *args: str | int) -> None:
        self.state = state
        self._core.effect((events.FX_TIMER, TIMER, ms))
        self.show(screen, *args)

    def show(self, screen: str, *args: str | int) -> None:
        self._core.effect((events.FX_SHOW, screen, args, self.language))

    def _say(self, screen: str, *args: str | int) -> None:
        """A message that ends by itself; the dialog is over."""
        self._clear()
        self._go(MESSAGE, MESSAGE_MS, screen, *args)

    def _fail(self, screen: str, *args: str | int) -> None:
        self._beep(events.BEEP_ERROR)
        self._say(screen, *args)

    def _beep(self, sound: int) -> None:
        self._core.effect((events.FX_BEEP, sound))

    def _digit(self, digit: str, most: int) -> None:
        """Take a digit, or refuse it with an error beep: typed text is never cut silently."""
        fits = len(self.typed) < most
        if fits:
            self.typed += digit
        self._beep(events.BEEP_KEY if fits else events.BEEP_ERROR)

    def _name(self) -> str:
        return self._core.names[self.door]

    def home(self, stay_ms: int = 0) -> None:
        """Greet; for ``stay_ms`` more in the language that somebody chose here."""
        self._clear()
        self.door = -1
        state = TYPING  # its timer brings the site's own language back
        if stay_ms <= 0 or self.language == self._site_language:
            state, stay_ms, self.language = IDLE, -1, self._site_language
        screen, args = self._core.idle_screen(self.language)
        self._go(state, stay_ms, screen, *args)

    def speak(self, language: str) -> None:
        """Greet in another language from the next person on."""
        self._site_language = language
