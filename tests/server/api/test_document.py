"""The OpenAPI document says what a program and a person need to know, in words, and each limit once."""

import re
from typing import Any

import api_kit
import pytest
from consigne.server.people.roles import Role
from locker.core import events, limits


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """As it is served: asked for once the pages are there."""
    world = api_kit.made(f"sqlite:///{tmp_path_factory.mktemp('world')}/host.db")
    yield world.ask("GET", "/openapi.json").json()
    world.host.database.close()


def operations(document):
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def schemas(part: Any, way=""):
    """Every schema in a part of the document, with the way to it."""
    if isinstance(part, dict):
        if isinstance(part.get("type"), str):
            yield way, part
        for name, inner in part.items():
            yield from schemas(inner, f"{way}/{name}")
    elif isinstance(part, list):
        for number, inner in enumerate(part):
            yield from schemas(inner, f"{way}/{number}")


def test_each_route_has_a_name_a_sentence_its_roles_and_a_model_for_every_answer(document):
    found = operations(document)
    assert len(found) == 53
    assert len({operation["operationId"] for operation in found.values()}) == len(found)
    roles = {f"{role}s" for role in Role}
    for route, operation in found.items():
        assert re.match(r"[A-Z].*[^.]$", operation["summary"]), route
        assert operation["summary"].casefold() != operation["operationId"].replace("_", " "), route
        last = operation["description"].rpartition("For ")[2].rstrip(".")
        named = set(re.split(", | and ", last)) - {"every account"}
        assert named <= roles or operation["description"].endswith("Needs no key."), route
        assert set(operation.get("security", [{}])[0].get("API key", ())) == {
            one[:-1] for one in named & roles
        }
        for status, answer in operation["responses"].items():
            if status == "204":
                assert "content" not in answer
            elif status.startswith(("4", "5")) and not route.endswith(" /healthz"):
                shape = answer["content"]["application/json"]["schema"]
                assert shape == {"$ref": "#/components/schemas/Refusal"}, route
            else:
                (content,) = answer["content"].values()
                assert content["schema"], f"{route} answers anything"
    assert document["components"]["securitySchemes"]["API key"]["scheme"] == "bearer"


def test_every_number_and_text_that_is_taken_has_its_bounds(document):
    parts = [operation.get("parameters", []) for operation in operations(document).values()]
    bodies = document["components"]["schemas"]
    parts += [bodies[name] for name in bodies if name.endswith("Body") or f"{name}Order" in bodies]
    parts += [bodies[name] for name in bodies if name.endswith("Order") and name != "Order"]
    seen = 0
    for way, schema in schemas(parts):
        seen += 1
        if schema["type"] == "integer":
            assert "minimum" in schema and {"maximum", "exclusiveMaximum"} & set(schema), way
        elif schema["type"] == "string":
            assert "pattern" in schema, way
        elif schema["type"] == "array":
            assert "maxItems" in schema, way
        elif schema["type"] == "object":
            assert schema.get("additionalProperties") is False, way
    assert seen > 100


def test_each_number_of_a_role_an_action_and_a_size_is_called_what_the_locker_takes_it_for(document):
    told = {schema.get("description", "") for _, schema in schemas(document)}
    for words, least, most in (
        ("1 courier, 2 clerk, 3 technician, 4 resident, 5 merchant, 6 partner", 1, events.PARTNER),
        ("0 collect, 1 deposit, 2 return, 3 recall, 4 service, 5 hand over", 0, events.HANDOVER),
    ):
        assert words in told
        meant = [word.split(" ", 1) for word in words.split(", ")]
        assert [int(number) for number, _ in meant] == list(range(least, most + 1))
        for number, name in meant:
            assert getattr(events, name.replace(" ", "").upper()) == int(number)
    assert "1 S, 2 M, 3 L, 4 XL" in told and limits.SIZE_MAX == 4


def test_no_answer_is_any_object(document):
    for way, schema in schemas(document["components"]["schemas"]):
        if schema["type"] == "object":
            described = (
                "properties" in schema or schema.get("additionalProperties") or "patternProperties" in schema
            )
            assert described, way
