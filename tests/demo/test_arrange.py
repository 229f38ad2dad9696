"""The doors' places on the page are those of the drawn front."""

import xml.etree.ElementTree as ElementTree
from itertools import accumulate
from pathlib import Path

import pytest
from consigne.cabinet.compiler import open_cabinet
from consigne.cabinet.draw.front import places
from consigne.cabinet.draw.frontsvg import svg
from consigne.cabinet.profiles import hardware_dir
from consigne.demo.front import plates, terminal
from consigne.demo.pages.arrange import Area, Grid, arrange
from consigne.demo.pages.front import Place
from hypothesis import given
from hypothesis import strategies as st

FILES = sorted((hardware_dir() / "cabinets").glob("*.toml"))
PX, LEFT_PX, RIM_PX = 4.0, 64.0, 1.5  # of the drawing: frontsvg.py


def drawn(file: Path) -> tuple[list[tuple[int, float, float]], float]:
    """Column and upper and lower edge of every door in the drawing, in cm from the top; a column's width."""
    rects = [
        e.attrib for e in ElementTree.fromstring(svg(open_cabinet(file))).iter() if e.tag.endswith("rect")
    ]
    doors = [rect for rect in rects if rect.get("stroke") and rect["rx"] == "3"]
    wide = (float(doors[0]["width"]) + 2 * RIM_PX) / PX
    found = []
    for rect in doors:
        column = ((float(rect["x"]) - RIM_PX - LEFT_PX) / PX) / wide + 1
        top = (float(rect["y"]) - RIM_PX) / PX
        found.append((round(column), top, top + (float(rect["height"]) + 2 * RIM_PX) / PX))
    return found, wide


def edges(grid: Grid, area: Area) -> tuple[float, float]:
    """Upper and lower edge of an area, in cm from the top of the grid."""
    lines = [0.0, *accumulate(grid.rows_cm)]
    return lines[area.first_row - 2], lines[area.last_row - 2]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_door_stands_on_the_page_where_the_drawing_has_it(file: Path) -> None:
    where = places(open_cabinet(file))
    grid = arrange([plate.place for plate in plates(where, [1] * len(where.doors))], terminal(where))
    wanted, _ = drawn(file)
    assert len(grid.doors) == len(wanted)
    shift = {
        round(top - edges(grid, area)[0], 3) for (_, top, _), area in zip(wanted, grid.doors, strict=True)
    }
    assert len(shift) == 1, "the page's front begins somewhere else for some doors"
    offset = shift.pop()
    for (column, top, bottom), area in zip(wanted, grid.doors, strict=True):
        assert area.column - 1 == column
        assert edges(grid, area) == pytest.approx((top - offset, bottom - offset), abs=0.01)


@given(
    st.lists(
        st.tuples(st.integers(1, 14), st.sampled_from((12.0, 20.0, 30.0, 45.0))), min_size=1, max_size=96
    )
)
def test_any_stack_of_doors_keeps_its_heights_and_the_terminal_its_room(
    stack: list[tuple[int, float]],
) -> None:
    filled: dict[int, float] = {}
    doors = []
    for column, high in stack:
        bottom = filled.get(column, 10.0)
        doors.append(Place(column, bottom, bottom + high))
        filled[column] = bottom + high
    column = max(filled)
    stands = Place(column, filled[column] + 5, filled[column] + 65)
    grid = arrange(doors, stands)
    for door, area in zip(doors, grid.doors, strict=True):
        top, bottom = edges(grid, area)
        assert bottom - top == pytest.approx(door.top_cm - door.bottom_cm)
    assert grid.clear is not None and grid.terminal is not None
    assert grid.clear.first_row <= grid.terminal.first_row < grid.terminal.last_row <= grid.clear.last_row
    assert all(
        area.last_row <= grid.clear.first_row or grid.clear.last_row <= area.first_row
        for area in grid.doors if area.column == grid.clear.column
    )  # fmt: skip


def test_a_terminal_that_stands_nowhere_among_the_doors_stands_beside_them() -> None:
    assert arrange([Place(1, 10, 22), Place(1, 22, 34)], None).is_apart
