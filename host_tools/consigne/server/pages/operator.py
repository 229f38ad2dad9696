"""The operator's view of one locker: its state, announcements, codes, compartments, events."""

import asyncio
import time

from locker.journal.report import CLEAN, FRESH, STATE_NAMES
from nicegui import ui

from consigne.ui.components import Text, box, button

from ..fleet.overview import SOUND_JOURNALS
from .compartments import Compartments
from .desk import RETIRED, Desk, LockerLine, Seen
from .feed import Feed
from .parcels import Announce, ParcelList
from .ticket import Hands, TicketCard, spaced
from .work import Work

JOURNAL_WORDS = {
    STATE_NAMES[CLEAN]: "memory in order",
    STATE_NAMES[FRESH]: "memory new",
}  # another state of the journal is shown by its own name
LOOK_EVERY_S = 0.1  # whether the desk has news
READ_AT_LEAST_EVERY_S = 20.0  # the courier code changes at midnight, whatever happens
READ_UNHEARD_EVERY_S = 2.0


class OperatorView:
    """One locker as the host knows it; empty until ``refresh``, then kept up while the page is open.

    Parameters
    ----------
    work
        The page's work.
    desk
        What the host knows, and what it can be asked to do.
    hands
        Present when the cabinet stands on the same page: tickets then get buttons that type and scan.
    is_retired
        No parcel can come any more; one that is retired while the page is open is heard of.
    """

    def __init__(
        self, work: Work, desk: Desk, hands: Hands | None = None, *, is_retired: bool = False
    ) -> None:
        self._work, self._desk = work, desk
        self._chosen = ""
        self._last_event = 0
        self._courier_digits = ""
        with box("desk"):
            self._line = StatusLine()
            with box("card"):
                self._title = Text("Parcels" if is_retired else "Announce a parcel", tag="h2")
                self._form = box()
                if not is_retired:
                    with self._form:
                        Announce(work, self._announce, desk.suggest)
                with box("codes"):
                    self._ticket = TicketCard(hands)
                    self._parcels = ParcelList(work, self._choose)
            with box("two"):
                with box("side"):
                    self._courier_card(hands)
                    self._compartments = Compartments()
                self._feed = Feed()
        self._seen_revision = -1
        self._read_at_s = 0.0
        self._drawing = asyncio.Lock()
        ui.timer(LOOK_EVERY_S, work.look(self._look), immediate=False)

    def _courier_card(self, hands: Hands | None) -> None:
        self._courier_box = box("card courier")
        with self._courier_box:
            with box("grow"):
                Text("Courier code, today", tag="h2")
                self._courier = Text("", "digits", "div")
            if hands is not None:
                button("Type it", lambda: hands.type_code(self._courier_digits), "press small")

    async def _look(self) -> None:
        patience_s = READ_AT_LEAST_EVERY_S if self._desk.hears_all else READ_UNHEARD_EVERY_S
        is_old = time.monotonic() - self._read_at_s > patience_s
        if self._desk.revision != self._seen_revision or is_old:
            await self.refresh()

    async def _announce(self, parcel: str, size: int, kind: str) -> None:
        await self._work.call(self._desk.announce, parcel, size, kind)
        self._desk.changed()
        await self._choose(parcel)

    async def _choose(self, parcel: str) -> None:
        self._chosen = parcel
        await self._work.call(self._desk.shown, parcel)
        await self.refresh()

    async def refresh(self) -> None:
        """Read everything and draw what changed.  Raises as ``Work.call``."""
        async with self._drawing:  # a click and the timer: one after the other, or events are shown twice
            revision = self._desk.revision
            seen = await self._work.call(self._desk.seen, self._last_event)
            self._seen_revision, self._read_at_s = revision, time.monotonic()
            self._show(seen)

    def _show(self, seen: Seen) -> None:
        self._line.show(seen.line)
        if seen.line.kind == RETIRED and not self._form.is_deleted:
            self._form.delete()
            self._title.set_text("Parcels")
        chosen = next((ticket for ticket in seen.tickets if ticket.parcel == self._chosen), None)
        self._ticket.show(chosen)
        self._parcels.show(seen.tickets, self._chosen)
        self._courier_digits = seen.courier_digits
        self._courier.set_text(spaced(self._courier_digits))
        self._courier.props["data-digits"] = self._courier_digits
        self._courier_box.set_visibility(bool(self._courier_digits))
        self._compartments.show(seen.believed)
        self._feed.add(seen.arrived)
        self._last_event = seen.last


class StatusLine:
    """One line: which locker, whether it is connected, and how its memory and clock are."""

    def __init__(self) -> None:
        self._shown: LockerLine | None = None
        self._card = box("card locker-line")

    def show(self, line: LockerLine) -> None:
        """Draw it when it changed."""
        if line == self._shown:
            return
        self._shown = line
        self._card.clear()
        with self._card:
            Text(line.locker, "id")
            if line.kind:
                Text(line.kind, "pill")
            else:
                self._draw_state(line)
            Text(line.numbers, "numbers")

    @staticmethod
    def _draw_state(line: LockerLine) -> None:
        pill = Text("connected" if line.up else "not connected", "pill good" if line.up else "pill bad")
        pill.props["data-up"] = "true" if line.up else "false"
        if line.heard:
            Text(line.heard, "soft")
        if line.journal:
            Text(
                JOURNAL_WORDS.get(line.journal, f"memory {line.journal}"),
                "pill good" if line.journal in SOUND_JOURNALS else "pill busy",
            )
        Text(f"clock {line.clock}", "pill good" if line.clock == "set" else "pill busy")
        for fault in line.faults:
            Text(fault, "pill bad")
