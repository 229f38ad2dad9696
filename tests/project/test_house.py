"""The order of the packages: a stranger who reads a folder need not read those above it."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from lab import house
from lab.bench import house as bench
from lab.house import Import

# Modules that an interpreter on a board has, and the name under which CPython finds a stand-in.
DEVICE_NAMES = {"micropython", "machine", "network", "esp32", "esp", "ticks"}


def locked() -> set[str]:
    """The packages that whoever installs the wheel gets, with all that they need themselves."""
    text = (house.ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    return {_canonical(name) for name in re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*\])?==", text, re.MULTILINE)}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def edges() -> list[Import]:
    """Every import of the host and of the firmware."""
    return house.imports()


def test_imports_run_down_only(edges: list[Import]) -> None:
    assert [str(edge) for edge in house.upwards(edges)] == []


def test_no_modules_import_one_another_in_a_circle(edges: list[Import]) -> None:
    assert house.circles(edges) == []


def test_every_package_of_the_order_exists_and_every_module_is_in_one() -> None:
    known = house.modules()
    layers = house.LAYERS.split()
    assert sorted(layers) == sorted(set(layers))
    assert set(layers) == {house.layer_of(module)[1] for module in known if module != "consigne"}


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("consigne.protocol.codes", "consigne.server.storage.models"),
        ("consigne.server.fleet.orders", "consigne.server.parcels.view"),
        (
            "consigne.sim.network.memory",
            "consigne.sim.parts.doors",
        ),  # those of one line do not know each other
        ("locker.core.core", "locker.journal.log"),
        ("locker.net.sync", "locker.controller"),
        ("consigne.device.push", "lab.attack"),
    ],
)
def test_an_import_against_the_order_is_seen(edges: list[Import], importer: str, imported: str) -> None:
    wrong = Import(importer, imported, 1)
    assert house.upwards([*edges, wrong]) == [wrong]


def test_a_circle_is_seen_however_long_it_is() -> None:
    edges = [Import(f"m{n}", f"m{(n + 1) % 5}", 1) for n in range(5)]
    assert house.circles([*edges, Import("m7", "m0", 1)]) == [["m0", "m1", "m2", "m3", "m4"]]
    assert house.circles(edges[:-1]) == []


def test_a_module_that_the_order_does_not_have_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="attic"):
        house.layer_of("attic.trunk")


def test_an_import_is_read_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a function, relative, of a name or a module: all are imports; what only a checker reads is none."""
    monkeypatch.setattr(house, "ROOTS", {"top": tmp_path})
    (tmp_path / "room").mkdir()
    (tmp_path / "other.py").write_text("")
    (tmp_path / "third.py").write_text("")
    places = ("tried", "failed", "other", "last", "with_", "matched", "looped", "defined")
    for name in places:
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "nested.py").write_text(
        "try:\n import top.tried\nexcept OSError:\n import top.failed\nelse:\n import top.other\n"
        "finally:\n import top.last\nwith open('x'):\n import top.with_\n"
        "match 1:\n case 1:\n  import top.matched\nfor x in ():\n pass\nelse:\n import top.looped\n"
        "class C:\n async def f(self):\n  import top.defined\n"
    )
    (tmp_path / "room" / "__init__.py").write_text("from . import inner\n")
    (tmp_path / "room" / "inner.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import top.third\n"
        "def late():\n    from ..other import thing\n    import top.room\n"
    )
    (tmp_path / "room" / "program.py").write_text("import inner\n")
    found = {(edge.importer, edge.imported) for edge in house.imports()}
    inner = "top.room.inner"
    assert found == {("top.nested", f"top.{name}") for name in places} | {
        ("top.room", inner),
        (inner, "top.other"),
        (inner, "top.room"),
        ("top.room.program", inner),  # run by its path, it finds what lies beside it
    }


def test_what_is_shipped_needs_nothing_that_only_developers_install() -> None:
    provided = packages_distributions()
    there = locked()
    assert "sqlalchemy" in there and "pytest" not in there
    missing = [
        str(edge)
        for edge in house.foreign()
        if edge.importer.startswith("consigne")
        and edge.imported not in sys.stdlib_module_names | DEVICE_NAMES
        and not there & {_canonical(name) for name in provided.get(edge.imported, ())}
    ]
    assert missing == []


def test_the_bench_counts_what_these_tests_see(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = bench.run()
    assert counted["house.imports_up"] == counted["house.circles"] == 0
    up = Import("consigne.protocol.codes", "consigne.protocol.codes_user", 1)
    monkeypatch.setattr(house, "upwards", lambda edges: [up])
    monkeypatch.setattr(house, "circles", lambda edges: [["a", "b"], ["c", "d"]])
    monkeypatch.setattr(house, "any_dicts", lambda: ["one"] * 7)
    assert bench.run() == {"house.imports_up": 1, "house.circles": 2, "types.any_dicts": 7}


@pytest.mark.parametrize(
    ("module", "loads"),
    [
        ("consigne.cli", []),
        ("consigne.device.cli", ["consigne.device.board"]),
        ("consigne.demo.trial", ["sqlalchemy"]),
        ("consigne.server.serving", ["nicegui", "sqlalchemy"]),
    ],
)
def test_a_command_waits_for_nothing_that_it_does_not_use(module: str, loads: list[str]) -> None:
    """Seconds on a small laptop, at each start: a database, other commands, pages, ways to tell customers."""
    heavy = {"sqlalchemy", "psycopg", "consigne.device.board", "nicegui", "apprise"}
    look = f"import sys, {module}; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, check=True)
    assert done.stdout.decode().split() == loads
