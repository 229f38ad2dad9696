"""What can be wrong with a cabinet file, and where."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

Key = tuple[str | int, ...]
"""The path of a value: ``("compartment", 3, "lock")``."""


def spell(key: Key) -> str:
    """``compartment[3].lock``, counted from 0 as everywhere else in the project."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True)
class Place:
    """A value in a file.  ``line`` counts from 1; 0 when the whole file is meant."""

    file: Path
    line: int
    key: Key = ()

    def __str__(self) -> str:
        line = f":{self.line}" if self.line else ""
        key = f": {spell(self.key)}" if self.key else ""
        return f"{self.file}{line}{key}"


@dataclass(frozen=True)
class Problem:
    """One thing to put right: where, what is wrong, what to do.

    ``rule`` names the rule in ``rules.table.RULES``, or is ``"form"`` for an error of the format itself.  A
    file with warnings is still compiled.
    """

    place: Place
    text: str
    advice: str
    rule: str = "form"
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.text}; {self.advice}"


class CabinetError(Exception):
    """The file cannot be used; ``problems`` has every reason that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def nearest(word: str, known: list[str]) -> str:
    """Advice for a word that is not known: the nearest one, or all of them."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(known))}"
