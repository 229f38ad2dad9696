"""The console of a locker in production: closed, until a technician types the code of this hour.

Imported only in production.  The code is a technician's window code for service.  It is tried like one at the
keypad: recorded before it is compared, with the same bucket of tries, so the serial line gives an attacker no
advantage over the keypad.  The right code starts the board for service (``boot.py``): without the
application, and therefore without its watchdog and with every relay line at rest.

Without a clock no code of the hour can be checked.  The console then draws a number, and takes the host's
answer to it for one of the locker's technicians: the number makes that code fresh, as the hour does with a
window code.  A number is good for one try and for an hour; with a set clock no number is drawn and no answer
taken.

A ``?`` prints the state, for somebody who only looks: version, journal, clock, faults; no key, no code.

It keeps people away from the interpreter.  A cable that drives DTR and RTS, as most USB boards have, still
reaches the chip's ROM loader, and with it the flash; only the chip's flash encryption, or a socket without
these two lines, protects against that.
"""

import asyncio
import os
import sys

from micropython import const

from .core import events, reasons, records
from .core.access import ACTION, DURESS, HOLDER, REASON, REF, ROLE
from .core.labels import CODE_DIGITS_MAX
from .core.windows import ANSWER_NUMBERS
from .supervisor import SERVICE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .ports import Ending, Serving, Value


_PROMPT = "\nconsigne: this console is closed; technician's code: "
_NO_CLOCK = "the clock is not set; ask the operator for the code to number {} {} {}"
_NUMBER_S = const(3600)
_CTRL_A = const(1)  # how tools ask for the interpreter's prompt
_CTRL_C = const(3)
_CR = const(13)
_LF = const(10)
_QUESTION = const(63)


class Console:
    """``controller`` and ``supervisor`` are the serving locker's, ``about`` describes it in words;
    ``say(text)`` writes to the console.  ``heard`` counts its bytes.
    """

    def __init__(
        self,
        controller: "Serving",
        supervisor: "Ending",
        about: str,
        say: "Callable[[str], object]" = sys.stdout.write,
    ) -> None:
        self._controller = controller
        self._supervisor = supervisor
        self._about = about
        self._say = say
        self._typed = ""
        self._number = -1
        self._drawn_s = 0
        self.heard = 0

    async def run(self) -> None:
        """Read the console, byte by byte, for ever."""
        reader = asyncio.StreamReader(sys.stdin.buffer)
        while True:
            byte = await reader.read(1)
            if not byte:  # the other end has closed, which happens on simulated boards
                return
            self.key(byte[0])

    def key(self, byte: int) -> None:
        """One byte from the console."""
        self.heard += 1
        if byte in (_CR, _LF) and self._typed:
            digits, self._typed = self._typed, ""
            self._say("\nconsigne: " + self._try(digits) + "\n")
        elif byte in (_CR, _LF, _CTRL_A, _CTRL_C):
            self._typed = ""
            self.prompt()
        elif byte == _QUESTION:
            self._say("\nconsigne: " + self._condition() + "\n")
        elif 48 <= byte <= 57 and len(self._typed) < CODE_DIGITS_MAX:
            self._typed += chr(byte)
            self._say("*")

    def prompt(self) -> None:
        """Ask for a code; while the clock is not set, for the answer to a number."""
        if self._controller.failed:
            self._say("\nconsigne: " + self._untakable())
        elif self._answerable() >= 0:
            self._say("\nconsigne: " + self._no_clock())
        self._say(_PROMPT)

    def _untakable(self) -> str:
        return "no code can be checked: {}; flash this board anew or replace it".format(
            self._controller.failed
        )

    def _condition(self) -> str:
        controller, supervisor = self._controller, self._supervisor
        return "{}; clock {}; faults: {}; last: {}; {}".format(
            self._about,
            "set" if controller.now()[2] == events.TRUST_SET else "not set",
            ", ".join(supervisor.faults) or "none",
            supervisor.last or "none",
            "stopped: " + controller.failed if controller.failed else "serving",
        )

    def _answerable(self) -> int:
        """The number that may be answered now; -1 while the clock is set."""
        _, epoch_s, trust = self._controller.now()
        if trust == events.TRUST_SET:
            self._number = -1
        elif self._number < 0 or epoch_s - self._drawn_s >= _NUMBER_S:
            self._number = int.from_bytes(os.urandom(4), "big") % ANSWER_NUMBERS
            self._drawn_s = epoch_s
        return self._number

    def _no_clock(self) -> str:
        text = "{:09d}".format(self._number)
        return _NO_CLOCK.format(text[:3], text[3:6], text[6:])

    def _try(self, digits: str) -> str:
        """Try these digits; returns the result in words."""
        controller = self._controller
        if controller.failed:
            return self._untakable()
        access = controller.core.access
        now = controller.now()
        wait_s = access.may_try(now)[1]
        if wait_s > 0:
            return "too many wrong codes; wait {} s".format(wait_s)
        number = self._answerable()
        self._number = -1  # good for one try
        earned = access.throttle_due(now)
        if earned:
            self._fact(records.THROTTLE_STATE, *earned)
        self._fact(records.ATTEMPT, events.VIA_CONSOLE)
        verdict = access.check_digits(digits, now, number)
        reason = verdict[REASON]
        if reason == reasons.R_OK and (verdict[ROLE], verdict[ACTION]) != (events.TECHNICIAN, events.SERVICE):
            reason = reasons.R_ACTION
        if reason != reasons.R_OK:
            return self._refuse(reason, access.may_try(now)[0])
        self._fact(
            records.ACCEPTED,
            events.VIA_CONSOLE,
            verdict[ROLE],
            verdict[ACTION],
            verdict[HOLDER],
            verdict[REF],
            "",
        )
        if verdict[DURESS]:
            self._fact(records.ALARM, events.ALARM_DURESS, verdict[ROLE], verdict[HOLDER], records.ANY_DOOR)
        self._start_for_service()
        return "right; starting for service"

    def _refuse(self, reason: int, left: int) -> str:
        self._fact(records.REFUSED, reason, events.VIA_CONSOLE)
        if self._answerable() >= 0:
            return "not taken, {} tries left: {}".format(left, self._no_clock())
        return "wrong code; {} tries left".format(left)

    def _fact(self, kind: int, *values: "Value") -> None:
        """Append it to the journal first, then apply it to the core, as with the core's own records."""
        controller = self._controller
        controller.fact(kind, *values)
        controller.core.apply(kind, controller.now()[1], records.pack(kind, *values))

    def _start_for_service(self) -> None:
        with open("service", "w"):
            pass
        self._supervisor.end(SERVICE)  # first, so that the board restarts even if the next line fails
        self._controller.stop("service")
