"""The places of parts in a cabinet, and the lengths of their cables.

The controller and its panel are behind the terminal; a lock board is in the middle of its doors; a cable runs
horizontally and vertically along the compartments, never diagonally.
"""

import math

from ..document import Compartment
from ..model import Cabinet, reed_bank
from ..schema import HEIGHTS_CM
from .front import TERMINAL_HEIGHT_CM, front_of

Place = tuple[float, float]
"""Metres from the left edge of the front and above the floor."""

SLACK_M = 0.6
"""To reach the terminals at both ends, with a loop at the door's hinge."""
PANEL_M = 0.5
"""From the controller to a part of the panel before it."""
INSIDE_M = 0.3
"""Between parts that stand beside the controller."""
SUPPLY_M = 1.0
"""From the supply, at the bottom of the terminal's column, to the parts beside the controller."""


def controller(cabinet: Cabinet) -> Place:
    """Behind the terminal; if that stands apart, half a column left of the first."""
    front = front_of(cabinet)
    x = (front["terminal_column"] or 0) - 0.5
    return x * front["width_cm"] / 100, (front["terminal_cm"] + TERMINAL_HEIGHT_CM / 2) / 100


def door(cabinet: Cabinet, entry: Compartment) -> Place:
    """The middle of a door."""
    x = (entry["column"] - 0.5) * front_of(cabinet)["width_cm"]
    return x / 100, (entry["bottom_cm"] + HEIGHTS_CM[entry["size"]] / 2) / 100


def lock_board(cabinet: Cabinet, name: str) -> Place:
    """The middle of the doors that a lock board serves; beside the controller when it serves none."""
    served = [door(cabinet, d) for d in cabinet.compartments if name in (d["on"], reed_bank(d))]
    if not served:
        return controller(cabinet)
    return sum(x for x, _ in served) / len(served), sum(y for _, y in served) / len(served)


def bank(cabinet: Cabinet, name: str) -> Place:
    """Where the wires of a door end: at its lock board, or beside the controller."""
    boards = {entry["name"] for entry in cabinet.data["lock_board"]}
    return lock_board(cabinet, name) if name in boards else controller(cabinet)


def length_m(start: Place, end: Place) -> float:
    """Length of a cable between two places, rounded up to 0.1 m."""
    way = abs(start[0] - end[0]) + abs(start[1] - end[1]) + SLACK_M
    return math.ceil(round(way * 10, 6)) / 10
