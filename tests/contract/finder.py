"""Finds every use that device code makes of the interpreter's modules, by reading its syntax trees.

A value is followed from the import or the constructor that made it through variables, attributes of our own
classes, containers, parameters and returned values, over all files together and in no order, until nothing
new is learned.  So ``self._pin.irq(..)`` is found as ``machine.Pin.irq`` wherever the pin was made.

What is not followed: values that go through code which is not read (``asyncio``, a decorator), and names
that are put together at run time.  Such a name is reported with a star (``network.PHY_*``), never passed
over.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MODULES = frozenset(
    "machine esp32 network vfs ssl tls os time micropython gc socket select bluetooth".split()
)

Value = tuple
"""``("module", name)``, ``("file", module)``, ``("name", dotted)`` for something of the interpreter,
``("made", dotted)`` for an instance, ``("class", key)``, ``("object", key)`` and ``("function", key)`` of our
own, ``("in", value)`` for a container of it, ``("text", string)`` for a constant."""

# What a call of the interpreter returns, where something of it is used again.
RETURNS: dict[str, tuple[Value, ...]] = {
    "esp32.Partition.find": (("in", ("made", "esp32.Partition")),),
    "select.poll": (("made", "select.poll"),),
    "socket.socket": (("made", "socket.socket"),),
}

_DEPTH_MAX = 4
_ROUNDS_MAX = 40
_GIVES_ITEMS = frozenset("get values pop items popleft setdefault copy".split())


@dataclass(frozen=True, slots=True)
class Use:
    """One place where code touches the interpreter: a call with its arguments, or a name that is read."""

    name: str
    file: str
    line: int
    called: bool = False
    positional: int = 0
    keywords: tuple[str, ...] = ()
    open_ended: bool = False  # ``*args`` or ``**settings``: how many, and which, is not written there


@dataclass(slots=True)
class _Function:
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    file: "_File"
    owner: str | None  # the class it is a method of
    outer: "_Scope"
    scope: "_Scope | None" = None
    gives: set[Value] = field(default_factory=set)


@dataclass(slots=True)
class _Class:
    key: str
    file: "_File"
    bases: list[ast.expr]
    outer: "_Scope"
    methods: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Scope:
    """Names of one module, class body or function; ``outer`` is where else to look."""

    outer: "_Scope | None" = None
    names: dict[str, set[Value]] = field(default_factory=dict)
    self_class: str | None = None
    function: _Function | None = None

    def find(self, name: str) -> set[Value]:
        return self.holding(name).names.get(name, set())

    def holding(self, name: str) -> "_Scope":
        """The scope that has the name, this one when none does."""
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope
            scope = scope.outer
        return self


@dataclass(slots=True)
class _File:
    module: str  # as an import names it
    path: str
    tree: ast.Module
    scope: _Scope = field(default_factory=_Scope)


class Finder:
    """``sources``: ``(module name, path for people, text)`` of each file."""

    def __init__(self, sources: Iterable[tuple[str, str, str]]) -> None:
        self._files = {name: _File(name, path, ast.parse(text)) for name, path, text in sources}
        self._functions: dict[str, _Function] = {}
        self._classes: dict[str, _Class] = {}
        self._fields: dict[tuple[str, str], set[Value]] = {}
        self._uses: set[Use] = set()
        self._families: dict[str, list[str]] = {}
        self._inside: dict[ast.AST, _Scope] = {}  # of comprehensions and class bodies
        self._changed = False

    def uses(self) -> list[Use]:
        """All uses, in the order of files and lines."""
        for file in self._files.values():
            self._declare(file.tree.body, file, file.scope, file.module, None)
        for _ in range(_ROUNDS_MAX):
            self._changed = False
            self._families.clear()
            for file in self._files.values():
                self._statements(file.tree.body, file, file.scope)
            for function in list(self._functions.values()):
                self._run(function)
            if not self._changed:
                break
        else:
            raise RuntimeError("the finder does not come to an end")
        return sorted(self._uses, key=lambda use: (use.file, use.line, use.name, use.keywords))

    # --- what there is ---------------------------------------------------------------------------------
    def _declare(
        self, body: list[ast.stmt], file: _File, scope: _Scope, path: str, owner: _Class | None
    ) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                key = f"{path}.{node.name}"
                self._functions[key] = _Function(node, file, owner.key if owner else None, scope)
                scope.names.setdefault(node.name, set()).add(("function", key))
                if owner:
                    owner.methods[node.name] = key
            elif isinstance(node, ast.ClassDef):
                key = f"{path}.{node.name}"
                made = self._classes[key] = _Class(key, file, node.bases, scope)
                scope.names.setdefault(node.name, set()).add(("class", key))
                inner = _Scope(scope)
                self._declare(node.body, file, inner, key, made)
                for name, values in inner.names.items():
                    self._fields[key, name] = values
            elif isinstance(node, ast.If | ast.Try | ast.With | ast.For | ast.While):
                self._declare(list(_inner(node)), file, scope, path, owner)

    def _family(self, key: str) -> list[str]:
        """The class, its bases and all that derive from it: they share one ``self``."""
        if key not in self._families:
            above = self._above(key)
            below = [other for other in self._classes if key in self._above(other)]
            self._families[key] = list(dict.fromkeys([key, *above, *below]))
        return self._families[key]

    def _above(self, key: str) -> list[str]:
        """The class and its bases, the nearest first."""
        found = [key]
        for one in found:
            made = self._classes[one]
            for base in made.bases:
                for value in self._evaluate(base, made.file, made.outer):
                    if value[0] == "class" and value[1] not in found:
                        found.append(value[1])
        return found

    # --- statements ------------------------------------------------------------------------------------
    def _run(self, function: _Function) -> None:
        scope = function.scope
        if scope is None:
            scope = function.scope = _Scope(function.outer, function=function, self_class=function.owner)
            if isinstance(function.node, ast.Lambda):
                body: list[ast.stmt] = []
            else:
                body = function.node.body
                self._declare_locals(body, function, scope)
            arguments = function.node.args
            names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            for name in names:
                scope.names.setdefault(name, set())
            if function.owner and names and not _is_static(function.node):
                scope.names[names[0]].add(("object", function.owner))
            for name in (arguments.vararg, arguments.kwarg):
                if name is not None:
                    scope.names.setdefault(name.arg, set())
        for default, name in _defaults(function.node.args):
            self._add(scope.names[name], self._evaluate(default, function.file, function.outer))
        if isinstance(function.node, ast.Lambda):
            self._add(function.gives, self._evaluate(function.node.body, function.file, scope))
        else:
            self._statements(function.node.body, function.file, scope)

    def _declare_locals(self, body: list[ast.stmt], function: _Function, scope: _Scope) -> None:
        where = f"{function.file.module}:{function.node.lineno}"
        self._declare(body, function.file, scope, where, None)

    def _statements(self, body: list[ast.stmt], file: _File, scope: _Scope) -> None:
        for node in body:
            self._statement(node, file, scope)

    def _statement(self, node: ast.stmt, file: _File, scope: _Scope) -> None:
        handler = getattr(self, "_do_" + type(node).__name__.lower(), None)
        if handler is not None:
            handler(node, file, scope)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self._statement(child, file, scope)
            elif isinstance(child, ast.expr):
                self._evaluate(child, file, scope)
            elif isinstance(child, ast.ExceptHandler):
                self._statements(child.body, file, scope)

    def _do_functiondef(self, node: ast.FunctionDef, file: _File, scope: _Scope) -> None:
        """Its body is read as a function, see ``_run``."""

    _do_asyncfunctiondef = _do_functiondef

    def _do_classdef(self, node: ast.ClassDef, file: _File, scope: _Scope) -> None:
        inner = self._scope_in(node, scope)
        self._statements(node.body, file, inner)
        for key in [value[1] for value in scope.find(node.name) if value[0] == "class"]:
            for name, values in inner.names.items():
                self._add(self._field(key, name), values)

    def _do_assign(self, node: ast.Assign, file: _File, scope: _Scope) -> None:
        values = self._evaluate(node.value, file, scope)
        for target in node.targets:
            self._assign(target, values, file, scope)

    def _do_annassign(self, node: ast.AnnAssign | ast.AugAssign, file: _File, scope: _Scope) -> None:
        if node.value is not None:
            self._assign(node.target, self._evaluate(node.value, file, scope), file, scope)

    _do_augassign = _do_annassign

    def _do_return(self, node: ast.Return, file: _File, scope: _Scope) -> None:
        if node.value is not None and scope.function is not None:
            self._add(scope.function.gives, self._evaluate(node.value, file, scope))

    def _do_for(self, node: ast.For | ast.AsyncFor, file: _File, scope: _Scope) -> None:
        self._assign(node.target, _items(self._evaluate(node.iter, file, scope)), file, scope)
        self._statements([*node.body, *node.orelse], file, scope)

    _do_asyncfor = _do_for

    def _do_with(self, node: ast.With | ast.AsyncWith, file: _File, scope: _Scope) -> None:
        for item in node.items:
            values = self._evaluate(item.context_expr, file, scope)
            if item.optional_vars is not None:
                self._assign(item.optional_vars, values, file, scope)
        self._statements(node.body, file, scope)

    _do_asyncwith = _do_with

    def _do_import(self, node: ast.Import, file: _File, scope: _Scope) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            if top in MODULES:
                self._bind(scope, alias.asname or top, ("module", top))
            elif alias.name in self._files:
                self._bind(scope, alias.asname or top, ("file", alias.name))

    def _do_importfrom(self, node: ast.ImportFrom, file: _File, scope: _Scope) -> None:
        origin = node.module or ""
        if node.level:
            package = file.module.split(".")
            keep = len(package) - node.level + (1 if file.path.endswith("__init__.py") else 0)
            origin = ".".join([*package[:keep], *([node.module] if node.module else [])])
        for alias in node.names:
            name = alias.asname or alias.name
            if origin in MODULES:
                dotted = f"{origin}.{alias.name}"
                self._note(dotted, file, node.lineno)
                self._bind(scope, name, ("name", dotted))
            elif f"{origin}.{alias.name}" in self._files:
                self._bind(scope, name, ("file", f"{origin}.{alias.name}"))
            elif origin in self._files:
                self._add(scope.names.setdefault(name, set()), self._of_file(origin, alias.name))

    def _of_file(self, module: str, name: str) -> set[Value]:
        return self._files[module].scope.names.get(name, set())

    def _bind(self, scope: _Scope, name: str, value: Value) -> None:
        self._add(scope.names.setdefault(name, set()), {value})

    def _assign(self, target: ast.expr, values: set[Value], file: _File, scope: _Scope) -> None:
        if isinstance(target, ast.Name):
            self._add(scope.names.setdefault(target.id, set()), values)
        elif isinstance(target, ast.Attribute):
            self._assign_attribute(target, values, file, scope)
        elif isinstance(target, ast.Tuple | ast.List):
            for index, element in enumerate(target.elts):
                self._assign(element, _items(values, index), file, scope)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, _contained(values), file, scope)
        elif isinstance(target, ast.Subscript):
            self._evaluate(target.slice, file, scope)
            self._fill(target.value, _contained(values, _place(target.slice)), file, scope)

    def _fill(self, container: ast.expr, values: set[Value], file: _File, scope: _Scope) -> None:
        """Something is put into a container: a name of a function's own only where it made that name."""
        if isinstance(container, ast.Name):
            self._add(scope.holding(container.id).names.setdefault(container.id, set()), values)
        else:
            self._assign(container, values, file, scope)

    def _assign_attribute(
        self, target: ast.Attribute, values: set[Value], file: _File, scope: _Scope
    ) -> None:
        for holder in self._evaluate(target.value, file, scope):
            if holder[0] in ("object", "class"):
                self._add(self._field(holder[1], target.attr), values)
            elif holder[0] == "made":
                self._note(f"{holder[1]}.{target.attr}", file, target.lineno)
            elif holder[0] == "file":
                names = self._files[holder[1]].scope.names
                self._add(names.setdefault(target.attr, set()), values)

    def _field(self, key: str, name: str) -> set[Value]:
        return self._fields.setdefault((key, name), set())

    def _add(self, to: set[Value], values: Iterable[Value]) -> None:
        new = {value for value in values if _depth(value) <= _DEPTH_MAX} - to
        if new:
            to |= new
            self._changed = True

    def _scope_in(self, node: ast.AST, scope: _Scope) -> _Scope:
        """The same each time: else what it learns would be new for ever."""
        return self._inside.setdefault(
            node, _Scope(scope, function=scope.function, self_class=scope.self_class)
        )

    # --- expressions -----------------------------------------------------------------------------------
    def _evaluate(self, node: ast.expr, file: _File, scope: _Scope) -> set[Value]:
        handler = getattr(self, "_" + type(node).__name__.lower(), None)
        if handler is not None:
            return handler(node, file, scope)
        values: set[Value] = set()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                values |= self._evaluate(child, file, scope)
        return values if isinstance(node, ast.IfExp | ast.BoolOp | ast.Await | ast.NamedExpr) else set()

    def _constant(self, node: ast.Constant, file: _File, scope: _Scope) -> set[Value]:
        return {("text", node.value)} if isinstance(node.value, str) and len(node.value) < 40 else set()

    def _name(self, node: ast.Name, file: _File, scope: _Scope) -> set[Value]:
        return set(scope.find(node.id))

    def _namedexpr(self, node: ast.NamedExpr, file: _File, scope: _Scope) -> set[Value]:
        values = self._evaluate(node.value, file, scope)
        self._assign(node.target, values, file, scope)
        return values

    def _lambda(self, node: ast.Lambda, file: _File, scope: _Scope) -> set[Value]:
        key = f"{file.module}:{node.lineno}:{node.col_offset}"
        if key not in self._functions:
            self._functions[key] = _Function(node, file, None, scope)
            self._changed = True
        return {("function", key)}

    def _tuple(self, node: ast.Tuple, file: _File, scope: _Scope) -> set[Value]:
        found: set[Value] = set()
        spread = any(isinstance(item, ast.Starred) for item in node.elts)
        for index, item in enumerate(node.elts):
            found |= _contained(self._evaluate(item, file, scope), None if spread else index)
        return found

    _list = _set = _tuple

    def _binop(self, node: ast.BinOp, file: _File, scope: _Scope) -> set[Value]:
        both = self._evaluate(node.left, file, scope) | self._evaluate(node.right, file, scope)
        return _contained(_items(both))  # sums of containers; of places nothing is known any more

    def _starred(self, node: ast.Starred, file: _File, scope: _Scope) -> set[Value]:
        return _items(self._evaluate(node.value, file, scope))

    def _dict(self, node: ast.Dict, file: _File, scope: _Scope) -> set[Value]:
        for key in node.keys:
            if key is not None:
                self._evaluate(key, file, scope)
        return _contained({v for item in node.values for v in self._evaluate(item, file, scope)})

    def _listcomp(self, node: ast.ListComp, file: _File, scope: _Scope) -> set[Value]:
        return self._comprehension(node.generators, [node.elt], file, scope)

    _setcomp = _generatorexp = _listcomp

    def _dictcomp(self, node: ast.DictComp, file: _File, scope: _Scope) -> set[Value]:
        return self._comprehension(node.generators, [node.value], file, scope)

    def _comprehension(
        self, loops: list[ast.comprehension], made: list[ast.expr], file: _File, scope: _Scope
    ) -> set[Value]:
        inner = self._scope_in(loops[0], scope)
        for loop in loops:
            self._assign(loop.target, _items(self._evaluate(loop.iter, file, inner)), file, inner)
            for condition in loop.ifs:
                self._evaluate(condition, file, inner)
        return _contained({v for item in made for v in self._evaluate(item, file, inner)})

    def _subscript(self, node: ast.Subscript, file: _File, scope: _Scope) -> set[Value]:
        self._evaluate(node.slice, file, scope)
        values = self._evaluate(node.value, file, scope)
        if isinstance(node.slice, ast.Slice):
            return _contained(_items(values)) or values
        return _items(values, _place(node.slice))

    def _attribute(self, node: ast.Attribute, file: _File, scope: _Scope) -> set[Value]:
        holders = self._evaluate(node.value, file, scope)
        return self._reach(holders, node.attr, file, node.lineno)

    def _reach(self, holders: set[Value], name: str, file: _File, line: int) -> set[Value]:
        """What ``holder.name`` may be; a use of the interpreter is noted."""
        found: set[Value] = set()
        for holder in holders:
            kind = holder[0]
            if kind in ("module", "name", "made"):
                dotted = f"{holder[1]}.{name}"
                self._note(dotted, file, line)
                found.add(("name", dotted))
            elif kind == "file":
                found |= self._of_file(holder[1], name)
            elif kind in ("object", "class"):
                for key in self._family(holder[1]) if kind == "object" else [holder[1]]:
                    found |= self._fields.get((key, name), set())
            elif kind in ("in", "at") and name in _GIVES_ITEMS:
                item = holder[-1]
                if name == "items":
                    item = ("in", ("at", 1, item))
                elif name in ("values", "copy"):
                    item = ("in", item)
                found.add(("gives", item))
        return found

    def _call(self, node: ast.Call, file: _File, scope: _Scope) -> set[Value]:
        named = node.func.id if isinstance(node.func, ast.Name) else ""
        if named in ("getattr", "hasattr") and len(node.args) >= 2:
            return self._getattr(node, file, scope)
        if _asks_globals(node):
            defaults = [self._evaluate(default, file, scope) for default in node.args[1:]]
            return set(file.scope.find(node.args[0].value)).union(*defaults)  # type: ignore[attr-defined]
        self._collect(node, file, scope)
        arguments = [self._evaluate(argument, file, scope) for argument in node.args]
        keywords = {k.arg: self._evaluate(k.value, file, scope) for k in node.keywords}
        callees = self._evaluate(node.func, file, scope)
        if named in ("list", "tuple", "set", "sorted", "reversed", "iter") and arguments:
            return arguments[0]
        if named in ("next", "min", "max") and arguments:
            return _items(arguments[0])
        if named in ("zip", "enumerate"):
            return _contained({v for argument in arguments for v in argument})
        found: set[Value] = set()
        for callee in callees:
            found |= self._called(callee, node, arguments, keywords, file)
        return found

    def _collect(self, node: ast.Call, file: _File, scope: _Scope) -> None:
        """``things.append(thing)`` and the like put something into a container."""
        function = node.func
        if not isinstance(function, ast.Attribute) or not node.args:
            return
        if function.attr in ("append", "add", "extend", "insert"):
            values = self._evaluate(node.args[-1], file, scope)
            values = values if function.attr == "extend" else _contained(values)
            if values:
                self._fill(function.value, values, file, scope)
        elif function.attr == "setdefault" and len(node.args) == 2:
            self._fill(function.value, _contained(self._evaluate(node.args[1], file, scope)), file, scope)

    def _called(
        self,
        callee: Value,
        node: ast.Call,
        arguments: list[set[Value]],
        keywords: dict[str | None, set[Value]],
        file: _File,
    ) -> set[Value]:
        kind, what = callee[0], callee[1]
        if kind == "gives":
            return {what}
        if kind == "name":
            open_ended = None in keywords or any(isinstance(a, ast.Starred) for a in node.args)
            names = tuple(sorted(name for name in keywords if name))
            self._note(what, file, node.lineno, True, len(node.args), names, open_ended)
            return set(RETURNS.get(what, ())) or (
                {("made", what)} if what.split(".")[-1][:1].isupper() else set()
            )
        if kind == "class":
            for key in self._above(what):
                if "__init__" in self._classes[key].methods:
                    self._pass(self._classes[key].methods["__init__"], arguments, keywords, 1)
                    break
            return {("object", what)}
        if kind == "function":
            function = self._functions[what]
            skip = 1 if function.owner and not _is_static(function.node) else 0
            if skip and self._by_class(node):
                skip = 0
            self._pass(what, arguments, keywords, skip)
            return set(function.gives)
        return set()

    def _by_class(self, node: ast.Call) -> bool:
        """Whether it is called as ``Class.method(self, ..)``."""
        function = node.func
        return (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.value.id[:1].isupper()
        )

    def _pass(
        self, key: str, arguments: list[set[Value]], keywords: dict[str | None, set[Value]], skip: int
    ) -> None:
        """Bind a call's values to the parameters of our own function."""
        function = self._functions[key]
        if function.scope is None:
            self._run(function)
        assert function.scope is not None
        names = function.scope.names
        parameters = [a.arg for a in (*function.node.args.posonlyargs, *function.node.args.args)][skip:]
        for parameter, values in zip(parameters, arguments, strict=False):
            self._add(names[parameter], values)
        if function.node.args.vararg and len(arguments) > len(parameters):
            rest = {v for values in arguments[len(parameters) :] for v in values}
            self._add(names[function.node.args.vararg.arg], _contained(rest))
        for name, values in keywords.items():
            if name in names:
                self._add(names[name], values)

    def _getattr(self, node: ast.Call, file: _File, scope: _Scope) -> set[Value]:
        holders = self._evaluate(node.args[0], file, scope)
        wanted = node.args[1]
        texts = {v[1] for v in self._evaluate(wanted, file, scope) if v[0] == "text"}
        if isinstance(wanted, ast.BinOp) and isinstance(wanted.left, ast.Constant):
            texts = {f"{wanted.left.value}*"}
        found: set[Value] = set()
        for text in texts or {"*"}:
            found |= self._reach(holders, text, file, node.lineno)
        for default in node.args[2:]:
            found |= self._evaluate(default, file, scope)
        return found

    def _note(
        self,
        name: str,
        file: _File,
        line: int,
        called: bool = False,
        positional: int = 0,
        keywords: tuple[str, ...] = (),
        open_ended: bool = False,
    ) -> None:
        self._uses.add(Use(name, file.path, line, called, positional, keywords, open_ended))


def _inner(node: ast.stmt) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler):
            yield from child.body


def _is_static(node: ast.AST) -> bool:
    decorators = getattr(node, "decorator_list", ())
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in decorators)


def _asks_globals(node: ast.Call) -> bool:
    """``globals().get("name")``"""
    function = node.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "get"
        and isinstance(function.value, ast.Call)
        and ast.unparse(function.value) == "globals()"
        and isinstance(node.args[0], ast.Constant)
    )


def _defaults(arguments: ast.arguments) -> Iterator[tuple[ast.expr, str]]:
    plain = [*arguments.posonlyargs, *arguments.args]
    for default, argument in zip(reversed(arguments.defaults), reversed(plain), strict=False):
        yield default, argument.arg
    for default, argument in zip(arguments.kw_defaults, arguments.kwonlyargs, strict=True):
        if default is not None:
            yield default, argument.arg


def _depth(value: Value) -> int:
    depth = 0
    while value[0] in ("in", "at"):
        value, depth = value[-1], depth + 1
    return depth


def _contained(values: Iterable[Value], place: int | None = None) -> set[Value]:
    kept = [value for value in values if value[0] != "text"]
    return {("in", value) if place is None else ("at", place, value) for value in kept}


def _items(values: Iterable[Value], place: int | None = None) -> set[Value]:
    """What a container holds, at one place or anywhere."""
    return {
        value[-1] for value in values if value[0] == "in" or (value[0] == "at" and place in (None, value[1]))
    }


def _place(index: ast.expr) -> int | None:
    """The number in ``[number]``; None for anything else."""
    is_number = isinstance(index, ast.Constant) and isinstance(index.value, int)
    return index.value if is_number else None  # type: ignore[attr-defined]


# --- which files are read --------------------------------------------------------------------------------
def device_sources(root: Path) -> list[tuple[str, str, str]]:
    """Everything that runs on a board: the firmware, what the tools put onto it, and scripts they send."""
    found = []
    for path in sorted((root / "firmware").rglob("*.py")):
        inside = path.relative_to(root / "firmware").with_suffix("")
        parts = [part for part in inside.parts if part != "__init__"]
        found.append((".".join(parts), str(path.relative_to(root)), path.read_text()))
    tools = root / "host_tools" / "consigne"
    onboard = [path for path in sorted(tools.rglob("onboard*")) if "sim" not in path.relative_to(tools).parts]
    for place in onboard:
        for path in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            if path.suffix == ".py":
                found.append((f"onboard.{path.stem}", str(path.relative_to(root)), path.read_text()))
    for path in sorted(tools.rglob("*.py")):
        if path.relative_to(tools).parts[0] in ("device", "cabinet", "learn", "firmware"):
            found += sent_scripts(path, str(path.relative_to(root)))
    return found


def sent_scripts(path: Path, shown: str) -> list[tuple[str, str, str]]:
    """The texts in a tool's file that are programs for a board: those that import one of its modules."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        text = _text(node)
        if text is None or "import " not in text:
            continue
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        imported = {name.split(".")[0] for one in ast.walk(tree) for name in _imported(one)}
        if imported & MODULES:
            found.append((f"sent.{path.stem}.{node.lineno}", f"{shown}:{node.lineno}", text))
    return found


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def _text(node: ast.AST) -> str | None:
    """A text constant; of an f-string what is written, with 0 in the place of each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "0" for v in node.values)
    return None
