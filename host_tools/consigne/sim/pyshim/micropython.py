"""``micropython`` for plain CPython imports of device code: nothing to compile, nothing to wrap.

Put this directory on ``sys.path`` (pytest does) and ``locker.core`` imports as it is.
"""

from typing import Any, Callable, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def const(value: Any) -> Any:
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
