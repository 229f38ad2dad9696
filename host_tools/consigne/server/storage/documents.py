"""The columns that hold JSON: only this module reads each as one typed object and writes it.

What another release wrote is read as far as possible: a field that is missing or malformed gets the value
that means unknown.  Nothing that is read for display raises, since one bad row would hide the whole list.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from consigne.protocol.events import UNKNOWN, EventData, text_of
from consigne.protocol.messages import Arguments, Status
from consigne.protocol.telemetry import LATCH_WIDTHS, SAMPLE_WIDTHS, Telemetry
from consigne.protocol.untrusted import U32_MAX

_Read = TypeVar("_Read")
_LAYOUTS_KEPT, _PLACES_KEPT = 256, 4_096
"""How many parsed ones are cached: lockers share few layouts, and the fleet's page reads all its places."""


@dataclass(frozen=True, slots=True)
class Door:
    """A compartment of a locker's layout: what people call it and what it takes."""

    name: str
    size: int
    low: bool = False


Layout = tuple[Door, ...]
"""The compartments of a locker in the order of its door numbers; empty when they are not known."""


def door_name(layout: Layout, door: int) -> str:
    """What people call a compartment; one beyond the layout has its number, counted from 1."""
    return layout[door].name if door < len(layout) else str(door + 1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where customers find a locker."""

    title: str = ""  # "Gare du Nord, hall 2"
    address: str = ""
    hours: str = ""  # "day and night"


Ranges = list[tuple[int, int]]
"""Closed ranges of event numbers, see ``contiguity.Held``."""


class Document(TypeDecorator[_Read]):
    """A column of JSON text that is one object in Python.  Compared with a text, it is the text itself."""

    impl = Text
    cache_ok = True

    def __init__(self, read: Callable[[str], _Read], write: Callable[[_Read], str]) -> None:
        super().__init__()
        self.read, self.write = read, write

    def coerce_compared_value(self, op: OperatorType | None, value: object) -> TypeEngine[Any]:
        return Text() if isinstance(value, str) else self

    def process_bind_param(self, value: _Read | None, dialect: Dialect) -> str | None:
        return None if value is None else self.write(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> _Read | None:
        return None if value is None else self.read(value)


# --- each of them ------------------------------------------------------------------------------------------


@lru_cache(_LAYOUTS_KEPT)
def read_layout(text: str) -> Layout:
    """``[{"name", "size", "low"}, ..]``; an unreadable compartment keeps its number, takes nothing."""
    told = _load(text)
    return tuple(_door(number, one) for number, one in enumerate(told)) if isinstance(told, list) else ()


def _door(number: int, told: object) -> Door:
    fields = told if isinstance(told, dict) else {}
    name = _text(fields.get("name")) or str(number + 1)
    return Door(name, _whole(fields.get("size")) or 0, bool(fields.get("low")))


def write_layout(doors: Sequence[Door]) -> str:
    """As ``read_layout`` reads it."""
    return json.dumps([asdict(door) for door in doors])


@lru_cache(_PLACES_KEPT)
def read_place(text: str) -> Place:
    """``{"title", "address", "hours"}``."""
    told = _object(text)
    return Place(_text(told.get("title")), _text(told.get("address")), _text(told.get("hours")))


def write_place(place: Place) -> str:
    """As ``read_place`` reads it."""
    return json.dumps(asdict(place))


def read_status(text: str) -> Status:
    """A status that a locker said of itself while it was connected; its digest is not kept."""
    told = _object(text)
    get = told.get
    faults = get("faults")
    return Status(
        up=True,
        epoch=_whole(get("epoch")) or 0,
        oldest=_whole(get("oldest")),
        seq=_whole(get("seq")),
        ack=_whole(get("ack")),
        grants=_whole(get("grants")),
        trust=_whole(get("trust")),
        wants=get("wants") is True,
        time_s=_whole(get("time_s")),
        firmware=_text(get("firmware")),
        journal=_text(get("journal")),
        faults=[str(one) for one in faults] if isinstance(faults, list) else [],
        health=_health(get("health")),
        takes=_whole(get("takes")),
        ahead_s=_whole(get("ahead_s")) or 0,
        lead_s=_whole(get("lead_s")) or 0,
    )


def _health(told: object) -> Telemetry | None:
    if not isinstance(told, dict):
        return None
    samples, latches = _rows(told.get("samples"), SAMPLE_WIDTHS), _rows(told.get("latches"), LATCH_WIDTHS)
    return Telemetry(_whole(told.get("taken")) or 0, samples, latches)


def _rows(told: object, widths: frozenset[int]) -> list[tuple[int, ...]]:
    """Rows of whole numbers, or none if one is malformed: they do not concern custody."""
    try:
        rows: list[tuple[int, ...]] = [*map(tuple, told)]  # type: ignore[call-overload]
        fit = type(sum(map(sum, rows))) is int and widths.issuperset(map(len, rows))
    except TypeError:
        return []
    return rows if fit else []


def write_status(status: Status) -> str:
    """As ``read_status`` reads it."""
    kept: dict[str, object] = {
        "epoch": status.epoch,
        "seq": status.seq,
        "ack": status.ack,
        "grants": status.grants,
        "trust": status.trust,
        "wants": status.wants,
        "time_s": status.time_s,
        "firmware": status.firmware,
        "journal": status.journal,
        "faults": status.faults,
        "health": None,
        "takes": status.takes,
    }
    kept |= {name: told for name, told in (("ahead_s", status.ahead_s), ("lead_s", status.lead_s)) if told}
    health = status.health
    if health is not None:
        kept["health"] = {"taken": health.taken, "samples": health.samples, "latches": health.latches}
    return json.dumps(kept)


def read_ranges(text: str) -> Ranges | None:
    """``[[first, last], ..]``, ascending and apart; None for anything else.

    A guess will not do: acknowledgements depend on it, and what is acknowledged is never sent again.
    """
    try:
        ranges: Ranges = [(first, last) for first, last in json.loads(text)]
        numbers = [number for one in ranges for number in one]
        beyond = [0] + [last + 1 for _, last in ranges]  # the next range begins after a gap
        apart = all(before < first <= last for before, (first, last) in zip(beyond, ranges, strict=False))
    except (ValueError, TypeError, RecursionError):
        return None
    whole = all(type(number) is int and number <= U32_MAX for number in numbers)
    return ranges if apart and whole else None


def write_ranges(ranges: Ranges | None) -> str:
    """As ``read_ranges`` reads it; no range is ``[]``, a text that an index and queries compare with."""
    return json.dumps(ranges)


def read_arguments(text: str) -> Arguments:
    """The arguments of a command, those that are told."""
    told: Arguments = _object(text)  # type: ignore[assignment]
    return told


def write_arguments(arguments: Arguments) -> str:
    """As ``read_arguments`` reads it."""
    return json.dumps(arguments)


def read_event(text: str) -> EventData:
    """An event as the locker described it."""
    return EventData(_object(text) or {"kind": UNKNOWN})


# --- what is not what it should be -------------------------------------------------------------------------


_DECODER = json.JSONDecoder()


def _load(text: str) -> object:
    told: object
    try:
        told, _ = _DECODER.raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    return told


def _object(text: str) -> dict[str, Any]:
    told = _load(text)
    return told if isinstance(told, dict) else {}


def _text(told: object) -> str:
    return told if isinstance(told, str) else ""


def _whole(told: object) -> int | None:
    return told if type(told) is int else None


LAYOUT = Document(read_layout, write_layout)
PLACE = Document(read_place, write_place)
STATUS = Document(read_status, write_status)
RANGES = Document(read_ranges, write_ranges)
ARGUMENTS = Document(read_arguments, write_arguments)
EVENT = Document(read_event, text_of)
