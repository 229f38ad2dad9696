"""The order of the packages: allowed imports, circles of imports, and values without a type.

Used by the test of that order, by the part ``house`` of the bench and by the picture of the architecture
(``packages``).
"""

import ast
import functools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from . import anydicts

ROOT = Path(__file__).parents[2]
ROOTS = {
    "lab": ROOT / "host_tools" / "lab",
    "consigne": ROOT / "host_tools" / "consigne",
    "locker": ROOT / "firmware" / "locker",
}
ON_DEVICE = {"shim", "pyshim", "onboard"}  # folders of the host's tree that run on the board's interpreter

LAYERS = """
lab.bench
lab.soak
lab.rig
lab
consigne.cli
consigne.demo
consigne.demo.pages
consigne.learn
consigne.device
consigne.sim.virtualboard
consigne.sim
consigne.sim.grounds
consigne.sim.network consigne.sim.parts
consigne.sim.board
consigne.sim.clock consigne.sim.ground
consigne.server.cli
consigne.server.serving
consigne.server.pages
consigne.server.api
consigne.server.metrics
consigne.server.service
consigne.server.health
consigne.server.parcels
consigne.server.ingest
consigne.server.notices
consigne.server.fleet
consigne.server.access
consigne.server.people
consigne.server.storage
consigne.server
consigne.broker
consigne.cabinet.cli
consigne.cabinet.compiler consigne.cabinet.newfile
consigne.cabinet.rules
consigne.cabinet.draw
consigne.cabinet
consigne.firmware
consigne.ui consigne.commandline
consigne.words
consigne.protocol
locker
locker.drivers locker.journal locker.net
locker.core
"""
"""From the top down: a package imports only packages of lower lines, not even others of its own line.

A name covers its folder, except what a longer name here covers.
"""


class Import(NamedTuple):
    """``importer``, a module, imports ``imported``, a module too, in a line of its file."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def modules() -> dict[str, Path]:
    """Every module of the host and of the firmware's package, by its full name."""
    found = {}
    for top, folder in ROOTS.items():
        for path in sorted(folder.rglob("*.py")):
            inner = path.relative_to(folder).with_suffix("").parts
            if not ON_DEVICE & set(inner) and not path.name.startswith("probe_"):
                found[".".join([top, *inner]).removesuffix(".__init__")] = path
    return found


def names(tree: ast.AST, within: list[str]) -> Iterator[tuple[str, int, bool]]:
    """Every name that a module of the package ``within`` imports, and the line; wherever the import stands.

    With each comes whether a whole module is imported by its name, ``import x``.

    Imports only for a type checker are left out: the firmware's ports name the modules that use them.
    """
    if isinstance(tree, ast.If) and isinstance(tree.test, ast.Name) and tree.test.id == "TYPE_CHECKING":
        return
    for node in _statements(tree):
        yield from names(node, within)
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, True) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = within[: len(within) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((f"{base}.{alias.name}", node.lineno, False) for alias in node.names)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """What a node holds that may be or hold an import: no expression does."""
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        inner = getattr(node, field, None)
        if isinstance(inner, list):
            yield from inner


def _beside(name: str, within: list[str]) -> str:
    """A program that is started by its path imports modules beside it without the package's name."""
    top, *folders = within
    if name in sys.stdlib_module_names:
        return name
    return ".".join([*within, name]) if (ROOTS[top].joinpath(*folders) / f"{name}.py").is_file() else name


def package(module: str, path: Path) -> list[str]:
    """The parts of the package that a module's relative imports start from."""
    return module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]


def _names_in(path: Path, within: list[str]) -> Iterator[tuple[str, int]]:
    """``names`` of a file; a text that was read before is not parsed again."""
    for name, line, whole in _named(path.read_text(encoding="utf-8"), tuple(within)):
        yield _beside(name, within) if whole else name, line


@functools.cache
def _named(text: str, within: tuple[str, ...]) -> list[tuple[str, int, bool]]:
    return list(names(ast.parse(text), list(within)))


def imports() -> list[Import]:
    """Every import of a module of ours by another one; the three roots are below everything."""
    known = modules()
    found = []
    for module, path in known.items():
        for name, line in _names_in(path, package(module, path)):
            target = name if name in known else name.rpartition(".")[0]
            if target in known and target not in ROOTS and target != module:
                found.append(Import(module, target, line))
    return found


def foreign() -> list[Import]:
    """Every import of a foreign package, by its topmost name: ``sqlalchemy``, ``json``."""
    return [
        Import(module, name.split(".")[0], line)
        for module, path in modules().items()
        for name, line in _names_in(path, package(module, path))
        if name.split(".")[0] not in ROOTS
    ]


def layer_of(module: str) -> tuple[int, str]:
    """The line of ``LAYERS`` that a module belongs to, and the name there.  Raises ``ValueError``."""
    found = [
        (row, name)
        for row, line in enumerate(LAYERS.split("\n"))
        for name in line.split()
        if module == name or module.startswith(name + ".")
    ]
    if not found:
        raise ValueError(f"{module} is in no package of LAYERS: give it a line there")
    return max(found, key=lambda one: len(one[1]))


def upwards(edges: Iterable[Import]) -> list[Import]:
    """The imports that violate the order."""
    wrong = []
    for edge in edges:
        above, below = layer_of(edge.importer), layer_of(edge.imported)
        if above[1] != below[1] and above[0] >= below[0]:
            wrong.append(edge)
    return wrong


def circles(edges: Iterable[Import]) -> list[list[str]]:
    """Groups of modules each of which, by way of others, imports itself."""
    below: dict[str, set[str]] = {}
    for edge in edges:
        below.setdefault(edge.importer, set()).add(edge.imported)
    reached = {module: _reached(module, below) for module in below}
    found = {
        tuple(sorted(other for other in reached[module] if module in reached.get(other, ())))
        for module in below
        if module in reached[module]
    }
    return [list(group) for group in sorted(found)]


def _reached(module: str, below: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for other in below.get(waiting.pop(), ()):
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def any_dicts() -> list[str]:
    """The host's dictionaries of anything (``anydicts.places``), whose values have no type."""
    sources = [
        anydicts.read(module, path.read_text(encoding="utf-8"), package(module, path))
        for module, path in modules().items()
        if not module.startswith("locker")
    ]
    return [str(place) for place in anydicts.places(sources)]
