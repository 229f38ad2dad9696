"""Events as they arrive in the host's database, newest on top."""

from collections.abc import Sequence
from typing import NamedTuple

from nicegui import ui

from consigne.ui.components import Text, box

from .wording import Wording

LINES_MAX = 120


class Arrived(NamedTuple):
    """One event of the database, in words.

    ``at`` is the time of day as the locker knew it (``times``); ``kind`` as in the protocol.
    """

    seq: int
    at: str
    kind: str
    words: Wording


class Feed:
    """A list of events that grows at the top and forgets at the bottom."""

    def __init__(self) -> None:
        with box("card"):
            Text("Events", tag="h2")
            self._quiet = Text("Nothing has happened yet.", "quiet", "div")
            self._lines = box("feed").props("role=log")
            self._rows: list[ui.element] = []

    def add(self, arrived: Sequence[Arrived]) -> None:
        """Show these too; oldest first."""
        if not arrived:
            return
        self._quiet.set_visibility(False)
        with self._lines:
            for one in arrived:
                row = self._line(one)
                row.move(target_index=0)
                self._rows.append(row)
        for old in self._rows[:-LINES_MAX]:
            old.delete()
        del self._rows[:-LINES_MAX]

    def _line(self, one: Arrived) -> ui.element:
        words = one.words
        row = box("feed-line")
        row.props["data-kind"] = one.kind
        with row:
            Text(one.at, "t")
            box(f"dot {words.tone}", "span")
            with box("what"):
                Text(words.headline, tag="b")
                Text(f" {words.more}", "more")
            Text(f"#{one.seq}", "q")
        return row
