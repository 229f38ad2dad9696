"""Places the doors of a cabinet on the page: turns its front into the lines of a CSS grid.

The grid's first row and first column are free for the terminal, if its own place is too narrow to be used:
beside a wide front, and above any front on a narrow screen.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .front import Place

COLUMNS_BESIDE_TERMINAL = 3  # of doors; with more the terminal stands apart, and the doors scroll
DOOR_PX = 47.0  # of the lowest door: with its rim still as wide as a finger
LOW_DOOR_CM = 12.0
DOOR_WIDE_PX = 92  # at least
DOOR_WIDE_PX_MAX = 240
TERMINAL_WIDE_PX = 290
CM_PX_MAX = 8.0


class Area(NamedTuple):
    """Lines of the grid, counted from 1; the last row is not part of it."""

    column: int
    first_row: int
    last_row: int

    @property
    def css(self) -> str:
        return f"{self.first_row} / {self.column} / {self.last_row} / {self.column + 1}"


class Grid(NamedTuple):
    """``rows_cm``: the heights of the rows below the first, from the top.

    ``terminal`` is where the terminal stands, ``clear`` the free stretch of its column round it: the drawn
    terminal fills that.  Both None if it stands apart from the doors.
    """

    rows_cm: tuple[float, ...]
    columns: int
    doors: tuple[Area, ...]
    terminal: Area | None
    clear: Area | None
    clear_cm: float

    @property
    def is_apart(self) -> bool:
        """Whether there is no room for the terminal among the doors."""
        return self.clear is None or self.columns - 1 > COLUMNS_BESIDE_TERMINAL

    def css(self, terminal_px: float) -> str:
        """The variables for ``cabinet.css``; the terminal needs ``terminal_px`` in height."""
        door = f"minmax({DOOR_WIDE_PX}px, 1fr)"
        columns = [door] * self.columns
        if self.clear is not None:
            columns[self.clear.column - 2] = f"minmax({TERMINAL_WIDE_PX}px, 1.42fr)"
        least = DOOR_PX / LOW_DOOR_CM
        roomy = max(least, terminal_px / self.clear_cm) if self.clear is not None else least
        wide = self.columns * DOOR_WIDE_PX_MAX + TERMINAL_WIDE_PX
        variables = {
            "rows": " ".join(f"calc({cm:g} * var(--cm))" for cm in self.rows_cm),
            "high": f"{sum(self.rows_cm):g}",
            "inside": "0 " + " ".join(columns),
            "beside": f"{TERMINAL_WIDE_PX}px repeat({self.columns}, {door})",
            "below": f"0 repeat({self.columns}, {door})",
            "least": f"{least:.3f}px",
            "roomy": f"{roomy:.3f}px",
            "most": f"{max(CM_PX_MAX, roomy):.3f}px",
            "wide": f"{wide}px",
        }
        return "; ".join(f"--{name}: {value}" for name, value in variables.items())


def arrange(doors: Sequence[Place], terminal: Place | None) -> Grid:
    """The grid for these doors, at least one, and the terminal, None where it stands apart."""
    shown = [*doors, terminal] if terminal else list(doors)
    edges = sorted({edge for place in shown for edge in (place.bottom_cm, place.top_cm)}, reverse=True)
    lines = {edge: 2 + number for number, edge in enumerate(edges)}

    def area(place: Place) -> Area:
        return Area(place.column + 1, lines[place.top_cm], lines[place.bottom_cm])

    clear = None
    clear_cm = 0.0
    if terminal:
        beside = [door for door in doors if door.column == terminal.column]
        top = min((door.bottom_cm for door in beside if door.bottom_cm >= terminal.top_cm), default=edges[0])
        low = max((door.top_cm for door in beside if door.top_cm <= terminal.bottom_cm), default=edges[-1])
        clear, clear_cm = Area(terminal.column + 1, lines[top], lines[low]), top - low
    return Grid(
        rows_cm=tuple(above - below for above, below in pairwise(edges)),
        columns=max(place.column for place in shown),
        doors=tuple(area(door) for door in doors),
        terminal=area(terminal) if terminal else None,
        clear=clear,
        clear_cm=clear_cm,
    )
