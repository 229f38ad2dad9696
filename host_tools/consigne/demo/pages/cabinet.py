"""The cabinet's front: bays for its doors, doors that swing, and the parcels behind them."""

from collections.abc import Sequence
from typing import Protocol

from nicegui import ui

from consigne.ui.components import Text, box, set_class, size_name

from .arrange import Area, arrange
from .front import DoorView, Front, FrontView
from .terminal import Terminal, height_px


class Part(Protocol):
    """Something on the page that shows a cabinet."""

    def show(self, view: FrontView) -> None: ...


REVEAL = """
const bay = getHtmlElement(%d), steel = bay.closest(".columns"), terminal = steel.querySelector(".terminal");
const covered = terminal.offsetWidth < steel.clientWidth / 2 ? terminal.offsetWidth : 0;
const left = bay.offsetLeft - covered, right = bay.offsetLeft + bay.offsetWidth - steel.clientWidth;
if (steel.scrollLeft > left) steel.scrollTo({ left: left - 40, behavior: "smooth" });
else if (steel.scrollLeft < right) steel.scrollTo({ left: right + 40, behavior: "smooth" });
"""
"""Scrolls a front that is too wide until a door is seen beside the terminal; nothing on any other."""


class Bay:
    """One compartment: its door, its inside, and what a hand can do there."""

    def __init__(self, front: Front, door: int, area: Area, hinge_right: bool) -> None:
        self._front, self._door = front, door
        plate = front.plates[door]
        classes = "bay hinge-right" if hinge_right else "bay"
        self._bay = box(classes).style(f"grid-area: {area.css}")
        self._bay.props["data-door"] = plate.name
        self._view: DoorView | None = None
        with self._bay:
            self._inside = box("inside").on("click", lambda: front.move_parcel(door))
            self._inside.props["aria-label"] = f"inside of door {plate.name}"
            with self._inside:
                box("parcel-in")
                self._hint = Text("", "hint")
            shut = Text("shut", "plain shut", "button").props("type=button")
            shut.props["aria-label"] = f"push door {plate.name} shut"
            shut.on("click", self._push)  # for when the open door's edge is too narrow for a finger
            self._leaf = box("leaf").on("click", self._push)
            self._leaf.props["aria-label"] = f"door {plate.name}"
            with self._leaf:
                box("face back")
                with box("face front"):
                    Text(plate.name, "door-number", "div")
                    Text(size_name(plate.size), "door-size")
                    box("keyhole")
                    # A click on it must not count as a push on the door around it.
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
        self._view, before = view, self._view
        set_class(self._bay, "open", view.is_open)
        if before and view.is_open and not before.is_open:
            ui.run_javascript(REVEAL % self._bay.id)
        set_class(self._bay, "coil", view.coil)
        set_class(self._bay, "full", view.parcel)
        self._hint.set_text("take the parcel out" if view.parcel else "put a parcel in")


class CabinetView:
    """A whole cabinet on a page; ``show`` brings it up to date."""

    def __init__(self, front: Front) -> None:
        grid = arrange([plate.place for plate in front.plates], front.terminal)
        self._cabinet = box("cabinet apart" if grid.is_apart else "cabinet")
        with self._cabinet:
            self._ended = Ended()
            with box("front"), box("columns").style(grid.css(height_px(front))):
                inside = f"--inside-area: {grid.clear.css}" if grid.clear else ""
                self._terminal = Terminal(front, inside)
                if grid.terminal:
                    with box("terminal-here").style(f"grid-area: {grid.terminal.css}"):
                        Text("terminal")
                self._bays = [
                    Bay(front, door, area, 1 < grid.columns == area.column - 1)
                    for door, area in enumerate(grid.doors)
                ]

    def show(self, view: FrontView) -> None:
        """Draw what changed since the last view."""
        set_class(self._cabinet, "dark", not view.powered)
        self._ended.show(view)
        self._terminal.show(view)
        for bay, seen in zip(self._bays, view.doors, strict=True):
            bay.show(seen)


class Ended:
    """Shows that the firmware has ended, and why; takes no room while it runs."""

    def __init__(self) -> None:
        self._shown: tuple[str, ...] = ()
        self._card = box("ended").props("role=alert")

    def show(self, view: FrontView) -> None:
        """Show the console's last lines, or nothing."""
        if view.last_words == self._shown:
            return
        self._shown = view.last_words
        self._card.clear()
        if self._shown:
            with self._card:
                Text(f"The firmware ended: {self._shown[-1]}", "why", "div")
                Text("\n".join(self._shown), "console", "pre")
                Text("To start it again, turn the power off and on.", "advice", "div")


def keep_drawn(front: Front, parts: Sequence[Part]) -> ui.timer:
    """Draw ``parts``, and redraw them while the page is open.

    They are drawn before the page is sent: on a page that was just loaded, also in the middle of an errand,
    an open door is seen and can be pushed shut.  The physics moves in its own thread, faster than a page
    can; a page takes a look 20 times a second and sends what changed.
    """
    last: list[FrontView] = []

    def look() -> None:
        view = front.view()
        if last and last[0] == view:
            return
        last[:] = [view]
        for part in parts:
            part.show(view)

    look()
    return ui.timer(0.05, look)
