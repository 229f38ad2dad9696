"""The OpenAPI document: what FastAPI reads off the routes, said in sentences, with the roles of each."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

Schema = Mapping[str, Any]
"""The document, or a part of it."""
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

    _described: dict[str, Any] | None = None

    def openapi(self) -> dict[str, Any]:
        """The document; FastAPI makes it anew when routes were added since."""
        document = super().openapi()
        if document is not self._described:
            for operations in document["paths"].values():
                for operation in operations.values():
                    _describe(operation)
            self._described = document
        return document


def operation_of(document: Schema, operation_id: str) -> Schema:
    """What the document says of one route.  Raises ``LookupError`` for a page: pages are not in it."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if operation["operationId"] == operation_id:
                found: Schema = operation
                return found
    raise LookupError(operation_id)


def _describe(operation: dict[str, Any]) -> None:
    first, _, rest = operation["description"].partition("\n\n")
    operation["summary"] = " ".join(first.split()).removesuffix(".")
    parts = [" ".join(rest.split()), _for_whom(operation)]
    operation["description"] = " ".join(part for part in parts if part)


def _for_whom(operation: Schema) -> str:
    """The roles that a route's security requirement names, as a sentence."""
    if "security" not in operation:
        return "Needs no key."
    roles = [f"{role}s" for role in next(iter(operation["security"][0].values()))]
    if not roles:
        return "For every account."
    return f"For {', '.join(roles[:-1])}{' and ' * (len(roles) > 1)}{roles[-1]}."
