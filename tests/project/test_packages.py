"""Imports run down the list of packages only, and the picture of the architecture shows them."""

import re
import sys
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions

import pytest
from lab import packages

SERVER = (
    ("serving", "cli", "systemd"),
    ("pages", "api", "metrics"),
    ("service",),
    ("parcels", "ingest", "fleet", "access", "notices", "people"),
    ("storage",),
    ("errors", "clock"),
)
"""The host from the top down; those of one line may import each other in one direction."""


def test_imports_run_down_only() -> None:
    assert packages.upwards(packages.imports()) == []


def _server_imports() -> set[tuple[str, str]]:
    """What imports what within ``consigne/server``, by folders and by files that lie in it."""

    def part(module: str) -> str:
        return module.split(".")[2] if module.startswith("consigne.server.") else ""

    pairs = {(part(one), part(other)) for one, seen in packages.module_imports().items() for other in seen}
    return {(one, other) for one, other in pairs if one and other and one != other}


def test_within_the_host_imports_run_down_too() -> None:
    layer = {name: number for number, names in enumerate(SERVER) for name in names}
    pairs = _server_imports()
    assert len(pairs) > 20
    assert {pair for pair in pairs if layer[pair[0]] > layer[pair[1]]} == set()
    graph: packages.Graph = {name: {other for one, other in pairs if one == name} for name in layer}
    TopologicalSorter(graph).prepare()  # raises for two that import each other


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = packages.module_imports()
    TopologicalSorter(graph).prepare()
    graph["consigne.protocol.codes"] |= {"consigne.server.service"}
    with pytest.raises(CycleError):
        TopologicalSorter(graph).prepare()


def _compared(name: str) -> str:
    """The name of a distribution as it compares: lower case, one kind of dash."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_what_is_installed_imports_only_what_is_installed_with_it() -> None:
    lock = (packages.ROOT / "requirements/run.txt").read_text(encoding="utf-8")
    with_it = {_compared(name) for name in re.findall(r"^([\w.-]+)(?:\[.*?\])?==", lock, re.MULTILINE)}
    owners = packages_distributions()
    wanted: dict[str, set[str]] = {}
    for module, names in packages.names_imported().items():
        for top in {name.split(".")[0] for name in names if module.startswith("consigne")}:
            if top in owners and top not in sys.stdlib_module_names and top != "consigne":
                wanted.setdefault(top, set()).add(module)
    assert len(wanted) > 10
    assert {top: users for top, users in wanted.items() if not {*map(_compared, owners[top])} & with_it} == {}
    assert _compared("pytest") not in with_it, "what only developers install would be let through"


def test_the_picture_is_the_one_drawn_from_the_imports() -> None:
    assert packages.PAGE.read_text(encoding="utf-8") == packages.picture(), "run: python -m lab.packages"


def test_every_package_says_what_it_is_for() -> None:
    assert [package for package in packages.ORDER if len(packages.purpose(package).split()) < 4] == []


def test_an_import_against_the_order_is_seen_and_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = packages.imports()
    assert "locker/drivers" not in graph["locker/core"]
    graph["locker/core"] |= {"locker/drivers"}
    assert ("locker/core", "locker/drivers") in packages.upwards(graph)
    before = packages.picture().count(packages.WRONG)
    monkeypatch.setattr(packages, "imports", lambda: graph)
    assert packages.picture().count(packages.WRONG) == before + 2


def test_a_package_that_the_order_does_not_have_is_not_passed_over() -> None:
    with pytest.raises(ValueError):
        packages.upwards({"consigne/attic": set()})
