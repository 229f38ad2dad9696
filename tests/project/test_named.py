"""Names: what a comment names between double backticks is there, and a module is called by a word.

Files that are named: ``test_pages``.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
FOREIGN = {"deflate", "vfs", "serial", "module"}
"""Modules of MicroPython and of pyserial; and ``module.NAME`` stands for any."""


def _tracked() -> list[str]:
    out = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return out.stdout.splitlines()


FILES = _tracked()
MODULES: dict[str, list[str]] = {}
for file in FILES:
    if file.endswith(".py"):
        path = PurePosixPath(file)
        MODULES.setdefault(path.parent.name if path.stem == "__init__" else path.stem, []).append(file)


def _stale(text: str) -> Iterator[str]:
    """``module.Name`` of a module that neither we nor Python have, or that does not say this name."""
    for name in re.findall(r"``([^`\n]+)``", text):
        if match := re.fullmatch(r"([a-z_]\w*\.)*?([a-z_]\w*)\.([A-Z]\w*)", name):
            module, member = match[2], match[3]
            ours = MODULES.get(module, [])
            is_there = any(re.search(rf"\b{member}\b", (ROOT / file).read_text()) for file in ours)
            if not is_there and not {module, name.split(".")[0]} & (FOREIGN | sys.stdlib_module_names):
                yield name


def _listed(package: Path) -> list[str]:
    """The names of modules that begin the lines of a list in a package's docstring."""
    said = ast.get_docstring(ast.parse(package.read_text())) or ""
    lines = re.findall(r"^- (``[^`]+``(?:, ``[^`]+``)*)", said, re.MULTILINE)
    return [name for line in lines for name in re.findall(r"``([a-z_.]+)``", line)]


def _is_module(package: Path, name: str) -> bool:
    place = package.parent / name.replace(".", "/")
    return place.is_dir() or place.with_suffix(".py").exists()


def test_what_is_named_with_its_module_exists() -> None:
    here = [file for file in FILES if file.endswith(".py") and not file.startswith("tests/")]
    stale = {file: names for file in here if (names := list(_stale((ROOT / file).read_text())))}
    assert not stale


def test_a_package_that_lists_its_modules_lists_those_it_has() -> None:
    for package in (ROOT / file for file in FILES if file.endswith("/__init__.py")):
        names = _listed(package)
        if any(_is_module(package, name) for name in names):
            assert not [name for name in names if not _is_module(package, name)], package


@pytest.mark.parametrize("name", ["netmemory.Socket", "memory.Sockets"])
def test_a_stale_name_is_seen(name: str) -> None:
    assert list(_stale(f"As ``{name}``.")) == [name]


def test_no_module_is_called_by_a_single_letter() -> None:
    found = [
        f"{file}: {alias.name} as {alias.asname}"
        for file in FILES
        if file.endswith(".py")
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if alias.asname and len(alias.asname) == 1
    ]
    assert not found
