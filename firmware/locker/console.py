"""The console of a locker in production: closed, until a technician types the code of this hour.

Imported only in production.  The code is a technician's window code for service, tried like one at the
keypad: recorded before it is compared, out of the same bucket of tries, so the serial line gives an
attacker nothing that the keypad does not.  The right one starts the board for service (``boot.py``):
without the application, and therefore without its watchdog and with every relay line at rest.

It keeps those out who speak to the interpreter.  A cable that drives DTR and RTS, as most USB boards have,
reaches the chip's ROM loader all the same, and with it the flash; against that helps only the chip's own
flash encryption, or a socket without these two lines.
"""

import asyncio
import sys

from micropython import const

from .core import events as E
from .core import reasons
from .core import records as R
from .core.access import ACTION, DURESS, HOLDER, REASON, REF, ROLE
from .core.labels import CODE_DIGITS_MAX
from .core.session import ALARM_DURESS

_PROMPT = "\nconsigne: this console is closed; technician's code: "
_CTRL_A = const(1)  # how tools ask for the interpreter's prompt
_CTRL_C = const(3)
_CR = const(13)
_LF = const(10)


class Console:
    """``controller`` and ``supervisor`` of the locker that serves; ``say(text)`` writes to the console."""

    def __init__(self, controller, supervisor, say=sys.stdout.write):
        self._controller = controller
        self._supervisor = supervisor
        self._say = say
        self._typed = ""

    async def run(self):
        """Read the console, byte by byte, for ever."""
        reader = asyncio.StreamReader(sys.stdin.buffer)
        while True:
            byte = await reader.read(1)
            if not byte:  # its other end is gone, as a simulated board's can be
                return
            self.key(byte[0])

    def key(self, byte):
        """One byte from the console."""
        if byte in (_CR, _LF) and self._typed:
            digits, self._typed = self._typed, ""
            self._say("\nconsigne: " + self._try(digits) + "\n")
        elif byte in (_CR, _LF, _CTRL_A, _CTRL_C):
            self._typed = ""
            self._say(_PROMPT)
        elif 48 <= byte <= 57 and len(self._typed) < CODE_DIGITS_MAX:
            self._typed += chr(byte)
            self._say("*")

    def _try(self, digits):
        """What becomes of these digits, in words."""
        access = self._controller.core.access
        now = self._controller.now()
        wait_s = access.may_try(now)[1]
        if wait_s > 0:
            return "too many wrong codes; wait {} s".format(wait_s)
        earned = access.throttle_due(now)
        if earned:
            self._fact(R.THROTTLE_STATE, *earned)
        self._fact(R.ATTEMPT, E.VIA_CONSOLE)
        if self._controller.failed:
            return "the journal takes no records; flash this board anew or replace it"
        verdict = access.check_digits(digits, now)
        reason = verdict[REASON]
        if reason == reasons.R_OK and (verdict[ROLE], verdict[ACTION]) != (E.TECHNICIAN, E.SERVICE):
            reason = reasons.R_ACTION
        if reason != reasons.R_OK:
            self._fact(R.REFUSED, reason, E.VIA_CONSOLE)
            if reason == reasons.R_NO_CLOCK:
                return "not taken: the clock is not set; let this locker reach its host first"
            return "wrong code; {} tries left".format(access.may_try(now)[0])
        self._fact(
            R.ACCEPTED, E.VIA_CONSOLE, verdict[ROLE], verdict[ACTION], verdict[HOLDER], verdict[REF], ""
        )
        if verdict[DURESS]:
            self._fact(R.ALARM, ALARM_DURESS, verdict[ROLE], verdict[HOLDER], R.ANY_DOOR)
        self._start_for_service()
        return "right; starting for service"

    def _fact(self, kind, *values):
        """Durable first, then true: as the core's own records."""
        controller = self._controller
        controller.fact(kind, *values)
        controller.core.apply(kind, controller.now()[1], R.pack(kind, *values))

    def _start_for_service(self):
        with open("service", "w"):
            pass
        self._controller.stop("service")
        self._supervisor.end("service")
