"""Finds dictionaries of anything: mappings in the host's sources whose values have no known type."""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

_MAPPINGS = {
    "ChainMap", "DefaultDict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "UserDict", "defaultdict",
    "dict",
}  # fmt: skip
_WRAPPERS = {"Annotated", "ClassVar", "Final", "NotRequired", "Optional", "ReadOnly", "Required", "Union"}
_TYPED = frozenset({"annotation", "returns"})  # fields of nodes that hold a type


class Place(NamedTuple):
    """A line of a module that names a dictionary of anything."""

    module: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line}"


class Module(NamedTuple):
    """Every node of one module's tree, the full names of its imports, and its type expressions."""

    name: str
    nodes: list[ast.AST]
    imported: Mapping[str, str]
    annotations: list[ast.expr]


def read(name: str, source: str, package: list[str]) -> Module:
    """A module of a package; an annotation written as a text counts as the expression in the text."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for field in _TYPED.intersection(node._fields):
            _parse_texts(node, field)
        if isinstance(node, ast.Call):
            _parse_arguments(node)
    nodes = list(ast.walk(tree))  # once: a walk takes as long as the rest
    marked = [getattr(node, field) for node in nodes for field in _TYPED.intersection(node._fields)]
    return Module(name, nodes, dict(_imports(nodes, package)), [one for one in marked if one is not None])


def _parse_texts(node: ast.AST, field: str) -> None:
    annotation = getattr(node, field)
    if isinstance(annotation, ast.expr):
        setattr(node, field, _parsed(annotation))


def _parse_arguments(call: ast.Call) -> None:
    """Types passed as arguments to calls that make or take a type."""
    made_by = _last(call.func)
    if made_by == "cast":
        call.args[:1] = [_parsed(one) for one in call.args[:1]]
    elif made_by == "NewType":
        call.args[1:] = [_parsed(one) for one in call.args[1:]]
    elif made_by == "TypedDict":
        for fields in call.args[1:]:
            if isinstance(fields, ast.Dict):
                fields.values = [_parsed(one) for one in fields.values]


def _parsed(expression: ast.expr) -> ast.expr:
    return _Texts().visit(expression)  # type: ignore[no-any-return]


class _Texts(ast.NodeTransformer):
    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node if _last(node.value) == "Literal" else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str):
            return node
        try:
            parsed = ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return node
        for inner in ast.walk(parsed):
            ast.copy_location(inner, node)
        return parsed


def _imports(nodes: list[ast.AST], package: list[str]) -> Iterator[tuple[str, str]]:
    """Each name that the module gets by an import, and its full name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((alias.asname or alias.name, f"{base}.{alias.name}") for alias in node.names)


def _dotted(node: ast.AST) -> str:
    """The text of a name, ``a.b.c``; what is no name stands as ``()`` in it: ``ast.unparse`` takes long."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "()"


def _last(node: ast.expr) -> str:
    return _dotted(node).rpartition(".")[2]


class _Search:
    """Knowledge about all modules: the names that stand for such a dictionary, and for ``Any``."""

    def __init__(self, modules: list[Module]) -> None:
        self._modules = modules
        self._defined = {module.name: list(_definitions(module.nodes)) for module in modules}
        self._aliases: set[str] = set()
        self._anything = {"typing.Any", "typing_extensions.Any"}
        before = -1
        while len(self._aliases) + len(self._anything) > before:
            before = len(self._aliases) + len(self._anything)
            for module in modules:
                self._learn(module)

    def _learn(self, module: Module) -> None:
        """Add a module's own names for known things, and the known names that it re-exports."""
        for name, target in module.imported.items():
            if target in self._aliases:
                self._aliases.add(f"{module.name}.{name}")
        for name, meaning, parts in self._defined[module.name]:
            if self._is_anything(module, meaning):
                self._anything.add(f"{module.name}.{name}")
            elif any(self._is_one(module, node) for node in parts):
                self._aliases.add(f"{module.name}.{name}")

    def _full(self, module: Module, node: ast.AST) -> str:
        """The full name that an expression stands for, "" if it is no name."""
        if not isinstance(node, ast.Name | ast.Attribute):
            return ""
        first, _, rest = _dotted(node).partition(".")
        full = module.imported.get(first, f"{module.name}.{first}")
        return f"{full}.{rest}" if rest else full

    def _is_anything(self, module: Module, node: ast.expr) -> bool:
        """``Any``, whatever it is called, alone or as one of several."""
        if isinstance(node, ast.BinOp):
            return self._is_anything(module, node.left) or self._is_anything(module, node.right)
        if isinstance(node, ast.Subscript) and _last(node.value) in _WRAPPERS:
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return any(self._is_anything(module, part) for part in parts)
        full = self._full(module, node)
        return full in self._anything

    def _is_mapping(self, module: Module, node: ast.AST) -> bool:
        return self._full(module, node).split(".")[-1] in _MAPPINGS

    def _is_one(self, module: Module, node: ast.AST) -> bool:
        """A mapping of something to ``Any``, or a name for such."""
        if isinstance(node, ast.Subscript) and self._is_mapping(module, node.value):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return self._is_anything(module, parts[-1])
        return (
            isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
            and self._full(module, node) in self._aliases
        )

    def places(self) -> Iterator[Place]:
        """The places, in the order of modules and lines."""
        for module in self._modules:
            found = [node for node in module.nodes if self._is_one(module, node)]
            found += [node for top in module.annotations for node in self._bare(module, top)]
            yield from sorted(Place(module.name, getattr(node, "lineno", 0)) for node in found)

    def _bare(self, module: Module, annotation: ast.expr) -> list[ast.AST]:
        """Mappings in an annotation without any type of their values."""
        told = [node.value for node in ast.walk(annotation) if isinstance(node, ast.Subscript)]
        return [node for node in ast.walk(annotation) if self._is_mapping(module, node) and node not in told]


def _definitions(nodes: list[ast.AST]) -> Iterator[tuple[str, ast.expr, Sequence[ast.AST]]]:
    """Names that a module defines by a type, ``X = dict[..]``, ``NewType``, ``class X(dict[..])``.

    With each comes that type, and the parts of it that make the name stand for such a dictionary.
    """
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            yield from ((node.name, base, [base]) for base in node.bases)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            value = node.value
            if isinstance(value, ast.Call) and _last(value.func) in ("NewType", "TypeAliasType"):
                value = value.args[1]
            if isinstance(target, ast.Name) and _is_type(value):
                yield target.id, value, list(ast.walk(value))


def _is_type(node: ast.expr) -> bool:
    """Whether an expression may be a type: names, ``|`` and brackets, without calls."""
    allowed = (ast.Name, ast.Attribute, ast.Subscript, ast.BinOp, ast.Tuple, ast.List, ast.Constant)
    inner = (one for one in ast.walk(node) if isinstance(one, ast.expr))
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp) and all(
        isinstance(one, allowed) for one in inner
    )


def places(modules: Iterable[Module]) -> list[Place]:
    """Every place with a mapping whose values have no known type.

    Counted is, in annotations, in definitions of types and wherever else a type is named

    * ``dict``, ``Mapping``, ``MutableMapping`` and their kin whose value is ``Any``, ``Any`` as one of
      several or a name for ``Any``; inside another type too: ``list[dict[str, Any]]`` is one;
    * such a mapping without brackets, in an annotation: it holds anything;
    * each use of a name that stands for a type with such a mapping in it, in whichever module, and of a class
      derived from one.

    Not counted is ``dict[str, object]``, whose values cannot be used without a check, nor ``Any``
    within a value of a known type: ``dict[str, list[Any]]``.
    """
    return list(_Search(list(modules)).places())
