"""Runs on MicroPython in place of ``main.py``: how long the firmware takes from a debounced key to the relay.

Started by ``bench/latency.py`` with the application's own ``main.py`` beside it as ``application.py``.
Prints ``took <us>`` after each pulse of a relay on a pin: by the interpreter's own clock, from the moment the
keypad's driver hands the controller a "#" until the write to the relay's line is done.  It is printed after
the controller has finished the key, so printing is not part of the measured time.
"""
# mypy: ignore-errors
# (a program for MicroPython, where annotations would need modules that are not there)

from time import ticks_diff, ticks_us

from locker.controller import Controller
from locker.core.events import EV_KEY
from locker.drivers.relays import GpioRelay

sink = Controller.sink
select = GpioRelay.select
at = {"key": 0, "relay": None}  # us


def timed_sink(self, event):
    if event == (EV_KEY, "#"):
        at["key"] = ticks_us()
    sink(self, event)
    if at["relay"] is not None:
        print("took", ticks_diff(at["relay"], at["key"]))
        at["relay"] = None


def timed_select(self):
    select(self)
    at["relay"] = ticks_us()


Controller.sink = timed_sink
GpioRelay.select = timed_select

import application  # noqa: E402, F401 - the firmware, from here on
