"""A journal's records in words: kinds as on the operator's pages, every field with its meaning.

Numbers become the words of the firmware's own tables; doors have their names, times are dates.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence

from locker.core import doors, events, orders, reasons, records
from locker.core.limits import SIZE_LOW
from locker.core.timekeeping import EARLIEST_S
from locker.net import messages
from locker.texts import LANGUAGES

from consigne.protocol.events import EventData
from consigne.protocol.names import ACTIONS, ROLES, SIZES
from consigne.server.pages.wording import ALARM_NAMES, VIA_NAMES, wording

_PURPOSES = {
    doors.NO_PURPOSE: "none", doors.FOR_COLLECT: "to collect", doors.FOR_DEPOSIT: "to deposit",
    doors.FOR_RECALL: "to take a parcel away", doors.FOR_SERVICE: "service",
    doors.FOR_REMOTE: "by the operator's order", doors.FOR_REOPEN: "opened once more",
}  # fmt: skip
_CAUSES = {
    events.CAUSE_UNKNOWN: "unknown", events.CAUSE_POWER: "power or reset button",
    2: "restarted",  # of earlier firmware
    events.CAUSE_WATCHDOG: "watchdog", events.CAUSE_SOFTWARE: "restarted",
}  # fmt: skip
_FAULTS = {
    events.FAULT_TASK: "task ended", events.FAULT_PART: "part", events.FAULT_LATCH: "weak latch",
    events.FAULT_CABINET: "cabinet", events.FAULT_SCANNER: "scanner",
}  # fmt: skip
_SOURCES = {
    events.TIME_FROM_HOST: "host", events.TIME_FROM_CHIP: "clock chip", events.TIME_FROM_ORDER: "operator",
}  # fmt: skip
_Field = Callable[[int], str]


def _of(names: Sequence[str] | Mapping[int, str]) -> _Field:
    """The word for a number; a number that only newer firmware knows stays a number."""

    def word(number: int) -> str:
        known = names if isinstance(names, Mapping) else dict(enumerate(names))
        return known.get(number, str(number)).replace("_", " ")

    return word


def moment(time_s: int) -> str:
    """A time of a record, which without a clock counts from the locker's start."""
    if time_s < EARLIEST_S:
        return f"no clock, {time_s} s after the start"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time_s))


def _until(time_s: int) -> str:
    return moment(time_s) if time_s >= EARLIEST_S else str(time_s)


def _size(size: int) -> str:
    low = ", low" if size & SIZE_LOW else ""
    return f"{SIZES.get(size & (SIZE_LOW - 1), 'any')}{low}"


_FIELDS: dict[str, _Field] = {
    "via": _of(VIA_NAMES), "role": _of(ROLES), "action": _of(ACTIONS), "alarm": _of(ALARM_NAMES),
    "purpose": _of(_PURPOSES), "fault": _of(doors.FAULT_NAMES), "why": _of(doors.BLOCK_NAMES),
    "block": _of(doors.BLOCK_NAMES), "content": _of(doors.CONTENT_NAMES), "reason": _of(reasons.R_NAMES),
    "cause": _of(_CAUSES), "code": _of(_FAULTS), "source": _of(_SOURCES), "result": _of(orders.RESULT_NAMES),
    "which": _of(orders.SETTINGS), "language": _of(LANGUAGES), "size": _size,
    **dict.fromkeys(
        ("not_before", "not_after", "until", "epoch_s", "next_s", "opened_at", "at", "before"), _until
    ),
}  # fmt: skip
_OF_KIND: dict[tuple[str, str], _Field] = {("rejected", "reason"): _of(messages.R_NAMES)}


def door_names(config: bytes | None) -> list[str]:
    """The doors' names in a board's ``config.json``; none if it is missing or unreadable."""
    try:
        return [str(door["name"]) for door in json.loads(config or b"")["doors"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def in_words(record: EventData, names: Sequence[str]) -> tuple[str, str]:
    """What a record of the journal says happened, and its details.

    ``names`` are those of the doors; without them a door shows as its number, counted from 1.
    """
    told = []
    for field, value in record.items():
        if field == "kind" or value == "":
            continue
        told.append(f"{field.replace('_', ' ')} {_value(record.kind, field, value, names)}")
    return wording(record, names).headline, ", ".join(told)


def _value(kind: str, field: str, value: object, names: Sequence[str]) -> str:
    if not isinstance(value, int):
        return str(value)
    if field == "door":
        if value == records.ANY_DOOR:
            return "any"
        return names[value] if value < len(names) else str(value + 1)
    word = _OF_KIND.get((kind, field)) or _FIELDS.get(field)
    return word(value) if word else str(value)
