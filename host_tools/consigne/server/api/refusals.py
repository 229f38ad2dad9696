"""What the API answers when it does not do what was asked: one shape, and one clear sentence for each field.

A sentence says which field, what is wanted there, in the words of the OpenAPI document, and what was sent in
its place.  A text that was sent is never repeated: it may be a key, a code or somebody's address.
"""

import json
from collections.abc import Sequence
from itertools import islice
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.openapi.constants import REF_PREFIX
from locker.core.codes import KEY_BYTES
from locker.core.limits import LOCKER_CHARS_MAX
from pydantic_core import ErrorDetails

from consigne.protocol import topics
from consigne.protocol.untrusted import LINE_PATTERN, TEXT_PATTERN

from ..errors import listed
from ..parcels.view import LABEL_PATTERN
from ..storage.models import NUMBER_MAX
from .answers import Refusal
from .bodies import DEVICE_KEY_PATTERN, LOCKER_OR_NONE_PATTERN, MAX_BYTES
from .document import Document, Operation, Schema, operation_of
from .strict import MANY_UNKNOWN, SHOWN_MAX, UNKNOWN_MAX, shown

NOT_JSON = "the body is not JSON: send one JSON object in UTF-8"
PROBLEMS_MAX = 10
_Way = tuple[str | int, ...]  # to a field, as pydantic tells it
_SHAPES = {
    TEXT_PATTERN: "without NUL",
    LINE_PATTERN: "without control characters",
    LABEL_PATTERN: "of printable ASCII",
    topics.LOCKER_PATTERN: f"of 1 to {LOCKER_CHARS_MAX} letters, digits, - or _",
    LOCKER_OR_NONE_PATTERN: f"of at most {LOCKER_CHARS_MAX} letters, digits, - or _",
    DEVICE_KEY_PATTERN: f"of {2 * KEY_BYTES} hexadecimal digits",
}
_MEANINGS = {
    401: "No API key was sent, or one that this host does not know.",
    403: "Not for the role of this account; or a session of the pages asked for more than to read.",
    404: "There is no such thing, or it is not this account's.",
    409: "Right in itself, but not in the present state of things.",
    413: f"The body is longer than {MAX_BYTES} bytes.",
    422: "A field is missing, unknown or wrong.",
    429: "Too many wrong tries: wait.",
    503: "The database does not answer: try again.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:  # as FastAPI's signature has it
    """The refusals that a route may answer, for ``responses=`` of a route or router.

    As references: given the model, FastAPI builds it anew for each of some 300 answers, which took most of
    the time in which the application is made.
    """
    content = {"application/json": {"schema": {"$ref": REF_PREFIX + Refusal.__name__}}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in statuses}


def in_words(error: RequestValidationError, document: Document, operation_id: str) -> str:
    """One sentence for each field that is wrong, divided by semicolons."""
    operation = operation_of(document, operation_id)
    wrong: list[ErrorDetails] = []
    unknown: dict[_Way, list[_Way]] = {}  # by the object where they stand
    for one in error.errors():
        loc = one["loc"]
        if one["type"] == MANY_UNKNOWN:
            unknown[loc] = [(*loc[1:], name) for name in one["ctx"]["names"]]
        elif one["type"] == "extra_forbidden":
            unknown.setdefault(loc[:-1], []).append(loc[1:])
        elif _is_of_key(loc, document, operation):
            unknown.setdefault(loc[:-2], []).append(loc[1:-1])
        else:
            wrong.append(one)
    found = [_sentence(one, document, operation) for one in wrong[:PROBLEMS_MAX]]
    for (place, *within), ways in islice(unknown.items(), PROBLEMS_MAX - len(found)):
        found.append(_unknown(ways, _known(_schema_at(str(place), within, document, operation))))
    left = len(wrong) + len(unknown) - len(found)
    return "; ".join([*found, f"and {left} more"] if left else found)


def _sentence(error: ErrorDetails, document: Document, operation: Operation) -> str:
    place, *way = error["loc"]
    if place == "body" and (not way or error["type"] == "json_invalid"):
        return _of_body(error)
    name = _name(way)
    wanted = _wanted(_schema_at(str(place), way, document, operation))
    if error["type"] == "missing":
        return f"{name} is missing: add it, it must be {wanted}"
    return f"{name} must be {wanted}, not {_sent(error['input'], is_secret=place == 'body')}"


def _is_of_key(loc: _Way, document: Document, operation: Operation) -> bool:
    """Whether it is about a name in an object of texts: pydantic's mark, which may also be a field's name."""
    if loc[-1] != "[key]" or len(loc) < 3:
        return False
    place, *within = loc[:-2]
    return "patternProperties" in _schema_at(str(place), within, document, operation)


def _unknown(ways: Sequence[_Way], known: str) -> str:
    """One sentence for all names of one object that are not known."""
    names = [_name(way) for way in ways[:UNKNOWN_MAX]]
    if len(ways) == 1:
        return f"{names[0]} is not known here: leave it out, or choose from {known}"
    more = [f"{len(ways) - UNKNOWN_MAX} more"] if len(ways) > UNKNOWN_MAX else []
    told = listed([*names, *more])
    return f"{told} are not known here: leave them out, or choose from {known}"


def _of_body(error: ErrorDetails) -> str:
    if error["type"] == "json_invalid":
        return f"{NOT_JSON}; it is wrong at character {error['loc'][1]}"
    return "the body must be a JSON object, sent with the header Content-Type: application/json"


def _name(way: Sequence[str | int]) -> str:
    """``doors[2].size``: the third door's size, counted from 0."""
    name = ""
    for part in way:
        name += f"[{part}]" if isinstance(part, int) else f".{shown(part)}"
    return name.removeprefix(".")


def _schema_at(place: str, way: Sequence[str | int], document: Document, operation: Operation) -> Schema:
    """The part of the document that describes one field."""
    if place != "body":
        described = {one["name"]: one["schema"] for one in operation["parameters"] if one["in"] == place}
        return {"properties": described} if not way else _resolved(described[str(way[0])], document)
    schema = _resolved(operation["requestBody"]["content"]["application/json"]["schema"], document)
    for part in way:
        if isinstance(part, int):
            schema = schema["items"]
        else:
            schema = schema["properties"][part] if "properties" in schema else _of_pattern(schema)
        schema = _resolved(schema, document)
    return schema


def _of_pattern(schema: Schema) -> Schema:
    """What stands under each name of an object whose names follow one pattern."""
    return next(iter(schema["patternProperties"].values()))


def _resolved(schema: Schema, document: Document) -> Schema:
    """Without references and without null beside one other type."""
    for other in schema.get("anyOf", ()):
        if other.get("type") != "null":
            schema = {**schema, **other}
    if "$ref" in schema:
        return document["components"]["schemas"][schema["$ref"].removeprefix(REF_PREFIX)]
    return schema


def _known(schema: Schema) -> str:
    """What may stand in an object."""
    if "properties" in schema:
        return ", ".join(schema["properties"])
    return ", ".join(word for pattern in schema["patternProperties"] for word in _choices(pattern))


def _choices(pattern: str) -> list[str]:
    """The words of a pattern made by ``bodies.any_of``, none for any other pattern."""
    words = pattern.removeprefix("^(").removesuffix(")$").split("|")
    is_choice = pattern.startswith("^(") and all(
        word.replace("_", "a").isalnum() or not word for word in words
    )
    return [word for word in words if word] if is_choice else []


def _wanted(schema: Schema) -> str:
    """What a field must be, such as ``a whole number from 1 to 4``."""
    kind = schema["type"]
    if kind == "integer":
        last = schema["maximum"] if "maximum" in schema else schema["exclusiveMaximum"] - 1
        return f"a whole number from {int(schema['minimum'])} to {int(last)}"
    if kind == "string":
        return _wanted_text(schema)
    if kind == "array":
        return f"a list of at most {schema['maxItems']}"
    if "maxProperties" in schema:
        return f"an object of {schema.get('minProperties', 0)} to {schema['maxProperties']} texts"
    return "true or false" if kind == "boolean" else "an object"


def _wanted_text(schema: Schema) -> str:
    pattern, least, most = schema["pattern"], schema.get("minLength", 0), schema.get("maxLength")
    if choices := _choices(pattern):
        return f"one of {', '.join(choices)}"
    length = "" if most is None else f" of {least} to {most} characters"
    return f"a text{length} {_SHAPES[pattern]}"


def _sent(value: object, is_secret: bool) -> str:
    """What came instead, without repeating a text of a body."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) <= NUMBER_MAX:
        return str(value)
    if isinstance(value, str) and not is_secret and len(value) <= SHOWN_MAX:
        return repr(value)
    kinds = {int: "so large a number", float: "a number with a fraction"}
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, str | list):
        length = len(value)
        characters = "character" if length == 1 else "characters"
        return f"a text of {length} {characters}" if isinstance(value, str) else f"a list of {length}"
    return kinds[type(value)]
