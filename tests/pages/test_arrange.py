"""The doors' places on the cabinet's front."""

import pytest
from consigne.demo.cabinet import SIZES
from consigne.server.pages.arrange import COLUMNS, TERMINAL_COLUMN, TERMINAL_HEIGHT, arrange, height_of
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.integers(1, 4), min_size=1, max_size=240))
def test_every_door_stands_somewhere_once_and_in_order(sizes: list[int]) -> None:
    columns = arrange(sizes)
    assert len(columns) == COLUMNS
    assert [door for column in columns for door in column] == list(range(len(sizes)))


@given(st.lists(st.integers(1, 4), min_size=12, max_size=240))
def test_no_column_towers_above_the_others(sizes: list[int]) -> None:
    columns = arrange(sizes)
    heights = [sum(height_of(sizes[door]) for door in column) for column in columns]
    heights[TERMINAL_COLUMN] += TERMINAL_HEIGHT
    tallest_door = height_of(4)
    assert max(heights) - min(heights) <= 2 * tallest_door + TERMINAL_HEIGHT


def test_the_demo_cabinet_has_three_columns_of_about_one_height() -> None:
    heights = [sum(height_of(SIZES[door]) for door in column) for column in arrange(SIZES)]
    heights[TERMINAL_COLUMN] += TERMINAL_HEIGHT
    assert max(heights) / min(heights) == pytest.approx(1.0, abs=0.15)
