"""The steps of ``consigne sim`` as they stand on the command line, in the order given.

    --keys '90210417#'    press these keys, one after another
    --scan RR123456785FR  hold a barcode with this text to the scanner
    --shut 5, --shut open push door 5 shut, or every door that stands open
    --pry 5               force door 5 open
    --wait 2.5            let so many seconds pass
    --network off, --power off, and on again

In ``--keys`` and ``--scan``, ``{courier}`` stands for today's courier code, ``{partner}`` for that of whoever
takes a shop's parcels along, ``{resident}`` for the standing code of home 1 in a residence, and any other
``{parcel}`` for the pick-up code of that parcel.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from locker.core import labels

KEYS, SCAN, SHUT, PRY, WAIT, NETWORK, POWER = "keys", "scan", "shut", "pry", "wait", "network", "power"
WAIT_S_MAX = 86_400.0
OPEN_DOORS = "open"
COURIER, PARTNER, RESIDENT = "courier", "partner", "resident"
PEOPLE = (COURIER, PARTNER, RESIDENT)

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class StepError(ValueError):
    """A step that cannot be carried out; the text says which and why."""


class Step(NamedTuple):
    """``what`` is one of the names above, ``value`` its text as given and checked."""

    what: str
    value: str


def parse(arguments: Sequence[str]) -> list[Step]:
    """The steps in ``arguments``.  Raises ``StepError`` for anything that is not one."""
    steps = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        what = name.removeprefix("--")
        if not name.startswith("--") or what not in _CHECKS:
            raise StepError(
                f"{word!r} is not a step; steps are {', '.join('--' + known for known in _CHECKS)}"
            )
        if not equals:
            if not rest:
                raise StepError(f"{name} needs a value")
            value = rest.pop(0)
        _CHECKS[what](value)
        steps.append(Step(what, value))
    _check_placeholders(steps)
    return steps


def _check_placeholders(steps: Sequence[Step]) -> None:
    """A parcel has a number, or was scanned in these steps: any other name is misspelt."""
    scanned = {step.value for step in steps if step.what == SCAN}
    for step in steps:
        for name in _PLACEHOLDER.findall(step.value) if step.what in (KEYS, SCAN) else ():
            parcel = name in scanned or any(char.isdigit() for char in name)
            if name not in PEOPLE and not (parcel and labels.parcel_possible(name.encode())):
                people = ", ".join(f"{{{person}}}" for person in PEOPLE)
                raise StepError(
                    f"{{{name}}} is no parcel; there are {people}, whose codes they are, and "
                    "{PARCEL}, the pick-up code of a parcel: write its number, such as {RR123456785FR}"
                )


def people(steps: Sequence[Step]) -> set[str]:
    """Those of ``PEOPLE`` whose codes the steps need."""
    named = {name for step in steps if step.what in (KEYS, SCAN) for name in _PLACEHOLDER.findall(step.value)}
    return named & set(PEOPLE)


def fill_in(text: str, code_for: Callable[[str], str]) -> str:
    """Replace each ``{name}`` by ``code_for(name)``."""
    return _PLACEHOLDER.sub(lambda found: code_for(found[1]), text)


def _check_keys(value: str) -> None:
    wrong = set(_PLACEHOLDER.sub("", value)) - set("0123456789*#ABCD")
    if wrong or not value:
        raise StepError(f"--keys {value!r}: keys are 0 to 9, * and #, A to D on a 4x4 keypad")


def _check_scan(value: str) -> None:
    if not value or len(value) > 4096 or not value.isascii():
        raise StepError("--scan needs 1 to 4096 ASCII characters")


def _check_shut(value: str) -> None:
    if value != OPEN_DOORS:
        _check_door(value)


def _check_door(value: str) -> None:
    if not value:
        raise StepError("a door's name is missing")


def _check_wait(value: str) -> None:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= WAIT_S_MAX:
        raise StepError(f"--wait {value!r}: seconds from 0 to {WAIT_S_MAX:.0f}")


def _check_switch(value: str) -> None:
    if value not in ("on", "off"):
        raise StepError(f"{value!r} is neither on nor off")


_CHECKS: dict[str, Callable[[str], None]] = {
    KEYS: _check_keys,
    SCAN: _check_scan,
    SHUT: _check_shut,
    PRY: _check_door,
    WAIT: _check_wait,
    NETWORK: _check_switch,
    POWER: _check_switch,
}
