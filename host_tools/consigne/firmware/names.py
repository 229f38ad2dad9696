"""Shortens names that only one class, module or function uses, so that several share one name on the device.

Every different identifier of an application takes an entry in the interpreter's table of strings, 11 bytes of
heap (7 on an ESP32), and the table grows by doubling: the 1,261st name costs 14 kB at once (9 kB on an
ESP32).  A private name, ``_like_this``, and a parameter that no call gives by name have a meaning in one
place only, so the same few short names can stand for all of them.  The same holds for names that one file
defines and others import, as long as no two with the same short name meet in a file.  Files and lines in a
traceback stay; only "in _x" is not the source's name, and ``consigne device traceback`` translates it.

Not shortened are: names in texts, since they may be looked up (``"_do_" + action``); exceptions, whose names
are printed; names that programs beside the application import; and names also used with another meaning.

A module that is imported as ``.drivers.keypad`` adds a second name, so it is imported by its own.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from string import ascii_lowercase

from .inline import Module, origin_of

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_PRIVATE = re.compile(r"_[A-Za-z]\w*[A-Za-z0-9]$")
_IMPORTED_FROM = re.compile(rb"from\s+(\.+[\w.]+)")


@dataclass(frozen=True)
class Shortened:
    """An application with shorter and fewer names."""

    sources: dict[str, bytes]
    """The same files, by the same paths."""
    names: dict[str, dict[str, str]]
    """The meaning of each short name in a file, by the file's path; without variables of functions."""


def shorten(sources: dict[str, bytes], beside: Iterable[bytes] = ()) -> Shortened:
    """Give names that mean something in one place only the same few short names.

    ``beside`` are programs that use the application and are not part of it: names that they mention stay.
    """
    modules = {path: Module(path, source) for path, source in sources.items()}
    told = _exceptions(modules.values()).union(*map(_mentioned, beside))
    fixed = _fixed(modules.values()) | told
    shared = _imported(modules) - fixed
    fixed |= {item.name for _, item in _imports(modules.values())} - shared
    private = _private(modules, fixed)
    for path, module in modules.items():
        private[path] |= _used(module) & shared
    taken = fixed.union(*(_used(module) for module in modules.values()))
    shorts = _share(private, _units(modules), taken)
    for path, module in modules.items():
        everywhere = {name: shorts[name] for name in private[path]}
        local = _parameters(module) - fixed - everywhere.keys() - _bound_outside(module)
        free = _letters(_used(module) | fixed)
        _rename(module, everywhere, {name: next(free) for name in sorted(local)})
        _say_in_full(module, modules)
    return Shortened(
        {path: module.result() for path, module in modules.items()},
        {path: {shorts[name]: name for name in names} for path, names in private.items()},
    )


# --- which names there are ------------------------------------------------------------------------------


def _used(module: Module) -> set[str]:
    """All identifiers of a file but those of modules and of named arguments."""
    out = {node.id for node in module.names}
    for node in module.nodes:
        if isinstance(node, ast.Attribute):
            out.add(node.attr)
        elif isinstance(node, ast.arg):
            out.add(node.arg)
        elif isinstance(node, Definition):
            out.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            out |= {item.name for item in node.names}
    return out


def _private(modules: dict[str, Module], fixed: set[str]) -> dict[str, set[str]]:
    """The private names of each file, by its path; not those of the interpreter's modules that it uses."""
    given = set().union(*map(_given, modules.values()))
    prefixes = tuple(text for text in fixed if re.fullmatch("_[a-z]+_", text))  # of names put together
    out = {}
    for path, module in modules.items():
        found = {name for name in _used(module) & given - fixed if _PRIVATE.match(name)}
        out[path] = {name for name in found if not name.startswith(prefixes)}
    return out


def _given(module: Module) -> set[str]:
    """Names that a file defines: of values, attributes, parameters, functions or classes."""
    out = {node.name for node in module.nodes if isinstance(node, Definition)} | _parameters(module)
    for node in module.nodes:
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            out.add(node.id if isinstance(node, ast.Name) else node.attr)
    return out


def _imports(modules: Iterable[Module]) -> Iterator[tuple[str, ast.alias]]:
    """Each name that is imported, after the dotted name of the module that it is taken from."""
    for module in modules:
        for node in module.nodes:
            if isinstance(node, ast.ImportFrom):
                yield from ((origin_of(module, node), item) for item in node.names)


def _imported(modules: dict[str, Module]) -> set[str]:
    """Names that one file defines at its top and others import, and that have no other meaning anywhere."""
    defined = {module.name: _defined_at_top(module) for module in modules.values()}
    out, other = set(), {module.name.split(".")[-1] for module in modules.values()}
    for home, item in _imports(modules.values()):
        if item.asname is None and item.name in defined.get(home, ()):
            out.add(item.name)
        else:
            other.add(item.name)
    for module in modules.values():
        other |= {node.attr for node in module.nodes if isinstance(node, ast.Attribute)} | _parameters(module)
    return out - other


def _defined_at_top(module: Module) -> set[str]:
    out = {node.name for node in module.tree.body if isinstance(node, Definition)}
    for statement in module.tree.body:
        if isinstance(statement, ast.Assign):
            out |= {
                node.id
                for target in statement.targets
                for node in ast.walk(target)
                if isinstance(node, ast.Name)
            }
    return out


def _exceptions(modules: Iterable[Module]) -> set[str]:
    """Classes with a base that the application does not define, and those that inherit from them."""
    bases = {
        node.name: {ast.unparse(base).split(".")[-1] for base in node.bases}
        for module in modules
        for node in module.nodes
        if isinstance(node, ast.ClassDef)
    }
    out = {name for name, above in bases.items() if above - bases.keys()}
    while more := {name for name, above in bases.items() if above & out} - out:
        out |= more
    return out


def _mentioned(program: bytes) -> set[str]:
    """The names that a program uses from modules: imported ones, and attributes."""
    nodes = list(ast.walk(ast.parse(program)))
    out = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return out.union(item.name for node in nodes if isinstance(node, ast.ImportFrom) for item in node.names)


def _fixed(modules: Iterable[Module]) -> set[str]:
    """Names that must stay in any use."""
    out = {"self", *dir(builtins)}
    for node in (node for module in modules for node in module.nodes):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            out.add(node.value)
        elif isinstance(node, ast.keyword) and node.arg:
            out.add(node.arg)
        elif isinstance(node, ast.Import):
            out |= {name for item in node.names for name in (item.name, item.asname or item.name)}
        elif isinstance(node, ast.alias) and node.asname:
            out |= {node.name, node.asname}
        elif isinstance(node, ast.Global | ast.Nonlocal):
            out |= set(node.names)
        elif isinstance(node, ast.ExceptHandler):
            out.add(node.name or "")
        elif isinstance(node, ast.JoinedStr):  # Python 3.11 does not tell where its parts lie
            out |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            out |= {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return out


def _parameters(module: Module) -> set[str]:
    return {node.arg for node in module.nodes if isinstance(node, ast.arg)}


def _bound_outside(module: Module) -> set[str]:
    """Names that a file binds, except variables of functions."""
    out = {node.name for node in module.nodes if isinstance(node, Definition)}
    bodies = [node.body for node in module.nodes if isinstance(node, ast.ClassDef)]
    for statement in [*module.tree.body, *(statement for body in bodies for statement in body)]:
        if not isinstance(statement, Definition):
            out |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return out


# --- sharing --------------------------------------------------------------------------------------------


def _units(modules: dict[str, Module]) -> dict[str, str]:
    """Files whose classes inherit from each other form one unit: path -> name of the unit."""
    unit = {path: path for path in modules}
    classes = [
        (path, node)
        for path, module in modules.items()
        for node in module.nodes
        if isinstance(node, ast.ClassDef)
    ]
    homes: dict[str, list[str]] = {}
    for path, node in classes:
        homes.setdefault(node.name, []).append(path)
    for path, node in classes:
        for base in node.bases:
            name = base.id if isinstance(base, ast.Name) else getattr(base, "attr", "")
            for home in homes.get(name, []):
                old, new = unit[home], unit[path]
                unit = {other: new if of == old else of for other, of in unit.items()}
    return unit


def _share(private: dict[str, set[str]], units: dict[str, str], taken: set[str]) -> dict[str, str]:
    """A short name for each private one; two that meet in a unit get different ones."""
    where: dict[str, set[str]] = {}
    for path, names in private.items():
        for name in names:
            where.setdefault(name, set()).add(units[path])
    out: dict[str, str] = {}
    used: dict[str, set[str]] = {unit: set() for unit in units.values()}
    for name in sorted(where, key=lambda name: (-len(where[name]), name)):
        shorts = (short for short in map("_{:x}".format, count()) if short not in taken)
        out[name] = next(short for short in shorts if not any(short in used[unit] for unit in where[name]))
        for unit in where[name]:
            used[unit].add(out[name])
    return out


def _letters(taken: set[str]) -> Iterator[str]:
    """a, b, .. z, a1, b1, .."""
    letters = (letter + str(n or "") for n in count() for letter in ascii_lowercase)
    return (name for name in letters if name not in taken)


def _rename(module: Module, everywhere: dict[str, str], local: dict[str, str]) -> None:
    """Rename: ``everywhere`` includes attributes and functions; ``local`` only variables."""
    variables = everywhere | local
    for node in module.nodes:
        if isinstance(node, ast.Name) and node.id in variables:
            module.replace(node, variables[node.id])
        elif isinstance(node, ast.arg) and node.arg in variables:
            start = module.start(node)
            module.edit(start, start + len(node.arg), variables[node.arg].encode())
        elif isinstance(node, ast.Attribute) and node.attr in everywhere:
            end = module.end(node)
            module.edit(end - len(node.attr), end, everywhere[node.attr].encode())
        elif isinstance(node, ast.alias) and node.name in everywhere:
            start = module.start(node)
            module.edit(start, start + len(node.name), everywhere[node.name].encode())
        elif isinstance(node, Definition) and node.name in everywhere:
            start = module.source.index(node.name.encode(), module.start(node))
            module.edit(start, start + len(node.name), everywhere[node.name].encode())


def _say_in_full(module: Module, modules: dict[str, Module]) -> None:
    """Make it import the application's modules by their full names, which exist in any case."""
    names = {other.name for other in modules.values()}
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and node.level and "." in (node.module or ""):
            written = _IMPORTED_FROM.match(module.source, module.start(node))
            if written and origin_of(module, node) in names:
                module.edit(written.start(1), written.end(1), origin_of(module, node).encode())
