"""What the cabinet's page needs from a cabinet: the view from outside, and the actions of hands.

A page redraws from a ``FrontView`` taken ten to twenty-five times a second, so a view must be cheap to
make and to compare.  The hands' methods return at once; their effect shows in a later view.
"""

from typing import NamedTuple, Protocol


class DoorView(NamedTuple):
    """One door as seen from outside."""

    is_open: bool
    coil: bool  # the strike is energised right now
    parcel: bool  # something lies in the compartment


class Drawn(NamedTuple):
    """A character that the firmware drew itself: its place on the glass and its eight rows of dots.

    Bit 4 of a row is its leftmost dot.
    """

    row: int
    column: int
    dots: bytes


class FrontView(NamedTuple):
    """Everything of the front that changes.

    ``last_words`` are the console's last lines when the firmware has ended, none while it runs.
    ``lines`` are the display's rows as written to its glass, each as long as the display has
    columns; ``drawn`` are the characters among them that are not in its ROM.  ``lit`` is the
    backlight.  ``scanned`` counts the things held to the scanner since the start.
    """

    powered: bool
    networked: bool
    lit: bool
    lines: tuple[str, ...]
    drawn: tuple[Drawn, ...]
    lamp: bool
    horn: bool
    scanned: int
    doors: tuple[DoorView, ...]
    last_words: tuple[str, ...] = ()


class Place(NamedTuple):
    """A place on the front: columns from 1 at the left, heights above the floor."""

    column: int
    bottom_cm: float
    top_cm: float


class DoorPlate(NamedTuple):
    """The texts on a door, its name and its size, 1 (S) to 4 (XL), and its place."""

    name: str
    size: int
    place: Place


class Front(Protocol):
    """One cabinet: a simulated one, with the real firmware behind it."""

    plates: tuple[DoorPlate, ...]
    terminal: Place | None  # None: it stands apart from the doors
    keys: str  # the keypad's characters, row by row
    columns: int
    rows: int

    def view(self) -> FrontView: ...

    def press(self, key: str) -> None:
        """Press and release one of ``keys``."""

    def type_code(self, digits: str) -> None:
        """Press the digits one after another, then ``#``."""

    def scan(self, text: str) -> None:
        """Hold a code with this content to the scanner; printable ASCII, at most 256 characters."""

    def push_shut(self, door: int) -> None: ...

    def pry(self, door: int) -> None:
        """Force the door open by hand, as a thief would."""

    def move_parcel(self, door: int) -> None:
        """Put a parcel into the open compartment, or take out the one that lies there."""

    def set_power(self, on: bool) -> None: ...

    def set_network(self, on: bool) -> None: ...
