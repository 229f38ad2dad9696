"""Events in words: what an operator reads in the feed, and how much it matters."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from locker.core import doors, events, reasons, records
from locker.core.orders import RESULT_NAMES

from consigne.protocol.events import (
    CONFLICT,
    CORRECTED,
    FLAPPING,
    HOLE,
    JOURNAL_REPLACED,
    LOST,
    REPLACED,
    TWO_BOARDS,
    EventData,
)
from consigne.protocol.messages import Arguments
from consigne.protocol.names import ACTIONS, ROLES
from consigne.protocol.untrusted import ProtocolError
from consigne.words import counted

from ..fleet.answers import answer

GOOD, DOOR, NOTE, BAD, PLAIN = "good", "door", "note", "bad", ""

VIA_NAMES = {
    events.VIA_KEYPAD: "at the keypad",
    events.VIA_SCANNER: "at the scanner",
    events.VIA_COMMAND: "by the host",
    events.VIA_CONSOLE: "at the console",
}
ALARM_NAMES = {
    events.ALARM_REPORTED: "parcel missing or wrong",
    events.ALARM_DURESS: "opened under duress",
    events.ALARM_LID: "service lid opened",
}


class Wording(NamedTuple):
    """``tone`` is one of GOOD, DOOR, NOTE, BAD, PLAIN; ``more`` stands after the headline, smaller."""

    tone: str
    headline: str
    more: str


class _Told(NamedTuple):
    """An event, and what the host adds to it: its door's name, "" without one, and what was ordered."""

    event: EventData
    door_name: str
    ordered: str

    @property
    def door(self) -> str:
        self.event.number("door")
        return f"door {self.door_name}"

    @property
    def parcel(self) -> str:
        return self.event.text("parcel")

    def number(self, field: str) -> int:
        return self.event.number(field)

    def name(self, field: str, names: Sequence[str] | Mapping[int, str]) -> str:
        """What a number stands for; one that a newer firmware gave a meaning stays one."""
        number = self.number(field)
        known = names if isinstance(names, Mapping) else dict(enumerate(names))
        return known.get(number, str(number)).replace("_", " ")

    @property
    def via(self) -> str:
        return VIA_NAMES.get(self.number("via"), "")


def _alarm(told: _Told) -> str:
    what = ALARM_NAMES.get(told.number("alarm"), "")
    return what if told.number("door") == records.ANY_DOOR else f"{what}, {told.door}"


def ordered(cmd: str, arguments: Arguments, names: Sequence[str]) -> str:
    """What a command asks for: its name, and the door where it is about one."""
    door = arguments.get("door")
    what = cmd.replace("_", " ")
    return f"{what} door {_name_of(door, names)}" if isinstance(door, int) else what


def _name_of(door: int, names: Sequence[str]) -> str:
    return names[door] if 0 <= door < len(names) else str(door + 1)


def _command(told: _Told) -> str:
    result = told.number("result")
    became = answer("", RESULT_NAMES[result] if result < len(RESULT_NAMES) else str(result))
    return f"{told.ordered or 'unknown here'}: {became}"


def _supply(told: _Told) -> str:
    lowest_v, idle_v = told.number("lowest_mv") / 1000, told.number("idle_mv") / 1000
    return f"{lowest_v:.1f} V while {told.door} was pulsed, {idle_v:.1f} V before"


_WHYS = {
    "acknowledged": "this host had them once, and has been restored",
    "given up": "the flash was full",
    "unreadable": "the flash is damaged there",
    "too long": "the broker refuses a message as long",
    LOST: "the locker could not keep them",
    REPLACED: "another journal took the place of theirs",
}
_REPLACED = "the board was swapped or its flash erased; what it had not sent is lost"


def _hole(told: _Told) -> str:
    whys = [_WHYS.get(why, why) for why in told.event.text("why").split(", ")]
    numbers = f"{told.number('first')} to {told.number('last')}"
    return f"{counted(told.number('count'), 'event')} ({numbers}): {', and '.join(whys)}"


def _two_boards(told: _Told) -> str:
    return (
        f"one: {told.event.text('one')}; the other: {told.event.text('other')}. Find out which stands in "
        "this cabinet, give that one a new credential (consigne broker-config --renew), and take the other "
        "out of service: it opens doors, too"
    )


def _flapping(told: _Told) -> str:
    return (
        f"{counted(told.number('count'), 'connection')} within an hour: look at its supply, its signal and "
        "its router"
    )


def _conflict(told: _Told) -> str:
    dropped = told.number("dropped")
    kept = f"{dropped} of them are not stored" if dropped else "both events of each number are kept"
    numbers = counted(told.number("count"), "event number")
    return (
        f"{numbers} came with other content, from {told.number('first')} on, where the host had events up to "
        f"{told.number('last')}: {kept}. An older copy of its flash was put back, or another board "
        "has a copy. Check its doors against this page; if a second board is on line, shut it out"
    )


_CORRECTED = (
    ("gone", "not in the locker any more: {}"),
    ("found", "in the locker, unlike what was known: {}"),
    ("unknown", "in the locker, and nobody knows of them: {}"),
    ("elsewhere", "in this locker, and known to be elsewhere; nothing was changed: {}"),
)


def _corrected(told: _Told) -> str:
    said = [words.format(told.event.text(name)) for name, words in _CORRECTED if name in told.event]
    return "; ".join(said)


_WORDS: dict[str, tuple[str, str, Callable[[_Told], str]]] = {
    "boot": (NOTE, "Started", lambda e: f"firmware {e.event.text('firmware')}"),
    "attempt": (PLAIN, "Code tried", lambda e: e.via),
    "refused": (BAD, "Refused", lambda e: f"{e.name('reason', reasons.R_NAMES)}, {e.via}"),
    "accepted": (
        PLAIN,
        "Accepted",
        lambda e: f"{e.name('role', ROLES)}, {e.name('action', ACTIONS)}",
    ),
    "pulse": (DOOR, "Unlocked", lambda e: f"{e.door}, pulse {e.number('number')}"),
    "opened": (DOOR, "Opened", lambda e: f"{e.door} after {e.number('after_ms')} ms"),
    "closed": (DOOR, "Closed", lambda e: e.door),
    "deposited": (GOOD, "Deposited", lambda e: f"{e.parcel} in {e.door}"),
    "collected": (GOOD, "Collected", lambda e: f"{e.parcel} from {e.door}"),
    "returned": (GOOD, "Returned", lambda e: f"{e.parcel} from {e.door}"),
    "deposit_undone": (NOTE, "Deposit undone", lambda e: f"{e.parcel}, {e.door}"),
    "not_opened": (BAD, "Did not open", lambda e: e.door),
    "forced": (BAD, "Opened without an order", lambda e: e.door),
    "left_open": (NOTE, "Left open", lambda e: f"{e.door} for {e.number('after_s')} s"),
    "door_fault": (BAD, "Door fault", lambda e: f"{e.door}: {e.name('fault', doors.FAULT_NAMES)}"),
    "blocked": (NOTE, "Blocked", lambda e: f"{e.door}: {e.name('why', doors.BLOCK_NAMES)}"),
    "released": (PLAIN, "Released", lambda e: e.door),
    "command": (PLAIN, "Order", _command),
    "rejected": (BAD, "Messages not believed", lambda e: str(e.number("count"))),
    "lost": (BAD, "Events lost", lambda e: f"{e.number('first')} to {e.number('last')}"),
    HOLE: (BAD, "Events lost", _hole),
    CORRECTED: (BAD, "Parcels corrected by what the locker says", _corrected),
    JOURNAL_REPLACED: (BAD, "Another journal", lambda e: _REPLACED),
    TWO_BOARDS: (BAD, "Two boards under one name", _two_boards),
    FLAPPING: (BAD, "Comes and goes", _flapping),
    CONFLICT: (BAD, "Numbers begin again", _conflict),
    "fault": (BAD, "Fault", lambda e: e.event.text("what")),
    "time_set": (PLAIN, "Clock set", lambda e: ""),
    "alarm": (BAD, "Alarm", _alarm),
    "supply": (PLAIN, "Supply measured", _supply),
}


def wording(event: EventData, names: Sequence[str], ordered: str = "") -> Wording:
    """Words for an event.

    A kind unknown here keeps its own name, and its fields are told as they are; so are those of a known kind
    that are not what this host knows of it.

    Parameters
    ----------
    names
        Of the doors; a door beyond them shows as its number, counted from 1.
    ordered
        Of a command: what ``ordered`` says of it, "" when nobody knows.
    """
    door = event.get("door")
    told = _Told(event, _name_of(door, names) if isinstance(door, int) else "", ordered)
    tone, headline, more = _WORDS.get(
        event.kind, (PLAIN, event.kind.replace("_", " ").capitalize(), _as_they_are)
    )
    try:
        return Wording(tone, headline, more(told))
    except ProtocolError:
        return Wording(tone, headline, _as_they_are(told))


def _as_they_are(told: _Told) -> str:
    return ", ".join(
        f"{field.replace('_', ' ')} {value}" for field, value in told.event.items() if field != "kind"
    )
