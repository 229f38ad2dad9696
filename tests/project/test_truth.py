"""What is said twice must agree, and the rules of the house hold: no judgement, only facts."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from consigne.cli import app
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
FIRMWARE = sorted((ROOT / "firmware").rglob("*.py"))
ABSENT_ON_DEVICE = {"typing", "enum", "dataclasses", "abc", "functools", "hmac", "logging", "contextlib"}
HARDWARE = {"machine", "network", "esp32"}
FUNCTION_LINES_MAX = 70
HANGS_S = 180  # until a test counts as hung
CUSTODY = [
    *sorted((ROOT / "firmware/locker/core").glob("*.py")),
    *sorted((ROOT / "firmware/locker/journal").glob("*.py")),
    *(ROOT / f"firmware/locker/{name}.py" for name in ("controller", "supervisor", "console", "rescue")),
]
"""The rooms in which it is decided who may open what, and what of it is remembered."""


def _tracked(*patterns: str) -> list[Path]:
    out = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in out.stdout.splitlines()]


def _imports(path: Path) -> Iterator[str]:
    """What a file imports that is not its own package's; who may import whom there: ``test_house``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def _part(path: Path) -> str:
    """``core``, ``journal``, ``drivers``, ``net`` or ``""`` for the shell."""
    parts = path.relative_to(ROOT / "firmware").parts
    return parts[1] if len(parts) > 2 else ""


@pytest.mark.parametrize("path", FIRMWARE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_device_gets_only_what_it_has(path: Path) -> None:
    part = _part(path)
    for name in _imports(path):
        top = name.split(".")[0]
        if path.name != "ports.py":
            assert top not in ABSENT_ON_DEVICE, f"{top} is not on the device"
        if top in HARDWARE:
            assert part == "drivers" or path.name.startswith(("link", "start.py", "boot.py")), (
                f"{top} is for drivers"
            )


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines a function has, without its docstring."""
    told = ast.get_docstring(function, clean=False) or ""
    return (function.end_lineno or 0) - function.lineno + 1 - (len(told.splitlines()) if told else 0)


def test_no_function_is_longer_than_one_can_hold_in_the_head() -> None:
    long = {
        f"{path.relative_to(ROOT)}: {function.name}": _lines(function)
        for path in _tracked("*.py")
        for function in _functions(path)
        if _lines(function) > FUNCTION_LINES_MAX
    }
    assert not long


def _unannotated(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    given = function.args
    parts = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    yield from (part.arg for part in parts if part and part.arg != "self" and part.annotation is None)
    if function.returns is None:
        yield "what it returns"


@pytest.mark.parametrize("path", CUSTODY, ids=lambda p: str(p.relative_to(ROOT)))
def test_where_custody_is_decided_every_function_says_its_types(path: Path) -> None:
    missing = {
        f"{function.name}, line {function.lineno}": parts
        for function in _functions(path)
        if (parts := list(_unannotated(function)))
    }
    assert not missing


def test_where_custody_is_decided_the_checker_is_strict() -> None:
    strict = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["basedpyright"]["strict"]
    for path in CUSTODY:
        assert any(path.is_relative_to(ROOT / room) for room in strict), path
        assert not re.search(r"# pyright: (basic|standard|off|ignore(?!\[))", path.read_text()), path


def test_no_test_is_skipped_and_nothing_is_put_off() -> None:
    words = "|".join(("pytest.s" + "kip", "mark.s" + "kip(if)?", "x" + "fail", "TO" + "DO", "FIX" + "ME"))
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _tracked("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(rf"\b({words})\b", line)
    ]
    assert not found


def test_the_version_stands_in_one_place() -> None:
    import locker

    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]
    shown = CliRunner().invoke(app, ["--version"]).output
    assert shown == f"consigne {locker.VERSION}\n"


def test_every_event_and_every_effect_has_its_handler() -> None:
    from locker.controller import Controller
    from locker.core import events
    from locker.core.core import Core

    named = {
        prefix: {value for name, value in vars(events).items() if name.startswith(prefix)}
        for prefix in ("EV_", "FX_")
    }
    assert named["EV_"] == set(Core._HANDLERS)
    assert named["FX_"] == set(Controller._EFFECTS)


def test_every_kind_of_record_is_described() -> None:
    from locker.core import records

    kinds = {
        value
        for name, value in vars(records).items()
        if name.isupper() and type(value) is int and not name.endswith("_MAX") and name != "ANY_DOOR"
    }
    assert kinds == set(records.kinds())
    names = [records.spec(kind)[0] for kind in records.kinds()]
    assert len(names) == len(set(names))


def test_every_file_has_a_name_that_is_written_without_quotes() -> None:
    """What a slip in a shell leaves behind does not look like a file's name."""
    assert not [path for path in _tracked() if not re.fullmatch(r"[\w./@+-]+", str(path.relative_to(ROOT)))]


def _limits_s(path: Path) -> Iterator[float]:
    """How long calls in a file wait at most by the machine's clock."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            given = [keyword.value for keyword in node.keywords if keyword.arg == "timeout"]
            if ast.unparse(node.func).endswith(("asyncio.timeout", ".drained")):
                given += node.args
            values = [one.value for one in given if isinstance(one, ast.Constant)]
            yield from (value for value in values if isinstance(value, int | float))


def test_a_limit_ends_a_test_that_hangs_and_not_one_on_a_busy_machine() -> None:
    """A wait below a second is one look of several."""
    found = {str(path.relative_to(ROOT)): [*_limits_s(path)] for path in _tracked("tests/*.py")}
    assert not {name for name, limits_s in found.items() if any(1 <= s < HANGS_S for s in limits_s)}
