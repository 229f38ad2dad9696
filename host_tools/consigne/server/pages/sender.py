"""A carrier's, merchant's or partner's page: announce, follow, take back, and the codes of today."""

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from locker.core import events
from nicegui import ui

from consigne.ui.components import Choice, Text, box, button, set_class
from consigne.ui.fields import Fields

from ..errors import CallerError
from ..fleet.overview import FIND_CHARACTERS_MAX
from ..parcels.view import Parcel
from ..people.accounts import Account
from ..people.roles import HOLDER_ROLES, Role
from ..service import HostService
from .parcels import SIZE_CHOICES
from .pictures import qr_svg
from .ticket import STATE_LOOKS, spaced
from .work import Work, sentence

LOOK_EVERY_S = 5.0
SHOWN_MAX = 100
POINTS_MAX = 12
DAYS = ((3, "3 days"), (5, "5 days"), (7, "7 days"))
NO_POINTS = "No locker or counter is registered yet."
RETURN_DAYS = 14
EXTEND_DAYS = 3
ACTIONS = {
    Role.CARRIER: ((events.DEPOSIT, "leave parcels"), (events.RECALL, "take parcels back")),
    Role.MERCHANT: (
        (events.DEPOSIT, "leave parcels"),
        (events.RECALL, "take parcels back"),
        (events.HANDOVER, "hand over"),
    ),
    Role.PARTNER: ((events.HANDOVER, "take parcels to deliver"),),
}


class _Asked(NamedTuple):
    """What stands in the fields of a parcel to announce."""

    parcel: str
    locker: str
    size: int
    deadline_days: int
    contact: str | None


class SenderView:
    """What one sender sees; ``who()`` is the account that acts.  Empty until ``refresh``, then kept up."""

    def __init__(self, work: Work, host: HostService, account: Account, who: Callable[[], Account]) -> None:
        self._work, self._host, self._account, self._who = work, host, account, who
        self._shown: list[Parcel] = []
        with box("wide"):
            if not account.role.sits:
                self._announce_card()
            self._code_card()
            with box("card"):
                Text("Parcels", tag="h2")
                self._rows = box("rows")
        ui.timer(LOOK_EVERY_S, work.look(self.refresh), immediate=False)

    # --- announcing ----------------------------------------------------------------------------------------

    def _announce_card(self) -> None:
        find, fields = self._work.act(self._find), Fields("announce")
        with box("card orders"):
            Text("Announce a parcel", tag="h2")
            with box("row-line"):
                with box("grow"):
                    self._parcel = fields.line("parcel number", placeholder="what its label says")
                with box("grow"):
                    self._locker = fields.line(
                        "locker or counter", placeholder="name of the locker or counter"
                    )
                    fields.on_enter(self._locker, find)
                fields.button("Find", find, "press")
            self._points = box("chips")
            with box("row-line"):
                self._size = Choice(SIZE_CHOICES, "size")
                self._days = Choice(DAYS, "days to collect")
                with box("grow"):
                    self._contact = fields.line(
                        "customer's contact", placeholder="mail:someone@example.org or sms:+33612345678"
                    )
                fields.button("Announce", self._work.act(self._announce), "press main")
            self._label = box("return-label")
            self._told = Text("", "answer", "div")
            self._told.props["role"] = "status"

    async def _find(self) -> None:
        find = self._locker.value.strip()[:FIND_CHARACTERS_MAX]
        points = await self._work.call(self._host.overview.points, find)
        self._points.clear()
        with self._points:
            if not points:
                Text("No locker or counter fits." if find else NO_POINTS, "quiet")
            for point in points[:POINTS_MAX]:
                free = " ".join(f"{count} {size}" for size, count in point.free.items()) or "full"
                label = f"{point.id} {point.title} · {free}"
                button(label, lambda _, id_=point.id: self._locker.set_value(id_), "press small")

    async def _announce(self) -> None:
        asked = _Asked(
            self._parcel.value.strip(),
            self._locker.value.strip(),
            self._size.value,
            self._days.value,
            self._contact.value.strip() or None,
        )
        try:
            made, code = await self._work.call(self._announced, asked)
        except CallerError as error:
            self._tell(sentence(error), is_good=False)
            return
        self._tell(f"{made.id} is announced. Its code: {spaced(code)}", is_good=True)
        self._parcel.set_value("")
        self._contact.set_value("")
        await self.refresh()

    def _announced(self, asked: _Asked) -> tuple[Parcel, str]:
        """Announce a parcel; returns it and its code."""
        by = self._who().name
        made = self._host.parcels.announce(
            asked.parcel,
            asked.locker,
            size=asked.size,
            deadline_days=asked.deadline_days,
            contact=asked.contact,
            carrier=self._account.holder,
            by=by,
        )
        self._host.kick()
        return made, self._host.parcels.code(made.id, by=by)

    def _tell(self, words: str, *, is_good: bool) -> None:
        self._told.set_text(words)
        set_class(self._told, "good", is_good)
        set_class(self._told, "bad", not is_good)

    # --- codes of today ------------------------------------------------------------------------------------

    def _code_card(self) -> None:
        fields = Fields("code")
        with box("card orders"):
            Text("Code of today", tag="h2")
            with box("row-line"):
                self._at = fields.line("locker of the code", self._account.locker or "", "name of the locker")
                self._action = Choice(ACTIONS[self._account.role], "what for")
                fields.button("Show code", self._work.act(self._show_code), "press")
            self._digits = Text("", "digits mono", "div")

    async def _show_code(self) -> None:
        locker, action = self._at.value.strip(), self._action.value
        try:
            code = await self._work.call(self._code, locker, action)
        except CallerError as error:
            self._digits.set_text(sentence(error))
            return
        self._digits.set_text(spaced(code))

    def _code(self, locker: str, action: int) -> str:
        role, holder = HOLDER_ROLES[self._account.role], self._account.holder or 0
        by = self._who().name
        told = self._host.passes.window_code(locker, role=role, action=action, holder=holder, by=by)
        return told.code

    # --- parcels -------------------------------------------------------------------------------------------

    def _read(self) -> list[Parcel]:
        """This account's parcels; what must be taken back stands first."""
        if self._account.role.sits:
            parcels = self._host.parcels.list(self._account.locker, open_only=True, limit=SHOWN_MAX)
        else:
            parcels = self._host.parcels.list(carrier=self._account.holder, limit=SHOWN_MAX)
        return sorted(parcels, key=lambda parcel: not parcel.overdue)

    async def refresh(self) -> None:
        """Read the parcels, and draw them when they changed.  Raises as ``Work.call``."""
        parcels = await self._work.call(self._read)
        if parcels == self._shown:
            return
        self._shown = parcels
        self._rows.clear()
        with self._rows:
            if not parcels:
                Text("Nothing yet.", "quiet", "div")
            for parcel in parcels:
                self._line(parcel)

    def _line(self, parcel: Parcel) -> None:
        with box().props(f'data-parcel="{parcel.id}" data-state="{parcel.state}"'):
            Text(parcel.id, "mono grow")
            Text(parcel.locker, "soft")
            Text(_until(parcel), "soft num")
            look = "bad" if parcel.overdue else STATE_LOOKS.get(parcel.state, "")
            Text("take back" if parcel.overdue else parcel.state.replace("_", " "), f"pill {look}")
            if self._account.role.sits:
                return
            if parcel.state == "in_locker":
                button(
                    "3 days more",
                    self._work.act(partial(self._extend, parcel.id)),
                    "press small",
                )
            elif parcel.state == "announced":
                button("Return label", self._work.act(partial(self._return_label, parcel)), "press small")

    async def _return_label(self, parcel: Parcel) -> None:
        """A QR code with which the customer leaves this parcel in the locker, to be sent back."""
        try:
            token = await self._work.call(self._return_token, parcel)
        except CallerError as error:
            self._tell(sentence(error), is_good=False)
            return
        self._label.clear()
        with self._label:
            ui.html(qr_svg(token), sanitize=False).classes("qr")
            with box():
                Text(parcel.id, "mono")
                Text(f"For the customer: show it to the scanner of {parcel.locker}, put the parcel in.")
                Text(f"Works once, for {RETURN_DAYS} days.", "faint")

    def _return_token(self, parcel: Parcel) -> str:
        made = self._host.passes.token(
            parcel.locker,
            action=events.RETURN,
            holder=self._account.holder or 0,
            parcel=parcel.id,
            days=RETURN_DAYS,
            by=self._who().name,
        )
        return made.token

    async def _extend(self, parcel: str) -> None:
        try:
            await self._work.call(lambda: self._host.parcels.extend(parcel, EXTEND_DAYS, by=self._who().name))
        except CallerError as error:
            self._tell(sentence(error), is_good=False)
        await self.refresh()


def _until(parcel: Parcel) -> str:
    if parcel.collect_by is None:
        return ""
    left_h = (parcel.collect_by - int(time.time())) // 3600
    return f"{left_h // 24} d {left_h % 24} h left" if left_h >= 0 else f"{-left_h // 24} d over"
