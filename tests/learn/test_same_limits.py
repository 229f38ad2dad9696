"""The wizard and the locker mean the same cabinet: what one of them finds, the other one can serve."""

import ast
from pathlib import Path

import pytest
from consigne import firmware_dir
from consigne.learn import serialwire
from consigne.learn.console import ONBOARD
from locker.core import limits

DRIVERS = firmware_dir() / "locker" / "drivers"


def numbers(file: Path) -> dict[str, int]:
    """The numbers at the top of a module that only a controller can import."""
    found = {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value.args[0] if isinstance(node.value, ast.Call) and node.value.args else node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, int):
                found[node.targets[0].id] = value.value
    return found


@pytest.mark.parametrize(
    ("ours", "file", "theirs"),
    [
        ("CLOCK_DIV", "relays.py", "CLOCK_DIV"),
        ("ITEM_TICKS_MAX", "relays.py", "ITEM_TICKS_MAX"),
        ("REPLY_MS", "rs485.py", "_REPLY_MS"),
    ],
)
def test_what_runs_on_the_controller_has_the_drivers_limits(ours: str, file: str, theirs: str) -> None:
    assert numbers(ONBOARD)[ours] == numbers(DRIVERS / file)[theirs]


def test_a_coil_is_learned_with_no_longer_pulse_than_a_locker_gives() -> None:
    assert numbers(ONBOARD)["PULSE_MS_MAX"] == limits.PULSE_MS_MAX


def test_an_adapter_is_given_the_time_that_it_keeps_a_byte_and_no_more() -> None:
    locker_s = numbers(DRIVERS / "rs485.py")["_REPLY_MS"] / 1000
    assert locker_s + 0.016 < serialwire.REPLY_S < locker_s + 0.03
