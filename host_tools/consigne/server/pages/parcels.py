"""Announcing a parcel, and the list of parcels of one locker."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from consigne.protocol.names import SIZES
from consigne.ui.components import Choice, Text, box, set_class
from consigne.ui.fields import Fields

from ..errors import CallerError
from .ticket import STATE_LOOKS, Ticket, state_words
from .work import Work, sentence

SIZE_CHOICES = tuple(SIZES.items())
CODE_KINDS = (("derived", "from the label"), ("listed", "at random"))
CODE_KIND_WORDS = (
    "from the label: good before the locker ever heard of the parcel; at random: drawn here and sent to it"
)


class Announce:
    """The form that announces a parcel.

    ``announce(parcel, size, code kind)`` raises ``CallerError`` when something is wrong; ``suggest`` makes
    the next parcel number.
    """

    def __init__(
        self,
        work: Work,
        announce: Callable[[str, int, str], Awaitable[None]],
        suggest: Callable[[], str],
    ) -> None:
        self._announce, self._suggest = announce, suggest
        send, fields = work.act(self._send), Fields("announce")
        with box("form-grid"):
            with box():
                Text("Parcel", "caption")
                self._parcel = fields.line("parcel number", suggest())
                fields.on_enter(self._parcel, send)
            with box():
                Text("Size", "caption")
                self._size = Choice(SIZE_CHOICES, "size")
            with box():
                Text("Code", "caption").tooltip(CODE_KIND_WORDS)
                self._kind = Choice(CODE_KINDS, "kind of code")
            fields.button("Announce", send, "press main")
        self._error = Text("", "error-line", "div")

    async def _send(self) -> None:
        try:
            await self._announce(self._parcel.value.strip(), self._size.value, self._kind.value)
        except CallerError as error:
            self._error.set_text(sentence(error))
            return
        self._error.set_text("")
        self._parcel.set_value(self._suggest())


class ParcelList:
    """All parcels of a locker, newest first; a click chooses one."""

    def __init__(self, work: Work, choose: Callable[[str], Awaitable[None]]) -> None:
        self._work, self._choose = work, choose
        self._shown: tuple[list[Ticket], str] = ([], "")
        self._list = box("parcel-list")

    def show(self, tickets: Sequence[Ticket], chosen: str) -> None:
        """Draw the list when it changed; ``chosen`` is the parcel whose ticket is shown."""
        if (list(tickets), chosen) == self._shown:
            return
        self._shown = (list(tickets), chosen)
        self._list.clear()
        with self._list:
            for ticket in tickets:
                line = box("plain parcel-line", "button").props("type=button")
                line.props["data-parcel"] = ticket.parcel
                line.props["data-state"] = ticket.state
                set_class(line, "on", ticket.parcel == chosen)
                line.on("click", self._work.act(partial(self._choose, ticket.parcel)))
                with line:
                    Text(ticket.parcel, "mono grow")
                    Text(state_words(ticket), f"pill {STATE_LOOKS.get(ticket.state, '')}")
