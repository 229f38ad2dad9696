"""The kind of service: opening hours as a person writes them, and who has codes, or must, for it to work."""

import re
from collections.abc import Iterator

from ..model import Cabinet
from ..problems import Key, spell

Finding = tuple[Key, str, str]
Day = tuple[int, int]
"""Opening and closing time, in minutes; ``(0, 0)``: closed all day."""

CLOSED: Day = (0, 0)
# Service -> the holders it needs, as (role, action), and why.
_NEEDS = {
    "shop": (("partner", "handover"), "takes the parcels out to deliver them"),
    "mall": (("courier", "handover"), "fetches what merchants left"),
    "counter": (("clerk", "deposit"), "puts parcels in"),
}
_SPAN = re.compile(r"([1-7])(?:-([1-7]))? (\d\d?):(\d\d)-(\d\d?):(\d\d)")


def week(hours: str) -> list[Day]:
    """Seven days from Monday on, of ``"1-5 08:00-19:30, 6 09:00-13:00"``; none of them of "".

    Raises ``ValueError`` with what is wrong in words.
    """
    if not hours.strip():
        return []
    days: list[Day] = [CLOSED] * 7
    for part in hours.split(","):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"'{part.strip()}' is not like '1-5 08:00-19:30'")
        first, last = int(match[1]), int(match[2] or match[1])
        opens, closes = (int(match[n]) * 60 + int(match[n + 1]) for n in (3, 5))
        if last < first or not opens < closes <= 24 * 60 or int(match[4]) > 59 or int(match[6]) > 59:
            raise ValueError(f"'{part.strip()}' ends before it begins, or is no time of day")
        for day in range(first - 1, last):
            if days[day] != CLOSED:
                raise ValueError(f"day {day + 1} has hours already: one span a day")
            days[day] = (opens, closes)
    return days


def hours(cabinet: Cabinet) -> Iterator[Finding]:
    data = cabinet.data
    advice = 'write hours = "1-5 08:00-19:30, 6 09:00-13:00": days from 1, Monday, to 7'
    try:
        days = week(data["hours"])
    except ValueError as error:
        yield ("hours",), str(error), advice
        return
    if days and data["service"] in ("locker", "residence"):
        yield ("hours",), f"a {data['service']} is open day and night", "leave hours out, or name the service"


def holder(cabinet: Cabinet) -> Iterator[Finding]:
    service = cabinet.data["service"]
    if service not in _NEEDS:
        return
    (role, action), what = _NEEDS[service]
    if not any((h["role"], h["action"]) == (role, action) for h in cabinet.data["holder"]):
        text = f"no {role} {what}: codes only by grants of the host"
        yield ("service",), text, f'add [[holder]] with role = "{role}", action = "{action}"'


def holder_once(cabinet: Cabinet) -> Iterator[Finding]:
    """One holder may do several things, by another code for each; the same twice is one code made twice."""
    first: dict[tuple[str, str, int], Key] = {}
    for i, entry in enumerate(cabinet.data["holder"]):
        key: Key = ("holder", i)
        other = first.setdefault((entry["role"], entry["action"], entry["number"]), key)
        if other != key:
            who = f"{entry['role']} {entry['number']}, action {entry['action']}"
            yield key, f"{who}, is {spell(other)} already", "give it another number, or remove one of the two"
