"""A clerk's page: parcels in, parcels out, and what lies on which shelf."""

from collections.abc import Callable
from typing import Any

from nicegui import ui

from consigne.ui.components import Text, box, button, field, set_class

from ..errors import CallerError
from ..parcels.view import Parcel
from ..people.accounts import Account
from ..service import HostService

LOOK_EVERY_S = 2.0


class CounterView:
    """One counter; ``who()`` is the clerk that acts."""

    def __init__(self, host: HostService, account: Account, who: Callable[[], Account]) -> None:
        self._host, self._counter, self._who = host, str(account.locker), who
        self._names = [str(door["name"]) for door in host.fleet.compartments(self._counter)]
        self._shown: list[Parcel] = []
        with box("wide"):
            with box("card orders"):
                Text(host.fleet.locker(self._counter)["place"].get("title") or self._counter, tag="h2")
                self._forms()
                self._answer = Text("", "answer", "div")
                self._answer.props["role"] = "status"
            with box("card"):
                Text("On the shelves", tag="h2")
                self._rows = box("rows")
        self._look()
        ui.timer(LOOK_EVERY_S, self._look)

    def _forms(self) -> None:
        with box("row-line"):
            with box("grow"):
                self._label = field("label of the parcel", placeholder="scan or type the label")
                self._label.on("keydown.enter", self._take_in)
            self._shelf = field("shelf", placeholder="shelf, or empty")
            button("Take in", self._take_in, "press main")
            button("Give to a courier", self._give_back, "press")
        with box("row-line"):
            with box("grow"):
                self._code = field("customer's code", placeholder="the customer's code")
                self._code.on("keydown.enter", self._find)
            button("Find", self._find, "press")
            button("Hand over", lambda: self._hand_over(False), "press main")
            button("Hand over, paper seen", lambda: self._hand_over(True), "press")

    def _do(self, act: Callable[[str], str], *used: Any) -> None:
        """Do something as this clerk; a field that was used is empty for the next customer."""
        try:
            told, is_good = act(self._who().name), True
        except CallerError as error:
            told, is_good = f"{error}.", False
        self._answer.set_text(told[0].upper() + told[1:])
        set_class(self._answer, "good", is_good)
        set_class(self._answer, "bad", not is_good)
        if is_good:
            for line in used:
                line.set_value("")
        self._host.kick()
        self._look()

    def _take_in(self) -> None:
        label, shelf = self._label.value.strip(), self._shelf.value.strip()

        def act(by: str) -> str:
            return f"Put it on shelf {self._host.counter.take_in(self._counter, label, shelf, by=by)}."

        self._do(act, self._label, self._shelf)

    def _give_back(self) -> None:
        label = self._label.value.strip()

        def act(by: str) -> str:
            return f"It lies on shelf {self._host.counter.give_back(self._counter, label, by=by)}."

        self._do(act, self._label)

    def _find(self) -> None:
        def act(by: str) -> str:
            found = self._host.counter.find(self._counter, self._code.value)
            return f"Shelf {found['shelf']}: parcel {found['parcel']}."

        self._do(act)

    def _hand_over(self, paper: bool) -> None:
        def act(by: str) -> str:
            found = self._host.counter.hand_over(self._counter, self._code.value, by=by, paper=paper)
            return f"Shelf {found['shelf']}: parcel {found['parcel']} is handed over."

        self._do(act, self._code)

    def _look(self) -> None:
        parcels = self._host.parcels.list(self._counter, open_only=True)
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
