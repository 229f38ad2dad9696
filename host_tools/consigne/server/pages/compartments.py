"""The compartments as the host believes them, from the locker's last occupancy."""

from collections.abc import Sequence
from typing import NamedTuple

from nicegui import ui

from consigne.ui.components import Text, box, size_name

LOOKS = {
    "empty": "",
    "parcel": "parcel",
    "taken out": "moving",
    "being filled": "moving",
    "blocked": "blocked",
}


class Believed(NamedTuple):
    """One compartment; ``content`` and ``seen`` in the host's words (``fleet/fleet.py``)."""

    name: str
    size: int
    content: str
    seen: str
    parcel: str


class Compartments:
    """A small map of a locker's compartments."""

    def __init__(self) -> None:
        self._shown: list[Believed] = []
        with box("card"):
            Text("Compartments, as known", tag="h2")
            self._grid = box("compartments")

    def show(self, believed: Sequence[Believed]) -> None:
        """Draw them when something changed."""
        if list(believed) == self._shown:
            return
        self._shown = list(believed)
        self._grid.clear()
        with self._grid:
            for one in believed:
                self._cell(one)

    def _cell(self, one: Believed) -> ui.element:
        is_open = one.seen == "open"
        cell = box(f"cell {LOOKS.get(one.content, 'unknown')} {'open' if is_open else ''}")
        cell.props["data-door"] = one.name
        cell.props["data-content"] = one.content
        cell.props["title"] = f"{one.content} {one.parcel}".strip()
        with cell:
            Text(size_name(one.size), "s")
            Text(one.name, "n")
            Text(one.parcel or (one.content + (", open" if is_open else "")), "w")
        return cell
