"""The picture of the architecture shows what the code imports."""

import pytest
from lab import packages


def test_the_picture_is_the_one_drawn_from_the_imports() -> None:
    assert packages.PAGE.read_text(encoding="utf-8") == packages.picture(), "run: python -m lab.packages"


def test_every_package_says_what_it_is_for() -> None:
    assert [package for package in packages.ORDER if len(packages.purpose(package).split()) < 4] == []


def test_an_import_against_the_order_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = packages.imports()
    assert "locker/drivers" not in graph["locker/core"]
    graph["locker/core"] |= {"locker/drivers"}
    before = packages.picture().count(packages.WRONG)
    monkeypatch.setattr(packages, "imports", lambda: graph)
    assert packages.picture().count(packages.WRONG) == before + 2
