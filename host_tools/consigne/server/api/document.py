"""The OpenAPI document: what FastAPI reads off the routes, said in sentences, with the roles of each."""

from typing import Any, TypedDict, cast

from fastapi import FastAPI

from .answers import Refusal

Schema = TypedDict(
    "Schema",
    {
        "$ref": str,
        "type": str,
        "anyOf": "list[Schema]",
        "properties": "dict[str, Schema]",
        "patternProperties": "dict[str, Schema]",
        "minProperties": int,
        "maxProperties": int,
        "items": "Schema",
        "maxItems": int,
        "minimum": float,
        "maximum": float,
        "exclusiveMaximum": float,
        "pattern": str,
        "minLength": int,
        "maxLength": int,
    },
    total=False,
)
"""What a value must be: the part of JSON Schema that this host's document uses."""
Parameter = TypedDict("Parameter", {"name": str, "in": str, "schema": Schema})


class Media(TypedDict):
    """A body of one media type."""

    schema: Schema


class RequestBody(TypedDict):
    """A body, by media type."""

    content: dict[str, Media]


class Operation(TypedDict, total=False):
    """A route; ``security`` has for each way to prove who asks the roles that may."""

    operationId: str
    summary: str
    description: str
    parameters: list[Parameter]
    requestBody: RequestBody
    security: list[dict[str, list[str]]]


class Components(TypedDict):
    """What is referred to."""

    schemas: dict[str, Schema]


class Document(TypedDict):
    """What is read of the document; it has more."""

    paths: dict[str, dict[str, Operation]]
    components: Components


TAGS = [
    {"name": "lockers", "description": "Lockers and counters: registered, seen, and what they told."},
    {"name": "orders", "description": "What operators order a locker to do, and what became of it."},
    {"name": "codes", "description": "Codes and tokens that open a locker without a parcel of one's own."},
    {"name": "parcels", "description": "Announced, followed, given more days, taken back."},
    {"name": "counters", "description": "Attended counters and what their clerks do."},
    {"name": "fleet", "description": "What needs attention."},
    {"name": "host", "description": "The host itself: health, numbers, and who did what."},
]


class Api(FastAPI):
    """An application whose document takes each summary from the first sentence of a route's docstring."""

    _described: Document | None = None

    def openapi(self) -> dict[str, Any]:  # FastAPI's own signature
        """The document; FastAPI makes it anew when routes were added since."""
        made = super().openapi()
        document = cast(Document, made)
        if document is not self._described:
            schemas = document["components"]["schemas"]
            schemas[Refusal.__name__] = cast(Schema, Refusal.model_json_schema())
            document["components"]["schemas"] = dict(sorted(schemas.items()))
            for operations in document["paths"].values():
                for operation in operations.values():
                    _describe(operation)
            self._described = document
        return made


def operation_of(document: Document, operation_id: str) -> Operation:
    """What the document says of one route.  Raises ``LookupError`` for a page: pages are not in it."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if operation["operationId"] == operation_id:
                return operation
    raise LookupError(operation_id)


def _describe(operation: Operation) -> None:
    first, _, rest = operation["description"].partition("\n\n")
    operation["summary"] = " ".join(first.split()).removesuffix(".")
    parts = [" ".join(rest.split()), _for_whom(operation)]
    operation["description"] = " ".join(part for part in parts if part)


def _for_whom(operation: Operation) -> str:
    """The roles that a route's security requirement names, as a sentence."""
    if "security" not in operation:
        return "Needs no key."
    roles = [f"{role}s" for role in next(iter(operation["security"][0].values()))]
    if not roles:
        return "For every account."
    return f"For {', '.join(roles[:-1])}{' and ' * (len(roles) > 1)}{roles[-1]}."
