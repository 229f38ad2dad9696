"""What a person at the keypad reads on the display, and which key they press next."""

from collections.abc import Sequence

from locker import texts
from locker.core import screens


def read(lines: Sequence[str]) -> str:
    """The text on the display, without its line breaks."""
    return " ".join(" ".join(lines).split())


ONE_KEY = tuple(read(texts.render(screens.ONE_KEY, (), language)) for language in texts.LANGUAGES)
_GREETINGS = tuple(read(texts.render(screens.IDLE, ("",), language)[1:]) for language in texts.LANGUAGES)
_TYPING = tuple(texts.render(screens.TYPING, ("",), language) for language in texts.LANGUAGES)


def typed(glass: Sequence[str]) -> str | None:
    """The digits shown as typed, "" on other screens; None while the display is being drawn."""
    for empty in _TYPING:
        if glass[0].strip() == empty[0].strip():
            digits = glass[1].strip().removesuffix("_")
            whole = [empty[0], digits + "_", *empty[2:]]
            return digits if read(glass) == read(whole) and (not digits or digits.isdigit()) else None
    return ""


def greets(glass: Sequence[str]) -> bool:
    """Whether the display shows the idle screen."""
    return read(glass[1:]) in _GREETINGS


def next_key(code: str, shown: str) -> str:
    """The next key of a person who types a code and watches the digits shown, ``#`` at its end.

    A digit that the locker took is never typed again, one it took twice is erased, and if the partial code
    has disappeared the whole code is typed again.
    """
    return (code + "#")[len(shown)] if code.startswith(shown) else "*"
