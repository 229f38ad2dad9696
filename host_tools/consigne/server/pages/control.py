"""What an operator's cards can do to one locker: orders, alarms, codes, trail; every act by an account."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..clock import zone_of
from ..errors import CallerError
from ..fleet.alarms import PAGE_MAX
from ..fleet.answers import REFUSED, answer
from ..fleet.condition import Latch
from ..fleet.fleet import COUNTER, Locker
from ..fleet.orders import no_orders
from ..people import audit
from ..people.accounts import Account
from ..service import HostService
from ..storage.documents import read_arguments
from .times import day_and_time
from .wording import wording

TRAIL_LINES = 30
ASIDE_LINES = 20
RETIRED_THEN = ": write the broker's configuration anew, and erase the key in the locker itself"
COUNTER_RETIRED_THEN = ", and the accounts of its clerks are closed"
DETAIL_CHARACTERS_MAX = 120


class Answer(NamedTuple):
    """What became of an order, in a sentence; ``tone`` is good, bad or "" while nothing is known."""

    tone: str
    words: str


class Entry(NamedTuple):
    """One line of the trail."""

    at: str
    by: str
    did: str
    answer: Answer


class Alarm(NamedTuple):
    """Equal alarms nobody has dealt with; ``at`` is of the newest."""

    ids: tuple[int, ...]
    at: str
    words: str


class Control:
    """One locker under an operator's hands.  Everything blocks: a page calls it through ``Work``.

    ``who()`` gives the account that acts; it raises ``CallerError`` when its session has ended.
    ``doors`` are every compartment's number and name, ``title`` is the name of its place; ``no_orders`` says
    why nothing can be ordered here, and is "" for a locker that serves.
    """

    def __init__(self, host: HostService, locker: str, who: Callable[[], Account]) -> None:
        self._host, self._locker, self._who = host, locker, who
        known = host.fleet.locker(locker)
        self.timezone, self.title = zone_of(locker, known.timezone), known.place.title
        self._read_service(known)
        self.doors = [(door.door, door.name) for door in host.fleet.compartments(locker)]
        self._last = ""  # the command whose answer is shown
        self._error = ""
        self._said = ""

    def _read_service(self, known: Locker) -> None:
        self.is_counter, self.is_retired = known.kind == COUNTER, known.retired_at is not None
        words = no_orders(self._locker, known.kind, known.retired_at)
        self.no_orders = f"{words}." if words else ""

    # --- orders --------------------------------------------------------------------------------------------

    def open(self, door: int) -> None:
        self._order(lambda by: self._host.orders.open(self._locker, door, by))

    def block(self, door: int) -> None:
        self._order(lambda by: self._host.orders.block(self._locker, door, by))

    def release(self, door: int) -> None:
        self._order(lambda by: self._host.orders.release(self._locker, door, by))

    def reserve(self, door: int, parcel: str, hours: int) -> None:
        self._order(lambda by: self._host.orders.reserve(self._locker, door, parcel, hours, by))

    def set_clock(self) -> None:
        """Give it this host's time."""
        self._order(lambda by: self._host.orders.set_clock(self._locker, by=by))

    def identify(self) -> None:
        self._order(lambda by: self._host.orders.identify(self._locker, by=by))

    def reboot(self) -> None:
        self._order(lambda by: self._host.orders.reboot(self._locker, by))

    def set_aside(self) -> list[str]:
        """What the locker does not take, and why, in words."""
        told = self._host.fleet.set_aside(self._locker)
        words = [f"{one.words}: {answer(REFUSED, one.why)}" for one in told[:ASIDE_LINES]]
        return words + ([f"{len(told) - ASIDE_LINES} more"] if len(told) > ASIDE_LINES else [])

    def try_again(self) -> None:
        """Send once more what the locker did not take."""
        try:
            self._host.orders.try_again(self._locker, self._who().name)
            self._host.kick()
        except CallerError as error:
            self._error = str(error)

    def again(self, seq: int) -> None:
        self._order(lambda by: self._host.orders.again(self._locker, seq, by))

    def configure(self, name: str, value: str) -> None:
        self._order(lambda by: self._host.orders.configure(self._locker, {name: value}, by))

    def message(self, language: str, text: str, hours: int) -> None:
        self._order(lambda by: self._host.orders.message(self._locker, {language: text}, hours, by))

    def _order(self, issue: Callable[[str], str]) -> None:
        try:
            self._last, self._error, self._said = issue(self._who().name), "", ""
        except CallerError as error:
            self._error = str(error)
        self._host.kick()

    def retire(self, typed: str) -> None:
        """Take the locker out of service for ever, if its name was typed as confirmation."""
        if typed != self._locker:
            self._error = f"type {self._locker} beside the button to retire it: nothing was done"
            return
        try:
            self._host.fleet.retire(self._locker, self._who().name)
            self._read_service(self._host.fleet.locker(self._locker))
            then = COUNTER_RETIRED_THEN if self.is_counter else RETIRED_THEN
            self._error, self._said = "", f"{self._locker} is retired{then}"
        except CallerError as error:
            self._error = str(error)

    def answer(self) -> Answer:
        """What became of the last order."""
        if self._error:
            return Answer("bad", f"{self._error[0].upper()}{self._error[1:]}.")
        if self._said:
            return Answer("good", f"{self._said}.")
        if not self._last:
            return Answer("", "")
        told = self._host.orders.get(self._locker, self._last)
        return Answer(_tone(told.state), f"{told.cmd.capitalize()}: {told.answer}.")

    # --- codes ---------------------------------------------------------------------------------------------

    def code(self, role: int, action: int, holder: int) -> tuple[str, str]:
        """``(digits, until when)``, or ``("", what is wrong)``; the trail records that it was shown."""
        try:
            by = self._who().name
            told = self._host.passes.window_code(self._locker, role=role, action=action, holder=holder, by=by)
        except CallerError as error:
            return "", str(error)
        return told.code, f"works until {self._time(told.works_until)}"

    def console_code(self, holder: int, number: str) -> tuple[str, str]:
        """The same for a technician whose console shows a number, because the clock is not set."""
        if not (number.isascii() and number.isdecimal()):
            return "", "the console shows nine digits: type those"
        try:
            by = self._who().name
            code = self._host.passes.console_code(self._locker, holder=holder, number=int(number), by=by)
        except CallerError as error:
            return "", str(error)
        return code, "works at that console, for that number alone"

    def revoke_codes(self, role: int, action: int, holder: int) -> None:
        self._order(lambda by: self._host.orders.revoke_holder(self._locker, role, action, holder, by))

    # --- what is known -------------------------------------------------------------------------------------

    def alarms(self) -> list[Alarm]:
        """Alarms nobody has dealt with, the newest first; equal ones of one door are one line."""
        names = [name for _, name in self.doors]
        out: dict[str, Alarm] = {}
        for one in self._host.alarms.open(self._locker, PAGE_MAX):
            words = wording(one.data, names)
            told = f"{words.headline}: {words.more}"
            newest = out.get(told, Alarm((), self._time(one.time_s), told))
            out[told] = newest._replace(ids=(*newest.ids, one.id))
        return list(out.values())

    def clear(self, alarms: Sequence[int]) -> None:
        """Say that these alarms are dealt with."""
        for alarm in alarms:
            try:
                self._host.alarms.clear(alarm, self._who().name)
            except CallerError as error:
                self._error = str(error)

    def latches(self) -> list[Latch]:
        """The one that will fail next first."""
        return self._host.condition.latches(self._locker)

    def trail(self) -> list[Entry]:
        """What people did here, the newest first."""
        with self._host.database.read() as connection:
            told = audit.trail(connection, self._locker, TRAIL_LINES)
        names = [name for _, name in self.doors]
        return [
            Entry(
                self._time(one.at),
                one.by,
                " ".join(part for part in (one.action, one.parcel, _detail(one, names)) if part),
                Answer(_tone(one.outcome[0]), answer(*one.outcome)) if one.outcome else Answer("", ""),
            )
            for one in told
        ]

    def _time(self, at_s: int) -> str:
        return day_and_time(at_s, self.timezone)


def _tone(state: str) -> str:
    return {"done": "good", "refused": "bad", "expired": "bad"}.get(state, "")


def _detail(one: audit.Entry, names: Sequence[str]) -> str:
    """The arguments of a command, or the note of another act, for people."""
    if not one.detail.startswith("{"):
        return one.detail[:DETAIL_CHARACTERS_MAX]
    said: list[str] = []
    for name, value in read_arguments(one.detail).items():
        if name == "door" and isinstance(value, int):
            said.append(f"door {names[value] if value < len(names) else value + 1}")
        elif isinstance(value, list):
            said += [" ".join(str(part) for part in row if part != "") for row in value]
        elif name != "until":
            said.append(str(value))
    return ", ".join(said)[:DETAIL_CHARACTERS_MAX]
