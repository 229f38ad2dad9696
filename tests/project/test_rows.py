"""A row of the database is a typed object from where it is read, and its JSON is decoded in one place."""

import ast
from collections.abc import Iterator

import pytest
from lab import house

HOST = ("consigne.server", "consigne.demo")
DOCUMENTS = "consigne.server.storage.documents"
BODIES = "consigne.server.api.strict"  # of requests, which come from no database
NO_ROWS = {
    "consigne.server.cli._file": "an option of Typer's",
    "consigne.server.api.access.only": "a dependency of FastAPI's",
    "consigne.server.api.strict.__init__": "what FastAPI's own router takes",
    "consigne.server.ingest.mqtt._on_connect": "gmqtt calls it",
    "consigne.server.ingest.mqtt._on_subscribe": "gmqtt calls it",
    "consigne.server.pages.counter._do": "the fields of a page",
    "consigne.server.people.cli._carry_out": "any function of Accounts, with its arguments",
    "consigne.server.storage.database.insert_rows": "the cursor of psycopg",
    "consigne.demo.headless._shows": "arguments of a screen's text",
}
CONTAINERS = {"list", "dict", "tuple", "set", "Sequence", "Iterable", "Iterator", "Mapping"}


def of_the_host() -> dict[str, ast.Module]:
    found = {name: path for name, path in house.modules().items() if name.startswith(HOST)}
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in found.items()}


def holds_any(annotation: ast.expr | None) -> bool:
    """``Any``, or a container of it; a dict by text is no row (``house.any_dicts`` counts those)."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return holds_any(ast.parse(annotation.value, mode="eval").body)
    if isinstance(annotation, ast.BinOp):
        return holds_any(annotation.left) or holds_any(annotation.right)
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) in CONTAINERS:
        inner = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        by_text = len(inner) == 2 and ast.unparse(inner[0]) == "str" and ast.unparse(inner[1]) == "Any"
        return not by_text and any(holds_any(one) for one in inner)
    return annotation is not None and ast.unparse(annotation) in ("Any", "typing.Any", "Row", "Row[Any]")


def annotated(node: ast.AST) -> Iterator[ast.expr | None]:
    """What a function takes and returns, what a name is declared as."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        told = node.args
        every = [*told.posonlyargs, *told.args, *told.kwonlyargs, told.vararg, told.kwarg]
        yield from (one.annotation for one in every if one is not None)
        yield node.returns
    elif isinstance(node, ast.AnnAssign):
        yield node.annotation


def untyped(module: str, tree: ast.AST, within: str = "") -> Iterator[str]:
    """Where ``Any`` stands for what may be a row: the full name of the function, or of the class."""
    for node in ast.iter_child_nodes(tree):
        inner = (
            node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else within
        )
        if any(holds_any(one) for one in annotated(node)):
            yield f"{module}.{inner}"
        yield from untyped(module, node, inner)


def decoding(tree: ast.AST) -> list[int]:
    """The lines in which JSON is read."""
    loads = ("json.loads", "json.load", "json.JSONDecoder")
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in loads
    ]


def test_no_row_of_the_database_is_handed_on_without_its_type() -> None:
    found = {name for module, tree in of_the_host().items() for name in untyped(module, tree)}
    assert sorted(found - NO_ROWS.keys()) == [], "make a dataclass of it where it is read, see columns_of"
    assert sorted(NO_ROWS.keys() - found) == [], "no longer there"


def test_what_the_database_holds_as_json_is_decoded_in_one_module() -> None:
    found = {module for module, tree in of_the_host().items() if decoding(tree)}
    assert {module for module in found if module.startswith("consigne.server")} == {DOCUMENTS, BODIES}


@pytest.mark.parametrize(
    "source",
    [
        "def f(row: Any) -> int: ...",
        "def f(*rows: Any): ...",
        "def f() -> Any: ...",
        "def f(rows: Sequence[Any]): ...",
        "def f(rows: 'list[Any] | None'): ...",
        "def f(): rows: dict[tuple[str, int], Any] = {}",
        "class F:\n    row: Row[Any]",
        "async def f(pair: tuple[Any, ...]): ...",
    ],
)
def test_a_row_without_a_type_is_seen_wherever_it_stands(source: str) -> None:
    assert list(untyped("m", ast.parse(source))) in (["m.f"], ["m.F"])


def test_a_dict_by_text_is_no_row_and_a_column_of_any_type_is_none() -> None:
    source = "def f(told: Mapping[str, Any], column: Column[Any]) -> dict[str, Any]: ..."
    assert list(untyped("m", ast.parse(source))) == []


def test_json_that_is_read_is_seen() -> None:
    assert decoding(ast.parse("import json\ndef f(row):\n    return json.loads(row.layout)")) == [3]
