"""The OpenAPI document keeps its word: schemathesis asks whatever it allows and forbids, as each role.

A fixed seed and a fixed number of examples: a run asks the same questions each time.  The database is a
real one, the pages are mounted beside the API as they are served.
"""

import dataclasses
import json
import re
from collections import Counter
from dataclasses import dataclass, field

import api_kit
import pytest
from api_kit import AT_COUNTER, COUNTER, LOCKER, PARCELS
from consigne.server import api
from consigne.server.api import answers
from consigne.server.api.access import ANYBODY
from consigne.server.api.refusals import refusals
from consigne.server.errors import Conflict
from consigne.server.people.gate import Gate
from consigne.server.people.roles import Role
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from host_kit import DOORS

SETTINGS = """
seed = 1
workers = 1
continue-on-failure = true
[headers]
Authorization = "Bearer {key}"
[generation]
deterministic = true
no-shrink = true
max-examples = {examples}
[dictionaries]
lockers.values = ["{locker}"]
counters.values = ["{counter}"]
parcels.values = {parcels}
commands.values = ["{command}"]
alarms.values = [1]
grants.values = [2, 3]
[parameters]
"path.locker" = {{ dictionary = "lockers", probability = 0.8 }}
"path.counter" = {{ dictionary = "counters", probability = 0.8 }}
"path.parcel" = {{ dictionary = "parcels", probability = 0.8 }}
"path.command" = {{ dictionary = "commands", probability = 0.8 }}
"path.alarm" = {{ dictionary = "alarms", probability = 0.8 }}
"path.grant" = {{ dictionary = "grants", probability = 0.8 }}
[checks]
positive_data_acceptance.enabled = false  # too strict, see ``_refused_for_its_shape``
[phases]
coverage.enabled = {every_case}
stateful.enabled = {every_case}
[[operations]]
include-name = "GET /healthz"  # without a broker the host is not healthy, and says so
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "503"]
[[operations]]
include-name = "HEAD /healthz"
checks.not_a_server_error.expected-statuses = ["2xx", "4xx", "503"]
[[operations]]
include-name = "POST /counters/{{counter}}/hand-over"  # 404 for its code: a new counter holds no parcel
checks.ensure_resource_availability.enabled = false
"""
SHAPE = (" must be ", " is missing: ", " is not known here: ", "the body ")


@dataclass
class Run:
    """What schemathesis asked and found."""

    broken: list[str] = field(default_factory=list)
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def done(self) -> set[str]:
        """The routes that did at least once what they are for."""
        return {route for route, status in self.answered if status < 300}


def run(world: api_kit.World, role: Role | None, examples: int, *, every_case: bool = False) -> Run:
    """Ask every route as one role; ``every_case``: each boundary, gap and wrong method, and links."""
    # Here, as it takes two seconds, and every process of a test run imports this file.
    import schemathesis
    from schemathesis import engine
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import events

    settings = SETTINGS.format(
        key=world.keys[role] if role else "nobody's",
        examples=examples,
        every_case=str(every_case).lower(),
        locker=LOCKER,
        counter=COUNTER,
        parcels=json.dumps(PARCELS),
        command=world.command,
    )
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json",
        world.app,
        config=SchemathesisConfig.from_str(settings),
        headers=world.headers(Role.OPERATOR),
    )
    _make_right(schema, world.host.parcels.code(AT_COUNTER[0]))
    found = Run()
    for happened in engine.from_schema(schema).execute():
        if isinstance(happened, events.FatalError):
            raise happened.exception
        if isinstance(happened, events.NonFatalError):
            found.broken.append(f"{happened.label}: {happened.value!r}")
        if isinstance(happened, events.ScenarioFinished):
            _note(found, happened.recorder)
    return found


def _make_right(schema, code: str) -> None:
    """Turn texts and doors that can be right into ones that are: else all is refused at the first look."""
    known = {
        "parcel": PARCELS,
        "locker": [LOCKER],
        "timezone": ["Europe/Paris"],
        "shelf": ["2", ""],
        "card": ["26:1:2"],
    }
    of_route = {
        "POST /lockers": {"device_key": ["0123456789abcdef" * 4], "id": ["L3", "L4"]},
        "POST /parcels": {"id": ["E", "F", "G"]},
        "POST /counters/{counter}/hand-over": {"code": [code]},
        "POST /counters/{counter}/give-back": {"parcel": AT_COUNTER[1:]},
    }

    @schema.hook
    def map_body(context, body):
        if not isinstance(body, dict):
            return body
        for name, values in {**known, **of_route.get(context.operation.label, {})}.items():
            value = body.get(name)
            if isinstance(value, str) and re.fullmatch("[!-~]{1,20}|[0-9a-f]{64}", value):
                body[name] = values[len(value) % len(values)]
        if context.operation.label == "POST /lockers/{locker}/standing-codes" and not body.get("home"):
            body.setdefault("door", 0)  # a code to collect with names one of the two
        if type(body.get("door")) is int and 0 <= body["door"] < 65_535:
            body["door"] %= len(DOORS)
        return body

    # A schema allows 2.0 where it allows 2; in an address a number is written in digits.
    @schema.hook
    def map_query(context, query):
        return _in_digits(query)

    @schema.hook
    def map_path_parameters(context, path_parameters):
        return _in_digits(path_parameters)


def _in_digits(parameters):
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in (parameters or {}).items()
    }


def _note(found: Run, recorder) -> None:
    for id_, interaction in recorder.interactions.items():
        case, answer = recorder.cases[id_].value, interaction.response
        route, asked = case.operation.label, f"{interaction.request.method} {interaction.request.uri}"
        found.answered[route, answer.status_code] += 1
        told = f"{asked} {interaction.request.body!r:.300} -> {answer.status_code} {answer.content!r:.300}"
        for check in recorder.checks.get(id_, ()):
            if check.failure_info is not None:
                found.broken.append(f"{check.failure_info.failure.message}: {told}")
        if _refused_for_its_shape(case, answer):
            found.broken.append(f"the document allows what is refused: {told}")


def _refused_for_its_shape(case, answer) -> bool:
    """Whether what the document allows was refused for its shape, which the document tells.

    For what it means, such as a wrong check digit or a parcel too large for its locker, it may be.
    """
    from schemathesis.generation.modes import GenerationMode

    allowed = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    if not allowed or answer.status_code != 422:
        return False
    return any(words in answer.json()["detail"] for words in SHAPE)


@pytest.fixture
def world(tmp_path):
    made = api_kit.made(f"sqlite:///{tmp_path}/host.db")
    yield made
    made.host.database.close()


def test_an_operator_is_answered_as_the_document_says_whatever_is_asked(world):
    found = run(world, Role.OPERATOR, 10, every_case=True)
    assert found.broken == []
    routes = {route for route, _ in found.answered}
    assert routes - found.done == {"GET /healthz", "HEAD /healthz"}, (
        "an answer that was never given was never compared"
    )


@pytest.mark.parametrize("role", [Role.CARRIER, Role.MERCHANT, Role.PARTNER, Role.CLERK, None])
def test_every_other_role_is_answered_as_the_document_says(world, role):
    found = run(world, role, 4)
    assert found.broken == []
    statuses = {status for route, status in found.answered if not route.endswith(("/healthz", "/livez"))}
    assert statuses == {401} if role is None else {200, 403} <= statuses


def test_an_answer_that_the_document_does_not_promise_is_found(world):
    liars = APIRouter(prefix="/liars", dependencies=[ANYBODY])

    @liars.get("/status", responses=refusals(401))
    def lie_by_status() -> None:
        """Answer with a status that nobody has heard of."""
        raise Conflict("no document says so")

    @liars.get("/shape", response_model=None, responses={200: {"model": answers.Shelf}, **refusals(401)})
    def lie_by_shape() -> dict[str, int]:
        """Answer with a number in place of a text."""
        return {"shelf": 1}

    @liars.get("/fault", responses=refusals(401))
    def fail() -> None:
        """Answer with a fault."""
        raise ZeroDivisionError

    app = api.Api(title="Liars", generate_unique_id_function=lambda route: route.name)
    app.add_middleware(
        Gate, accounts=world.host.accounts, threads=world.host.page_threads, database=world.host.database
    )
    app.add_exception_handler(Conflict, lambda request, error: JSONResponse({"detail": str(error)}, 409))
    app.add_exception_handler(Exception, lambda request, error: JSONResponse({"detail": "a fault"}, 500))
    app.include_router(liars)
    found = "\n".join(run(dataclasses.replace(world, app=app), Role.OPERATOR, 2).broken)
    for route in ("/liars/status", "/liars/shape", "/liars/fault"):
        assert route in found
