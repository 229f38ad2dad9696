"""The cabinet's front: bays in columns, doors that swing, and what lies behind them."""

from collections.abc import Sequence
from typing import Protocol

from nicegui import ui

from .arrange import COLUMNS, TERMINAL_COLUMN, arrange, height_of
from .dress import Text, box, set_class
from .front import DoorView, Front, FrontView, size_name
from .terminal import Terminal


class Part(Protocol):
    """Something on the page that shows a cabinet."""

    def show(self, view: FrontView) -> None: ...


class Bay:
    """One compartment: its door, its inside, and what a hand can do there."""

    def __init__(self, front: Front, door: int, hinge_right: bool) -> None:
        self._front, self._door = front, door
        plate = front.plates[door]
        classes = "bay hinge-right" if hinge_right else "bay"
        self._bay = box(classes).style(f"flex-grow: {height_of(plate.size)}")
        self._bay.props["data-door"] = plate.name
        self._view: DoorView | None = None
        with self._bay:
            self._inside = box("inside").on("click", lambda: front.move_parcel(door))
            self._inside.props["aria-label"] = f"inside of door {plate.name}"
            with self._inside:
                box("parcel-in")
                self._hint = Text("", "hint")
            self._leaf = box("leaf").on("click", self._push)
            self._leaf.props["aria-label"] = f"door {plate.name}"
            with self._leaf:
                box("face back")
                with box("face front"):
                    Text(plate.name, "door-number", "div")
                    Text(size_name(plate.size), "door-size")
                    box("keyhole")
                    # A click on it is no push on the leaf around it.
                    pry = Text("pry open", "plain pry", "button").props("type=button tabindex=-1")
                    pry.props["aria-label"] = f"pry door {plate.name} open"
                    pry.on("click.stop", lambda: front.pry(door))

    def _push(self) -> None:
        if self._view and self._view.is_open:
            self._front.push_shut(self._door)

    def show(self, view: DoorView) -> None:
        """Draw the compartment as ``view`` has it."""
        if view == self._view:
            return
        self._view = view
        set_class(self._bay, "open", view.is_open)
        set_class(self._bay, "coil", view.coil)
        set_class(self._bay, "full", view.parcel)
        self._hint.set_text("take the parcel out" if view.parcel else "put a parcel in")


class CabinetView:
    """A whole cabinet on a page; ``show`` brings it up to date."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._bays: dict[int, Bay] = {}
        self._cabinet = box("cabinet")
        columns = arrange([plate.size for plate in front.plates])
        with self._cabinet, box("columns"):
            for column, doors in enumerate(columns):
                with box("column-of-bays"):
                    if column == TERMINAL_COLUMN:
                        self._terminal = Terminal(front)
                    for door in doors:
                        self._bays[door] = Bay(front, door, column == COLUMNS - 1)

    def show(self, view: FrontView) -> None:
        """Draw what changed since the last view."""
        set_class(self._cabinet, "dark", not view.powered)
        self._terminal.show(view)
        for door, seen in enumerate(view.doors):
            self._bays[door].show(seen)


def keep_drawn(front: Front, parts: Sequence[Part]) -> ui.timer:
    """Redraw ``parts`` while the page is open.

    The physics moves in its own thread, faster than a page can; a page takes a look 20 times a
    second and sends what changed.
    """
    last: list[FrontView] = []

    def look() -> None:
        view = front.view()
        if last and last[0] == view:
            return
        last[:] = [view]
        for part in parts:
            part.show(view)

    return ui.timer(0.05, look)
