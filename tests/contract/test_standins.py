"""What stands for the port's modules does as its C source does, row by row, on each ground."""

from typing import Any

import pytest
from runs import BOARDS, differences
from table import GROUNDS, Check, Part, Row, read


def _part(do: str, wanted: tuple[str, str], limited: dict[str, Any] | None = None) -> list[Part]:
    row = Row(
        "time.ticks_add", "a, b", (Check("time.ticks_add", do, "esp32", "", wanted),), "", "", limited or {}
    )
    return [Part("planted", "import time, errno", (row,))]


@pytest.mark.parametrize("ground", GROUNDS)
def test_nothing_that_passes_in_the_simulation_does_otherwise_on_a_board(ground: str) -> None:
    assert list(differences(ground)) == []


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize(
    ("do", "wanted"),
    [
        ("time.ticks_add(1, 1)", ("is", "3")),
        ("time.ticks_add(1, 1)", ("type", "str")),
        ("time.ticks_add(1, 1)", ("raises", "ValueError")),
        ("time.ticks_add()", ("raises", "ValueError")),
        ("raise OSError(5)", ("raises", "OSError 6")),
        ("raise ValueError('one')", ("raises", "ValueError: two")),
        ("import nothing", ("is", "None")),
    ],
)
def test_a_stand_in_that_does_otherwise_is_told(ground: str, do: str, wanted: tuple[str, str]) -> None:
    told = list(differences(ground, _part(do, wanted)))
    assert told and all(f"time.ticks_add: {do}" in line for line in told)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize(
    ("do", "wanted"),
    [
        ("time.ticks_add(1, 1)", ("is", "2")),
        ("raise OSError(5)", ("raises", "OSError 5")),
        ("raise ValueError('one')", ("raises", "ValueError: one")),
    ],
)
def test_one_that_does_as_the_row_says_is_not(ground: str, do: str, wanted: tuple[str, str]) -> None:
    assert list(differences(ground, _part(do, wanted))) == []


def test_a_program_that_breaks_off_is_no_agreement() -> None:
    told = list(differences("virtual", _part("raise SystemExit", ("is", "None"))))
    assert told
    told = list(differences("plain", [Part("broken", "import nothing", _part("1", ("is", "1"))[0].rows)]))
    assert "did not come to its end" in told[0]


def test_every_board_and_image_of_the_rows_is_one_that_can_be_had() -> None:
    assert {check.board for part in read() for row in part.rows for check in row.checks} == set(BOARDS)
