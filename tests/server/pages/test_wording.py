"""Events in words: an operator can read every event a locker can tell."""

import json
from typing import Any

import pytest
from consigne.protocol.events import EventData, parse_events
from consigne.server.fleet.overview import NEEDS
from consigne.server.pages.fleet import LABELS
from consigne.server.pages.wording import wording
from hypothesis import given
from hypothesis import strategies as st
from locker.core import records

EVENTS = [kind for kind in records.kinds() if kind <= records.EVENT_KIND_MAX]
KINDS = {records.spec(kind)[0]: kind for kind in EVENTS}
NAMES = ["A1", "A2", "A3"]


def event(kind: int, door: int = 1) -> EventData:
    """An event of this kind with all fields 0, but for the door."""
    _, _, fields, text = records.spec(kind)
    values: list[Any] = [door if field == "door" else 0 for field in fields]
    if text:
        values.append("RR123456785FR")
    return EventData.of_record(kind, records.pack(kind, *values))


def told(kind: int, *values: int | str) -> EventData:
    return EventData.of_record(kind, records.pack(kind, *values))


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: records.spec(kind)[0])
def test_every_event_has_words_of_its_own(kind: int) -> None:
    name = records.spec(kind)[0]
    words = wording(event(kind), NAMES)
    assert words.headline
    unknown = wording(EventData({**event(kind), "kind": "brand_new"}), NAMES)
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


def test_an_alarm_says_what_happened_and_a_code_who_came_for_what() -> None:
    alarms = ["parcel missing or wrong, door A2", "opened under duress, door A2", "service lid opened"]
    for number, words in enumerate(alarms, 1):
        door = 1 if "door" in words else records.ANY_DOOR
        alarm = told(records.ALARM, number, 1, 0, door)
        assert wording(alarm, NAMES).more == words
    came = told(records.ACCEPTED, 1, 6, 5, 0, 0, "")
    assert wording(came, NAMES).more == "partner, hand over"


def test_the_parcel_is_named_where_custody_changes() -> None:
    for kind in (records.DEPOSITED, records.COLLECTED, records.RETURNED, records.DEPOSIT_UNDONE):
        assert "RR123456785FR" in wording(event(kind), NAMES).more


def test_a_kind_that_is_newer_than_this_host_is_told_with_all_its_fields() -> None:
    words = wording(EventData(kind="moved_in", colour="red", door=1), NAMES)
    assert (words.headline, words.more) == ("Moved in", "colour red, door 1")


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: records.spec(kind)[0])
def test_an_event_that_is_not_sound_is_told_and_keeps_nobody_from_reading_the_others(kind: int) -> None:
    """Any field may be missing or of another type: it is told as it is."""
    name, _, fields, text = records.spec(kind)
    spoiled = EventData({"kind": name, **dict.fromkeys(fields, "much"), **({text: 7} if text else {})})
    bare = wording(EventData(kind=name), NAMES)
    whole = wording(event(kind), NAMES)
    assert (bare.tone, bare.headline) == (whole.tone, whole.headline)
    words = wording(spoiled, NAMES)
    assert words.headline == whole.headline
    if name != "time_set":  # of which nothing is told but that it was
        assert all(f"{field.replace('_', ' ')} much" in words.more for field in fields)


ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([-500, 0, 3, 255, 256, 65_534, 65_535, 65_536, 2**32]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text("aZ0 :é\x00\ud800", max_size=50),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from("ab"), st.integers(), max_size=2),
)


@st.composite
def odd_events(draw: st.DrawFn) -> dict[str, Any]:
    """An event of a known kind with fields missing, of wrong types, out of range, or too many."""
    kind = draw(st.sampled_from(EVENTS))
    fields = event(kind)
    for name in [name for name in fields if name != "kind"]:
        change = draw(st.sampled_from(["keep", "drop", "replace"]))
        if change == "drop":
            del fields[name]
        elif change == "replace":
            fields[name] = draw(ODD_VALUES)
    if draw(st.booleans()):
        fields[draw(st.sampled_from(["door", "door name", "ordered", "id", "more"]))] = draw(ODD_VALUES)
    return fields


@given(odd_events())
def test_an_event_that_is_not_as_it_should_be_is_told_by_its_kind(fields: dict[str, Any]) -> None:
    body = json.dumps({"epoch": 1, "events": [[1, 1_790_000_001, fields]]}).encode()
    (stored,) = parse_events(body).events
    words = wording(stored.data, NAMES)
    assert words.headline == wording(event(KINDS[fields["kind"]]), NAMES).headline


def test_a_folder_is_not_taken_for_another_of_its_name(request: pytest.FixtureRequest) -> None:
    """``tests/pages`` waits for a browser and is left out of ``make quick``; this folder is not."""
    assert request.node.get_closest_marker("waits") is None


def test_the_fleets_page_has_a_word_for_everything_that_a_locker_may_need():
    """Without one the whole page failed while a single locker needed it."""
    assert set(LABELS) == set(NEEDS)
