"""What can be wrong with a cabinet file, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from consigne.protocol.untrusted import one_line

TOLD_MAX = 20
"""Problems that are told of one file; more of them have a cause in common."""
_SHOWN = 40  # characters

Key = tuple[str | int, ...]
"""The path of a value: ``("compartment", 3, "lock")``."""


def spell(key: Key) -> str:
    """``compartment[3].lock``, counted from 0 as everywhere else in the project."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{shortened(part)}" if text else shortened(part)
    return text


def shortened(text: str) -> str:
    """As much of a file's text as a sentence bears."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}.."


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
        return one_line(f"{self.place}: {self.text}; {self.advice}")


class CabinetError(Exception):
    """The file cannot be used; ``problems`` has every reason that was found, the text the first of them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(sentences(problems)))
        self.problems = problems


def sentences(problems: Sequence[Problem]) -> list[str]:
    """A line for each problem, up to ``TOLD_MAX``; of more, what is wrong goes before warnings."""
    if len(problems) > TOLD_MAX:
        problems = sorted(problems, key=lambda problem: problem.is_warning)
    lines = [f"{'warning: ' * problem.is_warning}{problem}" for problem in problems[:TOLD_MAX]]
    return lines + [f"and {len(problems) - TOLD_MAX:,} more"] * (len(problems) > TOLD_MAX)


def nearest(word: str, known: list[str]) -> str:
    """Advice for a word that is not known: the nearest one, or all of them."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(known))}"
