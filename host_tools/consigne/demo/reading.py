"""What a person at the keypad reads on the glass, and which key follows from it."""

from collections.abc import Sequence

from locker import texts
from locker.core import screens


def read(lines: Sequence[str]) -> str:
    """What is read, wherever it is broken into lines."""
    return " ".join(" ".join(lines).split())


ONE_KEY = tuple(read(texts.render(screens.ONE_KEY, (), language)) for language in texts.LANGUAGES)
_GREETINGS = tuple(read(texts.render(screens.IDLE, ("",), language)[1:]) for language in texts.LANGUAGES)
_TYPING = tuple(texts.render(screens.TYPING, ("",), language) for language in texts.LANGUAGES)


def typed(glass: Sequence[str]) -> str | None:
    """The digits of a code that the glass shows as typed, "" on any other screen; None while it is drawn."""
    for empty in _TYPING:
        if glass[0].strip() == empty[0].strip():
            digits = glass[1].strip().removesuffix("_")
            whole = [empty[0], digits + "_", *empty[2:]]
            return digits if read(glass) == read(whole) and (not digits or digits.isdigit()) else None
    return ""


def greets(glass: Sequence[str]) -> bool:
    """Whether the glass shows what it shows while nobody is there."""
    return read(glass[1:]) in _GREETINGS


def next_key(code: str, shown: str) -> str:
    """The key that somebody presses who types a code with an eye on the digits shown, ``#`` at its end.

    What the locker took is never typed again, what it took twice is erased, and where the half code is
    gone the whole code is typed anew.
    """
    return (code + "#")[len(shown)] if code.startswith(shown) else "*"
