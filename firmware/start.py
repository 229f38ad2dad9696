"""``main.py`` on the board's file system: serve, unless this start is for service.

``boot.py`` says so, and where the application is.  Without our ``boot.py`` the application lies as files in
``/lib``, put there by ``mpremote mip install`` (``package.json`` lists this file too): there are no slots for
updates, and the console stays open.

In production this file ends only with a restart: whatever happens to the application, nobody gets the
interpreter's prompt.  When it does not start, ``locker/rescue.py`` says why and waits for a technician's
code.
"""

import micropython

try:
    micropython.kbd_intr(-1)  # the interpreter turns Ctrl-C on again for each file that it runs
    for _ in range(2):
        pass  # as in boot.py
except KeyboardInterrupt:
    micropython.kbd_intr(-1)

import os
import sys
import time

import machine

_PAUSE_S = 10  # a start that fails at once would otherwise repeat without a pause
_BROKEN_OFF = (False, False, -1, 0)  # boot.py failed: newer interpreters do not run this file then


def _why_not(error):
    """One sentence about a fault that an operator can repair; empty if only the traceback tells it."""
    if isinstance(error, MemoryError):
        return (
            "this board has too little memory for the application; "
            "take one with PSRAM, or a MicroPython with ROMFS"
        )
    if isinstance(error, ValueError) and "mpy" in str(error):
        return "the application is for another MicroPython; run `consigne device flash`"
    if isinstance(error, OSError) and "journal" in str(error):
        return (
            "this board has no partition for the journal; "
            "write partitions.bin of `consigne device files` to 0x8000 with esptool"
        )
    if isinstance(error, SystemExit):  # the reason is printed; re-raised it restarts the interpreter
        return "see above"
    return ""


def _plain():
    """``consigne`` as ``boot.py`` would leave it, for an application in ``/lib``; None when there is none."""
    try:
        os.stat("/lib/locker/main.py")
    except OSError:
        return None
    try:
        os.remove("service")
        return True, False, 0, 0
    except OSError:
        return False, False, 0, 0


plain = None if "consigne" in globals() else _plain()
service, _, slot, _ = globals().get("consigne") or plain or _BROKEN_OFF
production = "production" in os.listdir("/")
if service or not production:
    micropython.kbd_intr(3)
if service:
    print("consigne: started for service; reset to serve")
elif slot < 0:
    print("consigne: no whole application on this board; run `consigne device flash`")
else:
    why = None
    try:
        # The application's own ``main``, first on the path or in its package, serves while it is imported.
        __import__("locker.main" if plain else "main")
    except BaseException as error:
        why = error
        if production:
            sys.print_exception(error)
        elif _why_not(error):
            print("consigne: not serving:", _why_not(error))
        else:
            raise
    if production:
        try:
            from locker.rescue import Rescue

            Rescue("{}: {}".format(type(why).__name__, why)).serve()
            machine.reset()
        except BaseException as error:  # noqa: BLE001 - the next start may do better; the prompt is nobody's
            sys.print_exception(error)
while production and not service:
    time.sleep(_PAUSE_S)
    machine.reset()
