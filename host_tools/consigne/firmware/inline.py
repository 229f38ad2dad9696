"""Inlines constants of one module where another uses them, so that their names never reach the device.

mpy-cross replaces ``_NAME = const(1)`` by its value, yet only within one module: a name that others import is
an interned string, an entry in its module's dict and one more in each importing module.  All of that takes
heap, which is short on an ESP32 without PSRAM.  So this does before compiling, for the whole application,
what ``mpy-cross`` does for one file:

- a name in capitals that is assigned once, at the top of its module, to an integer, a string or a
  bool, is replaced by its value where it is used: as ``NAME``, as ``module.NAME``, or imported;
- imports that are empty then, and constants and functions at the top of a module that nothing in the
  application mentions any more (only the host reads them, from the sources), are left out;
- annotations, and code under ``if TYPE_CHECKING:``, are left out first.  The compiler makes no code of
  them, but a name that only a type mentions would count as used.

Lines keep their numbers, so a traceback points into the sources.  The sources never change: tests
run them as they are on CPython, and inlined on MicroPython.
"""

import ast
from collections import Counter
from collections.abc import Iterable
from functools import cached_property

Value = int | str

_PLAIN = (
    ast.Constant,
    ast.Tuple,
    ast.Dict,
    ast.BinOp,
    ast.UnaryOp,
    ast.operator,
    ast.unaryop,
    ast.expr_context,
)


class Module:
    """One source file while it is being inlined; ``name`` is dotted, as it is imported."""

    def __init__(self, path: str, source: bytes) -> None:
        self.is_package = path.endswith("__init__.py")
        self.name = dotted(path)
        self.source = source
        self.tree = ast.parse(source)
        self.nodes = list(ast.walk(self.tree))
        self.names = [node for node in self.nodes if isinstance(node, ast.Name)]
        self._path = path
        self._line_starts = [0]
        for line in source.splitlines(keepends=True):
            self._line_starts.append(self._line_starts[-1] + len(line))
        self._edits: dict[tuple[int, int], bytes] = {}

    @cached_property
    def constants(self) -> dict[str, Value]:
        """Names in capitals that get a plain value at the top of the module, and no other anywhere in it."""
        return _constants(self)

    def replace(self, node: ast.stmt | ast.expr, text: str) -> None:
        """Replace ``node`` by ``text``; later lines keep their numbers."""
        start, end = self.start(node), self.end(node)
        self.edit(start, end, text.encode() + b"\n" * self.source.count(b"\n", start, end))

    def start(self, node: ast.stmt | ast.expr | ast.arg | ast.alias) -> int:
        """The offset in the source where a node begins."""
        return self._line_starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.stmt | ast.expr) -> int:
        """The offset in the source after a node."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._line_starts[node.end_lineno - 1] + node.end_col_offset

    def edit(self, start: int, end: int, text: bytes) -> None:
        """Replace these bytes of the source by ``text``."""
        self._edits[start, end] = text

    def cut(self, start: int, end: int) -> None:
        """Remove these bytes; the text after them stays on its line, in the same statement."""
        self.edit(start, end, b"\\\n" * self.source.count(b"\n", start, end))

    def result(self) -> bytes:
        """The source with all replacements."""
        out = bytearray(self.source)
        for (start, end), text in sorted(self._edits.items(), reverse=True):
            out[start:end] = text
        return bytes(out)

    def edited(self) -> "Module":
        """The module as its ``result`` is, to be edited further."""
        return Module(self._path, self.result()) if self._edits else self


def dotted(path: str) -> str:
    """The name under which a file of the application is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def inline(sources: dict[str, bytes]) -> dict[str, bytes]:
    """The same files, by the same paths, with constants inlined and unmentioned names left out."""
    modules = _untyped(sources)
    by_name = {module.name: module for module in modules.values()}
    for module in modules.values():
        _put_in(module, by_name)
    while True:  # what is left out may have been the last to mention something else
        before = modules = {path: module.edited() for path, module in modules.items()}
        _leave_out(modules.values())
        modules = {path: module.edited() for path, module in modules.items()}
        if modules == before:
            return {path: module.source for path, module in modules.items()}


def inline_script(script: bytes, sources: dict[str, bytes]) -> bytes:
    """A program that is run beside the inlined application of these sources, inlined to match it.

    It may use all constants of the application, but only functions that the application itself mentions.
    """
    program = _untyped({"__main__.py": script})["__main__.py"]
    imported = set()
    for node in program.nodes:
        if isinstance(node, ast.ImportFrom):
            origin = origin_of(program, node)
            imported |= {origin, *(f"{origin}.{item.name}" for item in node.names)}
    modules = _untyped({path: source for path, source in sources.items() if dotted(path) in imported})
    _put_in(program, {module.name: module for module in modules.values()})
    return program.result()


# --- types ----------------------------------------------------------------------------------------------


def _untyped(sources: dict[str, bytes]) -> dict[str, Module]:
    """Each file, by its path, without the code that only a type checker reads."""
    modules = {path: Module(path, source) for path, source in sources.items()}
    for leave_out in (_leave_checks_out, _leave_annotations_out):
        for module in modules.values():
            leave_out(module)
        modules = {path: module.edited() for path, module in modules.items()}
    return modules


def _leave_checks_out(module: Module) -> None:
    for statement in module.tree.body:
        test = statement.test if isinstance(statement, ast.If) and not statement.orelse else None
        if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING":
            module.replace(statement, "")


def _leave_annotations_out(module: Module) -> None:
    for node in module.nodes:
        if isinstance(node, ast.arg) and node.annotation:
            module.cut(module.start(node) + len(node.arg.encode()), module.end(node.annotation))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
            arrow = module.source.rindex(b"->", 0, module.start(node.returns))
            module.cut(arrow, module.end(node.returns))
        elif isinstance(node, ast.AnnAssign) and node.value:
            module.cut(module.end(node.target), module.end(node.annotation))
        elif isinstance(node, ast.AnnAssign):
            module.replace(node, "pass")


# --- which names are constants --------------------------------------------------------------------------


def _constants(module: Module) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for statement in module.tree.body:
        if not isinstance(statement, ast.Assign):
            continue
        target = statement.targets[0]
        if isinstance(target, ast.Name) and target.id.isupper():
            value = _value(statement.value, found)
            if value is not None:
                found[target.id] = value
        elif isinstance(target, ast.Tuple) and _call(statement.value) == "range":
            found.update((name.id, n) for n, name in enumerate(target.elts) if isinstance(name, ast.Name))
    bound = _bound(module)
    return {name: value for name, value in found.items() if bound[name] == 1}


def _bound(module: Module) -> Counter[str]:
    """How often each name is bound, except by imports."""
    counts = Counter(node.id for node in module.names if not isinstance(node.ctx, ast.Load))
    counts.update(node.arg for node in module.nodes if isinstance(node, ast.arg))
    return counts


def _call(node: ast.expr) -> str:
    """The function's name when this is a call with one argument, else ""."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        return node.func.id
    return ""


def _value(node: ast.expr, known: dict[str, Value]) -> Value | None:
    """The value of an expression of plain values and known names; None for any other."""
    if isinstance(node, ast.Call):
        return _value(node.args[0], known) if _call(node) == "const" else None
    parts = list(ast.walk(node))
    if not all(p.id in known if isinstance(p, ast.Name) else isinstance(p, _PLAIN) for p in parts):
        return None
    value = eval(compile(ast.Expression(node), "<constant>", "eval"), {"__builtins__": {}}, dict(known))
    return value if isinstance(value, int | str) else None


def _literal(value: Value) -> str:
    return repr(value) if isinstance(value, str) or value >= 0 else f"({value})"


# --- putting in -----------------------------------------------------------------------------------------


def _put_in(module: Module, by_name: dict[str, Module]) -> None:
    """Replace constants by their values, and imports by their remaining names."""
    names = dict(module.constants)
    aliases: dict[str, Module] = {}
    imports = [node for node in module.nodes if isinstance(node, ast.ImportFrom)]
    bound = _bound(module)
    for node in imports:
        origin = origin_of(module, node)
        for item in node.names:
            known = item.asname or item.name
            if bound[known]:
                continue  # this name means something else elsewhere in the module
            if origin in by_name and item.name in by_name[origin].constants:
                names[known] = by_name[origin].constants[item.name]
            elif f"{origin}.{item.name}" in by_name:
                aliases[known] = by_name[f"{origin}.{item.name}"]
    needed = _replace_uses(module, names, aliases)
    gone = {*names, *aliases} - needed
    calls = [node for node in module.nodes if isinstance(node, ast.Call) and _call(node) == "const"]
    if all(_value(call, names) is not None for call in calls):
        gone.add("const")  # mpy-cross evaluates these without the import
    for node in imports:
        left = [item for item in node.names if (item.asname or item.name) not in gone]
        if len(left) < len(node.names):
            kept = ", ".join(item.name + (f" as {item.asname}" if item.asname else "") for item in left)
            start = "from " + "." * node.level + (node.module or "") + " import "
            nothing = "" if node in module.tree.body else "pass"  # a body must not be empty
            module.replace(node, start + kept if left else nothing)


def origin_of(module: Module, node: ast.ImportFrom) -> str:
    """The dotted name of the module that an import takes names from."""
    if not node.level:
        return node.module or ""
    parents = module.name.split(".")
    up = node.level - module.is_package
    return ".".join(parents[: len(parents) - up] + ([node.module] if node.module else []))


def _replace_uses(module: Module, names: dict[str, Value], aliases: dict[str, Module]) -> set[str]:
    """Replace names by values; returns the names and aliases that are still needed."""
    # Python 3.11 gives no positions for the parts of an f-string.
    stuck = {part for node in module.nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    done = set()
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node not in stuck:
            alias = aliases.get(node.value.id)
            if alias and node.attr in alias.constants:
                module.replace(node, _literal(alias.constants[node.attr]))
                done.add(node.value)
    for name in module.names:
        if name.id in names and isinstance(name.ctx, ast.Load) and name not in stuck:
            module.replace(name, _literal(names[name.id]))
            done.add(name)
    return {
        name.id
        for name in module.names
        if isinstance(name.ctx, ast.Load) and name.id in (names | aliases) and name not in done
    }


# --- leaving out ----------------------------------------------------------------------------------------


def _leave_out(modules: Iterable[Module]) -> None:
    """Leave out top-level constants and functions that nothing mentions."""
    mentioned = set()
    for module in modules:
        mentioned |= {name.id for name in module.names if isinstance(name.ctx, ast.Load)}
        for node in module.nodes:
            if isinstance(node, ast.Attribute):
                mentioned.add(node.attr)
            elif isinstance(node, ast.ImportFrom):
                mentioned |= {item.name for item in node.names}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                mentioned.add(node.value)  # it may be the name of a look-up
    for module in modules:
        for statement in module.tree.body:
            names = _defined(statement)
            if names and not mentioned.intersection(names):
                module.replace(statement, "")


def _defined(statement: ast.stmt) -> list[str]:
    """The names that a statement defines, if it has no other effect."""
    if (
        isinstance(statement, ast.FunctionDef)
        and not statement.decorator_list
        and not statement.args.defaults
    ):
        return [statement.name]
    if not isinstance(statement, ast.Assign):
        return []
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Tuple) and _call(value) == "range":
        return [name.id for name in target.elts if isinstance(name, ast.Name)]
    plain = _call(value) == "const" or all(isinstance(part, _PLAIN) for part in ast.walk(value))
    return [target.id] if isinstance(target, ast.Name) and plain else []
