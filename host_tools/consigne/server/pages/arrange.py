"""Which door stands where: a list of doors made into the columns of a cabinet front."""

from collections.abc import Sequence

COLUMNS = 3
TERMINAL_COLUMN = 1
TERMINAL_HEIGHT = 6.0  # what the display, scanner and keypad take, in heights of an S door
HEIGHTS = (1.0, 1.0, 1.5, 2.2, 3.2)  # of a door, by its size


def height_of(size: int) -> float:
    """The height of a door, in heights of an S door."""
    return HEIGHTS[min(max(size, 0), len(HEIGHTS) - 1)]


def arrange(sizes: Sequence[int]) -> list[list[int]]:
    """Split doors, kept in their order, into ``COLUMNS`` columns of about the same height.

    The middle column starts with the terminal.  Returns the door indices of each column; every
    door is in exactly one.
    """
    columns: list[list[int]] = [[] for _ in range(COLUMNS)]
    filled = [TERMINAL_HEIGHT if column == TERMINAL_COLUMN else 0.0 for column in range(COLUMNS)]
    goal = (sum(height_of(size) for size in sizes) + TERMINAL_HEIGHT) / COLUMNS
    column = 0
    for door, size in enumerate(sizes):
        height = height_of(size)
        if column < COLUMNS - 1 and filled[column] + (height / 2 if columns[column] else 0) > goal:
            column += 1
        columns[column].append(door)
        filled[column] += height
    return columns
