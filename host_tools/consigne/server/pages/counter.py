"""A clerk's page: parcels in, parcels out, and what lies on which shelf."""

from collections.abc import Callable
from functools import partial
from typing import Any

from nicegui import ui

from consigne.ui.components import Text, box, set_class
from consigne.ui.fields import Fields

from ..errors import CallerError
from ..parcels.view import Parcel
from ..people.accounts import Account
from ..service import HostService
from .work import Work, sentence

LOOK_EVERY_S = 2.0


class CounterView:
    """One counter; ``who()`` is the clerk that acts.  Empty until ``refresh``, then kept up."""

    def __init__(self, work: Work, host: HostService, account: Account, who: Callable[[], Account]) -> None:
        self._work, self._host, self._counter, self._who = work, host, str(account.locker), who
        self._names: list[str] = []
        self._shown: list[Parcel] = []
        with box("wide"):
            with box("card orders"):
                self._title = Text(self._counter, tag="h2")
                self._forms()
                self._answer = Text("", "answer", "div")
                self._answer.props["role"] = "status"
            with box("card"):
                Text("On the shelves", tag="h2")
                self._rows = box("rows")
        ui.timer(LOOK_EVERY_S, work.look(self.refresh), immediate=False)

    async def refresh(self) -> None:
        """Read what there is to show, and draw what changed.  Raises as ``Work.call``."""
        if not self._names:
            title, self._names = await self._work.call(self._read_counter)
            self._title.set_text(title)
        self._show(await self._work.call(lambda: self._host.parcels.list(self._counter, open_only=True)))

    def _read_counter(self) -> tuple[str, list[str]]:
        """The counter's title and the names of its shelves."""
        title = self._host.fleet.locker(self._counter).place.title or self._counter
        return title, [door.name for door in self._host.fleet.compartments(self._counter)]

    def _forms(self) -> None:
        fields = Fields("counter")
        take_in, find = self._work.act(self._take_in), self._work.act(self._find)
        with box("row-line"):
            with box("grow"):
                self._label = fields.line("label of the parcel", placeholder="scan or type the label")
                fields.on_enter(self._label, take_in)
            self._shelf = fields.line("shelf", placeholder="shelf, or empty")
            fields.button("Take in", take_in, "press main")
            fields.button("Give to a courier", self._work.act(self._give_back), "press")
        with box("row-line"):
            with box("grow"):
                self._code = fields.line("customer's code", placeholder="the customer's code")
                fields.on_enter(self._code, find)
            fields.button("Find", find, "press")
            fields.button("Hand over", self._work.act(partial(self._hand_over, False)), "press main")
            fields.button("Hand over, paper seen", self._work.act(partial(self._hand_over, True)), "press")

    async def _do(self, act: Callable[[str], str], *used: Any) -> None:
        """Do something as this clerk; a field that was used is empty for the next customer."""
        try:
            told, is_good = await self._work.call(lambda: act(self._who().name)), True
        except CallerError as error:
            told, is_good = sentence(error), False
        self._answer.set_text(told)
        set_class(self._answer, "good", is_good)
        set_class(self._answer, "bad", not is_good)
        if is_good:
            for line in used:
                line.set_value("")
        self._host.kick()
        await self.refresh()

    async def _take_in(self) -> None:
        label, shelf = self._label.value.strip(), self._shelf.value.strip()

        def act(by: str) -> str:
            return f"Put it on shelf {self._host.counter.take_in(self._counter, label, shelf, by=by)}."

        await self._do(act, self._label, self._shelf)

    async def _give_back(self) -> None:
        label = self._label.value.strip()

        def act(by: str) -> str:
            return f"It lies on shelf {self._host.counter.give_back(self._counter, label, by=by)}."

        await self._do(act, self._label)

    async def _find(self) -> None:
        code = self._code.value

        def act(by: str) -> str:
            found = self._host.counter.find(self._counter, code)
            return f"Shelf {found.shelf}: parcel {found.parcel}."

        await self._do(act)

    async def _hand_over(self, paper: bool) -> None:
        code = self._code.value

        def act(by: str) -> str:
            found = self._host.counter.hand_over(self._counter, code, by=by, paper=paper)
            return f"Shelf {found.shelf}: parcel {found.parcel} is handed over."

        await self._do(act, self._code)

    def _show(self, parcels: list[Parcel]) -> None:
        if parcels == self._shown:
            return
        self._shown = parcels
        self._rows.clear()
        with self._rows:
            for parcel in parcels:
                with box().props(f'data-parcel="{parcel.id}"'):
                    Text(parcel.id, "mono grow")
                    Text(self._place(parcel), f"pill {'bad' if parcel.overdue else ''}")

    def _place(self, parcel: Parcel) -> str:
        if parcel.door is None:
            return "on its way"
        late = ", to be taken back" if parcel.overdue else ""
        return f"shelf {self._names[parcel.door]}{late}"
