"""What a caller did wrong, in the caller's words; the API turns each into a status."""

from collections.abc import Sequence


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


class CallerError(Exception):
    """Base of all: ``str(error)`` is fit to be shown."""

    status = 400


class Invalid(CallerError):
    """What was sent cannot be right, whatever the state of things."""

    status = 422


class NotFound(CallerError):
    """There is no such thing."""

    status = 404


class Conflict(CallerError):
    """Right in itself, but not in the present state of things."""

    status = 409
