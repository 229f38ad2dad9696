"""What stands for the port's modules does as its C source does, row by row, on each ground."""

import pytest
from runs import BOARDS, differences
from table import GROUNDS, KINDS, Check, Part, Row, read

WRONG = [
    ("time.ticks_add(1, 1)", ("is", "3")),
    ("time.ticks_add(1, 2)", ("type", "str")),
    ("time.ticks_add(1, 3)", ("raises", "ValueError")),
    ("time.ticks_add()", ("raises", "ValueError")),
    ("raise OSError(5)", ("raises", "OSError 6")),
    ("raise ValueError('one')", ("raises", "ValueError: two")),
    ("import nothing", ("is", "None")),
]
RIGHT = [
    ("time.ticks_add(1, 1)", ("is", "2")),
    ("time.ticks_add(2, 2)", ("type", "int")),
    ("raise OSError(7)", ("raises", "OSError 7")),
    ("raise ValueError('two')", ("raises", "ValueError: two")),
]


def _part(wanted: list[tuple[str, tuple[str, str]]], setup: str = "import time") -> list[Part]:
    checks = tuple(Check("time.ticks_add", do, "esp32", "", how) for do, how in wanted)
    return [Part("planted", setup, (Row("time.ticks_add", "a, b", checks, "", "", {}),))]


@pytest.mark.parametrize("ground", GROUNDS)
def test_nothing_that_passes_in_the_simulation_does_otherwise_on_a_board(ground: str) -> None:
    assert list(differences(ground)) == []


@pytest.mark.parametrize("ground", GROUNDS)
def test_a_stand_in_that_does_otherwise_is_told_and_no_other(ground: str) -> None:
    told = list(differences(ground, _part(WRONG + RIGHT)))
    times = len(KINDS) if ground == "board" else 1
    for do, (how, text) in WRONG:
        assert sum(f"time.ticks_add: {do}: {how} {text}, not" in line for line in told) == times, (do, told)
    assert len(told) == times * len(WRONG)


def test_a_program_that_breaks_off_is_no_agreement() -> None:
    told = list(differences("plain", _part(RIGHT, "import nothing")))
    assert "did not come to its end" in told[0] and len(told) == 1 + len(RIGHT)


def test_every_board_and_image_of_the_rows_is_one_that_can_be_had() -> None:
    assert {check.board for part in read() for row in part.rows for check in row.checks} == set(BOARDS)
