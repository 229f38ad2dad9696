"""Whatever is sent in a field's place, one sentence says which field, what it must be and what came."""

import asyncio
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import unquote_plus

import api_kit
import pytest
from api_kit import COUNTER, LOCKER
from consigne.server.api import bodies, queries
from consigne.server.api.refusals import in_words
from consigne.server.people.roles import Role
from consigne.server.threads import Busy
from fastapi.exceptions import RequestValidationError
from host_kit import device_key
from locker.core import limits
from pydantic import ValidationError

SENTENCE = re.compile(
    r"[^ ;]+ "
    r"(must be [^;]+, not [^;]+|is missing: add it, it must be [^;]+|is not known here: leave it out, [^;]+)"
)
VALUES = [
    None, True, False, 0, -1, 5.0, 1.5, 2**31, 2**63, -(2**200), 1e300,
    "", "zzzz", "5", "\x00", "\n", "é" * 300,
    "\u202e", "\ud800", [], [None], ["zz"], [[[]]], {}, {"a": 1}, {"en": 7}, {"\x00": ""}, {"\ud800": ""},
]  # fmt: skip
JSON = {"content-type": "application/json"}
PATHS = {
    "locker": LOCKER,
    "counter": COUNTER,
    "parcel": "A%2F1",
    "alarm": 1,
    "grant": 1,
}
NOT_JSON = [
    b"{",
    b"\xff{}",
    b'{"door": 1',
    b"[" * 60_000,
    b'{"door": ' + b"9" * 5_000 + b"}",
    b"NaN",
    b"\x00",
]


@pytest.fixture(scope="module")
def world(databases):
    """On SQLite and on PostgreSQL: what one stores without a word the other refuses."""
    with databases.url() as url:
        made = api_kit.made(url)
        yield made
        made.host.database.close()


def operations(document):
    """``(method, path, operation)`` of every route, its path filled in with what is there."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.format(**PATHS, command="c0ffee"), operation


def fields(document, schema, way=()):
    """Every field of a body as ``(way, schema)``, those of objects within it as well."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for part in schema.get("anyOf", ()):
        yield from fields(document, part, way)
    for name, inner in schema.get("properties", {}).items():
        yield (*way, name), inner
        yield from fields(document, inner, (*way, name))
    if "items" in schema:
        yield from fields(document, schema["items"], (*way, 0))


def body_at(way, value):
    """The smallest body that has a value at one place, such as ``{"doors": [{"size": value}]}``."""
    for part in reversed(way):
        value = [value] if part == 0 else {part: value}
    return value


def said(answer, path):
    """The sentence of a refusal, None for what was not refused for its shape."""
    assert answer.status_code < 500, f"{path}: {answer.text}"
    return answer.json()["detail"] if answer.status_code == 422 else None


def name_of(way):
    return "".join("[0]" if part == 0 else f".{part}" for part in way).removeprefix(".")


def send(method, path, body):
    """A request with a body that a JSON library writes, halves of surrogate pairs and all."""
    return (
        method,
        path,
        {"content": json.dumps(body).encode(), "headers": {"content-type": "application/json"}},
    )


def test_every_type_in_every_field_of_every_body_is_taken_or_refused_in_one_sentence(world):
    document, asked, ways = world.app.openapi(), [], []
    for method, path, operation in operations(document):
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            for way, _ in fields(document, schema):
                for value in VALUES:
                    asked.append(send(method, path, body_at(way, value)))
                    ways.append((way, value))
    assert len(asked) > 1_500
    named = 0
    for (_, path, _), (way, value), answer in zip(asked, ways, world.ask_all(asked), strict=True):
        told = said(answer, path)
        if told is None or not SENTENCE.match(told):
            continue  # taken, or refused for what it means
        sentences = told.split("; ")
        assert all(SENTENCE.fullmatch(one) or one.startswith("and ") for one in sentences), told
        about = [one for one in sentences if one.startswith(name_of(way)) and "must be" in one]
        named += bool(about)
        if isinstance(value, str) and len(value) > 3:
            assert value not in told, f"{path} repeats what was sent"
    assert named > len(asked) / 2


def test_a_field_more_is_named_and_so_is_one_that_is_missing(world):
    document = world.app.openapi()
    for method, path, operation in operations(document):
        if "requestBody" not in operation:
            continue
        told = world.ask(
            *send(method, path, {"nonsense": 1})[:2], **send(method, path, {"nonsense": 1})[2]
        ).json()
        name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        schema = document["components"]["schemas"][name]
        known = ", ".join(schema["properties"])
        assert f"nonsense is not known here: leave it out, or choose from {known}" in told["detail"]
        for required in schema.get("required", ()):
            assert f"{required} is missing: add it, it must be " in told["detail"]


def test_names_without_end_are_told_in_one_short_sentence(world):
    body = {f"x{number}": 1 for number in range(100)} | {"door": 1}
    told = world.ask("POST", f"/lockers/{LOCKER}/open", json=body).json()["detail"]
    assert told == "x0, x1, x2 and 97 more are not known here: leave them out, or choose from door"
    told = world.ask("POST", f"/lockers/{LOCKER}/open", json={"door": 1, "a": 1, "b": 2}).json()["detail"]
    assert told == "a and b are not known here: leave them out, or choose from door"


def test_only_as_many_sentences_are_written_as_are_shown(world):
    looked_at = []

    class Error(dict):
        def __getitem__(self, name):
            looked_at.append(name)
            return super().__getitem__(name)

    errors = [Error(type="int_type", loc=("body", "door"), input="x") for _ in range(1_000)]
    told = in_words(RequestValidationError(errors), world.app.openapi(), "open_door")
    assert told.endswith("; and 990 more") and told.count("door must be") == looked_at.count("input") == 10


@pytest.mark.parametrize(("order", "name", "least"), [("message", "texts", 0), ("configure", "set", 1)])
def test_an_object_with_too_many_texts_is_refused_before_its_texts_are(world, order, name, least):
    body = {name: {str(number): 1 for number in range(100)}}
    told = world.ask("POST", f"/lockers/{LOCKER}/{order}", json=body).json()["detail"]
    assert told == f"{name} must be an object of {least} to 3 texts, not an object of 100"


def test_many_unknown_names_are_one_error_whatever_else_is_wrong():
    """Not one for each: the event loop stands still while they are made."""
    for model in (bodies.LockerBody, queries.FleetQuery):
        with pytest.raises(ValidationError) as refused:
            model.model_validate({f"x{number}": 1 for number in range(100)})
        assert refused.value.error_count() == 1


def test_a_locker_with_as_many_doors_and_as_long_names_as_there_can_be_is_registered(world):
    wide = "\U0001f600"  # twelve bytes in JSON
    doors = [{"name": wide * limits.DOOR_NAME_CHARS_MAX, "size": 1, "low": False}] * limits.DOORS_MAX
    place = {"title": wide * 80, "address": wide * 200, "hours": wide * 200}
    body = {"id": "L8", "device_key": device_key("L8").hex(), "doors": doors, "place": place}
    asked = {"content": json.dumps(body, indent=4), "headers": JSON}
    assert world.ask("POST", "/lockers", **asked).status_code == 201


def test_a_field_may_be_called_as_pydantic_marks_a_key(world):
    known = "is not known here: leave it out, or choose from"
    for role, path in ((Role.CARRIER, "/parcels"), (Role.CLERK, f"/counters/{COUNTER}/take-in")):
        answer = world.ask("POST", path, role, json={"[key]": 1})
        assert answer.status_code == 422 and f"; [key] {known} " in answer.json()["detail"]
    told = world.ask("GET", "/lockers?[key]=1").json()["detail"]
    assert told == f"[key] {known} after, limit"
    told = world.ask("POST", f"/lockers/{LOCKER}/message", json={"texts": {"[key]": 1}}).json()["detail"]
    assert told == (
        "texts.[key] must be a text of 0 to 100 characters without NUL, not 1; "
        f"texts.[key] {known} en, fr, de"
    )


@pytest.mark.parametrize(
    ("name", "shown"), [("\ud800", "?"), ("", '""'), (" ", '" "'), ("\x1b", r'"\u001b"')]
)
def test_a_name_that_cannot_be_seen_is_told_as_one_that_is_not_known(world, name, shown):
    body = {"door": 1, name: 1}
    answer = world.ask("POST", f"/lockers/{LOCKER}/block", content=json.dumps(body), headers=JSON)
    assert answer.json()["detail"] == f"{shown} is not known here: leave it out, or choose from door"


def test_an_empty_name_behind_the_question_mark_is_told_so(world):
    told = world.ask("GET", "/lockers?=1").json()["detail"]
    assert told == '"" is not known here: leave it out, or choose from after, limit'


def test_a_name_given_twice_is_refused_by_every_route_that_takes_names(world):
    asked = []
    for method, path, operation in operations(world.app.openapi()):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                name = parameter["name"]
                asked.append((name, (method, f"{path}?{name}=1&{name}=x", {})))
        if "requestBody" in operation:
            asked.append(("door", (method, path, {"content": b'{"door": 1, "door": 2}', "headers": JSON})))
    assert len(asked) > 40
    for (name, _), answer in zip(asked, world.ask_all([one for _, one in asked]), strict=True):
        assert (answer.status_code, answer.json()) == (
            422,
            {"detail": f"{name} is given twice: give it once"},
        )
    inner = b'{"id": "L1", "place": {"title": "a", "hours": "", "title": "b"}}'
    answer = world.ask("POST", "/lockers", content=inner, headers=JSON)
    assert answer.json()["detail"] == "title is given twice: give it once"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/alarms?limit={}", "limit must be a whole number from 1 to 500"),
        (f"/lockers/{LOCKER}/courier-code?holder={{}}", "holder must be a whole number from 0 to 32767"),
        (f"/lockers/{LOCKER}/courier-code?role={{}}", "role must be a whole number from 1 to 6"),
    ],
)
def test_a_number_behind_the_question_mark_is_written_in_digits(world, path, wanted):
    for text in ("1_0", "1.0", "%201%20", "%D9%A1", "+1", "-0", "1e0"):
        told = world.ask("GET", path.format(text)).json()["detail"]
        assert told == f"{wanted}, not {unquote_plus(text)!r}"
    assert world.ask("GET", path.format("1")).status_code == 200


def test_a_number_in_a_path_is_written_in_digits(world):
    for method, path, name in (
        ("POST", "/alarms/{}/clear", "alarm"),
        ("DELETE", f"/lockers/{LOCKER}/standing-codes/{{}}", "grant"),
    ):
        for text in ("1_0", "1.0", "%201%20", "+1"):
            more = {"json": {}} if method == "POST" else {}
            told = world.ask(method, path.format(text), **more).json()["detail"]
            assert told.startswith(f"{name} must be a whole number from 1 to "), told


def test_true_and_false_are_written_so(world):
    for text in ("on", "yes", "t", "True", "2", "", "%20true"):
        told = world.ask("GET", f"/parcels?open_only={text}").json()["detail"]
        assert told == f"open_only must be true or false, not {unquote_plus(text)!r}"
    for text in ("true", "false", "1", "0"):
        assert world.ask("GET", f"/parcels?open_only={text}").status_code == 200


def test_a_length_that_is_told_with_zeros_before_it_is_read_as_a_number(world):
    for length, status in (("0000000000000010", 202), ("0000000000064001", 413)):
        headers = {**JSON, "content-length": length}
        answer = world.ask("POST", f"/lockers/{LOCKER}/block", content=b'{"door":1}', headers=headers)
        assert answer.status_code == status


def test_what_a_name_and_a_key_look_like_is_said_in_words(world):
    told = world.ask("POST", "/lockers", json={"id": "a b", "device_key": "x"}).json()["detail"]
    assert told == (
        "id must be a text of 1 to 32 letters, digits, - or _, not a text of 3 characters; "
        "device_key must be a text of 64 hexadecimal digits, not a text of 1 character"
    )


def test_every_text_behind_the_question_mark_is_taken_or_refused_in_one_sentence(world):
    texts = ["", "x", "-1", "1.5", "9" * 30, "9" * 5_000, "true", "\x00", "é", "null", "[]"]
    asked, names = [], []
    for method, path, operation in operations(world.app.openapi()):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                for text in texts:
                    asked.append((method, path, {"params": {parameter["name"]: text}}))
                    names.append(parameter["name"])
    assert len(asked) > 200
    for (_, path, _), name, answer in zip(asked, names, world.ask_all(asked), strict=True):
        told = said(answer, path)
        assert told is None or SENTENCE.match(told) or name in told or "label" in told or "parcel" in told, (
            told
        )
    misspelt = world.ask("GET", "/parcels", params={"overdu": "true"})
    assert misspelt.status_code == 422
    assert misspelt.json()["detail"].startswith(
        "overdu is not known here: leave it out, or choose from locker,"
    )


@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_a_body_that_is_no_json_is_called_so(world, body):
    answer = world.ask("POST", f"/lockers/{LOCKER}/open", content=body, headers=JSON)
    assert answer.status_code == 422
    assert "JSON" in answer.json()["detail"] or "door must be" in answer.json()["detail"]


@pytest.mark.parametrize(
    "type_", ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded", ""]
)
def test_a_body_of_another_type_is_asked_for_as_json(world, type_):
    headers = {"content-type": type_}
    answer = world.ask("POST", f"/lockers/{LOCKER}/open", content=b'{"door": 1}', headers=headers)
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "the body must be a JSON object, sent with the header Content-Type: application/json",
    )


@pytest.mark.parametrize("told", [True, False], ids=["told", "chunked"])
def test_a_body_without_end_is_not_read_to_its_end(world, told):
    async def pieces():
        for _ in range(66):
            yield b" " * 1_000

    content = b" " * 64_001 if told else pieces()
    answer = world.ask("POST", "/lockers", content=content, headers=JSON)
    assert answer.status_code == 413 and "at most 64000 bytes" in answer.json()["detail"]


def test_a_body_that_is_told_too_long_is_refused_in_json_whatever_is_asked(world):
    for method in ("GET", "DELETE"):
        answer = world.ask(method, "/lockers", headers={"content-length": "64001"})
        assert answer.status_code == 413 and "at most 64000 bytes" in answer.json()["detail"]
    answer = world.ask("POST", "/_nicegui_ws/socket.io/", headers={"content-length": "1000001"})
    assert answer.status_code == 413 and "at most 1000000 bytes" in answer.json()["detail"]


class SetForward(asyncio.SelectorEventLoop):
    """An event loop whose clock a test sets forward."""

    ahead_s = 0.0

    def time(self):
        return super().time() + self.ahead_s


@pytest.mark.parametrize("path", [f"/lockers/{LOCKER}/reserve", "/login"])
def test_a_body_that_never_arrives_is_waited_for_no_longer_than_said(world, path):
    waited = []

    async def stalled():
        yield b"{"
        loop = asyncio.get_running_loop()
        for loop.ahead_s in (12, 21):
            for _ in range(5):
                await asyncio.sleep(0)  # a request whose time is up is ended here
            waited.append(loop.ahead_s)
        await asyncio.Event().wait()

    type_ = "application/x-www-form-urlencoded" if path == "/login" else "application/json"
    asked = ("POST", path, {"content": stalled(), "headers": {"content-type": type_}})
    answer = world.ask_all([asked], loop_factory=SetForward)[0]
    assert (answer.status_code, answer.json()) == (
        408,
        {"detail": "the body did not arrive within 20 s: send it again, in one go"},
    )
    assert waited == [12]


def test_a_wrong_method_is_told_the_right_ones(world):
    answer = world.ask("PUT", "/lockers")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert world.ask("PATCH", "/parcels/A%2F1/code").headers["allow"] == "GET"
    assert world.ask("DELETE", f"/lockers/{LOCKER}/standing-codes/2").status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/login", "GET, POST"),
        ("HEAD", "/login", "GET, POST"),
        ("GET", "/logout", "POST"),
        ("OPTIONS", "/", "GET"),
    ],
)
def test_a_wrong_method_of_a_page_is_told_the_right_ones_too(world, method, path, allow):
    answer = world.ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    told = {"detail": f"{method} is not for this path: ask it with {allow}"}
    assert method == "HEAD" or answer.json() == told


@pytest.mark.parametrize("wanted", ["bytes=abc", "bytes=9999999-", "bytes=0-1", "x"])
def test_a_file_of_the_document_is_sent_whole_whatever_part_is_asked_for(world, wanted):
    for path in ("/docs", "/docs/viewer.js"):
        answer = world.ask("GET", path, headers={"range": wanted})
        assert (answer.status_code, answer.headers["accept-ranges"]) == (200, "none")
        assert answer.content == world.ask("GET", path).content


def test_a_database_that_does_not_answer_is_no_fault_of_the_caller(tmp_path, caplog):
    path = tmp_path / "host.db"
    world = api_kit.made(f"sqlite:///{path}")
    world.host.database.engine.dispose()
    for part in tmp_path.iterdir():
        part.unlink()
    path.mkdir()
    for answer in world.ask_all([("GET", "/lockers", {})] * 5):
        assert (
            answer.status_code == 503
            and "the file of the database cannot be opened" in answer.json()["detail"]
        )
    browser = {"cookie": "consigne_session=any", "accept": "text/html"}
    page = world.ask("GET", "/desk", role=None, headers=browser)
    assert page.status_code == 503 and page.headers["content-type"].startswith("text/html")
    assert "The file of the database cannot be opened: who runs the host must mend that" in page.text
    told = [record for record in caplog.records if record.name.startswith("consigne")]
    assert len(told) == 1 and told[0].exc_info is None, "one sentence, whoever asked, however often"
    assert "\n" not in told[0].getMessage() and "SELECT" not in told[0].getMessage()
    assert world.ask("GET", "/healthz", role=None).json()["database"] is False


@contextmanager
def nobody_more_can_wait(threads):
    """Calls that do not end until the block does, as many as ``threads`` takes."""
    full, end = threading.Event(), threading.Event()

    async def ask():
        asked = []
        while len(asked) < 1000 and not (asked and asked[-1].done()):  # the one too many is refused at once
            asked.append(asyncio.create_task(threads.run(end.wait)))
            await asyncio.sleep(0)
        if not asked[-1].done():
            end.set()  # nobody is ever refused: the test ends, and fails
        full.set()
        ends = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in ends if one is not True] == [Busy]

    with ThreadPoolExecutor(1) as other:
        asking = other.submit(asyncio.run, ask())
        full.wait()
        try:
            yield
        finally:
            end.set()
        asking.result()


def test_who_comes_while_too_many_wait_for_the_database_is_told_to_come_again(tmp_path):
    """Also at the gate, which looks a session up before anything else answers."""
    world = api_kit.made(f"sqlite:///{tmp_path / 'host.db'}")
    with nobody_more_can_wait(world.host.page_threads):
        answer = world.ask("GET", "/desk", role=None, headers={"cookie": "consigne_session=any"})
    assert answer.status_code == 503
    assert answer.json()["detail"] == "too many wait for the database: try again in a moment"
    world.host.database.close()


def test_a_database_that_may_only_be_read_is_told_to_be(postgres):
    """A standby, before it has become the first."""
    name = postgres.new_database()
    world = api_kit.made(postgres.url(name))
    with world.host.database.write() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    world.host.database.engine.dispose()
    answer = world.ask("POST", "/lockers", json={"id": "L9", "device_key": device_key("L9").hex()})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "the database is read-only" in answer.json()["detail"]
    world.host.database.close()


def test_whole_numbers_written_with_a_point_are_taken_and_text_is_not(world):
    body = {"id": "L9", "device_key": device_key("L9").hex(), "digits": 8.0}
    assert world.ask("POST", "/lockers", json=body).status_code == 201
    told = world.ask("POST", "/lockers", json={**body, "digits": "8"}).json()["detail"]
    assert told == "digits must be a whole number from 6 to 10, not a text of 1 character"
