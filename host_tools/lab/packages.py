"""The picture of the architecture: packages from the top down with their imports, read from the code.

``python -m lab.packages`` writes ``docs/architecture.svg``; a test compares the two.  A package here is a
folder of ``host_tools/consigne``, ``lab``, the command, or a folder of the firmware; what it is for is the
first sentence of its own docstring.
"""

import ast
import textwrap
from collections.abc import Iterator
from xml.sax.saxutils import escape

from . import house
from .house import ROOT, ROOTS

PAGE = ROOT / "docs" / "architecture.svg"

Graph = dict[str, set[str]]


def package_of(module: str) -> str:
    """``consigne.sim.board.gpio`` is in ``consigne/sim``, ``locker.config`` in ``locker``."""
    top, *rest = module.split(".")
    if top == "lab" or not rest:
        return top
    return f"{top}/{rest[0]}" if top == "consigne" or (ROOTS[top] / rest[0]).is_dir() else top


ORDER = tuple(dict.fromkeys(package_of(name) for name in house.LAYERS.split()))
"""From the top down: a package imports packages below it alone."""


def imports() -> Graph:
    """Each package, and the packages that it imports."""
    graph: Graph = {package_of(module): set() for module in house.modules() if module != "consigne"}
    for edge in house.imports():
        here, target = package_of(edge.importer), package_of(edge.imported)
        if here != target:
            graph[here].add(target)
    return graph


def purpose(package: str) -> str:
    """The first sentence of a package's docstring."""
    top, _, name = package.partition("/")
    path = ROOTS[top] / name
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    sentence = " ".join(said.split("\n\n")[0].split()).replace("``", "")
    return sentence.partition(". ")[0].rstrip(".")


def inside(package: str) -> str:
    """The names of the folders in a package."""
    top, _, name = package.partition("/")
    if top == "locker" and not name:
        return ""  # they are packages of their own
    folders = (path for path in (ROOTS[top] / name).glob("*/") if any(path.glob("*.py")))
    return ", ".join(sorted(path.name for path in folders))


# --- drawing: lengths in pixels ---------------------------------------------------------------------
ROW, BOX, GAP, LANE, EDGE = 58, 600, 30, 24, 16
WRONG = "#e00000"
COLOURS = ("#1b6ca8", "#a8501b", "#2e7d4f", "#7b3fa0", "#8a6d00", "#b3304f", "#3c6e71", "#5b5b5b")


def _box(package: str, row: int) -> Iterator[str]:
    y = EDGE + row * ROW
    fill = "#eef4ea" if package.startswith("locker") else "#f3f1fa" if package == "lab" else "#eaf1f8"
    where = f"host_tools/{package}" if not package.startswith("locker") else f"firmware/{package}"
    yield f'<rect x="{EDGE}" y="{y}" width="{BOX}" height="{ROW - 10}" rx="4" fill="{fill}" stroke="#667"/>'
    yield f'<text x="{EDGE + 10}" y="{y + 17}"><tspan font-weight="bold">{escape(where)}</tspan>'
    yield f'<tspan dx="10" font-size="10" fill="#557">{escape(inside(package))}</tspan></text>'
    for number, line in enumerate(textwrap.wrap(purpose(package), 96, max_lines=2, placeholder=" ..")):
        yield f'<text x="{EDGE + 10}" y="{y + 31 + 12 * number}" font-size="11">{escape(line)}</text>'


def _middle(row: int) -> float:
    return EDGE + row * ROW + (ROW - 10) / 2


def _lane(number: int, row: int, importers: list[int]) -> Iterator[str]:
    """A package's line rises from its own box to the highest importer; a line downwards shows an error."""
    x = EDGE + BOX + GAP + number * LANE
    colour = COLOURS[number % len(COLOURS)]
    y = _middle(row) + 8  # below the line of its own imports
    top, bottom = min(importers), max(importers)
    yield f'<path d="M{EDGE + BOX} {y}H{x}V{_middle(top)}" fill="none" stroke="{colour}" stroke-width="2"/>'
    if bottom > row:
        yield f'<path d="M{x} {y}V{_middle(bottom)}" stroke="{WRONG}" stroke-width="4" stroke-dasharray="4"/>'
    yield f'<rect x="{EDGE + BOX - 4}" y="{y - 4}" width="8" height="8" fill="{colour}"/>'
    for above in importers:
        yield f'<circle cx="{x}" cy="{_middle(above)}" r="4.5" fill="{colour if above < row else WRONG}"/>'


def picture() -> str:
    """The whole SVG: a row for each package, a line for each package that others import."""
    graph = imports()
    rows = {package: row for row, package in enumerate(ORDER)}
    importers = {package: [rows[above] for above in ORDER if package in graph[above]] for package in ORDER}
    lanes = {
        package: number for number, package in enumerate(package for package in ORDER if importers[package])
    }
    width, height = EDGE * 2 + BOX + GAP + len(lanes) * LANE, EDGE * 2 + len(ORDER) * ROW
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="13" fill="#112">',
        "<title>Packages from the top down; a dot: the one of this row imports the one of that line</title>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for package, row in rows.items():
        if graph[package]:
            end = EDGE + BOX + GAP + max(lanes[below] for below in graph[package]) * LANE
            out.append(f'<path d="M{EDGE + BOX} {_middle(row)}H{end}" stroke="#bbc"/>')
    for package, number in lanes.items():
        out += _lane(number, rows[package], importers[package])
    for package, row in rows.items():
        out += _box(package, row)
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PAGE.write_text(picture(), encoding="utf-8")
