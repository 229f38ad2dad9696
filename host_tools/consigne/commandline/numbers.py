"""Whole numbers as a command is given them: digits alone."""

import re
from collections.abc import Callable

import typer

from consigne.words import shortened

_SHOWN_MAX = 20


def whole(least: int, most: int) -> Callable[[str | int], int]:
    """What reads a number from ``least`` to ``most``; for the ``parser`` of an option of Typer.

    Python's ``int`` takes ``1_0`` for ten and the digits of every script, and fails for thousands of them.
    """
    digits = re.compile(f"[0-9]{{1,{len(str(most))}}}")

    def read(given: str | int) -> int:
        text = str(given)  # a default comes as a number
        if digits.fullmatch(text) and least <= int(text) <= most:
            return int(text)
        shown = shortened(text, _SHOWN_MAX)
        raise typer.BadParameter(f"{shown!r} is not a whole number from {least} to {most}")

    return read
