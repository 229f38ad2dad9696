"""``micropython`` for importing device code on plain CPython, without compiling or wrapping it.

Put this directory on ``sys.path`` and import this module first (``consigne`` and the tests'
``conftest.py`` do): it also gives ``time`` the ``ticks_`` functions that CPython lacks, with the
period of an ESP32 (2**30).  Then ``locker.core`` imports as it is.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def const(value: T) -> T:
    """Return the value; on the device the compiler folds it."""
    return value


def native(function: F) -> F:
    """On the device compiled to machine code; the meaning is the same."""
    return function


viper = native


def schedule(function: Callable[[Any], Any], argument: Any) -> None:
    """Run at once: without interrupts there is nothing to wait for."""
    function(argument)


def alloc_emergency_exception_buf(size: int) -> None:
    """CPython always has room for an exception; ``size`` is checked as on the device."""
    if size < 0:
        raise ValueError("size must not be negative")


_PERIOD = 1 << 30


def _ticks_ms() -> int:
    return time.monotonic_ns() // 1_000_000 % _PERIOD


def _ticks_add(ticks: int, delta: int) -> int:
    if not -_PERIOD // 2 < delta < _PERIOD // 2:
        raise OverflowError("ticks interval overflow")
    return (ticks + delta) % _PERIOD


def _ticks_diff(end: int, start: int) -> int:
    return (end - start + _PERIOD // 2) % _PERIOD - _PERIOD // 2


for _name, _function in (("ticks_ms", _ticks_ms), ("ticks_add", _ticks_add), ("ticks_diff", _ticks_diff)):
    if not hasattr(time, _name):
        setattr(time, _name, _function)
