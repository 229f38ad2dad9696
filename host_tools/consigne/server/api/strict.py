"""What is refused before a value is looked at: names that are not known, given twice, or too many.

Requests are judged in the event loop, where every other request waits: the work for one that is wrong is
bounded by what is right, not by what was sent.
"""

import json
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy.exc import DBAPIError

from consigne.protocol.untrusted import clean

from ..errors import Invalid
from ..failures import Failure, failure_of
from ..storage.database import MET_TRIES

UNKNOWN_MAX = 3
"""How many unknown names of one object an answer lists."""
MANY_UNKNOWN, TOO_MANY = "many_unknown", "too_many"  # types of errors
SHOWN_MAX = 40
"""Characters of what was sent that a sentence repeats."""


class Strict(BaseModel):
    """An object without names beside those of its fields."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _few_unknown(cls, value: object) -> object:
        """Refuse many unknown names at once: pydantic makes an error of each, which takes seconds."""
        if not isinstance(value, dict):
            return value
        unknown = [name for name in value if name not in cls.model_fields]
        if len(unknown) > UNKNOWN_MAX:
            raise PydanticCustomError(MANY_UNKNOWN, "names that are not known", {"names": unknown})
        # A name with half of a surrogate pair would be told as a body that is no object.
        return {clean(name): part for name, part in value.items()} if unknown else value


def at_most(most: int) -> Callable[[object], object]:
    """A check of an object's size, before that of its entries."""

    def check(value: object) -> object:
        if isinstance(value, dict) and len(value) > most:
            raise PydanticCustomError(TOO_MANY, "too many entries")
        return value

    return check


def digits_only(value: object) -> object:
    """Refuse what ``int`` takes beside digits, such as ``1_0``, ``1.0`` and blanks around."""
    if isinstance(value, str) and not (value.isascii() and value.isdecimal()):
        raise PydanticCustomError("digits", "not of digits")
    return value


def shown(name: str) -> str:
    """A name as a sentence may show it: in quotes where it would not be seen, or not be seen whole."""
    name = clean(name)[:SHOWN_MAX]
    return name if name.isprintable() and name and " " not in name else json.dumps(name)


class Router(APIRouter):
    """Routes that take each name once, and are tried again where another transaction ended theirs."""

    def __init__(self, **told: Any) -> None:  # as FastAPI's own has them
        super().__init__(route_class=_Route, **told)


class _Route(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        takes_query = bool(self.dependant.query_params)

        async def answer(request: Request) -> Response:
            if takes_query:
                _check_once(name for name, _ in request.query_params.multi_items())
            asked = _Asked(request.scope, request.receive)
            for _ in range(MET_TRIES - 1):
                try:
                    return await handle(asked)
                except DBAPIError as error:  # a route writes in one transaction, and nothing of that is left
                    if failure_of(error) is not Failure.MET:
                        raise
            return await handle(asked)

        return answer


class _Asked(Request):
    """A request whose body is refused when an object in it has a name twice."""

    async def json(self) -> object:
        """The body; raises ``Invalid`` besides what ``json.loads`` does."""
        return json.loads(await self.body(), object_pairs_hook=_object)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        _check_once(name for name, _ in pairs)
    return made


def _check_once(names: Iterable[str]) -> None:
    """Two values for one name: the sender and this host may each believe another one."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Invalid(f"{shown(name)} is given twice: give it once")
        seen.add(name)
