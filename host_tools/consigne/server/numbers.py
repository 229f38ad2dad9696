"""Settings that are whole numbers with names, given on the command line as ``NAME=NUMBER``."""

import re
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, TypeVar

_GIVEN = re.compile(r"([a-z]+)=([0-9]{1,5})")
_Settings = TypeVar("_Settings", bound=Any)  # a frozen dataclass of whole numbers


def given(default: _Settings, texts: Iterable[str], asked: str, most: int) -> _Settings:
    """The default settings but those given in ``texts``.

    ``asked`` says in words what is to be given: it follows the text that is refused, and the names follow it.
    Raises ``ValueError``.
    """
    names = [field.name for field in fields(default)]
    for text in texts:
        found = _GIVEN.fullmatch(text)
        if found is None or found[1] not in names or not 1 <= int(found[2]) <= most:
            raise ValueError(f"{text[:40]!r} is {asked} {', '.join(names)}")
        default = replace(default, **{found[1]: int(found[2])})
    return default
