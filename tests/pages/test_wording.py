"""Events in words: an operator can read every event a locker can tell."""

from typing import Any

import pytest
from consigne.server.pages.wording import wording
from locker.core import records

EVENTS = [kind for kind in records.kinds() if kind <= records.EVENT_KIND_MAX]
NAMES = ["A1", "A2", "A3"]


def event(kind: int, door: int = 1) -> dict[str, Any]:
    """An event of this kind with all fields 0, but for the door."""
    _, _, fields, text = records.spec(kind)
    values: list[Any] = [door if field == "door" else 0 for field in fields]
    if text:
        values.append("RR123456785FR")
    return records.describe(kind, records.pack(kind, *values))


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: records.spec(kind)[0])
def test_every_event_has_words_of_its_own(kind: int) -> None:
    name = records.spec(kind)[0]
    words = wording(event(kind), NAMES)
    assert words.headline
    unknown = wording({**event(kind), "kind": "brand_new"}, NAMES)
    assert unknown.headline == "Brand new"
    assert (words.tone, words.headline, words.more) != (unknown.tone, name.replace("_", " ").capitalize(), "")


@pytest.mark.parametrize(
    "kind",
    [kind for kind in EVENTS if "door" in records.spec(kind)[2]],
    ids=lambda kind: records.spec(kind)[0],
)
def test_an_event_of_a_door_calls_it_by_its_name(kind: int) -> None:
    assert "door A2" in wording(event(kind), NAMES).more
    assert "door 8" in wording(event(kind, door=7), NAMES).more


def test_the_parcel_is_named_where_custody_changes() -> None:
    for kind in (records.DEPOSITED, records.COLLECTED, records.RETURNED, records.DEPOSIT_UNDONE):
        assert "RR123456785FR" in wording(event(kind), NAMES).more
