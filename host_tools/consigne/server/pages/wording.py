"""Events in words: what an operator reads in the feed, and how much it matters."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from locker.core import doors, events, reasons, records
from locker.core.orders import RESULT_NAMES

from ..fleet.orders import answer

ORDERED = "ordered"  # added to a command's event: what ``ordered`` says of it, "" when nobody knows
DOOR_NAME = "door name"  # added to an event that has a door, before it is put into words
GOOD, DOOR, NOTE, BAD, PLAIN = "good", "door", "note", "bad", ""

VIA_NAMES = {
    events.VIA_KEYPAD: "at the keypad",
    events.VIA_SCANNER: "at the scanner",
    events.VIA_COMMAND: "by the host",
    events.VIA_CONSOLE: "at the console",
}
ROLE_NAMES = ("customer", "courier", "clerk", "technician", "resident", "merchant", "partner")
# core/errands.py, core/session.py, core/senses.py
ALARM_NAMES = {1: "parcel missing or wrong", 2: "opened under duress", 3: "service lid opened"}
ACTION_NAMES = ("collect", "deposit", "return", "recall", "service", "hand over")


class Wording(NamedTuple):
    """``tone`` is one of GOOD, DOOR, NOTE, BAD, PLAIN; ``more`` stands after the headline, smaller."""

    tone: str
    headline: str
    more: str


def _of(names: tuple[str, ...], number: int) -> str:
    return names[number].replace("_", " ") if 0 <= number < len(names) else str(number)


def _door(event: Mapping[str, Any]) -> str:
    return f"door {event[DOOR_NAME]}"


def _refused(event: Mapping[str, Any]) -> str:
    return f"{_of(reasons.R_NAMES, event['reason'])}, {VIA_NAMES.get(event['via'], '')}"


def _alarm(event: Mapping[str, Any]) -> str:
    what = ALARM_NAMES.get(event["alarm"], "")
    return what if event["door"] == records.ANY_DOOR else f"{what}, {_door(event)}"


def ordered(cmd: str, arguments: Mapping[str, Any], names: Sequence[str]) -> str:
    """What a command asks for: its name, and the door where it is about one."""
    door = arguments.get("door")
    what = cmd.replace("_", " ")
    return f"{what} door {_name_of(door, names)}" if isinstance(door, int) else what


def _name_of(door: int, names: Sequence[str]) -> str:
    return names[door] if door < len(names) else str(door + 1)


def _command(event: Mapping[str, Any]) -> str:
    result = event["result"]
    told = answer("", RESULT_NAMES[result] if result < len(RESULT_NAMES) else str(result))
    return f"{event.get(ORDERED) or 'unknown here'}: {told}"


def _parcel(event: Mapping[str, Any]) -> str:
    return str(event.get("parcel", ""))


_WORDS: dict[str, tuple[str, str, Callable[[Mapping[str, Any]], str]]] = {
    "boot": (NOTE, "Started", lambda e: f"firmware {e['firmware']}"),
    "attempt": (PLAIN, "Code tried", lambda e: VIA_NAMES.get(e["via"], "")),
    "refused": (BAD, "Refused", _refused),
    "accepted": (
        PLAIN,
        "Accepted",
        lambda e: f"{_of(ROLE_NAMES, e['role'])}, {_of(ACTION_NAMES, e['action'])}",
    ),
    "pulse": (DOOR, "Unlocked", lambda e: f"{_door(e)}, pulse {e['number']}"),
    "opened": (DOOR, "Opened", lambda e: f"{_door(e)} after {e['after_ms']} ms"),
    "closed": (DOOR, "Closed", _door),
    "deposited": (GOOD, "Deposited", lambda e: f"{_parcel(e)} in {_door(e)}"),
    "collected": (GOOD, "Collected", lambda e: f"{_parcel(e)} from {_door(e)}"),
    "returned": (GOOD, "Returned", lambda e: f"{_parcel(e)} from {_door(e)}"),
    "deposit_undone": (NOTE, "Deposit undone", lambda e: f"{_parcel(e)}, {_door(e)}"),
    "not_opened": (BAD, "Did not open", _door),
    "forced": (BAD, "Opened without an order", _door),
    "left_open": (NOTE, "Left open", lambda e: f"{_door(e)} for {e['after_s']} s"),
    "door_fault": (BAD, "Door fault", lambda e: f"{_door(e)}: {_of(doors.FAULT_NAMES, e['fault'])}"),
    "blocked": (NOTE, "Blocked", lambda e: f"{_door(e)}: {_of(doors.BLOCK_NAMES, e['why'])}"),
    "released": (PLAIN, "Released", _door),
    "command": (PLAIN, "Order", _command),
    "rejected": (BAD, "Messages not believed", lambda e: str(e["count"])),
    "lost": (BAD, "Events dropped, flash full", lambda e: f"{e['first']} to {e['last']}"),
    "fault": (BAD, "Fault", lambda e: e["what"]),
    "time_set": (PLAIN, "Clock set", lambda e: ""),
    "alarm": (BAD, "Alarm", _alarm),
    "supply": (
        PLAIN,
        "Supply measured",
        lambda e: (
            f"{e['lowest_mv'] / 1000:.1f} V while {_door(e)} was pulsed, {e['idle_mv'] / 1000:.1f} V before"
        ),
    ),
}


def wording(event: Mapping[str, Any], names: Sequence[str]) -> Wording:
    """Words for an event as ``records.describe`` made it; a kind unknown here keeps its own name.

    ``names`` are those of the doors; a door beyond them shows as its number, counted from 1.
    """
    door = event.get("door")
    if isinstance(door, int):
        event = {**event, DOOR_NAME: _name_of(door, names)}
    known = _WORDS.get(event["kind"])
    if known is None:
        return Wording(PLAIN, str(event["kind"]).replace("_", " ").capitalize(), "")
    tone, headline, more = known
    return Wording(tone, headline, more(event))
