"""Values at and just beyond every bound of a JSON schema without references, the rest being right."""

from collections.abc import Callable, Iterator
from typing import Any

Schema = dict[str, Any]
Edge = tuple[str, Any, bool]
"""Where in the value a bound is, a value, and whether it is within the bound."""

OTHER = "something else"


def sample(schema: Schema) -> Any:
    """A small value that the schema lets pass, with something in every list."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "oneOf" in schema:
        return sample(schema["oneOf"][0])
    small: dict[str, Callable[[], Any]] = {
        "object": lambda: {name: sample(part) for name, part in schema["properties"].items()},
        "array": lambda: _sample_list(schema),
        "integer": lambda: max(0, schema["minimum"]),
        "string": lambda: "x" * schema.get("minLength", 0),
        "boolean": lambda: True,
        "null": lambda: None,
    }
    return small[schema["type"]]()


def _sample_list(schema: Schema) -> list[Any]:
    each = schema["items"]
    if isinstance(each, list):
        return [sample(column) for column in each]
    return [sample(each)] * max(1, schema.get("minItems", 1))


def edges(schema: Schema, path: str) -> Iterator[Edge]:
    """Each bound of the schema in turn, the required fields of its objects among them."""
    if "oneOf" in schema:
        for branch in schema["oneOf"]:
            yield from edges(branch, path)
        return
    if "const" in schema or "enum" in schema or schema["type"] == "boolean":
        yield path, OTHER, False
        return
    each: dict[str, Callable[[], Iterator[Edge]]] = {
        "object": lambda: _of_an_object(schema, path),
        "array": lambda: _of_a_list(schema, path),
        "integer": lambda: _of_a_size(schema, path, ("minimum", "maximum"), int),
        "string": lambda: _of_a_size(schema, path, ("minLength", "maxLength"), lambda n: "x" * n),
        "null": lambda: iter(()),
    }
    yield from each[schema["type"]]()


def _of_an_object(schema: Schema, path: str) -> Iterator[Edge]:
    whole = sample(schema)
    for name in schema["required"]:
        yield f"{path}.{name}", {key: part for key, part in whole.items() if key != name}, False
    for name, part in schema["properties"].items():
        for below, value, passes in edges(part, f"{path}.{name}"):
            yield below, {**whole, name: value}, passes


def _of_a_list(schema: Schema, path: str) -> Iterator[Edge]:
    whole = sample(schema)
    if isinstance(schema["items"], list):
        yield path, whole[:-1], False
        yield path, [*whole, 0], False
        columns = schema["items"]
    else:
        yield from _of_a_size(schema, path, ("minItems", "maxItems"), lambda n: whole[:1] * n)
        columns = [schema["items"]]
    for i, column in enumerate(columns):
        for below, value, passes in edges(column, f"{path}.{i}" if len(columns) > 1 else f"{path}[]"):
            yield below, [*whole[:i], value, *whole[i + 1 :]], passes


def _of_a_size(
    schema: Schema, path: str, bounds: tuple[str, str], make: Callable[[int], Any]
) -> Iterator[Edge]:
    """``make`` gives the value of a size; no size but that of a number is below zero."""
    least, most = bounds
    if least in schema:
        yield path, make(schema[least]), True
        if least == "minimum" or schema[least] > 0:
            yield path, make(schema[least] - 1), False
    yield path, make(schema[most]), True
    yield path, make(schema[most] + 1), False
