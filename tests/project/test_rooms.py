"""The picture of the architecture shows what the code imports."""

import pytest
from lab import rooms


def test_the_picture_is_the_one_drawn_from_the_imports() -> None:
    assert rooms.PAGE.read_text(encoding="utf-8") == rooms.picture(), "run: python -m lab.rooms"


def test_every_room_says_what_it_is_for() -> None:
    assert [room for room in rooms.ORDER if len(rooms.purpose(room).split()) < 4] == []


def test_an_import_against_the_order_is_seen_and_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = rooms.imports()
    assert "locker/drivers" not in graph["locker/core"]
    graph["locker/core"] |= {"locker/drivers"}
    assert ("locker/core", "locker/drivers") in rooms.upwards(graph)
    before = rooms.picture().count(rooms.WRONG)
    monkeypatch.setattr(rooms, "imports", lambda: graph)
    assert rooms.picture().count(rooms.WRONG) == before + 2


def test_a_room_that_the_order_does_not_have_is_not_passed_over() -> None:
    with pytest.raises(ValueError):
        rooms.upwards({"consigne/attic": set()})
