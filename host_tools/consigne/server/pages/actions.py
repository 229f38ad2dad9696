"""An operator's cards beside a locker: orders, alarms, latches, codes and who did what."""

from collections.abc import Callable, Sequence
from functools import partial

from locker.core.events import COLLECT
from locker.core.orders import SETTINGS
from locker.core.windows import SLOT_S
from locker.texts import LANGUAGES
from nicegui import ui

from consigne.protocol.names import ACTIONS, ROLES
from consigne.ui.components import Text, box, button, set_class
from consigne.ui.fields import Fields

from ..fleet.condition import Latch
from .control import Alarm, Answer, Control, Entry
from .ticket import spaced
from .work import Work

LOOK_EVERY_S = 1.0
LATCHES_EVERY_S = 60.0  # it reads half a year of each latch, which changes every quarter of an hour
RESERVE_HOURS, MESSAGE_HOURS = 24, 24
_SPARK_WIDTH, _SPARK_HEIGHT = 120, 24


class Actions:
    """All cards of one locker; they look again while the page is open.

    ``retired()`` is called once the locker was retired on this page.
    """

    def __init__(self, work: Work, control: Control, retired: Callable[[], None]) -> None:
        self._work, self._control, self._retired = work, control, retired
        self._is_served = not control.is_retired
        with box("desk"):
            self._alarms = AlarmCard(work, control)
            self._aside = AsideCard(work, control)
            OrderCard(work, control)
            self._codes = None if control.no_orders else CodeCard(work, control)
            if not control.is_counter:
                self._latches = LatchCard(control)
                ui.timer(LATCHES_EVERY_S, work.look(self._look_at_latches), immediate=True)
            self._trail = TrailCard()
        ui.timer(LOOK_EVERY_S, work.look(self._look), immediate=True)

    async def _look(self) -> None:
        if self._is_served and self._control.is_retired:
            self._end()
        control = self._control
        alarms, aside, trail = await self._work.call(
            lambda: (control.alarms(), control.set_aside(), control.trail())
        )
        self._alarms.show(alarms)
        self._aside.show(aside)
        self._trail.show(trail)

    def _end(self) -> None:
        self._is_served = False
        if self._codes is not None:
            self._codes.remove()
        self._retired()

    async def _look_at_latches(self) -> None:
        self._latches.show(await self._work.call(self._control.latches))


class OrderCard:
    """Everything a locker can be told to do; of one that takes no orders, why."""

    def __init__(self, work: Work, control: Control) -> None:
        self._work, self._control, self._fields = work, control, Fields("orders")
        fields = self._fields
        self._rows: list[ui.element] = []
        with box("card orders"):
            Text("Orders", tag="h2")
            self._none = Text(control.no_orders, "soft", "div")
            self._none.set_visibility(bool(control.no_orders))
            if not control.no_orders:
                self._doors()
                self._display()
                with self._row():
                    self._button("Beep and blink", lambda: control.identify)
                    self._button("Restart", lambda: control.reboot)
                    self._button("Set its clock", lambda: control.set_clock)
                    self._seq = fields.line("send events again from number", placeholder="event number")
                    self._button("Send again from", self._again)
            if not control.is_retired:
                with self._row():
                    with box("grow"):
                        self._name = fields.line(
                            "name of the locker to retire", placeholder="its name, to be sure"
                        )
                    self._button("Retire for ever", lambda: partial(control.retire, self._name.value.strip()))
            self._answer = Text("", "answer", "div")
            self._answer.props["role"] = "status"
            ui.timer(LOOK_EVERY_S / 2, work.look(self._show))

    def _row(self) -> ui.element:
        """A line that goes when the locker is retired."""
        row = box("row-line")
        self._rows.append(row)
        return row

    def _button(self, label: str, order: Callable[[], Callable[[], None]], look: str = "press small") -> None:
        """``order()`` reads the fields as they are at the click; what it returns is done in a thread."""

        async def clicked() -> None:
            await self._work.call(order())
            await self._show()

        self._fields.button(label, self._work.act(clicked), look)

    def _doors(self) -> None:
        control, fields = self._control, self._fields
        with self._row():
            self._door = fields.select("compartment", [(str(door), name) for door, name in control.doors])
            self._button("Open", lambda: partial(control.open, int(self._door.value)), "press small main")
            self._button("Block", lambda: partial(control.block, int(self._door.value)))
            self._button("Release", lambda: partial(control.release, int(self._door.value)))
            with box("grow"):
                self._parcel = fields.line("parcel to reserve for", placeholder="parcel number")
            self._button(f"Reserve {RESERVE_HOURS} h", self._reserve)

    def _display(self) -> None:
        fields = self._fields
        with self._row():
            self._language = fields.select("language of the message", [(name, name) for name in LANGUAGES])
            with box("grow"):
                self._message = fields.line("message on the display", placeholder="first line|second line")
            self._button(f"Show {MESSAGE_HOURS} h", self._message_order)
        with self._row():
            self._setting = fields.select("setting", [(name, name) for name in SETTINGS])
            with box("grow"):
                self._value = fields.line("value of the setting", placeholder="empty: as its own file says")
            self._button("Set", self._set)

    def _reserve(self) -> Callable[[], None]:
        door, parcel = int(self._door.value), self._parcel.value.strip()
        return partial(self._control.reserve, door, parcel, RESERVE_HOURS)

    def _message_order(self) -> Callable[[], None]:
        return partial(self._control.message, self._language.value, self._message.value, MESSAGE_HOURS)

    def _set(self) -> Callable[[], None]:
        return partial(self._control.configure, self._setting.value, self._value.value.strip())

    def _again(self) -> Callable[[], None]:
        text = self._seq.value.strip()
        seq = int(text) if text.isascii() and text.isdecimal() else 0
        return partial(self._control.again, seq)

    async def _show(self) -> None:
        told = await self._work.call(self._control.answer)
        self._answer.set_text(told.words)
        set_class(self._answer, "good", told.tone == "good")
        set_class(self._answer, "bad", told.tone == "bad")
        if self._control.is_retired and self._rows:
            for row in self._rows:
                row.delete()
            self._rows.clear()
            self._none.set_text(self._control.no_orders)
            self._none.set_visibility(True)


class CodeCard:
    """The code of today for a courier, clerk or technician, shown when asked for."""

    def __init__(self, work: Work, control: Control) -> None:
        self._work, self._control = work, control
        fields = Fields("codes")
        self._card = box("card orders")
        with self._card:
            Text("Codes of today", tag="h2")
            with box("row-line"):
                self._role = fields.select("role", [(str(role), ROLES[role]) for role in SLOT_S])
                actions = [action for action in ACTIONS if action != COLLECT]
                self._action = fields.select("action", [(str(action), ACTIONS[action]) for action in actions])
                self._holder = fields.line("holder number", value="1")
                self._number = fields.line("number on a closed console", placeholder="console: 123 456 789")
                fields.button("Show code", work.act(self._show), "press small")
                fields.button("Make worthless", work.act(self._revoke), "press small")
            self._digits = Text("", "digits mono", "div")
            self._until = Text("", "faint", "div")

    def remove(self) -> None:
        """No code works here any more."""
        self._card.delete()

    def _chosen(self) -> tuple[int, int, int]:
        text = self._holder.value.strip()
        holder = int(text) if text.isascii() and text.isdecimal() else -1
        return int(self._role.value), int(self._action.value), holder

    async def _show(self) -> None:
        number = "".join(self._number.value.split())
        if number:
            digits, told = await self._work.call(self._control.console_code, self._chosen()[2], number)
        else:
            digits, told = await self._work.call(self._control.code, *self._chosen())
        self._digits.set_text(spaced(digits))
        self._until.set_text(told)

    async def _revoke(self) -> None:
        await self._work.call(self._control.revoke_codes, *self._chosen())
        self._digits.set_text("")
        self._until.set_text("")  # what became of it stands with the orders


class AlarmCard:
    """Alarms nobody has dealt with; nothing at all when there are none."""

    def __init__(self, work: Work, control: Control) -> None:
        self._work, self._control = work, control
        self._shown: list[Alarm] = []
        self._card = box("card")
        self._card.set_visibility(False)

    def show(self, alarms: Sequence[Alarm]) -> None:
        """Draw them when they changed."""
        if list(alarms) == self._shown:
            return
        self._shown = list(alarms)
        self._card.set_visibility(bool(alarms))
        self._card.clear()
        with self._card:
            Text("Alarms", tag="h2")
            with box("rows"):
                for alarm in alarms:
                    with box():
                        Text(alarm.at, "soft num")
                        Text(alarm.words, "pill bad")
                        if len(alarm.ids) > 1:
                            Text(f"x{len(alarm.ids)}", "num")
                        box("grow")
                        deal = partial(self._work.call, self._control.clear, alarm.ids)
                        button("Dealt with", self._work.act(deal), "press small")


class AsideCard:
    """What the locker does not take, named; nothing at all when it takes everything."""

    def __init__(self, work: Work, control: Control) -> None:
        self._shown: list[str] = []
        self._card = box("card")
        self._card.set_visibility(False)
        with self._card:
            Text("Not taken by the locker", tag="h2")
            self._rows = box("rows")
            again = partial(work.call, control.try_again)
            button("Send again", work.act(again), "press small")

    def show(self, told: Sequence[str]) -> None:
        """Draw them when they changed."""
        if list(told) == self._shown:
            return
        self._shown = list(told)
        self._card.set_visibility(bool(told))
        self._rows.clear()
        with self._rows:
            for words in told:
                with box():
                    Text(words, "pill bad")


class LatchCard:
    """How well each latch springs, the one that will fail next first, with its last days."""

    def __init__(self, control: Control) -> None:
        self._names = dict(control.doors)
        self._shown: list[Latch] = []
        with box("card"):
            Text("Latches, the next to fail first", tag="h2")
            self._rows = box("rows")

    def show(self, latches: Sequence[Latch]) -> None:
        """Draw them when they changed."""
        if list(latches) == self._shown:
            return
        self._shown = list(latches)
        self._rows.clear()
        with self._rows:
            for latch in latches:
                with box(f"latch {'weak' if latch.weak else ''}"):
                    Text(f"door {self._names.get(latch.door, latch.door + 1)}")
                    ui.html(sparkline([ms for _, ms in latch.trend]), sanitize=False)
                    Text(f"opens after {latch.recent_ms} ms, usually {latch.usual_ms} ms", "soft")
                    Text("weak", "pill bad") if latch.weak else Text("", "")


def sparkline(values: Sequence[int]) -> str:
    """Some numbers as a small line, as SVG; its foot is zero."""
    most = max([*values, 1])
    step = _SPARK_WIDTH / max(1, len(values) - 1)
    points = [
        f"{number * step:.1f},{_SPARK_HEIGHT - 2 - value * (_SPARK_HEIGHT - 4) / most:.1f}"
        for number, value in enumerate(values if len(values) > 1 else [*values, *values])
    ]
    box_ = f"0 0 {_SPARK_WIDTH} {_SPARK_HEIGHT}"
    return f'<svg viewBox="{box_}" aria-hidden="true"><polyline points="{" ".join(points)}"/></svg>'


class TrailCard:
    """Who did what here, and how the locker answered."""

    def __init__(self) -> None:
        self._shown: list[Entry] = []
        with box("card"):
            Text("Who did what", tag="h2")
            self._rows = box("rows")

    def show(self, entries: Sequence[Entry]) -> None:
        """Draw them when they changed."""
        if list(entries) == self._shown:
            return
        self._shown = list(entries)
        self._rows.clear()
        with self._rows:
            for entry in entries:
                with box():
                    Text(entry.at, "soft num")
                    Text(entry.by)
                    Text(entry.did, "grow")
                    self._outcome(entry.answer)

    @staticmethod
    def _outcome(told: Answer) -> None:
        if told.words:
            Text(told.words, f"pill {told.tone}")
